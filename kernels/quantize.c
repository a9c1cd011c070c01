// Quantising to GGUF's block formats. Runs once at load, and for the KV cache, so it is plain C.
//
// No quant stands for a NaN, so a block that holds one gets a NaN as its scale: whatever is computed
// with it shows. A value beyond what the format's scales reach shows as well: a scale or a minimum is
// infinite or a NaN then.
//
// q8_0, q4_0, q4_1, q5_0, q5_1 and mxfp4 are quantised by the rules of GGUF's reference, to the same
// bytes: the extreme value, or both, on the ends of the range. The others search for the scales of least
// weighted error (scale_search.h), then round these to what a block can hold, of each part's neighbours
// the best, and solve once more for the block's own scales.
#include "formats.h"
#include "scale_search.h"

// To an integer in [low, high]; a NaN, which no integer stands for, to low.
static int clamp(float value, float low, float high) {
  return (int)fminf(fmaxf(value, low), high);
}

// The largest magnitude; NaN where there is one. As integers, magnitudes keep their order, and NaN is
// the largest.
static float largest_magnitude(int count, const float *x) {
  uint32_t largest = 0;
  for (int i = 0; i < count; i++) {
    const uint32_t magnitude = bits_from_f32(x[i]) & 0x7fffffff;
    largest = magnitude > largest ? magnitude : largest;
  }
  return f32_from_bits(largest);
}

static bool are_finite(int count, const float *x) { return isfinite(largest_magnitude(count, x)); }

// Whether scales can be searched for. No block reaches more than 65504 · 128 · 32 (Q6_K); far beyond,
// sums of the search overflow, and it finds a scale of 0. Not where there is a NaN.
static bool are_searchable(int count, const float *x) {
  return largest_magnitude(count, x) <= 0x1p30f;
}

static void quantize_q8_0(const float *x, block_q8_0 *b) {
  const float scale = largest_magnitude(BLOCK, x) / 127;
  const float inverse = scale != 0 ? 1 / scale : 0;
  b->scale = (_Float16)scale;
  for (int i = 0; i < BLOCK; i++) b->quants[i] = (int8_t)clamp(roundf(x[i] * inverse), -127, 127);
}

// Codes of BLOCK values with `zero` in the middle: that of largest magnitude gets 0, the lowest.
// Returns the scale.
static float codes_around_zero(const float *x, int zero, uint8_t *codes) {
  const float largest = largest_magnitude(BLOCK, x);
  float extreme = largest;
  for (int i = 0; i < BLOCK; i++)
    if (fabsf(x[i]) == largest) {
      extreme = x[i];
      break;
    }
  const float scale = extreme / (float)-zero;
  const float inverse = scale != 0 ? 1 / scale : 0;
  for (int i = 0; i < BLOCK; i++)
    codes[i] = (uint8_t)clamp(
      x[i] * inverse + (float)zero + 0.5f, 0, (float)(2 * zero - 1));
  return scale;
}

// Codes of BLOCK values from 0, the lowest one's, to `most`, the highest one's. Returns the scale.
static float codes_from_lowest(const float *x, int most, uint8_t *codes, float *lowest) {
  float low = x[0], high = x[0];
  for (int i = 1; i < BLOCK; i++) {
    low = fminf(low, x[i]);
    high = fmaxf(high, x[i]);
  }
  const float largest = largest_magnitude(BLOCK, x);
  const float scale = isnan(largest) ? largest : (high - low) / (float)most;
  const float inverse = scale != 0 ? 1 / scale : 0;
  for (int i = 0; i < BLOCK; i++)
    codes[i] = (uint8_t)clamp((x[i] - low) * inverse + 0.5f, 0, (float)most);
  *lowest = low;
  return scale;
}

static void quantize_q4_0(const float *x, block_q4_0 *b) {
  uint8_t codes[BLOCK];
  b->scale = (_Float16)codes_around_zero(x, 8, codes);
  nibbles_of_codes(codes, BLOCK / 2, b->nibbles);
}

static void quantize_q4_1(const float *x, block_q4_1 *b) {
  uint8_t codes[BLOCK];
  float lowest;
  b->scale = (_Float16)codes_from_lowest(x, 15, codes, &lowest);
  b->minimum = (_Float16)lowest;
  nibbles_of_codes(codes, BLOCK / 2, b->nibbles);
}

static void quantize_q5_0(const float *x, block_q5_0 *b) {
  uint8_t codes[BLOCK];
  b->scale = (_Float16)codes_around_zero(x, 16, codes);
  pack_q5_0(b, codes);
}

