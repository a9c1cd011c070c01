// Scalar conversions between f32 and the storage formats, and the layout of GGUF's blocks.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "include/dyno_kernels.h"

enum { BLOCK = 32 };

typedef struct {
  _Float16 scale;
  int8_t quants[BLOCK];
} block_q8_0;

typedef struct {
  _Float16 scale;
  uint8_t nibbles[BLOCK / 2];
} block_q4_0;

typedef struct {
  _Float16 scale, minimum;
  uint8_t nibbles[BLOCK / 2];
} block_q4_1;

_Static_assert(sizeof(block_q8_0) == 34, "GGUF's layout");
_Static_assert(sizeof(block_q4_0) == 18, "GGUF's layout");
_Static_assert(sizeof(block_q4_1) == 20, "GGUF's layout");

static inline float f32_from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint32_t bits_from_f32(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float f32_from_bf16(uint16_t bits) { return f32_from_bits((uint32_t)bits << 16); }

// Rounds to nearest even; a NaN stays one.
static inline uint16_t bf16_from_f32(float value) {
  uint32_t bits = bits_from_f32(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline void expand_blocks(
  dyno_dtype type, const void *source, size_t count, float *destination) {
  for (size_t block = 0; block < count / BLOCK; block++, destination += BLOCK) {
    switch (type) {
      case DYNO_Q8_0: {
        const block_q8_0 *b = (const block_q8_0 *)source + block;
        const float scale = (float)b->scale;
        for (int i = 0; i < BLOCK; i++) destination[i] = scale * (float)b->quants[i];
        break;
      }
      case DYNO_Q4_0: {
        const block_q4_0 *b = (const block_q4_0 *)source + block;
        const float scale = (float)b->scale;
        for (int i = 0; i < BLOCK / 2; i++) {
          destination[i] = scale * (float)((b->nibbles[i] & 15) - 8);
          destination[i + BLOCK / 2] = scale * (float)((b->nibbles[i] >> 4) - 8);
        }
        break;
      }
      case DYNO_Q4_1: {
        const block_q4_1 *b = (const block_q4_1 *)source + block;
        const float scale = (float)b->scale, minimum = (float)b->minimum;
        for (int i = 0; i < BLOCK / 2; i++) {
          destination[i] = scale * (float)(b->nibbles[i] & 15) + minimum;
          destination[i + BLOCK / 2] = scale * (float)(b->nibbles[i] >> 4) + minimum;
        }
        break;
      }
      case DYNO_F32:
      case DYNO_BF16:
      case DYNO_F16:
        __builtin_unreachable();
    }
  }
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
