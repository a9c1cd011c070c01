#if defined(__x86_64__)
#include <immintrin.h>

#include "../../kernels/tables.h"
#include "../../kernels/formats.h"

// What avx512vnni's arithmetic makes of the kernels: products of bytes summed in 32 bits at once.
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define LANES 8
#define TILE_COLUMNS 3
#define PANEL_ROWS 14
#define PANEL_VECTORS 2
#define byte_sums vi
#define MULTIPLY_ADD_BYTES(sums, a, b) \
  ((sums) + (vi)_mm256_madd_epi16( \
              _mm256_maddubs_epi16((__m256i)(a), (__m256i)(b)), _mm256_set1_epi16(1)))
#define NIBBLE_OFFSET(sum) (-8 * (sum))
#define whole_sums(sums) (sums)
#define MULTIPLY_ADD_WORDS(sums, a, b) \
  ((sums) + (vi)_mm256_madd_epi16((__m256i)(a), (__m256i)(b)))
#define TABLE dyno_vnni_sums_kernels
#define INSTRUCTION_SET DYNO_AVX2
#define NAME "avx512vnni's arithmetic"
#include "../../kernels/simd/table.h"
#pragma clang attribute pop
#endif
