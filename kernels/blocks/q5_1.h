// Q5_1: value = scale · quant + minimum, of which `high` holds the fifth bits: bit i that of input i.
typedef struct {
  _Float16 scale, minimum;
  uint8_t high[4];
  uint8_t nibbles[16];
} block_q5_1;
_Static_assert(sizeof(block_q5_1) == 24, "GGUF's layout");

static inline void codes_q5_1(const block_q5_1 *b, uint8_t *codes) {
  codes_of_nibbles(b->nibbles, 16, codes);
  for (int i = 0; i < 32; i++) codes[i] |= (uint8_t)((b->high[i / 8] >> i % 8 & 1) << 4);
}

static inline void header_q5_1(const block_q5_1 *b, uint8_t *header) {
  memcpy(header, &b->scale, 4);
}

static inline coefficients coefficients_q5_1(const uint8_t *header, int part) {
  (void)part;
  return (coefficients){half_at(header, 0), half_at(header, 1)};
}

static inline void pack_q5_1(block_q5_1 *b, const uint8_t *codes) {
  nibbles_of_codes(codes, 16, b->nibbles);
  fifth_bits_of_codes(codes, b->high);
}

static inline uint8_t *frame_q5_1(block_q5_1 *b, float scale) {
  b->scale = (_Float16)scale;
  b->minimum = (_Float16)(-15.5f * scale);
  return b->high;
}
