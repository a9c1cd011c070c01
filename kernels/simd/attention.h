// Online-softmax attention over one KV head. The cache is streamed once: each block of positions
// serves every query row. Keys lie in panels of FLOAT_PANEL positions, as packed weights do, so that
// scores are an outer product; values lie position after position. Where keys are also values
// (latent attention), they lie in rows, and scores are dot products.

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

// sums[row][..] += weights[row][0] · value[l..] over `vectors` vectors, for `rows` rows (both
// constants).
INLINE void weigh_position(
  dyno_dtype type, const uint8_t *value, size_t l, const float *weights, vf *sums, const int rows,
  const int vectors) {
  vf loaded[WEIGHED_SUMS];
#pragma unroll
  for (int v = 0; v < vectors; v++) loaded[v] = load_values(type, value, l + (size_t)v * LANES);
#pragma unroll
  for (int r = 0; r < rows; r++) {
    const vf weight = (vf)weights[r * DYNO_ATTENTION_POSITIONS];
#pragma unroll
    for (int v = 0; v < vectors; v++)
      sums[r * vectors + v] = fma_vf(weight, loaded[v], sums[r * vectors + v]);
  }
}

// output[row][l..] += Σ_p weights[row][p] · values[p][l..] over `vectors` vectors, for `rows` rows
// (both constants); a position's values are `bytes` from the next one's. As many bytes as are read are
// fetched from `fetch` on, if anything is.
INLINE void weigh_columns(
  dyno_dtype type, const uint8_t *values, size_t bytes, size_t e, size_t l, size_t count,
  const float *weights, float *output, const uint8_t *fetch, const int rows, const int vectors) {
  enum { TOGETHER = 4 };  // positions in a turn of the loop: what it costs beside them shows
  const size_t part = (size_t)vectors * LANES * float_bytes(type);
  vf sums[WEIGHED_SUMS];
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int v = 0; v < vectors; v++)
      sums[r * vectors + v] = load_f32(output + (size_t)r * e + l + v * LANES);
  size_t p = 0;
  for (; p + TOGETHER <= count; p += TOGETHER) {
    if (fetch != NULL) prefetch(fetch + p * part, TOGETHER * part);
#pragma unroll
    for (size_t i = 0; i < TOGETHER; i++)
      weigh_position(type, values + (p + i) * bytes, l, weights + p + i, sums, rows, vectors);
  }
  for (; p < count; p++)
    weigh_position(type, values + p * bytes, l, weights + p, sums, rows, vectors);
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int v = 0; v < vectors; v++)
      store_f32(output + (size_t)r * e + l + v * LANES, sums[r * vectors + v]);
}

// output[row] += Σ_p weights[row][p] · values[p], for `rows` (a constant) rows: as many columns at a
// time as there are registers for sums, and enough of them to hide a multiply-add's latency.
INLINE void weigh(
  dyno_dtype type, const uint8_t *values, size_t bytes, size_t e, size_t count, const float *weights,
  float *output, const uint8_t *fetch, const int rows) {
  const int most = rows == 1 ? 8 : rows == 2 ? 4 : rows == 3 ? 3 : 2;
  const size_t column = count * float_bytes(type);
  size_t l = 0;
#define COLUMNS(vectors) \
  for (; most >= vectors && l + vectors * LANES <= e; l += vectors * LANES) \
    weigh_columns( \
      type, values, bytes, e, l, count, weights, output, \
      fetch == NULL ? NULL : fetch + l * column, rows, vectors);
  COLUMNS(8) COLUMNS(4) COLUMNS(3) COLUMNS(2) COLUMNS(1)
#undef COLUMNS
  if (l == e) return;
  // The last few columns, which blocks do not have: positions outermost, as they lie in memory.
  for (size_t p = 0; p < count; p++)
    for (int r = 0; r < rows; r++) {
      const float weight = weights[r * DYNO_ATTENTION_POSITIONS + p];
      for (size_t c = l; c < e; c++)
        output[(size_t)r * e + c] += weight * value(type, values + p * bytes, c);
    }
}

