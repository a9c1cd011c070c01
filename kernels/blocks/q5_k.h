// Q5_K: as Q4_K, with quants' fifth bits in `high`: of input i, bit i / 32 of byte i % 32.
typedef struct {
  _Float16 scale, minimum;
  uint8_t parts[12];
  uint8_t high[32];
  uint8_t nibbles[128];
} block_q5_k;
_Static_assert(sizeof(block_q5_k) == 176, "GGUF's layout");

static inline void codes_q5_k(const block_q5_k *b, uint8_t *codes) {
  for (int pair = 0; pair < 4; pair++)
    codes_of_nibbles(b->nibbles + 32 * pair, 32, codes + 64 * pair);
  for (int i = 0; i < 256; i++) codes[i] |= (uint8_t)((b->high[i % 32] >> i / 32 & 1) << 4);
}

static inline void header_q5_k(const block_q5_k *b, uint8_t *header) {
  memcpy(header, &b->scale, 4);
  header_of_parts(b->parts, header + 4);
}

static inline coefficients coefficients_q5_k(const uint8_t *header, int part) {
  return coefficients_q4_k(header, part);
}

static inline void pack_parts_q5_k(block_q5_k *b, const int *scales, const int *minima) {
  pack_parts(b->parts, scales, minima);
}

static inline void pack_q5_k(block_q5_k *b, const uint8_t *codes) {
  memset(b->high, 0, sizeof b->high);
  for (int pair = 0; pair < 4; pair++)
    nibbles_of_codes(codes + 64 * pair, 32, b->nibbles + 32 * pair);
  for (int i = 0; i < 256; i++) b->high[i % 32] |= (uint8_t)(codes[i] >> 4 << i / 32);
}

static inline uint8_t *frame_q5_k(block_q5_k *b, float scale) {
  frame_parts(b->parts, 16);
  b->scale = (_Float16)(scale / 16);
  b->minimum = (_Float16)(15.5f * scale / 16);
  return b->high;
}
