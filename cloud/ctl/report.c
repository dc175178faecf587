#include "cloud/ctl/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t ctl_metrics(const trib_federation *federation, const trib_tally *tally,
                   ctl_metric ret_metrics[CTL_METRICS]) {
    if (federation->task == TRIB_TASK_CLASSIFY) {
        ret_metrics[0] = (ctl_metric){"accuracy", trib_tally_accuracy(tally)};
        ret_metrics[1] = (ctl_metric){"loss", trib_tally_loss(tally)};
        return 2;
    }
    if (federation->task == TRIB_TASK_REGRESS || federation->source.anomaly_column[0] == '\0') {
        ret_metrics[0] = (ctl_metric){"rmse", trib_tally_rmse(tally)};
        ret_metrics[1] = (ctl_metric){"mae", trib_tally_mae(tally)};
        return 2;
    }
    ret_metrics[0] = (ctl_metric){"f1", trib_tally_f1(tally)};
    ret_metrics[1] = (ctl_metric){"false_alarm_rate", trib_tally_false_alarm_rate(tally)};
    ret_metrics[2] = (ctl_metric){"miss_rate", trib_tally_miss_rate(tally)};
    return 3;
}

json_t *ctl_tally_json(const trib_federation *federation, const trib_tally *tally) {
    ctl_metric metrics[CTL_METRICS];
    size_t count = ctl_metrics(federation, tally, metrics);
    json_t *map = json_object();
    json_object_set_new(map, "examples", json_integer((json_int_t)tally->examples));
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(map, metrics[i].name, json_real(metrics[i].value));
    }
    return map;
}

