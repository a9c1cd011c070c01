// The shape of NEON's kernels, for table.h.
#define LANES 4
#define TILE_COLUMNS 6  // 4 × 6 sums, 6 activations and a weight: 31 of the 32 registers
#define PANEL_ROWS 6  // 6 × 4 sums, 4 weights and an activation: 29 of the 32 registers
#define PANEL_VECTORS 4
#define LOOK_UP(table, codes) ((vu8)vqtbl1q_u8(vld1q_u8(table), (uint8x16_t)(codes)))
