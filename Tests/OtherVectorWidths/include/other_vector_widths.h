// The kernels as AVX-512 and NEON compile them, with vectors of 16 and 4 f32, for machines that have
// only AVX2: the compiler splits or shortens the vectors. What is written once for all widths is so
// tested at every width, though not with the other instruction sets' own instructions.
#pragma once

#include <dyno_kernels.h>

// NULL where this machine cannot run it.
const dyno_kernels *dyno_kernels_of_width(int lanes);
