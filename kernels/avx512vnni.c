#if defined(__x86_64__)
#include <immintrin.h>

#include "tables.h"
#include "formats.h"

// Everything below, and nothing of the headers above, is compiled for this instruction set.
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"))), \
  apply_to = function)
#define BLOCKS_FOR_TABLES dyno_avx512vnni_multiply_blocks
#include "simd/vnni.h"
#define TABLE dyno_avx512vnni_kernels
#define INSTRUCTION_SET DYNO_AVX512VNNI
#define NAME "avx512vnni"
#include "simd/table.h"
#pragma clang attribute pop
#endif
