// Scores within ±cap: cap · tanh(score / cap), as cap · (2 · sigmoid(2 · score / cap) - 1).
INLINE void soften_scores(float *scores, size_t count, float cap) {
  for (size_t p = 0; p < count; p += LANES) {
    const vf v = load_f32(scores + p);
    store_f32(scores + p, 2 * cap / (1.0f + exp_vf(v * (-2 / cap))) - cap);
  }
}

// One row's step of the online softmax (Milakov & Gimelshein 2018): turns the scores of a block of
// positions into weights relative to the running maximum, and rescales what was summed before.
static void weights_from_scores(
  float *scores, size_t count, size_t start, size_t visible_from, size_t visible_to, float *maximum,
  float *sum, float *output, size_t e) {
  const size_t low = visible_from > start ? visible_from - start : 0;
  const size_t high = visible_to < start + count ? (visible_to > start ? visible_to - start : 0) : count;
  if (low >= high) {
    for (size_t p = 0; p < count; p++) scores[p] = 0;
    return;
  }
  // Positions out of sight weigh exactly 0: e^-inf. The tail to whole vectors is padding.
  for (size_t p = 0; p < low; p++) scores[p] = -INFINITY;
  const size_t padded = (count + 2 * LANES - 1) / (2 * LANES) * (2 * LANES);
  for (size_t p = high; p < padded; p++) scores[p] = -INFINITY;
  vf largest[2] = {(vf)-INFINITY, (vf)-INFINITY};
  for (size_t p = 0; p < padded; p += 2 * LANES)
#pragma unroll
    for (size_t i = 0; i < 2; i++)
      largest[i] = larger(load_f32(scores + p + i * LANES), largest[i]);
  const float before = *maximum, block_maximum = max_vf(larger(largest[0], largest[1]));
  const float now = before > block_maximum ? before : block_maximum;
  if (now > before) {
    const float kept = expf(before - now);
    *maximum = now;
    *sum *= kept;
    for (size_t l = 0; l < e; l++) output[l] *= kept;
  }
  vf added[2] = {(vf)0.0f, (vf)0.0f};
  for (size_t p = 0; p < padded; p += 2 * LANES)
#pragma unroll
    for (size_t i = 0; i < 2; i++) {
      const vf weight = exp_vf(load_f32(scores + p + i * LANES) - now);
      store_f32(scores + p + i * LANES, weight);
      added[i] += weight;
    }
  *sum += sum_vf(added[0] + added[1]);
}
