// y = x·wᵀ for weights in f32, bf16 or f16 and f32 activations, as an outer product: a lane is an
// output, activations are broadcast, and nothing is summed across lanes.
//
// Weights are packed once: a panel holds FLOAT_PANEL outputs, input after input. Of bf16 it holds
// pairs of inputs, an output's two side by side, so that a shift or a mask makes f32 of them, or one
// instruction multiplies both by a pair of activations; the last of an odd number of inputs follows by
// itself. It takes the bytes that the rows took.

enum {
  FLOAT_PANEL = PANEL_VECTORS * LANES,
  // Sums of one tile: of PANEL_ROWS rows by a panel, or of a row by 4 panels.
  MOST_SUMS = (PANEL_ROWS > 4 ? PANEL_ROWS : 4) * PANEL_VECTORS,
  // Attention's values: most rows at once, and most sums of them.
  WEIGHED_ROWS = 6,
  WEIGHED_SUMS = 2 * WEIGHED_ROWS,
  // Activations that are multiplied at a time take about as much as the L2 cache: 480 or 600 KiB.
  // Fewer inputs, whose part of a panel would stay in L1, were slower by 2 to 8%.
  FLOAT_DEPTH = 2048,
  NARROW_DEPTH = 2560,  // of weights in 16 bits
  FLOAT_ROWS = 60,
};

// bf16 weights that are multiplied by bf16 activations: a row of x holds them in pairs, an f32's place
// for each, and `x_stride` counts those.
enum { BF16_PAIRS = -1 };

// sums + both products of pairs, where the instruction set has them.
INLINE vf add_pairs_of_bf16(vf sums, vf a, vf b) {
#ifdef DOT_PAIRS
  return DOT_PAIRS(sums, a, b);
#else
  (void)sums, (void)a, (void)b;
  __builtin_unreachable();
#endif
}

// Where input l (even, of pairs) is in a row of x.
INLINE size_t place_in_row(int type, size_t l) { return type == BF16_PAIRS ? l / 2 : l; }

// Rows of a tile: weights that are expanded in registers take one more of them.
INLINE size_t most_tile_rows(int type, size_t rows) {
  if (PANEL_ROWS > 6 || type == DYNO_F32 || type == BF16_PAIRS) return PANEL_ROWS;
  return type == DYNO_BF16 && rows <= 2 * PANEL_ROWS ? PANEL_ROWS : PANEL_ROWS - 1;
}

INLINE size_t float_bytes(int type) { return type == DYNO_F32 ? 4 : 2; }

// Where input l begins in a panel; of bf16, an even l.
INLINE const uint8_t *panel_input(int type, const void *panel, size_t l) {
  return (const uint8_t *)panel + l * FLOAT_PANEL * float_bytes(type);
}

// Where input l of k of a panel's row is, in elements.
INLINE size_t place_in_panel(dyno_dtype type, size_t row, size_t l, size_t k) {
  if (type != DYNO_BF16 || (l | 1) >= k) return l * FLOAT_PANEL + row;
  return (l & ~(size_t)1) * FLOAT_PANEL + 2 * row + (l & 1);
}

// A cache line of each row at a time: rows may lie a multiple of a page apart.
INLINE void pack_floats(dyno_dtype type, const void *rows, size_t k, void *panel) {
  enum { STEP = 16 };
  for (size_t l0 = 0; l0 < k; l0 += STEP)
    for (size_t r = 0; r < FLOAT_PANEL; r++)
      for (size_t l = l0; l < k && l < l0 + STEP; l++) {
        const size_t at = place_in_panel(type, r, l, k);
        if (type == DYNO_F32)
          ((uint32_t *)panel)[at] = ((const uint32_t *)rows)[r * k + l];
        else
          ((uint16_t *)panel)[at] = ((const uint16_t *)rows)[r * k + l];
      }
}

