// Every function of every table that the processor runs, against float64, at odd sizes: as KernelTests
// does, in plain C, so that it can be compiled for another processor and run in an emulator.
//
// Bounds are derived: a sum of n terms in f32 is within (n + 1)·u of the sum of their magnitudes,
// in any order, with or without fused multiply-adds; u is half a unit in the last place of 1. What is
// rounded once, or not at all, must be the same bits. Memory ends before a page that nobody may touch.
//
// Arguments: names of tables that must be among those that run.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../kernels/formats.h"

static const double u = 0x1p-24;

static const dyno_kernels *kernels, *scalar;
static size_t checks, failures;

#define NAME(type, name, ...) [type] = #name,
static const char *const type_names[] = {
  [DYNO_F32] = "f32", [DYNO_BF16] = "bf16", [DYNO_F16] = "f16", FOR_EACH_BLOCK_FORMAT(NAME)};
static const dyno_dtype floats[] = {DYNO_F32, DYNO_BF16, DYNO_F16};
#define TYPE(type, ...) type,
static const dyno_dtype blocks[] = {FOR_EACH_BLOCK_FORMAT(TYPE)};
#undef TYPE
#undef NAME
static const size_t sizes[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 127, 129, 300, 1025};
static const float not_numbers[] = {NAN, INFINITY, -INFINITY};
#define EACH(type, name, array) \
  for (const type *name = array; name < array + sizeof array / sizeof *array; name++)

__attribute__((format(printf, 2, 3))) static void expect(bool holds, const char *format, ...) {
  checks++;
  if (holds || ++failures > 20) return;
  va_list arguments;
  va_start(arguments, format);
  printf("FAILED, %s: ", kernels->name);
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
}

// Whether `actual` is within `bound` of `exact`; false where either is NaN.
static bool near(double actual, double exact, double bound) { return fabs(actual - exact) <= bound; }

// Memory of one check: each piece ends where a page begins that cannot be read.
static struct {
  void *start;
  size_t bytes;
} pieces[128];
enum { MOST_PIECES = sizeof pieces / sizeof *pieces };
static size_t piece_count;

