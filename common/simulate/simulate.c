#include "common/simulate/simulate.h"

#include <string.h>

#include "common/simulate/run.h"
#include "common/statistic/hotelling.h"

void trib_simulation_result_deinit(trib_simulation_result *result) {
    trib_free(result->rounds);
    trib_free(result->clients);
    trib_free(result->confusion);
    trib_model_destroy(result->model);
    *result = (trib_simulation_result){0};
}

static void run_deinit(trib_run *run) {
    for (size_t i = 0; run->members != NULL && i < run->member_count; i++) {
        trib_examples_deinit(&run->members[i].normalised);
    }
    trib_free(run->members);
    trib_free(run->by_selection);
    trib_contributor_destroy(run->contributor);
    if (run->course_ready) {
        trib_course_deinit(&run->course);
    }
    trib_model_destroy(run->served);
}

/* A gateway that has too little to say does not take part. */
static bool takes_part(const trib_federation *federation, const trib_client_data *client) {
    return client->train.count >= (federation->task == TRIB_TASK_HOTELLING_T2
                                       ? trib_hotelling_least_examples(federation)
                                       : 1);
}

static trib_status run_init(const trib_simulation *setup, trib_run *run) {
    *run = (trib_run){.setup = setup, .federation = setup->federation};
    run->members = trib_allocate(setup->client_count, sizeof *run->members);
    run->by_selection = trib_allocate(setup->client_count, sizeof *run->by_selection);
    if (run->members == NULL || run->by_selection == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu clients", setup->client_count);
    }
    for (size_t i = 0; i < setup->client_count; i++) {
        if (takes_part(setup->federation, setup->clients[i])) {
            run->members[run->member_count++] = (trib_run_member){.data = setup->clients[i]};
        }
    }
    if (run->member_count == 0) {
        return TRIB_FAIL(TRIB_E_STATE,
                         "none of %zu clients has examples to train on: are the "
                         "label's classes and the window right?",
                         setup->client_count);
    }
    TRIB_TRY(trib_contributor_create(setup->federation, setup->kernels, &run->contributor));
    TRIB_TRY(trib_course_init(&run->course, setup->crypto, setup->federation));
    run->course_ready = true;
    return trib_model_copy(run->course.model, &run->served);
}

trib_status trib_run_score(trib_run *run, const trib_model *model, const trib_client_data *only,
                           trib_tally *ret_clients, uint32_t *ret_confusion,
                           trib_tally *ret_tally) {
    const trib_simulation *setup = run->setup;
    const trib_scoring scoring = {.federation = run->federation,
                                  .contributor = run->contributor,
                                  .model = model,
                                  .confusion = ret_confusion};
    trib_tally sum = {0};
    size_t count = only != NULL ? 1 : setup->test_count;
    for (size_t i = 0; i < count; i++) {
        trib_tally one = {0};
        trib_status status =
            trib_score_client(&scoring, only != NULL ? only : setup->tests[i], &one);
        if (!trib_ok(status) && status.code != TRIB_E_STATE) {
            return status;
        }
        trib_tally_add(&sum, &one);
        if (ret_clients != NULL) {
            ret_clients[i] = one;
        }
    }
    *ret_tally = sum;
    return sum.examples > 0
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_STATE, "nothing could be scored: %s", trib_message());
}

static trib_status train(trib_run *run, trib_simulation_result *result) {
    uint32_t most = run->federation->rounds.maximum;
    result->rounds = trib_allocate(most, sizeof *result->rounds);
    if (result->rounds == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %u rounds", most);
    }
    while (run->course.stage == TRIB_STAGE_TRAINING) {
        trib_simulation_round *round = &result->rounds[result->round_count];
        TRIB_TRY(trib_run_round(run, round));
        result->round_count++;
        trib_run_serve(run);
        if (run->setup->test_every_round && run->setup->test_count > 0) {
            TRIB_TRY(trib_run_score(run, run->served, NULL, NULL, NULL, &round->test));
        }
        if (run->setup->progress != NULL) {
            run->setup->progress(run->setup->context, round);
        }
    }
    return TRIB_SUCCESS;
}

