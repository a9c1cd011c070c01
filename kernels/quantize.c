// Quantising to GGUF's block formats. Runs once at load, and for the KV cache, so it is plain C.
//
// No quant stands for a NaN, so a block that holds one gets a NaN as its scale: whatever is computed
// with it shows.
#include "formats.h"

// To an integer in [low, high]; a NaN, which no integer stands for, to low.
static int clamp(float value, float low, float high) {
  return (int)fminf(fmaxf(value, low), high);
}

// The largest magnitude of a block; NaN where it holds one. As integers, magnitudes keep their
// order, and NaN is the largest.
static float largest_magnitude(const float *x) {
  int32_t largest = 0;
  for (int i = 0; i < BLOCK; i++) {
    const int32_t magnitude = (int32_t)(bits_from_f32(x[i]) & 0x7fffffff);
    largest = magnitude > largest ? magnitude : largest;
  }
  return f32_from_bits((uint32_t)largest);
}

static void quantize_q8_0(const float *x, block_q8_0 *b) {
  const float scale = largest_magnitude(x) / 127;
  const float inverse = scale != 0 ? 1 / scale : 0;
  b->scale = (_Float16)scale;
  for (int i = 0; i < BLOCK; i++) b->quants[i] = (int8_t)clamp(roundf(x[i] * inverse), -127, 127);
}

// The value of largest magnitude maps to -8, the nibbles' most negative value.
static void quantize_q4_0(const float *x, block_q4_0 *b) {
  const float largest = largest_magnitude(x);
  float extreme = largest;
  for (int i = 0; i < BLOCK; i++)
    if (fabsf(x[i]) == largest) {
      extreme = x[i];
      break;
    }
  const float scale = extreme / -8;
  const float inverse = scale != 0 ? 1 / scale : 0;
  b->scale = (_Float16)scale;
  for (int i = 0; i < BLOCK / 2; i++) {
    const int low = clamp(x[i] * inverse + 8.5f, 0, 15);
    const int high = clamp(x[i + BLOCK / 2] * inverse + 8.5f, 0, 15);
    b->nibbles[i] = (uint8_t)(low | high << 4);
  }
}

static void quantize_q4_1(const float *x, block_q4_1 *b) {
  float lowest = x[0], highest = x[0];
  for (int i = 1; i < BLOCK; i++) {
    lowest = fminf(lowest, x[i]);
    highest = fmaxf(highest, x[i]);
  }
  const float largest = largest_magnitude(x);
  const float scale = isnan(largest) ? largest : (highest - lowest) / 15;
  const float inverse = scale != 0 ? 1 / scale : 0;
  b->scale = (_Float16)scale;
  b->minimum = (_Float16)lowest;
  for (int i = 0; i < BLOCK / 2; i++) {
    const int low = clamp((x[i] - lowest) * inverse + 0.5f, 0, 15);
    const int high = clamp((x[i + BLOCK / 2] - lowest) * inverse + 0.5f, 0, 15);
    b->nibbles[i] = (uint8_t)(low | high << 4);
  }
}

void dyno_quantize(dyno_dtype type, const float *source, size_t count, void *destination) {
  for (size_t block = 0; block < count / BLOCK; block++, source += BLOCK) {
    switch (type) {
      case DYNO_Q8_0: quantize_q8_0(source, (block_q8_0 *)destination + block); break;
      case DYNO_Q4_0: quantize_q4_0(source, (block_q4_0 *)destination + block); break;
      case DYNO_Q4_1: quantize_q4_1(source, (block_q4_1 *)destination + block); break;
      default: __builtin_unreachable();
    }
  }
}
