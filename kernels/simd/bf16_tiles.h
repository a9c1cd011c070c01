// y = x·wᵀ for bf16 weights and many activation rows, by products of tiles in registers (AMX): 16 × 16
// sums in f32 of 16 rows of 32 inputs by 16 outputs, whose inputs lie in pairs.
//
// That is how a panel of bf16 holds them (float_panels.h): a pair of inputs of 16 outputs is a tile's
// row of 64 bytes, the next pair's 128 bytes on. So weights are used where they lie. Activations of
// bf16 (AMX_PAIRS) are multiplied as they are. Of f32, each is multiplied as the sum of three bf16,
// which hold its 24 bits, so that, of normal numbers, only the order of sums differs from fewer rows,
// which are multiplied in f32. Two parts, off by up to 2^-17, would take two thirds of the products,
// but logits of a prompt then differ by 2e-5 with how it is cut into steps.
//
// The including file defines, of eight tiles by their (constant) numbers: TILES_BEGIN() and
// TILES_END() around a call, TILE_ZERO(t), TILE_LOAD(t, start, bytes from row to row),
// TILE_STORE (the same), and TILE_MULTIPLY_ADD(sums, rows, pairs).
_Static_assert(LANES == 16 && PANEL_VECTORS == 2, "a panel is two tiles wide");

enum {
  TILE_SIDE = 16,      // rows of a tile; outputs, of a tile of weights
  TILE_INPUTS = 32,
  TILED_FROM = 8,      // activation rows: fewer wait for memory, or nearly, as they are
  TILED_ROWS = 64,     // of a block, in the L2 cache as three bf16: 96 KiB
  TILED_DEPTH = 256,   // inputs of a block: of a panel, 16 KiB in the L1 cache
  TILE_ELEMENTS = TILE_SIDE * TILE_INPUTS,
#ifdef DOT_PAIRS
  TILE_PARTS = 1,      // activations are bf16
#else
  TILE_PARTS = 3,      // bf16 that an activation is split into
#endif
};
_Static_assert(
  TILED_ROWS * TILED_DEPTH * TILE_PARTS / 2 <= DYNO_SCRATCH, "split activations fit the scratch");

#ifdef DOT_PAIRS
typedef uint16_t tiled_activation;

// Cuts activations into tiles of 16 rows and 32 inputs, then those of the next inputs. What rows and
// inputs lack to whole tiles is 0.
static void split_activations(
  const uint16_t *x, size_t x_stride, size_t rows, size_t depth, uint16_t *tiles) {
  for (size_t r0 = 0; r0 < rows; r0 += TILE_SIDE)
    for (size_t l = 0; l < depth; l += TILE_INPUTS, tiles += TILE_ELEMENTS) {
      const size_t tall = rows - r0 < TILE_SIDE ? rows - r0 : TILE_SIDE;
      const size_t wide = depth - l < TILE_INPUTS ? depth - l : TILE_INPUTS;
      if (tall < TILE_SIDE || wide < TILE_INPUTS) __builtin_memset(tiles, 0, TILE_ELEMENTS * 2);
      for (size_t r = 0; r < tall; r++)
        __builtin_memcpy(tiles + r * TILE_INPUTS, x + (r0 + r) * x_stride + l, wide * 2);
    }
}

INLINE float as_activation(uint16_t x) { return f32_from_bf16(x); }
#else
typedef float tiled_activation;

// LANES activations, 0 from `count` on.
INLINE vf load_some(const float *x, size_t count) {
  if (count >= LANES) return load_f32(x);
  float some[LANES] = {0};
  __builtin_memcpy(some, x, count * sizeof(float));
  return load_f32(some);
}

// Splits activations into tiles: of 16 rows and 32 inputs the largest parts, then the smaller ones;
// then those of the next inputs. What rows and inputs lack to whole tiles is 0.
static void split_activations(
  const float *x, size_t x_stride, size_t rows, size_t depth, uint16_t *tiles) {
  for (size_t r0 = 0; r0 < rows; r0 += TILE_SIDE)
    for (size_t l = 0; l < depth; l += TILE_INPUTS, tiles += TILE_PARTS * TILE_ELEMENTS)
      for (size_t r = 0; r < TILE_SIDE; r++)
        for (size_t v = 0; v < TILE_INPUTS; v += LANES) {
          const bool some = r0 + r < rows && l + v < depth;
          vf value =
            some ? load_some(x + (r0 + r) * x_stride + l + v, depth - l - v) : (vf)0.0f;
          uint16_t *to = tiles + r * TILE_INPUTS + v;
#pragma unroll
          for (int part = 0; part < TILE_PARTS; part++, to += TILE_ELEMENTS) {
            store_bf16(to, value);
            // The first part of what is not finite says it all: no infinity is taken from another.
            const vu rest = (vu)(value - load_bf16(to));
            value = (vf)(rest & (vu)((rest & 0x7f800000) != 0x7f800000));
          }
        }
}

