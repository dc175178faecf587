#include "edge/sense/sense.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "common/signal/pipeline.h"
#include "edge/sense/judge.h"

enum { POP_MS = 50 };

/* What others may look at; each number by itself. */
typedef struct snapshot {
    atomic_uint_fast64_t rows;
    atomic_uint_fast64_t passing;
    atomic_uint_fast64_t unstored;
    atomic_uint_fast64_t windows;
    atomic_uint_fast64_t predictions;
    atomic_uint_fast64_t anomalies;
    atomic_uint_fast64_t gaps;
    atomic_uint_fast64_t late;
    atomic_uint_fast64_t sparse;
    atomic_int_fast64_t time_us;
    atomic_uint_fast64_t release;
    atomic_uint_fast64_t first_row;
    atomic_uint_fast64_t last_row;
    atomic_uint_fast64_t stored_rows;
    atomic_uint_fast64_t train_rows;
    atomic_uint_fast64_t stored_bytes;
    atomic_bool halted;
} snapshot;

struct edge_sense {
    edge_sense_plan plan; /* its federation is the one below */
    trib_federation federation;
    trib_queue *judges; /* of edge_judge: the model on its way in; a newer one takes its place */
    pthread_t thread;
    atomic_bool stop;
    atomic_bool drain;
    snapshot seen;

    /* the thread's */
    edge_store *store;
    edge_judge *judge; /* NULL: none yet */
    trib_pipeline *pipeline;
    void *block; /* the pipeline lives in it */
    bool failing;
};

static void say(edge_sense *sense, edge_event_kind kind, edge_event_level level, uint64_t count,
                const char *text) {
    edge_event_say(&sense->plan.events,
                   (edge_event){.kind = kind, .level = level, .room = "sense", .count = count},
                   "%s", text);
}

/* ---- the thread ---- */

static void take_model(edge_sense *sense) {
    edge_judge *judge = trib_queue_pop(sense->judges, 0);
    if (judge == NULL) {
        return;
    }
    edge_judge_destroy(sense->judge); /* before the next one takes as much again */
    sense->judge = NULL;
    if (!trib_ok(edge_judge_prepare(judge))) {
        say(sense, EDGE_EVENT_SENSE_FAILED, EDGE_EVENT_ERROR, judge->release, trib_message());
        edge_judge_destroy(judge);
        atomic_store(&sense->seen.release, 0);
        return;
    }
    sense->judge = judge;
    uint64_t release = judge->ready ? judge->release : 0;
    atomic_store(&sense->seen.release, release);
    edge_event_say(&sense->plan.events,
                   (edge_event){.kind = EDGE_EVENT_MODEL_SET,
                                .level = EDGE_EVENT_INFO,
                                .room = "sense",
                                .count = release},
                   release != 0 ? "release %llu judges" : "no model judges (%llu)",
                   (unsigned long long)release);
}

static trib_status take_window(void *context, const trib_window *window) {
    edge_sense *sense = context;
    edge_prediction prediction;
    (void)atomic_fetch_add(&sense->seen.windows, 1);
    edge_telemetry_window(sense->plan.telemetry, window);
    if (sense->judge == NULL || !edge_judge_window(sense->judge, window, &prediction)) {
        return TRIB_SUCCESS;
    }
    (void)atomic_fetch_add(&sense->seen.predictions, 1);
    (void)atomic_fetch_add(&sense->seen.anomalies, prediction.anomaly);
    if (sense->plan.predictions.take != NULL) {
        sense->plan.predictions.take(sense->plan.predictions.context, &prediction);
    }
    return TRIB_SUCCESS;
}

/* A row that the pipeline does not take is left out; said once in a run of them. */
static void note(edge_sense *sense, trib_status status) {
    if (!trib_ok(status) && !sense->failing) {
        say(sense, EDGE_EVENT_SENSE_FAILED, EDGE_EVENT_WARN, 1, trib_message());
    }
    sense->failing = !trib_ok(status);
}

static void run_pipeline(edge_sense *sense, const edge_batch *batch) {
    const trib_window_sink sink = {take_window, sense};
    if (batch->starts) {
        /* what the last recording's delays still hold, if its end got lost */
        note(sense, trib_pipeline_finish(sense->pipeline, &sink));
        trib_pipeline_reset(sense->pipeline);
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        const trib_source_row *row = &batch->rows[i].row;
        edge_telemetry_row(sense->plan.telemetry, row); /* as it came, whatever becomes of it */
        note(sense,
             trib_pipeline_push(sense->pipeline, row->time_us, row->values, row->label, &sink));
    }
    if (batch->ends) {
        note(sense, trib_pipeline_finish(sense->pipeline, &sink));
    }
}

static void publish(edge_sense *sense) {
    trib_pipeline_counts counts = trib_pipeline_counted(sense->pipeline);
    edge_store_range range = edge_store_holds(sense->store);
    snapshot *seen = &sense->seen;
    atomic_store(&seen->gaps, counts.gaps);
    atomic_store(&seen->late, counts.late);
    atomic_store(&seen->sparse, counts.sparse);
    atomic_store(&seen->first_row, range.first_row);
    atomic_store(&seen->last_row, range.last_row);
    atomic_store(&seen->stored_rows, range.rows);
    atomic_store(&seen->train_rows, range.train_rows);
    atomic_store(&seen->stored_bytes, range.bytes);
    atomic_store(&seen->halted, edge_store_halted(sense->store));
}