static void *memory(size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
  char *start = mmap(
    NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (
    start == MAP_FAILED || mprotect(start + whole, page, PROT_NONE) != 0 ||
    piece_count == MOST_PIECES) {
    perror("memory");
    exit(2);
  }
  pieces[piece_count].start = start;
  pieces[piece_count++].bytes = whole + page;
  return start + whole - bytes;
}

static void release(void) {
  while (piece_count > 0) {
    piece_count--;
    munmap(pieces[piece_count].start, pieces[piece_count].bytes);
  }
}

static float *random_values(size_t count, uint32_t key, float limit) {
  float *values = memory(count * sizeof(float));
  for (size_t i = 0; i < count; i++) values[i] = random_uniform(key, (uint32_t)i, limit);
  return values;
}

static void *stored(dyno_dtype type, const float *values, size_t count) {
  void *bytes = memory(dyno_row_bytes(type, count));
  if (dyno_is_block(type))
    dyno_quantize(type, values, count, bytes);
  else
    scalar->round(type, values, count, bytes);
  return bytes;
}

// Gives a block its own scale, and its minimum where the format has one: they lie at its end, or at its
// start.
static void set_scale(dyno_dtype type, uint8_t *block, float scale, float minimum) {
  const block_format format = dyno_block_format(type);
  const _Float16 halves[] = {(_Float16)scale, (_Float16)minimum};
  const size_t bytes = format.has_minimum ? 4 : 2;
  if (type == DYNO_MXFP4)
    *block = isnan(scale) ? 255 : (uint8_t)(128 + ilogbf(scale));
  else if (type == DYNO_Q2_K || type == DYNO_Q3_K || type == DYNO_Q6_K)
    memcpy(block + format.bytes - bytes, halves, bytes);
  else
    memcpy(block, halves, bytes);
}

// Blocks of any codes and parts' scales, also such as quantising does not give. The first three
// blocks have the highest ones, the lowest, and the lowest of those that have a sign.
static uint8_t *random_blocks(dyno_dtype type, size_t count, uint32_t key) {
  const size_t bytes = dyno_row_bytes(type, count), each = dyno_block_format(type).bytes;
  uint8_t *blocks = memory(bytes);
  for (size_t i = 0; i < bytes; i++) blocks[i] = (uint8_t)(random_bits(key, (uint32_t)i) >> 24);
  const int extremes[] = {0xff, 0, 0x80};
  for (size_t b = 0; b < bytes / each; b++) {
    if (b < 3) memset(blocks + b * each, extremes[b], each);
    const float scale = random_uniform(key + 1, (uint32_t)b, 1);
    set_scale(type, blocks + b * each, scale, random_uniform(key + 2, (uint32_t)b, 1));
  }
  return blocks;
}

// Random weights: `random_blocks`, or numbers within ±1.
static void *random_weights(dyno_dtype type, size_t count, uint32_t key) {
  return dyno_is_block(type) ? random_blocks(type, count, key)
                             : stored(type, random_values(count, key, 1), count);
}

static float *expanded(dyno_dtype type, const void *bytes, size_t count) {
  float *values = memory(count * sizeof(float));
  scalar->expand(type, bytes, count, values);
  return values;
}

static void expansion(dyno_dtype type) {
  EACH(size_t, size, sizes) {
    const size_t count = dyno_is_block(type) ? *size * dyno_block_format(type).elements : *size;
    const void *bytes = random_weights(type, count, 1);
    float *actual = memory(count * sizeof(float));
    kernels->expand(type, bytes, count, actual);
    // A block's scale times a part's and a quant is exact in f32 (11, up to 8 and 7 bits, together at
    // most 24), so the sum with a minimum is rounded once.
    expect(
      memcmp(actual, expanded(type, bytes, count), count * sizeof(float)) == 0, "expand %s, %zu",
      type_names[type], count);
    release();
  }
}

static void rounding(dyno_dtype type) {
  const float special[] = {
    0, -0.0f, INFINITY, -INFINITY, NAN, 1, 65504, 65520, 1e-8f, 6e-5f, 0x1.fffffep127f, 1.00390625f,
    1.01171875f, -1.00390625f};
  enum { SPECIAL = sizeof special / sizeof *special };
  EACH(size_t, size, sizes) {
    float *values = random_values(*size + SPECIAL, 2, 10);
    memcpy(values + (*size > SPECIAL ? 5 : 0), special, sizeof special);
    const size_t bytes = dyno_row_bytes(type, *size);
    void *actual = memory(bytes), *reference = memory(bytes);
    kernels->round(type, values, *size, actual);
    scalar->round(type, values, *size, reference);
    expect(memcmp(actual, reference, bytes) == 0, "round to %s, %zu", type_names[type], *size);
    kernels->fill_uniform(type, 42, *size, 0.5f, actual);
    scalar->fill_uniform(type, 42, *size, 0.5f, reference);
    expect(memcmp(actual, reference, bytes) == 0, "fill_uniform %s, %zu", type_names[type], *size);
    release();
  }
}

// Whether y is what it was before, if `accumulate`, and x·wᵀ, within `terms` roundings of magnitudes;
// and the same as before in its padding. w is (n, k), `weight` its magnitudes, x (m, k) at a stride.
static void expect_product(
  const char *what, dyno_dtype type, const float *w, const float *weight, const float *x,
  size_t x_stride, const float *y, const float *before, size_t y_stride, size_t m, size_t n, size_t k,
  bool accumulate, double terms) {
  size_t wrong = 0;
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < y_stride && i * y_stride + j < (m - 1) * y_stride + n; j++) {
      const double old = before[i * y_stride + j];
      double exact = accumulate || j >= n ? old : 0, magnitude = fabs(exact);
      if (j < n)
        for (size_t l = 0; l < k; l++) {
          exact += (double)w[j * k + l] * x[i * x_stride + l];
          magnitude += fabs((double)weight[j * k + l] * x[i * x_stride + l]);
        }
      wrong += !near(y[i * y_stride + j], exact, j < n ? (terms + 2) * u * magnitude : 0);
    }
  expect(
    wrong == 0, "%s %s, %zu × %zu × %zu%s: %zu wrong", what, type_names[type], m, n, k,
    accumulate ? ", accumulating" : "", wrong);
}

static void product_of_rows(dyno_dtype type, size_t m, size_t n, size_t k) {
  for (int accumulate = 0; accumulate < 2; accumulate++) {
    const void *w = stored(type, random_values(n * k, 3, 1), n * k);
    const float *values = expanded(type, w, n * k);
    const size_t x_stride = k + 3, y_stride = n + 2, y_count = (m - 1) * y_stride + n;
    const float *x = random_values((m - 1) * x_stride + k, 4, 1);
    float *y = random_values(y_count, 5, 1);
    kernels->matmul(type, w, n, k, x, x_stride, m, y, y_stride, accumulate);
    expect_product(
      "matmul", type, values, values, x, x_stride, y, random_values(y_count, 5, 1), y_stride, m, n, k,
      accumulate, (double)k);
    release();
  }
}

static void *packed(dyno_dtype type, const void *rows, size_t n, size_t k, size_t panel) {
  const size_t bytes = dyno_row_bytes(type, k);
  char *panels = memory(n * bytes);
  for (size_t first = 0; first < n; first += panel)
    kernels->pack_rows(type, (const char *)rows + first * bytes, k, panels + first * bytes);
  return panels;
}

