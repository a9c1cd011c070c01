// What processors do in one instruction, in plain C: products of four bytes, unsigned by signed, and
// of two bf16, added to sums of 32 bits.
INLINE vi dot_bytes(
  vi sums, uint8_t __attribute__((ext_vector_type(4 * LANES))) a, vi b) {
  for (int lane = 0; lane < LANES; lane++)
    for (int i = 0; i < 4; i++) sums[lane] += (int)a[4 * lane + i] * (int8_t)(b[lane] >> 8 * i);
  return sums;
}

INLINE vf dot_pairs(vf sums, vf a, vf b) {
  const vu bits_a = (vu)a, bits_b = (vu)b;
  sums = fma_vf((vf)(bits_a & 0xffff0000u), (vf)(bits_b & 0xffff0000u), sums);
  return fma_vf((vf)(bits_a << 16), (vf)(bits_b << 16), sums);
}