static void quantize_q5_1(const float *x, block_q5_1 *b) {
  uint8_t codes[BLOCK];
  float lowest;
  b->scale = (_Float16)codes_from_lowest(x, 31, codes, &lowest);
  b->minimum = (_Float16)lowest;
  pack_q5_1(b, codes);
}

// The largest value's power of two becomes e2m1's largest, 4 (OCP Microscaling Formats 1.0, 6.3).
static void quantize_mxfp4(const float *x, block_mxfp4 *b) {
  static const uint8_t levels[16] = MXFP4_LEVELS;
  if (!are_finite(BLOCK, x)) {
    b->exponent = 255;
    memset(b->nibbles, 0, sizeof b->nibbles);
    return;
  }
  const float largest = largest_magnitude(BLOCK, x);
  const int exponent = largest > 0 ? ilogbf(largest) - 2 + 127 : 0;
  b->exponent = (uint8_t)(exponent > 0 ? exponent : 0);
  const float scale = coefficients_mxfp4(&b->exponent, 0).scale;
  uint8_t codes[BLOCK];
  for (int i = 0; i < BLOCK; i++) {
    float least = INFINITY;
    for (uint8_t code = 0; code < 16; code++) {
      const float off = fabsf(scale * (float)(levels[code] - 12) - x[i]);
      if (off < least) {
        least = off;
        codes[i] = code;
      }
    }
  }
  pack_mxfp4(b, codes);
}

// How a format's codes stand for values in units of a scale: integers from `low` to `high`, or levels.
typedef struct {
  float low, high;
  const int8_t *levels;
} code_range;

static inline float nearest_code(const code_range *range, float x) {
  return range->levels == NULL ? nearest(between(x, range->low, range->high))
                               : (float)nearest_level(range->levels, 16, x);
}

// What a code stands for.
static inline float value_of_code(const code_range *range, float code) {
  return range->levels == NULL ? code : (float)range->levels[(int)code];
}

// Weighted squares of what is off where scale and minimum are given and codes are the nearest.
static float part_error(
  int count, const float *x, const float *weight, const code_range *range, float scale,
  float minimum) {
  const float inverse = scale != 0 ? 1 / scale : 0;
  float error = 0;
  for (int i = 0; i < count; i++) {
    const float code = isfinite(inverse) ? nearest_code(range, (x[i] + minimum) * inverse) : 0;
    const float off = scale * value_of_code(range, code) - minimum - x[i];
    error += weight[i] * off * off;
  }
  return error;
}

static void part_codes(
  int count, const float *x, const code_range *range, float scale, float minimum, float *codes) {
  const float inverse = scale != 0 ? 1 / scale : 0;
  for (int i = 0; i < count; i++)
    codes[i] = isfinite(inverse) ? nearest_code(range, (x[i] + minimum) * inverse)
               : range->levels == NULL ? between(0, range->low, range->high) : 7;
}

// A block of parts, each of which has an integer that scales the block's own scale.
typedef struct {
  _Float16 scale, minimum;
  int scales[16], minima[16];
  uint8_t codes[MOST_ELEMENTS];
} quantized_parts;

// Without minima. A scale that an f16 does not hold leaves `result`, whose scale is a NaN, or what the
// first round found.
//
// - lowest: the lowest integer of a part, which the part of the largest scale gets; the highest is one
//   nearer to 0.
// - zero: the code that stands for 0, where codes stand for integers.
static void search_parts(
  const float *x, const float *weight, int part, const int lowest, int zero, const int8_t *levels,
  quantized_parts *result) {
  const int parts = 256 / part;
  const code_range range = {(float)-zero, (float)(zero - 1), levels};
  float scales[16], codes[256] = {0};
  for (int p = 0; p < parts; p++)
    scales[p] = levels != NULL
      ? search_scale_of_levels(part, x + p * part, weight + p * part, levels)
      : search_scale(part, x + p * part, weight + p * part, zero);
  float scale = extreme_of(parts, scales) / (float)lowest;
  for (int round = 0; round < 2; round++) {
    if (!isfinite((float)(_Float16)scale)) break;
    result->scale = (_Float16)scale;
    scale = (float)result->scale;
    const float inverse = scale != 0 ? 1 / scale : 0;
    double products = 0, squares = 0;
    for (int p = 0; p < parts; p++) {
      const float *values = x + p * part, *weights = weight + p * part;
      // The first round chooses parts' scales, both choose codes.
      if (round == 0) {
        const float wanted = nearest(between(
          scales[p] * inverse, (float)lowest, (float)(-1 - lowest)));
        float least = INFINITY;
        for (int step = -1; step <= 1; step++) {
          const float tried = wanted + (float)step;
          if (tried < (float)lowest || tried > (float)(-1 - lowest)) continue;
          const float error = part_error(part, values, weights, &range, scale * tried, 0);
          if (error < least) {
            least = error;
            result->scales[p] = (int)tried;
          }
        }
      }
      const float own = (float)result->scales[p];
      part_codes(part, values, &range, scale * own, 0, codes + p * part);
      for (int i = 0; i < part; i++) {
        const float q = own * value_of_code(&range, codes[p * part + i]);
        products += (double)weights[i] * values[i] * q;
        squares += (double)weights[i] * q * q;
      }
    }
    if (!(squares > 0)) break;
    scale = (float)(products / squares);
  }
  for (int i = 0; i < 256; i++)
    result->codes[i] = (uint8_t)(codes[i] + (levels == NULL ? (float)zero : 0));
}

