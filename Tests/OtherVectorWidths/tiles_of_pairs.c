#if defined(__x86_64__)
#include <stdlib.h>

#include "../../kernels/tables.h"
#include "../../kernels/formats.h"

// The kernels with tiles for activations of bf16.
#include "emulated.h"
#include "emulated_tiles.h"
#define LANES 16
#define TILE_COLUMNS 6
#define PANEL_ROWS 14
#define PANEL_VECTORS 2
#define BLOCKS_OF_TABLE dyno_lanes16_multiply_blocks
#define DOT_PAIRS dot_pairs
#define TABLE dyno_tiles_of_pairs_kernels
#define INSTRUCTION_SET DYNO_AVX512
#define NAME "amx's tiles of pairs"
#include "../../kernels/simd/vector.h"
#include "dots.h"
#include "../../kernels/simd/table.h"
#pragma clang attribute pop
#endif
