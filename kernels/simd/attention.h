// Online-softmax attention over one KV head for one storage type of the cache; included like
// matmul.h. The cache is streamed once: each block of positions serves every query row.

// output[row][l..] += Σ_p weights[row][p] · values[p][l..] over `vectors` vectors, for `rows` ≤ 4
// rows (both constants).
INLINE void TYPED(weigh_columns)(
  const ELEMENT *values, size_t e, size_t count, const float *weights, float *output,
  const int rows, const int vectors) {
  vf sums[4][2];
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int v = 0; v < vectors; v++)
      sums[r][v] = load_f32(output + (size_t)r * e + v * LANES);
  for (size_t p = 0; p < count; p++) {
    vf loaded[2];
#pragma unroll
    for (int v = 0; v < vectors; v++) loaded[v] = LOAD(values + p * e + v * LANES);
#pragma unroll
    for (int r = 0; r < rows; r++) {
      const vf weight = (vf)weights[r * DYNO_ATTENTION_POSITIONS + p];
#pragma unroll
      for (int v = 0; v < vectors; v++) sums[r][v] = fma_vf(weight, loaded[v], sums[r][v]);
    }
  }
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int v = 0; v < vectors; v++)
      store_f32(output + (size_t)r * e + v * LANES, sums[r][v]);
}

// output[row] += Σ_p weights[row][p] · values[p], for `rows` ≤ 4 (a constant) rows.
INLINE void TYPED(weigh)(
  const ELEMENT *values, size_t e, size_t count, const float *weights, float *output,
  const int rows) {
  size_t l = 0;
  for (; l + 2 * LANES <= e; l += 2 * LANES)
    TYPED(weigh_columns)(values + l, e, count, weights, output + l, rows, 2);
  for (; l + LANES <= e; l += LANES)
    TYPED(weigh_columns)(values + l, e, count, weights, output + l, rows, 1);
  if (l == e) return;
  // The last few columns: positions outermost, as the cache lies in memory.
  for (size_t p = 0; p < count; p++)
    for (int r = 0; r < rows; r++) {
      const float weight = weights[r * DYNO_ATTENTION_POSITIONS + p];
      for (size_t c = l; c < e; c++) output[r * e + c] += weight * SCALAR(values[p * e + c]);
    }
}

static void TYPED(attention)(const dyno_attention_block *b) {
  const size_t e = b->head_dimension;
  const ELEMENT *keys = b->keys, *values = b->values;
  float *scores = b->scratch;
  const size_t end = b->first + b->count;
  // Few queries: bound by memory, as in decoding. Many: the block stays in cache while they pass.
  const bool streamed = b->rows <= 16;
  for (size_t start = b->first; start < end; start += DYNO_ATTENTION_POSITIONS) {
    const size_t count =
      end - start < DYNO_ATTENTION_POSITIONS ? end - start : DYNO_ATTENTION_POSITIONS;
    const size_t after = end - start - count;
    const size_t next = after < DYNO_ATTENTION_POSITIONS ? after : DYNO_ATTENTION_POSITIONS;
    // Keys and values come from memory in turns: each is fetched while the other is computed with,
    // a few lines at a time, so that the fetches never fill the core's queue of misses.
    const size_t step = streamed ? 8 : count;
    for (size_t p = 0; p < count; p += step) {
      const size_t some = count - p < step ? count - p : step;
      if (streamed) prefetch(values + (start + p) * e, some * e * sizeof(ELEMENT));
      TYPED(matmul)(
        keys + (start + p) * e, some, e, b->queries, b->query_stride, b->rows, scores + p,
        DYNO_ATTENTION_POSITIONS, false);
    }
    for (size_t row = 0; row < b->rows; row++) {
      if (streamed) {
        const size_t low = next * row / b->rows, high = next * (row + 1) / b->rows;
        prefetch(keys + (start + count + low) * e, (high - low) * e * sizeof(ELEMENT));
      }
      weights_from_scores(
        scores + row * DYNO_ATTENTION_POSITIONS, count, start, b->visible_from[row],
        b->visible_to[row], &b->maximum[row], &b->sum[row], b->output + row * e, e);
    }
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
