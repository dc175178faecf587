/* Counter-based random numbers: Philox4x32-10.
 *
 * A draw depends on its key and its position alone, so any draw can be made again by anyone who
 * knows (federation seed, gateway, round, purpose), in any order, on any machine. Not for secrets.
 *
 * source   Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, s. 3
 * threads  a generator belongs to one thread; init is pure
 */
#ifndef TRIB_BASE_RANDOM_H
#define TRIB_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* What a draw is for: two purposes never share a stream. Numbers are part of the formats (replay
 * depends on them): add at the end, never renumber. */
typedef enum trib_purpose {
    TRIB_PURPOSE_WEIGHTS = 1, /* the first model of a lineage */
    TRIB_PURPOSE_SHUFFLE = 2, /* order of examples in an epoch */
    TRIB_PURPOSE_DROPOUT = 3,
    TRIB_PURPOSE_QUANTISE = 4, /* stochastic rounding of an update */
    TRIB_PURPOSE_GENERATE = 5, /* made-up sensor streams */
    TRIB_PURPOSE_TEST = 6,
    TRIB_PURPOSE_JITTER = 7 /* back-off */
} trib_purpose;

typedef struct trib_random {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    uint32_t used; /* words of block already handed out */
} trib_random;

/* `gateway` may be "" for what belongs to the federation as a whole. */
void trib_random_init(trib_random *random, uint64_t seed, const char *gateway, uint64_t round,
                      trib_purpose purpose);

uint32_t trib_random_u32(trib_random *random);
/* As many draws of trib_random_u32, several times as fast. */
void trib_random_fill(trib_random *random, uint32_t *ret_words, size_t count);
uint32_t trib_random_below(trib_random *random, uint32_t bound); /* bound > 0; without bias */
float trib_random_uniform(trib_random *random);                  /* [0, 1), 24 bits */
float trib_random_normal(trib_random *random);                   /* mean 0, variance 1 */
/* A Fisher-Yates shuffle of indices 0 .. count-1 into ret_order. */
void trib_random_order(trib_random *random, uint32_t *ret_order, size_t count);

/* The bijection itself, for its published vectors. */
void trib_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t ret_block[4]);

#endif
