// How panels of block formats lie, and how they are read.
//
// A panel interleaves the blocks of LANES outputs, so that a lane is an output and nothing is summed
// across lanes. Of each block it holds the fields of the outputs' headers, a field of all outputs after
// the other, then the codes of 32 inputs after 32. It takes the bytes that the rows took.
//
// Codes lie in planes, in which a lane is four bytes of one output. Vector v of 8 is inputs 4v to
// 4v + 3. Of codes of 4 to 6 bits, byte b of vector g of 4 holds inputs 4g + b and 16 + 4g + b. Then,
// or first of codes of 2 and 3 bits, come their two upper (or lower) bits: in word u of 2, bits 2t of
// byte b are of input 16u + 4t + b. Of one bit that is left over, bit v of byte b is of input 4v + b.

enum { PART_VECTORS = BLOCK / 4 };  // of levels

// Bytes of LANES outputs and 32 inputs, headers shared out.
INLINE size_t part_bytes(dyno_dtype type) { return LANES * dyno_row_bytes(type, MOST_ELEMENTS) / 8; }

INLINE size_t header_bytes(block_format format) {
  return 2 * (size_t)format.halves + 4 * (size_t)format.words + format.singles;
}

// Which bits of a code lie in which plane: of the nibbles, the pairs, the single bits.
typedef struct {
  int nibbles, pairs, bits;  // how far they are shifted in the code; -1: there are none
} code_planes;

INLINE code_planes planes_of(int bits) {
  switch (bits) {
    case 2: return (code_planes){-1, 0, -1};
    case 3: return (code_planes){-1, 0, 2};
    case 4: return (code_planes){0, -1, -1};
    case 5: return (code_planes){0, -1, 4};
    default: return (code_planes){0, 4, -1};
  }
}

enum { NIBBLE_PLANE = 16 * LANES, PAIR_PLANE = 8 * LANES };  // bytes

// Some bits of an input's code: the byte that holds them, their lowest bit there and in the code.
typedef struct {
  size_t byte;
  int in_byte, in_code, mask;
} code_bits;

enum { MOST_PIECES = 2 };

// Where the code of a row's input i of 32 lies, in pieces; returns how many.
INLINE int find_code(int bits, size_t row, size_t i, code_bits *pieces) {
  if (bits == 8) {
    pieces[0] = (code_bits){(i / 4 * LANES + row) * 4 + i % 4, 0, 0, 255};
    return 1;
  }
  const code_planes planes = planes_of(bits);
  size_t plane = 0;
  int count = 0;
  if (planes.nibbles >= 0) {
    const size_t byte = (i % 16 / 4 * LANES + row) * 4 + i % 4;
    pieces[count++] = (code_bits){plane + byte, i < 16 ? 0 : 4, planes.nibbles, 15};
    plane += NIBBLE_PLANE;
  }
  if (planes.pairs >= 0) {
    const size_t byte = (i / 16 * LANES + row) * 4 + i % 4;
    pieces[count++] = (code_bits){plane + byte, (int)(i % 16 / 4 * 2), planes.pairs, 3};
    plane += PAIR_PLANE;
  }
  if (planes.bits >= 0)
    pieces[count++] = (code_bits){plane + row * 4 + i % 4, (int)(i / 4), planes.bits, 1};
  return count;
}

// Puts the codes of one row's 32 inputs into a panel.
INLINE void put_codes(int bits, const uint8_t *codes, size_t row, uint8_t *part) {
  for (size_t i = 0; i < BLOCK; i++) {
    code_bits pieces[MOST_PIECES];
    const int count = find_code(bits, row, i, pieces);
    for (int p = 0; p < count; p++) {
      const code_bits at = pieces[p];
      const int others = part[at.byte] & ~(at.mask << at.in_byte);
      part[at.byte] = (uint8_t)(others | (codes[i] >> at.in_code & at.mask) << at.in_byte);
    }
  }
}

// Takes them out again.
INLINE void take_codes(int bits, const uint8_t *part, size_t row, uint8_t *codes) {
  for (size_t i = 0; i < BLOCK; i++) {
    code_bits pieces[MOST_PIECES];
    const int count = find_code(bits, row, i, pieces);
    int code = 0;
    for (int p = 0; p < count; p++) {
      const code_bits at = pieces[p];
      code |= (part[at.byte] >> at.in_byte & at.mask) << at.in_code;
    }
    codes[i] = (uint8_t)code;
  }
}

