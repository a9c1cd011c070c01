// Online-softmax attention over one KV head. The cache is streamed once: each block of positions
// serves every query row. Keys lie in panels of FLOAT_PANEL positions, as packed weights do, so that
// scores are an outer product; values lie position after position.

_Static_assert(
  DYNO_ATTENTION_POSITIONS % FLOAT_PANEL == 0, "panels of keys fill a row of scores");

// LANES elements of a position's values, from element l.
INLINE vf load_values(dyno_dtype type, const uint8_t *values, size_t l) {
  switch (type) {
    case DYNO_F32: return load_f32((const float *)values + l);
    case DYNO_F16: return load_f16((const _Float16 *)values + l);
    case DYNO_BF16: return load_bf16((const uint16_t *)values + l);
    default: {
      const block_q8_0 *block = (const block_q8_0 *)values + l / BLOCK;
      typedef int8_t narrow __attribute__((ext_vector_type(LANES)));
      narrow quants;
      __builtin_memcpy(&quants, block->quants + l % BLOCK, sizeof quants);
      return __builtin_convertvector(__builtin_convertvector(quants, vi), vf) * (float)block->scale;
    }
  }
}

INLINE float value(dyno_dtype type, const uint8_t *values, size_t l) {
  switch (type) {
    case DYNO_F32: return ((const float *)values)[l];
    case DYNO_F16: return (float)((const _Float16 *)values)[l];
    default: return f32_from_bf16(((const uint16_t *)values)[l]);
  }
}

// Rounds a position's key into its panel.
static void store_key(dyno_dtype type, const float *key, size_t e, size_t position, void *panel) {
  if (type == DYNO_Q8_0) {
    for (size_t b = 0; b < e / BLOCK; b++) {
      block_q8_0 block;
      dyno_quantize(type, key + b * BLOCK, BLOCK, &block);
      pack_block(
        type, (const uint8_t *)&block, position, (uint8_t *)panel + b * LANES * sizeof block);
    }
    return;
  }
  for (size_t l = 0; l < e; l++) {
    const size_t at = place_in_panel(type, position, l, e);
    switch (type) {
      case DYNO_F32: ((float *)panel)[at] = key[l]; break;
      case DYNO_F16: ((_Float16 *)panel)[at] = (_Float16)key[l]; break;
      default: ((uint16_t *)panel)[at] = bf16_from_f32(key[l]);
    }
  }
}

// output[row][l..] += Σ_p weights[row][p] · values[p][l..] over `vectors` vectors, for `rows` rows
// (both constants).
INLINE void weigh_columns(
  dyno_dtype type, const uint8_t *values, size_t e, size_t l, size_t count, const float *weights,
  float *output, const int rows, const int vectors) {
  const size_t bytes = dyno_row_bytes(type, e);
  vf sums[WEIGHED_ROWS][2];
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int v = 0; v < vectors; v++)
      sums[r][v] = load_f32(output + (size_t)r * e + l + v * LANES);
  for (size_t p = 0; p < count; p++, values += bytes) {
    vf loaded[2];
#pragma unroll
    for (int v = 0; v < vectors; v++) loaded[v] = load_values(type, values, l + (size_t)v * LANES);
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
      store_f32(output + (size_t)r * e + l + v * LANES, sums[r][v]);
}

// output[row] += Σ_p weights[row][p] · values[p], for `rows` (a constant) rows.
INLINE void weigh(
  dyno_dtype type, const uint8_t *values, size_t e, size_t count, const float *weights,
  float *output, const int rows) {
  size_t l = 0;
  for (; l + 2 * LANES <= e; l += 2 * LANES)
    weigh_columns(type, values, e, l, count, weights, output, rows, 2);
  for (; l + LANES <= e; l += LANES)
    weigh_columns(type, values, e, l, count, weights, output, rows, 1);
  if (l == e) return;
  // The last few columns, which blocks do not have: positions outermost, as they lie in memory.
  const size_t bytes = dyno_row_bytes(type, e);
  for (size_t p = 0; p < count; p++)
    for (int r = 0; r < rows; r++) {
      const float weight = weights[r * DYNO_ATTENTION_POSITIONS + p];
      for (size_t c = l; c < e; c++)
        output[(size_t)r * e + c] += weight * value(type, values + p * bytes, c);
    }
}

// What attention works in, in the block's scratch.
typedef struct {
  float *unpacked;                  // of quantised keys
  float *scores;                    // (rows, DYNO_ATTENTION_POSITIONS)
  dyno_activation_block *queries;   // quantised
} attention_scratch;

