#if defined(__x86_64__)
#include "../../kernels/tables.h"
#include "../../kernels/formats.h"
#include "emulated.h"

#pragma clang attribute push(EMULATED, apply_to = function)
#define LANES 4
#define TILE_COLUMNS 6
#define PANEL_ROWS 6
#define PANEL_VECTORS 4
#define DOT_PAIRS dot_pairs
#define TABLE dyno_lanes4_kernels
#define INSTRUCTION_SET DYNO_NEON
#define NAME "neon's shape"
#include "../../kernels/simd/vector.h"
#include "dots.h"
#include "../../kernels/simd/table.h"
#pragma clang attribute pop
#endif
