#if defined(__x86_64__)
#include <immintrin.h>

#include "../../kernels/tables.h"
#include "../../kernels/formats.h"
#include "emulated.h"

// What avx512vnni's arithmetic makes of the kernels: products of bytes summed in 32 bits at once.
#pragma clang attribute push(EMULATED, apply_to = function)
#define LANES 8
#define TILE_COLUMNS 3
#define PANEL_ROWS 14
#define PANEL_VECTORS 2
#define DOT_BYTES dot_bytes
#define DOT_PAIRS dot_pairs
#define TABLE dyno_vnni_sums_kernels
#define INSTRUCTION_SET DYNO_AVX2
#define NAME "avx512vnni's arithmetic"
#include "../../kernels/simd/vector.h"
#include "dots.h"
#include "../../kernels/simd/table.h"
#pragma clang attribute pop
#endif
