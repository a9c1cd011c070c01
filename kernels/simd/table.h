// Builds one instruction set's table. The including file sets LANES, TILE_COLUMNS, PANEL_ROWS,
// PANEL_VECTORS, TABLE, INSTRUCTION_SET and NAME, enables the instructions, and may replace the
// products of integers.h and define DOT_PAIRS (float_panels.h) and the tiles of bf16_tiles.h.
#include "../tables.h"
#include "vector.h"

#include "rowwise.h"
#include "softmax.h"

#define ELEMENT float
#define LOAD load_f32
#define SCALAR(x) (x)
#define TYPED(name) name##_f32
#include "matmul.h"
#undef ELEMENT
#undef LOAD
#undef SCALAR
#undef TYPED

#define ELEMENT uint16_t
#define LOAD load_bf16
#define SCALAR(x) f32_from_bf16(x)
#define TYPED(name) name##_bf16
#include "matmul.h"
#undef ELEMENT
#undef LOAD
#undef SCALAR
#undef TYPED

#define ELEMENT _Float16
#define LOAD load_f16
#define SCALAR(x) ((float)(x))
#define TYPED(name) name##_f16
#include "matmul.h"
#undef ELEMENT
#undef LOAD
#undef SCALAR
#undef TYPED

#include "integers.h"
#include "block_layout.h"
#include "activation_blocks.h"

// A table may use another's products of blocks: to compile them takes longest.
#ifdef BLOCKS_OF_TABLE
void BLOCKS_OF_TABLE(
  dyno_dtype type, const void *w, size_t n, size_t k, const void *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, float *scratch);
#define multiply_blocks BLOCKS_OF_TABLE
#else
#include "block_panels.h"
#ifdef BLOCKS_FOR_TABLES
#define multiply_blocks BLOCKS_FOR_TABLES
void multiply_blocks(
  dyno_dtype type, const void *w, size_t n, size_t k, const void *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, float *scratch);
#else
static
#endif
void multiply_blocks(
  dyno_dtype type, const void *w, size_t n, size_t k, const void *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, float *scratch) {
  switch (type) {
#define FORMAT(type, ...) \
  case type: panels_of_type(type, w, n, k, x, x_stride, m, y, y_stride, accumulate, scratch); return;
    FOR_EACH_BLOCK_FORMAT(FORMAT)
#undef FORMAT
    default: __builtin_unreachable();
  }
}
#endif
#include "float_panels.h"

static void matmul_quantized(
  dyno_dtype type, const void *w, size_t n, size_t k, const void *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, float *scratch) {
#ifdef DOT_PAIRS
  if (type == DYNO_BF16) {
    matmul_pairs(w, n, k, x, x_stride, m, y, y_stride, accumulate);
    return;
  }
#endif
  multiply_blocks(type, w, n, k, x, x_stride, m, y, y_stride, accumulate, scratch);
}

#define MATMUL_PACKED matmul_packed
#define MATMUL_QUANTIZED matmul_quantized
#define MULTIPLY_ADD_BF16 NULL
#define MULTIPLY_ADD_PAIRS NULL
#ifdef DOT_PAIRS
#undef MULTIPLY_ADD_PAIRS
#define MULTIPLY_ADD_PAIRS multiply_add_pairs
#endif
#ifdef TILE_MULTIPLY_ADD
#include "bf16_tiles.h"
#ifdef DOT_PAIRS
#undef MATMUL_QUANTIZED
#undef MULTIPLY_ADD_PAIRS
#define MATMUL_QUANTIZED tiled_matmul_quantized
#define MULTIPLY_ADD_PAIRS multiply_add_tiles
#else
#undef MATMUL_PACKED
#undef MULTIPLY_ADD_BF16
#define MATMUL_PACKED tiled_matmul_packed
#define MULTIPLY_ADD_BF16 multiply_add_tiles
#endif
#endif
#include "attention.h"
#include "machine.h"

static void matmul(
  dyno_dtype type, const void *w, size_t n, size_t k, const float *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate) {
  switch (type) {
    case DYNO_F32: matmul_f32(w, k, n, k, x, x_stride, m, y, y_stride, accumulate); return;
    case DYNO_BF16: matmul_bf16(w, k, n, k, x, x_stride, m, y, y_stride, accumulate); return;
    case DYNO_F16: matmul_f16(w, k, n, k, x, x_stride, m, y, y_stride, accumulate); return;
    default: __builtin_unreachable();
  }
}

static void pack_rows(dyno_dtype type, const void *rows, size_t k, void *panel) {
  switch (type) {
    case DYNO_F32: pack_floats(DYNO_F32, rows, k, panel); return;
    case DYNO_BF16: pack_floats(DYNO_BF16, rows, k, panel); return;
    case DYNO_F16: pack_floats(DYNO_F16, rows, k, panel); return;
#define FORMAT(type, ...) \
  case type: pack_blocks(type, rows, k, panel); return;
    FOR_EACH_BLOCK_FORMAT(FORMAT)
#undef FORMAT
  }
}

static void expand_packed(
  dyno_dtype type, const void *panel, size_t row, size_t k, float *destination) {
  if (dyno_is_block(type))
    expand_packed_blocks(type, panel, row, k, destination);
  else
    expand_packed_floats(type, panel, row, k, destination);
}

const dyno_kernels TABLE = {
  INSTRUCTION_SET, NAME, expand, round_to, matmul, FLOAT_PANEL, LANES, pack_rows,
  expand_packed, MATMUL_PACKED, activation_bytes, quantize_activations, MATMUL_QUANTIZED, rms_norm,
  layer_norm, activate, rotate, store_key, attention, fill_uniform, read_all, multiply_add, multiply_add_bytes,
  MULTIPLY_ADD_BF16, MULTIPLY_ADD_PAIRS,
};
