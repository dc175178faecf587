/* Many draws at once; compiled with -O3 so that blocks become vectors. */
#include "common/base/random.h"

#include <string.h>

#include "common/base/status.h"
#include "common/base/vectorise.h"

enum { LANES = 16, WORDS = 4 * LANES };

/* The blocks of counters first, first + 1 ..: each step of trib_philox for all of them, then the
 * next. */
TRIB_CLONES
static void random_fill_blocks(const uint32_t counter[4], const uint32_t key[2],
                               uint32_t ret_words[WORDS]) {
    uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
    uint32_t k0 = key[0], k1 = key[1];
    for (uint32_t i = 0; i < LANES; i++) {
        c0[i] = counter[0] + i;
        c1[i] = counter[1];
        c2[i] = counter[2];
        c3[i] = counter[3];
    }
    for (int round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < LANES; i++) {
            uint64_t left = (uint64_t)0xD2511F53u * c0[i];
            uint64_t right = (uint64_t)0xCD9E8D57u * c2[i];
            c0[i] = (uint32_t)(right >> 32) ^ c1[i] ^ k0;
            c2[i] = (uint32_t)(left >> 32) ^ c3[i] ^ k1;
            c1[i] = (uint32_t)right;
            c3[i] = (uint32_t)left;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (uint32_t i = 0; i < LANES; i++) {
        ret_words[4 * i] = c0[i];
        ret_words[4 * i + 1] = c1[i];
        ret_words[4 * i + 2] = c2[i];
        ret_words[4 * i + 3] = c3[i];
    }
}

void trib_random_fill(trib_random *random, uint32_t *ret_words, size_t count) {
    size_t at = 0;
    while (at < count && random->used < 4) { /* what the last block has left */
        ret_words[at++] = random->block[random->used++];
    }
    for (; count - at >= WORDS; at += WORDS) {
        TRIB_ASSERT(random->counter[0] < UINT32_MAX - LANES); /* as trib_random_u32 has it */
        random_fill_blocks(random->counter, random->key, ret_words + at);
        random->counter[0] += LANES;
    }
    while (at < count) {
        ret_words[at++] = trib_random_u32(random);
    }
}
