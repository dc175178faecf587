/* One round as a pure machine: who takes part, what is counted, when it closes.
 *
 * step(round, event) -> action. No clock, no network, no disk: the time is in the event, and the
 * owner carries the action out after its record is durable. Times are of a monotonic clock, so a
 * wall clock that jumps closes nothing; after a restart the deadline is armed anew.
 *
 * threads  one
 */
#ifndef TRIB_ROUND_ROUND_H
#define TRIB_ROUND_ROUND_H

#include "common/crypto/select.h"
#include "common/federation/federation.h"

/* Round numbers carry the cloud's incarnation above a count, so that they rise across a restore. */
static inline uint64_t trib_round_number(uint32_t incarnation, uint32_t count) {
    return (uint64_t)incarnation << 32 | count;
}

/* What selection, closing and admission need to know; fixed when the round opens. */
typedef struct trib_round_plan {
    uint64_t number;
    bool statistics;   /* round 0 of a lineage; else training */
    uint32_t ordinal;  /* within the lineage: 0 for statistics, then 1, 2 .. */
    uint32_t expected; /* updates that close the round early; also N, the most it takes */
    uint32_t quorum;
    uint32_t fraction_ppm; /* selected: trib_select < this */
    uint8_t salt[TRIB_SELECT_SALT_BYTES];
    uint32_t deadline_ms; /* from opening */
    uint32_t max_weight;
} trib_round_plan;

/* Selection for `members` gateways: wanted = ceil(fraction * members), selected over_selection
 * times as many, at least the quorum, at most all. Statistics ask everybody. Number and salt are
 * set by the caller. */
void trib_round_select(const trib_rounds_spec *spec, bool statistics, uint32_t members,
                       trib_round_plan *ret_plan);

typedef enum trib_round_phase {
    TRIB_ROUND_OPEN,
    TRIB_ROUND_CLOSED,   /* summed into a model */
    TRIB_ROUND_ABANDONED /* below quorum at the deadline, or damaged: counted nowhere */
} trib_round_phase;

typedef struct trib_round {
    trib_round_plan plan;
    trib_round_phase phase;
    uint32_t awaited; /* updates that close it early: plan.expected, or fewer if no more can come */
    uint32_t accepted;
    uint64_t weight;
    uint64_t deadline_ms; /* monotonic */
} trib_round;

typedef enum trib_round_event_kind {
    TRIB_EVENT_ACCEPTED,  /* an update's record is durable */
    TRIB_EVENT_DISCARDED, /* a counted update was taken out by a revocation */
    TRIB_EVENT_REACHABLE, /* so many of those selected are left: after a revocation, an opening or
                             joins */
    TRIB_EVENT_TICK,
    TRIB_EVENT_RESTARTED, /* the owner came back: the deadline is armed anew */
    TRIB_EVENT_DAMAGED    /* its ledger cannot be read: give the round up */
} trib_round_event_kind;

typedef struct trib_round_event {
    trib_round_event_kind kind;
    uint64_t now_ms;
    uint32_t weight; /* accepted, discarded */
    uint32_t count;  /* reachable */
} trib_round_event;

typedef enum trib_round_action {
    TRIB_ACTION_NONE,
    TRIB_ACTION_CLOSE,  /* sum, apply the strategy, announce */
    TRIB_ACTION_ABANDON /* tell the senders, open another */
} trib_round_action;

void trib_round_open(trib_round *round, const trib_round_plan *plan, uint64_t now_ms);
trib_round_action trib_round_step(trib_round *round, const trib_round_event *event);
/* Milliseconds until a tick can matter. */
uint64_t trib_round_wait_ms(const trib_round *round, uint64_t now_ms);

/* What an update gets, before its numbers are looked at. */
typedef enum trib_verdict {
    TRIB_VERDICT_ACCEPTED = 1,
    TRIB_VERDICT_DUPLICATE = 2,
    TRIB_VERDICT_LATE = 3,
    TRIB_VERDICT_REFUSED = 4,
    TRIB_VERDICT_DISCARDED = 5,
    TRIB_VERDICT_ABANDONED = 6
} trib_verdict;

typedef struct trib_candidate {
    uint64_t round;
    bool statistics;
    bool counted; /* this gateway's update of this round was accepted before */
    bool revoked;
    bool base_matches;
    uint32_t selection; /* trib_select of the gateway */
    uint32_t weight;
} trib_candidate;

/* ACCEPTED here means that it may be; `ret_reason` is static text for anything else. */
trib_verdict trib_round_admit(const trib_round *round, const trib_candidate *candidate,
                              const char **ret_reason);

#endif
