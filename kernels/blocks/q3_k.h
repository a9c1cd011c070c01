// Q3_K: 16 parts of 16: value = scale · (part's scale - 32) · (quant - 4). Quants lie as Q2_K's, with
// their third bits in `high`: of input i, bit i / 32 of byte i % 32. Parts' scales have 6 bits: of
// part p, 4 in nibble p / 8 of byte p % 8, the upper 2 in bits 2·(p / 4) of byte 8 + p % 4.
typedef struct {
  uint8_t high[32];
  uint8_t pairs[64];
  uint8_t parts[12];
  _Float16 scale;
} block_q3_k;
_Static_assert(sizeof(block_q3_k) == 110, "GGUF's layout");

static inline void codes_q3_k(const block_q3_k *b, uint8_t *codes) {
  for (int i = 0; i < 256; i++) {
    const int low = b->pairs[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
    codes[i] = (uint8_t)(low | (b->high[i % 32] >> i / 32 & 1) << 2);
  }
}

// After the scale: 16 times the lower 4 bits, 16 times the upper 2.
static inline void header_q3_k(const block_q3_k *b, uint8_t *header) {
  uint32_t words[3] = {0, 0, 0};
  for (int p = 0; p < 16; p++) {
    const uint32_t low = b->parts[p % 8] >> p / 8 * 4 & 15;
    const uint32_t high = b->parts[8 + p % 4] >> p / 4 * 2 & 3;
    words[p / 8] |= low << 4 * (p % 8);
    words[2] |= high << 2 * p;
  }
  memcpy(header, &b->scale, 2);
  memcpy(header + 2, words, 12);
}

static inline coefficients coefficients_q3_k(const uint8_t *header, int part) {
  const uint32_t low = word_at(header + 2, part / 8) >> 4 * (part % 8) & 15;
  const uint32_t high = word_at(header + 2, 2) >> 2 * part & 3;
  return (coefficients){half_at(header, 0) * (float)((int)(low | high << 4) - 32), 0};
}

// Scales in [-32, 31].
static inline void pack_parts_q3_k(block_q3_k *b, const int *scales) {
  memset(b->parts, 0, sizeof b->parts);
  for (int p = 0; p < 16; p++) {
    const int scale = scales[p] + 32;
    b->parts[p % 8] |= (uint8_t)((scale & 15) << p / 8 * 4);
    b->parts[8 + p % 4] |= (uint8_t)(scale >> 4 << p / 4 * 2);
  }
}

static inline void pack_q3_k(block_q3_k *b, const uint8_t *codes) {
  memset(b->pairs, 0, sizeof b->pairs);
  memset(b->high, 0, sizeof b->high);
  for (int i = 0; i < 256; i++) {
    b->pairs[i / 128 * 32 + i % 32] |= (uint8_t)((codes[i] & 3) << i % 128 / 32 * 2);
    b->high[i % 32] |= (uint8_t)(codes[i] >> 2 << i / 32);
  }
}

static inline uint8_t *frame_q3_k(block_q3_k *b, float scale) {
  int scales[16];
  for (int p = 0; p < 16; p++) scales[p] = 16;
  pack_parts_q3_k(b, scales);
  b->scale = (_Float16)(scale / 16);
  return b->high;
}