static void packing(dyno_dtype type, size_t k) {
  const size_t n = dyno_is_block(type) ? kernels->block_panel : kernels->float_panel;
  const void *rows = random_weights(type, n * k, 6);
  const uint8_t *panels = packed(type, rows, n, k, n);
  const float *values = expanded(type, rows, n * k);
  float *actual = memory(k * sizeof(float));
  for (size_t row = 0; row < n; row++) {
    kernels->expand_packed(type, panels, row, k, actual);
    expect(
      memcmp(actual, values + row * k, k * sizeof(float)) == 0, "expand_packed %s, row %zu of %zu",
      type_names[type], row, k);
  }
  release();
}

static float *scratch_floats(size_t count) {
  float *scratch = memory(count * sizeof(float));
  for (size_t i = 0; i < count; i++) scratch[i] = NAN;
  return scratch;
}

static void product_of_panels(dyno_dtype type, size_t m, size_t panels, size_t k) {
  // AMX multiplies an activation as three bf16: three terms, in magnitude together 1.01 of one.
  const size_t terms = kernels->multiply_add_bf16 != NULL && type == DYNO_BF16 ? 3 * k + k / 16 : k;
  for (int accumulate = 0; accumulate < 2; accumulate++) {
    const size_t n = panels * kernels->float_panel;
    const void *rows = stored(type, random_values(n * k, 7, 1), n * k);
    const float *values = expanded(type, rows, n * k);
    const size_t x_stride = k + 3, y_stride = n + 2, y_count = (m - 1) * y_stride + n;
    const float *x = random_values((m - 1) * x_stride + k, 8, 1);
    float *y = random_values(y_count, 9, 1);
    kernels->matmul_packed(
      type, packed(type, rows, n, k, kernels->float_panel), n, k, x, x_stride, m, y, y_stride,
      accumulate, scratch_floats(DYNO_SCRATCH));
    expect_product(
      "matmul_packed", type, values, values, x, x_stride, y, random_values(y_count, 9, 1), y_stride,
      m, n, k, accumulate, (double)terms);
    release();
  }
}

// bf16 by bf16, against what the activations are once they are rounded.
static void product_of_pairs(size_t m, size_t panels, size_t k) {
  for (int accumulate = 0; accumulate < 2; accumulate++) {
    const size_t n = panels * kernels->float_panel;
    const void *rows = stored(DYNO_BF16, random_values(n * k, 24, 1), n * k);
    const float *values = expanded(DYNO_BF16, rows, n * k);
    const float *x = random_values(m * k, 25, 1);
    const uint16_t *rounded = stored(DYNO_BF16, x, m * k);
    const size_t x_stride = kernels->activation_bytes(DYNO_BF16, k);
    uint8_t *activations = memory(m * x_stride);
    memset(activations, 0xff, m * x_stride);
    bool same = true;
    for (size_t i = 0; i < m; i++) {
      uint16_t *to = (uint16_t *)(void *)(activations + i * x_stride);
      kernels->quantize_activations(DYNO_BF16, x + i * k, k, to);
      same &= memcmp(to, rounded + i * k, k * 2) == 0 && (k % 2 == 0 || to[k] == 0);
    }
    expect(same, "quantize_activations for bf16, %zu × %zu", m, k);
    const size_t y_stride = n + 2, y_count = (m - 1) * y_stride + n;
    float *y = random_values(y_count, 26, 1);
    kernels->matmul_quantized(
      DYNO_BF16, packed(DYNO_BF16, rows, n, k, kernels->float_panel), n, k, activations, x_stride, m,
      y, y_stride, accumulate, scratch_floats(DYNO_SCRATCH));
    // A product is exact in f32. Processors add both of a pair to the sum, one after the other, rounded
    // to nearest: at most k roundings of u. Or they add the two, then their sum, both rounded
    // to odd, by less than 2u: a term goes through one such rounding and one for each of k/2
    // pairs, (k + 1)/2 + 1 where k is odd. Nothing random here is small enough for denormal products.
    expect_product(
      "matmul_quantized", DYNO_BF16, values, values, expanded(DYNO_BF16, rounded, m * k), k, y,
      random_values(y_count, 26, 1), y_stride, m, n, k, accumulate, (double)k + 3);
    release();
  }
}

// What is not finite among activations shows in its row, as in f32, and in no other.
static void pairs_not_finite(size_t m, float value) {
  const size_t n = kernels->float_panel, k = 67, x_stride = kernels->activation_bytes(DYNO_BF16, k);
  float *weights = random_values(n * k, 33, 1), *x = random_values(m * k, 34, 1);
  for (size_t i = 0; i < n * k; i++) weights[i] = fabsf(weights[i]) + 0.1f;
  x[m / 2 * k + 5] = value;
  uint8_t *activations = memory(m * x_stride);
  for (size_t i = 0; i < m; i++)
    kernels->quantize_activations(DYNO_BF16, x + i * k, k, activations + i * x_stride);
  float *y = memory(m * n * sizeof(float));
  kernels->matmul_quantized(
    DYNO_BF16, packed(DYNO_BF16, stored(DYNO_BF16, weights, n * k), n, k, n), n, k, activations,
    x_stride, m, y, n, false, scratch_floats(DYNO_SCRATCH));
  for (size_t i = 0; i < m * n; i++) {
    const bool shows = isnan(value) ? isnan(y[i]) : y[i] == value;
    expect(i / n == m / 2 ? shows : isfinite(y[i]), "%g by bf16, row %zu of %zu", value, i / n, m);
  }
  release();
}

