// Online-softmax attention over one KV head for one storage type of the cache; included like
// matmul.h. The cache is streamed once: each block of positions serves every query row.

// output[row] += Σ_p weights[row][p] · values[p], for `rows` ≤ 4 (a constant) rows.
INLINE void TYPED(weigh)(
  const ELEMENT *values, size_t e, size_t count, const float *weights, float *output,
  const int rows) {
  size_t l = 0;
  for (; l + 2 * LANES <= e; l += 2 * LANES) {
    vf sums[4][2];
#pragma unroll
    for (int r = 0; r < rows; r++) {
      sums[r][0] = load_f32(output + r * e + l);
      sums[r][1] = load_f32(output + r * e + l + LANES);
    }
    for (size_t p = 0; p < count; p++) {
      const vf low = LOAD(values + p * e + l), high = LOAD(values + p * e + l + LANES);
#pragma unroll
      for (int r = 0; r < rows; r++) {
        const vf weight = (vf)weights[r * DYNO_ATTENTION_POSITIONS + p];
        sums[r][0] = fma_vf(weight, low, sums[r][0]);
        sums[r][1] = fma_vf(weight, high, sums[r][1]);
      }
    }
#pragma unroll
    for (int r = 0; r < rows; r++) {
      store_f32(output + r * e + l, sums[r][0]);
      store_f32(output + r * e + l + LANES, sums[r][1]);
    }
  }
  for (; l < e; l++)
    for (int r = 0; r < rows; r++) {
      float total = output[r * e + l];
      for (size_t p = 0; p < count; p++)
        total += weights[r * DYNO_ATTENTION_POSITIONS + p] * SCALAR(values[p * e + l]);
      output[r * e + l] = total;
    }
}

static void TYPED(attention)(const dyno_attention_block *b) {
  const size_t e = b->head_dimension;
  const ELEMENT *keys = b->keys, *values = b->values;
  float *scores = b->scratch;
  const size_t end = b->first + b->count;
  for (size_t start = b->first; start < end; start += DYNO_ATTENTION_POSITIONS) {
    const size_t count =
      end - start < DYNO_ATTENTION_POSITIONS ? end - start : DYNO_ATTENTION_POSITIONS;
    TYPED(matmul)(
      keys + start * e, count, e, b->queries, b->query_stride, b->rows, scores,
      DYNO_ATTENTION_POSITIONS, false);
    for (size_t row = 0; row < b->rows; row++)
      weights_from_scores(
        scores + row * DYNO_ATTENTION_POSITIONS, count, start, b->visible_from[row],
        b->visible_to[row], &b->maximum[row], &b->sum[row], b->output + row * e, e);
    size_t row = 0;
    const ELEMENT *block = values + start * e;
    for (; row + 4 <= b->rows; row += 4)
      TYPED(weigh)(
        block, e, count, scores + row * DYNO_ATTENTION_POSITIONS, b->output + row * e, 4);
    const float *rest = scores + row * DYNO_ATTENTION_POSITIONS;
    switch (b->rows - row) {
      case 3: TYPED(weigh)(block, e, count, rest, b->output + row * e, 3); break;
      case 2: TYPED(weigh)(block, e, count, rest, b->output + row * e, 2); break;
      case 1: TYPED(weigh)(block, e, count, rest, b->output + row * e, 1); break;
    }
  }
}
