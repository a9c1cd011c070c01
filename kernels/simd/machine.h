// Random contents at memory speed, and the loops that measure the machine's limits.

static void fill_uniform(
  dyno_dtype type, uint32_t key, size_t count, float limit, void *destination) {
  vu lane;
  for (int i = 0; i < LANES; i++) lane[i] = (uint32_t)i;
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    vu x = key + ((uint32_t)i + lane) * RANDOM_STRIDE;
    x = (x ^ x >> 16) * RANDOM_MULTIPLIER_1;
    x = (x ^ x >> 15) * RANDOM_MULTIPLIER_2;
    x ^= x >> 16;
    const vf value = __builtin_convertvector((vi)x, vf) * (limit * 0x1p-31f);
    switch (type) {
      case DYNO_F32: store_f32((float *)destination + i, value); break;
      case DYNO_BF16: store_bf16((uint16_t *)destination + i, value); break;
      case DYNO_F16: store_f16((_Float16 *)destination + i, value); break;
      default: __builtin_unreachable();
    }
  }
  for (; i < count; i++) {
    const float value = random_uniform(key, (uint32_t)i, limit);
    switch (type) {
      case DYNO_F32: ((float *)destination)[i] = value; break;
      case DYNO_BF16: ((uint16_t *)destination)[i] = bf16_from_f32(value); break;
      case DYNO_F16: ((_Float16 *)destination)[i] = (_Float16)value; break;
      default: __builtin_unreachable();
    }
  }
}

INLINE float read_streams(const float *source, size_t count, const int streams) {
  const size_t length = count / (size_t)streams;
  vf sums[8] = {0};
  for (size_t i = 0; i < length; i += 64 / (size_t)streams * 2)
#pragma unroll
    for (int u = 0; u < 128 / LANES / streams; u++)
#pragma unroll
      for (int s = 0; s < streams; s++)
        sums[(s + u * streams) & 7] += load_f32(source + (size_t)s * length + i + u * LANES);
  vf total = (vf)0.0f;
#pragma unroll
  for (int s = 0; s < 8; s++) total += sums[s];
  return sum_vf(total);
}

static float read_all(const void *source, size_t bytes, int streams) {
  const size_t count = bytes / sizeof(float);
  switch (streams) {
    case 1: return read_streams(source, count, 1);
    case 2: return read_streams(source, count, 2);
    case 4: return read_streams(source, count, 4);
    default: return read_streams(source, count, 8);
  }
}

static double multiply_add(size_t iterations, float *sink) {
  // Latency times throughput is 8 to 10 on current cores; 12 chains cover it within 16 registers.
  enum { CHAINS = 12 };
  vf sums[CHAINS];
  const vf factor = (vf)(0.999f + *sink * 0), addend = (vf)0.001f;
#pragma unroll
  for (int c = 0; c < CHAINS; c++) sums[c] = (vf)(float)c;
  for (size_t i = 0; i < iterations; i++)
#pragma unroll
    for (int c = 0; c < CHAINS; c++) sums[c] = fma_vf(sums[c], factor, addend);
  vf total = (vf)0.0f;
#pragma unroll
  for (int c = 0; c < CHAINS; c++) total += sums[c];
  *sink += sum_vf(total);
  return 2.0 * CHAINS * LANES * (double)iterations;
}

static double multiply_add_bytes(size_t iterations, float *sink) {
  enum { CHAINS = 12 };
  vi sums[CHAINS];
  const vu8 factor = (vu8)(uint8_t)(1 + (int)(*sink * 0));
#pragma unroll
  for (int c = 0; c < CHAINS; c++) sums[c] = (vi)(c + 1);
  // Each product is of the chain's own sum, so that none can be left out.
  for (size_t i = 0; i < iterations; i++)
#pragma unroll
    for (int c = 0; c < CHAINS; c++) {
#ifdef DOT_BYTES
      sums[c] = DOT_BYTES(sums[c], factor, sums[c]);
#else
      sums[c] = (vi)((vi16)sums[c] + MULTIPLY_BYTES(factor, sums[c]));
#endif
    }
  vi total = (vi)0;
#pragma unroll
  for (int c = 0; c < CHAINS; c++) total += sums[c];
  *sink += (float)(__builtin_reduce_add(total) & 255);
  return 2.0 * CHAINS * 4 * LANES * (double)iterations;
}