// Quantises rows of activations, expects them within half a quant, and returns what they stand for.
// A block is its scale, four or eight bytes that only kernels read, and its quants.
static float *quantized(dyno_dtype type, const float *x, size_t count, uint8_t *to) {
  kernels->quantize_activations(type, x, count, to);
  float *meant = memory(count * sizeof(float));
  for (size_t b = 0; b < count / BLOCK; b++) {
    float scale;
    memcpy(&scale, to, sizeof scale);
    to += kernels->activation_bytes(type, BLOCK);
    double worst = 0, largest = 0;
    for (size_t i = 0; i < BLOCK; i++) {
      largest = fmax(largest, fabs((double)x[b * BLOCK + i]));
      const int quant = ((const int8_t *)to)[i - BLOCK];
      meant[b * BLOCK + i] = (float)quant * scale;
      worst = fmax(worst, fabs((double)quant * scale - x[b * BLOCK + i]));
    }
    // The largest is 127 quants. The scale, its inverse and the product with it are each rounded once.
    expect(
      worst <= (0.5 + 4 * u * 127) * largest / 127, "quantize_activations for %s: off by %g of %g",
      type_names[type], worst, largest);
  }
  return meant;
}

// Magnitudes of what kernels multiply for a weight: its level, and its part's minimum.
static float *magnitudes(dyno_dtype type, const uint8_t *blocks, const float *values, size_t count) {
  const block_format format = dyno_block_format(type);
  float *weight = memory(count * sizeof(float));
  for (size_t i = 0; i < count; i++) {
    uint8_t header[MOST_HEADER];
    if (i % format.part == 0)
      block_header(type, blocks + i / format.elements * format.bytes, header);
    const int part = (int)(i % format.elements / format.part);
    const float minimum = part_coefficients(type, header, part).minimum;
    weight[i] = fabsf(values[i] - minimum) + fabsf(minimum);
  }
  return weight;
}

static void product_of_blocks(dyno_dtype type, size_t m, size_t panels, size_t inputs) {
  const block_format format = dyno_block_format(type);
  const size_t k = (inputs + format.elements - 1) / format.elements * format.elements;
  for (int accumulate = 0; accumulate < 2; accumulate++) {
    const size_t n = panels * kernels->block_panel;
    uint8_t *rows = random_blocks(type, n * k, 10);
    const float *values = expanded(type, rows, n * k);
    float *x = random_values(m * k, 11, 1);
    // Quants of ±127 for the rows' extremes, of each sign and of both, and a block of nothing.
    for (size_t i = 0; i < m && i < 3; i++)
      for (size_t l = 0; l < BLOCK; l++) x[i * k + l] = i == 0 ? (l % 4 < 2 ? 1 : -1) : i == 1 ? 1 : -1;
    for (size_t i = BLOCK; i < 2 * BLOCK && i < m * k; i++) x[i] = 0;
    const size_t x_stride = kernels->activation_bytes(type, k);
    uint8_t *activations = memory(m * x_stride);
    const float *meant = quantized(type, x, m * k, activations);
    const size_t y_stride = n + 2, y_count = (m - 1) * y_stride + n;
    float *y = random_values(y_count, 12, 1);
    kernels->matmul_quantized(
      type, packed(type, rows, n, k, kernels->block_panel), n, k, activations, x_stride, m, y,
      y_stride, accumulate, scratch_floats(DYNO_SCRATCH));
    // A part's sum is an integer below 2²⁴. It is multiplied with the product of both scales, which
    // is rounded, and added, as is the minimum's product with a rounded sum. What an
    // activation and a weight stand for, above, is rounded, too.
    const double parts = (double)(k / format.part);
    expect_product(
      "matmul_quantized", type, values, magnitudes(type, rows, values, n * k), meant, k, y,
      random_values(y_count, 12, 1), y_stride, m, n, k, accumulate,
      (format.has_minimum ? 2 * parts : parts) + 3);
    release();
  }
}

// One row of x by a panel of blocks.
static float *product_of_panel(dyno_dtype type, const uint8_t *rows, const float *x, size_t k) {
  const size_t n = kernels->block_panel, bytes = kernels->activation_bytes(type, k);
  uint8_t *activations = memory(bytes);
  kernels->quantize_activations(type, x, k, activations);
  float *y = memory(n * sizeof(float));
  kernels->matmul_quantized(
    type, packed(type, rows, n, k, n), n, k, activations, bytes, 1, y, n, false,
    scratch_floats(DYNO_SCRATCH));
  return y;
}

