/* Inside this room: a simulation under way. */
#ifndef TRIB_SIMULATE_RUN_H
#define TRIB_SIMULATE_RUN_H

#include "common/contribution/contribution.h"
#include "common/course/course.h"
#include "common/simulate/scoring.h"
#include "common/simulate/simulate.h"

typedef struct trib_run_member {
    const trib_client_data *data;
    trib_examples normalised; /* training examples, with the federation's statistics */
    uint32_t selection;       /* this round's hash */
    bool in_cohort;
} trib_run_member;

typedef struct trib_run {
    const trib_simulation *setup;
    const trib_federation *federation;
    trib_course course;
    bool course_ready;
    trib_contributor *contributor;
    trib_run_member *members; /* [member_count]: clients with training examples */
    size_t member_count;
    struct trib_crowd *crowd; /* made-up clients instead of members; NULL without */
    uint32_t *by_selection;   /* [member_count] scratch */
    uint64_t rounds_opened;
    trib_model *served;
} trib_run;

/* Round 0, if the federation needs one; then normalises every member's examples. */
TRIB_MUST_CHECK trib_status trib_run_statistics(trib_run *run);
/* One round of training that closes, however many tries it takes. */
TRIB_MUST_CHECK trib_status trib_run_round(trib_run *run, trib_simulation_round *ret_round);
/* Copies into run->served what gateways would run. */
void trib_run_serve(trib_run *run);

/* Where scores go beside their sum; each may be NULL. */
typedef struct trib_run_scores {
    trib_tally *clients;         /* [test_count] */
    uint32_t *client_confusions; /* [test_count, classes, classes], zero before */
    uint32_t *confusion;         /* [classes, classes], added to */
} trib_run_scores;

/* Scores a model on all tests (only: on this one client, without client_confusions). Clients that
 * cannot be scored are left out. TRIB_E_STATE if none could. */
TRIB_MUST_CHECK trib_status trib_run_score(trib_run *run, const trib_model *model,
                                           const trib_client_data *only,
                                           const trib_run_scores *scores, trib_tally *ret_tally);

TRIB_MUST_CHECK trib_status trib_run_pooled(trib_run *run, const trib_run_scores *scores,
                                            trib_tally *ret_tally);
/* only: its own tests, or NULL for all. TRIB_E_STATE if training diverges, or nothing is there to
 * test on. */
TRIB_MUST_CHECK trib_status trib_run_local(trib_run *run, const trib_client_data *client,
                                           const trib_client_data *only,
                                           const trib_run_scores *scores, trib_tally *ret_tally);
/* One answer for everything: see trib_simulation_result. */
trib_tally trib_run_constant(const trib_run *run);

#endif
