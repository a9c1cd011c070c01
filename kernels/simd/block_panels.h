// y = x·wᵀ in integers, for weights in GGUF's block formats.
//
// Weights are packed once: a panel interleaves the blocks of LANES outputs, so that a lane is an
// output and nothing is summed across lanes. Of each block of 32 inputs a panel holds the outputs'
// scales, then (q4_1) their minima, then their quants: groups of 2 (q8_0) or 4 bytes of one output
// after the other. It takes the bytes that the rows took.
//
// Activations are quantised by blocks of 32 as well: to 16 bits for q8_0, whose products fit int32
// all the same, and to 8 bits for nibbles, where products are summed in 16 bits. Nibbles of q4_0 are 8
// too large: their sums begin with what that adds to them.

enum {
  BLOCK_VECTORS = BLOCK / LANES,
  PANEL_GROUP_Q8 = 2,
  PANEL_GROUP_Q4 = 4,
  TILE_PANELS = 2,             // by PANEL_ROWS rows
  STREAM_AHEAD = 1024,         // bytes; of short panels, as much as a panel
  SLOW_STREAM_AHEAD = 4096,    // for three and four rows, whose lines were late by the former
  SHORT_PANEL = 14 << 10,      // bytes
  STREAMED_PANELS = 4,         // most panels read at once
  DIRECT_SUMS = 8,             // most sums of weights unpacked in registers
  DIRECT_ROWS = 16,            // most rows that weights are unpacked in registers for
  PANELS_AT_ONCE = 64 / LANES,  // unpacked at once
  ACTIVATION_BYTES = 320 << 10,  // kept in the L2 cache
};

// Of LANES outputs and a block of inputs.
typedef struct {
  const _Float16 *scales;
  const _Float16 *minima;  // q4_1's
  const uint8_t *quants;
} panel_block;

INLINE panel_block block_of_panel(dyno_dtype type, const void *panel, size_t block) {
  const uint8_t *start =
    (const uint8_t *)panel + block * LANES * dyno_row_bytes(type, BLOCK);
  const size_t heads = type == DYNO_Q4_1 ? 2 : 1;
  return (panel_block){
    .scales = (const _Float16 *)start,
    .minima = (const _Float16 *)start + LANES,
    .quants = start + heads * LANES * sizeof(_Float16),
  };
}

// Puts one row's block into its panel's.
INLINE void pack_block(dyno_dtype type, const uint8_t *from, size_t row, uint8_t *to) {
  const size_t heads = type == DYNO_Q4_1 ? 2 : 1;
  const size_t group = type == DYNO_Q8_0 ? PANEL_GROUP_Q8 : PANEL_GROUP_Q4;
  const size_t quants = dyno_row_bytes(type, BLOCK) - 2 * heads;
  for (size_t h = 0; h < heads; h++) __builtin_memcpy(to + 2 * (h * LANES + row), from + 2 * h, 2);
  from += 2 * heads;
  to += 2 * heads * LANES + group * row;
  for (size_t g = 0; g < quants / group; g++)
    __builtin_memcpy(to + g * group * LANES, from + g * group, group);
}

// One type's packing, so that its sizes are constants.
INLINE void pack_blocks(dyno_dtype type, const uint8_t *rows, size_t k, uint8_t *panel) {
  const size_t row_bytes = dyno_row_bytes(type, k), block_bytes = dyno_row_bytes(type, BLOCK);
  for (size_t b = 0; b < k / BLOCK; b++)
    for (size_t r = 0; r < LANES; r++)
      pack_block(
        type, rows + r * row_bytes + b * block_bytes, r, panel + b * LANES * block_bytes);
}

