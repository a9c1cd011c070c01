#if defined(__x86_64__)
#include <immintrin.h>

#include "tables.h"
#include "formats.h"

// Everything below, and nothing of the headers above, is compiled for this instruction set.
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define LANES 8
#define TILE_COLUMNS 3  // 4 × 3 sums, 3 activations and a weight fill the 16 registers
#define PANEL_ROWS 6  // 6 × 2 sums, 2 weights and an activation: 15 of the 16 registers
#define PANEL_VECTORS 2
#define MULTIPLY_BYTES(a, b) ((vi16)_mm256_maddubs_epi16((__m256i)(a), (__m256i)(b)))
#define MULTIPLY_SIGNED_BYTES(a, b) \
  ((vi16)_mm256_maddubs_epi16( \
    _mm256_abs_epi8((__m256i)(a)), _mm256_sign_epi8((__m256i)(b), (__m256i)(a))))
#define ADD_PAIRS(a) ((vi)_mm256_madd_epi16((__m256i)(a), _mm256_set1_epi16(1)))
#define LOOK_UP(table, codes) \
  ((vu8)_mm256_shuffle_epi8( \
    _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(table))), \
    (__m256i)(codes)))
#define TABLE dyno_avx2_kernels
#define INSTRUCTION_SET DYNO_AVX2
#define NAME "avx2"
#include "simd/table.h"
#pragma clang attribute pop
#endif
