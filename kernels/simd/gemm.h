// y = x·wᵀ for many activation rows, any storage type of w: blocked as Goto and van de Geijn (2008)
// do it. A block of weights is expanded to f32 and transposed into panels of GEMM_WIDTH outputs that
// stay in the L2 cache; a tile of GEMM_ROWS activation rows stays in L1 while the panels pass, its
// sums in registers. Transposing costs little once many rows share it, and no sum crosses lanes.

enum {
  GEMM_WIDTH = GEMM_VECTORS * LANES,
  GEMM_DEPTH = 256,    // inputs of a block; a panel of it takes half of a 32 KiB L1 cache (AVX2)
  GEMM_OUTPUTS = 256,  // outputs of a block: 256 KiB
};
_Static_assert(GEMM_OUTPUTS % GEMM_WIDTH == 0, "whole panels");
_Static_assert(
  GEMM_OUTPUTS * GEMM_DEPTH + 4 * GEMM_DEPTH <= DYNO_GEMM_SCRATCH, "the panels fit the scratch");

// The expanded rows of up to 4 outputs, and where each one's inputs [l0, l0 + depth) are.
INLINE void expand_rows(
  dyno_dtype type, const uint8_t *w, size_t row_bytes, size_t rows, size_t offset, size_t depth,
  float *buffer, const float *pointers[4]) {
  for (size_t r = 0; r < 4; r++) {
    const uint8_t *row = w + (r < rows ? r : 0) * row_bytes + offset;
    if (type == DYNO_F32) {
      pointers[r] = (const float *)row;
    } else {
      expand(type, row, depth, buffer + r * GEMM_DEPTH);
      pointers[r] = buffer + r * GEMM_DEPTH;
    }
  }
}

// Fills panel[l][r] = w[r][l0 + l] for `rows` ≤ GEMM_WIDTH outputs; the rest of each line is 0.
static void pack_panel(
  dyno_dtype type, const uint8_t *w, size_t row_bytes, size_t rows, size_t offset, size_t depth,
  float *buffer, float *panel) {
  for (size_t r = 0; r < GEMM_WIDTH; r += 4) {
    if (r >= rows) {
      for (size_t l = 0; l < depth; l++)
        for (size_t i = r; i < r + 4; i++) panel[l * GEMM_WIDTH + i] = 0;
      continue;
    }
    const size_t valid = rows - r < 4 ? rows - r : 4;
    const float *from[4];
    expand_rows(type, w + r * row_bytes, row_bytes, valid, offset, depth, buffer, from);
    const uint32_t kept[4] = {~0u, valid > 1 ? ~0u : 0, valid > 2 ? ~0u : 0, valid > 3 ? ~0u : 0};
    size_t l = 0;
    for (; valid == 4 && l + 4 <= depth; l += 4) {
      f4 a, b, c, d;
      __builtin_memcpy(&a, from[0] + l, sizeof a);
      __builtin_memcpy(&b, from[1] + l, sizeof b);
      __builtin_memcpy(&c, from[2] + l, sizeof c);
      __builtin_memcpy(&d, from[3] + l, sizeof d);
      const f4 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
      const f4 ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const f4 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
      const f4 cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      const f4 lines[4] = {
        __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
        __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
        __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
        __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7),
      };
#pragma unroll
      for (int i = 0; i < 4; i++)
        __builtin_memcpy(panel + (l + (size_t)i) * GEMM_WIDTH + r, &lines[i], sizeof lines[i]);
    }
    for (; l < depth; l++)
      for (size_t i = 0; i < 4; i++)
        panel[l * GEMM_WIDTH + r + i] = f32_from_bits(bits_from_f32(from[i][l]) & kept[i]);
  }
}

// One tile: GEMM_ROWS rows of x (by pointer, so that missing ones may repeat another) by one panel.
INLINE void gemm_tile(
  const float *panel, size_t depth, const float *const x[GEMM_ROWS], float *y, size_t y_stride,
  bool accumulate) {
  vf sums[GEMM_ROWS][GEMM_VECTORS];
#pragma unroll
  for (int i = 0; i < GEMM_ROWS; i++)
#pragma unroll
    for (int v = 0; v < GEMM_VECTORS; v++) sums[i][v] = (vf)0.0f;
  for (size_t l = 0; l < depth; l++) {
    vf weights[GEMM_VECTORS];
#pragma unroll
    for (int v = 0; v < GEMM_VECTORS; v++)
      weights[v] = load_f32(panel + l * GEMM_WIDTH + v * LANES);
#pragma unroll
    for (int i = 0; i < GEMM_ROWS; i++) {
      const vf activation = (vf)x[i][l];
#pragma unroll
      for (int v = 0; v < GEMM_VECTORS; v++)
        sums[i][v] = fma_vf(weights[v], activation, sums[i][v]);
    }
  }
#pragma unroll
  for (int i = 0; i < GEMM_ROWS; i++)
#pragma unroll
    for (int v = 0; v < GEMM_VECTORS; v++) {
      float *out = y + (size_t)i * y_stride + v * LANES;
      store_f32(out, accumulate ? load_f32(out) + sums[i][v] : sums[i][v]);
    }
}

static void gemm(
  dyno_dtype type, const void *w, size_t n, size_t k, const float *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, float *scratch) {
  const size_t row_bytes = dyno_row_bytes(type, k);
  float *panels = scratch, *buffer = scratch + GEMM_OUTPUTS * GEMM_DEPTH;
  for (size_t j0 = 0; j0 < n; j0 += GEMM_OUTPUTS) {
    const size_t outputs = n - j0 < GEMM_OUTPUTS ? n - j0 : GEMM_OUTPUTS;
    const uint8_t *rows = (const uint8_t *)w + j0 * row_bytes;
    for (size_t l0 = 0; l0 < k; l0 += GEMM_DEPTH) {
      const size_t depth = k - l0 < GEMM_DEPTH ? k - l0 : GEMM_DEPTH;
      const bool add = accumulate || l0 > 0;
      for (size_t j = 0; j < outputs; j += GEMM_WIDTH)
        pack_panel(
          type, rows + j * row_bytes, row_bytes, outputs - j < GEMM_WIDTH ? outputs - j : GEMM_WIDTH,
          dyno_row_bytes(type, l0), depth, buffer, panels + j * GEMM_DEPTH);
      for (size_t i = 0; i < m; i += GEMM_ROWS) {
        const size_t valid = m - i < GEMM_ROWS ? m - i : GEMM_ROWS;
        const float *tile[GEMM_ROWS];
        for (size_t r = 0; r < GEMM_ROWS; r++)
          tile[r] = x + (i + (r < valid ? r : 0)) * x_stride + l0;
        for (size_t j = 0; j < outputs; j += GEMM_WIDTH) {
          float *out = y + i * y_stride + j0 + j;
          const size_t width = outputs - j < GEMM_WIDTH ? outputs - j : GEMM_WIDTH;
          if (valid == GEMM_ROWS && width == GEMM_WIDTH) {
            gemm_tile(panels + j * GEMM_DEPTH, depth, tile, out, y_stride, add);
            continue;
          }
          // An edge: the whole tile to the side, what is valid of it to y.
          float edge[GEMM_ROWS * GEMM_WIDTH];
          gemm_tile(panels + j * GEMM_DEPTH, depth, tile, edge, GEMM_WIDTH, false);
          for (size_t r = 0; r < valid; r++)
            for (size_t c = 0; c < width; c++) {
              const float before = add ? out[r * y_stride + c] : 0;
              out[r * y_stride + c] = before + edge[r * GEMM_WIDTH + c];
            }
        }
      }
    }
  }
}
