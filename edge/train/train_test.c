/* From recordings, through source, stream and store, to what a gateway sends: the same bytes as
 * simulation makes straight from the files. */
#include "edge/train/train.h"

#include <math.h>
#include <setjmp.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/crypto/crypto.h"
#include "common/port/posix/queue.h"
#include "common/port/posix/system.h"
#include "common/recording/example_maker.h"
#include "common/statistic/order.h"
#include "edge/sense/sense.h"
#include "edge/source/source.h"
#include "edge/train/recent.h"

enum { FILES = 3 };

static trib_federation federation;
static char folder[64];
static trib_queue *results;
static atomic_int said[32];
static sem_t heard;
static const trib_kernels *kernels(void) {
    static trib_kernels table;
    table = trib_kernels_reference();
    return &table;
}

static void take_event(void *context, const edge_event *event) {
    (void)context;
    (void)atomic_fetch_add(&said[event->kind], 1);
    (void)sem_post(&heard);
}

static void take_result(void *context, edge_train_result *result_take) {
    (void)context;
    if (!trib_queue_push(results, result_take)) {
        edge_train_result_destroy(result_take);
    }
}

static void drop_result(void *result) {
    edge_train_result_destroy(result);
}

#define SOURCE                                                                                     \
    "federation: test\nseed: 11\nsource: {rate_hz: 100, timestamp: {column: t, unit: ms}, "        \
    "channels: [x, y, z], label: {column: label, classes: [low, mid, high]}, targets: [load, "     \
    "wear], split: "
#define PIPELINE                                                                                   \
    "}\npipeline: {fill_rows: 3, hampel: {half_window: 4}, window: {rows: 20, hop: 7, context: "   \
    "10, frames: 3}, features: [mean, std, max], normalise: {clip: 6}}\n"
#define REST                                                                                       \
    "training: {epochs: 3, batch: 8, optimiser: momentum, momentum: 0.9, rate: 0.05}\n"            \
    "rounds: {maximum: 3, quorum: 1, gateways: 1, deadline_s: 10}\n"                               \
    "strategy: {kind: fedavg}\nupdate: {codec: float32, clip_norm: 10}\n"

static const char classify[] =
    SOURCE "{train_fraction: 0.7}" PIPELINE
           "model: {task: classify, layers: [{kind: dense, units: 6}, {kind: relu}, {kind: dense, "
           "units: 3}]}\n" REST;
static const char regress[] = SOURCE
    "{train_rows: 300}" PIPELINE "model: {task: regress, layers: [{kind: dense, units: 2}]}\n" REST;
static const char reconstruct[] =
    SOURCE "{train_rows: 300}" PIPELINE
           "model: {task: reconstruct, layers: [{kind: dense, units: 4}, {kind: relu}, {kind: "
           "dense, units: 27}]}\n" REST;
static const char hotelling[] =
    SOURCE "{train_rows: 200}}\npipeline: {fill_rows: 3, window: {rows: 10, hop: 1}, features: "
           "[mean, last], normalise: false}\nmodel: {task: hotelling_t2, significance: 0.99, "
           "scale_floor: 0.1}\n"
           "rounds: {maximum: 1, quorum: 1, gateways: 1, deadline_s: 10}\n"
           "update: {codec: float32, clip_norm: 1000}\n";

static void learn(const char *document) {
    trib_status status = trib_federation_parse("test", trib_bytes_text(document), &federation);
    if (!trib_ok(status)) {
        fail_msg("federation: %s", trib_message());
    }
}

