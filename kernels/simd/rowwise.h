// What treats each row by itself: conversions, norms, activations, rotation.

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
    default: expand_blocks(type, source, count, destination); return;
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
    default: __builtin_unreachable();
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

static void layer_norm(
  const float *x, const float *weight, const float *bias, size_t count, float epsilon, float *y) {
  // The mean first: squares of what is far from 0 would swamp the variance.
  vf sums = {0};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) sums += load_f32(x + i);
  float sum = sum_vf(sums);
  for (; i < count; i++) sum += x[i];
  const float mean = sum / (float)count;
  // What rounding has left of the mean is taken off as well.
  vf rests = {0};
  sums = (vf){0};
  for (i = 0; i + LANES <= count; i += LANES) {
    const vf v = load_f32(x + i) - mean;
    rests += v;
    sums = fma_vf(v, v, sums);
  }
  float rest = sum_vf(rests), squares = sum_vf(sums);
  for (; i < count; i++) {
    rest += x[i] - mean;
    squares += (x[i] - mean) * (x[i] - mean);
  }
  const float offset = rest / (float)count;
  const float variance = squares / (float)count - offset * offset;
  const float scale = 1 / sqrtf((variance > 0 ? variance : 0) + epsilon);
  for (i = 0; i + LANES <= count; i += LANES) {
    const vf v = (load_f32(x + i) - mean - offset) * scale * load_f32(weight + i);
    store_f32(y + i, bias != NULL ? v + load_f32(bias + i) : v);
  }
  for (; i < count; i++)
    y[i] = (x[i] - mean - offset) * scale * weight[i] + (bias != NULL ? bias[i] : 0);
}

// Φ(x) by the error function's approximation 7.1.26 of Abramowitz and Stegun (1964), within 1.5e-7.
INLINE vf normal_cdf(vf x) {
  const vf z = (x < 0 ? -x : x) * 0.70710678f, t = 1.0f / fma_vf((vf)0.3275911f, z, (vf)1.0f);
  vf p = (vf)1.061405429f;
  p = fma_vf(p, t, (vf)-1.453152027f);
  p = fma_vf(p, t, (vf)1.421413741f);
  p = fma_vf(p, t, (vf)-0.284496736f);
  p = fma_vf(p, t, (vf)0.254829592f);
  const vf tail = 0.5f * p * t * exp_vf(-z * z);
  return x < 0 ? tail : 1.0f - tail;
}

INLINE vf activated(dyno_activation activation, vf x) {
  switch (activation) {
    case DYNO_SILU: return x / (1.0f + exp_vf(-x));
    case DYNO_GELU: return x * normal_cdf(x);
    // (1 + tanh(u)) / 2 is the sigmoid of 2u.
    case DYNO_GELU_TANH:
      return x / (1.0f + exp_vf(-1.5957691216f * x * fma_vf(0.044715f * x, x, (vf)1.0f)));
    case DYNO_RELU: return larger((vf)0.0f, x);
    case DYNO_RELU_SQUARED: {
      const vf positive = larger((vf)0.0f, x);
      return positive * positive;
    }
    case DYNO_CLAMPED_SWIGLU: {
      const vf clamped = smaller((vf)7.0f, x);
      return clamped / (1.0f + exp_vf(-1.702f * clamped));
    }
  }
  __builtin_unreachable();
}

// What the activation is multiplied with.
INLINE vf factor(dyno_activation activation, vf up) {
  if (activation != DYNO_CLAMPED_SWIGLU) return up;
  return larger((vf)-7.0f, smaller((vf)7.0f, up)) + 1.0f;
}

INLINE void activate_with(
  dyno_activation activation, const float *gate, const float *up, size_t count, float *y) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const vf v = activated(activation, load_f32(gate + i));
    store_f32(y + i, up != NULL ? v * factor(activation, load_f32(up + i)) : v);
  }
  for (; i < count; i++) {
    const vf v = activated(activation, (vf)gate[i]);
    y[i] = up != NULL ? v[0] * factor(activation, (vf)up[i])[0] : v[0];
  }
}

static void activate(
  dyno_activation activation, const float *gate, const float *up, size_t count, float *y) {
  switch (activation) {
    case DYNO_SILU: activate_with(DYNO_SILU, gate, up, count, y); return;
    case DYNO_GELU: activate_with(DYNO_GELU, gate, up, count, y); return;
    case DYNO_GELU_TANH: activate_with(DYNO_GELU_TANH, gate, up, count, y); return;
    case DYNO_RELU: activate_with(DYNO_RELU, gate, up, count, y); return;
    case DYNO_RELU_SQUARED: activate_with(DYNO_RELU_SQUARED, gate, up, count, y); return;
    case DYNO_CLAMPED_SWIGLU: activate_with(DYNO_CLAMPED_SWIGLU, gate, up, count, y); return;
  }
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
