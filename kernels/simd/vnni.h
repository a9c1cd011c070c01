// The shape of AVX-512's kernels and VNNI's products, for table.h.
#define LANES 16
#define TILE_COLUMNS 6  // 4 × 6 sums, 6 activations and a weight: 31 of the 32 registers
#define PANEL_ROWS 14  // 14 × 2 sums, 2 weights and an activation: 31 of the 32 registers
#define PANEL_VECTORS 2
// Four products of bytes, or two of words, are added to a sum by one instruction.
#define byte_sums vi
#define MULTIPLY_ADD_BYTES(sums, a, b) \
  ((vi)_mm512_dpbusd_epi32((__m512i)(sums), (__m512i)(a), (__m512i)(b)))
#define NIBBLE_OFFSET(sum) (-8 * (sum))
#define whole_sums(sums) (sums)
#define MULTIPLY_ADD_WORDS(sums, a, b) \
  ((vi)_mm512_dpwssd_epi32((__m512i)(sums), (__m512i)(a), (__m512i)(b)))
