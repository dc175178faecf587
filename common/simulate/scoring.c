#include "common/simulate/scoring.h"

#include <string.h>

#include "common/statistic/hotelling.h"
#include "common/statistic/order.h"

trib_status trib_examples_copy_normalised(const trib_examples *examples, const trib_model *model,
                                          trib_examples *ret_copy) {
    trib_examples copy = *examples;
    copy.capacity = copy.count;
    copy.inputs = NULL;
    copy.labels = NULL;
    copy.targets = NULL;
    size_t values = copy.count * copy.input_count, targets = copy.count * copy.output_count;
    bool ok = true;
    if (copy.count > 0) {
        copy.inputs = trib_allocate(values, sizeof(float));
        ok = copy.inputs != NULL;
    }
    if (ok && examples->labels != NULL && copy.count > 0) {
        copy.labels = trib_allocate(copy.count, sizeof(int32_t));
        ok = copy.labels != NULL;
    }
    if (ok && examples->targets != NULL && copy.count > 0) {
        copy.targets = trib_allocate(targets, sizeof(float));
        ok = copy.targets != NULL;
    }
    if (!ok) {
        trib_examples_deinit(&copy);
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu examples", examples->count);
    }
    if (copy.count > 0) {
        memcpy(copy.inputs, examples->inputs, values * sizeof(float));
    }
    if (copy.labels != NULL) {
        memcpy(copy.labels, examples->labels, copy.count * sizeof(int32_t));
    }
    if (copy.targets != NULL) {
        memcpy(copy.targets, examples->targets, targets * sizeof(float));
    }
    trib_examples_normalise(&copy, model);
    *ret_copy = copy;
    return TRIB_SUCCESS;
}

/* Errors of each example of a part; the caller frees them. */
static trib_status errors_of(const trib_scoring *scoring, const trib_examples *part,
                             float **ret_errors, trib_score *ret_score) {
    TRIB_SCOPED(trib_examples_deinit) trib_examples normalised = {0};
    TRIB_SCOPED(trib_free_scoped) float *errors = trib_allocate(part->count, sizeof *errors);
    if (errors == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu errors", part->count);
    }
    TRIB_TRY(trib_examples_copy_normalised(part, scoring->model, &normalised));
    const trib_score_details details = {.errors = errors};
    TRIB_TRY(trib_train_score(trib_contributor_trainer(scoring->contributor),
                              scoring->model->parameters, &normalised, &details, ret_score));
    *ret_errors = errors;
    errors = NULL;
    return TRIB_SUCCESS;
}

trib_status trib_client_threshold(const trib_scoring *scoring, const trib_client_data *client,
                                  double *ret_threshold) {
    if (client->train.count == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "client %s has no training part to set a threshold from",
                         client->name);
    }
    TRIB_SCOPED(trib_free_scoped) float *errors = NULL;
    trib_score score;
    TRIB_TRY(errors_of(scoring, &client->train, &errors, &score));
    *ret_threshold =
        trib_quantile(errors, client->train.count, scoring->federation->detector.quantile);
    return TRIB_SUCCESS;
}

static void judge(trib_tally *tally, bool alarm, bool anomaly) {
    tally->judged++;
    tally->alarms_true += alarm && anomaly;
    tally->alarms_false += alarm && !anomaly;
    tally->missed += !alarm && anomaly;
}

static trib_status score_network(const trib_scoring *scoring, const trib_examples *part,
                                 trib_tally *tally) {
    const trib_federation *federation = scoring->federation;
    uint32_t classes = federation->task == TRIB_TASK_CLASSIFY ? federation->source.class_count : 0;
    TRIB_SCOPED(trib_free_scoped)
    uint32_t *confusion =
        classes > 0 ? trib_allocate((size_t)classes * classes, sizeof *confusion) : NULL;
    if (classes > 0 && confusion == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a confusion matrix");
    }
    TRIB_SCOPED(trib_examples_deinit) trib_examples normalised = {0};
    TRIB_TRY(trib_examples_copy_normalised(part, scoring->model, &normalised));
    const trib_score_details details = {.predictions = classes > 0 ? scoring->predictions : NULL,
                                        .confusion = confusion};
    trib_score score;
    TRIB_TRY(trib_train_score(trib_contributor_trainer(scoring->contributor),
                              scoring->model->parameters, &normalised, &details, &score));
    double values = (double)part->count * (classes > 0 ? 0.0 : (double)part->output_count);
    *tally = (trib_tally){.examples = part->count,
                          .loss = score.loss * (double)part->count,
                          .values = (uint64_t)values,
                          .squares = score.rmse * score.rmse * values,
                          .absolutes = score.mae * values};
    for (uint32_t i = 0; i < classes * classes; i++) {
        tally->right += i % (classes + 1) == 0 ? confusion[i] : 0;
        if (scoring->confusion != NULL) {
            scoring->confusion[i] += confusion[i];
        }
    }
    return TRIB_SUCCESS;
}

