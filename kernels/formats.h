// Scalar conversions between f32 and the storage formats.
#pragma once

#include "blocks.h"

// Bytes of `count` elements, which fill whole blocks.
static inline size_t dyno_row_bytes(dyno_dtype type, size_t count) {
  if (type == DYNO_F32) return count * 4;
  if (type == DYNO_BF16 || type == DYNO_F16) return count * 2;
  const block_format format = dyno_block_format(type);
  return count / format.elements * format.bytes;
}

static inline float f32_from_bf16(uint16_t bits) { return f32_from_bits((uint32_t)bits << 16); }

// Rounds to nearest even; a NaN stays one.
static inline uint16_t bf16_from_f32(float value) {
  uint32_t bits = bits_from_f32(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// A counter-based generator: an integer hash (two rounds of multiply and xor-shift) of key and
// index, so that any element can be made by any thread. Constants: "lowbias32", C. Wellons 2018.
#define RANDOM_MULTIPLIER_1 0x7feb352du
#define RANDOM_MULTIPLIER_2 0x846ca68bu
#define RANDOM_STRIDE 0x9e3779b9u

static inline uint32_t random_bits(uint32_t key, uint32_t index) {
  uint32_t x = key + index * RANDOM_STRIDE;
  x = (x ^ x >> 16) * RANDOM_MULTIPLIER_1;
  x = (x ^ x >> 15) * RANDOM_MULTIPLIER_2;
  return x ^ x >> 16;
}

static inline float random_uniform(uint32_t key, uint32_t index, float limit) {
  return (float)(int32_t)random_bits(key, index) * (limit * 0x1p-31f);
}
