// Searches for the scales of quantised blocks.
//
// Codes and scales depend on each other: for given codes the best scale is a weighted least-squares
// solution, for a given scale the best codes are the nearest ones. So several scales near that which maps
// the extreme value to the end of the range are tried, codes found for each, the scale solved for these,
// and the pair of least error kept.
//
// Magnitudes are up to 2³⁰: sums hold cubes of them, which must not overflow.
#pragma once

#include <math.h>
#include <stdint.h>

// Rounds to nearest, ties to even: |x| is below 2²². Branches and calls would cost most of a search.
static inline float nearest(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }

static inline float between(float x, float low, float high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

// What a part of so many inputs may have at most.
enum { MOST_PART = 32 };

// The value of largest magnitude, with its sign.
static inline float extreme_of(int count, const float *x) {
  float extreme = 0;
  for (int i = 0; i < count; i++)
    if (fabsf(x[i]) > fabsf(extreme)) extreme = x[i];
  return extreme;
}

// The scale of x ≈ scale · q, q in [-zero, zero - 1].
static inline float search_scale(int count, const float *x, const float *weight, int zero) {
  const float extreme = extreme_of(count, x);
  if (extreme == 0) return 0;
  const float low = (float)-zero, high = (float)(zero - 1);
  float best = 0, best_scale = 0;
  for (int turn = 0; turn < 2; turn++)
    for (int step = -9; step <= 9; step++) {
      // The extreme on the lowest code, or on the highest.
      const float end = turn == 0 ? low : high;
      const float inverse = (end + (turn == 0 ? -0.1f : 0.1f) * (float)step) / extreme;
      if (!isfinite(inverse) || inverse == 0) continue;
      float products = 0, squares = 0;
      for (int i = 0; i < count; i++) {
        const float q = nearest(between(x[i] * inverse, low, high));
        products += weight[i] * x[i] * q;
        squares += weight[i] * q * q;
      }
      // What the error falls by.
      if (squares > 0 && products * products > best * squares) {
        best = products * products / squares;
        best_scale = products / squares;
      }
    }
  // Codes for that scale, the scale for these.
  for (int round = 0; round < 2 && best_scale != 0; round++) {
    const float inverse = 1 / best_scale;
    if (!isfinite(inverse)) break;
    float products = 0, squares = 0;
    for (int i = 0; i < count; i++) {
      const float q = nearest(between(x[i] * inverse, low, high));
      products += weight[i] * x[i] * q;
      squares += weight[i] * q * q;
    }
    if (!(squares > 0) || products * products <= best * squares) break;
    best = products * products / squares;
    best_scale = products / squares;
  }
  return best_scale;
}

// The scale and the minimum, at least 0, of x ≈ scale · q - minimum, q in [0, most].
static inline void search_scale_and_minimum(
  int count, const float *x, const float *weight, int most, float *scale, float *minimum) {
  float low = 0, high = x[0], sum_weights = 0, sum_x = 0;
  for (int i = 0; i < count; i++) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
    sum_weights += weight[i];
    sum_x += weight[i] * x[i];
  }
  *scale = 0;
  *minimum = -low;
  const float range = high - low;
  if (!(range > 0)) return;
  float least = INFINITY;
  for (int step = -10; step <= 12; step++) {
    // From a range that is cut short at its ends to one that is longer.
    const float inverse = ((float)most + 0.1f * (float)step) / range;
    if (!isfinite(inverse)) return;
    float q[MOST_PART], products = 0, squares = 0, sum = 0;
    for (int i = 0; i < count; i++) {
      q[i] = nearest(between((x[i] - low) * inverse, 0, (float)most));
      products += weight[i] * q[i] * x[i];
      squares += weight[i] * q[i] * q[i];
      sum += weight[i] * q[i];
    }
    const float determinant = sum_weights * squares - sum * sum;
    if (!(determinant > 0)) continue;
    float s = (sum_weights * products - sum_x * sum) / determinant;
    float m = (squares * sum_x - sum * products) / determinant;
    if (m > 0) {
      m = 0;
      s = squares > 0 ? products / squares : 0;
    }
    float error = 0;
    for (int i = 0; i < count; i++) {
      const float off = s * q[i] + m - x[i];
      error += weight[i] * off * off;
    }
    if (error < least && s > 0) {
      least = error;
      *scale = s;
      *minimum = -m;
    }
  }
}

// The level nearest to x: `levels` rise.
static inline int nearest_level(const int8_t *levels, int count, float x) {
  int place = 0;
  for (int i = 1; i < count; i++)
    place += x > 0.5f * ((float)levels[i - 1] + (float)levels[i]);
  return place;
}

// The scale of x ≈ scale · level, one of 16.
static inline float search_scale_of_levels(
  int count, const float *x, const float *weight, const int8_t *levels) {
  const float extreme = extreme_of(count, x);
  if (extreme == 0) return 0;
  float best = 0, best_scale = 0;
  for (int turn = 0; turn < 2; turn++)
    for (int step = -7; step <= 7; step++) {
      const float end = (float)(turn == 0 ? levels[0] : levels[15]);
      const float inverse = (end + (turn == 0 ? -1.0f : 1.0f) * 1.5f * (float)step) / extreme;
      if (!isfinite(inverse)) continue;
      float products = 0, squares = 0;
      for (int i = 0; i < count; i++) {
        const float q = (float)levels[nearest_level(levels, 16, x[i] * inverse)];
        products += weight[i] * x[i] * q;
        squares += weight[i] * q * q;
      }
      if (squares > 0 && products * products > best * squares) {
        best = products * products / squares;
        best_scale = products / squares;
      }
    }
  return best_scale;
}
