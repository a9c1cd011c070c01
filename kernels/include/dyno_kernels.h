// The engine's kernels, one table of functions for each instruction set. Sets whose names end with
// bf16 multiply bf16 weights by activations of bf16, the others by f32.
//
// Matrices are row-major. Weights are stored as (outputs, inputs), as in checkpoints, so that one
// output is one contiguous row. Activations are f32; `stride`s are in elements. Sizes need not be
// multiples of anything, except that rows of block formats hold whole blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
  DYNO_F32 = 0,
  DYNO_BF16,
  DYNO_F16,
  // GGUF's blocks of 32, described in blocks/.
  DYNO_Q8_0,
  DYNO_Q4_0,
  DYNO_Q4_1,
  DYNO_Q5_0,
  DYNO_Q5_1,
  DYNO_IQ4_NL,
  DYNO_MXFP4,
  // GGUF's blocks of 256.
  DYNO_Q2_K,
  DYNO_Q3_K,
  DYNO_Q4_K,
  DYNO_Q5_K,
  DYNO_Q6_K,
  DYNO_IQ4_XS,
} dyno_dtype;

typedef enum {
  DYNO_SCALAR = 0,
  DYNO_NEON,
  DYNO_NEONBF16,
  DYNO_AVX2,
  DYNO_AVX512,
  DYNO_AVX512VNNI,
  DYNO_AVX512BF16,
  DYNO_AMX,
  DYNO_AMXBF16,
} dyno_instruction_set;

// What an MLP applies between its projections.
typedef enum {
  DYNO_SILU = 0,      // x · sigmoid(x)
  DYNO_GELU,          // x · Φ(x)
  DYNO_GELU_TANH,     // its approximation by tanh(√(2/π)·(x + 0.044715·x³))
  DYNO_RELU,
  DYNO_RELU_SQUARED,  // max(x, 0)²
  DYNO_CLAMPED_SWIGLU,  // x · sigmoid(1.702·x) · (up + 1), x at most 7, up within ±7 (gpt-oss)
} dyno_activation;

// A block of attention: `rows` queries against positions [first, first + count) of one KV head.
typedef struct {
  dyno_dtype cache_type;   // f32, bf16, f16 or q8_0
  size_t key_width, value_width;
  const void *keys;        // panels of positions, from position 0, as store_key fills them
  const void *values;      // (positions, value_width), from position 0
  // Elements from one position to the next where keys lie in rows as well, which values may be part
  // of; 0: in panels.
  size_t key_stride, value_stride;
  size_t first, count;     // positions to visit
  const float *queries;    // (rows, key_width), already scaled
  size_t query_stride;
  size_t rows;
  float softcap;           // scores become softcap · tanh(score / softcap); 0: as they are
  // Row i sees positions [visible_from[i], visible_to[i]).
  const size_t *visible_from;
  const size_t *visible_to;
  // Running state of the online softmax, read and updated: maximum, sum of exponentials, and the
  // unnormalised output (rows, value_width).
  float *maximum;
  float *sum;
  float *output;
  // At least dyno_attention_scratch(rows, key_width, value_width, key_stride > 0) floats, aligned to
  // 64 bytes.
  float *scratch;
} dyno_attention_block;

// Positions that attention scores at a time.
enum { DYNO_ATTENTION_POSITIONS = 128 };

// Bytes of 32 activations as weights of any format are multiplied with them, f32 aside, at most.
enum { DYNO_ACTIVATION_BLOCK = 64 };

// Floats that matmul_packed and matmul_quantized work in.
enum { DYNO_SCRATCH = 24576 };

static inline size_t dyno_attention_scratch(
  size_t rows, size_t key_width, size_t value_width, bool keys_in_rows) {
  return DYNO_SCRATCH + rows * DYNO_ATTENTION_POSITIONS +
    (keys_in_rows ? DYNO_ATTENTION_POSITIONS * (key_width + value_width)
                  : rows * (key_width / 32) * DYNO_ACTIVATION_BLOCK / sizeof(float));
}