INLINE void expand_packed_blocks(
  dyno_dtype type, const void *panel, size_t row, size_t k, float *destination) {
  for (size_t b = 0; b < k / BLOCK; b++, destination += BLOCK) {
    const panel_block block = block_of_panel(type, panel, b);
    const float scale = (float)block.scales[row];
    for (size_t i = 0; i < BLOCK; i++) {
      if (type == DYNO_Q8_0) {
        const size_t at = (i / PANEL_GROUP_Q8 * LANES + row) * PANEL_GROUP_Q8 + i % PANEL_GROUP_Q8;
        destination[i] = scale * (float)(int8_t)block.quants[at];
      } else {
        const size_t half = i % (BLOCK / 2);
        const uint8_t pair = block.quants
          [(half / PANEL_GROUP_Q4 * LANES + row) * PANEL_GROUP_Q4 + half % PANEL_GROUP_Q4];
        const int quant = i < BLOCK / 2 ? pair & 15 : pair >> 4;
        destination[i] = type == DYNO_Q4_0 ? scale * (float)(quant - 8)
                                           : scale * (float)quant + (float)block.minima[row];
      }
    }
  }
}

// A block of activations, as quantize_activations writes it.
typedef struct {
  float scale;
  union {
    float sum;       // q4_1: of the quants, scaled
    int32_t offset;  // q4_0: what sums of products begin with, in each lane
  };
  union {
    int16_t words[BLOCK];  // q8_0
    int8_t bytes[BLOCK];
  };
} activation_block;
_Static_assert(sizeof(activation_block) == DYNO_ACTIVATION_BLOCK, "what callers make room for");

// Bytes of so many activations: blocks for nibbles end with their bytes.
static size_t activation_bytes(dyno_dtype type, size_t count) {
  const size_t unused = type == DYNO_Q8_0 ? 0 : BLOCK;
  return count / BLOCK * (sizeof(activation_block) - unused);
}

INLINE const activation_block *block_of_row(
  dyno_dtype type, const uint8_t *x, size_t x_stride, size_t row, size_t block) {
  const uint8_t *start = x + row * x_stride + block * activation_bytes(type, BLOCK);
  return (const activation_block *)(const void *)start;
}

static void quantize_activations(
  dyno_dtype type, const float *x, size_t count, void *quantized) {
  const float limit = type == DYNO_Q8_0 ? 32767 : 127;
  uint8_t *to = quantized;
  for (size_t b = 0; b < count / BLOCK; b++, x += BLOCK, to += activation_bytes(type, BLOCK)) {
    activation_block *block = (activation_block *)(void *)to;
    vf values[BLOCK_VECTORS];
    // As integers, magnitudes keep their order, and NaN is the largest.
    vi largest = (vi)0;
#pragma unroll
    for (int v = 0; v < BLOCK_VECTORS; v++) {
      values[v] = load_f32(x + v * LANES);
      largest = __builtin_elementwise_max(largest, (vi)values[v] & 0x7fffffff);
    }
    const float most = f32_from_bits((uint32_t)__builtin_reduce_max(largest));
    // No quant stands for what is not finite, but the result must show it.
    const bool finite = most <= 0x1.fffffep127f;
    const float scale = finite ? most / limit : NAN;
    const float inverse = scale >= 0x1p-126f ? 1 / scale : 0;
    vi sums = (vi)0;
#pragma unroll
    for (int v = 0; v < BLOCK_VECTORS; v++) {
      const vf scaled = finite ? values[v] * inverse : (vf)0.0f;
      const vi quants = __builtin_convertvector(__builtin_elementwise_roundeven(scaled), vi);
      sums += quants;
      if (type == DYNO_Q8_0) {
        typedef int16_t narrow __attribute__((ext_vector_type(LANES)));
        const narrow words = __builtin_convertvector(quants, narrow);
        __builtin_memcpy(block->words + v * LANES, &words, sizeof words);
      } else {
        typedef int8_t narrow __attribute__((ext_vector_type(LANES)));
        const narrow bytes = __builtin_convertvector(quants, narrow);
        __builtin_memcpy(block->bytes + v * LANES, &bytes, sizeof bytes);
      }
    }
    const int32_t sum = __builtin_reduce_add(sums);
    block->scale = scale;
    if (type == DYNO_Q4_0)
      block->offset = NIBBLE_OFFSET(sum);
    else
      block->sum = scale * (float)sum;
  }
}

// Four bytes of activations, or two words, for all lanes.
INLINE vi broadcast4(const void *quants) {
  int32_t bits;
  __builtin_memcpy(&bits, quants, sizeof bits);
  return (vi)bits;
}

