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
