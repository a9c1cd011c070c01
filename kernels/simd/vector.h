// Vectors of LANES f32 and what the kernels do with them, in the compiler's portable vector types:
// one source serves every instruction set that the including file has enabled.
#pragma once

#include <math.h>

#include "../formats.h"

#define INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((ext_vector_type(LANES)));
typedef int32_t vi __attribute__((ext_vector_type(LANES)));
typedef uint32_t vu __attribute__((ext_vector_type(LANES)));
typedef float f4 __attribute__((ext_vector_type(4)));
typedef uint16_t vbits16 __attribute__((ext_vector_type(LANES)));
typedef _Float16 vf16 __attribute__((ext_vector_type(LANES)));

INLINE vf load_f32(const float *p) {
  vf v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

INLINE void store_f32(float *p, vf v) { __builtin_memcpy(p, &v, sizeof v); }

INLINE vf load_bf16(const uint16_t *p) {
  vbits16 v;
  __builtin_memcpy(&v, p, sizeof v);
  const vu wide = __builtin_convertvector(v, vu) << 16;
  return (vf)wide;
}

INLINE void store_bf16(uint16_t *p, vf v) {
  const vu bits = (vu)v;
  const vu rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  const vu quiet = bits >> 16 | 0x40;
  const vu is_nan = (vu)((bits & 0x7fffffff) > 0x7f800000);
  const vbits16 narrow = __builtin_convertvector((is_nan & quiet) | (~is_nan & rounded), vbits16);
  __builtin_memcpy(p, &narrow, sizeof narrow);
}

INLINE vf load_f16(const _Float16 *p) {
  vf16 v;
  __builtin_memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, vf);
}

INLINE void store_f16(_Float16 *p, vf v) {
  const vf16 narrow = __builtin_convertvector(v, vf16);
  __builtin_memcpy(p, &narrow, sizeof narrow);
}

// Asks for memory that will be read soon, into the L2 cache.
INLINE void prefetch(const void *start, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)start + i, 0, 2);
}

INLINE vf fma_vf(vf a, vf b, vf c) { return __builtin_elementwise_fma(a, b, c); }

// Adds the upper half to the lower until four lanes are left.
INLINE f4 fold4(vf v) {
#if LANES == 16
  typedef float f8 __attribute__((ext_vector_type(8)));
  const f8 half = v.lo + v.hi;
  return half.lo + half.hi;
#elif LANES == 8
  return v.lo + v.hi;
#else
  return v;
#endif
}

INLINE float sum_vf(vf v) {
  const f4 q = fold4(v);
  return (q.x + q.z) + (q.y + q.w);
}

INLINE float max_vf(vf v) { return __builtin_reduce_max(v); }

// The four vectors' sums as one vector.
INLINE f4 sum4(vf va, vf vb, vf vc, vf vd) {
  const f4 a = fold4(va), b = fold4(vb), c = fold4(vc), d = fold4(vd);
  const f4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const f4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
  return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

// e^x within about 2 ulp for x in [-87, 88]; below, 0; above, the value at 88; NaN stays NaN.
// x = n·ln 2 + r with |r| ≤ ln 2 / 2; e^r by a degree-7 Taylor polynomial, 2^n by its exponent bits.
INLINE vf exp_vf(vf x) {
  const vu kept = (vu)(x >= -87.0f), is_nan = (vu)(x != x);
  x = __builtin_elementwise_min(__builtin_elementwise_max(x, (vf)-87.0f), (vf)88.0f);
  const vf n = __builtin_elementwise_roundeven(x * 1.44269504f);
  vf r = fma_vf(n, (vf)-0.693359375f, x);  // ln 2 in two parts: the first is exact in n·part
  r = fma_vf(n, (vf)2.12194440e-4f, r);
  vf p = (vf)(1.0f / 5040);
  p = fma_vf(p, r, (vf)(1.0f / 720));
  p = fma_vf(p, r, (vf)(1.0f / 120));
  p = fma_vf(p, r, (vf)(1.0f / 24));
  p = fma_vf(p, r, (vf)(1.0f / 6));
  p = fma_vf(p, r, (vf)0.5f);
  p = fma_vf(p, r, (vf)1.0f);
  p = fma_vf(p, r, (vf)1.0f);
  const vi exponent = __builtin_convertvector(n, vi) << 23;
  return (vf)(((vu)((vi)p + exponent) & kept) | is_nan);
}