INLINE vu8 load_bytes(const uint8_t *p) {
  vu8 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

INLINE vi16 load_widened(const uint8_t *p) {
  vi8 v;
  __builtin_memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, vi16);
}

INLINE vu8 low_nibbles(vu8 v) { return v & 15; }
INLINE vu8 high_nibbles(vu8 v) { return (vu8)((vu16)v >> 4) & 15; }

// What sums of products with nibbles begin with.
INLINE byte_sums first_sums(dyno_dtype type, const activation_block *x) {
  return type == DYNO_Q4_0 ? (byte_sums)broadcast4(&x->offset) : (byte_sums)0;
}

INLINE vf add_block(
  dyno_dtype type, vf total, vi sums, vf scales, vf minima, const activation_block *x) {
  total = fma_vf(__builtin_convertvector(sums, vf), scales * x->scale, total);
  return type == DYNO_Q4_1 ? fma_vf(minima, (vf)x->sum, total) : total;
}

// Few rows wait for memory, which the processor's own fetches do not keep busy. Panels are read some
// at a time, so that behind the end of one follows what the next `panels` begin with.
INLINE size_t bytes_ahead(size_t panel_bytes, size_t done, int rows, int panels) {
  const size_t of_long = rows > 2 && panels > 1 ? SLOW_STREAM_AHEAD : STREAM_AHEAD;
  const size_t ahead = panel_bytes <= SHORT_PANEL ? panel_bytes : of_long;
  return ahead < panel_bytes - done ? ahead : ahead + (size_t)(panels - 1) * panel_bytes;
}

// Group g of a block of q8_0 of each panel, by all rows.
INLINE void add_words(
  const panel_block *blocks, const uint8_t *x, size_t x_stride, size_t b, int g, vi *sums,
  const int rows, const int panels) {
#pragma unroll
  for (int p = 0; p < panels; p++) {
    const vi16 words = load_widened(blocks[p].quants + g * 2 * LANES);
#pragma unroll
    for (int r = 0; r < rows; r++) {
      const activation_block *from = block_of_row(DYNO_Q8_0, x, x_stride, (size_t)r, b);
      vi *sum = &sums[r * panels + p];
      *sum = MULTIPLY_ADD_WORDS(*sum, words, (vi16)broadcast4(from->words + 2 * g));
    }
  }
}

// The same of nibbles.
INLINE void add_nibbles(
  dyno_dtype type, const panel_block *blocks, const uint8_t *x, size_t x_stride, size_t b, int g,
  byte_sums *sums, const int rows, const int panels) {
#pragma unroll
  for (int p = 0; p < panels; p++) {
    const vu8 pairs = load_bytes(blocks[p].quants + g * 4 * LANES);
    const vu8 low = low_nibbles(pairs), high = high_nibbles(pairs);
#pragma unroll
    for (int r = 0; r < rows; r++) {
      const int8_t *bytes = block_of_row(type, x, x_stride, (size_t)r, b)->bytes + 4 * g;
      byte_sums *sum = &sums[r * panels + p];
      *sum = MULTIPLY_ADD_BYTES(*sum, low, broadcast4(bytes));
      *sum = MULTIPLY_ADD_BYTES(*sum, high, broadcast4(bytes + BLOCK / 2));
    }
  }
}

