#include "common/signal/biquad.h"

#include <math.h>

#include "common/signal/lanes.h"

enum { COEFFICIENTS = 5, STATES = 2 };

trib_biquad trib_biquad_design(const trib_filter_spec *filter, float rate_hz) {
    const double two_pi = 6.283185307179586;
    double angle = two_pi * (double)filter->frequency_hz / (double)rate_hz;
    double cosine = cos(angle);
    double alpha = sin(angle) / (2.0 * (double)filter->q);
    double a0 = 1.0 + alpha;
    trib_biquad made = {.a1 = -2.0 * cosine / a0, .a2 = (1.0 - alpha) / a0};
    switch (filter->kind) {
    case TRIB_FILTER_LOWPASS:
        made.b1 = (1.0 - cosine) / a0;
        made.b0 = made.b2 = 0.5 * made.b1;
        break;
    case TRIB_FILTER_HIGHPASS:
        made.b1 = -(1.0 + cosine) / a0;
        made.b0 = made.b2 = -0.5 * made.b1;
        break;
    case TRIB_FILTER_BANDPASS:
        made.b0 = alpha / a0;
        made.b2 = -made.b0;
        break;
    case TRIB_FILTER_NOTCH:
        made.b0 = made.b2 = 1.0 / a0;
        made.b1 = made.a1;
        break;
    }
    return made;
}

static uint32_t most_filters(const trib_pipeline_spec *spec) {
    uint32_t most = 0;
    for (uint32_t c = 0; c < spec->source_count; c++) {
        uint32_t count = 0;
        for (uint32_t f = 0; f < spec->filter_count; f++) {
            count += spec->filters[f].channel == c;
        }
        most = count > most ? count : most;
    }
    return most;
}

size_t trib_biquads_bytes(const trib_pipeline_spec *spec) {
    size_t cells = (size_t)most_filters(spec) * trib_lanes(spec->source_count);
    return trib_arena_room(cells * COEFFICIENTS, sizeof(float)) +
           trib_arena_room(cells * STATES, sizeof(float));
}

static void place(trib_biquads *biquads, uint32_t stage, uint32_t lane, const trib_biquad *filter) {
    const double values[COEFFICIENTS] = {filter->b0, filter->b1, filter->b2, filter->a1,
                                         filter->a2};
    for (uint32_t k = 0; k < COEFFICIENTS; k++) {
        biquads->coefficients[((size_t)stage * COEFFICIENTS + k) * biquads->lanes + lane] =
            (float)values[k];
    }
}

trib_status trib_biquads_init(trib_biquads *biquads, const trib_pipeline_spec *spec,
                              trib_arena *arena) {
    trib_biquads made = {.stages = most_filters(spec), .lanes = trib_lanes(spec->source_count)};
    size_t cells = (size_t)made.stages * made.lanes;
    made.coefficients = trib_arena_take(arena, cells * COEFFICIENTS, sizeof(float));
    made.state = trib_arena_take(arena, cells * STATES, sizeof(float));
    if (!made.coefficients || !made.state) {
        return TRIB_FAIL(TRIB_E_LIMIT, "no room for %u filters", (unsigned)spec->filter_count);
    }
    for (uint32_t lane = 0; lane < made.lanes; lane++) {
        uint32_t stage = 0;
        for (uint32_t f = 0; f < spec->filter_count; f++) {
            if (spec->filters[f].channel == lane) {
                trib_biquad filter = trib_biquad_design(&spec->filters[f], spec->rate_hz);
                place(&made, stage++, lane, &filter);
            }
        }
        for (; stage < made.stages; stage++) {
            place(&made, stage, lane, &(trib_biquad){.b0 = 1.0});
        }
    }
    *biquads = made;
    return TRIB_SUCCESS;
}

void trib_biquads_reset(trib_biquads *biquads) {
    biquads->started = false;
}

/* The state in which a constant input gives a constant output. */
static void settle(trib_biquads *biquads, const float *values) {
    uint32_t lanes = biquads->lanes;
    for (uint32_t lane = 0; lane < lanes; lane++) {
        float input = values[lane];
        for (uint32_t s = 0; s < biquads->stages; s++) {
            const float *k = biquads->coefficients + (size_t)s * COEFFICIENTS * lanes + lane;
            float *state = biquads->state + (size_t)s * STATES * lanes + lane;
            float gain = (k[0] + k[lanes] + k[2 * lanes]) / (1.0f + k[3 * lanes] + k[4 * lanes]);
            float output = gain * input;
            state[lanes] = k[2 * lanes] * input - k[4 * lanes] * output;
            state[0] = k[lanes] * input - k[3 * lanes] * output + state[lanes];
            input = output;
        }
    }
}

void trib_biquads_apply(trib_biquads *biquads, float *values) {
    if (!biquads->started) {
        settle(biquads, values);
        biquads->started = true;
    }
    uint32_t lanes = biquads->lanes;
    for (uint32_t s = 0; s < biquads->stages; s++) {
        for (uint32_t c = 0; c < lanes; c += TRIB_LANES) {
            const float *k = biquads->coefficients + (size_t)s * COEFFICIENTS * lanes + c;
            float *state = biquads->state + (size_t)s * STATES * lanes + c;
            trib_lane_group x = trib_lane_load(values + c);
            trib_lane_group y = trib_lane_load(k) * x + trib_lane_load(state);
            trib_lane_store(values + c, y);
            trib_lane_store(state, trib_lane_load(k + lanes) * x -
                                       trib_lane_load(k + 3 * lanes) * y +
                                       trib_lane_load(state + lanes));
            trib_lane_store(state + lanes,
                            trib_lane_load(k + 2 * lanes) * x - trib_lane_load(k + 4 * lanes) * y);
        }
    }
}
