#include "common/nn/schedule.h"

#include <math.h>

trib_status trib_schedule_check(const trib_schedule *schedule) {
    if (!(schedule->rate > 0.0f && schedule->rate <= 100.0f)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "learning rate %g: it needs (0, 100]",
                         (double)schedule->rate);
    }
    switch (schedule->kind) {
    case TRIB_SCHEDULE_CONSTANT:
        return TRIB_SUCCESS;
    case TRIB_SCHEDULE_EXPONENTIAL:
        if (!(schedule->decay > 0.0f && schedule->decay <= 1.0f)) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "learning rate decay %g: it needs (0, 1]",
                             (double)schedule->decay);
        }
        return TRIB_SUCCESS;
    case TRIB_SCHEDULE_COSINE:
        if (schedule->rounds == 0 ||
            !(schedule->floor >= 0.0f && schedule->floor <= schedule->rate)) {
            return TRIB_FAIL(TRIB_E_ARGUMENT,
                             "cosine over %u rounds to %g: it needs 1 or more, and a floor in "
                             "[0, rate]",
                             (unsigned)schedule->rounds, (double)schedule->floor);
        }
        return TRIB_SUCCESS;
    }
    return TRIB_FAIL(TRIB_E_ARGUMENT, "unknown learning rate schedule %d", (int)schedule->kind);
}

float trib_schedule_rate(const trib_schedule *schedule, uint64_t round, uint64_t step) {
    float rate = schedule->rate;
    switch (schedule->kind) {
    case TRIB_SCHEDULE_CONSTANT:
        break;
    case TRIB_SCHEDULE_EXPONENTIAL:
        rate *= powf(schedule->decay, (float)round);
        break;
    case TRIB_SCHEDULE_COSINE: {
        float done = round < schedule->rounds ? (float)round / (float)schedule->rounds : 1.0f;
        float share = 0.5f * (1.0f + cosf(3.14159265f * done));
        rate = schedule->floor + (schedule->rate - schedule->floor) * share;
        break;
    }
    }
    if (step < schedule->warmup_steps) {
        rate *= (float)(step + 1) / (float)schedule->warmup_steps;
    }
    return rate;
}