// Few activation rows by a few panels (both constants): weights are read once, in as many streams,
// and unpacked in registers.
INLINE void panels_by_few_rows(
  dyno_dtype type, const uint8_t *w, size_t k, const uint8_t *x, size_t x_stride, float *y,
  size_t y_stride, bool accumulate, const int rows, const int panels) {
  const size_t panel_bytes = LANES * dyno_row_bytes(type, k);
  const size_t block_bytes = LANES * dyno_row_bytes(type, BLOCK);
  const bool in_turn = rows == 1 && type == DYNO_Q8_0;
  // Two rows of long panels were slower with fetches.
  const bool fetches = rows != 2 || panel_bytes <= SHORT_PANEL;
  vf totals[DIRECT_SUMS];
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int p = 0; p < panels; p++)
      totals[r * panels + p] =
        accumulate ? load_f32(y + (size_t)r * y_stride + p * LANES) : (vf)0.0f;
  for (size_t b = 0; b < k / BLOCK; b++) {
    panel_block blocks[STREAMED_PANELS];
    const size_t ahead = bytes_ahead(panel_bytes, b * block_bytes, rows, panels);
#pragma unroll
    for (int p = 0; p < panels; p++) {
      const uint8_t *panel = w + (size_t)p * panel_bytes;
      blocks[p] = block_of_panel(type, panel, b);
      if (fetches && !in_turn) prefetch(panel + b * block_bytes + ahead, block_bytes);
    }
    vi sums[DIRECT_SUMS];
    // Unrolled, compilers load all of a block at once, and for more rows run out of registers.
    if (type == DYNO_Q8_0) {
#pragma unroll
      for (int i = 0; i < rows * panels; i++) sums[i] = (vi)0;
      // A single row reads its streams in long pieces, which memory serves better.
      if (in_turn)
#pragma unroll
        for (int p = 0; p < panels; p++) {
          prefetch(w + (size_t)p * panel_bytes + b * block_bytes + ahead, block_bytes);
#pragma unroll
          for (int g = 0; g < BLOCK / 2; g++)
            add_words(blocks + p, x, x_stride, b, g, sums + p, 1, 1);
        }
      else
#pragma clang loop unroll_count(2)
        for (int g = 0; g < BLOCK / 2; g++)
          add_words(blocks, x, x_stride, b, g, sums, rows, panels);
    } else {
      byte_sums narrow[DIRECT_SUMS];
#pragma unroll
      for (int r = 0; r < rows; r++)
#pragma unroll
        for (int p = 0; p < panels; p++)
          narrow[r * panels + p] =
            first_sums(type, block_of_row(type, x, x_stride, (size_t)r, b));
#pragma clang loop unroll(disable)
      for (int g = 0; g < BLOCK / 8; g++)
        add_nibbles(type, blocks, x, x_stride, b, g, narrow, rows, panels);
#pragma unroll
      for (int i = 0; i < rows * panels; i++) sums[i] = whole_sums(narrow[i]);
    }
#pragma unroll
    for (int p = 0; p < panels; p++) {
      const vf scales = load_f16(blocks[p].scales);
      const vf minima = type == DYNO_Q4_1 ? load_f16(blocks[p].minima) : (vf)0.0f;
#pragma unroll
      for (int r = 0; r < rows; r++)
        totals[r * panels + p] = add_block(
          type, totals[r * panels + p], sums[r * panels + p], scales, minima,
          block_of_row(type, x, x_stride, (size_t)r, b));
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

// Many rows: some blocks of some panels are unpacked into the L1 cache, where tiles of activation
// rows find them. An unpacked block is a vector of scales, one of minima (of q4_1), then its quants:
// words of two inputs for q8_0, bytes of four for nibbles, in either case a vector's worth
// for all outputs.

// Blocks unpacked at once: about 20 KiB of them.
INLINE size_t blocks_at_once(dyno_dtype type) { return type == DYNO_Q8_0 ? 4 : 8; }

// Vectors of an unpacked block's quants.
INLINE size_t quant_vectors(dyno_dtype type) { return type == DYNO_Q8_0 ? BLOCK / 2 : BLOCK / 4; }

_Static_assert(
  PANELS_AT_ONCE * 8 * (2 + BLOCK / 4) * LANES <= DYNO_SCRATCH &&
    PANELS_AT_ONCE * 4 * (2 + BLOCK / 2) * LANES <= DYNO_SCRATCH,
  "what is unpacked fits the scratch");

INLINE void unpack_block(dyno_dtype type, panel_block block, vi *unpacked) {
  unpacked[0] = (vi)load_f16(block.scales);
  if (type == DYNO_Q4_1) unpacked[1] = (vi)load_f16(block.minima);
  unpacked += 2;
  if (type == DYNO_Q8_0) {
#pragma unroll
    for (int g = 0; g < BLOCK / 2; g++)
      unpacked[g] = (vi)load_widened(block.quants + g * 2 * LANES);
  } else {
#pragma unroll
    for (int g = 0; g < BLOCK / 8; g++) {
      const vu8 pairs = load_bytes(block.quants + g * 4 * LANES);
      unpacked[g] = (vi)low_nibbles(pairs);
      unpacked[BLOCK / 8 + g] = (vi)high_nibbles(pairs);
    }
  }
}

// One tile: `rows` activation rows by `panels` panels (both constants), `blocks` blocks from `first`.
INLINE void panel_tile(
  dyno_dtype type, const vi *unpacked, size_t first, size_t blocks, const uint8_t *x, size_t x_stride,
  float *y, size_t y_stride, bool accumulate, const int rows, const int panels) {
  const size_t block_vectors = 2 + quant_vectors(type);
  const size_t panel_vectors = blocks_at_once(type) * block_vectors;
  vf totals[PANEL_ROWS][TILE_PANELS];
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int p = 0; p < panels; p++)
      totals[r][p] = accumulate ? load_f32(y + (size_t)r * y_stride + p * LANES) : (vf)0.0f;
  for (size_t b = first; b < first + blocks; b++, unpacked += block_vectors) {
    vi sums[PANEL_ROWS][TILE_PANELS];
    if (type == DYNO_Q8_0) {
#pragma unroll
      for (int r = 0; r < rows; r++)
#pragma unroll
        for (int p = 0; p < panels; p++) sums[r][p] = (vi)0;
// Unrolled further, compilers load all of a block at once and run out of registers.
#pragma clang loop unroll_count(2)
      for (int g = 0; g < BLOCK / 2; g++)
#pragma unroll
        for (int r = 0; r < rows; r++) {
          const activation_block *from = block_of_row(type, x, x_stride, (size_t)r, b);
          const vi16 words = (vi16)broadcast4(from->words + 2 * g);
#pragma unroll
          for (int p = 0; p < panels; p++)
            sums[r][p] = MULTIPLY_ADD_WORDS(
              sums[r][p], (vi16)unpacked[(size_t)p * panel_vectors + 2 + g], words);
        }
    } else {
      byte_sums narrow[PANEL_ROWS][TILE_PANELS];
#pragma unroll
      for (int r = 0; r < rows; r++)
#pragma unroll
        for (int p = 0; p < panels; p++)
          narrow[r][p] = first_sums(type, block_of_row(type, x, x_stride, (size_t)r, b));
#pragma clang loop unroll_count(2)
      for (int g = 0; g < BLOCK / 4; g++)
#pragma unroll
        for (int r = 0; r < rows; r++) {
          const activation_block *from = block_of_row(type, x, x_stride, (size_t)r, b);
          const vi bytes = broadcast4(from->bytes + 4 * g);
#pragma unroll
          for (int p = 0; p < panels; p++)
            narrow[r][p] = MULTIPLY_ADD_BYTES(
              narrow[r][p], (vu8)unpacked[(size_t)p * panel_vectors + 2 + g], bytes);
        }
#pragma unroll
      for (int r = 0; r < rows; r++)
#pragma unroll
        for (int p = 0; p < panels; p++) sums[r][p] = whole_sums(narrow[r][p]);
    }
#pragma unroll
    for (int p = 0; p < panels; p++) {
      const vf scales = (vf)unpacked[(size_t)p * panel_vectors];
      const vf minima = (vf)unpacked[(size_t)p * panel_vectors + 1];
#pragma unroll
      for (int r = 0; r < rows; r++)
        totals[r][p] = add_block(
          type, totals[r][p], sums[r][p], scales, minima,
          block_of_row(type, x, x_stride, (size_t)r, b));
    }
  }
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int p = 0; p < panels; p++)
      store_f32(y + (size_t)r * y_stride + p * LANES, totals[r][p]);
}