static void note(const trib_scoring *scoring, size_t example, double score, bool alarm) {
    if (scoring->scores != NULL) {
        scoring->scores[example] = (float)score;
    }
    if (scoring->predictions != NULL) {
        scoring->predictions[example] = alarm;
    }
}

/* Truth is known of test parts alone. */
static bool knows_truth(const trib_federation *federation, const trib_client_data *client,
                        const trib_examples *part) {
    return part == &client->test && federation->source.anomaly_column[0] != '\0';
}

static trib_status score_reconstruction(const trib_scoring *scoring, const trib_client_data *client,
                                        const trib_examples *part, trib_tally *tally) {
    TRIB_SCOPED(trib_free_scoped) float *errors = NULL;
    trib_score score;
    double threshold = 0;
    if (part == &client->test && client->train.count > 0) {
        TRIB_TRY(trib_client_threshold(scoring, client, &threshold));
    }
    TRIB_TRY(errors_of(scoring, part, &errors, &score));
    double values = (double)part->count * (double)part->output_count;
    *tally = (trib_tally){.examples = part->count,
                          .loss = score.loss * (double)part->count,
                          .values = (uint64_t)values,
                          .squares = score.rmse * score.rmse * values,
                          .absolutes = score.mae * values};
    for (size_t i = 0; i < part->count; i++) {
        bool alarm = threshold > 0 && (double)errors[i] > threshold;
        tally->watched += threshold > 0;
        tally->alarms += alarm;
        note(scoring, i, (double)errors[i], alarm);
        if (knows_truth(scoring->federation, client, part)) {
            judge(tally, alarm, client->anomalies[i] != 0);
        }
    }
    return TRIB_SUCCESS;
}

static trib_status score_hotelling(const trib_scoring *scoring, const trib_client_data *client,
                                   const trib_examples *part, trib_tally *tally) {
    TRIB_SCOPED(trib_hotelling_destroy_scoped) trib_hotelling *detector = NULL;
    TRIB_TRY(trib_hotelling_create(scoring->model, &client->train, &detector));
    *tally = (trib_tally){.examples = part->count};
    for (size_t i = 0; i < part->count; i++) {
        double score = trib_hotelling_score(detector, part->inputs + i * part->input_count);
        bool alarm = score > trib_hotelling_threshold(detector);
        tally->watched++;
        tally->alarms += alarm;
        note(scoring, i, score, alarm);
        if (knows_truth(scoring->federation, client, part)) {
            judge(tally, alarm, client->anomalies[i] != 0);
        }
    }
    return TRIB_SUCCESS;
}

trib_status trib_score_client(const trib_scoring *scoring, const trib_client_data *client,
                              trib_tally *ret_tally) {
    const trib_examples *part = trib_scored_part(scoring->federation, client);
    if (part->count == 0) {
        return TRIB_FAIL(TRIB_E_STATE,
                         "client %s has no examples to score (%llu rows, %llu windows "
                         "without a label)",
                         client->name, (unsigned long long)client->rows,
                         (unsigned long long)client->unlabelled);
    }
    trib_tally tally = {0};
    switch (scoring->federation->task) {
    case TRIB_TASK_CLASSIFY:
    case TRIB_TASK_REGRESS:
        TRIB_TRY(score_network(scoring, part, &tally));
        break;
    case TRIB_TASK_RECONSTRUCT:
        TRIB_TRY(score_reconstruction(scoring, client, part, &tally));
        break;
    case TRIB_TASK_HOTELLING_T2:
        TRIB_TRY(score_hotelling(scoring, client, part, &tally));
        break;
    }
    *ret_tally = tally;
    return TRIB_SUCCESS;
}

trib_status trib_score_dataset(const trib_scoring *scoring, const trib_dataset *data,
                               trib_tally *ret_clients, trib_tally *ret_sum) {
    trib_tally sum = {0};
    for (size_t i = 0; i < data->count; i++) {
        trib_tally one = {0};
        trib_status status = trib_score_client(scoring, &data->clients[i], &one);
        if (!trib_ok(status) && status.code != TRIB_E_STATE) {
            return status;
        }
        trib_tally_add(&sum, &one);
        if (ret_clients != NULL) {
            ret_clients[i] = one;
        }
    }
    if (sum.examples == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "nothing could be scored: %s", trib_message());
    }
    *ret_sum = sum;
    return TRIB_SUCCESS;
}
