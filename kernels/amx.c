#if defined(__x86_64__)
#include <immintrin.h>

#include "tables.h"
#include "formats.h"

// avx512vnni's kernels, and AMX for many rows of f32 by bf16 weights. What is written here has only
// been compiled: the tests run simd/bf16_tiles.h with tiles in plain C.
#pragma clang attribute push( \
  __attribute__((target( \
    "amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"))), \
  apply_to = function)
#include "simd/amx_tiles.h"
#define BLOCKS_OF_TABLE dyno_avx512vnni_multiply_blocks
#include "simd/vnni.h"
#define TABLE dyno_amx_kernels
#define INSTRUCTION_SET DYNO_AMX
#define NAME "amx"
#include "simd/table.h"
#pragma clang attribute pop
#endif
