// Q4_K: 8 parts of 32: value = scale · part's scale · quant - minimum · part's minimum. Of 64 inputs,
// byte i of 32 holds inputs i and i + 32. Parts' scales and minima have 6 bits: those of the first
// four parts lie in the lower bits of bytes 0 to 3 and 4 to 7, of the others 4 bits lie in bytes 8 to 11
// (scales below minima) and the upper 2 on top of the first eight bytes.
typedef struct {
  _Float16 scale, minimum;
  uint8_t parts[12];
  uint8_t nibbles[128];
} block_q4_k;
_Static_assert(sizeof(block_q4_k) == 144, "GGUF's layout");

static inline void codes_q4_k(const block_q4_k *b, uint8_t *codes) {
  for (int pair = 0; pair < 4; pair++)
    codes_of_nibbles(b->nibbles + 32 * pair, 32, codes + 64 * pair);
}

static inline uint32_t scale_of_part(const uint8_t *parts, int p) {
  return p < 4 ? parts[p] & 63u : (parts[p + 4] & 15u) | (uint32_t)(parts[p - 4] >> 6) << 4;
}

static inline uint32_t minimum_of_part(const uint8_t *parts, int p) {
  return p < 4 ? parts[p + 4] & 63u : (uint32_t)(parts[p + 4] >> 4) | (uint32_t)(parts[p] >> 6) << 4;
}

// The lower 4 bits of 8 scales, those of 8 minima, the upper 2 bits of scales, then of minima.
static inline void header_of_parts(const uint8_t *parts, uint8_t *header) {
  uint32_t words[3] = {0, 0, 0};
  for (int p = 0; p < 8; p++) {
    const uint32_t scale = scale_of_part(parts, p), minimum = minimum_of_part(parts, p);
    words[0] |= (scale & 15) << 4 * p;
    words[1] |= (minimum & 15) << 4 * p;
    words[2] |= (scale >> 4) << 2 * p | (minimum >> 4) << (16 + 2 * p);
  }
  memcpy(header, words, 12);
}

static inline void header_q4_k(const block_q4_k *b, uint8_t *header) {
  memcpy(header, &b->scale, 4);
  header_of_parts(b->parts, header + 4);
}

static inline coefficients coefficients_q4_k(const uint8_t *header, int part) {
  const uint32_t upper = word_at(header + 4, 2);
  const uint32_t scale =
    (word_at(header + 4, 0) >> 4 * part & 15) | (upper >> 2 * part & 3) << 4;
  const uint32_t minimum =
    (word_at(header + 4, 1) >> 4 * part & 15) | (upper >> (16 + 2 * part) & 3) << 4;
  return (coefficients){half_at(header, 0) * (float)scale, -half_at(header, 1) * (float)minimum};
}

// Scales and minima of 6 bits, the inverse of `scale_of_part` and `minimum_of_part`.
static inline void pack_parts(uint8_t *parts, const int *scales, const int *minima) {
  for (int p = 0; p < 4; p++) {
    parts[p] = (uint8_t)(scales[p] | scales[p + 4] >> 4 << 6);
    parts[p + 4] = (uint8_t)(minima[p] | minima[p + 4] >> 4 << 6);
    parts[p + 8] = (uint8_t)((scales[p + 4] & 15) | (minima[p + 4] & 15) << 4);
  }
}

static inline void pack_parts_q4_k(block_q4_k *b, const int *scales, const int *minima) {
  pack_parts(b->parts, scales, minima);
}

static inline void pack_q4_k(block_q4_k *b, const uint8_t *codes) {
  for (int pair = 0; pair < 4; pair++)
    nibbles_of_codes(codes + 64 * pair, 32, b->nibbles + 32 * pair);
}

// One scale and minimum for all parts.
static inline void frame_parts(uint8_t *parts, int each) {
  int same[8];
  for (int p = 0; p < 8; p++) same[p] = each;
  pack_parts(parts, same, same);
}

static inline uint8_t *frame_q4_k(block_q4_k *b, float scale) {
  frame_parts(b->parts, 32);
  b->scale = (_Float16)(scale / 32);
  b->minimum = (_Float16)(7.5f * scale / 32);
  return b->nibbles;
}