/* The entry of a client, made if it is not there yet. */
static trib_simulation_client *entry_of(trib_simulation_result *result,
                                        const trib_client_data *data) {
    for (size_t i = 0; i < result->client_count; i++) {
        if (result->clients[i].name == data->name) {
            return &result->clients[i];
        }
    }
    trib_simulation_client *entry = &result->clients[result->client_count++];
    *entry = (trib_simulation_client){.name = data->name};
    return entry;
}

static trib_status list_clients(const trib_run *run, trib_simulation_result *result) {
    result->clients =
        trib_allocate(run->member_count + run->setup->test_count + 1, sizeof *result->clients);
    if (result->clients == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for results of %zu clients", run->member_count);
    }
    for (size_t i = 0; i < run->member_count; i++) {
        trib_simulation_client *entry = &result->clients[result->client_count++];
        *entry = (trib_simulation_client){.name = run->members[i].data->name,
                                          .trained = true,
                                          .examples = run->members[i].data->train.count};
    }
    return TRIB_SUCCESS;
}

static trib_status test_federated(trib_run *run, trib_simulation_result *result) {
    size_t classes =
        run->federation->task == TRIB_TASK_CLASSIFY ? run->federation->source.class_count : 0;
    TRIB_SCOPED(trib_free_scoped)
    trib_tally *tallies = trib_allocate(run->setup->test_count, sizeof *tallies);
    if (classes > 0) {
        result->confusion = trib_allocate(classes * classes, sizeof *result->confusion);
    }
    if (tallies == NULL || (classes > 0 && result->confusion == NULL)) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for results");
    }
    TRIB_TRY(
        trib_run_score(run, run->served, NULL, tallies, result->confusion, &result->federated));
    for (size_t i = 0; i < run->setup->test_count; i++) {
        trib_simulation_client *entry = entry_of(result, run->setup->tests[i]);
        entry->tested = tallies[i].examples > 0;
        entry->federated = tallies[i];
    }
    return TRIB_SUCCESS;
}

static trib_status test_baselines(trib_run *run, trib_simulation_result *result) {
    if (run->setup->pooled && run->federation->task == TRIB_TASK_HOTELLING_T2) {
        result->pooled = result->federated;
    } else if (run->setup->pooled) {
        TRIB_TRY(trib_run_pooled(run, &result->pooled));
    }
    for (size_t i = 0; run->setup->local && i < run->member_count; i++) {
        trib_tally *tally = &result->clients[i].local;
        TRIB_TRY(trib_context(trib_run_local(run, run->members[i].data, tally), "client %s alone",
                              run->members[i].data->name));
        trib_tally_add(&result->local, tally);
    }
    return TRIB_SUCCESS;
}

static trib_status simulate(trib_run *run, trib_simulation_result *result) {
    TRIB_TRY(trib_run_statistics(run));
    TRIB_TRY(list_clients(run, result));
    TRIB_TRY(train(run, result));
    trib_run_serve(run);
    if (run->setup->test_count > 0) {
        TRIB_TRY(test_federated(run, result));
        TRIB_TRY(test_baselines(run, result));
    }
    result->model = run->served;
    run->served = NULL;
    return TRIB_SUCCESS;
}

trib_status trib_simulate(const trib_simulation *simulation, trib_simulation_result *ret_result) {
    TRIB_SCOPED(trib_simulation_result_deinit) trib_simulation_result result = {0};
    TRIB_SCOPED(trib_free_scoped) trib_run *run = trib_allocate(1, sizeof *run); /* large */
    if (run == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a simulation");
    }
    trib_status status = run_init(simulation, run);
    if (trib_ok(status)) {
        status = simulate(run, &result);
    }
    run_deinit(run);
    TRIB_TRY(status);
    *ret_result = result;
    result = (trib_simulation_result){0};
    return TRIB_SUCCESS;
}