static void take_batch(edge_sense *sense, edge_batch *batch) {
    if (!batch->passing && !trib_ok(edge_store_append(sense->store, batch))) {
        /* the store has said so */
        (void)atomic_fetch_add(&sense->seen.unstored, batch->count);
    }
    run_pipeline(sense, batch);
    if (batch->count > 0) {
        (void)atomic_fetch_add(batch->passing ? &sense->seen.passing : &sense->seen.rows,
                               batch->count);
        atomic_store(&sense->seen.time_us, batch->rows[batch->count - 1].row.time_us);
    }
    edge_batch_destroy(batch);
}

static void *run(void *context) {
    edge_sense *sense = context;
    for (;;) {
        bool stop = atomic_load(&sense->stop);
        if (stop && !atomic_load(&sense->drain)) {
            break;
        }
        take_model(sense);
        edge_batch *batch = trib_queue_pop(sense->plan.batches, stop ? 0 : POP_MS);
        if (batch != NULL) {
            take_batch(sense, batch);
        } else if (stop) {
            break;
        }
        trib_ignore(edge_store_flush(sense->store, false)); /* the store has said so */
        edge_telemetry_due(sense->plan.telemetry);
        publish(sense);
    }
    trib_ignore(edge_store_flush(sense->store, true));
    publish(sense);
    return NULL;
}

/* ---- the owner's side ---- */

static void destroy(edge_sense *sense) {
    if (sense != NULL) {
        trib_queue_destroy(sense->judges);
        edge_judge_destroy(sense->judge);
        edge_store_close(sense->store);
        trib_free(sense->block);
        trib_free(sense);
    }
}

static void destroy_scoped(edge_sense **sense) {
    destroy(*sense);
}

trib_status edge_sense_start(const edge_sense_plan *plan, edge_store *store_take,
                             edge_sense **ret_sense) {
    TRIB_SCOPED(destroy_scoped) edge_sense *sense = trib_allocate(1, sizeof *sense);
    if (sense == NULL) {
        edge_store_close(store_take);
        return TRIB_FAIL(TRIB_E_IO, "no memory for the stream");
    }
    sense->plan = *plan;
    sense->federation = *plan->federation;
    sense->plan.federation = &sense->federation;
    sense->store = store_take;
    size_t size = trib_pipeline_bytes(&sense->federation.pipeline);
    sense->block = trib_allocate(size, 1);
    if (sense->block == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a pipeline of %zu bytes", size);
    }
    TRIB_TRY(trib_pipeline_init(&sense->pipeline, &sense->federation.pipeline, sense->block, size));
    TRIB_TRY(trib_queue_create(1, edge_judge_drop, &sense->judges));
    publish(sense);
    int error = pthread_create(&sense->thread, NULL, run, sense);
    if (error != 0) {
        return TRIB_FAIL(TRIB_E_IO, "no thread for the stream: %s", strerror(error));
    }
    *ret_sense = sense;
    sense = NULL;
    return TRIB_SUCCESS;
}

static trib_status offer(edge_sense *sense, trib_model *model_take, edge_detector detector_take,
                         uint64_t release) {
    edge_judge *judge;
    TRIB_TRY(edge_judge_create(sense->plan.federation, model_take, detector_take, release, &judge));
    while (!trib_queue_push(sense->judges, judge)) {
        edge_sense_forget_waiting(sense);
    }
    return TRIB_SUCCESS;
}

trib_status edge_sense_offer_model(edge_sense *sense, trib_model *model_take,
                                   edge_detector detector_take, uint64_t release) {
    return offer(sense, model_take, detector_take, release);
}

void edge_sense_forget_waiting(edge_sense *sense) {
    edge_judge_destroy(trib_queue_pop(sense->judges, 0));
}

trib_status edge_sense_drop_model(edge_sense *sense) {
    return offer(sense, NULL, (edge_detector){0}, 0);
}

edge_sense_counts edge_sense_counted(const edge_sense *sense) {
    const snapshot *seen = &sense->seen;
    return (edge_sense_counts){
        .rows = atomic_load(&seen->rows),
        .passing = atomic_load(&seen->passing),
        .unstored = atomic_load(&seen->unstored),
        .windows = atomic_load(&seen->windows),
        .predictions = atomic_load(&seen->predictions),
        .anomalies = atomic_load(&seen->anomalies),
        .gaps = atomic_load(&seen->gaps),
        .late = atomic_load(&seen->late),
        .sparse = atomic_load(&seen->sparse),
        .time_us = atomic_load(&seen->time_us),
        .release = atomic_load(&seen->release),
        .stored = {.first_row = atomic_load(&seen->first_row),
                   .last_row = atomic_load(&seen->last_row),
                   .rows = atomic_load(&seen->stored_rows),
                   .train_rows = atomic_load(&seen->train_rows),
                   .bytes = atomic_load(&seen->stored_bytes)},
        .halted = atomic_load(&seen->halted),
    };
}

void edge_sense_stop(edge_sense *sense, bool drain) {
    if (sense != NULL) {
        atomic_store(&sense->drain, drain);
        atomic_store(&sense->stop, true);
        (void)pthread_join(sense->thread, NULL);
        destroy(sense);
    }
}
