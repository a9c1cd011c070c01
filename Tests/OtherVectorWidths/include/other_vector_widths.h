// The kernels as AVX-512 and NEON compile them, with vectors of 16 and 4 f32, for machines that have
// only AVX2: the compiler splits or shortens the vectors. What is written once for all widths is so
// tested at every width, though not with the other instruction sets' own instructions. A third table
// sums products of bytes as AVX-512's VNNI does, a fourth multiplies bf16 by AMX's tiles, in plain C.
#pragma once

#include <dyno_kernels.h>

// The tables one after the other; NULL after the last, and where this machine cannot run them.
const dyno_kernels *dyno_emulated_kernels(int index);
