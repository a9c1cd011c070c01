#if defined(__x86_64__)
#include <immintrin.h>

#include "tables.h"
#include "formats.h"

// Everything below, and nothing of the headers above, is compiled for this instruction set.
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))), apply_to = function)
#include "simd/avx512_shape.h"
#define MULTIPLY_BYTES(a, b) ((vi16)_mm512_maddubs_epi16((__m512i)(a), (__m512i)(b)))
// There is no instruction that takes signs: where a is negative, b is negated.
#define MULTIPLY_SIGNED_BYTES(a, b) \
  ((vi16)_mm512_maddubs_epi16( \
    _mm512_abs_epi8((__m512i)(a)), \
    _mm512_mask_sub_epi8( \
      (__m512i)(b), _mm512_movepi8_mask((__m512i)(a)), _mm512_setzero_si512(), (__m512i)(b))))
#define ADD_PAIRS(a) ((vi)_mm512_madd_epi16((__m512i)(a), _mm512_set1_epi16(1)))
#define TABLE dyno_avx512_kernels
#define INSTRUCTION_SET DYNO_AVX512
#define NAME "avx512"
#include "simd/table.h"
#pragma clang attribute pop
#endif
