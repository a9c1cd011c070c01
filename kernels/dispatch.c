// Which instruction sets this machine can run.
#include "tables.h"

#if defined(__aarch64__)
#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>

static bool has_feature(const char *name) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}
#endif

// Whether products of unsigned and signed bytes, and of pairs of bf16, are instructions.
static bool has_bf16_and_i8mm(void) {
#if defined(__linux__)
  const unsigned long both = HWCAP2_I8MM | HWCAP2_BF16;
  return (getauxval(AT_HWCAP2) & both) == both;
#elif defined(__APPLE__)
  return has_feature("hw.optional.arm.FEAT_BF16") && has_feature("hw.optional.arm.FEAT_I8MM");
#else
  return false;
#endif
}
#endif

#if defined(__x86_64__)
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

// Linux gives a process room for the tiles' contents when it asks for it, and only then.
static bool may_use_tiles(void) {
#if defined(__linux__)
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
  return false;
#endif
}
#endif

const dyno_kernels *dyno_kernels_for(dyno_instruction_set set) {
  switch (set) {
    case DYNO_SCALAR: return &dyno_scalar_kernels;
#if defined(__x86_64__)
    case DYNO_AVX512VNNI:
      return __builtin_cpu_supports("avx512vnni") && dyno_kernels_for(DYNO_AVX512) != NULL
        ? &dyno_avx512vnni_kernels
        : NULL;
    case DYNO_AVX512BF16:
      return __builtin_cpu_supports("avx512bf16") && dyno_kernels_for(DYNO_AVX512VNNI) != NULL
        ? &dyno_avx512bf16_kernels
        : NULL;
    case DYNO_AMX:
      return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
          dyno_kernels_for(DYNO_AVX512VNNI) != NULL && may_use_tiles()
        ? &dyno_amx_kernels
        : NULL;
    case DYNO_AMXBF16:
      return dyno_kernels_for(DYNO_AMX) != NULL && dyno_kernels_for(DYNO_AVX512BF16) != NULL
        ? &dyno_amxbf16_kernels
        : NULL;
    case DYNO_AVX2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
          __builtin_cpu_supports("f16c")
        ? &dyno_avx2_kernels
        : NULL;
    case DYNO_AVX512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
        ? &dyno_avx512_kernels
        : NULL;
    case DYNO_NEON:
    case DYNO_NEONBF16: return NULL;
#elif defined(__aarch64__)
    case DYNO_NEON: return &dyno_neon_kernels;
    case DYNO_NEONBF16: return has_bf16_and_i8mm() ? &dyno_neonbf16_kernels : NULL;
    case DYNO_AVX2:
    case DYNO_AVX512:
    case DYNO_AVX512VNNI:
    case DYNO_AVX512BF16:
    case DYNO_AMX:
    case DYNO_AMXBF16: return NULL;
#else
    case DYNO_NEON:
    case DYNO_NEONBF16:
    case DYNO_AVX2:
    case DYNO_AVX512:
    case DYNO_AVX512VNNI:
    case DYNO_AVX512BF16:
    case DYNO_AMX:
    case DYNO_AMXBF16: return NULL;
#endif
  }
  return NULL;
}

const char *dyno_compiler(void) { return __VERSION__; }
