/* Rounds of a simulation: statistics, cohorts, training. */
#include <stdlib.h>
#include <string.h>

#include "common/round/round.h"
#include "common/simulate/crowd.h"
#include "common/simulate/run.h"

enum { MOST_TRIES = 10000 };

static void free_payloads(trib_buffer **payloads) {
    if (*payloads != NULL) {
        /* the list ends with a buffer without a ceiling */
        for (trib_buffer *at = *payloads; at->ceiling > 0; at++) {
            trib_buffer_deinit(at);
        }
        trib_free(*payloads);
    }
}

static trib_status collect_statistics(trib_run *run, trib_buffer *payloads, trib_bytes *views) {
    for (size_t i = 0; i < run->member_count; i++) {
        trib_contribution contribution;
        const trib_client_data *data = run->members[i].data;
        TRIB_TRY(
            trib_context(trib_contribute_statistics(run->contributor, &data->train, &contribution),
                         "statistics of client %s", data->name));
        payloads[i].ceiling = contribution.payload.size;
        TRIB_TRY(trib_buffer_append(&payloads[i], contribution.payload));
        views[i] = trib_buffer_view(&payloads[i]);
    }
    return TRIB_SUCCESS;
}

trib_status trib_run_statistics(trib_run *run) {
    if (run->crowd != NULL) { /* its examples are normalised when they are made */
        return run->course.stage == TRIB_STAGE_STATISTICS ? trib_crowd_statistics(run->crowd)
                                                          : TRIB_SUCCESS;
    }
    if (run->course.stage == TRIB_STAGE_STATISTICS) {
        TRIB_SCOPED(free_payloads)
        trib_buffer *payloads = trib_allocate(run->member_count + 1, sizeof *payloads);
        TRIB_SCOPED(trib_free_scoped)
        trib_bytes *views = trib_allocate(run->member_count, sizeof *views);
        if (payloads == NULL || views == NULL) {
            return TRIB_FAIL(TRIB_E_IO, "no memory for %zu clients", run->member_count);
        }
        TRIB_TRY(collect_statistics(run, payloads, views));
        TRIB_TRY(trib_course_close_statistics(&run->course, views, run->member_count));
    }
    for (size_t i = 0; i < run->member_count; i++) {
        TRIB_TRY(trib_examples_copy_normalised(&run->members[i].data->train, run->course.model,
                                               &run->members[i].normalised));
    }
    return TRIB_SUCCESS;
}

/* The salt that a deployment draws at random. */
static trib_status salt_of(const trib_run *run, uint64_t number, uint8_t *ret_salt) {
    uint8_t input[64], hash[TRIB_HASH_BYTES];
    trib_writer writer = trib_writer_of(input, sizeof input);
    trib_write_bytes(&writer, trib_bytes_text("tributary simulate salt"));
    trib_write_u64(&writer, run->federation->seed);
    trib_write_u64(&writer, number);
    TRIB_TRY(run->setup->crypto->sha256(trib_written(&writer), hash));
    memcpy(ret_salt, hash, TRIB_SELECT_SALT_BYTES);
    return TRIB_SUCCESS;
}

