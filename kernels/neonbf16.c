#if defined(__aarch64__)
#include <arm_neon.h>

#include "tables.h"
#include "formats.h"

// Processors with both extensions are Neoverse V1 and N2, Apple M2 and later ones. Everything below,
// and nothing of the headers above, is compiled for them.
#pragma clang attribute push(__attribute__((target("bf16,i8mm"))), apply_to = function)
#include "simd/neon.h"
#define DOT_BYTES(sums, a, b) \
  ((vi)vusdotq_s32((int32x4_t)(sums), (uint8x16_t)(a), (int8x16_t)(b)))
// The sum of both products, and its sum with what was there, are each rounded to odd (off by less than
// a unit in the last place); denormal numbers are 0 (Arm Architecture Reference Manual, BFDOT).
#define DOT_PAIRS(sums, a, b) \
  ((vf)vbfdotq_f32((float32x4_t)(sums), (bfloat16x8_t)(a), (bfloat16x8_t)(b)))
#define TABLE dyno_neonbf16_kernels
#define INSTRUCTION_SET DYNO_NEONBF16
#define NAME "neonbf16"
#include "simd/table.h"
#pragma clang attribute pop
#endif