// What is not finite has no quant, and must show in the result all the same.
static void not_finite(dyno_dtype type, float value) {
  const size_t n = kernels->block_panel, k = 2 * dyno_block_format(type).elements;
  float *x = random_values(k, 13, 1);
  x[40] = value;
  const float *y = product_of_panel(type, random_blocks(type, n * k, 14), x, k);
  for (size_t j = 0; j < n; j++) expect(isnan(y[j]), "%g is lost, %s", value, type_names[type]);
  release();
}

// A block that is NaN shows in its output, even multiplied with 0, and in no other.
static void weight_not_a_number(dyno_dtype type) {
  const block_format format = dyno_block_format(type);
  const size_t n = kernels->block_panel, k = 3 * format.elements;
  uint8_t *rows = random_blocks(type, n * k, 27);
  set_scale(type, rows + 4 * format.bytes, NAN, 0);  // of row 1
  const float *y = product_of_panel(type, rows, random_values(k, 28, 0), k);
  for (size_t j = 0; j < n; j++)
    expect(j == 1 ? isnan(y[j]) : y[j] == 0, "a block that is NaN, %s, row %zu", type_names[type], j);
  release();
}

// MXFP4's scales from the lowest, which are denormal, by activations that make normal sums of them.
static void lowest_scales(void) {
  const size_t n = kernels->block_panel, bytes = dyno_row_bytes(DYNO_MXFP4, BLOCK);
  // Without the extremes, of which one is all zeroes.
  uint8_t *rows = random_blocks(DYNO_MXFP4, (3 + n) * BLOCK, 29) + 3 * bytes;
  for (size_t j = 0; j < n; j++) rows[j * bytes] = (uint8_t)j;
  const float *values = expanded(DYNO_MXFP4, rows, n * BLOCK);
  const float *x = random_values(BLOCK, 30, 0x1p100f);
  uint8_t *activations = memory(kernels->activation_bytes(DYNO_MXFP4, BLOCK));
  const float *meant = quantized(DYNO_MXFP4, x, BLOCK, activations);
  const float *y = product_of_panel(DYNO_MXFP4, rows, x, BLOCK);
  expect_product(
    "matmul_quantized", DYNO_MXFP4, values, values, meant, BLOCK, y, y, n, 1, n, BLOCK, false, 4);
  release();
}

