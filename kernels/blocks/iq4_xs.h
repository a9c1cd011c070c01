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
