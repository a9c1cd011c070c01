// Random contents for GGUF's block formats, by the same generator as fill_uniform.
#include "formats.h"

void dyno_fill_blocks(
  dyno_dtype type, uint32_t key, size_t count, float scale, void *destination) {
  uint32_t counter = 0;
  for (size_t block = 0; block < count / BLOCK; block++) {
    uint8_t *bytes;
    size_t length;
    switch (type) {
      case DYNO_Q8_0: {
        block_q8_0 *b = (block_q8_0 *)destination + block;
        b->scale = (_Float16)scale;
        bytes = (uint8_t *)b->quants;
        length = sizeof b->quants;
        break;
      }
      case DYNO_Q4_0: {
        block_q4_0 *b = (block_q4_0 *)destination + block;
        b->scale = (_Float16)scale;
        bytes = b->nibbles;
        length = sizeof b->nibbles;
        break;
      }
      case DYNO_Q4_1: {
        block_q4_1 *b = (block_q4_1 *)destination + block;
        b->scale = (_Float16)scale;
        b->minimum = (_Float16)(-7.5f * scale);
        bytes = b->nibbles;
        length = sizeof b->nibbles;
        break;
      }
      default: __builtin_unreachable();
    }
    for (size_t i = 0; i < length; i += sizeof(uint32_t)) {
      const uint32_t bits = random_bits(key, counter++);
      memcpy(bytes + i, &bits, sizeof bits);
    }
  }
}
