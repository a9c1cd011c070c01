#if defined(__aarch64__)
#define LANES 4
#define TILE_COLUMNS 6  // 4 × 6 sums, 6 activations and a weight: 31 of the 32 registers
#define TABLE dyno_neon_kernels
#define INSTRUCTION_SET DYNO_NEON
#define NAME "neon"
#include "simd/table.h"
#endif
