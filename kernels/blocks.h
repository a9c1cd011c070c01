// GGUF's block formats: what each is, and how its values are read. A format is one file in blocks/.
//
// Each file also has the way back: `pack_NAME` lays codes, `pack_parts_NAME` parts' scales, and
// `frame_NAME` gives all parts one scale, centred on 0 where there is a minimum, and returns where the
// codes' bytes start, which follow one another.
//
// Whatever its bits lie like, a block is a header, which gives each part of it (of 16 or 32 inputs) a
// scale and a minimum, and a code for each input: value = scale · (level(code) - zero) + minimum.
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "include/dyno_kernels.h"

enum {
  BLOCK = 32,           // inputs whose activations share a scale
  MOST_ELEMENTS = 256,  // of a block
  MOST_HEADER = 20,     // bytes
};

typedef struct {
  float scale, minimum;
} coefficients;

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

// The f16, or the word, at a place of a header.
static inline float half_at(const uint8_t *header, int index) {
  _Float16 value;
  memcpy(&value, header + 2 * index, sizeof value);
  return (float)value;
}

static inline uint32_t word_at(const uint8_t *words, int index) {
  uint32_t value;
  memcpy(&value, words + 4 * index, sizeof value);
  return value;
}

// Byte i of `count` holds the codes of inputs i and i + count.
static inline void codes_of_nibbles(const uint8_t *nibbles, int count, uint8_t *codes) {
  for (int i = 0; i < count; i++) {
    codes[i] = nibbles[i] & 15;
    codes[count + i] = nibbles[i] >> 4;
  }
}

static inline void nibbles_of_codes(const uint8_t *codes, int count, uint8_t *nibbles) {
  for (int i = 0; i < count; i++) nibbles[i] = (uint8_t)((codes[i] & 15) | codes[count + i] << 4);
}

// Bit i is the fifth of code i.
static inline void fifth_bits_of_codes(const uint8_t *codes, uint8_t *high) {
  memset(high, 0, 4);
  for (int i = 0; i < 32; i++) high[i / 8] |= (uint8_t)((codes[i] >> 4 & 1) << i % 8);
}

#include "blocks/iq4_nl.h"
#include "blocks/iq4_xs.h"
#include "blocks/mxfp4.h"
#include "blocks/q2_k.h"
#include "blocks/q3_k.h"
#include "blocks/q4_0.h"
#include "blocks/q4_1.h"
#include "blocks/q4_k.h"
#include "blocks/q5_0.h"
#include "blocks/q5_1.h"
#include "blocks/q5_k.h"
#include "blocks/q6_k.h"
#include "blocks/q8_0.h"

// What a block format is.
typedef struct {
  uint16_t elements, bytes;  // of a block
  uint8_t part;              // inputs that share a scale
  uint8_t halves, words, singles;  // of the header: fields of 2, 4 and 1 bytes, in this order
  uint8_t bits;              // of a code
  uint8_t zero;              // what is taken from a level
  uint8_t most;              // the highest level
  bool has_minimum;
} block_format;

// FORMAT(type, name, ...the fields above)
#define FOR_EACH_BLOCK_FORMAT(FORMAT) \
  FORMAT(DYNO_Q8_0, q8_0, 32, 32, 1, 0, 0, 8, 128, 255, false) \
  FORMAT(DYNO_Q4_0, q4_0, 32, 32, 1, 0, 0, 4, 8, 15, false) \
  FORMAT(DYNO_Q4_1, q4_1, 32, 32, 2, 0, 0, 4, 0, 15, true) \
  FORMAT(DYNO_Q5_0, q5_0, 32, 32, 1, 0, 0, 5, 16, 31, false) \
  FORMAT(DYNO_Q5_1, q5_1, 32, 32, 2, 0, 0, 5, 0, 31, true) \
  FORMAT(DYNO_IQ4_NL, iq4_nl, 32, 32, 1, 0, 0, 4, 128, 255, false) \
  FORMAT(DYNO_MXFP4, mxfp4, 32, 32, 0, 0, 1, 4, 12, 24, false) \
  FORMAT(DYNO_Q2_K, q2_k, 256, 16, 2, 4, 0, 2, 0, 3, true) \
  FORMAT(DYNO_Q3_K, q3_k, 256, 16, 1, 3, 0, 3, 4, 7, false) \
  FORMAT(DYNO_Q4_K, q4_k, 256, 32, 2, 3, 0, 4, 0, 15, true) \
  FORMAT(DYNO_Q5_K, q5_k, 256, 32, 2, 3, 0, 5, 0, 31, true) \
  FORMAT(DYNO_Q6_K, q6_k, 256, 16, 1, 4, 0, 6, 32, 63, false) \
  FORMAT(DYNO_IQ4_XS, iq4_xs, 256, 32, 2, 1, 0, 4, 128, 255, false)

