#include <time.h>

#include "common/port/posix/system.h"

static uint64_t read_ms(clockid_t id) {
    struct timespec now;
    (void)clock_gettime(id, &now); /* cannot fail for these two clocks */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t wall_ms(void *context) {
    (void)context;
    return read_ms(CLOCK_REALTIME);
}

static uint64_t monotonic_ms(void *context) {
    (void)context;
    return read_ms(CLOCK_MONOTONIC);
}

const trib_clock *trib_posix_clock(void) {
    static const trib_clock clock = {wall_ms, monotonic_ms, NULL};
    return &clock;
}
