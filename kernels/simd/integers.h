// Products of small integers, summed in pairs, in the compiler's portable vector types. The
// including file replaces them by instructions where its instruction set has them.

typedef uint8_t vu8 __attribute__((ext_vector_type(4 * LANES)));
typedef int16_t vi16 __attribute__((ext_vector_type(2 * LANES)));
typedef uint16_t vu16 __attribute__((ext_vector_type(2 * LANES)));
typedef int8_t vi8 __attribute__((ext_vector_type(2 * LANES)));

#ifndef MULTIPLY_ADD_WORDS
// sums[i] + a[2i] · b[2i] + a[2i + 1] · b[2i + 1]
INLINE vi add_word_products(vi sums, vi16 a, vi16 b) {
  const vi wide_a = (vi)a, wide_b = (vi)b;
  return sums + ((wide_a << 16) >> 16) * ((wide_b << 16) >> 16) + (wide_a >> 16) * (wide_b >> 16);
}
#define MULTIPLY_ADD_WORDS add_word_products
#endif

// Sums of products of bytes, as they are kept while a block is summed: LANES sums of int32 in the
// end, each of four neighbours of `a` (unsigned) times four of `b` (signed) a call.
#ifndef MULTIPLY_ADD_BYTES
// Sums of two neighbours in 16 bits: enough for 8 calls with a ≤ 15 and |b| ≤ 127.
typedef vi16 byte_sums;

INLINE byte_sums add_byte_products(byte_sums sums, vu8 a, vi b) {
#ifdef MULTIPLY_BYTES
  return sums + MULTIPLY_BYTES(a, b);
#else
  const vu16 wide_a = (vu16)a;
  const vi16 wide_b = (vi16)b;
  return sums + (vi16)(wide_a & 255) * ((wide_b << 8) >> 8) + (vi16)(wide_a >> 8) * (wide_b >> 8);
#endif
}

// Sums begin with -8 for each activation, half of it in either 16-bit sum of a lane: with these, no
// sum of a block can leave its 16 bits, of |(nibble - 4) · b| ≤ 11 · 127 and |4 · b| 16 each.
#define NIBBLE_OFFSET(sum) ((int32_t)((uint32_t)(uint16_t)(-4 * (sum)) * 0x10001u))

INLINE vi whole_sums(byte_sums sums) {
  return MULTIPLY_ADD_WORDS((vi)0, sums, (vi16)(int16_t)1);
}
#define MULTIPLY_ADD_BYTES add_byte_products
#endif