INLINE void expand_packed_floats(
  dyno_dtype type, const void *panel, size_t row, size_t k, float *destination) {
  for (size_t l = 0; l < k; l++) {
    const size_t at = place_in_panel(type, row, l, k);
    switch (type) {
      case DYNO_F32: destination[l] = ((const float *)panel)[at]; break;
      case DYNO_F16: destination[l] = (float)((const _Float16 *)panel)[at]; break;
      default: destination[l] = f32_from_bf16(((const uint16_t *)panel)[at]);
    }
  }
}

// LANES outputs' weights for input l + `odd` (a constant), from where l begins.
INLINE vf panel_weights(int type, const uint8_t *w, int vector, const int odd) {
  switch (type) {
    case DYNO_F32:
      return load_f32((const float *)w + odd * FLOAT_PANEL + vector * LANES);
    case DYNO_F16:
      return load_f16((const _Float16 *)w + odd * FLOAT_PANEL + vector * LANES);
    default: {
      const vu pairs = (vu)load_f32((const float *)w + vector * LANES);
      return (vf)(odd ? pairs & 0xffff0000u : pairs << 16);
    }
  }
}

// The last weights where the number of inputs is odd.
INLINE vf last_panel_weights(int type, const uint8_t *w, int vector) {
  return type == DYNO_BF16 || type == BF16_PAIRS ? load_bf16((const uint16_t *)w + vector * LANES)
                                                 : panel_weights(type, w, vector, 0);
}

// The activation that belongs to them.
INLINE float last_activation(int type, const float *x, size_t l) {
  return type == BF16_PAIRS ? f32_from_bf16(((const uint16_t *)(const void *)x)[l]) : x[l];
}

// One tile: `rows` activation rows by `panels` panels (both constants), `depth` inputs.
// Memory at `fetch` is fetched meanwhile, `pace` bytes for two inputs, at most as many as they take.
INLINE void float_tile(
  int type, const uint8_t *w, size_t panel_bytes, size_t depth, const float *x,
  size_t x_stride, float *y, size_t y_stride, bool accumulate, const uint8_t *fetch, size_t pace,
  const int rows, const int panels) {
  vf sums[MOST_SUMS];
#pragma unroll
  for (int i = 0; i < rows * panels * PANEL_VECTORS; i++) sums[i] = (vf)0.0f;
  size_t l = 0;
  for (; l + 2 <= depth; l += 2, w += 2 * FLOAT_PANEL * float_bytes(type), fetch += pace) {
#pragma unroll
    for (int p = 0; p < panels; p++)
      prefetch(fetch + (size_t)p * panel_bytes, 2 * FLOAT_PANEL * float_bytes(type));
    // Of pairs, one product of both.
    const int products = type == BF16_PAIRS ? 1 : 2;
#pragma unroll
    for (int odd = 0; odd < products; odd++)
#pragma unroll
      for (int p = 0; p < panels; p++) {
        vf weights[PANEL_VECTORS];
#pragma unroll
        for (int v = 0; v < PANEL_VECTORS; v++)
          weights[v] = type == BF16_PAIRS
            ? load_f32((const float *)(const void *)(w + (size_t)p * panel_bytes) + v * LANES)
            : panel_weights(type, w + (size_t)p * panel_bytes, v, odd);
#pragma unroll
        for (int r = 0; r < rows; r++) {
          const vf activation =
            (vf)x[(size_t)r * x_stride + place_in_row(type, l) + (size_t)odd];
#pragma unroll
          for (int v = 0; v < PANEL_VECTORS; v++) {
            vf *sum = &sums[(r * panels + p) * PANEL_VECTORS + v];
            *sum = type == BF16_PAIRS ? add_pairs_of_bf16(*sum, weights[v], activation)
                                      : fma_vf(weights[v], activation, *sum);
          }
        }
      }
  }
#pragma unroll
  for (int p = 0; p < panels; p++)
#pragma unroll
    for (int v = 0; v < PANEL_VECTORS; v++) {
      vf last = (vf)0.0f;
      if (l < depth) last = last_panel_weights(type, w + (size_t)p * panel_bytes, v);
#pragma unroll
      for (int r = 0; r < rows; r++) {
        vf sum = sums[(r * panels + p) * PANEL_VECTORS + v];
        if (l < depth)
          sum = fma_vf(last, (vf)last_activation(type, x + (size_t)r * x_stride, l), sum);
        float *out = y + (size_t)r * y_stride + p * FLOAT_PANEL + v * LANES;
        store_f32(out, accumulate ? load_f32(out) + sum : sum);
      }
    }
}

