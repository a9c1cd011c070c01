#if defined(__x86_64__)
#include "../../kernels/tables.h"
#include "../../kernels/formats.h"
#include "emulated.h"

// Vectors this wide have no calling convention without AVX-512, but everything here is inlined.
#pragma clang diagnostic ignored "-Wpsabi"
#pragma clang attribute push(EMULATED, apply_to = function)
#define LANES 16
#define TILE_COLUMNS 6
#define PANEL_ROWS 14
#define PANEL_VECTORS 2
#define BLOCKS_FOR_TABLES dyno_lanes16_multiply_blocks
#define TABLE dyno_lanes16_kernels
#define INSTRUCTION_SET DYNO_AVX512
#define NAME "avx512's shape"
#include "../../kernels/simd/table.h"
#pragma clang attribute pop
#endif
