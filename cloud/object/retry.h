/* When to try again, and after which pause. Private to the room.
 *
 * Pauses are drawn from [0, min(most, first * 2^n)): "full jitter", so that many clients that were
 * turned away together do not come back together. A server that names a pause gets it, up to most.
 *
 * source   M. Brooker, "Exponential Backoff And Jitter", 2015
 * threads  one holds a schedule; ports are shared
 */
#ifndef CLOUD_OBJECT_RETRY_H
#define CLOUD_OBJECT_RETRY_H

#include "cloud/object/bucket.h"
#include "common/port/clock.h"

/* Time and chance, injected. */
typedef struct cloud_wait {
    const trib_clock *clock;
    uint32_t (*draw)(void *context, uint32_t bound); /* [0, bound), bound > 0 */
    void (*sleep_ms)(void *context, uint32_t ms);
    void *context;
} cloud_wait;

cloud_wait cloud_wait_system(void);

/* What is zero becomes its default. */
TRIB_MUST_CHECK trib_status cloud_retry_fill(cloud_retry *retry);

typedef struct cloud_schedule {
    const cloud_retry *retry;
    const cloud_wait *wait;
    uint64_t began_ms; /* monotonic */
    uint32_t tried;
} cloud_schedule;

void cloud_schedule_init(cloud_schedule *schedule, const cloud_retry *retry,
                         const cloud_wait *wait);
/* After a try that failed: pauses and is true, or is false where the budget is used up. `asked_ms`:
 * what the server asked for, or 0. */
TRIB_MUST_CHECK bool cloud_schedule_again(cloud_schedule *schedule, uint32_t asked_ms);

#endif