// Tiles of so many rows by each of n outputs' panels, which lie `panel_bytes` apart. Memory at `fetch` is
// fetched meanwhile, a panel's part with each.
INLINE void float_tiles(
  int type, const uint8_t *w, size_t panel_bytes, size_t n, size_t depth, const float *x,
  size_t x_stride, float *y, size_t y_stride, bool accumulate, const uint8_t *fetch, size_t pace,
  const int rows) {
  for (size_t j = 0; j < n; j += FLOAT_PANEL, w += panel_bytes, fetch += panel_bytes)
    float_tile(
      type, w, panel_bytes, depth, x, x_stride, y + j, y_stride, accumulate, fetch, pace, rows, 1);
}

// The same for any number of rows that a tile has.
static void float_rows(
  int type, const uint8_t *w, size_t panel_bytes, size_t n, size_t depth, const float *x,
  size_t x_stride, size_t rows, float *y, size_t y_stride, bool accumulate, const uint8_t *fetch,
  size_t pace) {
#define TILES(type, count) \
  float_tiles( \
    type, w, panel_bytes, n, depth, x, x_stride, y, y_stride, accumulate, fetch, pace, count)
#ifdef DOT_PAIRS
#define TILES_OF_PAIRS(count) TILES(BF16_PAIRS, count)
#else
#define TILES_OF_PAIRS(count) __builtin_unreachable()
#endif
#define ROWS(count) \
  case count: \
    switch (type) { \
      case DYNO_F32: TILES(DYNO_F32, count); return; \
      case DYNO_BF16: TILES(DYNO_BF16, count); return; \
      case DYNO_F16: TILES(DYNO_F16, count); return; \
      default: TILES_OF_PAIRS(count); return; \
    }
  switch (rows) {
    ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
#if PANEL_ROWS > 6
    ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
#endif
  }
#undef ROWS
#undef TILES_OF_PAIRS
#undef TILES
}
_Static_assert(PANEL_ROWS == 6 || PANEL_ROWS == 14, "the cases above");

// One or two rows, which wait for memory: it is read fastest in a few long streams.
INLINE void stream_panels(
  int type, const uint8_t *w, size_t n, size_t k, const float *x, size_t x_stride, float *y,
  size_t y_stride, bool accumulate, const int rows, const int panels) {
  const size_t panel_bytes = FLOAT_PANEL * k * float_bytes(type);
  const size_t step = (size_t)panels * FLOAT_PANEL, pace = 2 * FLOAT_PANEL * float_bytes(type);
  size_t j = 0;
  for (; j + step <= n; j += step, w += (size_t)panels * panel_bytes)
    float_tile(
      type, w, panel_bytes, k, x, x_stride, y + j, y_stride, accumulate, w + STREAM_AHEAD, pace, rows,
      panels);
  for (; j < n; j += FLOAT_PANEL, w += panel_bytes)
    float_tile(
      type, w, panel_bytes, k, x, x_stride, y + j, y_stride, accumulate, w + STREAM_AHEAD, pace, rows,
      1);
}