// The same for any number of rows.
INLINE void weigh_rows(
  dyno_dtype type, const uint8_t *values, size_t bytes, size_t e, size_t count,
  const float *weights, size_t rows, float *output, const uint8_t *fetch) {
  for (; rows >= WEIGHED_ROWS; rows -= WEIGHED_ROWS, fetch = NULL) {
    weigh(type, values, bytes, e, count, weights, output, fetch, WEIGHED_ROWS);
    weights += WEIGHED_ROWS * DYNO_ATTENTION_POSITIONS;
    output += WEIGHED_ROWS * e;
  }
  switch (rows) {
    case 5: weigh(type, values, bytes, e, count, weights, output, fetch, 5); return;
    case 4: weigh(type, values, bytes, e, count, weights, output, fetch, 4); return;
    case 3: weigh(type, values, bytes, e, count, weights, output, fetch, 3); return;
    case 2: weigh(type, values, bytes, e, count, weights, output, fetch, 2); return;
    case 1: weigh(type, values, bytes, e, count, weights, output, fetch, 1); return;
  }
}

// What attention works in, in the block's scratch.
typedef struct {
  float *expanded;                  // values, or blocks of keys
  float *scores;                    // (rows, DYNO_ATTENTION_POSITIONS)
  uint8_t *queries;                 // quantised
} attention_scratch;

enum { EXPANDED_VALUES = 4096 };  // half of the L1 cache of most cores
_Static_assert((int)EXPANDED_VALUES <= (int)DYNO_SCRATCH, "what is expanded fits the scratch");

// Values of q8_0 are expanded once for all rows.
INLINE void weigh_block(
  dyno_dtype type, const uint8_t *values, size_t e, size_t count, const float *weights, size_t rows,
  float *output, const uint8_t *fetch, float *expanded) {
  const size_t bytes = dyno_row_bytes(type, e);
  if (type != DYNO_Q8_0 || e > EXPANDED_VALUES || e % LANES > 0) {
    weigh_rows(type, values, bytes, e, count, weights, rows, output, fetch);
    return;
  }
  const size_t most = EXPANDED_VALUES / e;
  for (size_t start = 0; start < count; start += most) {
    const size_t some = count - start < most ? count - start : most;
    for (size_t p = start; p < start + some; p++) {
      if (fetch != NULL) prefetch(fetch + p * bytes, bytes);
      for (size_t l = 0; l < e; l += LANES)
        store_f32(expanded + (p - start) * e + l, load_values(type, values + p * bytes, l));
    }
    weigh_rows(
      DYNO_F32, (const uint8_t *)expanded, e * sizeof(float), e, some, weights + start, rows, output,
      NULL);
  }
}

// Scores of `count` positions from `start` for all rows; `start` begins a panel of keys.
INLINE void score(
  dyno_dtype type, const dyno_attention_block *b, attention_scratch scratch, size_t start,
  size_t count, bool streamed) {
  const size_t e = b->key_width, bytes = dyno_row_bytes(type, e);
  const size_t value_bytes = dyno_row_bytes(type, b->value_width);
  const uint8_t *keys = (const uint8_t *)b->keys + start * bytes;
  const uint8_t *values = (const uint8_t *)b->values + start * value_bytes;
  // Keys and values come from memory in turns: each is fetched while the other is computed with.
  if (type == DYNO_Q8_0) {
    if (streamed) prefetch(values, count * value_bytes);
    matmul_quantized(
      type, keys, (count + LANES - 1) / LANES * LANES, e, scratch.queries, activation_bytes(type, e),
      b->rows, scratch.scores, DYNO_ATTENTION_POSITIONS, false, scratch.expanded);
    return;
  }
  // A panel after another: several at a time give one or two rows more sums to hide a multiply-add's
  // latency with, but came from memory a sixth to a quarter slower. Fetches are of a few lines at a
  // time, so that they never fill the core's queue of misses.
  const size_t most = most_tile_rows(type, b->rows), tiles = (b->rows + most - 1) / most;
  const size_t pace = streamed ? (2 * FLOAT_PANEL * float_bytes(type) + tiles - 1) / tiles : 0;
  for (size_t i = 0, tile = 0; i < b->rows; tile++, values += e / 2 * pace) {
    const size_t rows = next_part(b->rows - i, tiles - tile);
    float_rows(
      type, keys, FLOAT_PANEL * bytes, count, e, b->queries + i * b->query_stride, b->query_stride,
      rows, scratch.scores + i * DYNO_ATTENTION_POSITIONS, DYNO_ATTENTION_POSITIONS, false, values,
      pace);
    i += rows;
  }
}

// Scores of a block of positions become weights of the rows' running softmax.
INLINE void weights_of_block(
  const dyno_attention_block *b, float *all_scores, size_t start, size_t count) {
  for (size_t row = 0; row < b->rows; row++) {
    const size_t from = b->visible_from[row];
    float *scores = all_scores + row * DYNO_ATTENTION_POSITIONS;
    if (b->softcap > 0) soften_scores(scores, count, b->softcap);
    weights_from_scores(
      scores, count, start, from > b->first ? from : b->first, b->visible_to[row],
      &b->maximum[row], &b->sum[row], b->output + row * b->value_width, b->value_width);
  }
}

