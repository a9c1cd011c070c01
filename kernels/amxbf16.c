#if defined(__x86_64__)
#include <immintrin.h>

#include "tables.h"
#include "formats.h"

// avx512bf16's kernels, and AMX for many rows of bf16 by bf16 weights. As amx.c, only compiled.
#pragma clang attribute push( \
  __attribute__((target( \
    "amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16,avx2,fma,f16c"))), \
  apply_to = function)
#include "simd/amx_tiles.h"
#define BLOCKS_OF_TABLE dyno_avx512vnni_multiply_blocks
#include "simd/vnni.h"
#include "simd/bf16_pairs.h"
#define TABLE dyno_amxbf16_kernels
#define INSTRUCTION_SET DYNO_AMXBF16
#define NAME "amxbf16"
#include "simd/table.h"
#pragma clang attribute pop
#endif