INLINE float as_activation(float x) { return x; }
#endif

// Sums of `tall` (a constant: 1 or 2) tiles of rows by the two of a panel's outputs, from `whole`
// steps of 32 inputs and, of what is left over, `last`. Rows of `sums` are a panel wide.
INLINE void multiply_tiles(
  const uint16_t *x, const uint16_t *x_below, const uint8_t *w, size_t whole, const uint8_t *last,
  float *sums, const int tall) {
  enum { PAIR_BYTES = 4 * FLOAT_PANEL, ROW_BYTES = 2 * TILE_INPUTS, SUM_BYTES = 4 * FLOAT_PANEL };
  TILE_ZERO(0);
  TILE_ZERO(1);
  if (tall > 1) {
    TILE_ZERO(2);
    TILE_ZERO(3);
  }
  for (size_t step = 0; step < whole + (last != NULL); step++) {
    const uint8_t *pairs = step < whole ? w + step * TILE_SIDE * PAIR_BYTES : last;
    TILE_LOAD(6, pairs, PAIR_BYTES);
    TILE_LOAD(7, pairs + PAIR_BYTES / 2, PAIR_BYTES);
#pragma unroll
    for (size_t part = 0; part < TILE_PARTS; part++) {
      TILE_LOAD(4, x + (TILE_PARTS * step + part) * TILE_ELEMENTS, ROW_BYTES);
      TILE_MULTIPLY_ADD(0, 4, 6);
      TILE_MULTIPLY_ADD(1, 4, 7);
      if (tall > 1) {
        TILE_LOAD(5, x_below + (TILE_PARTS * step + part) * TILE_ELEMENTS, ROW_BYTES);
        TILE_MULTIPLY_ADD(2, 5, 6);
        TILE_MULTIPLY_ADD(3, 5, 7);
      }
    }
  }
  TILE_STORE(0, sums, SUM_BYTES);
  TILE_STORE(1, sums + TILE_SIDE, SUM_BYTES);
  if (tall > 1) {
    TILE_STORE(2, sums + TILE_SIDE * FLOAT_PANEL, SUM_BYTES);
    TILE_STORE(3, sums + TILE_SIDE * FLOAT_PANEL + TILE_SIDE, SUM_BYTES);
  }
}

// Up to TILED_ROWS rows by all panels, a block of inputs after the other, as float_blocks does.
static void tile_blocks(
  const uint8_t *w, size_t n, size_t k, const tiled_activation *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, float *scratch) {
  const size_t panel_bytes = FLOAT_PANEL * k * 2, in_pairs = k & ~(size_t)1;
  uint16_t *split = (uint16_t *)(void *)scratch;
  _Alignas(64) float sums[2 * TILE_SIDE * FLOAT_PANEL];
  _Alignas(64) uint8_t last[TILE_ELEMENTS * 2 * 2];
  for (size_t l0 = 0; l0 < in_pairs; l0 += TILED_DEPTH) {
    const size_t depth = in_pairs - l0 < TILED_DEPTH ? in_pairs - l0 : TILED_DEPTH;
    const size_t whole = depth / TILE_INPUTS, left = depth % TILE_INPUTS;
    const size_t row_elements = (whole + (left > 0)) * TILE_PARTS * TILE_ELEMENTS;
    split_activations(x + l0, x_stride, m, depth, split);
    for (size_t j = 0; j < n; j += FLOAT_PANEL) {
      const uint8_t *panel = panel_input(DYNO_BF16, w + j / FLOAT_PANEL * panel_bytes, l0);
      if (left > 0) {  // what follows in memory are other panels' weights, or nothing
        __builtin_memset(last, 0, sizeof last);
        __builtin_memcpy(
          last, panel_input(DYNO_BF16, panel, whole * TILE_INPUTS), left * FLOAT_PANEL * 2);
      }
      // The next panel's part comes from memory meanwhile.
      const uint8_t *fetch = panel + panel_bytes;
      for (size_t i = 0; i < m; i += 2 * TILE_SIDE) {
        const size_t rows = m - i < 2 * TILE_SIDE ? m - i : 2 * TILE_SIDE;
        const size_t share = depth * FLOAT_PANEL * 2 * rows / m;
        prefetch(fetch, share);
        fetch += share;
        const uint16_t *from = split + i / TILE_SIDE * row_elements;
        if (rows > TILE_SIDE)
          multiply_tiles(from, from + row_elements, panel, whole, left > 0 ? last : NULL, sums, 2);
        else
          multiply_tiles(from, NULL, panel, whole, left > 0 ? last : NULL, sums, 1);
        const bool odd = in_pairs < k && l0 + depth == in_pairs;
        for (size_t r = 0; r < rows; r++)
#pragma unroll
          for (int v = 0; v < PANEL_VECTORS; v++) {
            float *out = y + (i + r) * y_stride + j + (size_t)v * LANES;
            vf sum = load_f32(sums + r * FLOAT_PANEL + v * LANES);
            if (odd)
              sum = fma_vf(
                last_panel_weights(DYNO_BF16, panel_input(DYNO_BF16, panel, depth), v),
                (vf)as_activation(x[(i + r) * x_stride + in_pairs]), sum);
            store_f32(out, accumulate || l0 > 0 ? load_f32(out) + sum : sum);
          }
      }
    }
  }
}

