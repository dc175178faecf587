/* tributary simulate: a federation file over a folder of recordings, in this process. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cloud/ctl/command.h"
#include "cloud/ctl/report.h"
#include "common/simulate/dataset.h"
#include "common/simulate/scoring.h"

enum { MOST_HOLDOUTS = 64 };

typedef struct simulate_request {
    const char *file;
    const char *data;
    const char *test;
    const char *model;
    const char *holdouts[MOST_HOLDOUTS];
    size_t holdout_count;
    bool each;
    bool json;
    ctl_baselines baselines;
    const char *seed;
    const char *rounds;
} simulate_request;

/* One run: which clients train and which are tested. */
typedef struct simulate_scene {
    const simulate_request *request;
    trib_federation *federation;
    trib_dataset data;
    trib_dataset test;
    trib_kernels kernels;
    const trib_client_data **clients; /* [data.count], owned */
    size_t client_count;
    const trib_client_data **tests; /* [data.count + test.count], owned */
    size_t test_count;
    struct timespec started;
} simulate_scene;

static void scene_deinit(simulate_scene *scene) {
    trib_free(scene->federation);
    trib_dataset_deinit(&scene->data);
    trib_dataset_deinit(&scene->test);
    trib_free(scene->clients);
    trib_free(scene->tests);
}

static trib_status override(const simulate_request *request, trib_federation *federation) {
    uint64_t value = 0;
    if (request->seed != NULL) {
        if (!ctl_read_number(request->seed, 0, INT64_MAX, &value)) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "--seed: '%s' is not a whole number", request->seed);
        }
        federation->seed = value;
    }
    if (request->rounds != NULL) {
        if (!ctl_read_number(request->rounds, 1, 1 << 20, &value)) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "--rounds: '%s' is not a number of rounds",
                             request->rounds);
        }
        federation->rounds.maximum = (uint32_t)value;
    }
    return TRIB_SUCCESS;
}

static trib_status load(const simulate_request *request, simulate_scene *scene) {
    TRIB_TRY(ctl_load_federation(request->file, &scene->federation));
    TRIB_TRY(override(request, scene->federation));
    char said[160];
    scene->kernels = trib_kernels_choose(said, sizeof said);
    TRIB_TRY(trib_dataset_load(scene->federation, request->data, false, &scene->data));
    if (request->test != NULL) {
        TRIB_TRY(trib_dataset_load(scene->federation, request->test, false, &scene->test));
    }
    scene->clients = trib_allocate(scene->data.count, sizeof *scene->clients);
    scene->tests = trib_allocate(scene->data.count + scene->test.count, sizeof *scene->tests);
    if (scene->clients == NULL || scene->tests == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu clients", scene->data.count);
    }
    return TRIB_SUCCESS;
}

static bool is_held_out(const simulate_request *request, const char *name) {
    for (size_t i = 0; i < request->holdout_count; i++) {
        if (trib_glob_matches(request->holdouts[i], name)) {
            return true;
        }
    }
    return false;
}

/* `fold` is the one client to hold out; NULL follows the request. */
static trib_status divide(simulate_scene *scene, const trib_client_data *fold) {
    const simulate_request *request = scene->request;
    bool holds_out = fold != NULL || request->holdout_count > 0;
    bool splits = scene->federation->source.split != TRIB_SPLIT_NONE;
    scene->client_count = scene->test_count = 0;
    for (size_t i = 0; i < scene->data.count; i++) {
        const trib_client_data *client = &scene->data.clients[i];
        bool out = fold != NULL ? client == fold : is_held_out(request, client->name);
        if (!out) {
            scene->clients[scene->client_count++] = client;
        }
        if (out || (!holds_out && splits)) {
            scene->tests[scene->test_count++] = client;
        }
    }
    for (size_t i = 0; i < scene->test.count; i++) {
        scene->tests[scene->test_count++] = &scene->test.clients[i];
    }
    if (holds_out && scene->client_count == scene->data.count) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "--holdout: none of the %zu clients is called so",
                         scene->data.count);
    }
    return TRIB_SUCCESS;
}

static double seconds_since(struct timespec start) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) * 1e-9;
}

static void print_round(void *context, const trib_simulation_round *round) {
    const simulate_scene *scene = context;
    ctl_metric metrics[CTL_METRICS];
    size_t count =
        round->test.examples > 0 ? ctl_metrics(scene->federation, &round->test, metrics) : 0;
    if (round->ordinal == 1) {
        (void)printf("%6s %8s %9s %10s", "round", "clients", "kB up", "loss");
        for (size_t i = 0; i < count; i++) {
            (void)printf(" %10.10s", metrics[i].name);
        }
        (void)printf(" %9s\n", "seconds");
    }
    (void)printf("%6" PRIu32 " %8" PRIu32 " %9.1f %10.4f", round->ordinal, round->clients,
                 (double)round->bytes / 1000, round->loss);
    for (size_t i = 0; i < count; i++) {
        (void)printf(" %10.4f", metrics[i].value);
    }
    (void)printf(" %9.2f\n", seconds_since(scene->started));
    (void)fflush(stdout);
}