// Scores of `count` positions from `start` for all rows; `start` begins a panel of keys.
INLINE void score(
  dyno_dtype type, const dyno_attention_block *b, attention_scratch scratch, size_t start,
  size_t count, bool streamed) {
  const size_t e = b->head_dimension, bytes = dyno_row_bytes(type, e);
  const uint8_t *keys = (const uint8_t *)b->keys + start * bytes;
  const uint8_t *values = (const uint8_t *)b->values + start * bytes;
  // Keys and values come from memory in turns: each is fetched while the other is computed with.
  if (type == DYNO_Q8_0) {
    if (streamed) prefetch(values, count * bytes);
    matmul_quantized(
      type, keys, (count + LANES - 1) / LANES * LANES, e, scratch.queries, e / BLOCK, b->rows,
      scratch.scores, DYNO_ATTENTION_POSITIONS, false, scratch.unpacked);
    return;
  }
  // A few lines at a time, so that the fetches never fill the core's queue of misses.
  const size_t most = type == DYNO_BF16 ? DIRECT_ROWS : PANEL_ROWS;
  const size_t tiles = (b->rows + most - 1) / most;
  const size_t pace = streamed ? (2 * FLOAT_PANEL * float_bytes(type) + tiles - 1) / tiles : 0;
  for (size_t p = 0; p < count; p += FLOAT_PANEL) {
    const uint8_t *fetch = values + p * bytes;
    for (size_t i = 0, tile = 0; i < b->rows; tile++, fetch += e / 2 * pace) {
      const size_t rows = (b->rows - i + tiles - tile - 1) / (tiles - tile);
      float_rows(
        type, keys + p * bytes, e, b->queries + i * b->query_stride, b->query_stride, rows,
        scratch.scores + i * DYNO_ATTENTION_POSITIONS + p, DYNO_ATTENTION_POSITIONS, false, fetch,
        pace);
      i += rows;
    }
  }
}

INLINE void attention_of_type(dyno_dtype type, const dyno_attention_block *b) {
  const size_t e = b->head_dimension, bytes = dyno_row_bytes(type, e);
  const size_t panel = type == DYNO_Q8_0 ? LANES : FLOAT_PANEL;
  const uint8_t *keys = b->keys, *values = b->values;
  attention_scratch scratch = {.unpacked = b->scratch, .scores = b->scratch + DYNO_SCRATCH};
  scratch.queries =
    (dyno_activation_block *)(void *)(scratch.scores + b->rows * DYNO_ATTENTION_POSITIONS);
  if (type == DYNO_Q8_0)
    for (size_t row = 0; row < b->rows; row++)
      quantize_activations(
        type, b->queries + row * b->query_stride, e, scratch.queries + row * (e / BLOCK));
  const size_t end = b->first + b->count;
  // Few queries: bound by memory, as in decoding. Many: the block stays in cache while they pass.
  const bool streamed = b->rows <= 32;
  for (size_t start = b->first / panel * panel; start < end; start += DYNO_ATTENTION_POSITIONS) {
    const size_t count =
      end - start < DYNO_ATTENTION_POSITIONS ? end - start : DYNO_ATTENTION_POSITIONS;
    const size_t after = end - start - count;
    const size_t next = after < DYNO_ATTENTION_POSITIONS ? after : DYNO_ATTENTION_POSITIONS;
    score(type, b, scratch, start, count, streamed);
    for (size_t row = 0; row < b->rows; row++) {
      if (streamed) {
        const size_t low = next * row / b->rows, high = next * (row + 1) / b->rows;
        prefetch(keys + (start + count + low) * bytes, (high - low) * bytes);
      }
      const size_t from = b->visible_from[row];
      weights_from_scores(
        scratch.scores + row * DYNO_ATTENTION_POSITIONS, count, start,
        from > b->first ? from : b->first, b->visible_to[row], &b->maximum[row], &b->sum[row],
        b->output + row * e, e);
    }
    const uint8_t *block = values + start * bytes;
    size_t row = 0;
    for (; row + WEIGHED_ROWS <= b->rows; row += WEIGHED_ROWS)
      weigh(
        type, block, e, count, scratch.scores + row * DYNO_ATTENTION_POSITIONS,
        b->output + row * e, WEIGHED_ROWS);
    const float *rest = scratch.scores + row * DYNO_ATTENTION_POSITIONS;
    float *output = b->output + row * e;
    switch (b->rows - row) {
      case 5: weigh(type, block, e, count, rest, output, 5); break;
      case 4: weigh(type, block, e, count, rest, output, 4); break;
      case 3: weigh(type, block, e, count, rest, output, 3); break;
      case 2: weigh(type, block, e, count, rest, output, 2); break;
      case 1: weigh(type, block, e, count, rest, output, 1); break;
    }
  }
}

static void attention(const dyno_attention_block *block) {
  switch (block->cache_type) {
    case DYNO_F32: attention_of_type(DYNO_F32, block); return;
    case DYNO_BF16: attention_of_type(DYNO_BF16, block); return;
    case DYNO_F16: attention_of_type(DYNO_F16, block); return;
    case DYNO_Q8_0: attention_of_type(DYNO_Q8_0, block); return;
    case DYNO_Q4_0:
    case DYNO_Q4_1: __builtin_unreachable();
  }
}
