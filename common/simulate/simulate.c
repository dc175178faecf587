#include "common/simulate/simulate.h"

#include <string.h>

#include "common/simulate/crowd.h"
#include "common/simulate/run.h"
#include "common/statistic/hotelling.h"

void trib_simulation_result_deinit(trib_simulation_result *result) {
    trib_free(result->rounds);
    trib_free(result->clients);
    trib_free(result->confusion);
    trib_free(result->pooled_confusion);
    trib_free(result->local_confusion);
    trib_free(result->client_confusions);
    trib_model_destroy(result->model);
    *result = (trib_simulation_result){0};
}

static void run_deinit(trib_run *run) {
    for (size_t i = 0; run->members != NULL && i < run->member_count; i++) {
        trib_examples_deinit(&run->members[i].normalised);
    }
    trib_free(run->members);
    trib_free(run->by_selection);
    trib_crowd_destroy(run->crowd);
    trib_contributor_destroy(run->contributor);
    if (run->course_ready) {
        trib_course_deinit(&run->course);
    }
    trib_model_destroy(run->served);
}

bool trib_takes_part(const trib_federation *federation, const trib_client_data *client) {
    return client->train.count >= (federation->task == TRIB_TASK_HOTELLING_T2
                                       ? trib_hotelling_least_examples(federation)
                                       : 1);
}

static trib_status list_members(const trib_simulation *setup, trib_run *run) {
    run->members = trib_allocate(setup->client_count, sizeof *run->members);
    run->by_selection = trib_allocate(setup->client_count, sizeof *run->by_selection);
    if (run->members == NULL || run->by_selection == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu clients", setup->client_count);
    }
    for (size_t i = 0; i < setup->client_count; i++) {
        if (trib_takes_part(setup->federation, setup->clients[i])) {
            run->members[run->member_count++] = (trib_run_member){.data = setup->clients[i]};
        }
    }
    if (run->member_count == 0) {
        return TRIB_FAIL(TRIB_E_STATE,
                         "none of %zu clients has examples to train on: are the "
                         "label's classes and the window right?",
                         setup->client_count);
    }
    return TRIB_SUCCESS;
}

static trib_status run_init(const trib_simulation *setup, trib_run *run) {
    bool crowd = setup->crowd.clients > 0;
    *run = (trib_run){.setup = setup, .federation = setup->federation};
    TRIB_ASSERT(!crowd || (setup->client_count == 0 && !setup->pooled && !setup->local));
    TRIB_TRY(crowd ? trib_crowd_create(run, &run->crowd) : list_members(setup, run));
    TRIB_TRY(trib_contributor_create(setup->federation, setup->kernels, &run->contributor));
    TRIB_TRY(trib_course_init(&run->course, setup->crypto, setup->federation));
    run->course_ready = true;
    return trib_model_copy(run->course.model, &run->served);
}

/* [classes, classes] cells of a confusion matrix; 0 for tasks without classes. */
static size_t confusion_cells(const trib_federation *federation) {
    size_t classes = federation->task == TRIB_TASK_CLASSIFY ? federation->source.class_count : 0;
    return classes * classes;
}

