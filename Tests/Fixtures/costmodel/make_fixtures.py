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
CLOCK = 1.41e9
PORTS = 64 * UNITS * CLOCK
# Another one, of compute capability 9: attention packs query groups, copies are in bulk.
HOPPER = {"PEAK": 989.4e12, "BANDWIDTH": 3.35e12, "UNITS": 132, "CACHE": 50 * 2**20,
          "CLOCK": 1.83e9, "PORTS": 64 * 132 * 1.83e9}
# Experts (of one device, columns of one) that kernels are tuned for.
TUNED = [(8, 7168), (32, 768)]


def norm(p, x, y):
    return (x**p + y**p) ** (1 / p)


def part_found(total, edge, warm):
    return 1 / (1 + (total / CACHE / edge) ** 8) if warm else 0


def gemm(c, m, n, k, warm):
    (launch, flops, feed, latency, memory, exponent, fill, split, partial, tail, vector, edge,
     port) = c
    launch, latency, split = launch / CLOCK, latency / CLOCK, split / CLOCK
    activations, weights = BYTES * (m * k + m * n), BYTES * k * n
    total = weights + activations
    # A timing loop goes through six copies of the weights.
    found = part_found(6 * weights, edge, warm) * weights
    found += part_found(total, edge, warm) * activations
    move = (total - found) / (BANDWIDTH * memory) + found / (PORTS * port)
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


def prefill(c, b, s, context, h, k, e, warm, packed=False):
    (launch, flops, block, rate, start, tail, qo, kv, write_wave, write_share, p_body,
     p_memory, edge, port) = c
    twice = 2 if packed else 1
    launch, block, start = launch * (1.5 if packed else 1), block * twice, start * twice
    tile = 128 if packed else positions_of_tile(e)
    heads, of_head = (k, h / k) if packed else (h, 1)
    half = packed and s * of_head <= 64
    height = 128 if packed and not half else 64
    rows = math.ceil(s * of_head / height)
    ratio = tile * of_head / height
    whole = math.floor(rows / ratio)
    rest = rows - ratio * whole
    tiles = b * heads * (
        ratio * whole * (whole + 1) / 2 + rest * (whole + 1) + rows * (context - s) / tile
    )
    blocks = b * heads * rows
    arithmetic = tiles * 4 * height * tile * e / (PEAK * flops) + blocks * block / CLOCK / UNITS
    queries, keys = 2 * BYTES * b * s * h * e, 2 * BYTES * b * context * k * e
    found = resident(queries + keys, edge, warm)
    memory = (qo * queries + kv * keys) * ((1 - found) / BANDWIDTH + found / (PORTS * port))
    walk = start / CLOCK * (0.5 if half else 1)
    walk += math.ceil(context / tile) * 2 * BYTES * tile * e / (rate * CLOCK * twice)
    body = norm(p_body, norm(p_memory, arithmetic, memory), walk)
    body += tail * walk * max(0, 1 - UNITS / blocks)
    written = 2 * BYTES * b * s * k * e
    waves = b * s * min(k * e, 512) / (2048 * UNITS)
    found = resident(2 * written, edge, warm)
    write = norm(
        4, written * ((1 - found) / (BANDWIDTH * write_share) + found / (PORTS * port)),
        write_wave / CLOCK * waves,
    )
    return launch / CLOCK + body + write


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


