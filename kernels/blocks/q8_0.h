// Q8_0: value = scale · quant.
typedef struct {
  _Float16 scale;
  int8_t quants[32];
} block_q8_0;
_Static_assert(sizeof(block_q8_0) == 34, "GGUF's layout");

static inline void codes_q8_0(const block_q8_0 *b, uint8_t *codes) {
  for (int i = 0; i < 32; i++) codes[i] = (uint8_t)b->quants[i] ^ 128;
}

static inline void header_q8_0(const block_q8_0 *b, uint8_t *header) {
  memcpy(header, &b->scale, 2);
}

static inline coefficients coefficients_q8_0(const uint8_t *header, int part) {
  (void)part;
  return (coefficients){half_at(header, 0), 0};
}

static inline uint8_t *frame_q8_0(block_q8_0 *b, float scale) {
  b->scale = (_Float16)scale;
  return (uint8_t *)b->quants;
}
