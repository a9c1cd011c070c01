// Q6_K: 16 parts of 16: value = scale · part's scale · (quant - 32). Of 128 inputs, byte i of 64
// holds the lower 4 bits of inputs i and i + 64, byte i of 32 in `high` the upper 2 of inputs i,
// i + 32, i + 64 and i + 96.
typedef struct {
  uint8_t nibbles[128];
  uint8_t high[64];
  int8_t parts[16];
  _Float16 scale;
} block_q6_k;
_Static_assert(sizeof(block_q6_k) == 210, "GGUF's layout");

static inline void codes_q6_k(const block_q6_k *b, uint8_t *codes) {
  for (int half = 0; half < 2; half++)
    codes_of_nibbles(b->nibbles + 64 * half, 64, codes + 128 * half);
  for (int i = 0; i < 256; i++)
    codes[i] |= (uint8_t)((b->high[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3) << 4);
}

static inline void header_q6_k(const block_q6_k *b, uint8_t *header) {
  memcpy(header, &b->scale, 2);
  memcpy(header + 2, b->parts, 16);
}

static inline coefficients coefficients_q6_k(const uint8_t *header, int part) {
  return (coefficients){half_at(header, 0) * (float)(int8_t)header[2 + part], 0};
}

// Scales in [-128, 127].
static inline void pack_parts_q6_k(block_q6_k *b, const int *scales) {
  for (int p = 0; p < 16; p++) b->parts[p] = (int8_t)scales[p];
}

static inline void pack_q6_k(block_q6_k *b, const uint8_t *codes) {
  memset(b->high, 0, sizeof b->high);
  for (int half = 0; half < 2; half++)
    nibbles_of_codes(codes + 128 * half, 64, b->nibbles + 64 * half);
  for (int i = 0; i < 256; i++)
    b->high[i / 128 * 32 + i % 32] |= (uint8_t)(codes[i] >> 4 << i % 128 / 32 * 2);
}

static inline uint8_t *frame_q6_k(block_q6_k *b, float scale) {
  memset(b->parts, 8, sizeof b->parts);
  b->scale = (_Float16)(scale / 8);
  return b->nibbles;
}
