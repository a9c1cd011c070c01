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

static const char *const type_names[] = {"f32", "bf16", "f16", "q8_0", "q4_0", "q4_1"};
static const dyno_dtype floats[] = {DYNO_F32, DYNO_BF16, DYNO_F16};
static const dyno_dtype blocks[] = {DYNO_Q8_0, DYNO_Q4_0, DYNO_Q4_1};
static const size_t sizes[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 127, 129, 300, 1025};
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
} pieces[64];
static size_t piece_count;

static void *memory(size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
  char *start = mmap(
    NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED || mprotect(start + whole, page, PROT_NONE) != 0 || piece_count == 64) {
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
  if (type >= DYNO_Q8_0)
    dyno_quantize(type, values, count, bytes);
  else
    scalar->round(type, values, count, bytes);
  return bytes;
}

static float *expanded(dyno_dtype type, const void *bytes, size_t count) {
  float *values = memory(count * sizeof(float));
  scalar->expand(type, bytes, count, values);
  return values;
}

static void expansion(dyno_dtype type) {
  EACH(size_t, size, sizes) {
    const size_t count = type >= DYNO_Q8_0 ? *size * BLOCK : *size;
    const void *bytes = stored(type, random_values(count, 1, 1), count);
    float *actual = memory(count * sizeof(float));
    kernels->expand(type, bytes, count, actual);
    // A block's scale times a quant is exact in f32, so the sum with a minimum is rounded once.
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
  const size_t n = type >= DYNO_Q8_0 ? kernels->block_panel : kernels->float_panel;
  const size_t bytes = dyno_row_bytes(type, k);
  const uint8_t *rows = stored(type, random_values(n * k, 6, 1), n * k);
  const uint8_t *panels = packed(type, rows, n, k, n);
  long counts[256] = {0};
  for (size_t i = 0; i < n * bytes; i++) counts[rows[i]]++, counts[panels[i]]--;
  bool same = true;
  for (int i = 0; i < 256; i++) same &= counts[i] == 0;
  expect(same, "pack_rows %s, %zu: other bytes than the rows'", type_names[type], k);
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

// Quantises rows of activations, expects them within half a quant, and returns what they stand for.
// A block is its scale, four bytes that only kernels read, and its quants.
static float *quantized(dyno_dtype type, const float *x, size_t count, uint8_t *to) {
  kernels->quantize_activations(type, x, count, to);
  float *meant = memory(count * sizeof(float));
  const double largest = type == DYNO_Q8_0 ? 32767 : 127;
  for (size_t b = 0; b < count / BLOCK; b++, to += kernels->activation_bytes(type, BLOCK)) {
    float scale;
    memcpy(&scale, to, sizeof scale);
    double worst = 0;
    for (size_t i = 0; i < BLOCK; i++) {
      int16_t word;
      memcpy(&word, to + 8 + 2 * i, type == DYNO_Q8_0 ? sizeof word : 0);
      const int quant = type == DYNO_Q8_0 ? word : (int8_t)to[8 + i];
      meant[b * BLOCK + i] = (float)quant * scale;
      worst = fmax(worst, fabs((double)quant * scale - x[b * BLOCK + i]));
    }
    // The scale, its inverse and the product with it are each rounded once.
    expect(
      worst <= (0.5 + 4 * u * largest) * scale, "quantize_activations for %s: off by %g quants",
      type_names[type], worst / scale);
  }
  return meant;
}

static void product_of_blocks(dyno_dtype type, size_t m, size_t panels, size_t block_count) {
  for (int accumulate = 0; accumulate < 2; accumulate++) {
    const size_t n = panels * kernels->block_panel, k = block_count * BLOCK;
    uint8_t *rows = stored(type, random_values(n * k, 10, 1), n * k);
    if (type == DYNO_Q8_0) rows[2] = 0x80;  // −128 is not what quantising gives, but files may hold it
    const float *values = expanded(type, rows, n * k);
    // Kernels add products of unsigned nibbles and of minima (−8 scales, of q4_0) by themselves.
    float *weight = memory(n * k * sizeof(float));
    for (size_t i = 0; i < n * k; i++) {
      const void *block = rows + i / BLOCK * dyno_row_bytes(type, BLOCK);
      const float minimum = type == DYNO_Q4_1 ? (float)((const block_q4_1 *)block)->minimum
        : type == DYNO_Q4_0                   ? -8 * (float)((const block_q4_0 *)block)->scale
                                              : 0;
      weight[i] = fabsf(values[i] - minimum) + fabsf(minimum);
    }
    float *x = random_values(m * k, 11, 1);
    for (size_t i = BLOCK; i < 2 * BLOCK && i < m * k; i++) x[i] = 0;
    const size_t x_stride = kernels->activation_bytes(type, k);
    uint8_t *activations = memory(m * x_stride);
    const float *meant = quantized(type, x, m * k, activations);
    const size_t y_stride = n + 2, y_count = (m - 1) * y_stride + n;
    float *y = random_values(y_count, 12, 1);
    kernels->matmul_quantized(
      type, packed(type, rows, n, k, kernels->block_panel), n, k, activations, x_stride, m, y,
      y_stride, accumulate, scratch_floats(DYNO_SCRATCH));
    // A block's sum, its scale, and what it and its minimum are added to are rounded; so were, above,
    // an activation and a weight with its minimum.
    expect_product(
      "matmul_quantized", type, values, weight, meant, k, y, random_values(y_count, 12, 1), y_stride,
      m, n, k, accumulate, 2 * (double)block_count + 5);
    release();
  }
}

// What is not finite has no quant, and must show in the result all the same.
static void not_finite(dyno_dtype type, float value) {
  const size_t n = kernels->block_panel, k = 2 * BLOCK;
  float *x = random_values(k, 13, 1), *y = memory(n * sizeof(float));
  x[40] = value;
  uint8_t *activations = memory(kernels->activation_bytes(type, k));
  kernels->quantize_activations(type, x, k, activations);
  kernels->matmul_quantized(
    type, packed(type, stored(type, random_values(n * k, 14, 1), n * k), n, k, n), n, k, activations,
    kernels->activation_bytes(type, k), 1, y, n, false, scratch_floats(DYNO_SCRATCH));
  for (size_t j = 0; j < n; j++) expect(isnan(y[j]), "%g is lost, %s", value, type_names[type]);
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

static void attention(dyno_dtype type, size_t rows, size_t e, size_t first, size_t count) {
  if (type >= DYNO_Q8_0) e = (e + BLOCK - 1) / BLOCK * BLOCK;
  const size_t positions = first + count, bytes = dyno_row_bytes(type, e), stride = e + 5;
  const size_t panel = type >= DYNO_Q8_0 ? kernels->block_panel : kernels->float_panel;
  const size_t together = panel > 0 ? panel : 1;
  const float *given = random_values(positions * e, 21, 3);
  const float *keys = expanded(type, stored(type, given, positions * e), positions * e);
  char *panels = memory((positions + together - 1) / together * together * bytes);
  for (size_t p = 0; p < positions; p++)
    kernels->store_key(
      type, given + p * e, e, p % together, panels + p / together * together * bytes);
  const void *stored_values = stored(type, random_values(positions * e, 22, 1), positions * e);
  const float *values = expanded(type, stored_values, positions * e);
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
  const size_t scratch = (dyno_attention_scratch(rows, e, e, false) + 15) / 16 * 16;
  dyno_attention_block block = {
    .cache_type = type, .key_width = e, .value_width = e, .keys = panels, .values = stored_values, .first = first,
    .count = count, .queries = queries, .query_stride = stride, .rows = rows, .visible_from = from,
    .visible_to = to, .maximum = maximum, .sum = sum, .output = output,
    .scratch = scratch_floats(scratch)};
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
    for (size_t p = low; p < to[row]; p++) {
      double magnitude = 0, key_sum = 0, query_largest = 0;
      scores[p] = 0;
      for (size_t l = 0; l < e; l++) {
        const double query = queries[row * stride + l], key = keys[p * e + l];
        scores[p] += query * key;
        magnitude += fabs(query * key);
        key_sum += fabs(key);
        query_largest = fmax(query_largest, fabs(query));
      }
      // Where keys are in blocks, a query's elements are off by up to half of one of 32767 quants.
      const double quant = type >= DYNO_Q8_0 ? query_largest / 32767 : 0;
      error = fmax(error, ((double)e + 2) * u * magnitude + 0.51 * quant * key_sum);
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
        const double term = exp(scores[p] - largest) * values[p * e + l];
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
  if (kernels->multiply_add_bf16 != NULL)
    expect(kernels->multiply_add_bf16(100, &sink) > 0 && isfinite(sink), "multiply_add_bf16");
  release();
}

static void check_table(void) {
  for (dyno_dtype type = DYNO_F32; type <= DYNO_Q4_1; type++) expansion(type);
  EACH(dyno_dtype, type, floats) {
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
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
      attention(*type, shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3]);
    for (size_t rows = 1; rows <= 20; rows++) attention(*type, rows, 17 + rows, rows % 4, 40 + 7 * rows);
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
  EACH(dyno_dtype, type, blocks) {
    for (size_t k = BLOCK; k <= 3 * BLOCK; k += BLOCK) packing(*type, k);
    const size_t shapes[][3] = {
      {1, 7, 64}, {2, 5, 3}, {4, 9, 17}, {5, 33, 2}, {8, 17, 5}, {9, 2, 33}, {16, 5, 9}, {30, 11, 8}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
      product_of_blocks(*type, shapes[s][0], shapes[s][1], shapes[s][2]);
    for (size_t m = 1; m <= 20; m++) product_of_blocks(*type, m, 1 + (5 * m) % 19, 1 + m % 10);
    const float values[] = {NAN, INFINITY, -INFINITY};
    EACH(float, value, values) not_finite(*type, *value);
  }
}

int main(int count, char **names) {
  const dyno_instruction_set sets[] = {
    DYNO_SCALAR, DYNO_NEON, DYNO_AVX2, DYNO_AVX512, DYNO_AVX512VNNI, DYNO_AMX};
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
