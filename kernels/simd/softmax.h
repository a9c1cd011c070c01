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
  // Positions out of sight weigh exactly 0: e^-inf. The tail to a whole block is padding.
  for (size_t p = 0; p < low; p++) scores[p] = -INFINITY;
  for (size_t p = high; p < DYNO_ATTENTION_POSITIONS; p++) scores[p] = -INFINITY;
  // Whole blocks always, so that the loops unroll: padding costs less than counting.
  vf largest[2] = {(vf)-INFINITY, (vf)-INFINITY};
#pragma unroll
  for (int p = 0; p < DYNO_ATTENTION_POSITIONS; p += LANES)
    largest[p / LANES & 1] = larger(load_f32(scores + p), largest[p / LANES & 1]);
  const float before = *maximum, block_maximum = max_vf(larger(largest[0], largest[1]));
  const float now = before > block_maximum ? before : block_maximum;
  if (now > before) {
    const float kept = expf(before - now);
    *maximum = now;
    *sum *= kept;
    for (size_t l = 0; l < e; l++) output[l] *= kept;
  }
  vf added[2] = {(vf)0.0f, (vf)0.0f};
// Two at a time hide the latency; all of them would not fit the registers.
#pragma clang loop unroll_count(2)
  for (int p = 0; p < DYNO_ATTENTION_POSITIONS; p += LANES) {
    const vf weight = exp_vf(load_f32(scores + p) - now);
    store_f32(scores + p, weight);
    added[p / LANES & 1] += weight;
  }
  *sum += sum_vf(added[0] + added[1]);
}
