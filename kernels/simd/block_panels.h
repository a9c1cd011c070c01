// y = x·wᵀ in integers, for weights in GGUF's block formats, packed as block_layout.h says, and
// activations as activation_blocks.h makes them.

enum {
  INTEGER_ROWS = PANEL_ROWS > 6 ? 7 : 6,  // of a tile, by TILE_PANELS panels
  TILE_PANELS = 2,
  SLOW_STREAM_AHEAD = 4096,    // bytes, for three and four rows, whose lines were late otherwise
  SHORT_PANEL = 14 << 10,      // bytes, which are fetched a whole one ahead
#ifdef DOT_BYTES
  NARROW_CODES = 8,            // fewer bits are fetched otherwise for one and two rows
#else
  NARROW_CODES = 0,
#endif
  NARROW_AHEAD = 2048,         // bytes
  STREAMED_PANELS = 4,         // most panels read at once
  DIRECT_SUMS = 8,             // most sums of weights unpacked in registers
  DIRECT_ROWS = 16,            // most rows that weights are unpacked in registers for
  PANELS_AT_ONCE = 64 / LANES,  // unpacked at once
  PARTS_AT_ONCE = MOST_ELEMENTS / BLOCK,
  ACTIVATION_BYTES = 320 << 10,  // kept in the L2 cache
};

// Adds the products of a row's 32 inputs and a panel's: levels and coefficients may lie anywhere.
INLINE vf add_part(
  dyno_dtype type, vf total, const vu8 *levels, const vf *scales, const vf *minima,
  const activation_block *x) {
  const block_format format = dyno_block_format(type);
  const int parts = parts_of(type), vectors = PART_VECTORS / parts;
  const int8_t *bytes = bytes_of(type, x);
#pragma unroll
  for (int h = 0; h < parts; h++) {
    vi sum = format.has_minimum ? (vi)0 : broadcast4(&x->offsets[h]);
    sum = add_products(sum, levels + h * vectors, bytes + h * vectors * 4, vectors, format.most);
    total = fma_vf(__builtin_convertvector(sum, vf), scales[h] * x->scale, total);
    if (format.has_minimum) total = fma_vf(minima[h], (vf)x->sums[h], total);
  }
  return total;
}

// Few rows wait for memory, which the processor's own fetches do not keep busy. Panels are read some
// at a time, so that behind the end of one follows what the next `panels` begin with.
INLINE size_t bytes_ahead(int bits, size_t panel_bytes, size_t done, int rows, int panels) {
  const size_t of_long = rows > 2 && panels > 1 ? SLOW_STREAM_AHEAD : STREAM_AHEAD;
  const size_t ahead = bits < NARROW_CODES && rows <= 2 ? NARROW_AHEAD
                       : panel_bytes <= SHORT_PANEL     ? panel_bytes
                                                        : of_long;
  return ahead < panel_bytes - done ? ahead : ahead + (size_t)(panels - 1) * panel_bytes;
}

// Few activation rows by a few panels (both constants): weights are read once, in as many streams,
// and unpacked in registers.
INLINE void panels_by_few_rows(
  dyno_dtype type, const uint8_t *w, size_t k, const uint8_t *x, size_t x_stride, float *y,
  size_t y_stride, bool accumulate, const int rows, const int panels) {
  const block_format format = dyno_block_format(type);
  const size_t panel_bytes = LANES * dyno_row_bytes(type, k), piece = part_bytes(type);
  const size_t block_parts = format.elements / BLOCK;
  // Two rows of long panels of bytes were slower with fetches.
  const bool fetches = rows != 2 || format.bits < NARROW_CODES || panel_bytes <= SHORT_PANEL;
  vf totals[DIRECT_SUMS];
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int p = 0; p < panels; p++)
      totals[r * panels + p] =
        accumulate ? load_f32(y + (size_t)r * y_stride + p * LANES) : (vf)0.0f;
  size_t b = 0;
  for (size_t block = 0; block < k / format.elements; block++)
    for (size_t part = 0; part < block_parts; part++, b++) {
      const size_t ahead = bytes_ahead(format.bits, panel_bytes, b * piece, rows, panels);
#pragma unroll
      for (int p = 0; p < panels; p++) {
        const uint8_t *panel = w + (size_t)p * panel_bytes;
        if (fetches) prefetch(panel + b * piece + ahead, piece);
        const uint8_t *header = panel + block * LANES * format.bytes;
        const uint8_t *codes = header + LANES * header_bytes(format);
        vu8 levels[PART_VECTORS];
        load_levels(type, codes + part * format.bits * 4 * LANES, levels);
        const panel_coefficients by = load_coefficients(type, header, (uint32_t)part);
#pragma unroll
        for (int r = 0; r < rows; r++) {
          vf *total = &totals[r * panels + p];
          *total = add_part(
            type, *total, levels, by.scales, by.minima,
            block_of_row(type, x, x_stride, (size_t)r, b));
        }
      }
    }
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int p = 0; p < panels; p++)
      store_f32(y + (size_t)r * y_stride + p * LANES, totals[r * panels + p]);
}

