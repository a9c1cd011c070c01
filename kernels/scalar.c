// Every kernel in plain C: the reference that the SIMD ones are tested against, and the fallback.
// Sums are in double, so that the reference's own rounding does not hide theirs.
#include <math.h>

#include "formats.h"
#include "tables.h"

static float element(dyno_dtype type, const void *source, size_t index) {
  if (type == DYNO_F32) return ((const float *)source)[index];
  if (type == DYNO_BF16) return f32_from_bf16(((const uint16_t *)source)[index]);
  if (type == DYNO_F16) return (float)((const _Float16 *)source)[index];
  const block_format format = dyno_block_format(type);
  float block[MOST_ELEMENTS];
  const size_t start = index / format.elements * format.bytes;
  expand_blocks(type, (const uint8_t *)source + start, format.elements, block);
  return block[index % format.elements];
}

static void put(dyno_dtype type, void *destination, size_t index, float value) {
  if (type == DYNO_F32) ((float *)destination)[index] = value;
  else if (type == DYNO_BF16) ((uint16_t *)destination)[index] = bf16_from_f32(value);
  else if (type == DYNO_F16) ((_Float16 *)destination)[index] = (_Float16)value;
  else __builtin_unreachable();
}

static void expand(dyno_dtype type, const void *source, size_t count, float *destination) {
  if (dyno_is_block(type)) {
    expand_blocks(type, source, count, destination);
    return;
  }
  for (size_t i = 0; i < count; i++) destination[i] = element(type, source, i);
}

static void round_to(dyno_dtype type, const float *source, size_t count, void *destination) {
  for (size_t i = 0; i < count; i++) put(type, destination, i, source[i]);
}

static void matmul(
  dyno_dtype type, const void *w, size_t n, size_t k, const float *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate) {
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = accumulate ? y[i * y_stride + j] : 0;
      for (size_t l = 0; l < k; l++)
        sum += (double)x[i * x_stride + l] * element(type, w, j * k + l);
      y[i * y_stride + j] = (float)sum;
    }
}

static void rms_norm(
  const float *x, const float *weight, size_t count, float epsilon, float *y) {
  double squares = 0;
  for (size_t i = 0; i < count; i++) squares += (double)x[i] * x[i];
  const double scale = 1 / sqrt(squares / (double)count + epsilon);
  for (size_t i = 0; i < count; i++) y[i] = (float)(x[i] * scale * weight[i]);
}

static void layer_norm(
  const float *x, const float *weight, const float *bias, size_t count, float epsilon, float *y) {
  double mean = 0, squares = 0;
  for (size_t i = 0; i < count; i++) mean += x[i] / (double)count;
  for (size_t i = 0; i < count; i++) squares += (x[i] - mean) * (x[i] - mean);
  const double scale = 1 / sqrt(squares / (double)count + epsilon);
  for (size_t i = 0; i < count; i++)
    y[i] = (float)((x[i] - mean) * scale * weight[i] + (bias != NULL ? bias[i] : 0));
}

static double activated(dyno_activation activation, double x) {
  switch (activation) {
    case DYNO_SILU: return x / (1 + exp(-x));
    case DYNO_GELU: return x * erfc(-x * sqrt(0.5)) / 2;
    case DYNO_GELU_TANH: return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case DYNO_RELU: return x > 0 ? x : 0;
    case DYNO_RELU_SQUARED: return x > 0 ? x * x : 0;
    case DYNO_CLAMPED_SWIGLU: return fmin(x, 7) / (1 + exp(-1.702 * fmin(x, 7)));
  }
  __builtin_unreachable();
}

static void activate(
  dyno_activation activation, const float *gate, const float *up, size_t count, float *y) {
  for (size_t i = 0; i < count; i++) {
    double factor = up != NULL ? up[i] : 1;
    if (up != NULL && activation == DYNO_CLAMPED_SWIGLU) factor = fmax(-7, fmin(7, factor)) + 1;
    y[i] = (float)(activated(activation, gate[i]) * factor);
  }
}

static void rotate(
  float *x, const float *cosines, const float *sines, size_t count, bool interleaved) {
  const size_t half = count / 2;
  for (size_t i = 0; i < half; i++) {
    const size_t first = interleaved ? 2 * i : i;
    const size_t second = interleaved ? 2 * i + 1 : i + half;
    const float a = x[first], b = x[second];
    x[first] = a * cosines[i] - b * sines[i];
    x[second] = b * cosines[i] + a * sines[i];
  }
}

static void store_key(dyno_dtype type, const float *key, size_t e, size_t position, void *panel) {
  (void)position;
  if (type == DYNO_Q8_0)
    dyno_quantize(type, key, e, panel);
  else
    round_to(type, key, e, panel);
}

static void attention(const dyno_attention_block *b) {
  const size_t key_stride = b->key_stride > 0 ? b->key_stride : b->key_width;
  const size_t value_stride = b->key_stride > 0 ? b->value_stride : b->value_width;
  for (size_t row = 0; row < b->rows; row++) {
    const float *query = b->queries + row * b->query_stride;
    float *output = b->output + row * b->value_width;
    for (size_t position = b->first; position < b->first + b->count; position++) {
      if (position < b->visible_from[row] || position >= b->visible_to[row]) continue;
      double score = 0;
      for (size_t l = 0; l < b->key_width; l++)
        score += (double)query[l] * element(b->cache_type, b->keys, position * key_stride + l);
      if (b->softcap > 0) score = b->softcap * tanh(score / b->softcap);
      const float larger = fmaxf(b->maximum[row], (float)score);
      const float kept = expf(b->maximum[row] - larger), added = expf((float)score - larger);
      b->maximum[row] = larger;
      b->sum[row] = b->sum[row] * kept + added;
      for (size_t l = 0; l < b->value_width; l++)
        output[l] =
          output[l] * kept + added * element(b->cache_type, b->values, position * value_stride + l);
    }
  }
}

static void fill_uniform(
  dyno_dtype type, uint32_t key, size_t count, float limit, void *destination) {
  for (size_t i = 0; i < count; i++)
    put(type, destination, i, random_uniform(key, (uint32_t)i, limit));
}

static float read_all(const void *source, size_t bytes, int streams) {
  (void)streams;
  const float *values = source;
  float sum = 0;
  for (size_t i = 0; i < bytes / sizeof(float); i++) sum += values[i];
  return sum;
}

static double multiply_add(size_t iterations, float *sink) {
  float sums[8] = {0};
  for (size_t i = 0; i < iterations; i++)
    for (int lane = 0; lane < 8; lane++) sums[lane] = sums[lane] * 0.999f + 0.001f;
  for (int lane = 0; lane < 8; lane++) *sink += sums[lane];
  return 2.0 * 8 * (double)iterations;
}

const dyno_kernels dyno_scalar_kernels = {
  DYNO_SCALAR, "scalar", expand, round_to, matmul, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, rms_norm,
  layer_norm, activate, rotate, store_key, attention, fill_uniform, read_all, multiply_add, NULL, NULL,
  NULL,
};