/* Sensors with gaps, spikes, rows without a label, and a class that changes slowly. */
static void write_recording(int index, unsigned rows) {
    static const char *const words[] = {"low", "mid", "high", "unknown"};
    char path[128];
    trib_random random;
    trib_random_init(&random, 5, "test", (uint64_t)index, TRIB_PURPOSE_TEST);
    (void)snprintf(path, sizeof path, "%s/r%d.csv", folder, index);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    (void)fprintf(file, "t,x,y,z,label,load,wear\n");
    for (unsigned i = 0; i < rows; i++) {
        unsigned kind = (i / 60 + (unsigned)index) % 4;
        double x = (kind + 1) * sin(0.2 * i) + 0.1 * (double)trib_random_normal(&random);
        (void)fprintf(file, "%u,%.6f,", i * 10, i % 97 == 0 ? 50.0 : x);
        if (i % 31 != 0) {
            (void)fprintf(file, "%.6f", cos(0.05 * i));
        }
        (void)fprintf(file, ",%.6f,%s,%.4f,", (double)trib_random_normal(&random), words[kind], x);
        (void)(i % 50 < 25 ? fprintf(file, "%u\n", i) : fprintf(file, "\n"));
    }
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/edge-train-XXXXXX");
    if (mkdtemp(folder) == NULL || sem_init(&heard, 0, 0) != 0 ||
        !trib_ok(trib_queue_create(16, drop_result, &results))) {
        return -1;
    }
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        atomic_store(&said[i], 0);
    }
    for (int i = 0; i < FILES; i++) {
        write_recording(i, 500 + 77 * (unsigned)i);
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    static const char *const names[] = {"samples.db", "samples.db-wal", "samples.db-shm",
                                        "r0.csv",     "r1.csv",         "r2.csv"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    trib_queue_destroy(results);
    (void)sem_destroy(&heard);
    return rmdir(folder);
}

static trib_status skip_rows(void *context, const char *recording, uint64_t rows) {
    return edge_source_skip(context, recording, rows);
}

/* One run of an agent's stream. stop_after: batches until it is stopped, 0: until the source is at
 * its end. */
static void run_stream(int stop_after) {
    trib_queue *batches = NULL;
    edge_store *store = NULL;
    edge_source *source = NULL;
    edge_sense *sense = NULL;
    edge_source_config config = {.kind = EDGE_SOURCE_REPLAY};
    (void)snprintf(config.path, sizeof config.path, "%s", folder);
    const edge_event_sink events = {take_event, NULL};
    const edge_store_options options = {folder, &federation.source, 64 << 20, trib_posix_clock(),
                                        events};
    assert_true(trib_ok(
        trib_queue_create(stop_after > 0 ? (size_t)stop_after : 4, edge_batch_drop, &batches)));
    assert_true(trib_ok(edge_store_open(&options, &store)));
    const edge_source_plan source_plan = {&config, &federation.source, batches, trib_posix_clock(),
                                          events};
    assert_true(trib_ok(edge_source_create(&source_plan, &source)));
    assert_true(trib_ok(edge_store_positions(store, skip_rows, source)));
    atomic_store(&said[EDGE_EVENT_SOURCE_FINISHED], 0);
    if (stop_after > 0) {
        /* the queue fills up while nobody reads; what is in it is then stored */
        assert_true(trib_ok(edge_source_start(source)));
        while (edge_source_counted(source).rows < 256u * (unsigned)stop_after - 255u) {
            (void)sem_trywait(&heard);
        }
        edge_source_destroy(source);
    }
    const edge_sense_plan plan = {&federation, batches, {NULL, NULL}, events, NULL};
    trib_status status = edge_sense_start(&plan, store, &sense);
    assert_true(trib_ok(status));
    if (stop_after == 0) {
        assert_true(trib_ok(edge_source_start(source)));
        while (atomic_load(&said[EDGE_EVENT_SOURCE_FINISHED]) == 0) {
            (void)sem_wait(&heard);
        }
        edge_source_destroy(source);
    }
    edge_sense_stop(sense, true);
    trib_queue_destroy(batches);
}

static edge_train *start_trainer(size_t examples_bytes) {
    edge_train *train = NULL;
    const edge_train_plan plan = {.federation = &federation,
                                  .gateway = "pump-1",
                                  .store_folder = folder,
                                  .kernels = kernels(),
                                  .examples_bytes = examples_bytes,
                                  .finished = take_result};
    trib_status status = edge_train_start(&plan, &train);
    if (!trib_ok(status)) {
        fail_msg("trainer: %s", trib_message());
    }
    return train;
}

static edge_train_result *do_job(edge_train *train, edge_train_job job) {
    if (!trib_ok(edge_train_offer(train, &job))) {
        fail_msg("offer: %s", trib_message());
    }
    edge_train_result *result = trib_queue_pop(results, 60000);
    assert_non_null(result);
    return result;
}

static void load_files(trib_client_data *client) {
    trib_example_maker *maker = NULL;
    char path[128];
    *client = (trib_client_data){0};
    trib_contribution_examples_init(&federation, TRIB_EXAMPLES_CEILING, &client->train);
    trib_contribution_examples_init(&federation, TRIB_EXAMPLES_CEILING, &client->test);
    assert_true(trib_ok(trib_example_maker_create(&federation, false, &maker)));
    for (int i = 0; i < FILES; i++) {
        (void)snprintf(path, sizeof path, "%s/r%d.csv", folder, i);
        trib_status status = trib_example_maker_add(maker, path, client);
        if (!trib_ok(status)) {
            fail_msg("examples: %s", trib_message());
        }
    }
    trib_example_maker_destroy(maker);
}

/* Some base: what it is does not matter, only that both start from it. */
static trib_model *make_base(void) {
    trib_model *base = NULL;
    trib_random random;
    trib_random_init(&random, 3, "", 0, TRIB_PURPOSE_TEST);
    assert_true(trib_ok(trib_model_create(trib_crypto_host(), &federation, &base)));
    for (uint32_t i = 0; i < base->parameter_count; i++) {
        base->parameters[i] = 0.3f * trib_random_normal(&random);
    }
    for (uint32_t i = 0; i < base->column_count; i++) {
        base->mean[i] = 0.1f * (float)i;
        base->deviation[i] = 1.5f;
        base->spread[i] = 1.0f;
    }
    base->round = 1;
    return base;
}

static void check_payload(const edge_train_result *result, const trib_contribution *wanted) {
    if (result->code != TRIB_OK) {
        fail_msg("job: %s", result->message);
    }
    assert_int_equal(result->payload_size, wanted->payload.size);
    assert_memory_equal(result->payload, wanted->payload.data, wanted->payload.size);
    assert_int_equal(result->weight, wanted->weight);
    assert_int_equal(result->examples, wanted->examples);
    assert_int_equal(result->steps, wanted->steps);
    assert_true(result->loss == wanted->loss);
}

/* What the trainer makes of the store against what simulation makes of the files. */
static void compare_payloads(void) {
    trib_client_data client;
    trib_contributor *contributor = NULL;
    trib_contribution wanted;
    trib_model *base = make_base();
    load_files(&client);
    assert_true(client.train.count > 20);
    assert_true(trib_ok(trib_contributor_create(&federation, kernels(), &contributor)));
    edge_train *train = start_trainer(0);

    assert_true(trib_ok(trib_contribute_statistics(contributor, &client.train, &wanted)));
    edge_train_result *result =
        do_job(train, (edge_train_job){.kind = EDGE_TRAIN_STATISTICS, .last_row = UINT64_MAX});
    check_payload(result, &wanted);
    edge_train_result_destroy(result);

    trib_model *copy = NULL;
    assert_true(trib_ok(trib_model_copy(base, &copy)));
    trib_examples_normalise(&client.train, base);
    const trib_contribution_task task = {"pump-1", 2, NULL};
    trib_status status = trib_contribute_training(contributor, base, &client.train, &task, &wanted);
    if (!trib_ok(status)) {
        fail_msg("simulate: %s", trib_message());
    }
    result = do_job(train, (edge_train_job){.kind = EDGE_TRAIN_TRAINING,
                                            .round = 77,
                                            .ordinal = 2,
                                            .last_row = UINT64_MAX,
                                            .base = copy});
    check_payload(result, &wanted);
    assert_int_equal(result->round, 77);
    assert_int_equal(result->first_row, 1);
    edge_train_result_destroy(result);

    edge_train_stop(train);
    trib_contributor_destroy(contributor);
    trib_model_destroy(base);
    trib_client_data_deinit(&client);
}

static void classification_gives_the_bytes_of_simulation(void **state) {
    (void)state;
    learn(classify);
    run_stream(0);
    compare_payloads();
}

static void regression_gives_the_bytes_of_simulation(void **state) {
    (void)state;
    learn(regress);
    run_stream(0);
    compare_payloads();
}

static void reconstruction_gives_the_bytes_of_simulation(void **state) {
    (void)state;
    learn(reconstruct);
    run_stream(0);
    compare_payloads();
}

static void a_statistic_gives_the_bytes_of_simulation(void **state) {
    (void)state;
    learn(hotelling);
    run_stream(0);
    compare_payloads();
}

static void restarts_do_not_change_the_bytes(void **state) {
    (void)state;
    learn(classify);
    run_stream(1); /* in the middle of the first file */
    run_stream(2);
    run_stream(0);
    run_stream(0); /* nothing is left to read */
    compare_payloads();
}

static edge_train_result *train_rows(edge_train *train, uint32_t ordinal, uint64_t last_row,
                                     float mean) {
    trib_model *base = make_base();
    base->mean[0] = mean;
    return do_job(train, (edge_train_job){.kind = EDGE_TRAIN_TRAINING,
                                          .ordinal = ordinal,
                                          .first_row = 1,
                                          .last_row = last_row,
                                          .base = base});
}

static void rows_asked_for_all_the_time_are_read_once(void **state) {
    (void)state;
    char path[128];
    learn(classify);
    run_stream(0);
    edge_train *fresh = start_trainer(0), *train = start_trainer(0), *other = start_trainer(0);
    edge_train_result *wanted = train_rows(fresh, 2, 900, 0.5f);
    uint64_t since_ms = UINT64_MAX;
    bool held = false;
    while (!held) { /* the last time they are read */
        held = since_ms != UINT64_MAX &&
               trib_monotonic_ms(trib_posix_clock()) - since_ms >= EDGE_RECENT_AFTER_MS;
        edge_train_result_destroy(train_rows(train, 1, 900, 0.5f));
        edge_train_result_destroy(train_rows(other, 1, 900, 0.5f));
        since_ms = since_ms == UINT64_MAX ? trib_monotonic_ms(trib_posix_clock()) : since_ms;
    }
    edge_train_stop(fresh);
    (void)snprintf(path, sizeof path, "%s/samples.db", folder);
    assert_int_equal(unlink(path), 0); /* whoever reads rows from here on fails */

    edge_train_result *result = train_rows(train, 2, 900, 0.5f);
    assert_int_equal(result->code, TRIB_OK);
    assert_int_equal(result->payload_size, wanted->payload_size);
    assert_memory_equal(result->payload, wanted->payload, wanted->payload_size);
    assert_int_equal(result->first_row, 1);
    assert_int_equal(result->last_row, 900);
    assert_int_equal(result->examples, wanted->examples);
    edge_train_result_destroy(result);
    edge_train_result_destroy(wanted);

    result = train_rows(train, 3, 900, 0.25f); /* another normalisation: read anew */
    assert_int_not_equal(result->code, TRIB_OK);
    edge_train_result_destroy(result);
    result = train_rows(other, 3, 901, 0.5f); /* another range */
    assert_int_not_equal(result->code, TRIB_OK);
    edge_train_result_destroy(result);
    edge_train_stop(train);
    edge_train_stop(other);
}

static void a_threshold_comes_from_training_errors(void **state) {
    (void)state;
    learn(reconstruct);
    run_stream(0);
    trib_client_data client;
    trib_contributor *contributor = NULL;
    trib_model *model = make_base();
    load_files(&client);
    trib_examples_normalise(&client.train, model);
    assert_true(trib_ok(trib_contributor_create(&federation, kernels(), &contributor)));
    float *errors = trib_allocate(client.train.count, sizeof *errors);
    const trib_score_details details = {.errors = errors};
    trib_score score;
    assert_true(trib_ok(trib_train_score(trib_contributor_trainer(contributor), model->parameters,
                                         &client.train, &details, &score)));
    double wanted = trib_quantile(errors, client.train.count, federation.detector.quantile);
    edge_train *train = start_trainer(0);
    edge_train_result *result = do_job(
        train, (edge_train_job){
                   .kind = EDGE_TRAIN_DETECTOR, .round = 9, .last_row = UINT64_MAX, .base = model});
    assert_int_equal(result->code, TRIB_OK);
    assert_true(wanted > 0 && result->detector.threshold == wanted);
    assert_ptr_equal(result->model, model);
    assert_int_equal(result->round, 9);
    edge_train_result_destroy(result);
    edge_train_stop(train);
    trib_free(errors);
    trib_contributor_destroy(contributor);
    trib_client_data_deinit(&client);
}

static void a_centre_comes_from_training_rows(void **state) {
    (void)state;
    learn(hotelling);
    run_stream(0);
    trib_client_data client;
    trib_hotelling *wanted = NULL;
    trib_model *model = make_base();
    uint32_t at = 0;
    for (uint32_t a = 0; a < 3; a++) { /* a moment: the unit matrix */
        for (uint32_t b = a; b < 3; b++) {
            model->parameters[at++] = a == b ? 1.0f : 0.0f;
        }
    }
    load_files(&client);
    assert_true(trib_ok(trib_hotelling_create(model, &client.train, &wanted)));
    edge_train *train = start_trainer(0);
    edge_train_result *result = do_job(
        train,
        (edge_train_job){.kind = EDGE_TRAIN_DETECTOR, .last_row = UINT64_MAX, .base = model});
    assert_int_equal(result->code, TRIB_OK);
    assert_non_null(result->detector.hotelling);
    for (size_t i = 0; i < client.test.count; i += 7) {
        const float *example = client.test.inputs + i * client.test.input_count;
        assert_true(trib_hotelling_score(result->detector.hotelling, example) ==
                    trib_hotelling_score(wanted, example));
    }
    edge_train_result_destroy(result);
    edge_train_stop(train);
    trib_hotelling_destroy(wanted);
    trib_client_data_deinit(&client);
}

static void without_rows_a_job_says_so(void **state) {
    (void)state;
    learn(classify);
    run_stream(0);
    edge_train *train = start_trainer(0);
    edge_train_result *result = do_job(
        train, (edge_train_job){.kind = EDGE_TRAIN_STATISTICS, .first_row = 1, .last_row = 5});
    assert_int_equal(result->code, TRIB_E_STATE);
    assert_non_null(strstr(result->message, "rows 1 to 5"));
    assert_null(result->payload);
    edge_train_result_destroy(result);
    result = do_job(train, (edge_train_job){.kind = EDGE_TRAIN_TRAINING, .last_row = UINT64_MAX});
    assert_int_equal(result->code, TRIB_E_ARGUMENT);
    edge_train_result_destroy(result);
    edge_train_stop(train);
}

static void a_range_repeats_exactly(void **state) {
    (void)state;
    learn(classify);
    run_stream(0);
    edge_train *train = start_trainer(0);
    const edge_train_job job = {.kind = EDGE_TRAIN_STATISTICS, .first_row = 101, .last_row = 700};
    edge_train_result *first = do_job(train, job), *second = do_job(train, job);
    assert_int_equal(first->code, TRIB_OK);
    assert_int_equal(first->first_row, 101);
    assert_int_equal(first->last_row, 700);
    assert_int_equal(first->payload_size, second->payload_size);
    assert_memory_equal(first->payload, second->payload, first->payload_size);
    edge_train_result_destroy(first);
    edge_train_result_destroy(second);
    edge_train_stop(train);
}

static void a_ceiling_keeps_the_newest_rows(void **state) {
    (void)state;
    learn(reconstruct);
    federation.source.split = TRIB_SPLIT_NONE;
    run_stream(0);
    size_t one = (27 + TRIB_MAX_TARGETS) * sizeof(float);
    edge_train *train = start_trainer(10 * one);
    edge_train_result *result =
        do_job(train, (edge_train_job){.kind = EDGE_TRAIN_STATISTICS, .last_row = UINT64_MAX});
    assert_int_equal(result->code, TRIB_OK);
    assert_true(result->examples > 0 && result->examples <= 10);
    assert_int_equal(result->last_row - result->first_row + 1, 70); /* ten hops */
    assert_int_equal(result->last_row, 500 + 577 + 654);
    edge_train_result_destroy(result);
    edge_train_stop(train);
}

static void an_abort_ends_what_was_offered_before_and_nothing_after(void **state) {
    (void)state;
    learn(classify);
    federation.training.epochs = TRIB_TRAIN_MAX_EPOCHS; /* minutes, were it not stopped */
    run_stream(0);
    edge_train *train = start_trainer(0);
    for (int i = 0; i < 2; i++) {
        edge_train_job job = {
            .kind = EDGE_TRAIN_TRAINING, .ordinal = 1, .last_row = UINT64_MAX, .base = make_base()};
        assert_true(trib_ok(edge_train_offer(train, &job)));
    }
    edge_train_abort(train);
    for (int i = 0; i < 2; i++) {
        edge_train_result *result = trib_queue_pop(results, 60000);
        assert_non_null(result);
        assert_int_equal(result->code, TRIB_E_RETRY);
        edge_train_result_destroy(result);
    }
    edge_train_result *after =
        do_job(train, (edge_train_job){.kind = EDGE_TRAIN_STATISTICS, .last_row = UINT64_MAX});
    assert_int_equal(after->code, TRIB_OK);
    edge_train_result_destroy(after);
    edge_train_stop(train);
}

static void stopping_gives_a_result_for_every_job(void **state) {
    (void)state;
    learn(classify);
    federation.training.epochs = TRIB_TRAIN_MAX_EPOCHS;
    run_stream(0);
    edge_train *train = start_trainer(0);
    int offered = 0;
    for (int i = 0; i < EDGE_TRAIN_MAX_JOBS + 3; i++) {
        edge_train_job job = {
            .kind = EDGE_TRAIN_TRAINING, .ordinal = 1, .last_row = UINT64_MAX, .base = make_base()};
        trib_status status = edge_train_offer(train, &job);
        assert_true(trib_ok(status) || status.code == TRIB_E_RETRY);
        offered += trib_ok(status);
    }
    assert_true(offered >= EDGE_TRAIN_MAX_JOBS && offered <= EDGE_TRAIN_MAX_JOBS + 1);
    edge_train_stop(train);
    for (; offered > 0; offered--) {
        edge_train_result *result = trib_queue_pop(results, 0);
        assert_non_null(result);
        assert_int_equal(result->code, TRIB_E_RETRY);
        edge_train_result_destroy(result);
    }
    edge_train_stop(NULL);
    edge_train_result_destroy(NULL);
}

/* Two streams of predictions, one beside training and one without, are the same; and the rows that
 * are stored are all there. */
static atomic_uint predicted;

static void count_prediction(void *context, const edge_prediction *prediction) {
    (void)context;
    (void)prediction;
    (void)atomic_fetch_add(&predicted, 1);
}

static void training_beside_the_stream_changes_nothing(void **state) {
    (void)state;
    learn(classify);
    federation.training.epochs = 50;
    run_stream(1); /* something to train on */
    trib_queue *batches = NULL;
    edge_store *store = NULL;
    edge_source *source = NULL;
    edge_sense *sense = NULL;
    edge_source_config config = {.kind = EDGE_SOURCE_REPLAY};
    (void)snprintf(config.path, sizeof config.path, "%s", folder);
    const edge_event_sink events = {take_event, NULL};
    const edge_store_options options = {folder, &federation.source, 64 << 20, trib_posix_clock(),
                                        events};
    assert_true(trib_ok(trib_queue_create(4, edge_batch_drop, &batches)));
    assert_true(trib_ok(edge_store_open(&options, &store)));
    const edge_source_plan source_plan = {&config, &federation.source, batches, trib_posix_clock(),
                                          events};
    assert_true(trib_ok(edge_source_create(&source_plan, &source)));
    assert_true(trib_ok(edge_store_positions(store, skip_rows, source)));
    const edge_sense_plan plan = {&federation, batches, {count_prediction, NULL}, events, NULL};
    assert_true(trib_ok(edge_sense_start(&plan, store, &sense)));
    edge_train *train = start_trainer(0);
    assert_true(trib_ok(edge_source_start(source)));
    for (int i = 0; i < 6; i++) {
        edge_train_result *result = do_job(train, (edge_train_job){.kind = EDGE_TRAIN_TRAINING,
                                                                   .ordinal = 1,
                                                                   .last_row = UINT64_MAX,
                                                                   .base = make_base()});
        assert_int_equal(result->code, TRIB_OK);
        edge_train_result_destroy(result);
        trib_status status = edge_sense_offer_model(sense, make_base(), (edge_detector){0}, 5);
        assert_true(trib_ok(status) || status.code == TRIB_E_RETRY);
    }
    while (atomic_load(&said[EDGE_EVENT_SOURCE_FINISHED]) == 0) {
        (void)sem_wait(&heard);
    }
    edge_train_stop(train);
    edge_source_destroy(source);
    edge_sense_stop(sense, true);
    trib_queue_destroy(batches);
    federation.training.epochs = 3;
    compare_payloads();
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(classification_gives_the_bytes_of_simulation),
        FRESH(regression_gives_the_bytes_of_simulation),
        FRESH(reconstruction_gives_the_bytes_of_simulation),
        FRESH(a_statistic_gives_the_bytes_of_simulation),
        FRESH(restarts_do_not_change_the_bytes),
        FRESH(rows_asked_for_all_the_time_are_read_once),
        FRESH(a_threshold_comes_from_training_errors),
        FRESH(a_centre_comes_from_training_rows),
        FRESH(without_rows_a_job_says_so),
        FRESH(a_range_repeats_exactly),
        FRESH(a_ceiling_keeps_the_newest_rows),
        FRESH(an_abort_ends_what_was_offered_before_and_nothing_after),
        FRESH(stopping_gives_a_result_for_every_job),
        FRESH(training_beside_the_stream_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
