#include "common/signal/resample.h"

void trib_resample_init(trib_resample *resample, float rate_hz, uint32_t count) {
    *resample = (trib_resample){.period_us = 1e6 / (double)rate_hz, .count = count};
}

void trib_resample_reset(trib_resample *resample) {
    resample->started = false;
}

bool trib_resample_push(trib_resample *resample, const trib_row *row) {
    if (!resample->started) {
        resample->started = true;
        resample->first_us = row->tag.time_us;
        resample->grid_index = 0;
        resample->grid_offset = 0;
        resample->before = *row;
        resample->after = *row;
        return true;
    }
    if (row->tag.time_us <= resample->after.tag.time_us) {
        return false;
    }
    resample->before = resample->after;
    resample->after = *row;
    return true;
}

bool trib_resample_next(trib_resample *resample, trib_row *ret_row) {
    const trib_row *before = &resample->before;
    const trib_row *after = &resample->after;
    if (!resample->started ||
        resample->grid_offset > (uint64_t)(after->tag.time_us - resample->first_us)) {
        return false;
    }
    int64_t time_us = resample->first_us + (int64_t)resample->grid_offset;
    if (time_us == after->tag.time_us) {
        *ret_row = *after;
    } else {
        int64_t passed_us = time_us - before->tag.time_us;
        int64_t span_us = after->tag.time_us - before->tag.time_us;
        float part = (float)passed_us / (float)span_us;
        *ret_row = passed_us <= span_us - passed_us ? *before : *after;
        ret_row->tag.time_us = time_us;
        for (uint32_t c = 0; c < resample->count; c++) {
            ret_row->values[c] = before->values[c] + part * (after->values[c] - before->values[c]);
        }
    }
    resample->grid_index++;
    resample->grid_offset = (uint64_t)((double)resample->grid_index * resample->period_us + 0.5);
    return true;
}