static void rowwise(size_t count) {
  const float *x = random_values(count, 15, 3), *weight = random_values(count, 16, 1);
  float *y = memory(count * sizeof(float));
  kernels->rms_norm(x, weight, count, 1e-5f, y);
  double squares = 0;
  for (size_t i = 0; i < count; i++) squares += (double)x[i] * x[i];
  for (size_t i = 0; i < count; i++) {
    const double exact = x[i] / sqrt(squares / (double)count + 1e-5) * weight[i];
    // The root halves the sum's error; mean, epsilon, root, inverse and two products are rounded.
    expect(near(y[i], exact, (0.5 * (double)count + 7) * u * fabs(exact)), "rms_norm, %zu", count);
  }
  float *gate = random_values(count, 17, 30);
  gate[0] = -200;  // far out on both sides of the exponential's range
  gate[count - 1] = 200;
  kernels->activate(DYNO_SILU, gate, weight, count, y);
  for (size_t i = 0; i < count; i++) {
    const double exact = gate[i] / (1 + exp(-(double)gate[i])) * weight[i];
    // The exponential is within 2 units (4u); a sum, a quotient and a product. Beyond 88 it stays.
    expect(near(y[i], exact, 8 * u * fabs(exact) + 200 * exp(-88)), "silu, %zu", count);
  }
  kernels->activate(DYNO_GELU, x, NULL, count, y);
  for (size_t i = 0; i < count; i++) {
    const double exact = x[i] * erfc(-x[i] * sqrt(0.5)) / 2;
    // The approximation's own bound, and its terms' rounding.
    expect(near(y[i], exact, fabsf(x[i]) * (1.5e-7 + 16 * u)), "gelu, %zu", count);
  }
  kernels->activate(DYNO_GELU_TANH, x, weight, count, y);
  for (size_t i = 0; i < count; i++) {
    const double t = sqrt(2 / acos(-1)) * (x[i] + 0.044715 * x[i] * x[i] * x[i]);
    // As silu; and the exponent, 2t, at most 7, is off by 6u of itself (where e^-2t is large against 1).
    expect(
      near(y[i], x[i] / (1 + exp(-2 * t)) * weight[i], 50 * u * fabs(x[i])), "gelu_tanh, %zu", count);
  }
  kernels->activate(DYNO_RELU, gate, weight, count, y);
  for (size_t i = 0; i < count; i++)
    expect(y[i] == (gate[i] > 0 ? gate[i] * weight[i] : 0), "relu, %zu", count);
  kernels->activate(DYNO_RELU_SQUARED, gate, weight, count, y);
  for (size_t i = 0; i < count; i++) {
    const double exact = gate[i] > 0 ? (double)gate[i] * gate[i] * weight[i] : 0;
    expect(near(y[i], exact, 3 * u * fabs(exact)), "relu_squared, %zu", count);
  }
  // Some of both are beyond the limits of 7.
  const float *wide = random_values(count, 31, 10), *up = random_values(count, 32, 10);
  kernels->activate(DYNO_CLAMPED_SWIGLU, wide, up, count, y);
  for (size_t i = 0; i < count; i++) {
    const double x = fmin(wide[i], 7), factor = fmax(-7, fmin(7, up[i])) + 1;
    const double exact = x / (1 + exp(-1.702 * x)) * factor;
    // As silu; the exponent's factor and the product with it, 17 at most, and the sum with 1 are rounded.
    expect(
      near(y[i], exact, 44 * u * fabs(exact) + u * fabs(x)), "clamped_swiglu, %zu", count);
  }
  kernels->layer_norm(x, weight, gate, count, 1e-5f, y);
  double mean = 0, variance = 0;
  for (size_t i = 0; i < count; i++) mean += x[i] / (double)count;
  for (size_t i = 0; i < count; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)count;
  for (size_t i = 0; i < count; i++) {
    const double factor = weight[i] / sqrt(variance + 1e-5), exact = (x[i] - mean) * factor + gate[i];
    // The mean's rounding, relative to the values', is the largest part.
    const double bound = (double)count * u * 8 * fabs(factor) + 8 * u * (fabs(exact) + fabs(gate[i]));
    expect(near(y[i], exact, bound), "layer_norm, %zu", count);
  }
  for (int interleaved = 0; interleaved < 2; interleaved++) {
    float *pairs = random_values(2 * count, 18, 1);
    const float *before = random_values(2 * count, 18, 1);
    const float *cosines = random_values(count, 19, 1), *sines = random_values(count, 20, 1);
    kernels->rotate(pairs, cosines, sines, 2 * count, interleaved);
    for (size_t i = 0; i < count; i++) {
      const size_t first = interleaved ? 2 * i : i, second = interleaved ? 2 * i + 1 : i + count;
      const double a = before[first], b = before[second], c = cosines[i], s = sines[i];
      expect(
        near(pairs[first], a * c - b * s, 2 * u * (fabs(a * c) + fabs(b * s))) &&
          near(pairs[second], b * c + a * s, 2 * u * (fabs(b * c) + fabs(a * s))),
        "rotate, %zu pairs", count);
    }
  }
  release();
}

// How a cache lies: keys in panels; keys and values in rows; values as the first elements of keys.
typedef enum { IN_PANELS, IN_ROWS, SHARED } cache_layout;