json_t *ctl_confusion_json(const trib_federation *federation, const uint32_t *confusion) {
    uint32_t classes = federation->source.class_count;
    json_t *rows = json_array();
    for (uint32_t i = 0; i < classes; i++) {
        json_t *row = json_array();
        for (uint32_t j = 0; j < classes; j++) {
            json_array_append_new(row, json_integer(confusion[i * classes + j]));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

void ctl_print_confusion(const trib_federation *federation, const uint32_t *confusion) {
    uint32_t classes = federation->source.class_count;
    (void)printf("\nconfusion, a row for each label, a column for each prediction\n%-16s", "");
    for (uint32_t j = 0; j < classes; j++) {
        (void)printf(" %8.8s", federation->source.classes[j]);
    }
    for (uint32_t i = 0; i < classes; i++) {
        (void)printf("\n%-16.16s", federation->source.classes[i]);
        for (uint32_t j = 0; j < classes; j++) {
            (void)printf(" %8" PRIu32, confusion[i * classes + j]);
        }
    }
    (void)printf("\n");
}

trib_status ctl_print_json(json_t *value) {
    if (value == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a report");
    }
    int written = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(value);
    (void)printf("\n");
    return written == 0 ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_IO, "standard output cannot be written");
}

static double headline(const trib_federation *federation, const trib_tally *tally) {
    return trib_tally_headline(federation, tally).value;
}

/* Whether a model of one's own is at least as good as the federated one. */
static bool no_worse(const trib_federation *federation, const trib_tally *own,
                     const trib_tally *federated) {
    bool higher = trib_tally_headline(federation, own).higher_is_better;
    double mine = headline(federation, own), theirs = headline(federation, federated);
    return higher ? mine >= theirs : mine <= theirs;
}

/* What a client's own model is to be compared with: the federated model on the same tests. NULL
 * where there is no such thing. */
static const trib_tally *rival_of(const trib_federation *federation,
                                  const trib_simulation_result *result,
                                  const trib_simulation_client *client) {
    if (!client->trained || client->local.examples == 0) {
        return NULL;
    }
    if (federation->source.split == TRIB_SPLIT_NONE) {
        return &result->federated;
    }
    return client->tested ? &client->federated : NULL;
}

static void print_verdict(const trib_federation *federation, const trib_simulation_result *result) {
    const char *name = trib_tally_headline(federation, &result->local).name;
    bool pays = !no_worse(federation, &result->local, &result->federated);
    (void)printf("\n%s: %s %.4f federated, %.4f for clients alone.\n",
                 pays ? "Federation pays here" : "Federation does not pay here", name,
                 headline(federation, &result->federated), headline(federation, &result->local));
    size_t better = 0;
    for (size_t i = 0; i < result->client_count; i++) {
        const trib_simulation_client *client = &result->clients[i];
        const trib_tally *rival = rival_of(federation, result, client);
        if (rival != NULL && no_worse(federation, &client->local, rival)) {
            (void)printf("%s  %s (%.4f alone, %.4f federated)\n",
                         better++ == 0 ? "No worse off alone:\n" : "", client->name,
                         headline(federation, &client->local), headline(federation, rival));
        }
    }
}

static void print_models(const trib_federation *federation, const trib_simulation_result *result,
                         ctl_baselines baselines) {
    ctl_metric federated[CTL_METRICS], pooled[CTL_METRICS], local[CTL_METRICS];
    size_t count = ctl_metrics(federation, &result->federated, federated);
    (void)ctl_metrics(federation, &result->pooled, pooled);
    (void)ctl_metrics(federation, &result->local, local);
    (void)printf("\n%-18s %10s%s%s\n", "on test data", "federated",
                 baselines.pooled ? "     pooled" : "", baselines.local ? "      local" : "");
    for (size_t i = 0; i < count; i++) {
        (void)printf("%-18s %10.4f", federated[i].name, federated[i].value);
        if (baselines.pooled) {
            (void)printf(" %10.4f", pooled[i].value);
        }
        if (baselines.local) {
            (void)printf(" %10.4f", local[i].value);
        }
        (void)printf("\n");
    }
}

static void print_clients(const trib_federation *federation, const trib_simulation_result *result,
                          ctl_baselines baselines) {
    const char *name = trib_tally_headline(federation, &result->federated).name;
    (void)printf("\n%-24s %9s %9s %10s%s\n", "client", "examples", "tests", name,
                 baselines.local ? "      alone" : "");
    for (size_t i = 0; i < result->client_count; i++) {
        const trib_simulation_client *client = &result->clients[i];
        (void)printf("%-24.24s %9zu %9" PRIu64, client->name, client->examples,
                     client->federated.examples);
        if (client->tested) {
            (void)printf(" %10.4f", headline(federation, &client->federated));
        } else {
            (void)printf(" %10s", "");
        }
        if (baselines.local && client->trained && client->local.examples > 0) {
            (void)printf(" %10.4f", headline(federation, &client->local));
        }
        (void)printf("\n");
    }
}

void ctl_print_result(const trib_federation *federation, const trib_simulation_result *result,
                      ctl_baselines baselines) {
    print_clients(federation, result, baselines);
    if (result->federated.examples == 0) {
        (void)printf("\nNothing was tested: give --holdout or --test, or set source.split.\n");
        return;
    }
    print_models(federation, result, baselines);
    if (federation->source.anomaly_column[0] != '\0' && result->federated.judged > 0) {
        trib_tally always = {.judged = result->federated.judged};
        always.alarms_true = result->federated.alarms_true + result->federated.missed;
        always.alarms_false = always.judged - always.alarms_true;
        (void)printf("An alarm on every example would have an f1 of %.4f.\n",
                     trib_tally_f1(&always));
    }
    if (result->confusion != NULL) {
        ctl_print_confusion(federation, result->confusion);
    }
    if (baselines.local) {
        print_verdict(federation, result);
    }
}

static json_t *rounds_json(const trib_federation *federation,
                           const trib_simulation_result *result) {
    json_t *list = json_array();
    for (size_t i = 0; i < result->round_count; i++) {
        const trib_simulation_round *round = &result->rounds[i];
        json_t *map =
            json_pack("{s:I, s:I, s:I, s:I, s:f}", "round", (json_int_t)round->ordinal, "clients",
                      (json_int_t)round->clients, "examples", (json_int_t)round->examples,
                      "update_bytes", (json_int_t)round->bytes, "loss", round->loss);
        if (round->test.examples > 0) {
            json_object_set_new(map, "test", ctl_tally_json(federation, &round->test));
        }
        json_array_append_new(list, map);
    }
    return list;
}

static json_t *clients_json(const trib_federation *federation,
                            const trib_simulation_result *result) {
    json_t *list = json_array();
    for (size_t i = 0; i < result->client_count; i++) {
        const trib_simulation_client *client = &result->clients[i];
        json_t *map = json_pack("{s:s, s:b, s:I}", "name", client->name, "trained",
                                client->trained ? 1 : 0, "examples", (json_int_t)client->examples);
        if (client->tested) {
            json_object_set_new(map, "federated", ctl_tally_json(federation, &client->federated));
        }
        if (client->local.examples > 0) {
            json_object_set_new(map, "local", ctl_tally_json(federation, &client->local));
        }
        json_array_append_new(list, map);
    }
    return list;
}

json_t *ctl_result_json(const trib_federation *federation, const trib_simulation_result *result,
                        ctl_baselines baselines) {
    json_t *map = json_object();
    json_object_set_new(map, "federation", json_string(federation->name));
    json_object_set_new(map, "rounds", rounds_json(federation, result));
    json_object_set_new(map, "clients", clients_json(federation, result));
    if (result->federated.examples > 0) {
        json_object_set_new(map, "federated", ctl_tally_json(federation, &result->federated));
    }
    if (baselines.pooled) {
        json_object_set_new(map, "pooled", ctl_tally_json(federation, &result->pooled));
    }
    if (baselines.local) {
        json_object_set_new(map, "local", ctl_tally_json(federation, &result->local));
        json_object_set_new(
            map, "federation_pays",
            json_boolean(!no_worse(federation, &result->local, &result->federated)));
    }
    if (result->confusion != NULL) {
        json_object_set_new(map, "confusion", ctl_confusion_json(federation, result->confusion));
    }
    return map;
}