// Copies a row's header into a panel's fields, or out of them.
INLINE void move_header(
  block_format format, uint8_t *header, size_t row, uint8_t *panel, const bool out) {
  const int counts[] = {format.halves, format.words, format.singles}, sizes[] = {2, 4, 1};
  for (int kind = 0; kind < 3; kind++)
    for (int f = 0; f < counts[kind]; f++) {
      uint8_t *field = panel + row * (size_t)sizes[kind];
      __builtin_memcpy(out ? header : field, out ? field : header, (size_t)sizes[kind]);
      header += sizes[kind];
      panel += LANES * (size_t)sizes[kind];
    }
}

// Puts one row's block into its panel's.
INLINE void pack_block(dyno_dtype type, const uint8_t *block, size_t row, uint8_t *panel) {
  const block_format format = dyno_block_format(type);
  uint8_t codes[MOST_ELEMENTS], header[MOST_HEADER];
  block_codes(type, block, codes);
  block_header(type, block, header);
  move_header(format, header, row, panel, false);
  uint8_t *parts = panel + LANES * header_bytes(format);
  for (size_t part = 0; part < format.elements / BLOCK; part++)
    put_codes(
      format.bits, codes + part * BLOCK, row, parts + part * (size_t)format.bits * 4 * LANES);
}

// One type's packing, so that its sizes are constants.
INLINE void pack_blocks(dyno_dtype type, const uint8_t *rows, size_t k, uint8_t *panel) {
  const block_format format = dyno_block_format(type);
  const size_t row_bytes = dyno_row_bytes(type, k);
  for (size_t b = 0; b < k / format.elements; b++)
    for (size_t r = 0; r < LANES; r++)
      pack_block(
        type, rows + r * row_bytes + b * format.bytes, r, panel + b * LANES * format.bytes);
}

INLINE void expand_packed_blocks(
  dyno_dtype type, const uint8_t *panel, size_t row, size_t k, float *destination) {
  const block_format format = dyno_block_format(type);
  for (size_t i = 0; i < k; i += format.elements, panel += LANES * format.bytes) {
    uint8_t codes[MOST_ELEMENTS], header[MOST_HEADER];
    move_header(format, header, row, (uint8_t *)(uintptr_t)panel, true);
    const uint8_t *parts = panel + LANES * header_bytes(format);
    for (size_t part = 0; part < format.elements / BLOCK; part++)
      take_codes(
        format.bits, parts + part * (size_t)format.bits * 4 * LANES, row, codes + part * BLOCK);
    expand_codes(type, header, codes, destination + i);
  }
}