static trib_status simulate(simulate_scene *scene, bool speaks,
                            trib_simulation_result *ret_result) {
    const trib_simulation setup = {
        .federation = scene->federation,
        .crypto = trib_crypto_host(),
        .kernels = &scene->kernels,
        .clients = scene->clients,
        .client_count = scene->client_count,
        .tests = scene->tests,
        .test_count = scene->test_count,
        .test_every_round = !scene->request->each,
        .pooled = scene->request->baselines.pooled,
        .local = scene->request->baselines.local,
        .progress = speaks ? print_round : NULL,
        .context = scene,
    };
    (void)clock_gettime(CLOCK_MONOTONIC, &scene->started);
    return trib_simulate(&setup, ret_result);
}

static trib_status run_once(simulate_scene *scene) {
    const simulate_request *request = scene->request;
    TRIB_SCOPED(trib_simulation_result_deinit) trib_simulation_result result = {0};
    TRIB_TRY(divide(scene, NULL));
    TRIB_TRY(simulate(scene, !request->json, &result));
    if (request->model != NULL) {
        TRIB_SCOPED(trib_buffer_deinit)
        trib_buffer file = {.ceiling = trib_model_file_ceiling(scene->federation)};
        TRIB_TRY(trib_model_write(result.model, &file));
        TRIB_TRY(ctl_write_file(request->model, trib_buffer_view(&file)));
    }
    if (request->json) {
        return ctl_print_json(ctl_result_json(scene->federation, &result, request->baselines));
    }
    ctl_print_result(scene->federation, &result, request->baselines);
    return TRIB_SUCCESS;
}

/* The headline of each fold, by model. */
typedef struct fold_results {
    size_t count;
    double *federated; /* [data.count], as the others */
    double *pooled;
    double *local;
} fold_results;

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static json_t *spread_json(double *values, size_t count) {
    double sum = 0;
    qsort(values, count, sizeof *values, by_value);
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    double median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    return json_pack("{s:f, s:f, s:f, s:f}", "mean", sum / (double)count, "median", median, "least",
                     values[0], "most", values[count - 1]);
}

static void print_spread(const char *name, const json_t *spread) {
    (void)printf("%-10s mean %.4f  median %.4f  least %.4f  most %.4f\n", name,
                 json_number_value(json_object_get(spread, "mean")),
                 json_number_value(json_object_get(spread, "median")),
                 json_number_value(json_object_get(spread, "least")),
                 json_number_value(json_object_get(spread, "most")));
}

static trib_status run_fold(simulate_scene *scene, const trib_client_data *client,
                            fold_results *folds, json_t *list) {
    const simulate_request *request = scene->request;
    TRIB_SCOPED(trib_simulation_result_deinit) trib_simulation_result result = {0};
    TRIB_TRY(divide(scene, client));
    TRIB_TRY(trib_context(simulate(scene, false, &result), "holding out %s", client->name));
    size_t at = folds->count++;
    folds->federated[at] = trib_tally_headline(scene->federation, &result.federated).value;
    folds->pooled[at] = trib_tally_headline(scene->federation, &result.pooled).value;
    folds->local[at] = trib_tally_headline(scene->federation, &result.local).value;
    json_t *map = json_pack("{s:s, s:o}", "client", client->name, "federated",
                            ctl_tally_json(scene->federation, &result.federated));
    if (request->baselines.pooled) {
        json_object_set_new(map, "pooled", ctl_tally_json(scene->federation, &result.pooled));
    }
    if (request->baselines.local) {
        json_object_set_new(map, "local", ctl_tally_json(scene->federation, &result.local));
    }
    json_array_append_new(list, map);
    if (!request->json) {
        (void)printf("%-24.24s %10.4f", client->name, folds->federated[at]);
        if (request->baselines.pooled) {
            (void)printf(" pooled %.4f", folds->pooled[at]);
        }
        if (request->baselines.local) {
            (void)printf(" local %.4f", folds->local[at]);
        }
        (void)printf("  %6.2f s\n", seconds_since(scene->started));
        (void)fflush(stdout);
    }
    return TRIB_SUCCESS;
}

static trib_status finish_folds(const simulate_scene *scene, fold_results *folds, json_t *report) {
    const simulate_request *request = scene->request;
    json_object_set_new(report, "federated", spread_json(folds->federated, folds->count));
    if (request->baselines.pooled) {
        json_object_set_new(report, "pooled", spread_json(folds->pooled, folds->count));
    }
    if (request->baselines.local) {
        json_object_set_new(report, "local", spread_json(folds->local, folds->count));
    }
    if (request->json) {
        return ctl_print_json(json_incref(report));
    }
    (void)printf("\n%s over %zu clients held out one by one\n",
                 json_string_value(json_object_get(report, "metric")), folds->count);
    print_spread("federated", json_object_get(report, "federated"));
    if (request->baselines.pooled) {
        print_spread("pooled", json_object_get(report, "pooled"));
    }
    if (request->baselines.local) {
        print_spread("local", json_object_get(report, "local"));
    }
    return TRIB_SUCCESS;
}