// All rows of bf16 weights, where they are enough for tiles.
static bool matmul_tiles(
  dyno_dtype type, const void *w, size_t n, size_t k, const tiled_activation *x, size_t x_stride,
  size_t m, float *y, size_t y_stride, bool accumulate, float *scratch) {
  if (type != DYNO_BF16 || m < TILED_FROM || k < TILE_INPUTS) return false;
  TILES_BEGIN();
  for (size_t i = 0; i < m; i += TILED_ROWS)
    tile_blocks(
      w, n, k, x + i * x_stride, x_stride, m - i < TILED_ROWS ? m - i : TILED_ROWS,
      y + i * y_stride, y_stride, accumulate, scratch);
  TILES_END();
  return true;
}

#ifdef DOT_PAIRS
static void tiled_matmul_quantized(
  dyno_dtype type, const void *w, size_t n, size_t k, const void *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, float *scratch) {
  if (!matmul_tiles(type, w, n, k, x, x_stride / 2, m, y, y_stride, accumulate, scratch))
    matmul_quantized(type, w, n, k, x, x_stride, m, y, y_stride, accumulate, scratch);
}
#else
static void tiled_matmul_packed(
  dyno_dtype type, const void *w, size_t n, size_t k, const float *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, float *scratch) {
  if (!matmul_tiles(type, w, n, k, x, x_stride, m, y, y_stride, accumulate, scratch))
    matmul_packed(type, w, n, k, x, x_stride, m, y, y_stride, accumulate, scratch);
}
#endif

// As the loops of machine.h; a product takes TILE_PARTS of bf16.
static double multiply_add_tiles(size_t iterations, float *sink) {
  _Alignas(64) uint16_t ones[TILE_ELEMENTS];
  _Alignas(64) float sums[TILE_SIDE * TILE_SIDE];
  for (int i = 0; i < TILE_ELEMENTS; i++) ones[i] = bf16_from_f32(1);
  TILES_BEGIN();
  TILE_ZERO(0);
  TILE_ZERO(1);
  TILE_ZERO(2);
  TILE_ZERO(3);
  TILE_LOAD(4, ones, 2 * TILE_INPUTS);
  TILE_LOAD(5, ones, 2 * TILE_INPUTS);
  TILE_LOAD(6, ones, 2 * TILE_INPUTS);
  TILE_LOAD(7, ones, 2 * TILE_INPUTS);
  for (size_t i = 0; i < iterations; i++) {
    TILE_MULTIPLY_ADD(0, 4, 6);
    TILE_MULTIPLY_ADD(1, 4, 7);
    TILE_MULTIPLY_ADD(2, 5, 6);
    TILE_MULTIPLY_ADD(3, 5, 7);
  }
  TILE_STORE(0, sums, 4 * TILE_SIDE);
  TILES_END();
  *sink += sums[0];
  return 2.0 * 4 * TILE_SIDE * TILE_ELEMENTS * (double)iterations / TILE_PARTS;
}