static int by_number(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Marks the cohort: who is selected, and of those at most `expected`, smallest hash first. */
static trib_status select_cohort(trib_run *run, const trib_round_plan *plan, uint32_t *ret_count) {
    uint32_t selected = 0;
    for (size_t i = 0; i < run->member_count; i++) {
        trib_run_member *member = &run->members[i];
        TRIB_TRY(trib_select(run->setup->crypto, plan->salt, member->data->name, plan->number,
                             &member->selection));
        member->in_cohort = member->selection < plan->fraction_ppm;
        if (member->in_cohort) {
            run->by_selection[selected++] = member->selection;
        }
    }
    if (selected > plan->expected) {
        qsort(run->by_selection, selected, sizeof *run->by_selection, by_number);
        uint32_t last = run->by_selection[plan->expected - 1], left = plan->expected;
        for (size_t i = 0; i < run->member_count; i++) {
            trib_run_member *member = &run->members[i];
            member->in_cohort = member->in_cohort && member->selection <= last && left > 0;
            left -= member->in_cohort;
        }
        selected = plan->expected - left;
    }
    *ret_count = selected;
    return TRIB_SUCCESS;
}

static uint32_t count_clients(const trib_run *run) {
    return run->crowd != NULL ? run->setup->crowd.clients : (uint32_t)run->member_count;
}

/* Opens rounds until one meets its quorum. */
static trib_status open_round(trib_run *run, trib_simulation_round *round, uint32_t *ret_expected) {
    trib_round_plan plan = {0};
    trib_round_select(&run->federation->rounds, false, count_clients(run), &plan);
    for (uint32_t tries = 0; tries < MOST_TRIES; tries++) {
        plan.number = trib_round_number(1, (uint32_t)++run->rounds_opened);
        TRIB_TRY(salt_of(run, plan.number, plan.salt));
        TRIB_TRY(run->crowd != NULL ? trib_crowd_select(run->crowd, &plan, &round->clients)
                                    : select_cohort(run, &plan, &round->clients));
        if (round->clients > 0 && round->clients >= plan.quorum) {
            round->abandoned = tries;
            *ret_expected = plan.expected;
            return TRIB_SUCCESS;
        }
    }
    return TRIB_FAIL(TRIB_E_STATE,
                     "round %u never met its quorum of %u: there are %u clients with examples, of "
                     "which a round selects %u: lower rounds.quorum or raise rounds.fraction",
                     round->ordinal, plan.quorum, count_clients(run), plan.expected);
}

static trib_status contribute(trib_run *run, trib_run_member *member, trib_fold *sum,
                              trib_simulation_round *round) {
    const trib_contribution_task task = {.gateway = member->data->name, .ordinal = round->ordinal};
    trib_contribution contribution;
    trib_update_view update;
    TRIB_TRY(trib_contribute_training(run->contributor, run->course.model, &member->normalised,
                                      &task, &contribution));
    TRIB_TRY(trib_update_open(contribution.payload, &update));
    TRIB_TRY(trib_fold_add(sum, &update));
    round->examples += contribution.examples;
    round->bytes += contribution.payload.size;
    round->loss += contribution.loss * (double)contribution.examples;
    return TRIB_SUCCESS;
}

trib_status trib_run_round(trib_run *run, trib_simulation_round *ret_round) {
    trib_simulation_round round = {.ordinal = run->course.model->round + 1};
    uint32_t expected = 0;
    TRIB_TRY(open_round(run, &round, &expected));
    trib_fold_bounds bounds = trib_course_bounds(&run->course, expected);
    TRIB_SCOPED(trib_fold_destroy_scoped) trib_fold *sum = NULL;
    TRIB_TRY(trib_fold_bounds_check(&bounds));
    TRIB_TRY(trib_fold_create(&bounds, run->course.model->parameter_count, &sum));
    if (run->crowd != NULL) {
        TRIB_TRY(trib_crowd_contribute(run->crowd, sum, &round));
    }
    for (size_t i = 0; i < run->member_count; i++) {
        if (run->members[i].in_cohort) {
            TRIB_TRY(trib_context(contribute(run, &run->members[i], sum, &round),
                                  "client %s, round %u", run->members[i].data->name,
                                  round.ordinal));
        }
    }
    TRIB_TRY(trib_course_close_training(&run->course, sum));
    round.loss /= (double)round.examples;
    *ret_round = round;
    return TRIB_SUCCESS;
}

void trib_run_serve(trib_run *run) {
    const trib_model *model = run->course.model;
    trib_model *served = run->served;
    served->round = model->round;
    memcpy(served->mean, model->mean, model->column_count * sizeof(float));
    memcpy(served->deviation, model->deviation, model->column_count * sizeof(float));
    memcpy(served->spread, model->spread, model->column_count * sizeof(float));
    memcpy(served->parameters, trib_strategy_served(&run->course.strategy, model->parameters),
           model->parameter_count * sizeof(float));
}
