/* A gateway's rooms that wait for the outside: its source, stream, store and trainer, without their
 * threads. Training takes simulated time and gives a made-up difference, packed by the real codec;
 * whatever the stream runs is shown to the oracle.
 */
#include <stdlib.h>
#include <string.h>

#include "common/signal/check.h"
#include "common/update/statistics.h"
#include "common/update/update.h"
#include "edge/sense/sense.h"
#include "edge/source/source.h"
#include "edge/store/store.h"
#include "edge/train/train.h"
#include "tests/sim/oracle.h"

enum { ROWS_A_SECOND = 10, TRAIN_FIRST_MS = 200, TRAIN_SPREAD_MS = 2500 };

/* ---- source: a stream that never ends ------------------------------------------------------ */

struct edge_source {
    bool started;
};

trib_status edge_source_create(const edge_source_plan *plan, edge_source **ret_source) {
    (void)plan;
    *ret_source = trib_allocate(1, sizeof **ret_source);
    return *ret_source != NULL ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_IO, "no memory for a source");
}

trib_status edge_source_skip(edge_source *source, const char *recording, uint64_t rows) {
    (void)source, (void)recording, (void)rows;
    return TRIB_SUCCESS;
}

trib_status edge_source_start(edge_source *source) {
    source->started = true;
    return TRIB_SUCCESS;
}

void edge_source_halt(edge_source *source) {
    source->started = false;
}

void edge_source_change(edge_source *source, const trib_source_spec *spec) {
    (void)source, (void)spec;
}

edge_source_counts edge_source_counted(const edge_source *source) {
    (void)source;
    return (edge_source_counts){.rows = 0};
}

void edge_source_destroy(edge_source *source) {
    trib_free(source);
}

/* ---- store: rows come with time ------------------------------------------------------------ */

struct edge_store {
    int nothing;
};

trib_status edge_store_open(const edge_store_options *options, edge_store **ret_store) {
    (void)options;
    *ret_store = trib_allocate(1, sizeof **ret_store);
    return *ret_store != NULL ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_IO, "no memory for a store");
}

void edge_store_close(edge_store *store) {
    trib_free(store);
}

trib_status edge_store_positions(edge_store *store,
                                 trib_status (*each)(void *context, const char *recording,
                                                     uint64_t rows),
                                 void *context) {
    (void)store, (void)each, (void)context;
    return TRIB_SUCCESS;
}

/* ---- stream -------------------------------------------------------------------------------- */

struct edge_sense {
    sim_actor *actor;
    edge_sense_plan plan;
    edge_store *store;
    uint64_t release;
};

trib_status edge_sense_start(const edge_sense_plan *plan, edge_store *store_take,
                             edge_sense **ret_sense) {
    edge_sense *sense = trib_allocate(1, sizeof *sense);
    if (sense == NULL) {
        edge_store_close(store_take);
        return TRIB_FAIL(TRIB_E_IO, "no memory for a stream");
    }
    *sense = (edge_sense){.actor = sim.current, .plan = *plan, .store = store_take};
    *ret_sense = sense;
    return TRIB_SUCCESS;
}

trib_status edge_sense_offer_model(edge_sense *sense, trib_model *model_take,
                                   edge_detector detector_take, uint64_t release) {
    sim_oracle_runs(sense->actor, release, model_take);
    sense->release = release;
    trib_model_destroy(model_take);
    edge_detector_deinit(&detector_take);
    const edge_prediction prediction = {.release = release, .label = -1, .value_count = 1};
    sense->plan.predictions.take(sense->plan.predictions.context, &prediction);
    return TRIB_SUCCESS;
}

void edge_sense_forget_waiting(edge_sense *sense) {
    (void)sense;
}

trib_status edge_sense_drop_model(edge_sense *sense) {
    sense->release = 0;
    return TRIB_SUCCESS;
}

edge_sense_counts edge_sense_counted(const edge_sense *sense) {
    uint64_t rows = 1 + sim.now_us * ROWS_A_SECOND / 1000000;
    return (edge_sense_counts){.rows = rows,
                               .release = sense->release,
                               .stored = {.first_row = 1, .last_row = rows, .rows = rows}};
}

void edge_sense_stop(edge_sense *sense, bool drain) {
    (void)drain;
    if (sense != NULL) {
        edge_store_close(sense->store);
        trib_free(sense);
    }
}

/* ---- trainer ------------------------------------------------------------------------------- */

typedef struct training {
    edge_train *train; /* NULL: it has been told that this ended */
    edge_train_job job;
    edge_train_result *result;
    bool aborted;
    struct training *next;
} training;

struct edge_train {
    sim_actor *actor;
    edge_train_plan plan;
    training *jobs;
    size_t count;
};

void edge_train_result_destroy(edge_train_result *result) {
    if (result != NULL) {
        trib_free(result->payload);
        trib_model_destroy(result->model);
        edge_detector_deinit(&result->detector);
        trib_free(result);
    }
}

trib_status edge_train_start(const edge_train_plan *plan, edge_train **ret_train) {
    edge_train *train = trib_allocate(1, sizeof *train);
    if (train == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a trainer");
    }
    *train = (edge_train){.actor = sim.current, .plan = *plan};
    *ret_train = train;
    return TRIB_SUCCESS;
}