// All panels by `rows` rows, `panels` at a time (both constants).
INLINE void all_panels_by_few_rows(
  dyno_dtype type, const uint8_t *w, size_t n, size_t k, const uint8_t *x, size_t x_stride, float *y,
  size_t y_stride, bool accumulate, const int rows, const int panels) {
  const size_t panel_bytes = LANES * dyno_row_bytes(type, k), step = (size_t)panels * LANES;
  size_t j = 0;
  for (; j + step <= n; j += step)
    panels_by_few_rows(
      type, w + j / LANES * panel_bytes, k, x, x_stride, y + j, y_stride, accumulate, rows, panels);
  for (; j < n; j += LANES)
    panels_by_few_rows(
      type, w + j / LANES * panel_bytes, k, x, x_stride, y + j, y_stride, accumulate, rows, 1);
}

// More rows: panel after panel by up to DIRECT_SUMS rows at a time, for which it is still in the cache.
INLINE void each_panel_by_some_rows(
  dyno_dtype type, const uint8_t *w, size_t n, size_t k, const uint8_t *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate) {
  const size_t panel_bytes = LANES * dyno_row_bytes(type, k);
  for (size_t j = 0; j < n; j += LANES, w += panel_bytes)
    for (size_t i = 0, parts = (m + DIRECT_SUMS - 1) / DIRECT_SUMS; i < m; parts--) {
      const size_t rows = next_part(m - i, parts);
      const uint8_t *activations = x + i * x_stride;
      float *out = y + i * y_stride + j;
#define SOME(count) \
  case count: \
    panels_by_few_rows( \
      type, w, k, activations, x_stride, out, y_stride, accumulate, count, 1); \
    break;
      switch (rows) { SOME(4) SOME(5) SOME(6) SOME(7) SOME(8) }
#undef SOME
      i += rows;
    }
}

// Many rows: some parts of some panels are unpacked into the L1 cache, where tiles of activation rows
// find them. An unpacked part is its scales, its minima, then its levels.
INLINE size_t unpacked_vectors(dyno_dtype type) { return 2 * (size_t)parts_of(type) + PART_VECTORS; }

_Static_assert(
  PANELS_AT_ONCE * PARTS_AT_ONCE * (4 + PART_VECTORS) * LANES <= DYNO_SCRATCH,
  "what is unpacked fits the scratch");

INLINE void unpack_part(dyno_dtype type, const uint8_t *header, size_t part, vf *unpacked) {
  const block_format format = dyno_block_format(type);
  const uint8_t *codes = header + LANES * header_bytes(format);
  const panel_coefficients by = load_coefficients(type, header, (uint32_t)part);
  const int parts = parts_of(type);
#pragma unroll
  for (int h = 0; h < parts; h++) {
    unpacked[h] = by.scales[h];
    unpacked[parts + h] = by.minima[h];
  }
  vu8 levels[PART_VECTORS];
  load_levels(type, codes + part * format.bits * 4 * LANES, levels);
  unpacked += 2 * parts;
#pragma unroll
  for (int v = 0; v < PART_VECTORS; v++) unpacked[v] = (vf)levels[v];
}