// A tile of so many rows, up to PANEL_ROWS.
INLINE void rows_of_tile(
  dyno_dtype type, const vi *unpacked, size_t first, size_t blocks, const uint8_t *x, size_t x_stride,
  size_t rows, float *y, size_t y_stride, bool accumulate, const int panels) {
#define ROWS(count) \
  case count: \
    panel_tile(type, unpacked, first, blocks, x, x_stride, y, y_stride, accumulate, count, panels); \
    return;
  switch (rows) {
    ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
#if PANEL_ROWS > 6
    ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
#endif
  }
#undef ROWS
}

INLINE void panels_by_rows(
  dyno_dtype type, const uint8_t *w, size_t n, size_t k, const uint8_t *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, vi *scratch) {
  const size_t panel_bytes = LANES * dyno_row_bytes(type, k);
  const size_t block_bytes = LANES * dyno_row_bytes(type, BLOCK);
  const size_t most = blocks_at_once(type), panel_vectors = most * (2 + quant_vectors(type));
  const size_t all = k / BLOCK;
  // Tiles of as equal numbers of rows as can be.
  const size_t tiles = (m + PANEL_ROWS - 1) / PANEL_ROWS;
  for (size_t j0 = 0; j0 < n; j0 += PANELS_AT_ONCE * LANES) {
    const size_t left = (n - j0) / LANES;
    const size_t panels = left < PANELS_AT_ONCE ? left : PANELS_AT_ONCE;
    const uint8_t *group = w + j0 / LANES * panel_bytes;
    for (size_t b0 = 0; b0 < all; b0 += most) {
      const size_t blocks = all - b0 < most ? all - b0 : most;
      for (size_t p = 0; p < panels; p++)
        for (size_t b = 0; b < blocks; b++)
          unpack_block(
            type, block_of_panel(type, group + p * panel_bytes, b0 + b),
            scratch + p * panel_vectors + b * (2 + quant_vectors(type)));
      // What will be unpacked next comes from memory while the first tiles compute.
      const uint8_t *next = b0 + most < all ? group + (b0 + most) * block_bytes
                                            : group + PANELS_AT_ONCE * panel_bytes;
      for (size_t i = 0, tile = 0; i < m; tile++) {
        const size_t rows = next_part(m - i, tiles - tile);
        for (size_t p = 0; p < panels; p += TILE_PANELS) {
          const size_t some = panels - p < TILE_PANELS ? panels - p : TILE_PANELS;
          if (i == 0)
            for (size_t q = p; q < p + some; q++)
              prefetch(next + q * panel_bytes, most * block_bytes);
          const vi *from = scratch + p * panel_vectors;
          const uint8_t *activations = x + i * x_stride;
          float *out = y + i * y_stride + j0 + p * LANES;
          const bool add = accumulate || b0 > 0;
          if (some == TILE_PANELS)
            rows_of_tile(
              type, from, b0, blocks, activations, x_stride, rows, out, y_stride, add, TILE_PANELS);
          else
            rows_of_tile(type, from, b0, blocks, activations, x_stride, rows, out, y_stride, add, 1);
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
  const size_t fitting = ACTIVATION_BYTES / x_stride, least = 4 * PANEL_ROWS;
  const size_t most = fitting > least ? fitting : least, parts = (m + most - 1) / most;
  for (size_t i = 0, part = 0; part < parts; part++) {
    const size_t rows = next_part(m - i, parts - part);
    panels_by_rows(
      type, w, n, k, x + i * x_stride, x_stride, rows, y + i * y_stride, y_stride, accumulate,
      (vi *)(void *)scratch);
    i += rows;
  }
}

static void matmul_quantized(
  dyno_dtype type, const void *w, size_t n, size_t k, const void *x, size_t x_stride, size_t m,
  float *y, size_t y_stride, bool accumulate, float *scratch) {
  switch (type) {
    case DYNO_Q8_0:
      panels_of_type(DYNO_Q8_0, w, n, k, x, x_stride, m, y, y_stride, accumulate, scratch);
      return;
    case DYNO_Q4_0:
      panels_of_type(DYNO_Q4_0, w, n, k, x, x_stride, m, y, y_stride, accumulate, scratch);
      return;
    case DYNO_Q4_1:
      panels_of_type(DYNO_Q4_1, w, n, k, x, x_stride, m, y, y_stride, accumulate, scratch);
      return;
    default: __builtin_unreachable();
  }
}
