// MXFP4 (OCP Microscaling Formats 1.0): value = 2^(exponent - 127) · e2m1(quant). A block whose exponent
// is 255 is NaN.
typedef struct {
  uint8_t exponent;
  uint8_t nibbles[16];
} block_mxfp4;
_Static_assert(sizeof(block_mxfp4) == 17, "GGUF's layout");

// 12 above twice the values of e2m1, ±0, ½, 1, 1½, 2, 3, 4, 6.
#define MXFP4_LEVELS {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0}

static inline void codes_mxfp4(const block_mxfp4 *b, uint8_t *codes) {
  codes_of_nibbles(b->nibbles, 16, codes);
}

static inline void header_mxfp4(const block_mxfp4 *b, uint8_t *header) { header[0] = b->exponent; }

// 2^(exponent - 128), as levels are doubled; the lowest two are denormal.
static inline coefficients coefficients_mxfp4(const uint8_t *header, int part) {
  (void)part;
  const uint32_t exponent = header[0];
  const uint32_t bits = exponent == 255 ? 0x7fc00000
                        : exponent < 2  ? 0x00200000u << exponent
                                        : (exponent - 1) << 23;
  return (coefficients){f32_from_bits(bits), 0};
}

static inline void pack_mxfp4(block_mxfp4 *b, const uint8_t *codes) {
  nibbles_of_codes(codes, 16, b->nibbles);
}

// The lower of the two powers of two around the scale: `dyno_fill_blocks` chooses between them.
static inline uint8_t *frame_mxfp4(block_mxfp4 *b, float scale) {
  b->exponent = scale > 0 ? (uint8_t)(ilogbf(scale) + 128) : 0;
  return b->nibbles;
}