// The same with minima: integers of parts go from 0 to `highest`, codes to `most`.
static void search_parts_with_minima(
  const float *x, const float *weight, int part, int highest, int most, quantized_parts *result) {
  const int parts = 256 / part;
  const code_range range = {0, (float)most, NULL};
  float scales[16], minima[16], codes[256] = {0};
  float scale = 0, minimum = 0;
  for (int p = 0; p < parts; p++) {
    search_scale_and_minimum(
      part, x + p * part, weight + p * part, most, &scales[p], &minima[p]);
    scale = scales[p] > scale ? scales[p] : scale;
    minimum = minima[p] > minimum ? minima[p] : minimum;
  }
  scale /= (float)highest;
  minimum /= (float)highest;
  for (int round = 0; round < 2; round++) {
    if (!isfinite((float)(_Float16)scale) || !isfinite((float)(_Float16)minimum)) break;
    result->scale = (_Float16)scale;
    result->minimum = (_Float16)minimum;
    scale = (float)result->scale;
    minimum = (float)result->minimum;
    const float inverse = scale > 0 ? 1 / scale : 0, inverse_minimum = minimum > 0 ? 1 / minimum : 0;
    // Normal equations of x ≈ scale · a - minimum · b.
    double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
    for (int p = 0; p < parts; p++) {
      const float *values = x + p * part, *weights = weight + p * part;
      if (round == 0) {
        const int wanted = (int)nearest(between(scales[p] * inverse, 0, (float)highest));
        const int wanted_minimum =
          (int)nearest(between(minima[p] * inverse_minimum, 0, (float)highest));
        float least = INFINITY;
        for (int s = wanted - 1; s <= wanted + 1; s++)
          for (int m = wanted_minimum - 1; m <= wanted_minimum + 1; m++) {
            if (s < 0 || s > highest || m < 0 || m > highest) continue;
            const float error = part_error(
              part, values, weights, &range, scale * (float)s, minimum * (float)m);
            if (error < least) {
              least = error;
              result->scales[p] = s;
              result->minima[p] = m;
            }
          }
      }
      const float s = (float)result->scales[p], m = (float)result->minima[p];
      part_codes(part, values, &range, scale * s, minimum * m, codes + p * part);
      for (int i = 0; i < part; i++) {
        const double a = s * codes[p * part + i], w = weights[i];
        aa += w * a * a;
        ab += w * a * m;
        bb += w * m * m;
        ax += w * a * values[i];
        bx += w * m * values[i];
      }
    }
    const double determinant = aa * bb - ab * ab;
    if (!(determinant > 1e-9 * aa * bb)) break;
    const double next = (ax * bb - bx * ab) / determinant;
    const double next_minimum = (ax * ab - bx * aa) / determinant;
    if (!(next > 0) || !(next_minimum >= 0)) break;
    scale = (float)next;
    minimum = (float)next_minimum;
  }
  for (int i = 0; i < 256; i++) result->codes[i] = (uint8_t)codes[i];
}

// Errors count for more where the value is large, above a floor of the part's mean magnitude: as
// llama.cpp weighs them for Q4_K without an importance matrix.
static void weigh(int count, int part, const float *x, float *weight) {
  for (int first = 0; first < count; first += part) {
    float squares = 0;
    for (int i = first; i < first + part; i++) squares += x[i] * x[i];
    const float mean = sqrtf(squares / (float)part);
    for (int i = first; i < first + part; i++) weight[i] = mean + fabsf(x[i]);
  }
}

