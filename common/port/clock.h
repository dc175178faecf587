/* The time, injected, so that cores never ask the system for it.
 *
 * threads  safe from any thread
 */
#ifndef TRIB_PORT_CLOCK_H
#define TRIB_PORT_CLOCK_H

#include <stdint.h>

typedef struct trib_clock {
    uint64_t (*wall_ms)(void *context);      /* since 1970, as the machine believes */
    uint64_t (*monotonic_ms)(void *context); /* never goes back while the process lives */
    void *context;
} trib_clock;

static inline uint64_t trib_wall_ms(const trib_clock *clock) {
    return clock->wall_ms(clock->context);
}
static inline uint64_t trib_monotonic_ms(const trib_clock *clock) {
    return clock->monotonic_ms(clock->context);
}

#endif
