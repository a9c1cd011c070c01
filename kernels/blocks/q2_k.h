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

// Scales and minima of 4 bits.
static inline void pack_parts_q2_k(block_q2_k *b, const int *scales, const int *minima) {
  for (int p = 0; p < 16; p++) b->parts[p] = (uint8_t)(scales[p] | minima[p] << 4);
}

static inline void pack_q2_k(block_q2_k *b, const uint8_t *codes) {
  memset(b->pairs, 0, sizeof b->pairs);
  for (int i = 0; i < 256; i++)
    b->pairs[i / 128 * 32 + i % 32] |= (uint8_t)(codes[i] << i % 128 / 32 * 2);
}

static inline uint8_t *frame_q2_k(block_q2_k *b, float scale) {
  b->scale = b->minimum = (_Float16)(scale / 8);
  for (int p = 0; p < 16; p++) b->parts[p] = 8 | 12 << 4;
  return b->pairs;
}