trib_status trib_run_score(trib_run *run, const trib_model *model, const trib_client_data *only,
                           const trib_run_scores *scores, trib_tally *ret_tally) {
    static const trib_run_scores none = {0};
    const trib_simulation *setup = run->setup;
    const trib_run_scores *to = scores != NULL ? scores : &none;
    size_t count = only != NULL ? 1 : setup->test_count, cells = confusion_cells(run->federation);
    trib_scoring scoring = {
        .federation = run->federation, .contributor = run->contributor, .model = model};
    trib_tally sum = {0};
    for (size_t i = 0; i < count; i++) {
        trib_tally one = {0};
        uint32_t *own = to->client_confusions != NULL ? to->client_confusions + i * cells : NULL;
        scoring.confusion = own != NULL ? own : to->confusion;
        trib_status status =
            trib_score_client(&scoring, only != NULL ? only : setup->tests[i], &one);
        if (!trib_ok(status) && status.code != TRIB_E_STATE) {
            return status;
        }
        trib_tally_add(&sum, &one);
        for (size_t j = 0; own != NULL && to->confusion != NULL && j < cells; j++) {
            to->confusion[j] += own[j];
        }
        if (to->clients != NULL) {
            to->clients[i] = one;
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
            TRIB_TRY(trib_run_score(run, run->served, NULL, NULL, &round->test));
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

/* A matrix, or NULL for tasks without classes. */
static trib_status make_confusion(size_t cells, uint32_t **ret_confusion) {
    if (cells > 0 && (*ret_confusion = trib_allocate(cells, sizeof **ret_confusion)) == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a confusion matrix");
    }
    return TRIB_SUCCESS;
}

static trib_status test_federated(trib_run *run, trib_simulation_result *result,
                                  trib_tally *tallies) {
    size_t tests = run->setup->test_count, cells = confusion_cells(run->federation);
    TRIB_TRY(make_confusion(cells, &result->confusion));
    TRIB_TRY(make_confusion(tests * cells, &result->client_confusions));
    const trib_run_scores scores = {.clients = tallies,
                                    .client_confusions = result->client_confusions,
                                    .confusion = result->confusion};
    TRIB_TRY(trib_run_score(run, run->served, NULL, &scores, &result->federated));
    for (size_t i = 0; i < tests; i++) {
        trib_simulation_client *entry = entry_of(result, run->setup->tests[i]);
        entry->tested = tallies[i].examples > 0;
        entry->federated = tallies[i];
        entry->confusion =
            cells > 0 && entry->tested ? result->client_confusions + i * cells : NULL;
    }
    if (run->crowd == NULL) {
        result->constant = trib_run_constant(run);
    }
    return TRIB_SUCCESS;
}

static trib_status test_pooled(trib_run *run, trib_simulation_result *result, trib_tally *tallies) {
    size_t cells = confusion_cells(run->federation);
    if (run->federation->task == TRIB_TASK_HOTELLING_T2) {
        result->pooled = result->federated;
        for (size_t i = 0; i < result->client_count; i++) {
            result->clients[i].pooled = result->clients[i].federated;
        }
        return TRIB_SUCCESS;
    }
    TRIB_TRY(make_confusion(cells, &result->pooled_confusion));
    const trib_run_scores scores = {.clients = tallies, .confusion = result->pooled_confusion};
    TRIB_TRY(trib_run_pooled(run, &scores, &result->pooled));
    for (size_t i = 0; i < run->setup->test_count; i++) {
        entry_of(result, run->setup->tests[i])->pooled = tallies[i];
    }
    return TRIB_SUCCESS;
}

static bool is_among_tests(const trib_simulation *setup, const trib_client_data *client) {
    for (size_t i = 0; i < setup->test_count; i++) {
        if (setup->tests[i] == client) {
            return true;
        }
    }
    return false;
}

static trib_status test_local(trib_run *run, trib_simulation_result *result) {
    TRIB_TRY(make_confusion(confusion_cells(run->federation), &result->local_confusion));
    const trib_run_scores scores = {.confusion = result->local_confusion};
    for (size_t i = 0; i < run->member_count; i++) {
        const trib_client_data *client = run->members[i].data;
        trib_simulation_client *entry = &result->clients[i];
        bool own_tests = is_among_tests(run->setup, client);
        if (own_tests && !entry->tested) {
            continue; /* it has nothing to compare on */
        }
        trib_status status =
            trib_run_local(run, client, own_tests ? client : NULL, &scores, &entry->local);
        entry->local_failed = status.code == TRIB_E_STATE; /* a result too: others may do well */
        if (!trib_ok(status) && !entry->local_failed) {
            return trib_context(status, "client %s alone", client->name);
        }
        trib_tally_add(&result->local, &entry->local);
    }
    return TRIB_SUCCESS;
}

static trib_status test(trib_run *run, trib_simulation_result *result) {
    TRIB_SCOPED(trib_free_scoped)
    trib_tally *tallies = trib_allocate(run->setup->test_count, sizeof *tallies);
    if (tallies == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for results");
    }
    TRIB_TRY(test_federated(run, result, tallies));
    if (run->setup->pooled) {
        TRIB_TRY(test_pooled(run, result, tallies));
    }
    return run->setup->local ? test_local(run, result) : TRIB_SUCCESS;
}

static trib_status simulate(trib_run *run, trib_simulation_result *result) {
    TRIB_TRY(trib_run_statistics(run));
    TRIB_TRY(list_clients(run, result));
    TRIB_TRY(train(run, result));
    trib_run_serve(run);
    if (run->setup->test_count > 0) {
        TRIB_TRY(test(run, result));
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
