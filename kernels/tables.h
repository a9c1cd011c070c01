// The table each instruction set's file defines; dispatch.c chooses among them.
#pragma once

#include "include/dyno_kernels.h"

extern const dyno_kernels dyno_scalar_kernels;
extern const dyno_kernels dyno_avx2_kernels;
extern const dyno_kernels dyno_avx512_kernels;
extern const dyno_kernels dyno_avx512vnni_kernels;
extern const dyno_kernels dyno_avx512bf16_kernels;
extern const dyno_kernels dyno_amx_kernels;
extern const dyno_kernels dyno_amxbf16_kernels;
extern const dyno_kernels dyno_neon_kernels;
extern const dyno_kernels dyno_neonbf16_kernels;