// Of f32, bf16 and f16: no elements.
static inline __attribute__((always_inline)) block_format dyno_block_format(dyno_dtype type) {
  switch (type) {
#define FORMAT(type, name, elements, part, halves, words, singles, bits, zero, most, has_minimum) \
  case type: \
    return (block_format){elements, sizeof(block_##name), part, halves, words, singles, bits, zero, \
                          most, has_minimum};
    FOR_EACH_BLOCK_FORMAT(FORMAT)
#undef FORMAT
    case DYNO_F32:
    case DYNO_BF16:
    case DYNO_F16: break;
  }
  return (block_format){0};
}

static inline __attribute__((always_inline)) bool dyno_is_block(dyno_dtype type) {
  return dyno_block_format(type).elements > 0;
}

// The levels of a format whose codes stand for them by a table, NULL of others.
static inline const uint8_t *dyno_levels(dyno_dtype type) {
  static const uint8_t iq4[16] = IQ4_LEVELS, mxfp4[16] = MXFP4_LEVELS;
  switch (type) {
    case DYNO_IQ4_NL:
    case DYNO_IQ4_XS: return iq4;
    case DYNO_MXFP4: return mxfp4;
    default: return NULL;
  }
}

static inline uint8_t level_of(dyno_dtype type, uint8_t code) {
  const uint8_t *levels = dyno_levels(type);
  return levels != NULL ? levels[code] : code;
}

// A block's codes and header; what a part's coefficients are by the latter.
static inline void block_codes(dyno_dtype type, const void *block, uint8_t *codes) {
  switch (type) {
#define FORMAT(type, name, ...) \
  case type: codes_##name(block, codes); return;
    FOR_EACH_BLOCK_FORMAT(FORMAT)
#undef FORMAT
    case DYNO_F32:
    case DYNO_BF16:
    case DYNO_F16: break;
  }
  __builtin_unreachable();
}

static inline void block_header(dyno_dtype type, const void *block, uint8_t *header) {
  switch (type) {
#define FORMAT(type, name, ...) \
  case type: header_##name(block, header); return;
    FOR_EACH_BLOCK_FORMAT(FORMAT)
#undef FORMAT
    case DYNO_F32:
    case DYNO_BF16:
    case DYNO_F16: break;
  }
  __builtin_unreachable();
}

static inline coefficients part_coefficients(dyno_dtype type, const uint8_t *header, int part) {
  switch (type) {
#define FORMAT(type, name, ...) \
  case type: return coefficients_##name(header, part);
    FOR_EACH_BLOCK_FORMAT(FORMAT)
#undef FORMAT
    case DYNO_F32:
    case DYNO_BF16:
    case DYNO_F16: break;
  }
  __builtin_unreachable();
}

// Values of a block whose header and codes are known.
static inline void expand_codes(
  dyno_dtype type, const uint8_t *header, const uint8_t *codes, float *values) {
  const block_format format = dyno_block_format(type);
  for (int p = 0; p < format.elements / format.part; p++) {
    const coefficients by = part_coefficients(type, header, p);
    for (int i = p * format.part; i < (p + 1) * format.part; i++)
      values[i] = by.scale * (float)(level_of(type, codes[i]) - format.zero) + by.minimum;
  }
}

// `count` elements, which fill whole blocks, as f32.
static inline void expand_blocks(
  dyno_dtype type, const void *source, size_t count, float *destination) {
  const block_format format = dyno_block_format(type);
  const uint8_t *block = source;
  for (size_t i = 0; i < count; i += format.elements, block += format.bytes) {
    uint8_t codes[MOST_ELEMENTS], header[MOST_HEADER];
    block_codes(type, block, codes);
    block_header(type, block, header);
    expand_codes(type, header, codes, destination + i);
  }
}
