// VNNI's products, for table.h.
#include "avx512_shape.h"
#define DOT_BYTES(sums, a, b) \
  ((vi)_mm512_dpbusd_epi32((__m512i)(sums), (__m512i)(a), (__m512i)(b)))
