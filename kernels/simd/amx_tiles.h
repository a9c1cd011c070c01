// AMX's tiles, for bf16_tiles.h.
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