static void release_json(json_t **value) {
    json_decref(*value);
}

static trib_status run_each(simulate_scene *scene) {
    size_t most = scene->data.count;
    TRIB_SCOPED(trib_free_scoped) double *values = trib_allocate(3 * most, sizeof *values);
    TRIB_SCOPED(release_json) json_t *report = json_object();
    json_t *list = json_array();
    if (values == NULL || json_object_set_new(report, "folds", list) != 0) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu folds", most);
    }
    const trib_tally none = {0};
    json_object_set_new(report, "federation", json_string(scene->federation->name));
    json_object_set_new(report, "metric",
                        json_string(trib_tally_headline(scene->federation, &none).name));
    fold_results folds = {0, values, values + most, values + 2 * most};
    for (size_t i = 0; i < most; i++) {
        const trib_client_data *client = &scene->data.clients[i];
        if (trib_scored_part(scene->federation, client)->count > 0) {
            TRIB_TRY(run_fold(scene, client, &folds, list));
        }
    }
    if (folds.count == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "no client has examples to be tested on");
    }
    return finish_folds(scene, &folds, report);
}

static bool read_baselines(const char *text, ctl_baselines *ret_baselines) {
    ctl_baselines baselines = {false, false};
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        bool pooled = size == 6 && strncmp(text, "pooled", 6) == 0;
        bool local = size == 5 && strncmp(text, "local", 5) == 0;
        if (!pooled && !local) {
            return false;
        }
        baselines.pooled |= pooled;
        baselines.local |= local;
        text += size + (text[size] == ',');
    }
    *ret_baselines = baselines;
    return true;
}

static bool take_holdout(simulate_request *request, const char *text) {
    if (strcmp(text, "each") == 0) {
        request->each = true;
        return true;
    }
    if (request->holdout_count == MOST_HOLDOUTS) {
        return false;
    }
    request->holdouts[request->holdout_count++] = text;
    return true;
}

/* False for an option that is wrong. */
static bool take_option(simulate_request *request, int option, const char *text) {
    switch (option) {
    case 'd':
        request->data = text;
        return true;
    case 'o':
        return take_holdout(request, text);
    case 't':
        request->test = text;
        return true;
    case 'b':
        return read_baselines(text, &request->baselines);
    case 's':
        request->seed = text;
        return true;
    case 'r':
        request->rounds = text;
        return true;
    case 'j':
        request->json = true;
        return true;
    case 'm':
        request->model = text;
        return true;
    default:
        return false;
    }
}

static int run(const ctl_command *command, int count, char **words) {
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'}, {"holdout", required_argument, NULL, 'o'},
        {"test", required_argument, NULL, 't'}, {"baseline", required_argument, NULL, 'b'},
        {"seed", required_argument, NULL, 's'}, {"rounds", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},       {"model", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    simulate_request request = {0};
    for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
        if (option == 'h') {
            return ctl_help(command);
        }
        if (!take_option(&request, option, optarg)) {
            return option == '?' ? ctl_misused(command, NULL)
                                 : ctl_misused(command, "'%s' cannot be used there", optarg);
        }
    }
    if (count - optind != 1 || request.data == NULL) {
        return ctl_misused(command, "expected one federation file and --data DIR");
    }
    if (request.each && (request.model != NULL || request.holdout_count > 0)) {
        return ctl_misused(command, "--holdout each goes with neither --model nor others");
    }
    request.file = words[optind];
    TRIB_SCOPED(scene_deinit) simulate_scene scene = {.request = &request};
    trib_status status = load(&request, &scene);
    if (trib_ok(status)) {
        status = request.each ? run_each(&scene) : run_once(&scene);
    }
    return ctl_finish("simulate", status);
}

const ctl_command ctl_simulate = {
    .name = "simulate",
    .summary = "run a federation over a folder of recordings, in this process",
    .help =
        "Usage: tributary simulate FILE --data DIR [OPTION...]\n\n"
        "Runs a federation file over recordings with the code of the deployed programs, and says\n"
        "how the federated model does. Each file of DIR, or each folder in it, is a client.\n\n"
        "  --data DIR         recordings of the clients\n"
        "  --holdout NAME     do not train this client, test on it; a glob; may be repeated\n"
        "  --holdout each     hold out every client in turn\n"
        "  --test DIR         test on the clients of this folder\n"
        "  --baseline LIST    pooled (all data in one place), local (each client alone), or both\n"
        "  --seed N           instead of the file's\n"
        "  --rounds N         instead of the file's\n"
        "  --model OUT        write the final model there\n"
        "  --json             the result as JSON\n\n"
        "Without --holdout and --test, the test part that source.split makes is tested.\n\n"
        "Examples:\n"
        "  tributary simulate plant.yaml --data recordings --baseline pooled,local\n"
        "  tributary simulate plant.yaml --data recordings --holdout 'line-3*' --model "
        "plant.safetensors\n"
        "  tributary simulate people.yaml --data people --holdout each --json\n",
    .run = run,
};
