// Q4_0: value = scale · (quant - 8); a byte holds the quants of inputs i and i + 16.
typedef struct {
  _Float16 scale;
  uint8_t nibbles[16];
} block_q4_0;
_Static_assert(sizeof(block_q4_0) == 18, "GGUF's layout");

static inline void codes_q4_0(const block_q4_0 *b, uint8_t *codes) {
  codes_of_nibbles(b->nibbles, 16, codes);
}

static inline void header_q4_0(const block_q4_0 *b, uint8_t *header) {
  memcpy(header, &b->scale, 2);
}

static inline coefficients coefficients_q4_0(const uint8_t *header, int part) {
  (void)part;
  return (coefficients){half_at(header, 0), 0};
}

static inline uint8_t *frame_q4_0(block_q4_0 *b, float scale) {
  b->scale = (_Float16)scale;
  return b->nibbles;
}
