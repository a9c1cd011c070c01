#include "other_vector_widths.h"

#if defined(__x86_64__)
extern const dyno_kernels dyno_lanes4_kernels, dyno_lanes16_kernels;

const dyno_kernels *dyno_kernels_of_width(int lanes) {
  if (dyno_kernels_for(DYNO_AVX2) == NULL) return NULL;
  return lanes == 4 ? &dyno_lanes4_kernels : lanes == 16 ? &dyno_lanes16_kernels : NULL;
}
#else
const dyno_kernels *dyno_kernels_of_width(int lanes) {
  (void)lanes;
  return NULL;
}
#endif
