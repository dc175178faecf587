#include "edge/train/train.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/port/posix/queue.h"
#include "common/port/posix/system.h"
#include "common/statistic/order.h"
#include "edge/train/recent.h"

enum { LOWER_PRIORITY = 10, POP_MS = 60000 };

/* A job on its way, with room for its result, so that telling of one never fails for memory. */
typedef struct waiting_job {
    edge_train_job job;
    uint64_t stretch; /* between aborts, in which it was offered */
    edge_train_result *result;
} waiting_job;

struct edge_train {
    const trib_federation *federation;
    char gateway[64];
    char *store_folder;
    size_t ceiling; /* examples */
    void (*finished)(void *context, edge_train_result *result_take);
    void *context;
    trib_contributor *contributor; /* the thread's */
    edge_recent recent;            /* the thread's */
    trib_queue *jobs;              /* of waiting_job */
    pthread_t thread;
    atomic_uint_fast64_t stretch; /* rises with each abort */
    atomic_bool stop;             /* the running job's */
    atomic_bool closing;
};

void edge_train_result_destroy(edge_train_result *result) {
    if (result != NULL) {
        trib_free(result->payload);
        trib_model_destroy(result->model);
        edge_detector_deinit(&result->detector);
        trib_free(result);
    }
}

static void drop_job(void *item) {
    waiting_job *waiting = item;
    if (waiting != NULL) {
        trib_model_destroy(waiting->job.base);
        edge_train_result_destroy(waiting->result);
        trib_free(waiting);
    }
}

/* ---- examples ---- */

typedef struct reading {
    edge_train *train;
    edge_example_stream *stream;
} reading;

static trib_status take_row(void *context, const edge_stored_row *row) {
    reading *at = context;
    if (atomic_load_explicit(&at->train->stop, memory_order_relaxed)) {
        return TRIB_FAIL(TRIB_E_RETRY, "stopped while reading stored rows");
    }
    return edge_example_stream_row(at->stream, row);
}

/* Stored rows from one window to the next. */
static double rows_of_example(const edge_train *train) {
    const trib_pipeline_spec *pipeline = &train->federation->pipeline;
    double hop = pipeline->hop_rows;
    return pipeline->resample ? hop * train->federation->source.rate_hz / (double)pipeline->rate_hz
                              : hop;
}

/* Where reading starts, so that no more examples come than memory is there for: the newest count.
 */
static uint64_t first_row_of(const edge_train *train, const edge_train_job *job, uint64_t last) {
    double rows = (double)train->ceiling * rows_of_example(train);
    if ((double)(last - job->first_row) < rows || last < job->first_row) {
        return job->first_row;
    }
    return last - (uint64_t)rows + 1;
}

static trib_status read_examples(edge_train *train, const edge_train_job *job) {
    edge_recent *recent = &train->recent;
    edge_example_stream *stream = &recent->stream;
    TRIB_SCOPED(edge_store_reader_close_scoped) edge_store_reader *reader = NULL;
    edge_store_range range;
    edge_store_read done;
    reading at = {train, stream};
    TRIB_TRY(edge_example_stream_init(stream, train->federation, train->ceiling));
    TRIB_TRY(edge_store_reader_open(train->store_folder, &train->federation->source, &reader));
    TRIB_TRY(edge_store_reader_range(reader, &range));
    uint64_t last = job->last_row < range.last_row ? job->last_row : range.last_row;
    uint64_t first = first_row_of(train, job, last);
    uint64_t rows =
        last >= first && last - first < range.train_rows ? last - first + 1 : range.train_rows;
    TRIB_TRY(trib_examples_reserve(&stream->examples,
                                   (size_t)((double)rows / rows_of_example(train)) + 1));
    TRIB_TRY(edge_store_reader_rows(reader, first, last, take_row, &at, &done));
    TRIB_TRY(edge_example_stream_finish(stream));
    if (stream->examples.count == 0) {
        return TRIB_FAIL(
            TRIB_E_STATE,
            "no training example in rows %llu to %llu (%llu rows, %llu windows without "
            "a label)",
            (unsigned long long)first, (unsigned long long)last, (unsigned long long)done.rows,
            (unsigned long long)stream->unlabelled);
    }
    recent->held = true;
    recent->read_first = done.first_row;
    recent->read_last = done.last_row;
    return TRIB_SUCCESS;
}

/* UINT64_MAX as a last row stands for another one each time. */
static trib_status have_examples(edge_train *train, const edge_train_job *job,
                                 edge_train_result *result) {
    edge_recent *recent = &train->recent;
    if (job->last_row == UINT64_MAX ||
        !edge_recent_holds(recent, job->first_row, job->last_row, job->base)) {
        edge_recent_let_go(recent);
        TRIB_TRY(read_examples(train, job));
    }
    edge_recent_ask(recent, job->first_row, job->last_row, trib_monotonic_ms(trib_posix_clock()));
    result->first_row = recent->read_first;
    result->last_row = recent->read_last;
    result->unlabelled = (uint32_t)recent->stream.unlabelled;
    result->examples = (uint32_t)recent->stream.examples.count;
    return TRIB_SUCCESS;
}

