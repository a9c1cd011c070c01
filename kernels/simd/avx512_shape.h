// The shape of AVX-512's kernels, for table.h.
#define LANES 16
#define TILE_COLUMNS 6  // 4 × 6 sums, 6 activations and a weight: 31 of the 32 registers
#define PANEL_ROWS 14  // 14 × 2 sums, 2 weights and an activation: 31 of the 32 registers
#define PANEL_VECTORS 2
#define LOOK_UP(table, codes) \
  ((vu8)_mm512_shuffle_epi8( \
    _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)(table))), \
    (__m512i)(codes)))