def decode(c, b, context, h, k, e, warm, planned=False):
    (launch, pack, transpose, combine, combine_split, rate, memory, flops, block, p,
     wave_floor, small, write_wave, edge, port) = c
    group = h // k
    tile = 128 if planned else positions_of_tile(e)
    tiles = math.ceil(context / tile)
    groups = b * k * math.ceil(group / 64)
    one_unit = 1 if planned else 2
    slots = one_unit * UNITS
    if planned:
        launch, block, combine, rate = launch * 1.5, block * 2, combine * 0.4, rate * 2
        pack = transpose = 0
        heads = 8 if warm else k * math.ceil(group / 64)
        parts = max(1, min(UNITS // (heads * b), tiles, 32)) if tiles > 4 else 1
    else:
        parts = splits(groups, tiles, slots) if group > 1 else 1
    length = math.ceil(tiles / parts)
    total = 2 * BYTES * b * k * context * e
    one = 2 * BYTES * tile * e
    found = resident(total, edge, warm)
    read = one * context / (tile * tiles) * UNITS
    read *= (1 - found) / (BANDWIDTH * memory) + found / (PORTS * port)
    arithmetic = 4 * 64 * tile * e * UNITS / (PEAK * flops)
    walk = length * one / (rate * CLOCK) + (block / CLOCK if planned else 0)
    through = one_unit * (block / CLOCK + length * norm(p, arithmetic, read))
    full = norm(p, walk, through)
    waves = groups * parts / slots
    whole = math.floor(waves)
    rest = waves - whole
    least = max(walk, wave_floor * full) * min(1, 8 * rest) if whole else walk
    body = whole * full + norm(p, least, rest * through)
    copied = group > 1 and k > 1 and b > 1 and not planned
    extra = launch + pack * (group > 1) + transpose * copied
    extra += (combine + combine_split * parts) * (parts > 1)
    extra += write_wave * b * min(k * e, 512) / (2048 * UNITS)
    moved = small * (
        2 * BYTES * b * h * e * (3 if copied else 1) + (8 * b * h * parts * e if parts > 1 else 0)
    ) / PORTS
    return body + extra / CLOCK + moved


def quantized(c, m, n, k, warm, ada):
    (launch, flops, feed, latency, memory, exponent, fill, block, wide, tail, edge, port, quantize,
     quantize_bytes) = c
    peak = 2 * PEAK
    power = lambda x: 2 ** math.ceil(math.log2(x))  # noqa: E731
    rows, columns = max(16, power(m)), power(n)
    if not ada:
        a, b, drain = (64, 64, 1) if rows <= 64 else (64, 128, 1) if rows <= 128 else (128, 128, 1)
    elif rows <= 16:
        a, b = (16, 64) if columns <= 8192 else (16, 128) if columns <= 24576 else (32, 64)
        drain = 0.4
    elif rows <= 32:
        a, b, drain = 32, 128 if 8192 < columns <= 16384 else 64, 0.55
    elif rows <= 64:
        a, b, drain = 64, 128 if 8192 < columns <= 16384 else 64, 0.58
    elif rows <= 128:
        a, b, drain = (
            (64, 128, 0.45) if columns <= 8192 else (128, 128, 1) if columns <= 16384
            else (128, 64, 0.45)
        )
    elif rows <= 256:
        a, b, drain = (64, 128, 0.45) if columns <= 4096 else (128, 128, 1)
    else:
        a, b, drain = (256, 128, 1) if 4096 < columns <= 8192 else (128, 128, 0.85)
    weights, activations = n * k, m * k + BYTES * m * n
    total = weights + activations
    found = part_found(6 * weights, edge, warm) * weights
    found += part_found(total, edge, warm) * activations
    move = (total - found) / (BANDWIDTH * memory) + found / (PORTS * port)
    move *= (total / CACHE) ** (exponent - 1)
    fed = (1 + feed / a + feed / b) / (1 + feed / 256 + feed / 128)
    step = 2 * a * b * fed * UNITS / (peak * flops)
    waves = math.ceil(m / a) * math.ceil(n / b) / UNITS
    counted = math.ceil(waves) + min(tail, 1) * (max(waves, 1) - math.ceil(waves))
    depth = 64 * math.ceil(k / 64)
    longer = wide if a * b > 128 * 128 else 1
    work = counted * (step * (depth + longer * fill) + longer * drain * block / CLOCK)
    wait = counted * depth * latency / CLOCK / 64 / (1 if ada else 3)
    found = part_found(6 * m * k, edge, warm)
    bytes_each, share = (quantize_bytes, 1) if warm else (3, 0.2)
    first = quantize * share / CLOCK + m * k * bytes_each * (
        (1 - found) / (BANDWIDTH * memory) + found / (PORTS * port)
    )
    return first + launch / CLOCK + norm(4, math.hypot(work, wait), move)


def library(c, operation, total, p, shared, link):
    (launch, hop, flagged, simple, simple_hop, share, local, contention, pairwise, host) = c
    steps = {"all_reduce": 2 * (p - 1), "alltoall": pairwise * (p - 1)}.get(operation, p - 1)
    wire = (2 if operation == "all_reduce" else 1) * (p - 1) / p * total
    rate = link * (2 / p) ** contention if shared else link
    eager = launch + hop * steps + wire / (rate * flagged)
    plain = launch + simple + simple_hop * steps + wire / (rate * share) + local * total / link
    return (eager**-6 + plain**-6) ** (-1 / 6)


def experts(c, tokens, hidden, columns, count, active, parts, routed, warm):
    (launch, align, default, small, tuned, feed, step, memory, default_memory, p, elementwise,
     skipped, edge, gain, spill, unaligned) = c
    rows, distinct, *blocks, looped = routed
    pairs = tokens * active
    chunks = math.ceil(tokens / 16384)
    chunk = tokens / chunks
    is_tuned = (count // parts, columns) in TUNED
    single = parts == 1 and 4 * pairs <= count
    if is_tuned:
        expert = chunk * active / count
        size = 0 if expert <= 16 else 1 if expert <= 48 else 2 if expert <= 200 else 3
        a, b, depth, group = 16 * 2**size, 64 if size == 0 else 128, 64, 16
        share = tuned * (1 + feed / 128 + feed / 128) / (1 + feed / a + feed / b)
    elif chunk <= count // parts:
        size, a, b, depth, group, share = 0, 16, 32, 64, 1, small
    else:
        size, a, b, depth, group, share = 2, 64, 64, 32, 8, default
        memory = default_memory
    tiles = pairs if single else blocks[size] + (chunks - 1) * distinct / 2
    started = pairs / a + count
    if pairs < count:
        started = min(pairs, started)
    reads = pairs if single else distinct * chunks
    hit = resident(looped * 3 * hidden * columns * BYTES, edge, warm)
    reached = BANDWIDTH * memory / (1 - hit * gain / (1 + gain))
    total = (launch + (0 if single else align)) * chunks
    for n, k, read in ((2 * columns, hidden, chunk), (hidden, columns, rows / chunks)):
        down = k == columns and n == hidden
        wide = math.ceil(n / b)
        leaves = 1 - 1 / (1 + (BYTES * read * k / CACHE) ** 2)
        work = tiles * wide * 2 * a * b * k / (PEAK * share) * (1 + spill * leaves)
        matrix = n * k * BYTES
        again = max(0, tiles - reads) / group * (1 - resident(matrix, edge, True))
        move = ((reads + again) * matrix + BYTES * rows * (n + k)) / reached
        slower = unaligned if down and columns % 16 else 1
        total += (norm(p, work, move) + step * k / depth * chunks) * slower
        total += skipped * max(0, started - tiles) * wide / UNITS
    return total + BYTES * (pairs * (3 * columns + hidden) + 2 * tokens * hidden) / (
        BANDWIDTH * elementwise
    )


def latent(c, wide, b, new, cached, heads, warm, rank=512, plain=128, rope=64, value=128):
    (host, host_absorbed, launch, project, copies, flops, block, tail, absorbed_flops, memory,
     single, rounding, p, write, gain) = c
    context, tokens = cached + new, b * new
    seen = cached + (new + 1) / 2
    is_absorbed = new == 1 or (wide and new <= 512)
    reached = BANDWIDTH * memory
    matrix = rank * heads * (plain + value)

    def copied(total):
        return copies * total / (1 + gain / (1 + (total / CACHE) ** 2)) / BANDWIDTH

    if is_absorbed:
        projected, moved = tokens, tokens * heads * (plain + 2 * rank + value)
        rows, tile = (64, 64) if wide else (16, 32)
        groups = b * math.ceil(new * heads / rows)
        parts = splits(groups, math.ceil(context / tile), UNITS) if wide else 4
        one = single if not wide and new * heads == 1 else 1
        share = absorbed_flops * (4 if wide else 1)
        positions = tile * math.ceil(seen / parts / tile)
        waves = groups * parts / UNITS
        waves = max(1, waves + min(rounding, 1) * (math.ceil(waves) - waves))
        work = waves * positions * 2 * rows * (2 * rank + rope) * UNITS / (PEAK * share) * one
        own = groups / b
        reads = 1 if wide else own / min(max(UNITS / b, 1), own)
        body = norm(p, work, reads * b * context * (rank + rope) * BYTES / reached)
        between = copied(
            2 * BYTES * tokens * heads * (2 * rank + rope)
            + (8 * tokens * heads * rank * parts if parts > 1 else 0)
        )
    else:
        projected, moved = b * context, b * context * heads * (plain + value)
        key = plain + rope
        wider = value if wide else key
        tiles = math.ceil(new / 128)
        all_tiles = b * heads * (tiles * (tiles + 1) + tiles * cached / 64)
        blocks = b * heads * tiles
        one = 2 * 128 * 64 * (key + wider) / (PEAK * flops)
        walk = math.ceil(context / 64) * one * UNITS
        body = norm(3, all_tiles * one + blocks * block / UNITS, walk)
        body += tail * walk * max(0, 1 - UNITS / blocks)
        padding = 0 if wide else 2 * key + value
        between = copied(BYTES * b * context * heads * (plain + value + 2 * key + padding))
    projection = norm(
        3, 2 * projected * matrix / (PEAK * project), (matrix + moved) * BYTES / reached
    )
    total = launch + write * tokens / UNITS + projection + body + between
    return norm(6, total, host_absorbed if is_absorbed else host) if warm else total


GEMM = (4100, 0.99, 11.7, 455, 0.745, 0.971, 213, 1820, 0.82, 0.017, 4.33, 0.63, 0.38)
PREFILL = (8000, 0.594, 1220, 17.8, 4330, 0.57, 0.76, 2.4, 5240, 1.26, 1.66, 1.23, 0.44, 0.73)
DECODE = (11400, 2430, 8020, 5990, 304, 16, 0.98, 0.63, 911, 2.26, 0.45, 7.63, 8960, 0.515, 0.36)
QUANTIZED = (5000, 0.9, 1.4, 110, 0.69, 0.95, 300, 9000, 2.8, 0.05, 0.8, 0.18, 9000, 24.5)
LIBRARY = (9.9e-6, 8.1e-7, 0.2, 2.7e-5, 4.5e-7, 0.77, 0.26, 1.9, 0.8, 3e-5)

EXPERTS = (1.25e-5, 8e-6, 0.52, 0.17, 0.95, 110, 2.8e-7, 0.9, 0.61, 3, 0.47, 6.4e-8, 0.46, 3.4, 0.72,
           2.4)
LATENT = (2.9e-4, 3.4e-4, 5e-5, 0.55, 1.9, 0.69, 2e-7, 0.84, 0.11, 0.81, 3.3, 0.9, 3.1, 5.5e-7, 0.3)

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
loads, routed = [], []
for _ in range(60):
    count = generator.choice([1, 8, 32, 128, 256])
    parts = generator.choice([p for p in (1, 1, 4, 8) if count % p == 0])
    held = count // parts
    load = [int(2 ** generator.uniform(0, 16)), 128 * generator.randrange(4, 56),
            generator.choice([58, 96, 768, 2048, 7168]), count,
            generator.choice([a for a in (1, 2, 8) if a <= count]), parts]
    counts = [generator.randrange(0, 2 * load[0] * load[4] // count + 2) for _ in range(held)]
    distinct = sum(1 for n in counts if n)
    loads.append(load)
    routed.append(
        [sum(counts), max(1, distinct)]
        + [sum(math.ceil(n / b) for n in counts) for b in (16, 32, 64, 128)]
        + [min(held, max(1, distinct) + generator.randrange(0, 3))]
    )
heads = []
for _ in range(60):
    new = generator.choice([1, 1, int(2 ** generator.uniform(1, 13))])
    heads.append([int(2 ** generator.uniform(0, 9)), new, int(2 ** generator.uniform(0, 15)) - 1,
                  2 ** generator.randrange(0, 8)])
collectives = [
    [generator.choice(["all_reduce", "all_gather", "reduce_scatter", "alltoall"]),
     float(int(2 ** generator.uniform(8, 29))), generator.choice([2, 3, 4, 8])]
    for _ in range(40)
]


def on_hopper(times):
    """Of the other device."""
    own = {name: globals()[name] for name in HOPPER}
    globals().update(HOPPER)
    result = times()
    globals().update(own)
    return result


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
        "hopper_warm": on_hopper(lambda: [
            prefill(PREFILL, b, s, c + s, h, k, e, True, True) for b, s, c, h, k, e in attention]),
        "hopper_cold": on_hopper(lambda: [
            prefill(PREFILL, b, s, c + s, h, k, e, False, True) for b, s, c, h, k, e in attention]),
    },
    # Weights of 8 bits at twice the peak; by the tiles of compute capability 8.9, and of 9.
    "quantized": {
        "coefficients": QUANTIZED,
        "shapes": shapes,
        "warm": [quantized(QUANTIZED, *s, True, True) for s in shapes],
        "cold": [quantized(QUANTIZED, *s, False, True) for s in shapes],
        "hopper_warm": on_hopper(lambda: [quantized(QUANTIZED, *s, True, False) for s in shapes]),
        "hopper_cold": on_hopper(lambda: [quantized(QUANTIZED, *s, False, False) for s in shapes]),
    },
    # operation, bytes, devices; over 300 GB/s each, and over a link of 32 GB/s that all share
    "library": {
        "coefficients": LIBRARY,
        "shapes": collectives,
        "switched": [library(LIBRARY, *s, False, 300e9) for s in collectives],
        "shared": [library(LIBRARY, *s, True, 32e9) for s in collectives],
    },
    "decode": {
        "coefficients": DECODE,
        "shapes": attention,
        "warm": [decode(DECODE, b, c + 1, h, k, e, True) for b, s, c, h, k, e in attention],
        "cold": [decode(DECODE, b, c + 1, h, k, e, False) for b, s, c, h, k, e in attention],
        "hopper_warm": on_hopper(lambda: [
            decode(DECODE, b, c + 1, h, k, e, True, True) for b, s, c, h, k, e in attention]),
        "hopper_cold": on_hopper(lambda: [
            decode(DECODE, b, c + 1, h, k, e, False, True) for b, s, c, h, k, e in attention]),
    },
    # tokens, hidden size, columns, experts, active, devices; rows, distinct, four sizes of blocks,
    # those of the timing loop
    "experts": {
        "coefficients": EXPERTS,
        "tuned": TUNED,
        "shapes": loads,
        "routed": routed,
        "warm": [experts(EXPERTS, *s, r, True) for s, r in zip(loads, routed)],
        "cold": [experts(EXPERTS, *s, r, False) for s, r in zip(loads, routed)],
    },
    # batch, new, cached, heads; on a unit of little shared memory, and of much
    "latent": {
        "coefficients": LATENT,
        "shapes": heads,
        "warm": [latent(LATENT, False, *s, True) for s in heads],
        "cold": [latent(LATENT, False, *s, False) for s in heads],
        "wide_warm": [latent(LATENT, True, *s, True) for s in heads],
        "wide_cold": [latent(LATENT, True, *s, False) for s in heads],
    },
}
path = pathlib.Path(__file__).parent / "forms.json"
path.write_text(json.dumps(forms, indent=1) + "\n")
