// Builds one instruction set's table. The including file sets LANES, TILE_COLUMNS, TABLE,
// INSTRUCTION_SET and NAME, and enables the instructions.
#include "../tables.h"
#include "vector.h"

#include "rowwise.h"
#include "softmax.h"

#define ELEMENT float
#define LOAD load_f32
#define SCALAR(x) (x)
#define TYPED(name) name##_f32
#include "matmul.h"
#include "attention.h"
#undef ELEMENT
#undef LOAD
#undef SCALAR
#undef TYPED

#define ELEMENT uint16_t
#define LOAD load_bf16
#define SCALAR(x) f32_from_bf16(x)
#define TYPED(name) name##_bf16
#include "matmul.h"
#include "attention.h"
#undef ELEMENT
#undef LOAD
#undef SCALAR
#undef TYPED

#define ELEMENT _Float16
#define LOAD load_f16
#define SCALAR(x) ((float)(x))
#define TYPED(name) name##_f16
#include "matmul.h"
#include "attention.h"
#undef ELEMENT
#undef LOAD
#undef SCALAR
#undef TYPED

#include "blocks.h"
#include "gemm.h"
#include "machine.h"

static void matmul(
  dyno_dtype type, const void *w, size_t n, size_t k, const float *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate) {
  switch (type) {
    case DYNO_F32: matmul_f32(w, n, k, x, x_stride, m, y, y_stride, accumulate); return;
    case DYNO_BF16: matmul_bf16(w, n, k, x, x_stride, m, y, y_stride, accumulate); return;
    case DYNO_F16: matmul_f16(w, n, k, x, x_stride, m, y, y_stride, accumulate); return;
    case DYNO_Q8_0:
      matmul_blocks(DYNO_Q8_0, w, n, k, x, x_stride, m, y, y_stride, accumulate);
      return;
    case DYNO_Q4_0:
      matmul_blocks(DYNO_Q4_0, w, n, k, x, x_stride, m, y, y_stride, accumulate);
      return;
    case DYNO_Q4_1:
      matmul_blocks(DYNO_Q4_1, w, n, k, x, x_stride, m, y, y_stride, accumulate);
      return;
  }
}

static void attention(const dyno_attention_block *block) {
  switch (block->cache_type) {
    case DYNO_F32: attention_f32(block); return;
    case DYNO_BF16: attention_bf16(block); return;
    case DYNO_F16: attention_f16(block); return;
    case DYNO_Q8_0:
    case DYNO_Q4_0:
    case DYNO_Q4_1: __builtin_unreachable();
  }
}

const dyno_kernels TABLE = {
  INSTRUCTION_SET, NAME, expand, round_to, matmul, gemm, rms_norm, swiglu, rotate, attention,
  fill_uniform, read_all, multiply_add,
};
