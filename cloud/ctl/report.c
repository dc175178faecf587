#include "cloud/ctl/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static size_t anomaly_metrics(const trib_federation *federation, const trib_tally *tally,
                              ctl_metric *ret_metrics) {
    size_t count = 0;
    if (trib_judges_anomalies(federation)) {
        ret_metrics[0] = (ctl_metric){"f1", "f1", trib_tally_f1(tally), false};
        ret_metrics[1] = (ctl_metric){"false_alarm_rate", "false al.",
                                      trib_tally_false_alarm_rate(tally), false};
        ret_metrics[2] = (ctl_metric){"miss_rate", "missed", trib_tally_miss_rate(tally), false};
        return 3;
    }
    if (federation->task == TRIB_TASK_RECONSTRUCT) {
        ret_metrics[count++] = (ctl_metric){"rmse", "rmse", trib_tally_rmse(tally), false};
        ret_metrics[count++] = (ctl_metric){"mae", "mae", trib_tally_mae(tally), false};
    }
    if (federation->task == TRIB_TASK_HOTELLING_T2 || federation->source.split != TRIB_SPLIT_NONE) {
        ret_metrics[count++] =
            (ctl_metric){"alarm_rate", "alarms", trib_tally_alarm_rate(tally), false};
    }
    return count;
}

size_t ctl_metrics(const trib_federation *federation, const trib_tally *tally,
                   ctl_metric ret_metrics[CTL_METRICS]) {
    switch (federation->task) {
    case TRIB_TASK_CLASSIFY:
        ret_metrics[0] = (ctl_metric){"accuracy", "accuracy", trib_tally_accuracy(tally), false};
        ret_metrics[1] = (ctl_metric){"loss", "test loss", trib_tally_loss(tally), true};
        return 2;
    case TRIB_TASK_REGRESS:
        ret_metrics[0] = (ctl_metric){"rmse", "rmse", trib_tally_rmse(tally), false};
        ret_metrics[1] = (ctl_metric){"mae", "mae", trib_tally_mae(tally), false};
        return 2;
    case TRIB_TASK_RECONSTRUCT:
    case TRIB_TASK_HOTELLING_T2:
        break;
    }
    return anomaly_metrics(federation, tally, ret_metrics);
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

trib_status ctl_print_json(json_t *value) {
    if (value == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a report");
    }
    int written = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(value);
    (void)printf("\n");
    return written == 0 ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_IO, "standard output cannot be written");
}

bool ctl_no_worse(const trib_federation *federation, const trib_tally *own,
                  const trib_tally *federated) {
    trib_headline mine = trib_tally_headline(federation, own);
    double theirs = trib_tally_headline(federation, federated).value;
    return mine.higher_is_better ? mine.value >= theirs : mine.value <= theirs;
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

/* A model's scores, and its confusion matrix where there is one. */
static void put_scores(json_t *map, const char *key, const trib_federation *federation,
                       const trib_tally *tally, const uint32_t *confusion) {
    json_t *scores = ctl_tally_json(federation, tally);
    if (confusion != NULL) {
        json_object_set_new(scores, "confusion", ctl_confusion_json(federation, confusion));
    }
    json_object_set_new(map, key, scores);
}

static json_t *clients_json(const trib_federation *federation,
                            const trib_simulation_result *result) {
    json_t *list = json_array();
    for (size_t i = 0; i < result->client_count; i++) {
        const trib_simulation_client *client = &result->clients[i];
        json_t *map = json_pack("{s:s, s:b, s:I}", "name", client->name, "trained",
                                client->trained ? 1 : 0, "examples", (json_int_t)client->examples);
        if (client->tested) {
            put_scores(map, "federated", federation, &client->federated, client->confusion);
        }
        if (client->pooled.examples > 0) {
            put_scores(map, "pooled", federation, &client->pooled, NULL);
        }
        if (client->local.examples > 0) {
            put_scores(map, "local", federation, &client->local, NULL);
        }
        if (client->local_failed) {
            json_object_set_new(map, "local_diverged", json_true());
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
    trib_headline headline = trib_tally_headline(federation, &result->federated);
    json_object_set_new(map, "metric", json_string(headline.name));
    if (result->federated.examples > 0) {
        put_scores(map, "federated", federation, &result->federated, result->confusion);
    }
    if (baselines.pooled) {
        put_scores(map, "pooled", federation, &result->pooled, result->pooled_confusion);
    }
    if (baselines.local) {
        put_scores(map, "local", federation, &result->local, result->local_confusion);
    }
    if (result->constant.examples > 0) {
        put_scores(map, "constant", federation, &result->constant, NULL);
        json_object_del(json_object_get(map, "constant"), "loss"); /* an answer, no probability */
    }
    if (baselines.local && headline.comparable && result->federated.examples > 0) {
        json_object_set_new(
            map, "federation_pays",
            json_boolean(!ctl_no_worse(federation, &result->local, &result->federated)));
    }
    return map;
}