static trib_status pack_difference(const edge_train *train, const edge_train_job *job,
                                   trib_random *random, edge_train_result *result) {
    const trib_federation *federation = train->plan.federation;
    uint32_t count = job->base->parameter_count;
    size_t room = trib_update_packed_size(federation->codec, count);
    TRIB_SCOPED(trib_free_scoped) float *values = trib_allocate(count, sizeof *values);
    result->payload = trib_allocate(room, 1);
    if (values == NULL || result->payload == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for an update");
    }
    float size = 0.001f * (float)(1u << trib_random_below(random, 12)); /* some past the bound */
    for (uint32_t i = 0; i < count; i++) {
        values[i] = size * (trib_random_uniform(random) - 0.5f);
    }
    trib_writer writer = trib_writer_of(result->payload, room);
    TRIB_TRY(trib_update_pack(federation->codec, values, count, result->weight,
                              federation->clip_norm, random, &writer));
    result->payload_size = writer.size;
    return TRIB_SUCCESS;
}

static trib_status pack_statistics(const edge_train *train, trib_random *random,
                                   edge_train_result *result) {
    size_t columns = trib_pipeline_columns(&train->plan.federation->pipeline);
    size_t room = trib_statistics_packed_size(columns);
    TRIB_SCOPED(trib_free_scoped) double *moments = trib_allocate(2 * columns, sizeof *moments);
    TRIB_SCOPED(trib_free_scoped) float *rows = trib_allocate(columns * 4, sizeof *rows);
    result->payload = trib_allocate(room, 1);
    if (moments == NULL || rows == NULL || result->payload == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for statistics");
    }
    for (size_t i = 0; i < columns * 4; i++) {
        rows[i] = trib_random_normal(random);
    }
    trib_moments sums;
    trib_moments_init(&sums, moments, moments + columns, columns);
    trib_moments_add(&sums, rows, 4);
    trib_writer writer = trib_writer_of(result->payload, room);
    TRIB_TRY(trib_statistics_pack(&sums, &writer));
    result->payload_size = writer.size;
    return TRIB_SUCCESS;
}

static trib_status work(const training *at) {
    trib_random random;
    edge_train_result *result = at->result;
    if (at->aborted) {
        return TRIB_FAIL(TRIB_E_RETRY, "aborted");
    }
    trib_random_init(&random, sim.options.seed + at->train->actor->starts, at->train->actor->place,
                     at->job.round, TRIB_PURPOSE_TEST);
    result->weight = 1 + trib_random_below(&random, 50);
    result->examples = result->weight;
    result->loss = (double)trib_random_uniform(&random);
    result->steps = 1;
    result->first_row = at->job.first_row;
    result->last_row = at->job.last_row;
    return at->job.kind == EDGE_TRAIN_STATISTICS
               ? pack_statistics(at->train, &random, result)
               : pack_difference(at->train, &at->job, &random, result);
}

static void drop_training(void *item) {
    training *gone = item;
    trib_model_destroy(gone->job.base);
    edge_train_result_destroy(gone->result);
    trib_free(gone);
}

static void unlink_training(training *gone) {
    training **at = &gone->train->jobs;
    while (*at != gone) {
        at = &(*at)->next;
    }
    *at = gone->next;
    gone->train->count--;
}

static void hand_over(training *at, trib_status status) {
    edge_train *train = at->train;
    TRIB_ASSERT(train != NULL);
    edge_train_result *result = at->result;
    at->result = NULL;
    result->kind = at->job.kind;
    result->round = at->job.round;
    result->ordinal = at->job.ordinal;
    result->code = status.code;
    if (!trib_ok(status)) {
        (void)snprintf(result->message, sizeof result->message, "%s", trib_message());
    }
    unlink_training(at);
    at->train = NULL;
    train->plan.finished(train->plan.context, result);
}

static void finish(void *item) {
    training *at = item;
    if (at->train != NULL) {
        sim_actor *actor = at->train->actor;
        sim.current = actor;
        hand_over(at, work(at));
        sim.current = NULL;
        actor->waiting++;
        sim_actor_wake(actor, sim.now_us);
    }
    drop_training(at);
}

trib_status edge_train_offer(edge_train *train, const edge_train_job *job_take) {
    training *next = trib_allocate(1, sizeof *next);
    edge_train_result *result = trib_allocate(1, sizeof *result);
    if (next == NULL || result == NULL || train->count == EDGE_TRAIN_MAX_JOBS) {
        bool full = train->count == EDGE_TRAIN_MAX_JOBS;
        trib_model_destroy(job_take->base);
        trib_free(next);
        trib_free(result);
        return full ? TRIB_FAIL(TRIB_E_RETRY, "jobs wait already")
                    : TRIB_FAIL(TRIB_E_IO, "no memory for a job");
    }
    *next = (training){.train = train, .job = *job_take, .result = result, .next = train->jobs};
    train->jobs = next;
    train->count++;
    uint64_t ms = TRAIN_FIRST_MS + trib_random_below(&sim.random, TRAIN_SPREAD_MS);
    if (sim_draw(SIM_STRAGGLER)) {
        ms += 1000ull * sim_pick(SIM_STRAGGLER, 60);
    }
    sim_at(sim.now_us + ms * 1000, finish, drop_training, next);
    return TRIB_SUCCESS;
}

void edge_train_abort(edge_train *train) {
    for (training *at = train->jobs; at != NULL; at = at->next) {
        at->aborted = true;
    }
}

void edge_train_stop(edge_train *train) {
    if (train == NULL) {
        return;
    }
    while (train->jobs != NULL) {
        hand_over(train->jobs, TRIB_FAIL(TRIB_E_RETRY, "stopped"));
    }
    trib_free(train);
}
