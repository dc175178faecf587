#include "common/base/random.h"

#include <math.h>

#include "common/base/status.h"

void trib_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t ret_block[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t left = (uint64_t)0xD2511F53u * c0;
        uint64_t right = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(right >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(left >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)right;
        c3 = (uint32_t)left;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    ret_block[0] = c0;
    ret_block[1] = c1;
    ret_block[2] = c2;
    ret_block[3] = c3;
}

/* FNV-1a over the seed and the name, finished as in SplitMix64 so that near seeds part. */
static uint64_t key_of(uint64_t seed, const char *gateway) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (int i = 0; i < 8; i++) {
        hash = (hash ^ (seed >> (8 * i) & 255)) * 0x100000001B3u;
    }
    for (const char *c = gateway; *c != '\0'; c++) {
        hash = (hash ^ (uint8_t)*c) * 0x100000001B3u;
    }
    hash = (hash ^ hash >> 30) * 0xBF58476D1CE4E5B9u;
    hash = (hash ^ hash >> 27) * 0x94D049BB133111EBu;
    return hash ^ hash >> 31;
}

void trib_random_init(trib_random *random, uint64_t seed, const char *gateway, uint64_t round,
                      trib_purpose purpose) {
    uint64_t key = key_of(seed, gateway);
    *random = (trib_random){
        .key = {(uint32_t)key, (uint32_t)(key >> 32)},
        .counter = {0, (uint32_t)purpose, (uint32_t)round, (uint32_t)(round >> 32)},
        .used = 4,
    };
}

uint32_t trib_random_u32(trib_random *random) {
    if (random->used == 4) {
        trib_philox(random->counter, random->key, random->block);
        random->counter[0]++;
        TRIB_ASSERT(random->counter[0] != 0); /* 2^34 words a stream: more is a misuse */
        random->used = 0;
    }
    return random->block[random->used++];
}

uint32_t trib_random_below(trib_random *random, uint32_t bound) {
    TRIB_ASSERT(bound > 0);
    /* Lemire, "Fast random integer generation in an interval", ACM TOMACS 29(1), 2019. */
    uint64_t product = (uint64_t)trib_random_u32(random) * bound;
    if ((uint32_t)product < bound) {
        uint32_t threshold = -bound % bound;
        while ((uint32_t)product < threshold) {
            product = (uint64_t)trib_random_u32(random) * bound;
        }
    }
    return (uint32_t)(product >> 32);
}

float trib_random_uniform(trib_random *random) {
    return (float)(trib_random_u32(random) >> 8) * 0x1p-24f;
}

float trib_random_normal(trib_random *random) {
    /* Box and Muller 1958; the second value is dropped so that a draw is two words, always. */
    float u = 1.0f - trib_random_uniform(random); /* (0, 1] */
    float v = trib_random_uniform(random);
    return sqrtf(-2.0f * logf(u)) * cosf(6.283185307f * v);
}

void trib_random_order(trib_random *random, uint32_t *ret_order, size_t count) {
    TRIB_ASSERT(count <= UINT32_MAX);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = trib_random_below(random, i + 1);
        ret_order[i] = ret_order[j];
        ret_order[j] = i;
    }
}