static void attention(
  dyno_dtype type, cache_layout layout, size_t rows, size_t e, size_t first, size_t count) {
  if (dyno_is_block(type)) e = (e + BLOCK - 1) / BLOCK * BLOCK;
  const size_t positions = first + count, bytes = dyno_row_bytes(type, e), stride = e + 5;
  const size_t panel = dyno_is_block(type) ? kernels->block_panel : kernels->float_panel;
  const size_t together = panel > 0 ? panel : 1;
  // Elements from one position to the next.
  const size_t wide = layout == IN_PANELS ? e : e + BLOCK, all_elements = positions * wide;
  const float *given = random_values(all_elements, 21, 3);
  const void *key_rows = stored(type, given, all_elements);
  const float *keys = expanded(type, key_rows, all_elements);
  char *panels = memory((positions + together - 1) / together * together * bytes);
  if (layout == IN_PANELS)
    for (size_t p = 0; p < positions; p++)
      kernels->store_key(
        type, given + p * e, e, p % together, panels + p / together * together * bytes);
  const void *stored_values =
    layout == SHARED ? key_rows : stored(type, random_values(all_elements, 22, 1), all_elements);
  const float *values = expanded(type, stored_values, all_elements);
  const float *queries = random_values((rows - 1) * stride + e, 23, 1);
  float *maximum = memory(rows * sizeof(float)), *sum = memory(rows * sizeof(float));
  float *output = memory(rows * e * sizeof(float));
  size_t *from = memory(rows * sizeof(size_t)), *to = memory(rows * sizeof(size_t));
  for (size_t row = 0; row < rows; row++) {
    // Causal edges, a window, and a row that sees nothing here.
    from[row] = row % 3 == 1 ? first + count / 2 : 0;
    to[row] = row % 5 == 4 ? first : positions > row % 7 ? positions - row % 7 : 1;
    maximum[row] = -INFINITY;
  }
  const float softcap = rows % 2 == 0 ? 4 : 0;
  const size_t scratch = (dyno_attention_scratch(rows, e, e, layout != IN_PANELS) + 15) / 16 * 16;
  dyno_attention_block block = {
    .cache_type = type, .key_width = e, .value_width = e,
    .keys = layout == IN_PANELS ? panels : key_rows, .values = stored_values,
    .key_stride = layout == IN_PANELS ? 0 : wide, .value_stride = layout == IN_PANELS ? 0 : wide,
    .first = first, .count = count, .queries = queries, .query_stride = stride, .rows = rows,
    .softcap = softcap, .visible_from = from, .visible_to = to, .maximum = maximum, .sum = sum,
    .output = output, .scratch = scratch_floats(scratch)};
  // In two calls, the second going on from the first one's state.
  block.count = count / 3;
  if (block.count > 0) kernels->attention(&block);
  block.first = first + block.count;
  block.count = count - block.count;
  kernels->attention(&block);

  double *scores = memory(positions * sizeof(double));
  for (size_t row = 0; row < rows; row++) {
    const size_t low = from[row] > first ? from[row] : first;
    double largest = -INFINITY, error = 0, total = 0;
    // Where panels of keys are blocks, a query is what its quants stand for.
    const float *query = queries + row * stride;
    if (dyno_is_block(type) && panel > 0 && layout == IN_PANELS)
      query = quantized(type, query, e, memory(kernels->activation_bytes(type, e)));
    for (size_t p = low; p < to[row]; p++) {
      double magnitude = 0;
      scores[p] = 0;
      for (size_t l = 0; l < e; l++) {
        const double term = (double)query[l] * keys[p * wide + l];
        scores[p] += term;
        magnitude += fabs(term);
      }
      if (softcap > 0) scores[p] = softcap * tanh(scores[p] / softcap);
      // A cap makes errors smaller, and adds its own: of twice a sigmoid, that of the exponential (4u)
      // and of its exponent, by a quarter each, of a sum and a quotient, and of a difference.
      error = fmax(error, ((double)e + 2) * u * magnitude + 8 * u * softcap);
      largest = fmax(largest, scores[p]);
    }
    const bool sees = low < to[row];
    expect(
      sees ? near(maximum[row], largest, error) : isinf(maximum[row]), "maximum %s, row %zu of %zu",
      type_names[type], row, rows);
    for (size_t p = low; p < to[row]; p++) total += exp(scores[p] - largest);
    // A weight is off by its score and the maximum, by the difference's rounding (magnitudes below
    // 100, so 100u) and the exponential's; the sum by its terms, and by a factor a block of positions.
    const double each = 2 * error + 110 * u, all = each + ((double)count * 1.1 + 12) * u;
    expect(
      near(sum[row], total, total * all), "sum %s, row %zu of %zu, e %zu, %zu positions",
      type_names[type], row, rows, e, count);
    size_t wrong = 0;
    for (size_t l = 0; l < e; l++) {
      double exact = 0, magnitude = 0;
      for (size_t p = low; p < to[row]; p++) {
        const double term = exp(scores[p] - largest) * values[p * wide + l];
        exact += term;
        magnitude += fabs(term);
      }
      wrong += !near(output[row * e + l], exact, magnitude * all);
    }
    expect(
      wrong == 0, "attention %s, row %zu of %zu, e %zu, %zu positions: %zu wrong", type_names[type],
      row, rows, e, count, wrong);
  }
  release();
}

static void measuring(void) {
  float *ones = memory(8192 * sizeof(float));
  for (size_t i = 0; i < 8192; i++) ones[i] = 1;
  for (int streams = 1; streams <= 8; streams *= 2)
    expect(kernels->read(ones, 8192 * sizeof(float), streams) == 8192, "read, %d streams", streams);
  float sink = 0;
  expect(kernels->multiply_add(100, &sink) >= 1600 && isfinite(sink), "multiply_add");
  if (kernels->multiply_add_bytes != NULL)
    expect(kernels->multiply_add_bytes(100, &sink) >= 9600, "multiply_add_bytes");
  if (kernels->multiply_add_pairs != NULL)
    expect(kernels->multiply_add_pairs(100, &sink) > 0 && isfinite(sink), "multiply_add_pairs");
  if (kernels->multiply_add_bf16 != NULL)
    expect(kernels->multiply_add_bf16(100, &sink) > 0 && isfinite(sink), "multiply_add_bf16");
  release();
}

