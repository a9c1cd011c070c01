// AVX-512's products of pairs of bf16, for table.h.
#define DOT_PAIRS(sums, a, b) \
  ((vf)_mm512_dpbf16_ps((__m512)(sums), (__m512bh)(a), (__m512bh)(b)))
