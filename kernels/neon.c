#if defined(__aarch64__)
#include <arm_neon.h>

#include "simd/neon.h"
// Sums of neighbours: products of the lower halves, then of the upper ones, are in order.
#define MULTIPLY_SIGNED_BYTES(a, b) \
  ((vi16)vpaddq_s16( \
    vmull_s8(vget_low_s8((int8x16_t)(a)), vget_low_s8((int8x16_t)(b))), \
    vmull_high_s8((int8x16_t)(a), (int8x16_t)(b))))
// Levels that are not taken as signed are at most 63, the same in both.
#define MULTIPLY_BYTES MULTIPLY_SIGNED_BYTES
#define ADD_PAIRS(a) ((vi)vpaddlq_s16((int16x8_t)(a)))
#define TABLE dyno_neon_kernels
#define INSTRUCTION_SET DYNO_NEON
#define NAME "neon"
#include "simd/table.h"
#endif