/* ---- jobs ---- */

static trib_status keep(const trib_contribution *contribution, edge_train_result *result) {
    result->payload = trib_allocate(contribution->payload.size, 1);
    if (result->payload == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for an update of %zu bytes",
                         contribution->payload.size);
    }
    memcpy(result->payload, contribution->payload.data, contribution->payload.size);
    result->payload_size = contribution->payload.size;
    result->weight = contribution->weight;
    result->examples = contribution->examples;
    result->loss = contribution->loss;
    result->steps = contribution->steps;
    return TRIB_SUCCESS;
}

static trib_status check_base(const edge_train *train, const edge_train_job *job) {
    const trib_federation *federation = train->federation;
    if (job->kind == EDGE_TRAIN_STATISTICS) {
        return TRIB_SUCCESS;
    }
    if (job->base == NULL) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "a job of training without a model");
    }
    if (job->base->meaning.task != federation->task ||
        job->base->parameter_count != trib_federation_parameter_count(federation) ||
        job->base->column_count != trib_pipeline_columns(&federation->pipeline)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "the model of %u parameters is not the federation's",
                         job->base->parameter_count);
    }
    return TRIB_SUCCESS;
}

static trib_status contribute(edge_train *train, const edge_train_job *job,
                              edge_train_result *result) {
    const trib_examples *examples = &train->recent.stream.examples;
    trib_contribution contribution;
    if (job->kind == EDGE_TRAIN_STATISTICS) {
        TRIB_TRY(trib_contribute_statistics(train->contributor, examples, &contribution));
    } else {
        const trib_contribution_task task = {train->gateway, job->ordinal, &train->stop};
        TRIB_TRY(edge_recent_normalise(&train->recent, job->base));
        TRIB_TRY(trib_contribute_training(train->contributor, job->base, examples, &task,
                                          &contribution));
    }
    return keep(&contribution, result);
}

static trib_status set_threshold(edge_train *train, const trib_model *model,
                                 edge_detector *ret_detector) {
    const trib_examples *examples = &train->recent.stream.examples;
    TRIB_SCOPED(trib_free_scoped) float *errors = trib_allocate(examples->count, sizeof *errors);
    if (errors == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu errors", examples->count);
    }
    trib_score score;
    const trib_score_details details = {.errors = errors};
    TRIB_TRY(edge_recent_normalise(&train->recent, model));
    TRIB_TRY(trib_train_score(trib_contributor_trainer(train->contributor), model->parameters,
                              examples, &details, &score));
    ret_detector->threshold =
        trib_quantile(errors, examples->count, train->federation->detector.quantile);
    return TRIB_SUCCESS;
}

static trib_status detect(edge_train *train, const edge_train_job *job, edge_train_result *result) {
    return train->federation->task == TRIB_TASK_HOTELLING_T2
               ? trib_hotelling_create(job->base, &train->recent.stream.examples,
                                       &result->detector.hotelling)
               : set_threshold(train, job->base, &result->detector);
}

static bool needs_detector(const edge_train *train) {
    return train->federation->task == TRIB_TASK_RECONSTRUCT ||
           train->federation->task == TRIB_TASK_HOTELLING_T2;
}

static trib_status work(edge_train *train, const edge_train_job *job, edge_train_result *result) {
    TRIB_TRY(check_base(train, job));
    if (job->kind == EDGE_TRAIN_DETECTOR && !needs_detector(train)) {
        return TRIB_SUCCESS;
    }
    trib_status status = have_examples(train, job, result);
    if (trib_ok(status)) {
        status = job->kind == EDGE_TRAIN_DETECTOR ? detect(train, job, result)
                                                  : contribute(train, job, result);
    }
    if (!trib_ok(status) || !train->recent.worth_holding) {
        edge_recent_let_go(&train->recent);
    }
    return status;
}

static trib_status run_job(edge_train *train, const waiting_job *waiting,
                           edge_train_result *result) {
    /* In this order: an abort that comes in between is seen by one of the two. */
    atomic_store(&train->stop, false);
    if (waiting->stretch != atomic_load(&train->stretch)) {
        return TRIB_FAIL(TRIB_E_RETRY, "aborted before it began");
    }
    return work(train, &waiting->job, result);
}

