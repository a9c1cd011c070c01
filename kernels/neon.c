#if defined(__aarch64__)
#include <arm_neon.h>

#define LANES 4
#define TILE_COLUMNS 6  // 4 × 6 sums, 6 activations and a weight: 31 of the 32 registers
#define PANEL_ROWS 6  // 6 × 4 sums, 4 weights and an activation: 29 of the 32 registers
#define PANEL_VECTORS 4
// Sums of neighbours: products of the lower halves, then of the upper ones, are in order.
#define MULTIPLY_BYTES(a, b) \
  ((vi16)vpaddq_s16( \
    vmull_s8(vget_low_s8((int8x16_t)(a)), vget_low_s8((int8x16_t)(b))), \
    vmull_high_s8((int8x16_t)(a), (int8x16_t)(b))))
#define MULTIPLY_ADD_WORDS(sums, a, b) \
  ((sums) + (vi)vpaddq_s32( \
              vmull_s16(vget_low_s16((int16x8_t)(a)), vget_low_s16((int16x8_t)(b))), \
              vmull_high_s16((int16x8_t)(a), (int16x8_t)(b))))
#define TABLE dyno_neon_kernels
#define INSTRUCTION_SET DYNO_NEON
#define NAME "neon"
#include "simd/table.h"
#endif
