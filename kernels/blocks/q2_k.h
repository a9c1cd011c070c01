// Q2_K: 16 parts of 16: value = scale · part's scale · quant - minimum · part's minimum. A byte of
// `parts` holds a part's scale, then its minimum, of 4 bits each. Of 128 inputs, byte i of 32 holds
// inputs i, i + 32, i + 64 and i + 96.
typedef struct {
  uint8_t parts[16];
  uint8_t pairs[64];
  _Float16 scale, minimum;
} block_q2_k;
_Static_assert(sizeof(block_q2_k) == 84, "GGUF's layout");

static inline void codes_q2_k(const block_q2_k *b, uint8_t *codes) {
  for (int i = 0; i < 256; i++)
    codes[i] = b->pairs[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
}

static inline void header_q2_k(const block_q2_k *b, uint8_t *header) {
  memcpy(header, &b->scale, 4);
  memcpy(header + 4, b->parts, 16);
}

static inline coefficients coefficients_q2_k(const uint8_t *header, int part) {
  const uint8_t packed = header[4 + part];
  return (coefficients){
    half_at(header, 0) * (float)(packed & 15), -half_at(header, 1) * (float)(packed >> 4)};
}