static const uint8_t iq4_codes[16] = IQ4_LEVELS;

static void levels_of_iq4(int8_t *levels) {
  for (int i = 0; i < 16; i++) levels[i] = (int8_t)(iq4_codes[i] - 128);
}

static void quantize_iq4_nl(const float *x, block_iq4_nl *b) {
  int8_t levels[16];
  levels_of_iq4(levels);
  float weight[BLOCK], codes[BLOCK];
  weigh(BLOCK, BLOCK, x, weight);
  const code_range range = {0, 15, levels};
  b->scale = (_Float16)NAN;
  if (are_searchable(BLOCK, x))
    b->scale = (_Float16)search_scale_of_levels(BLOCK, x, weight, levels);
  part_codes(BLOCK, x, &range, (float)b->scale, 0, codes);
  uint8_t packed[BLOCK];
  for (int i = 0; i < BLOCK; i++) packed[i] = (uint8_t)codes[i];
  pack_iq4_nl(b, packed);
}

// A block by parts, as `search_parts` finds them. What is not finite, or out of reach, makes the block's
// own scale a NaN.
static quantized_parts quantize_parts(
  const float *x, int part, int lowest, int zero, const int8_t *levels) {
  quantized_parts parts = {.scale = (_Float16)NAN};
  if (!are_searchable(256, x)) return parts;
  float weight[256];
  weigh(256, part, x, weight);
  search_parts(x, weight, part, lowest, zero, levels, &parts);
  return parts;
}

static quantized_parts quantize_parts_with_minima(const float *x, int part, int highest, int most) {
  quantized_parts parts = {.scale = (_Float16)NAN};
  if (!are_searchable(256, x)) return parts;
  float weight[256];
  weigh(256, part, x, weight);
  search_parts_with_minima(x, weight, part, highest, most, &parts);
  return parts;
}

static void quantize_q2_k(const float *x, block_q2_k *b) {
  const quantized_parts parts = quantize_parts_with_minima(x, 16, 15, 3);
  b->scale = parts.scale;
  b->minimum = parts.minimum;
  pack_parts_q2_k(b, parts.scales, parts.minima);
  pack_q2_k(b, parts.codes);
}

static void quantize_q3_k(const float *x, block_q3_k *b) {
  const quantized_parts parts = quantize_parts(x, 16, -32, 4, NULL);
  b->scale = parts.scale;
  pack_parts_q3_k(b, parts.scales);
  pack_q3_k(b, parts.codes);
}

static void quantize_q4_k(const float *x, block_q4_k *b) {
  const quantized_parts parts = quantize_parts_with_minima(x, 32, 63, 15);
  b->scale = parts.scale;
  b->minimum = parts.minimum;
  pack_parts_q4_k(b, parts.scales, parts.minima);
  pack_q4_k(b, parts.codes);
}

static void quantize_q5_k(const float *x, block_q5_k *b) {
  const quantized_parts parts = quantize_parts_with_minima(x, 32, 63, 31);
  b->scale = parts.scale;
  b->minimum = parts.minimum;
  pack_parts_q5_k(b, parts.scales, parts.minima);
  pack_q5_k(b, parts.codes);
}

static void quantize_q6_k(const float *x, block_q6_k *b) {
  const quantized_parts parts = quantize_parts(x, 16, -128, 32, NULL);
  b->scale = parts.scale;
  pack_parts_q6_k(b, parts.scales);
  pack_q6_k(b, parts.codes);
}

static void quantize_iq4_xs(const float *x, block_iq4_xs *b) {
  int8_t levels[16];
  levels_of_iq4(levels);
  const quantized_parts parts = quantize_parts(x, 32, -32, 0, levels);
  b->scale = parts.scale;
  pack_parts_iq4_xs(b, parts.scales);
  pack_iq4_xs(b, parts.codes);
}

void dyno_quantize(dyno_dtype type, const float *source, size_t count, void *destination) {
  const block_format format = dyno_block_format(type);
  uint8_t *block = destination;
  for (size_t i = 0; i < count; i += format.elements, block += format.bytes) {
    switch (type) {
#define FORMAT(type, name, ...) \
  case type: quantize_##name(source + i, (block_##name *)block); break;
      FOR_EACH_BLOCK_FORMAT(FORMAT)
#undef FORMAT
      case DYNO_F32:
      case DYNO_BF16:
      case DYNO_F16: __builtin_unreachable();
    }
  }
}
