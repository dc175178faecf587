#include "common/round/round.h"

#include <math.h>

static uint32_t ceiling_of(double value, uint32_t least, uint32_t most) {
    double up = ceil(value - 1e-9); /* 0.1 * 100 is a hair above 10 */
    return up >= (double)most ? most : up <= (double)least ? least : (uint32_t)up;
}

void trib_round_select(const trib_rounds_spec *spec, bool statistics, uint32_t members,
                       trib_round_plan *ret_plan) {
    uint32_t quorum = spec->quorum < members ? spec->quorum : members;
    double fraction = statistics ? 1.0 : spec->fraction;
    uint32_t wanted =
        ceiling_of(fraction * (double)members, quorum > 0 ? quorum : 1, members > 0 ? members : 1);
    double selected = fraction * spec->over_selection;
    double least = members > 0 ? (double)wanted / (double)members : 1;
    selected = selected > least ? selected : least;
    ret_plan->statistics = statistics;
    ret_plan->expected = wanted;
    ret_plan->quorum = spec->quorum;
    ret_plan->fraction_ppm = ceiling_of(selected * TRIB_SELECT_RANGE, 1, TRIB_SELECT_RANGE);
    ret_plan->deadline_ms = spec->deadline_ms;
    ret_plan->max_weight = spec->max_weight;
}

void trib_round_open(trib_round *round, const trib_round_plan *plan, uint64_t now_ms) {
    *round = (trib_round){.plan = *plan,
                          .phase = TRIB_ROUND_OPEN,
                          .awaited = plan->expected,
                          .deadline_ms = now_ms + plan->deadline_ms};
}

static trib_round_action close_round(trib_round *round) {
    if (round->accepted >= round->plan.quorum && round->accepted > 0) {
        round->phase = TRIB_ROUND_CLOSED;
        return TRIB_ACTION_CLOSE;
    }
    round->phase = TRIB_ROUND_ABANDONED;
    return TRIB_ACTION_ABANDON;
}

/* Nobody is left to wait for. Below the quorum it waits all the same: others may still join. */
static trib_round_action close_if_complete(trib_round *round) {
    return round->accepted >= round->awaited && round->accepted >= round->plan.quorum
               ? close_round(round)
               : TRIB_ACTION_NONE;
}

trib_round_action trib_round_step(trib_round *round, const trib_round_event *event) {
    if (round->phase != TRIB_ROUND_OPEN) {
        return TRIB_ACTION_NONE;
    }
    switch (event->kind) {
    case TRIB_EVENT_ACCEPTED:
        round->accepted++;
        round->weight += event->weight;
        return close_if_complete(round);
    case TRIB_EVENT_DISCARDED:
        TRIB_ASSERT(round->accepted > 0 && round->weight >= event->weight);
        round->accepted--;
        round->weight -= event->weight;
        return TRIB_ACTION_NONE;
    case TRIB_EVENT_REACHABLE:
        round->awaited = event->count < round->plan.expected ? event->count : round->plan.expected;
        return round->accepted > 0 ? close_if_complete(round) : TRIB_ACTION_NONE;
    case TRIB_EVENT_TICK:
        return event->now_ms >= round->deadline_ms ? close_round(round) : TRIB_ACTION_NONE;
    case TRIB_EVENT_RESTARTED:
        round->deadline_ms = event->now_ms + round->plan.deadline_ms;
        return TRIB_ACTION_NONE;
    case TRIB_EVENT_DAMAGED:
        round->phase = TRIB_ROUND_ABANDONED;
        return TRIB_ACTION_ABANDON;
    }
    return TRIB_ACTION_NONE;
}

uint64_t trib_round_wait_ms(const trib_round *round, uint64_t now_ms) {
    if (round->phase != TRIB_ROUND_OPEN) {
        return UINT64_MAX;
    }
    return round->deadline_ms > now_ms ? round->deadline_ms - now_ms : 0;
}

trib_verdict trib_round_admit(const trib_round *round, const trib_candidate *candidate,
                              const char **ret_reason) {
    *ret_reason = "";
    if (candidate->revoked) {
        *ret_reason = "the gateway is revoked";
        return TRIB_VERDICT_REFUSED;
    }
    if (candidate->round > round->plan.number) {
        *ret_reason = "there is no such round";
        return TRIB_VERDICT_REFUSED;
    }
    if (candidate->counted) {
        return TRIB_VERDICT_DUPLICATE;
    }
    if (candidate->round < round->plan.number || round->phase != TRIB_ROUND_OPEN) {
        *ret_reason = "the round is closed";
        return TRIB_VERDICT_LATE;
    }
    if (round->accepted >= round->plan.expected) { /* below the quorum, it waits for its deadline */
        *ret_reason = "the round has as many updates as it takes";
        return TRIB_VERDICT_LATE;
    }
    if (candidate->selection >= round->plan.fraction_ppm) {
        *ret_reason = "the gateway was not selected";
        return TRIB_VERDICT_REFUSED;
    }
    if (candidate->statistics != round->plan.statistics) {
        *ret_reason = "the round is of another kind";
        return TRIB_VERDICT_REFUSED;
    }
    if (!candidate->base_matches) {
        *ret_reason = "the update was made from another base";
        return TRIB_VERDICT_REFUSED;
    }
    if (candidate->weight == 0 || candidate->weight > round->plan.max_weight) {
        *ret_reason = "the weight is not within the round's limit";
        return TRIB_VERDICT_REFUSED;
    }
    return TRIB_VERDICT_ACCEPTED;
}