static void check_table(void) {
  EACH(dyno_dtype, type, blocks) expansion(*type);
  EACH(dyno_dtype, type, floats) {
    expansion(*type);
    rounding(*type);
    const size_t shapes[][3] = {
      {1, 1, 1}, {1, 5, 8}, {1, 7, 33}, {1, 64, 129}, {2, 3, 17}, {2, 9, 64}, {3, 8, 31}, {31, 10, 47},
      {65, 9, 2100}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
      product_of_rows(*type, shapes[s][0], shapes[s][1], shapes[s][2]);
    for (size_t m = 1; m <= 20; m++)
      product_of_rows(*type, m, 4 + m % 4 + 64 * (m % 3 == 0), 29 + 2 * m);
  }
  EACH(size_t, size, sizes) rowwise(*size);
  const dyno_dtype caches[] = {DYNO_F32, DYNO_BF16, DYNO_F16, DYNO_Q8_0};
  EACH(dyno_dtype, type, caches) {
    const size_t shapes[][4] = {
      {1, 2, 0, 1}, {1, 64, 0, 64}, {2, 10, 3, 65}, {3, 33, 0, 130}, {4, 64, 5, 200}, {5, 16, 0, 63},
      {9, 128, 60, 70}, {7, 40, 0, 513}, {33, 24, 0, 129}};
    for (cache_layout layout = IN_PANELS; layout <= SHARED; layout++)
      for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        attention(*type, layout, shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3]);
    for (size_t rows = 1; rows <= 20; rows++)
      attention(*type, IN_PANELS, rows, 17 + rows, rows % 4, 40 + 7 * rows);
  }
  measuring();
  if (kernels->float_panel == 0) return;

  EACH(dyno_dtype, type, floats) {
    EACH(size_t, k, sizes) packing(*type, *k);
    const size_t shapes[][3] = {
      {1, 5, 33}, {1, 9, 2048}, {2, 7, 300}, {3, 2, 256}, {4, 3, 257}, {6, 1, 513}, {8, 3, 1025},
      {13, 2, 255}, {29, 1, 512}, {121, 1, 300}, {250, 1, 33}, {5, 1, 2561}, {7, 1, 4097}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
      product_of_panels(*type, shapes[s][0], shapes[s][1], shapes[s][2]);
    for (size_t m = 1; m <= 20; m++) {
      product_of_panels(*type, m, 1 + m % 6, m);
      product_of_panels(*type, m, 1 + m % 3, 280 + m);
    }
  }
  if (kernels->multiply_add_pairs != NULL) {
    const size_t shapes[][3] = {
      {1, 1, 1}, {1, 5, 33}, {1, 9, 2048}, {2, 7, 300}, {3, 2, 257}, {6, 1, 513}, {8, 3, 1025},
      {29, 1, 512}, {121, 1, 300}, {250, 1, 33}, {3, 2, 5122}, {5, 1, 5133}, {7, 1, 10245}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
      product_of_pairs(shapes[s][0], shapes[s][1], shapes[s][2]);
    for (size_t m = 1; m <= 20; m++) {
      product_of_pairs(m, 1 + m % 6, m);
      product_of_pairs(m, 1 + m % 3, 280 + m);
    }
    EACH(float, value, not_numbers)
      for (size_t m = 1; m <= 17; m += 8) pairs_not_finite(m, *value);
  }
  EACH(dyno_dtype, type, blocks) {
    const size_t elements = dyno_block_format(*type).elements;
    for (size_t k = elements; k <= 3 * elements; k += elements) packing(*type, k);
    const size_t shapes[][3] = {
      {1, 7, 2048}, {2, 5, 96}, {3, 9, 544}, {5, 33, 64}, {8, 17, 160}, {9, 2, 1056}, {16, 5, 288},
      {30, 19, 256}, {110, 1, 2560}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
      product_of_blocks(*type, shapes[s][0], shapes[s][1], shapes[s][2]);
    for (size_t m = 1; m <= 20; m++) product_of_blocks(*type, m, 1 + (5 * m) % 19, (1 + m % 10) * 32);
    EACH(float, value, not_numbers) not_finite(*type, *value);
    weight_not_a_number(*type);
  }
  lowest_scales();
}

int main(int count, char **names) {
  const dyno_instruction_set sets[] = {
    DYNO_SCALAR, DYNO_NEON, DYNO_NEONBF16, DYNO_AVX2, DYNO_AVX512, DYNO_AVX512VNNI,
    DYNO_AVX512BF16, DYNO_AMX, DYNO_AMXBF16};
  scalar = dyno_kernels_for(DYNO_SCALAR);
  bool *found = calloc((size_t)count, sizeof *found);
  EACH(dyno_instruction_set, set, sets) {
    kernels = dyno_kernels_for(*set);
    if (kernels == NULL) continue;
    for (int i = 1; i < count; i++) found[i] |= strcmp(names[i], kernels->name) == 0;
    checks = 0;
    const size_t before = failures;
    check_table();
    printf("%s: %zu checks, %zu failed\n", kernels->name, checks, failures - before);
  }
  for (int i = 1; i < count; i++)
    if (!found[i]) {
      printf("%s does not run here\n", names[i]);
      failures++;
    }
  free(found);
  return failures > 0;
}
