// Products of bytes, summed by fours in 32 bits, in the compiler's portable vector types. The including
// file defines what its instruction set has: DOT_BYTES, which does all of it, or MULTIPLY_BYTES
// and MULTIPLY_SIGNED_BYTES, sums of two products in 16 bits.

typedef uint8_t vu8 __attribute__((ext_vector_type(4 * LANES)));
typedef int16_t vi16 __attribute__((ext_vector_type(2 * LANES)));
typedef uint16_t vu16 __attribute__((ext_vector_type(2 * LANES)));

// What is added to the zero of a format whose levels have 8 bits.
#ifdef DOT_BYTES
enum { SIGNED_ZERO = 0 };
#else
enum { SIGNED_ZERO = -128 };
#endif

#ifndef MULTIPLY_BYTES
// a[2i] · b[2i] + a[2i + 1] · b[2i + 1], of unsigned and signed bytes.
INLINE vi16 multiply_bytes(vu8 a, vi b) {
  const vu16 wide_a = (vu16)a;
  const vi16 wide_b = (vi16)b;
  return (vi16)(wide_a & 255) * ((wide_b << 8) >> 8) + (vi16)(wide_a >> 8) * (wide_b >> 8);
}
#define MULTIPLY_BYTES multiply_bytes
#endif

#ifndef MULTIPLY_SIGNED_BYTES
// The same, both signed.
INLINE vi16 multiply_signed_bytes(vu8 a, vi b) {
  const vi16 wide_a = (vi16)a, wide_b = (vi16)b;
  return ((wide_a << 8) >> 8) * ((wide_b << 8) >> 8) + (wide_a >> 8) * (wide_b >> 8);
}
#define MULTIPLY_SIGNED_BYTES multiply_signed_bytes
#endif

// a[2i] + a[2i + 1] in 32 bits
#ifndef ADD_PAIRS
INLINE vi add_pairs(vi16 a) { return (((vi)a << 16) >> 16) + ((vi)a >> 16); }
#define ADD_PAIRS add_pairs
#endif

// Four bytes for all lanes.
INLINE vi broadcast4(const void *bytes) {
  int32_t bits;
  __builtin_memcpy(&bits, bytes, sizeof bits);
  return (vi)bits;
}

// Vectors of levels up to `most` (a constant) that are summed together: with |b| ≤ 127, 16 bits hold so
// many sums of two products.
#ifdef DOT_BYTES
#define TOGETHER(most) 1
#else
#define TOGETHER(most) ((most) > 127 ? 1 : (most) > 31 ? 2 : 4)
#endif

// sums + the products of `count` vectors of levels, at most `most` (both constants), and four bytes
// each. Levels of 8 bits count as 128 less without DOT_BYTES.
INLINE vi add_products(
  vi sums, const vu8 *levels, const int8_t *bytes, const int count, const int most) {
#ifdef DOT_BYTES
  (void)most;
#pragma unroll
  for (int v = 0; v < count; v++) sums = DOT_BYTES(sums, levels[v], broadcast4(bytes + 4 * v));
#else
  if (most > 127) {
#pragma unroll
    for (int v = 0; v < count; v++)
      sums += ADD_PAIRS(MULTIPLY_SIGNED_BYTES(levels[v] ^ 128, broadcast4(bytes + 4 * v)));
  } else {
    const int step = TOGETHER(most) < count ? TOGETHER(most) : count;
#pragma unroll
    for (int first = 0; first < count; first += step) {
      vi16 words = MULTIPLY_BYTES(levels[first], broadcast4(bytes + 4 * first));
#pragma unroll
      for (int v = first + 1; v < first + step; v++)
        words += MULTIPLY_BYTES(levels[v], broadcast4(bytes + 4 * v));
      sums += ADD_PAIRS(words);
    }
  }
#endif
  return sums;
}
