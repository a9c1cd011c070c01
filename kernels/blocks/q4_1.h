// Q4_1: value = scale · quant + minimum; a byte holds the quants of inputs i and i + 16.
typedef struct {
  _Float16 scale, minimum;
  uint8_t nibbles[16];
} block_q4_1;
_Static_assert(sizeof(block_q4_1) == 20, "GGUF's layout");

static inline void codes_q4_1(const block_q4_1 *b, uint8_t *codes) {
  codes_of_nibbles(b->nibbles, 16, codes);
}

static inline void header_q4_1(const block_q4_1 *b, uint8_t *header) {
  memcpy(header, &b->scale, 4);
}

static inline coefficients coefficients_q4_1(const uint8_t *header, int part) {
  (void)part;
  return (coefficients){half_at(header, 0), half_at(header, 1)};
}

static inline uint8_t *frame_q4_1(block_q4_1 *b, float scale) {
  b->scale = (_Float16)scale;
  b->minimum = (_Float16)(-7.5f * scale);
  return b->nibbles;
}
