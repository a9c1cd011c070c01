// Random contents for GGUF's block formats, by the same generator as fill_uniform.
#include "formats.h"

// The standard deviation of a format's levels where all codes are as frequent.
static float deviation_of_levels(dyno_dtype type) {
  const int count = 1 << dyno_block_format(type).bits;
  double sum = 0, squares = 0;
  for (int code = 0; code < count; code++) {
    const double level = level_of(type, (uint8_t)code);
    sum += level;
    squares += level * level;
  }
  return (float)sqrt(squares / count - sum / count * sum / count);
}

static uint8_t *frame(dyno_dtype type, void *block, float scale) {
  switch (type) {
#define FORMAT(type, name, ...) \
  case type: return frame_##name(block, scale);
    FOR_EACH_BLOCK_FORMAT(FORMAT)
#undef FORMAT
    case DYNO_F32:
    case DYNO_BF16:
    case DYNO_F16: break;
  }
  __builtin_unreachable();
}

void dyno_fill_blocks(
  dyno_dtype type, uint32_t key, size_t count, float deviation, void *destination) {
  const block_format format = dyno_block_format(type);
  const float scale = deviation / deviation_of_levels(type);
  const size_t length = (size_t)format.elements * format.bits / 8;
  uint8_t *block = destination;
  uint32_t counter = 0;
  for (size_t i = 0; i < count; i += format.elements, block += format.bytes) {
    uint8_t *bytes = frame(type, block, scale);
    if (type == DYNO_MXFP4) {
      // Powers of two: as often twice the lower one as the variance wants.
      const float ratio = scale / coefficients_mxfp4(block, 0).scale;
      const float draw = (float)random_bits(key, counter++) * 0x1p-32f;
      if (3 * draw < ratio * ratio - 1) ((block_mxfp4 *)block)->exponent++;
    }
    for (size_t at = 0; at < length; at += sizeof(uint32_t)) {
      const uint32_t bits = random_bits(key, counter++);
      memcpy(bytes + at, &bits, sizeof bits);
    }
  }
}