static void do_job(edge_train *train, waiting_job *waiting) {
    const trib_clock *clock = trib_posix_clock();
    edge_train_result *result = waiting->result;
    uint64_t before_ms = trib_monotonic_ms(clock);
    edge_train_job *job = &waiting->job;
    result->kind = job->kind;
    result->round = job->round;
    result->ordinal = job->ordinal;
    trib_status status = run_job(train, waiting, result);
    result->code = status.code;
    if (!trib_ok(status)) {
        (void)snprintf(result->message, sizeof result->message, "%s", trib_message());
    }
    result->seconds = (double)(trib_monotonic_ms(clock) - before_ms) / 1000;
    if (job->kind == EDGE_TRAIN_DETECTOR) {
        result->model = job->base;
    } else {
        trib_model_destroy(job->base); /* before the next one comes */
    }
    job->base = NULL;
}

static void *run(void *context) {
    edge_train *train = context;
    /* Linux knows priorities of threads: the stream comes first. Without the right to, as it is. */
    (void)setpriority(PRIO_PROCESS, 0, LOWER_PRIORITY);
    for (;;) {
        waiting_job *waiting = trib_queue_pop(train->jobs, POP_MS);
        if (waiting == NULL) {
            if (atomic_load(&train->closing)) {
                return NULL;
            }
            continue;
        }
        do_job(train, waiting);
        train->finished(train->context, waiting->result);
        waiting->result = NULL; /* theirs now */
        drop_job(waiting);
    }
}

/* ---- the owner's side ---- */

static void destroy(edge_train *train) {
    if (train != NULL) {
        trib_queue_destroy(train->jobs);
        trib_contributor_destroy(train->contributor);
        edge_recent_let_go(&train->recent);
        trib_free(train->store_folder);
        trib_free(train);
    }
}

static void destroy_scoped(edge_train **train) {
    destroy(*train);
}

static size_t ceiling_of(const edge_train_plan *plan) {
    size_t bytes = plan->examples_bytes > 0 ? plan->examples_bytes : EDGE_TRAIN_EXAMPLES_BYTES;
    size_t one = (trib_federation_input_count(plan->federation) + TRIB_MAX_TARGETS) * sizeof(float);
    size_t ceiling = bytes / one;
    return ceiling < 1 ? 1 : ceiling < TRIB_EXAMPLES_CEILING ? ceiling : TRIB_EXAMPLES_CEILING;
}

trib_status edge_train_start(const edge_train_plan *plan, edge_train **ret_train) {
    TRIB_SCOPED(destroy_scoped) edge_train *train = trib_allocate(1, sizeof *train);
    if (train == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the trainer");
    }
    TRIB_ASSERT(strlen(plan->gateway) < sizeof train->gateway);
    train->federation = plan->federation;
    memcpy(train->gateway, plan->gateway, strlen(plan->gateway) + 1);
    train->ceiling = ceiling_of(plan);
    train->finished = plan->finished;
    train->context = plan->context;
    train->store_folder = trib_duplicate_text(plan->store_folder);
    if (train->store_folder == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the trainer");
    }
    TRIB_TRY(trib_contributor_create(plan->federation, plan->kernels, &train->contributor));
    TRIB_TRY(trib_queue_create(EDGE_TRAIN_MAX_JOBS, drop_job, &train->jobs));
    int error = pthread_create(&train->thread, NULL, run, train);
    if (error != 0) {
        return TRIB_FAIL(TRIB_E_IO, "no thread for the trainer: %s", strerror(error));
    }
    *ret_train = train;
    train = NULL;
    return TRIB_SUCCESS;
}

trib_status edge_train_offer(edge_train *train, const edge_train_job *job_take) {
    waiting_job *waiting = trib_allocate(1, sizeof *waiting);
    if (waiting == NULL) {
        trib_model_destroy(job_take->base);
        return TRIB_FAIL(TRIB_E_IO, "no memory for a job");
    }
    waiting->job = *job_take;
    waiting->stretch = atomic_load(&train->stretch);
    waiting->result = trib_allocate(1, sizeof *waiting->result);
    if (waiting->result == NULL) {
        drop_job(waiting);
        return TRIB_FAIL(TRIB_E_IO, "no memory for a job");
    }
    if (!trib_queue_push(train->jobs, waiting)) {
        drop_job(waiting);
        return TRIB_FAIL(TRIB_E_RETRY, "%d jobs of training wait already", EDGE_TRAIN_MAX_JOBS);
    }
    return TRIB_SUCCESS;
}

void edge_train_abort(edge_train *train) {
    (void)atomic_fetch_add(&train->stretch, 1);
    atomic_store(&train->stop, true);
}

void edge_train_stop(edge_train *train) {
    if (train != NULL) {
        atomic_store(&train->closing, true);
        edge_train_abort(train);
        trib_queue_close(train->jobs);
        (void)pthread_join(train->thread, NULL);
        destroy(train);
    }
}
