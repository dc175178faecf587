#include "cloud/ctl/scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cloud/ctl/command.h"
#include "common/port/posix/workers.h"

void ctl_scene_deinit(ctl_scene *scene) {
    trib_free(scene->federation);
    trib_dataset_deinit(&scene->data);
    trib_dataset_deinit(&scene->test);
    trib_free(scene->clients);
    trib_free(scene->tests);
}

trib_status ctl_scene_load(const ctl_simulate_request *request, ctl_scene *scene) {
    scene->request = request;
    TRIB_TRY(ctl_load_federation(request->file, &scene->federation));
    if (request->has_seed) {
        scene->federation->seed = request->seed;
    }
    if (request->rounds > 0) {
        scene->federation->rounds.maximum = (uint32_t)request->rounds;
    }
    char said[160];
    scene->kernels = trib_kernels_choose(said, sizeof said);
    if (request->data != NULL) {
        TRIB_TRY(trib_dataset_load(scene->federation, request->data, false, &scene->data));
    }
    if (request->test != NULL) {
        TRIB_TRY(trib_dataset_load(scene->federation, request->test, false, &scene->test));
    }
    scene->clients = trib_allocate(scene->data.count, sizeof *scene->clients);
    scene->tests = trib_allocate(scene->data.count + scene->test.count, sizeof *scene->tests);
    if (scene->clients == NULL || scene->tests == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu clients", scene->data.count);
    }
    ctl_print_notes(scene->federation, &scene->data);
    return TRIB_SUCCESS;
}

static bool is_held_out(const ctl_simulate_request *request, const char *name) {
    for (size_t i = 0; i < request->holdout_count; i++) {
        if (trib_glob_matches(request->holdouts[i], name)) {
            return true;
        }
    }
    return false;
}

/* A name that holds nobody out is a slip of the pen, also beside others that do. */
static trib_status check_holdouts(const ctl_scene *scene) {
    const ctl_simulate_request *request = scene->request;
    for (size_t i = 0; i < request->holdout_count; i++) {
        bool found = false;
        for (size_t j = 0; j < scene->data.count && !found; j++) {
            found = trib_glob_matches(request->holdouts[i], scene->data.clients[j].name);
        }
        if (!found) {
            return TRIB_FAIL(TRIB_E_ARGUMENT,
                             "--holdout '%s': none of the %zu clients is called so; their names go "
                             "from %s to %s",
                             request->holdouts[i], scene->data.count, scene->data.clients[0].name,
                             scene->data.clients[scene->data.count - 1].name);
        }
    }
    return TRIB_SUCCESS;
}

trib_status ctl_scene_divide(ctl_scene *scene, const trib_client_data *fold) {
    const ctl_simulate_request *request = scene->request;
    bool elsewhere = fold != NULL || request->holdout_count > 0 || request->test != NULL;
    bool splits = scene->federation->source.split != TRIB_SPLIT_NONE;
    TRIB_TRY(check_holdouts(scene));
    scene->client_count = scene->test_count = 0;
    for (size_t i = 0; i < scene->data.count; i++) {
        const trib_client_data *client = &scene->data.clients[i];
        bool out = fold != NULL ? client == fold : is_held_out(request, client->name);
        if (!out) {
            scene->clients[scene->client_count++] = client;
        }
        if (out || (!elsewhere && splits)) {
            scene->tests[scene->test_count++] = client;
        }
    }
    for (size_t i = 0; i < scene->test.count; i++) {
        scene->tests[scene->test_count++] = &scene->test.clients[i];
    }
    return scene->client_count > 0 || request->generate > 0
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_ARGUMENT, "all %zu clients are held out: none is left to train",
                           scene->data.count);
}

double ctl_scene_seconds(const ctl_scene *scene) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - scene->started.tv_sec) +
           (double)(now.tv_nsec - scene->started.tv_nsec) * 1e-9;
}

static void print_round(void *context, const trib_simulation_round *round) {
    const ctl_scene *scene = context;
    ctl_metric metrics[CTL_METRICS];
    size_t count =
        round->test.examples > 0 ? ctl_metrics(scene->federation, &round->test, metrics) : 0;
    if (round->ordinal == 1) {
        (void)printf("%6s %8s %9s %11s", "round", "clients", "kB up", "train loss");
        for (size_t i = 0; i < count; i++) {
            (void)printf(" %10s", metrics[i].label);
        }
        (void)printf(" %9s\n", "seconds");
    }
    (void)printf("%6" PRIu32 " %8" PRIu32 " %9.1f %11.4f", round->ordinal, round->clients,
                 (double)round->bytes / 1000, round->loss);
    for (size_t i = 0; i < count; i++) {
        (void)printf(" %10.4f", metrics[i].value);
    }
    (void)printf(" %9.2f\n", ctl_scene_seconds(scene));
    (void)fflush(stdout);
}

/* As many threads as there are processors, since the model does not depend on them. */
static uint32_t threads_of(const ctl_simulate_request *request) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (request->threads > 0) {
        return (uint32_t)request->threads;
    }
    return processors < 1                   ? 1
           : processors < TRIB_MOST_WORKERS ? (uint32_t)processors
                                            : TRIB_MOST_WORKERS;
}

trib_status ctl_scene_simulate(ctl_scene *scene, bool speaks, trib_simulation_result *ret_result) {
    const ctl_simulate_request *request = scene->request;
    const trib_simulation setup = {
        .federation = scene->federation,
        .crypto = trib_crypto_host(),
        .kernels = &scene->kernels,
        .clients = scene->clients,
        .client_count = scene->client_count,
        .tests = scene->tests,
        .test_count = scene->test_count,
        .crowd = {.clients = (uint32_t)request->generate,
                  .samples = request->samples > 0 ? (uint32_t)request->samples : CTL_SAMPLES,
                  .threads = threads_of(request)},
        .test_every_round = !request->each,
        .pooled = request->baselines.pooled,
        .local = request->baselines.local,
        .progress = speaks ? print_round : NULL,
        .context = scene,
    };
    (void)clock_gettime(CLOCK_MONOTONIC, &scene->started);
    return trib_simulate(&setup, ret_result);
}
