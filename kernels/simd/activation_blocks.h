// Activations as integers, to be multiplied with weights of block formats: of each 32 a scale, what
// corrects the sums of products, and bytes.
//
// Weights are levels above a zero: their sums of products begin with what the zero takes from them, for
// each part of a block (`offsets`). Where weights have a minimum, it is multiplied with the
// sum of the part's activations (`sums`).

typedef struct {
  float scale;
  union {
    int32_t offsets[2];
    float sums[2];
  };
  int8_t bytes[BLOCK];  // follow right after one offset or sum where a part is a whole block
} activation_block;
_Static_assert(sizeof(activation_block) <= DYNO_ACTIVATION_BLOCK, "what callers make room for");

// Parts of 32 inputs that have a scale of their own.
INLINE int parts_of(dyno_dtype type) { return BLOCK / dyno_block_format(type).part; }

INLINE size_t activation_block_bytes(dyno_dtype type) {
  return sizeof(activation_block) - (size_t)(2 - parts_of(type)) * sizeof(float);
}

INLINE const activation_block *block_of_row(
  dyno_dtype type, const uint8_t *x, size_t x_stride, size_t row, size_t block) {
  return (const activation_block *)(const void *)(x + row * x_stride +
                                                  block * activation_block_bytes(type));
}

INLINE const int8_t *bytes_of(dyno_dtype type, const activation_block *x) {
  return (const int8_t *)x + activation_block_bytes(type) - BLOCK;
}

INLINE void quantize_block(dyno_dtype type, const float *x, uint8_t *to) {
  enum { VECTORS = BLOCK / LANES };
  const block_format format = dyno_block_format(type);
  activation_block *block = (activation_block *)(void *)to;
  vf values[VECTORS];
  // As integers, magnitudes keep their order, and NaN is the largest.
  vi largest = (vi)0;
#pragma unroll
  for (int v = 0; v < VECTORS; v++) {
    values[v] = load_f32(x + v * LANES);
    largest = __builtin_elementwise_max(largest, (vi)values[v] & 0x7fffffff);
  }
  const float most = f32_from_bits((uint32_t)__builtin_reduce_max(largest));
  // No quant stands for what is not finite, but the result must show it.
  const bool finite = most <= 0x1.fffffep127f;
  const float scale = finite ? most / 127 : NAN;
  const float inverse = scale >= 0x1p-126f ? 1 / scale : 0;
  vi sums[2] = {(vi)0, (vi)0};
  int8_t *bytes = (int8_t *)to + activation_block_bytes(type) - BLOCK;
#pragma unroll
  for (int v = 0; v < VECTORS; v++) {
    const vf scaled = finite ? values[v] * inverse : (vf)0.0f;
    const vi quants = __builtin_convertvector(__builtin_elementwise_roundeven(scaled), vi);
    sums[v * LANES / format.part] += quants;
    typedef int8_t narrow __attribute__((ext_vector_type(LANES)));
    const narrow some = __builtin_convertvector(quants, narrow);
    __builtin_memcpy(bytes + v * LANES, &some, sizeof some);
  }
  block->scale = scale;
  const int zero = format.most > 127 ? format.zero + SIGNED_ZERO : format.zero;
#pragma unroll
  for (int part = 0; part < parts_of(type); part++) {
    const int32_t sum = __builtin_reduce_add(sums[part]);
    if (format.has_minimum)
      block->sums[part] = scale * (float)sum;
    else
      block->offsets[part] = -zero * sum;
  }
}

INLINE void quantize_row(dyno_dtype type, const float *x, size_t count, uint8_t *to) {
  for (size_t i = 0; i < count; i += BLOCK, to += activation_block_bytes(type))
    quantize_block(type, x + i, to);
}

// Activations for bf16 weights are bf16, in whole pairs: the last may have no second one.
static void round_to_pairs(const float *x, size_t count, uint16_t *to) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) store_bf16(to + i, load_f32(x + i));
  for (; i < count; i++) to[i] = bf16_from_f32(x[i]);
  if (count % 2 == 1) to[count] = 0;
}

// Bytes of so many activations.
static size_t activation_bytes(dyno_dtype type, size_t count) {
  if (type == DYNO_BF16) return (count + 1) / 2 * 4;
  return count / BLOCK * activation_block_bytes(type);
}

static void quantize_activations(
  dyno_dtype type, const float *x, size_t count, void *quantized) {
  switch (type) {
#define FORMAT(type, ...) \
  case type: quantize_row(type, x, count, quantized); return;
    FOR_EACH_BLOCK_FORMAT(FORMAT)
#undef FORMAT
    case DYNO_BF16: round_to_pairs(x, count, quantized); return;
    default: __builtin_unreachable();
  }
}
