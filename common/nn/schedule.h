/* The learning rate of a step: a pure function of the round and the step within it.
 *
 *   constant      rate
 *   exponential   rate * decay^round
 *   cosine        floor + (rate - floor) * (1 + cos(pi * min(round / rounds, 1))) / 2
 *
 * times (step + 1) / warmup_steps in the first warmup_steps steps of each round.
 * source   cosine: Loshchilov and Hutter, "SGDR", ICLR 2017, eq. 5, without restarts
 * threads  pure
 */
#ifndef TRIB_NN_SCHEDULE_H
#define TRIB_NN_SCHEDULE_H

#include <stdint.h>

#include "common/base/status.h"

typedef enum trib_schedule_kind {
    TRIB_SCHEDULE_CONSTANT = 1,
    TRIB_SCHEDULE_EXPONENTIAL = 2,
    TRIB_SCHEDULE_COSINE = 3
} trib_schedule_kind;

typedef struct trib_schedule {
    trib_schedule_kind kind;
    float rate;            /* (0, 100] */
    float decay;           /* exponential: per round, (0, 1] */
    float floor;           /* cosine: [0, rate] */
    uint32_t rounds;       /* cosine: rounds until the floor, at least 1 */
    uint32_t warmup_steps; /* 0: none */
} trib_schedule;

/* errors   TRIB_E_ARGUMENT naming the field */
TRIB_MUST_CHECK trib_status trib_schedule_check(const trib_schedule *schedule);

float trib_schedule_rate(const trib_schedule *schedule, uint64_t round, uint64_t step);

#endif
