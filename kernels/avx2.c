#if defined(__x86_64__)
#include "tables.h"
#include "formats.h"

// Everything below, and nothing of the headers above, is compiled for this instruction set.
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define LANES 8
#define TILE_COLUMNS 3  // 4 × 3 sums, 3 activations and a weight fill the 16 registers
#define TABLE dyno_avx2_kernels
#define INSTRUCTION_SET DYNO_AVX2
#define NAME "avx2"
#include "simd/table.h"
#pragma clang attribute pop
#endif
