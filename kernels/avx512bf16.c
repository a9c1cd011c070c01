#if defined(__x86_64__)
#include <immintrin.h>

#include "tables.h"
#include "formats.h"

// Everything below, and nothing of the headers above, is compiled for this instruction set.
#pragma clang attribute push( \
  __attribute__((target( \
    "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16,avx2,fma,f16c"))), \
  apply_to = function)
#define BLOCKS_OF_TABLE dyno_avx512vnni_multiply_blocks
#include "simd/vnni.h"
#include "simd/bf16_pairs.h"
#define TABLE dyno_avx512bf16_kernels
#define INSTRUCTION_SET DYNO_AVX512BF16
#define NAME "avx512bf16"
#include "simd/table.h"
#pragma clang attribute pop
#endif
