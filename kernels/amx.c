#if defined(__x86_64__)
#include <immintrin.h>

#include "tables.h"
#include "formats.h"

// avx512bf16's kernels, and AMX for many rows of f32 by bf16 weights. What is written here has only been
// compiled: the tests run simd/bf16_tiles.h with tiles in plain C.
#pragma clang attribute push( \
  __attribute__((target( \
    "amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16,avx2,fma,f16c"))), \
  apply_to = function)
// Eight tiles of 16 rows of 64 bytes. A thread that leaves them configured pays at each switch.
static inline void configure_tiles(void) {
  const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } configuration = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
  };
  _Static_assert(sizeof configuration == 64, "as the instruction wants it");
  _tile_loadconfig(&configuration);
}
#define TILES_BEGIN configure_tiles
#define TILES_END _tile_release
#define TILE_ZERO(t) _tile_zero(t)
#define TILE_LOAD(t, start, stride) _tile_loadd(t, start, stride)
#define TILE_STORE(t, start, stride) _tile_stored(t, start, stride)
#define TILE_MULTIPLY_ADD(sums, rows, pairs) _tile_dpbf16ps(sums, rows, pairs)
#define BLOCKS_OF_TABLE dyno_avx512vnni_multiply_blocks
#include "simd/vnni.h"
#include "simd/bf16_pairs.h"
#define TABLE dyno_amx_kernels
#define INSTRUCTION_SET DYNO_AMX
#define NAME "amx"
#include "simd/table.h"
#pragma clang attribute pop
#endif
