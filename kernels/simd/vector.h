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

enum { STREAM_AHEAD = 1024 };  // bytes that streams of weights are fetched ahead

// Asks for memory that will be read soon, into the L2 cache.
INLINE void prefetch(const void *start, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)start + i, 0, 2);
}

// The next of as equal parts as can be of what is left.
INLINE size_t next_part(size_t left, size_t parts) { return (left + parts - 1) / parts; }

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

// The larger of each lane; of a NaN and a number, b. (The builtins spend most of their time on NaN.)
INLINE vf larger(vf a, vf b) { return a > b ? a : b; }
INLINE vf smaller(vf a, vf b) { return a < b ? a : b; }

INLINE float max_vf(vf v) {
#if LANES == 16
  typedef float f8 __attribute__((ext_vector_type(8)));
  const f8 half = v.lo > v.hi ? v.lo : v.hi;
  const f4 q = half.lo > half.hi ? half.lo : half.hi;
#elif LANES == 8
  const f4 q = v.lo > v.hi ? v.lo : v.hi;
#else
  const f4 q = v;
#endif
  const float even = q.x > q.z ? q.x : q.z, odd = q.y > q.w ? q.y : q.w;
  return even > odd ? even : odd;
}

// The four vectors' sums as one vector.
INLINE f4 sum4(vf va, vf vb, vf vc, vf vd) {
  const f4 a = fold4(va), b = fold4(vb), c = fold4(vc), d = fold4(vd);
  const f4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const f4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
  return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

// e^x within about 2 ulp for x in [-87, 88]; below, going to exactly 0; above, the value at 88; NaN
// stays NaN. x = n·ln 2 + r with |r| ≤ ln 2 / 2; e^r by a polynomial of least relative error (4e-9).
INLINE vf exp_vf(vf x) {
  x = larger((vf)-88.1f, x);  // where n is -127
  x = (vf)88.0f < x ? (vf)88.0f : x;
  // Adding 1.5 · 2²³ rounds to an integer, whose bits are then the lowest; 127 is the exponent's bias.
  const vf shift = (vf)(0x1.8p23f + 127);
  const vf rounded = fma_vf(x, (vf)1.44269504f, shift), n = rounded - shift;
  vf r = fma_vf(n, (vf)-0.693359375f, x);  // ln 2 in two parts: the first is exact in n·part
  r = fma_vf(n, (vf)2.12194440e-4f, r);
  vf p = (vf)0.00138145836f;
  p = fma_vf(p, r, (vf)0.00836872403f);
  p = fma_vf(p, r, (vf)0.041668389f);
  p = fma_vf(p, r, (vf)0.166665211f);
  p = fma_vf(p, r, (vf)0.49999994f);
  p = fma_vf(p, r, (vf)1.0f);
  p = fma_vf(p, r, (vf)1.0f);
  return p * (vf)((vu)rounded << 23);  // 2^n by its exponent's bits, which are 0 for n = -127
}
