/* The clock and disk of whichever actor runs. */
#include "common/port/posix/system.h"
#include "tests/sim/world.h"

#define EPOCH_MS 1767225600000ull /* 2026-01-01 */

static uint64_t wall_ms(void *context) {
    (void)context;
    int64_t offset = sim.current != NULL ? sim.current->wall_offset_ms : 0;
    int64_t now = (int64_t)(EPOCH_MS + sim.now_us / 1000) + offset;
    return now > 0 ? (uint64_t)now : 0;
}

static uint64_t monotonic_ms(void *context) {
    (void)context;
    uint64_t booted_us = sim.current != NULL ? sim.current->booted_us : 0;
    return (sim.now_us - booted_us) / 1000 + 1;
}

const trib_clock *trib_posix_clock(void) {
    static const trib_clock clock = {wall_ms, monotonic_ms, NULL};
    return &clock;
}

trib_disk *trib_posix_disk(void) {
    TRIB_ASSERT(sim.current != NULL);
    return sim_disk_port(sim.current->disk);
}
