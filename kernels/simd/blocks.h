// y = x·wᵀ for few activation rows and weights in GGUF's block formats, expanded in registers.
//
// Activations stay f32, so that results differ from those of expanded weights by rounding alone.
// A block's products are summed before its scale is applied, once for 32 weights.

typedef int8_t vi8 __attribute__((ext_vector_type(LANES)));
typedef int8_t i8x16 __attribute__((ext_vector_type(16)));
typedef uint8_t u8x16 __attribute__((ext_vector_type(16)));

enum { BLOCK_VECTORS = BLOCK / LANES };

// Vector `index` of 32 small integers as f32.
INLINE vf widen(const int8_t quants[BLOCK], int index) {
  vi8 narrow;
  __builtin_memcpy(&narrow, quants + index * LANES, sizeof narrow);
  return __builtin_convertvector(__builtin_convertvector(narrow, vi), vf);
}

// Σ quants · x over one block, by lane.
INLINE vf block_products(const int8_t quants[BLOCK], const float *x) {
  vf sum = widen(quants, 0) * load_f32(x);
#pragma unroll
  for (int v = 1; v < BLOCK_VECTORS; v++)
    sum = fma_vf(widen(quants, v), load_f32(x + v * LANES), sum);
  return sum;
}

// The 32 nibbles of a block, less `offset`, in order.
INLINE void unpack(const uint8_t nibbles[BLOCK / 2], int8_t offset, int8_t quants[BLOCK]) {
  u8x16 packed;
  __builtin_memcpy(&packed, nibbles, sizeof packed);
  const i8x16 low = (i8x16)(packed & 15) - offset, high = (i8x16)(packed >> 4) - offset;
  __builtin_memcpy(quants, &low, sizeof low);
  __builtin_memcpy(quants + BLOCK / 2, &high, sizeof high);
}

INLINE float dot_blocks(dyno_dtype type, const void *row, const float *x, size_t blocks) {
  vf total = (vf)0.0f, minima = (vf)0.0f;
  for (size_t i = 0; i < blocks; i++, x += BLOCK) {
    int8_t quants[BLOCK];
    switch (type) {
      case DYNO_Q8_0: {
        const block_q8_0 *b = (const block_q8_0 *)row + i;
        total = fma_vf(block_products(b->quants, x), (vf)(float)b->scale, total);
        break;
      }
      case DYNO_Q4_0: {
        const block_q4_0 *b = (const block_q4_0 *)row + i;
        unpack(b->nibbles, 8, quants);
        total = fma_vf(block_products(quants, x), (vf)(float)b->scale, total);
        break;
      }
      case DYNO_Q4_1: {
        const block_q4_1 *b = (const block_q4_1 *)row + i;
        unpack(b->nibbles, 0, quants);
        total = fma_vf(block_products(quants, x), (vf)(float)b->scale, total);
        vf sum = load_f32(x);
#pragma unroll
        for (int v = 1; v < BLOCK_VECTORS; v++) sum += load_f32(x + v * LANES);
        minima = fma_vf(sum, (vf)(float)b->minimum, minima);
        break;
      }
      case DYNO_F32:
      case DYNO_BF16:
      case DYNO_F16: __builtin_unreachable();
    }
  }
  return sum_vf(total + minima);
}

// One loop for each type, so that the type is a constant in it.
INLINE void matmul_blocks(
  dyno_dtype type, const void *w, size_t n, size_t k, const float *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate) {
  const size_t row_bytes = dyno_row_bytes(type, k);
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < m; i++) {
      const float total =
        dot_blocks(type, (const uint8_t *)w + j * row_bytes, x + i * x_stride, k / BLOCK);
      float *out = y + i * y_stride + j;
      *out = accumulate ? *out + total : total;
    }
}
