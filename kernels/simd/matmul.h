// y = x·wᵀ for one storage type of w. Included once for each, with ELEMENT (the C type), LOAD (to a
// vector of f32), SCALAR (to one f32) and TYPED (a name with the type's suffix).
//
// For weights that are not packed: what fills no panel, and what is multiplied in f32 for reference.
// Both operands are read along k, where both are contiguous. A tile of
// 4 weight rows by up to TILE_COLUMNS activation rows keeps its sums in registers.

// One tile: 4 weight rows, `columns` (a constant) activation rows, k elements.
_Static_assert(TILE_COLUMNS == 3 || TILE_COLUMNS == 6, "the cases below");

INLINE void TYPED(tile)(
  const ELEMENT *w, size_t w_stride, const float *x, size_t x_stride, size_t k, float *y,
  size_t y_stride, bool accumulate, const int columns) {
  vf sums[TILE_COLUMNS][4];
#pragma unroll
  for (int i = 0; i < columns; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) sums[i][j] = (vf)0.0f;
  size_t l = 0;
  for (; l + LANES <= k; l += LANES) {
    vf activations[TILE_COLUMNS];
#pragma unroll
    for (int i = 0; i < columns; i++) activations[i] = load_f32(x + i * x_stride + l);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const vf weight = LOAD(w + j * w_stride + l);
#pragma unroll
      for (int i = 0; i < columns; i++) sums[i][j] = fma_vf(weight, activations[i], sums[i][j]);
    }
  }
#pragma unroll
  for (int i = 0; i < columns; i++) {
    f4 total = sum4(sums[i][0], sums[i][1], sums[i][2], sums[i][3]);
    for (size_t t = l; t < k; t++) {
      const float a = x[i * x_stride + t];
      total += a * (f4){
        SCALAR(w[t]), SCALAR(w[w_stride + t]), SCALAR(w[2 * w_stride + t]),
        SCALAR(w[3 * w_stride + t])};
    }
    float *out = y + i * y_stride;
    if (accumulate) {
      f4 before;
      __builtin_memcpy(&before, out, sizeof before);
      total += before;
    }
    __builtin_memcpy(out, &total, sizeof total);
  }
}

// One weight row against one activation row: what is left over by the tiles.
INLINE float TYPED(dot)(const ELEMENT *w, const float *x, size_t k) {
  vf sums[4] = {0};
  size_t l = 0;
  for (; l + 4 * LANES <= k; l += 4 * LANES)
#pragma unroll
    for (int u = 0; u < 4; u++)
      sums[u] = fma_vf(LOAD(w + l + u * LANES), load_f32(x + l + u * LANES), sums[u]);
  for (; l + LANES <= k; l += LANES) sums[0] = fma_vf(LOAD(w + l), load_f32(x + l), sums[0]);
  float total = sum_vf((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; l < k; l++) total += SCALAR(w[l]) * x[l];
  return total;
}

// Rows of w are w_stride elements apart.
static void TYPED(matmul)(
  const ELEMENT *w, size_t w_stride, size_t n, size_t k, const float *x, size_t x_stride, size_t m, float *y,
  size_t y_stride, bool accumulate) {
  // The activations' part of a k block stays in L2 (256 KiB) while a block of weight rows passes.
  size_t k_block = (65536 / m) / 64 * 64;
  if (k_block < 256) k_block = 256;
  const size_t row_block = 64;
  for (size_t j0 = 0; j0 < n; j0 += row_block) {
    const size_t j1 = j0 + row_block < n ? j0 + row_block : n;
    for (size_t l0 = 0; l0 < k; l0 += k_block) {
      const size_t depth = l0 + k_block < k ? k_block : k - l0;
      const bool add = accumulate || l0 > 0;
      size_t j = j0;
      for (; j + 4 <= j1; j += 4) {
        const ELEMENT *rows = w + j * w_stride + l0;
        for (size_t i = 0; i < m;) {
          // As even as can be: 4 rows at 3 a tile are 2 and 2, not 3 and 1.
          const size_t left = m - i, tiles = (left + TILE_COLUMNS - 1) / TILE_COLUMNS;
          const size_t columns = (left + tiles - 1) / tiles;
          const float *from = x + i * x_stride + l0;
          float *out = y + i * y_stride + j;
          switch (columns) {
#if TILE_COLUMNS > 3
            case 6: TYPED(tile)(rows, w_stride, from, x_stride, depth, out, y_stride, add, 6); break;
            case 5: TYPED(tile)(rows, w_stride, from, x_stride, depth, out, y_stride, add, 5); break;
            case 4: TYPED(tile)(rows, w_stride, from, x_stride, depth, out, y_stride, add, 4); break;
#endif
            case 3: TYPED(tile)(rows, w_stride, from, x_stride, depth, out, y_stride, add, 3); break;
            case 2: TYPED(tile)(rows, w_stride, from, x_stride, depth, out, y_stride, add, 2); break;
            case 1: TYPED(tile)(rows, w_stride, from, x_stride, depth, out, y_stride, add, 1); break;
          }
          i += columns;
        }
      }
      for (; j < j1; j++)
        for (size_t i = 0; i < m; i++) {
          const float total = TYPED(dot)(w + j * w_stride + l0, x + i * x_stride + l0, depth);
          float *out = y + i * y_stride + j;
          *out = add ? *out + total : total;
        }
    }
  }
}