// One tile: `rows` activation rows by `panels` panels (both constants), `count` parts from `first`.
INLINE void panel_tile(
  dyno_dtype type, const vf *unpacked, size_t first, size_t count, const uint8_t *x, size_t x_stride,
  float *y, size_t y_stride, bool accumulate, const int rows, const int panels) {
  const block_format format = dyno_block_format(type);
  const size_t part_vectors = unpacked_vectors(type);
  const size_t panel_vectors = PARTS_AT_ONCE * part_vectors;
  const int parts = parts_of(type), vectors = PART_VECTORS / parts;
  vf totals[INTEGER_ROWS][TILE_PANELS];
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int p = 0; p < panels; p++)
      totals[r][p] = accumulate ? load_f32(y + (size_t)r * y_stride + p * LANES) : (vf)0.0f;
  for (size_t b = first; b < first + count; b++, unpacked += part_vectors)
#pragma unroll
    for (int h = 0; h < parts; h++) {
      vi sums[INTEGER_ROWS][TILE_PANELS];
#pragma unroll
      for (int r = 0; r < rows; r++)
#pragma unroll
        for (int p = 0; p < panels; p++)
          sums[r][p] = format.has_minimum
            ? (vi)0
            : broadcast4(&block_of_row(type, x, x_stride, (size_t)r, b)->offsets[h]);
      // As many vectors at a time as have to be summed together.
      const int together = TOGETHER(format.most);
// Unrolled further, compilers load all of a part at once and run out of registers.
#pragma clang loop unroll(disable)
      for (int v = 0; v < vectors; v += together) {
        const int8_t *bytes =
          bytes_of(type, block_of_row(type, x, x_stride, 0, b)) + (h * vectors + v) * 4;
#pragma unroll
        for (int p = 0; p < panels; p++) {
          const vf *panel = unpacked + (size_t)p * panel_vectors;
          const vu8 *levels = (const vu8 *)(panel + 2 * parts) + h * vectors + v;
#pragma unroll
          for (int r = 0; r < rows; r++)
            sums[r][p] = add_products(
              sums[r][p], levels, bytes + (size_t)r * x_stride, together, format.most);
        }
      }
#pragma unroll
      for (int p = 0; p < panels; p++) {
        const vf *heads = unpacked + (size_t)p * panel_vectors;
#pragma unroll
        for (int r = 0; r < rows; r++) {
          const activation_block *from = block_of_row(type, x, x_stride, (size_t)r, b);
          totals[r][p] = fma_vf(
            __builtin_convertvector(sums[r][p], vf), heads[h] * from->scale, totals[r][p]);
          if (format.has_minimum)
            totals[r][p] = fma_vf(heads[parts + h], (vf)from->sums[h], totals[r][p]);
        }
      }
    }
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int p = 0; p < panels; p++)
      store_f32(y + (size_t)r * y_stride + p * LANES, totals[r][p]);
}

// The type whose tiles are the same once it is unpacked: fewer are compiled.
INLINE dyno_dtype tile_type(dyno_dtype type) {
  switch (type) {
    case DYNO_IQ4_NL:
    case DYNO_IQ4_XS: return DYNO_Q8_0;
    case DYNO_Q4_K: return DYNO_Q4_1;
    case DYNO_Q5_K: return DYNO_Q5_1;
    case DYNO_MXFP4: return DYNO_Q5_0;
    case DYNO_Q3_K: return DYNO_Q6_K;
    default: return type;
  }
}

// A tile of so many rows, up to INTEGER_ROWS.
static void rows_of_tile(
  dyno_dtype type, const vf *unpacked, size_t first, size_t count, const uint8_t *x, size_t x_stride,
  size_t rows, float *y, size_t y_stride, bool accumulate, size_t panels) {
#define TILE(type, rows, panels) \
  panel_tile(type, unpacked, first, count, x, x_stride, y, y_stride, accumulate, rows, panels)
#define ROWS(type, count) \
  case count: \
    if (panels == TILE_PANELS) TILE(type, count, TILE_PANELS); \
    else TILE(type, count, 1); \
    return;
#if PANEL_ROWS > 6
#define SEVENTH(type) ROWS(type, 7)
#else
#define SEVENTH(type)
#endif
#define TYPE(type) \
  case type: \
    switch (rows) { \
      ROWS(type, 1) ROWS(type, 2) ROWS(type, 3) ROWS(type, 4) ROWS(type, 5) ROWS(type, 6) \
      SEVENTH(type) \
    } \
    return;
  switch (type) {
    TYPE(DYNO_Q8_0)
    TYPE(DYNO_Q4_0)
    TYPE(DYNO_Q4_1)
    TYPE(DYNO_Q5_0)
    TYPE(DYNO_Q5_1)
    TYPE(DYNO_Q6_K)
    TYPE(DYNO_Q2_K)
    default: __builtin_unreachable();
  }
#undef TYPE
#undef SEVENTH
#undef ROWS
#undef TILE
}