INLINE void attention_of_type(dyno_dtype type, const dyno_attention_block *b) {
  const size_t e = b->key_width, bytes = dyno_row_bytes(type, e);
  const size_t value_bytes = dyno_row_bytes(type, b->value_width);
  const size_t panel = type == DYNO_Q8_0 ? LANES : FLOAT_PANEL;
  const uint8_t *keys = b->keys, *values = b->values;
  attention_scratch scratch = {.expanded = b->scratch, .scores = b->scratch + DYNO_SCRATCH};
  scratch.queries = (uint8_t *)(scratch.scores + b->rows * DYNO_ATTENTION_POSITIONS);
  if (type == DYNO_Q8_0)
    for (size_t row = 0; row < b->rows; row++)
      quantize_activations(
        type, b->queries + row * b->query_stride, e,
        scratch.queries + row * activation_bytes(type, e));
  const size_t end = b->first + b->count;
  // Few queries: bound by memory, as in decoding. Many: the block stays in cache while they pass.
  const bool streamed = b->rows <= 32;
  for (size_t start = b->first / panel * panel; start < end; start += DYNO_ATTENTION_POSITIONS) {
    const size_t count =
      end - start < DYNO_ATTENTION_POSITIONS ? end - start : DYNO_ATTENTION_POSITIONS;
    score(type, b, scratch, start, count, streamed);
    weights_of_block(b, scratch.scores, start, count);
    const bool more = start + count < end;
    weigh_block(
      type, values + start * value_bytes, b->value_width, count, scratch.scores, b->rows, b->output,
      streamed && more ? keys + (start + count) * bytes : NULL, scratch.expanded);
  }
}

// Rows of `width` elements as f32: where they lie, or expanded, and then `stride` bytes apart.
static const uint8_t *rows_as_f32(
  dyno_dtype type, const uint8_t *rows, size_t *stride, size_t width, size_t count, float *expanded) {
  if (type == DYNO_F32) return rows;
  for (size_t p = 0; p < count; p++) expand(type, rows + p * *stride, width, expanded + p * width);
  *stride = width * sizeof(float);
  return (const uint8_t *)expanded;
}

// Attention over keys that lie in rows, of which values may be a part.
static void attention_in_rows(const dyno_attention_block *b) {
  const dyno_dtype type = b->cache_type;
  float *scores = b->scratch + DYNO_SCRATCH;
  float *expanded = scores + b->rows * DYNO_ATTENTION_POSITIONS;
  const size_t end = b->first + b->count;
  for (size_t start = b->first; start < end; start += DYNO_ATTENTION_POSITIONS) {
    const size_t count =
      end - start < DYNO_ATTENTION_POSITIONS ? end - start : DYNO_ATTENTION_POSITIONS;
    size_t key_bytes = dyno_row_bytes(type, b->key_stride);
    size_t value_bytes = dyno_row_bytes(type, b->value_stride);
    const uint8_t *keys = rows_as_f32(
      type, (const uint8_t *)b->keys + start * key_bytes, &key_bytes, b->key_width, count, expanded);
    const uint8_t *values = keys;
    if (b->values == b->keys)
      value_bytes = key_bytes;
    else
      values = rows_as_f32(
        type, (const uint8_t *)b->values + start * value_bytes, &value_bytes, b->value_width, count,
        expanded + DYNO_ATTENTION_POSITIONS * b->key_width);
    matmul_f32(
      (const float *)keys, key_bytes / sizeof(float), count, b->key_width, b->queries,
      b->query_stride, b->rows, scores, DYNO_ATTENTION_POSITIONS, false);
    weights_of_block(b, scores, start, count);
    weigh_rows(
      DYNO_F32, values, value_bytes, b->value_width, count, scores, b->rows, b->output, NULL);
  }
}

static void attention(const dyno_attention_block *block) {
  if (block->key_stride > 0) {
    attention_in_rows(block);
    return;
  }
  switch (block->cache_type) {
    case DYNO_F32: attention_of_type(DYNO_F32, block); return;
    case DYNO_BF16: attention_of_type(DYNO_BF16, block); return;
    case DYNO_F16: attention_of_type(DYNO_F16, block); return;
    case DYNO_Q8_0: attention_of_type(DYNO_Q8_0, block); return;
    default: __builtin_unreachable();
  }
}
