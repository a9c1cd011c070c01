#if defined(__x86_64__)
#include <immintrin.h>

#include "tables.h"
#include "formats.h"

// Everything below, and nothing of the headers above, is compiled for this instruction set.
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))), apply_to = function)
#define LANES 16
#define TILE_COLUMNS 6  // 4 × 6 sums, 6 activations and a weight: 31 of the 32 registers
#define PANEL_ROWS 14  // 14 × 2 sums, 2 weights and an activation: 31 of the 32 registers
#define PANEL_VECTORS 2
#define MULTIPLY_BYTES(a, b) ((vi16)_mm512_maddubs_epi16((__m512i)(a), (__m512i)(b)))
// There is no instruction that takes signs: where a is negative, b is negated.
#define MULTIPLY_SIGNED_BYTES(a, b) \
  ((vi16)_mm512_maddubs_epi16( \
    _mm512_abs_epi8((__m512i)(a)), \
    _mm512_mask_sub_epi8( \
      (__m512i)(b), _mm512_movepi8_mask((__m512i)(a)), _mm512_setzero_si512(), (__m512i)(b))))
#define ADD_PAIRS(a) ((vi)_mm512_madd_epi16((__m512i)(a), _mm512_set1_epi16(1)))
#define LOOK_UP(table, codes) \
  ((vu8)_mm512_shuffle_epi8( \
    _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)(table))), (__m512i)(codes)))
#define TABLE dyno_avx512_kernels
#define INSTRUCTION_SET DYNO_AVX512
#define NAME "avx512"
#include "simd/table.h"
#pragma clang attribute pop
#endif
