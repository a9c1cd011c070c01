#!/usr/bin/env python3
"""Writes forms.json: times by the cost model's formulas, written out here a second time, from their
definitions and without regard to speed. No dependencies.

usage: make_fixtures.py
"""

import json
import math
import pathlib
import random

PEAK, BANDWIDTH, UNITS, CACHE, BYTES = 312e12, 2.039e12, 108, 40 * 2**20, 2


def norm(p, x, y):
    return (x**p + y**p) ** (1 / p)


def gemm(c, m, n, k, warm):
    launch, flops, feed, latency, memory, exponent, fill, split, partial, tail, vector, edge = c
    total = BYTES * (m * k + k * n + m * n)
    hit = 1 / (1 + (total / CACHE / edge) ** 8) if warm else 0
    activations, weights = BYTES * (m * k + m * n), BYTES * k * n
    move = (weights + (1 - hit) * activations) / (BANDWIDTH * memory) + hit * activations / (
        2 * BANDWIDTH
    )
    move *= (total / CACHE) ** (exponent - 1)
    tiles = [
        t
        for t in [(16, 32), (16, 64), (32, 64), (64, 32), (64, 64), (64, 128), (128, 64),
                  (128, 128), (128, 256), (256, 128)]
        if (t[0] <= 16 or t[0] / 2 < m) and (t[1] <= 32 or t[1] / 2 < n)
    ] + ([(1, 8)] if m == 1 else [])
    times = []
    for a, b in tiles:
        blocks = math.ceil(m / a) * math.ceil(n / b)
        wanted = [1, 2] + [math.floor(j * UNITS / blocks) for j in (1, 2, 4)]
        for z in dict.fromkeys(min(max(w, 1), max(1, k // 256)) for w in wanted):
            if z > 1 and blocks * z > 4 * UNITS:
                continue
            depth = 32 * math.ceil(k / (32 * z))
            waves = blocks * z / UNITS
            counted = math.ceil(waves) + min(tail, 1) * (max(waves, 1) - math.ceil(waves))
            fed = (1 + feed / a + feed / b) / (1 + feed / 256 + feed / 128)
            work = 2 * a * b * (depth + fill) * fed * UNITS / (PEAK * flops)
            walk = depth / 64 * latency / (vector if a == 1 else 1)
            busy = counted * math.hypot(work, walk)
            extra = 0
            if z > 1:
                extra = split * (1 + 0.2 * math.log2(z)) + partial * 4 * m * n * z / BANDWIDTH
            times.append(launch + extra + norm(4, busy, move))
    least = min(times)
    weights = [(least / t) ** 16 for t in times]
    return sum(w * t for w, t in zip(weights, times)) / sum(weights)


def positions_of_tile(e):
    return min(256, max(64, 2 ** round(math.log2(16384 / e))))


def resident(total, edge, warm):
    return 1 / (1 + (total / (edge * CACHE)) ** 6) if warm else 0


def prefill(c, b, s, context, h, k, e, warm):
    (launch, flops, block, walk_bandwidth, start, tail, qo, kv, write_wave, write_share, p_body,
     p_memory, edge, gain) = c
    tile = positions_of_tile(e)
    rows = math.ceil(s / 64)
    ratio = tile / 64
    whole = math.floor(rows / ratio)
    rest = rows - ratio * whole
    tiles = b * h * (
        ratio * whole * (whole + 1) / 2 + rest * (whole + 1) + rows * (context - s) / tile
    )
    blocks = b * h * rows
    arithmetic = tiles * 4 * 64 * tile * e / (PEAK * flops) + blocks * block / UNITS
    memory = (qo * 2 * BYTES * b * s * h * e + kv * 2 * BYTES * b * context * k * e) / BANDWIDTH
    walk = start + math.ceil(context / tile) * 2 * BYTES * tile * e * UNITS / (
        BANDWIDTH * walk_bandwidth
    )
    body = norm(p_body, norm(p_memory, arithmetic, memory), walk)
    body += tail * walk * max(0, 1 - UNITS / blocks)
    written = 2 * BYTES * b * s * k * e
    waves = b * s * min(k * e, 512) / (2048 * UNITS)
    write = norm(4, written / (BANDWIDTH * write_share), write_wave * waves)
    return launch + body + write * (1 - resident(2 * written, edge, warm) * gain / (1 + gain))


def splits(blocks, tiles, slots):
    """FlashAttention-2's rule, by the definition."""
    if blocks >= 0.8 * slots:
        return 1
    eligible = [
        s
        for s in range(1, min(128, slots, tiles) + 1)
        if s == 1 or math.ceil(tiles / s) != math.ceil(tiles / (s - 1))
    ]
    full = {s: blocks * s / slots / math.ceil(blocks * s / slots) for s in eligible}
    return next(s for s in eligible if full[s] >= 0.85 * max(full.values()) - 1e-12)


def decode(c, b, context, h, k, e, warm):
    (launch, pack, transpose, combine, combine_split, walk_bandwidth, memory, flops, block, p,
     wave_floor, small, write_wave, edge, gain) = c
    group = h // k
    tile = positions_of_tile(e)
    tiles = math.ceil(context / tile)
    groups = b * k * math.ceil(group / 64)
    slots = 2 * UNITS
    parts = splits(groups, tiles, slots) if group > 1 else 1
    length = math.ceil(tiles / parts)
    total = 2 * BYTES * b * k * context * e
    one = 2 * BYTES * tile * e
    read = one * context / (tile * tiles) * UNITS / (BANDWIDTH * memory)
    read *= 1 - resident(total, edge, warm) * gain / (1 + gain)
    arithmetic = 4 * 64 * tile * e * UNITS / (PEAK * flops)
    walk = length * one * UNITS / (BANDWIDTH * walk_bandwidth)
    through = 2 * (block + length * norm(p, arithmetic, read))
    full = norm(p, walk, through)
    waves = groups * parts / slots
    whole = math.floor(waves)
    rest = waves - whole
    least = max(walk, wave_floor * full) * min(1, 8 * rest) if whole else walk
    body = whole * full + norm(p, least, rest * through)
    copied = group > 1 and k > 1 and b > 1
    extra = pack * (group > 1) + transpose * copied
    extra += (combine + combine_split * parts) * (parts > 1)
    extra += small * (
        2 * BYTES * b * h * e * (3 if copied else 1) + (8 * b * h * parts * e if parts > 1 else 0)
    ) / BANDWIDTH
    return launch + body + extra + write_wave * b * min(k * e, 512) / (2048 * UNITS)


GEMM = (2.9e-6, 0.99, 11.7, 3.2e-7, 0.745, 0.971, 213, 1.29e-6, 0.82, 0.017, 4.33, 0.73)
PREFILL = (5e-6, 0.594, 8.9e-7, 1.22, 3.6e-6, 0.54, 0.92, 1.9, 4.07e-6, 0.79, 1.84, 1.31, 0.42, 0.36)
DECODE = (8.1e-6, 1.7e-6, 5.7e-6, 4.3e-6, 2.1e-7, 1.2, 0.955, 0.6, 5.9e-7, 2.4, 0.45, 1.64, 5.5e-6,
          0.51, 0.64)

generator = random.Random(7)
shapes = [
    [1, 32, 32], [1, 4096, 4096], [1, 65536, 16384], [8, 6144, 32], [16, 4096, 14336],
    [17, 100, 1000], [128, 28672, 4096], [4096, 32, 3584], [8192, 8192, 8192], [1000000, 16, 300000],
] + [[int(2 ** generator.uniform(0, h)) for h in (14, 16, 15)] for _ in range(30)]
attention = []
for _ in range(40):
    k = 2 ** generator.randrange(0, 6)
    attention.append(
        [int(2 ** generator.uniform(0, 8)), int(2 ** generator.uniform(1, 12)),
         int(2 ** generator.uniform(0, 14)), k * generator.choice([1, 2, 4, 8, 9, 80]), k,
         generator.choice([64, 128, 256])]
    )
forms = {
    "gemm": {
        "coefficients": GEMM,
        "shapes": shapes,
        "warm": [gemm(GEMM, *s, True) for s in shapes],
        "cold": [gemm(GEMM, *s, False) for s in shapes],
    },
    # batch, new, cached, heads, KV heads, head dimension
    "prefill": {
        "coefficients": PREFILL,
        "shapes": attention,
        "warm": [prefill(PREFILL, b, s, c + s, h, k, e, True) for b, s, c, h, k, e in attention],
        "cold": [prefill(PREFILL, b, s, c + s, h, k, e, False) for b, s, c, h, k, e in attention],
    },
    "decode": {
        "coefficients": DECODE,
        "shapes": attention,
        "warm": [decode(DECODE, b, c + 1, h, k, e, True) for b, s, c, h, k, e in attention],
        "cold": [decode(DECODE, b, c + 1, h, k, e, False) for b, s, c, h, k, e in attention],
    },
}
path = pathlib.Path(__file__).parent / "forms.json"
path.write_text(json.dumps(forms, indent=1) + "\n")
