/* tributary simulate --holdout each: every client held out in turn. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/ctl/scene.h"
#include "common/simulate/scoring.h"

typedef struct fold {
    const char *client;
    trib_tally federated;
    trib_tally pooled;
    trib_tally local;
} fold;

typedef struct fold_list {
    const trib_federation *federation;
    ctl_baselines baselines;
    fold *folds; /* [count], owned */
    size_t count;
    double *values; /* [count] scratch, owned */
    int name_width;
} fold_list;

static void folds_deinit(fold_list *list) {
    trib_free(list->folds);
    trib_free(list->values);
}

static ctl_contest contest_of(const fold_list *list, const fold *one) {
    return (ctl_contest){&one->federated, list->baselines.pooled ? &one->pooled : NULL,
                         list->baselines.local ? &one->local : NULL};
}

static double headline_of(const fold_list *list, const trib_tally *tally) {
    return trib_tally_headline(list->federation, tally).value;
}

/* ---- one fold ---- */

static void print_fold(const fold_list *list, const fold *one, double seconds) {
    ctl_contest contest = contest_of(list, one);
    if (list->count == 1) {
        char leading[128];
        (void)snprintf(leading, sizeof leading, "%-*s %8s", list->name_width, "held out", "tests");
        ctl_print_groups(list->federation, (int)strlen(leading), leading, &contest);
        (void)printf(" %9s\n", "seconds");
    }
    (void)printf("%-*s %8" PRIu64, list->name_width, one->client, one->federated.examples);
    ctl_print_cells(list->federation, &contest);
    (void)printf(" %9.2f\n", seconds);
    (void)fflush(stdout);
}

static trib_status run_fold(ctl_scene *scene, const trib_client_data *client, fold_list *list) {
    TRIB_SCOPED(trib_simulation_result_deinit) trib_simulation_result result = {0};
    TRIB_TRY(ctl_scene_divide(scene, client));
    TRIB_TRY(
        trib_context(ctl_scene_simulate(scene, false, &result), "holding out %s", client->name));
    fold *one = &list->folds[list->count++];
    *one = (fold){client->name, result.federated, result.pooled, result.local};
    if (!scene->request->json) {
        print_fold(list, one, ctl_scene_seconds(scene));
    }
    return TRIB_SUCCESS;
}

/* ---- all of them ---- */

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

typedef struct spread {
    double mean, median, least, most;
} spread;

/* Of one model's headline; `model` is where it stands in a fold. */
static spread spread_of(const fold_list *list, size_t model) {
    double sum = 0;
    for (size_t i = 0; i < list->count; i++) {
        const char *at = (const char *)&list->folds[i] + model;
        list->values[i] = headline_of(list, (const trib_tally *)(const void *)at);
        sum += list->values[i];
    }
    qsort(list->values, list->count, sizeof *list->values, by_value);
    return (spread){sum / (double)list->count,
                    (list->values[(list->count - 1) / 2] + list->values[list->count / 2]) / 2,
                    list->values[0], list->values[list->count - 1]};
}

static void print_spread(const fold_list *list, const char *name, size_t model) {
    spread s = spread_of(list, model);
    (void)printf("%-10s mean %.4f  median %.4f  least %.4f  most %.4f\n", name, s.mean, s.median,
                 s.least, s.most);
}

static json_t *spread_json(const fold_list *list, size_t model) {
    spread s = spread_of(list, model);
    return json_pack("{s:f, s:f, s:f, s:f}", "mean", s.mean, "median", s.median, "least", s.least,
                     "most", s.most);
}

static fold sum_of(const fold_list *list) {
    fold sum = {.client = ""};
    for (size_t i = 0; i < list->count; i++) {
        trib_tally_add(&sum.federated, &list->folds[i].federated);
        trib_tally_add(&sum.pooled, &list->folds[i].pooled);
        trib_tally_add(&sum.local, &list->folds[i].local);
    }
    return sum;
}

