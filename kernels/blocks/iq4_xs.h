// IQ4_XS: 8 parts of 32, each as IQ4_NL: value = scale · (part's scale - 32) · level(quant). Parts'
// scales have 6 bits: 4 in `low`, the upper 2 in `high`, part after part.
typedef struct {
  _Float16 scale;
  uint16_t high;
  uint8_t low[4];
  uint8_t nibbles[128];
} block_iq4_xs;
_Static_assert(sizeof(block_iq4_xs) == 136, "GGUF's layout");

static inline void codes_iq4_xs(const block_iq4_xs *b, uint8_t *codes) {
  for (int part = 0; part < 8; part++)
    codes_of_nibbles(b->nibbles + 16 * part, 16, codes + 32 * part);
}

static inline void header_iq4_xs(const block_iq4_xs *b, uint8_t *header) { memcpy(header, b, 8); }

static inline coefficients coefficients_iq4_xs(const uint8_t *header, int part) {
  uint16_t high;
  memcpy(&high, header + 2, 2);
  const int scale = (int)(word_at(header + 4, 0) >> 4 * part & 15) | (high >> 2 * part & 3) << 4;
  return (coefficients){half_at(header, 0) * (float)(scale - 32), 0};
}

// Scales in [-32, 31].
static inline void pack_parts_iq4_xs(block_iq4_xs *b, const int *scales) {
  memset(b->low, 0, sizeof b->low);
  b->high = 0;
  for (int p = 0; p < 8; p++) {
    const int scale = scales[p] + 32;
    b->low[p / 2] |= (uint8_t)((scale & 15) << p % 2 * 4);
    b->high |= (uint16_t)(scale >> 4 << 2 * p);
  }
}

static inline void pack_iq4_xs(block_iq4_xs *b, const uint8_t *codes) {
  for (int p = 0; p < 8; p++) nibbles_of_codes(codes + 32 * p, 16, b->nibbles + 16 * p);
}

static inline uint8_t *frame_iq4_xs(block_iq4_xs *b, float scale) {
  const int scales[8] = {2, 2, 2, 2, 2, 2, 2, 2};
  pack_parts_iq4_xs(b, scales);
  b->scale = (_Float16)(scale / 2);
  return b->nibbles;
}
