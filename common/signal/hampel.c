#include "common/signal/hampel.h"

#include <math.h>
#include <string.h>

#include "common/signal/lanes.h"

size_t trib_hampel_bytes(uint32_t count, uint32_t half) {
    size_t width = 2 * (size_t)half + 1;
    return 2 * trib_arena_room(width * trib_lanes(count), sizeof(float)) +
           trib_arena_room(width, sizeof(trib_row_tag));
}

trib_status trib_hampel_init(trib_hampel *hampel, uint32_t count, uint32_t half, float threshold,
                             trib_arena *arena) {
    uint32_t width = 2 * half + 1;
    uint32_t lanes = trib_lanes(count);
    trib_hampel made = {
        .half = half,
        .width = width,
        .lanes = lanes,
        .scale = threshold * 1.4826f,
        .sorted = trib_arena_take(arena, (size_t)width * lanes, sizeof(float)),
        .raw = trib_arena_take(arena, (size_t)width * lanes, sizeof(float)),
        .tags = trib_arena_take(arena, width, sizeof(trib_row_tag)),
    };
    if (!made.sorted || !made.raw || !made.tags) {
        return TRIB_FAIL(TRIB_E_LIMIT, "no room for a Hampel window of %u rows", (unsigned)width);
    }
    *hampel = made;
    return TRIB_SUCCESS;
}

void trib_hampel_reset(trib_hampel *hampel) {
    hampel->count = 0;
    hampel->oldest = 0;
    hampel->held = 0;
}

static uint32_t slot_after(const trib_hampel *hampel, uint32_t steps) {
    uint32_t slot = hampel->oldest + steps;
    return slot < hampel->width ? slot : slot - hampel->width;
}

/* Takes `old` out of ranks 0 .. count-1, one group of lanes. */
static void take_out(float *sorted, uint32_t lanes, uint32_t count, const float *old) {
    trib_lane_group gone = trib_lane_load(old);
    trib_lane_group here = trib_lane_load(sorted);
    for (uint32_t r = 0; r + 1 < count; r++) {
        trib_lane_group next = trib_lane_load(sorted + (size_t)(r + 1) * lanes);
        trib_lane_store(sorted + (size_t)r * lanes, trib_lane_choose(here < gone, here, next));
        here = next;
    }
}

/* Puts `new` among ranks 0 .. count-1, which become count + 1. */
static void put_in(float *sorted, uint32_t lanes, uint32_t count, const float *new) {
    trib_lane_group carry = trib_lane_load(new);
    for (uint32_t r = 0; r < count; r++) {
        float *at = sorted + (size_t)r * lanes;
        trib_lane_group here = trib_lane_load(at);
        trib_lane_store(at, trib_lane_smaller(carry, here));
        carry = trib_lane_larger(carry, here);
    }
    trib_lane_store(sorted + (size_t)count * lanes, carry);
}

/* The rank-th smallest |x - median| (rank from 1): the values nearest to any point are neighbours
 * in order, so it is the least reach of `rank` neighbours. */
static trib_lane_group deviation(const float *sorted, uint32_t lanes, uint32_t count, uint32_t rank,
                                 trib_lane_group median) {
    trib_lane_group best = trib_lane_all(INFINITY);
    for (uint32_t k = 0; k + rank <= count; k++) {
        trib_lane_group low = trib_lane_load(sorted + (size_t)k * lanes);
        trib_lane_group high = trib_lane_load(sorted + (size_t)(k + rank - 1) * lanes);
        best = trib_lane_smaller(trib_lane_larger(median - low, high - median), best);
    }
    return best;
}

/* One group of lanes of the row at `centre`. */
static trib_lane_group clean(const trib_hampel *hampel, const float *sorted, const float *centre) {
    uint32_t count = hampel->count;
    uint32_t lanes = hampel->lanes;
    trib_lane_group median = trib_lane_load(sorted + (size_t)(count / 2) * lanes);
    if (count % 2 == 0) {
        median = 0.5f * (median + trib_lane_load(sorted + (size_t)(count / 2 - 1) * lanes));
    }
    trib_lane_group mad = deviation(sorted, lanes, count, (count + 1) / 2, median);
    if (count % 2 == 0) {
        mad = 0.5f * (mad + deviation(sorted, lanes, count, count / 2 + 1, median));
    }
    trib_lane_group value = trib_lane_load(centre);
    trib_lane_group distance = trib_lane_larger(value - median, median - value);
    return trib_lane_choose(distance > hampel->scale * mad, median, value);
}

/* Puts out the oldest row that is held. */
static void release(trib_hampel *hampel, trib_row *ret_row) {
    uint32_t slot = slot_after(hampel, hampel->count - hampel->held);
    const float *centre = hampel->raw + (size_t)slot * hampel->lanes;
    ret_row->tag = hampel->tags[slot];
    for (uint32_t c = 0; c < hampel->lanes; c += TRIB_LANES) {
        trib_lane_store(ret_row->values + c, clean(hampel, hampel->sorted + c, centre + c));
    }
    hampel->held--;
}

static void drop_oldest(trib_hampel *hampel) {
    const float *old = hampel->raw + (size_t)hampel->oldest * hampel->lanes;
    for (uint32_t c = 0; c < hampel->lanes; c += TRIB_LANES) {
        take_out(hampel->sorted + c, hampel->lanes, hampel->count, old + c);
    }
    hampel->oldest = slot_after(hampel, 1);
    hampel->count--;
}

bool trib_hampel_push(trib_hampel *hampel, const trib_row *row, trib_row *ret_row) {
    if (hampel->count == hampel->width) {
        drop_oldest(hampel);
    }
    uint32_t slot = slot_after(hampel, hampel->count);
    hampel->tags[slot] = row->tag;
    float *raw = hampel->raw + (size_t)slot * hampel->lanes;
    memcpy(raw, row->values, hampel->lanes * sizeof *raw);
    for (uint32_t c = 0; c < hampel->lanes; c += TRIB_LANES) {
        put_in(hampel->sorted + c, hampel->lanes, hampel->count, raw + c);
    }
    hampel->count++;
    hampel->held++;
    if (hampel->held <= hampel->half) {
        return false;
    }
    release(hampel, ret_row);
    return true;
}

bool trib_hampel_flush(trib_hampel *hampel, trib_row *ret_row) {
    if (hampel->held == 0) {
        return false;
    }
    if (hampel->count - hampel->held > hampel->half) {
        drop_oldest(hampel);
    }
    release(hampel, ret_row);
    return true;
}
