// AMX's tiles as Intel's manual describes them, in plain C: like the processor's, they
// are a thread's own, hold nothing before they are configured, and cannot be used then. Unlike those
// they do not take denormal numbers as 0.

#pragma clang diagnostic ignored "-Wpsabi"
#pragma clang attribute push(EMULATED, apply_to = function)
static _Thread_local bool configured;
static _Thread_local union {
  uint8_t bytes[16][64];
  float sums[16][16];
  uint16_t elements[16][32];
} tiles[8];

static void begin_tiles(void) {
  memset(tiles, 0, sizeof tiles);
  configured = true;
}

static void end_tiles(void) { configured = false; }

static void zero_tile(int tile) {
  if (!configured) abort();
  memset(&tiles[tile], 0, sizeof tiles[tile]);
}

static void load_tile(int tile, const void *start, size_t stride) {
  if (!configured) abort();
  for (size_t r = 0; r < 16; r++)
    memcpy(tiles[tile].bytes[r], (const uint8_t *)start + r * stride, 64);
}

static void store_tile(int tile, void *start, size_t stride) {
  if (!configured) abort();
  for (size_t r = 0; r < 16; r++) memcpy((uint8_t *)start + r * stride, tiles[tile].bytes[r], 64);
}

// Even and odd inputs are summed apart, then both added to what was there.
static void multiply_tile(int sums, int rows, int pairs) {
  if (!configured) abort();
  for (int r = 0; r < 16; r++) {
    float parts[16][2] = {0};
    for (int p = 0; p < 16; p++)
      for (int c = 0; c < 16; c++)
        for (int odd = 0; odd < 2; odd++)
          parts[c][odd] = __builtin_fmaf(
            f32_from_bf16(tiles[rows].elements[r][2 * p + odd]),
            f32_from_bf16(tiles[pairs].elements[p][2 * c + odd]), parts[c][odd]);
    for (int c = 0; c < 16; c++) tiles[sums].sums[r][c] += parts[c][0] + parts[c][1];
  }
}

#define TILES_BEGIN begin_tiles
#define TILES_END end_tiles
#define TILE_ZERO zero_tile
#define TILE_LOAD load_tile
#define TILE_STORE store_tile
#define TILE_MULTIPLY_ADD multiply_tile
