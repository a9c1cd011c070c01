#if defined(__x86_64__)
#include <stdlib.h>

#include "../../kernels/tables.h"
#include "../../kernels/formats.h"

// The kernels with tiles for activations of f32.
#include "emulated.h"
#include "emulated_tiles.h"
#define LANES 16
#define TILE_COLUMNS 6
#define PANEL_ROWS 14
#define PANEL_VECTORS 2
#define BLOCKS_OF_TABLE dyno_lanes16_multiply_blocks
#define TABLE dyno_tiles_kernels
#define INSTRUCTION_SET DYNO_AVX512
#define NAME "amx's tiles"
#include "../../kernels/simd/table.h"
#pragma clang attribute pop
#endif
