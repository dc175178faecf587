#include "cloud/object/retry.h"

#include <errno.h>
#include <time.h>

#include "common/crypto/crypto.h"
#include "common/port/posix/system.h"

static uint32_t system_draw(void *context, uint32_t bound) {
    (void)context;
    uint8_t bytes[4] = {0};
    /* Without randomness the pause is none: the schedule's ends still hold. */
    trib_ignore(trib_crypto_host()->random(bytes, sizeof bytes));
    return trib_load_u32(bytes) % bound;
}

static void system_sleep(void *context, uint32_t ms) {
    (void)context;
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

cloud_wait cloud_wait_system(void) {
    return (cloud_wait){trib_posix_clock(), system_draw, system_sleep, NULL};
}

static void fill(uint32_t *value, uint32_t usual) {
    *value = *value == 0 ? usual : *value;
}

trib_status cloud_retry_fill(cloud_retry *retry) {
    fill(&retry->tries, 8);
    fill(&retry->first_ms, 100);
    fill(&retry->most_ms, 5000);
    fill(&retry->budget_ms, 120000);
    fill(&retry->timeout_ms, 30000);
    fill(&retry->connections, 4);
    if (retry->connections > CLOUD_BUCKET_MAX_CONNECTIONS) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "connections: %u is more than %d", retry->connections,
                         CLOUD_BUCKET_MAX_CONNECTIONS);
    }
    return TRIB_SUCCESS;
}

void cloud_schedule_init(cloud_schedule *schedule, const cloud_retry *retry,
                         const cloud_wait *wait) {
    *schedule = (cloud_schedule){retry, wait, trib_monotonic_ms(wait->clock), 0};
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

bool cloud_schedule_again(cloud_schedule *schedule, uint32_t asked_ms) {
    const cloud_retry *retry = schedule->retry;
    const cloud_wait *wait = schedule->wait;
    schedule->tried++;
    uint64_t gone = trib_monotonic_ms(wait->clock) - schedule->began_ms;
    if (schedule->tried >= retry->tries || gone >= retry->budget_ms) {
        return false;
    }
    uint32_t doublings = schedule->tried - 1 < 31 ? schedule->tried - 1 : 31;
    uint64_t longest = smaller(retry->most_ms, (uint64_t)retry->first_ms << doublings);
    uint64_t pause = wait->draw(wait->context, (uint32_t)longest);
    uint64_t asked = smaller(asked_ms, retry->most_ms);
    pause = pause < asked ? asked : pause;
    if (pause >= retry->budget_ms - gone) {
        return false;
    }
    wait->sleep_ms(wait->context, (uint32_t)pause);
    return true;
}