INLINE void panels_by_rows(
  dyno_dtype type, const uint8_t *w, size_t n, size_t k, const uint8_t *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, vf *scratch) {
  const block_format format = dyno_block_format(type);
  const size_t panel_bytes = LANES * dyno_row_bytes(type, k), piece = part_bytes(type);
  const size_t block_parts = format.elements / BLOCK;
  const size_t part_vectors = unpacked_vectors(type);
  const size_t panel_vectors = PARTS_AT_ONCE * part_vectors;
  const size_t all = k / BLOCK;
  // Tiles of as equal numbers of rows as can be.
  const size_t tiles = (m + INTEGER_ROWS - 1) / INTEGER_ROWS;
  for (size_t j0 = 0; j0 < n; j0 += PANELS_AT_ONCE * LANES) {
    const size_t left = (n - j0) / LANES;
    const size_t panels = left < PANELS_AT_ONCE ? left : PANELS_AT_ONCE;
    const uint8_t *group = w + j0 / LANES * panel_bytes;
    for (size_t b0 = 0; b0 < all; b0 += PARTS_AT_ONCE) {
      const size_t parts = all - b0 < PARTS_AT_ONCE ? all - b0 : PARTS_AT_ONCE;
      for (size_t p = 0; p < panels; p++)
        for (size_t b = 0; b < parts; b++)
          unpack_part(
            type, group + p * panel_bytes + (b0 + b) / block_parts * LANES * format.bytes,
            (b0 + b) % block_parts, scratch + p * panel_vectors + b * part_vectors);
      // What will be unpacked next comes from memory while the first tiles compute.
      const uint8_t *next = b0 + PARTS_AT_ONCE < all ? group + (b0 + PARTS_AT_ONCE) * piece
                                                     : group + PANELS_AT_ONCE * panel_bytes;
      for (size_t i = 0, tile = 0; i < m; tile++) {
        const size_t rows = next_part(m - i, tiles - tile);
        for (size_t p = 0; p < panels; p += TILE_PANELS) {
          const size_t some = panels - p < TILE_PANELS ? panels - p : TILE_PANELS;
          if (i == 0)
            for (size_t q = p; q < p + some; q++)
              prefetch(next + q * panel_bytes, PARTS_AT_ONCE * piece);
          rows_of_tile(
            tile_type(type), scratch + p * panel_vectors, b0, parts, x + i * x_stride, x_stride, rows,
            y + i * y_stride + j0 + p * LANES, y_stride, accumulate || b0 > 0, some);
        }
        i += rows;
      }
    }
  }
}

// One loop for each type, so that the type is a constant in it.
INLINE void panels_of_type(
  dyno_dtype type, const void *w, size_t n, size_t k, const uint8_t *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, float *scratch) {
#define FEW(rows, panels) \
  case rows: \
    all_panels_by_few_rows(type, w, n, k, x, x_stride, y, y_stride, accumulate, rows, panels); \
    return;
  switch (m) { FEW(1, 4) FEW(2, 4) FEW(3, 2) FEW(4, 2) }
#undef FEW
  if (m <= DIRECT_ROWS) {
    each_panel_by_some_rows(type, w, n, k, x, x_stride, m, y, y_stride, accumulate);
    return;
  }
  // So many rows at a time that they stay in the L2 cache while all weights pass.
  const size_t fitting = ACTIVATION_BYTES / x_stride, least = 8 * INTEGER_ROWS;
  const size_t most = fitting > least ? fitting : least, parts = (m + most - 1) / most;
  for (size_t i = 0, part = 0; part < parts; part++) {
    const size_t rows = next_part(m - i, parts - part);
    panels_by_rows(
      type, w, n, k, x + i * x_stride, x_stride, rows, y + i * y_stride, y_stride, accumulate,
      (vf *)(void *)scratch);
    i += rows;
  }
}