// A table is constant, so threads may share it: Swift wants to be told.
typedef struct __attribute__((swift_attr("@Sendable"))) {
  dyno_instruction_set instruction_set;
  const char *name;

  // destination[i] = source[i] as f32. Any dtype; block formats want whole blocks.
  void (*expand)(dyno_dtype type, const void *source, size_t count, float *destination);
  // destination[i] = source[i] rounded to nearest, ties to even. f32, bf16 or f16.
  void (*round)(dyno_dtype type, const float *source, size_t count, void *destination);

  // y[i][j] = (accumulate ? y[i][j] : 0) + Σ_l x[i][l] · w[j][l] for i < m, j < n, l < k.
  // f32, bf16 or f16.
  void (*matmul)(
    dyno_dtype type, const void *w, size_t n, size_t k, const float *x, size_t x_stride, size_t m,
    float *y, size_t y_stride, bool accumulate);

  // Weights are packed for speed into panels of so many rows, which take the bytes that the rows
  // took: `float_panel` rows of f32, bf16 or f16, `block_panel` of block formats. Both are 0, and
  // the functions NULL, where the table has none of it.
  size_t float_panel, block_panel;
  // Packs a panel's rows of k inputs.
  void (*pack_rows)(dyno_dtype type, const void *rows, size_t k, void *panel);
  // One of a panel's rows as f32.
  void (*expand_packed)(
    dyno_dtype type, const void *panel, size_t row, size_t k, float *destination);
  // As matmul, for panels of f32, bf16 or f16; n is a multiple of `float_panel`. `scratch` holds
  // DYNO_SCRATCH floats, aligned to 64 bytes.
  void (*matmul_packed)(
    dyno_dtype type, const void *panels, size_t n, size_t k, const float *x, size_t x_stride,
    size_t m, float *y, size_t y_stride, bool accumulate, float *scratch);
  // Bytes of `count` activations (whole blocks) as weights of a block format, or bf16 where
  // `multiply_add_pairs` is not NULL, are multiplied with them.
  size_t (*activation_bytes)(dyno_dtype type, size_t count);
  // Quantises `count` activations (whole blocks) for weights of a block format, a block with a value
  // that is not finite becomes NaN, or rounds them for those of bf16. The result is aligned to 4 bytes.
  void (*quantize_activations)(dyno_dtype type, const float *x, size_t count, void *quantized);
  // The same for panels of block formats, in integers, and of bf16 by bf16; n is a multiple of
  // `block_panel` or `float_panel`, x_stride is in bytes.
  void (*matmul_quantized)(
    dyno_dtype type, const void *panels, size_t n, size_t k, const void *x, size_t x_stride, size_t m,
    float *y, size_t y_stride, bool accumulate, float *scratch);

  // y[i] = x[i] · weight[i] / √(mean(x²) + epsilon)
  void (*rms_norm)(const float *x, const float *weight, size_t count, float epsilon, float *y);
  // y[i] = (x[i] - mean(x)) · weight[i] / √(variance(x) + epsilon) + bias[i]; bias may be NULL.
  void (*layer_norm)(
    const float *x, const float *weight, const float *bias, size_t count, float epsilon, float *y);
  // y[i] = activation(gate[i]) · up[i], without the product where up is NULL; y may be gate or up.
  void (*activate)(
    dyno_activation activation, const float *gate, const float *up, size_t count, float *y);
  // Turns the pairs (x[i], x[i + e/2]) of one head by the angles whose cosines and sines are given,
  // or, where `interleaved`, the pairs (x[2i], x[2i + 1]). In place; count is e.
  void (*rotate)(
    float *x, const float *cosines, const float *sines, size_t count, bool interleaved);
  // Rounds the key of one position (its place in the panel) to f32, bf16, f16 or q8_0. Panels of
  // positions are as those of weights; where there are none, a panel is one position.
  void (*store_key)(dyno_dtype type, const float *key, size_t e, size_t position, void *panel);
  void (*attention)(const dyno_attention_block *block);

  // destination[i] = uniform in [-limit, limit), a function of (key, i) alone. f32, bf16 or f16.
  void (*fill_uniform)(
    dyno_dtype type, uint32_t key, size_t count, float limit, void *destination);

  // Measuring the machine: reads all bytes (a multiple of 4096) as one stream or as `streams`
  // interleaved ones (1, 2, 4 or 8), returns something that depends on each.
  float (*read)(const void *source, size_t bytes, int streams);
  // Runs independent multiply-adds in registers; returns the FLOPs done (a multiply-add is 2).
  double (*multiply_add)(size_t iterations, float *sink);
  // The same of products of bytes, as nibbles are multiplied; NULL where they are not.
  double (*multiply_add_bytes)(size_t iterations, float *sink);
  // The same of products of f32 and bf16; NULL where those are products of f32.
  double (*multiply_add_bf16)(size_t iterations, float *sink);
  // The same of pairs of bf16 and bf16; NULL where bf16 weights are multiplied with f32 only.
  double (*multiply_add_pairs)(size_t iterations, float *sink);
} dyno_kernels;

// The table of an instruction set, NULL where this machine or build cannot run it.
const dyno_kernels *dyno_kernels_for(dyno_instruction_set set);

// Quantises `count` f32 values (whole blocks) to a block format by GGUF's reference rules.
void dyno_quantize(dyno_dtype type, const float *source, size_t count, void *destination);

// Fills blocks with random values of a standard deviation, centred on 0 where a block has a minimum, a
// function of (key, i).
void dyno_fill_blocks(
  dyno_dtype type, uint32_t key, size_t count, float deviation, void *destination);

// What compiled the kernels.
const char *dyno_compiler(void);

// Tells the core that this is a spin loop.
static inline void dyno_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Starts the way of an address into the cache, its translation first.
static inline void dyno_prefetch(const void *address) { __builtin_prefetch(address); }
