// What treats each row by itself: conversions, RMSNorm, SwiGLU, rotation.

static void expand(dyno_dtype type, const void *source, size_t count, float *destination) {
  size_t i = 0;
  switch (type) {
    case DYNO_F32: __builtin_memcpy(destination, source, count * sizeof(float)); return;
    case DYNO_BF16: {
      const uint16_t *from = source;
      for (; i + LANES <= count; i += LANES) store_f32(destination + i, load_bf16(from + i));
      for (; i < count; i++) destination[i] = f32_from_bf16(from[i]);
      return;
    }
    case DYNO_F16: {
      const _Float16 *from = source;
      for (; i + LANES <= count; i += LANES) store_f32(destination + i, load_f16(from + i));
      for (; i < count; i++) destination[i] = (float)from[i];
      return;
    }
    case DYNO_Q8_0: expand_blocks(DYNO_Q8_0, source, count, destination); return;
    case DYNO_Q4_0: expand_blocks(DYNO_Q4_0, source, count, destination); return;
    case DYNO_Q4_1: expand_blocks(DYNO_Q4_1, source, count, destination); return;
  }
}

static void round_to(dyno_dtype type, const float *source, size_t count, void *destination) {
  size_t i = 0;
  switch (type) {
    case DYNO_F32: __builtin_memcpy(destination, source, count * sizeof(float)); return;
    case DYNO_BF16: {
      uint16_t *to = destination;
      for (; i + LANES <= count; i += LANES) store_bf16(to + i, load_f32(source + i));
      for (; i < count; i++) to[i] = bf16_from_f32(source[i]);
      return;
    }
    case DYNO_F16: {
      _Float16 *to = destination;
      for (; i + LANES <= count; i += LANES) store_f16(to + i, load_f32(source + i));
      for (; i < count; i++) to[i] = (_Float16)source[i];
      return;
    }
    case DYNO_Q8_0:
    case DYNO_Q4_0:
    case DYNO_Q4_1: __builtin_unreachable();
  }
}

static void rms_norm(
  const float *x, const float *weight, size_t count, float epsilon, float *y) {
  vf sums[4] = {0};
  size_t i = 0;
  for (; i + 4 * LANES <= count; i += 4 * LANES)
#pragma unroll
    for (int u = 0; u < 4; u++) {
      const vf v = load_f32(x + i + u * LANES);
      sums[u] = fma_vf(v, v, sums[u]);
    }
  float squares = sum_vf((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < count; i++) squares += x[i] * x[i];
  const float scale = 1 / sqrtf(squares / (float)count + epsilon);
  for (i = 0; i + LANES <= count; i += LANES)
    store_f32(y + i, load_f32(x + i) * scale * load_f32(weight + i));
  for (; i < count; i++) y[i] = x[i] * scale * weight[i];
}

static void swiglu(const float *gate, const float *up, size_t count, float *y) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const vf g = load_f32(gate + i);
    store_f32(y + i, g / (1.0f + exp_vf(-g)) * load_f32(up + i));
  }
  for (; i < count; i++) y[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

static void rotate(
  float *x, const float *cosines, const float *sines, size_t count, bool interleaved) {
  const size_t half = count / 2;
  size_t i = 0;
  if (interleaved) {
    for (; i < half; i++) {
      const float a = x[2 * i], b = x[2 * i + 1];
      x[2 * i] = a * cosines[i] - b * sines[i];
      x[2 * i + 1] = b * cosines[i] + a * sines[i];
    }
    return;
  }
  for (; i + LANES <= half; i += LANES) {
    const vf a = load_f32(x + i), b = load_f32(x + i + half);
    const vf c = load_f32(cosines + i), s = load_f32(sines + i);
    store_f32(x + i, a * c - b * s);
    store_f32(x + i + half, b * c + a * s);
  }
  for (; i < half; i++) {
    const float a = x[i], b = x[i + half];
    x[i] = a * cosines[i] - b * sines[i];
    x[i + half] = b * cosines[i] + a * sines[i];
  }
}
