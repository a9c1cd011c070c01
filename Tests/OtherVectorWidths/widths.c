#include "other_vector_widths.h"

#if defined(__x86_64__)
extern const dyno_kernels dyno_lanes4_kernels, dyno_lanes16_kernels, dyno_vnni_sums_kernels,
  dyno_tiles_kernels, dyno_tiles_of_pairs_kernels;

const dyno_kernels *dyno_emulated_kernels(int index) {
  const dyno_kernels *const tables[] = {
    &dyno_lanes4_kernels, &dyno_lanes16_kernels, &dyno_vnni_sums_kernels,
    &dyno_tiles_kernels, &dyno_tiles_of_pairs_kernels};
  return index < 5 && dyno_kernels_for(DYNO_AVX2) != NULL ? tables[index] : NULL;
}
#else
const dyno_kernels *dyno_emulated_kernels(int index) {
  (void)index;
  return NULL;
}
#endif