INLINE vu8 load_bytes(const uint8_t *p) {
  vu8 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

INLINE vu load_words(const uint8_t *p) {
  vu v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

// Moves bits from one place in a byte to another (constants); what comes from elsewhere is masked.
INLINE vu8 moved_bits(vu from, int from_bit, int to_bit, uint8_t mask) {
  const vu moved = to_bit > from_bit ? from << (uint32_t)(to_bit - from_bit)
                                     : from >> (uint32_t)(from_bit - to_bit);
  return (vu8)moved & mask;
}

#ifndef LOOK_UP
INLINE vu8 look_up(const uint8_t *table, vu8 codes) {
  vu8 found;
  for (int i = 0; i < 4 * LANES; i++) found[i] = table[codes[i]];
  return found;
}
#define LOOK_UP look_up
#endif

// The levels of a panel's 32 inputs, PART_VECTORS vectors.
INLINE void load_levels(dyno_dtype type, const uint8_t *part, vu8 *levels) {
  enum { VECTOR = 4 * LANES };
  const int bits = dyno_block_format(type).bits;
  if (bits == 8) {
#pragma unroll
    for (int v = 0; v < PART_VECTORS; v++) levels[v] = load_bytes(part + v * VECTOR);
    return;
  }
  const code_planes planes = planes_of(bits);
  if (planes.nibbles >= 0) {
#pragma unroll
    for (int g = 0; g < 4; g++) {
      const vu8 pairs = load_bytes(part + g * VECTOR);
      levels[g] = pairs & 15;
      levels[4 + g] = (vu8)((vu)pairs >> 4) & 15;
    }
    part += NIBBLE_PLANE;
  }
  if (planes.pairs >= 0) {
#pragma unroll
    for (int v = 0; v < PART_VECTORS; v++) {
      const vu8 pair = moved_bits(
        load_words(part + v / 4 * VECTOR), v % 4 * 2, planes.pairs, (uint8_t)(3 << planes.pairs));
      levels[v] = planes.nibbles >= 0 ? levels[v] | pair : pair;
    }
    part += PAIR_PLANE;
  }
  if (planes.bits >= 0) {
    const vu single = load_words(part);
#pragma unroll
    for (int v = 0; v < PART_VECTORS; v++)
      levels[v] |= moved_bits(single, v, planes.bits, (uint8_t)(1 << planes.bits));
  }
  const uint8_t *table = dyno_levels(type);
  if (table != NULL)
#pragma unroll
    for (int v = 0; v < PART_VECTORS; v++) levels[v] = LOOK_UP(table, levels[v]);
}

// Scales and minima of a panel's 32 inputs: two of each where a part is 16 inputs, else one.
typedef struct {
  vf scales[2], minima[2];
} panel_coefficients;

INLINE vf as_f32(vu small) { return __builtin_convertvector((vi)small, vf); }

// Of block `header` of a panel, part `p` of 32 inputs.
INLINE panel_coefficients load_coefficients(dyno_dtype type, const uint8_t *header, uint32_t p) {
  const block_format format = dyno_block_format(type);
  panel_coefficients of = {0};
  if (type == DYNO_MXFP4) {
    typedef uint8_t narrow __attribute__((ext_vector_type(LANES)));
    narrow bytes;
    __builtin_memcpy(&bytes, header, sizeof bytes);
    const vu exponents = __builtin_convertvector(bytes, vu);
    const vu normal = (exponents - 1) << 23, denormal = (vu)0x00200000 << (exponents & 1);
    const vu is_small = (vu)(exponents < 2), is_nan = (vu)(exponents == 255);
    of.scales[0] = (vf)((is_small & denormal) | (~is_small & normal) | (is_nan & 0x7fc00000));
    return of;
  }
  const vf scale = load_f16((const _Float16 *)(const void *)header);
  const uint8_t *words = header + 2 * LANES * format.halves;
  const int parts = BLOCK / format.part;
  const vf minimum = format.has_minimum
    ? load_f16((const _Float16 *)(const void *)header + LANES)
    : (vf)0.0f;
  if (format.elements == BLOCK) {
    of.scales[0] = scale;
    of.minima[0] = minimum;
    return of;
  }
#define WORD(index) load_words(words + (index) * 4 * LANES)
#pragma unroll
  for (int h = 0; h < parts; h++) {
    const uint32_t q = p * (uint32_t)parts + (uint32_t)h;  // of the parts that have a scale
    switch (type) {
      case DYNO_Q2_K: {
        const vu packed = WORD(q / 4) >> (8 * (q % 4));
        of.scales[h] = scale * as_f32(packed & 15);
        of.minima[h] = -minimum * as_f32(packed >> 4 & 15);
        break;
      }
      case DYNO_Q3_K: {
        const vu packed = (WORD(q / 8) >> (4 * (q % 8)) & 15) | (WORD(2) >> (2 * q) << 4 & 48);
        of.scales[h] = scale * (as_f32(packed) - 32.0f);
        break;
      }
      case DYNO_Q6_K: {
        const vi packed = (vi)(WORD(q / 4) << (24 - 8 * (q % 4))) >> 24;
        of.scales[h] = scale * __builtin_convertvector(packed, vf);
        break;
      }
      case DYNO_IQ4_XS: {
        vbits16 upper;
        __builtin_memcpy(&upper, header + 2 * LANES, sizeof upper);
        const vu high = __builtin_convertvector(upper, vu);
        const vu packed = (WORD(0) >> (4 * q) & 15) | (high >> (2 * q) << 4 & 48);
        of.scales[h] = scale * (as_f32(packed) - 32.0f);
        break;
      }
      default: {  // Q4_K, Q5_K
        const vu upper = WORD(2) >> (2 * q);
        of.scales[h] = scale * as_f32((WORD(0) >> (4 * q) & 15) | (upper << 4 & 48));
        of.minima[h] = -minimum * as_f32((WORD(1) >> (4 * q) & 15) | (upper >> 12 & 48));
      }
    }
  }
#undef WORD
  return of;
}