// Tiles of as equal numbers of rows as can be, panel after panel.
static void float_blocks(
  int type, const uint8_t *w, size_t n, size_t k, const float *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate) {
  const size_t panel_bytes = FLOAT_PANEL * k * float_bytes(type);
  const size_t most = most_tile_rows(type, m), tiles = (m + most - 1) / most;
  // The next panel's part comes from memory while this one's tiles compute.
  const size_t pace = (2 * FLOAT_PANEL * float_bytes(type) + tiles - 1) / tiles;
  const size_t deepest =
    type == DYNO_F32 ? FLOAT_DEPTH : type == BF16_PAIRS ? 2 * NARROW_DEPTH : NARROW_DEPTH;
  // Parts of as equal depths as can be; pairs of inputs stay together.
  for (size_t l0 = 0, part = (k + deepest - 1) / deepest, depth; l0 < k; l0 += depth, part--) {
    depth = part > 1 ? next_part(k - l0, part) / 2 * 2 : k - l0;
    for (size_t j = 0; j < n; j += FLOAT_PANEL) {
      const uint8_t *panel = panel_input(type, w + j / FLOAT_PANEL * panel_bytes, l0);
      const uint8_t *fetch = panel + panel_bytes;
      for (size_t i = 0, tile = 0; i < m; tile++, fetch += depth / 2 * pace) {
        const size_t rows = next_part(m - i, tiles - tile);
        float_rows(
          type, panel, panel_bytes, FLOAT_PANEL, depth, x + i * x_stride + place_in_row(type, l0),
          x_stride, rows,
          y + i * y_stride + j, y_stride, accumulate || l0 > 0, fetch, pace);
        i += rows;
      }
    }
  }
}

INLINE void float_panels(
  int type, const void *w, size_t n, size_t k, const float *x, size_t x_stride, size_t m, float *y,
  size_t y_stride, bool accumulate) {
  if (m == 1) {
    stream_panels(type, w, n, k, x, x_stride, y, y_stride, accumulate, 1, 4);
    return;
  }
  if (m == 2) {
    stream_panels(type, w, n, k, x, x_stride, y, y_stride, accumulate, 2, 2);
    return;
  }
  const size_t blocks = (m + FLOAT_ROWS - 1) / FLOAT_ROWS;
  for (size_t i = 0, block = 0; i < m; block++) {
    const size_t rows = next_part(m - i, blocks - block);
    float_blocks(
      type, w, n, k, x + i * x_stride, x_stride, rows, y + i * y_stride, y_stride, accumulate);
    i += rows;
  }
}

static void matmul_packed(
  dyno_dtype type, const void *w, size_t n, size_t k, const float *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, float *scratch) {
  (void)scratch;  // tables that share this type need it
  switch (type) {
    case DYNO_F32: float_panels(DYNO_F32, w, n, k, x, x_stride, m, y, y_stride, accumulate); return;
    case DYNO_BF16: float_panels(DYNO_BF16, w, n, k, x, x_stride, m, y, y_stride, accumulate); return;
    default: float_panels(DYNO_F16, w, n, k, x, x_stride, m, y, y_stride, accumulate); return;
  }
}

#ifdef DOT_PAIRS
// By activations of bf16, whose rows hold whole pairs; `x_stride` is in bytes.
static void matmul_pairs(
  const void *w, size_t n, size_t k, const void *x, size_t x_stride, size_t m, float *y,
  size_t y_stride, bool accumulate) {
  float_panels(BF16_PAIRS, w, n, k, x, x_stride / 4, m, y, y_stride, accumulate);
}

#ifndef TILE_MULTIPLY_ADD
// As the loops of machine.h.
static double multiply_add_pairs(size_t iterations, float *sink) {
  // More chains than multiply_add's: the instruction takes longer.
  enum { CHAINS = 20 };
  vf sums[CHAINS];
  const vf factor = (vf)(vu)0x3f803f80u;  // ones
#pragma unroll
  for (int c = 0; c < CHAINS; c++) sums[c] = (vf)(float)c;
  for (size_t i = 0; i < iterations; i++)
#pragma unroll
    for (int c = 0; c < CHAINS; c++) sums[c] = DOT_PAIRS(sums[c], factor, factor);
  vf total = (vf)0.0f;
#pragma unroll
  for (int c = 0; c < CHAINS; c++) total += sums[c];
  *sink += (float)(sum_vf(total) > 0);
  return 2.0 * 2 * CHAINS * LANES * (double)iterations;
}
#endif
#endif
