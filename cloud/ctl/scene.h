/* Inside `tributary simulate`: what was asked for, the recordings, and one run over them.
 *
 * owns     a scene owns what it has read
 * errors   those of reading recordings and of simulating
 * threads  one
 */
#ifndef CLOUD_CTL_SCENE_H
#define CLOUD_CTL_SCENE_H

#include <time.h>

#include "cloud/ctl/report.h"

enum { CTL_MOST_HOLDOUTS = 64, CTL_SAMPLES = 8 /* of a made-up client */ };

typedef struct ctl_simulate_request {
    const char *file;
    const char *data;
    const char *test;
    const char *model;
    const char *holdouts[CTL_MOST_HOLDOUTS];
    size_t holdout_count;
    bool each;
    bool json;
    ctl_baselines baselines;
    bool has_seed;
    uint64_t seed;
    uint64_t rounds; /* 0: the file's */
    /* Made-up clients instead of data: 0 for none. */
    uint64_t generate;
    uint64_t samples; /* of each; 0: not said */
    uint64_t threads; /* 0: not said */
} ctl_simulate_request;

/* Which clients train and which are tested, for the run at hand. */
typedef struct ctl_scene {
    const ctl_simulate_request *request;
    trib_federation *federation;
    trib_dataset data;
    trib_dataset test;
    trib_kernels kernels;
    const trib_client_data **clients; /* [data.count], owned */
    size_t client_count;
    const trib_client_data **tests; /* [data.count + test.count], owned */
    size_t test_count;
    struct timespec started;
} ctl_scene;

void ctl_scene_deinit(ctl_scene *scene);
TRIB_MUST_CHECK trib_status ctl_scene_load(const ctl_simulate_request *request, ctl_scene *scene);
/* `fold` is the one client to hold out; NULL follows the request. */
TRIB_MUST_CHECK trib_status ctl_scene_divide(ctl_scene *scene, const trib_client_data *fold);
/* speaks: prints each round. */
TRIB_MUST_CHECK trib_status ctl_scene_simulate(ctl_scene *scene, bool speaks,
                                               trib_simulation_result *ret_result);
double ctl_scene_seconds(const ctl_scene *scene);

/* `--holdout each`: a run for each client that can be tested, and the sum of them. */
TRIB_MUST_CHECK trib_status ctl_run_each(ctl_scene *scene);

#endif
