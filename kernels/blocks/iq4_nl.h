// IQ4_NL: value = scale · level(quant), of 16 levels that lie closer around 0.
typedef struct {
  _Float16 scale;
  uint8_t nibbles[16];
} block_iq4_nl;
_Static_assert(sizeof(block_iq4_nl) == 18, "GGUF's layout");

// 128 above the levels, -127 to 113.
#define IQ4_LEVELS \
  {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241}

static inline void codes_iq4_nl(const block_iq4_nl *b, uint8_t *codes) {
  codes_of_nibbles(b->nibbles, 16, codes);
}

static inline void header_iq4_nl(const block_iq4_nl *b, uint8_t *header) {
  memcpy(header, &b->scale, 2);
}

static inline coefficients coefficients_iq4_nl(const uint8_t *header, int part) {
  (void)part;
  return (coefficients){half_at(header, 0), 0};
}

static inline void pack_iq4_nl(block_iq4_nl *b, const uint8_t *codes) {
  nibbles_of_codes(codes, 16, b->nibbles);
}

static inline uint8_t *frame_iq4_nl(block_iq4_nl *b, float scale) {
  b->scale = (_Float16)scale;
  return b->nibbles;
}