static void print_verdict(const fold_list *list) {
    double federated = spread_of(list, offsetof(fold, federated)).mean;
    double local = spread_of(list, offsetof(fold, local)).mean;
    size_t worse = 0;
    if (!ctl_print_verdict(list->federation, federated, local)) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        const fold *one = &list->folds[i];
        if (ctl_no_worse(list->federation, &one->local, &one->federated)) {
            (void)fputs(worse++ == 0 ? "It does not pay where these were held out:\n" : "", stdout);
            ctl_print_worse(list->federation, one->client, &one->local, &one->federated);
        }
    }
    (void)printf("For %zu of %zu clients held out, the federated model is the better one.\n",
                 list->count - worse, list->count);
}

static void print_all(const fold_list *list, const char *metric) {
    fold sum = sum_of(list);
    ctl_contest contest = contest_of(list, &sum);
    ctl_print_legend(&contest);
    (void)printf("\n%s over %zu clients held out one by one\n", metric, list->count);
    print_spread(list, "federated", offsetof(fold, federated));
    if (list->baselines.pooled) {
        print_spread(list, "pooled", offsetof(fold, pooled));
    }
    if (list->baselines.local) {
        print_spread(list, "alone", offsetof(fold, local));
    }
    ctl_print_contest(list->federation, &contest);
    if (list->baselines.local) {
        print_verdict(list);
    }
}

static void put_models(json_t *map, const fold_list *list, const fold *one) {
    json_object_set_new(map, "federated", ctl_tally_json(list->federation, &one->federated));
    if (list->baselines.pooled) {
        json_object_set_new(map, "pooled", ctl_tally_json(list->federation, &one->pooled));
    }
    if (list->baselines.local) {
        json_object_set_new(map, "local", ctl_tally_json(list->federation, &one->local));
    }
}

static json_t *report_of(const fold_list *list, trib_headline headline, const ctl_scene *scene) {
    json_t *report = json_object(), *folds = json_array(), *all = json_object();
    fold sum = sum_of(list);
    for (size_t i = 0; i < list->count; i++) {
        json_t *map = json_pack("{s:s}", "client", list->folds[i].client);
        put_models(map, list, &list->folds[i]);
        json_array_append_new(folds, map);
    }
    put_models(all, list, &sum);
    json_object_set_new(report, "federation", json_string(list->federation->name));
    json_object_set_new(report, "notes", ctl_notes_json(scene->federation, &scene->data));
    json_object_set_new(report, "metric", json_string(headline.name));
    json_object_set_new(report, "folds", folds);
    json_object_set_new(report, "federated", spread_json(list, offsetof(fold, federated)));
    if (list->baselines.pooled) {
        json_object_set_new(report, "pooled", spread_json(list, offsetof(fold, pooled)));
    }
    if (list->baselines.local) {
        json_object_set_new(report, "local", spread_json(list, offsetof(fold, local)));
    }
    json_object_set_new(report, "all_tests", all);
    if (list->baselines.local && headline.comparable) {
        double ours = spread_of(list, offsetof(fold, federated)).mean;
        double theirs = spread_of(list, offsetof(fold, local)).mean;
        json_object_set_new(
            report, "federation_pays",
            json_boolean(headline.higher_is_better ? ours > theirs : ours < theirs));
    }
    return report;
}

trib_status ctl_run_each(ctl_scene *scene) {
    size_t most = scene->data.count;
    TRIB_SCOPED(folds_deinit)
    fold_list list = {.federation = scene->federation,
                      .baselines = scene->request->baselines,
                      .folds = trib_allocate(most, sizeof *list.folds),
                      .values = trib_allocate(most, sizeof *list.values),
                      .name_width = 12};
    if (list.folds == NULL || list.values == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu folds", most);
    }
    for (size_t i = 0; i < most; i++) {
        int size = (int)strlen(scene->data.clients[i].name);
        list.name_width = size > list.name_width ? size : list.name_width;
    }
    for (size_t i = 0; i < most; i++) {
        const trib_client_data *client = &scene->data.clients[i];
        if (trib_scored_part(scene->federation, client)->count > 0) {
            TRIB_TRY(run_fold(scene, client, &list));
        }
    }
    if (list.count == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "no client has examples to be tested on");
    }
    trib_headline headline = trib_tally_headline(scene->federation, &list.folds[0].federated);
    if (scene->request->json) {
        return ctl_print_json(report_of(&list, headline, scene));
    }
    print_all(&list, headline.name);
    return TRIB_SUCCESS;
}
