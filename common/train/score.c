#include <math.h>
#include <string.h>

#include "common/nn/loss.h"
#include "common/train/trainer_state.h"

typedef struct score_sums {
    double loss;
    double squares;
    double absolutes;
    size_t right;
} score_sums;

static int32_t most_probable(size_t count, const float *logits) {
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        if (logits[i] > logits[best]) {
            best = i;
        }
    }
    return (int32_t)best;
}

static void score_classes(const trib_examples *examples, size_t at, size_t batch,
                          const float *logits, const trib_score_details *details,
                          score_sums *sums) {
    size_t classes = examples->output_count;
    for (size_t b = 0; b < batch; b++) {
        int32_t label = examples->labels[at + b];
        const float *row = logits + b * classes;
        int32_t prediction = most_probable(classes, row);
        sums->right += prediction == label;
        sums->loss += (double)trib_loss_cross_entropy(1, classes, row, &label, NULL);
        if (details->predictions != NULL) {
            details->predictions[at + b] = prediction;
        }
        if (details->confusion != NULL) {
            details->confusion[(size_t)label * classes + (size_t)prediction]++;
        }
    }
}

static void score_values(const trib_examples *examples, size_t at, size_t batch, const float *y,
                         const trib_score_details *details, score_sums *sums) {
    size_t outputs = examples->output_count;
    const float *targets = examples->targets != NULL ? examples->targets : examples->inputs;
    for (size_t b = 0; b < batch; b++) {
        double squares = 0.0;
        for (size_t i = 0; i < outputs; i++) {
            double difference =
                (double)y[b * outputs + i] - (double)targets[(at + b) * outputs + i];
            squares += difference * difference;
            sums->absolutes += fabs(difference);
        }
        sums->squares += squares;
        if (details->errors != NULL) {
            details->errors[at + b] = (float)(squares / (double)outputs);
        }
    }
}

static trib_score finish(const trib_examples *examples, const score_sums *sums) {
    double count = (double)examples->count;
    if (examples->output == TRIB_OUTPUT_CLASSES) {
        return (trib_score){.count = examples->count,
                            .loss = sums->loss / count,
                            .accuracy = (double)sums->right / count};
    }
    double values = count * (double)examples->output_count;
    return (trib_score){.count = examples->count,
                        .loss = sums->squares / values,
                        .rmse = sqrt(sums->squares / values),
                        .mae = sums->absolutes / values};
}

trib_status trib_train_score(trib_trainer *trainer, const float *parameters,
                             const trib_examples *examples, const trib_score_details *details,
                             trib_score *ret_score) {
    static const trib_score_details nothing = {0};
    TRIB_TRY(trib_trainer_check_examples(trainer, examples));
    if (details == NULL) {
        details = &nothing;
    }
    if (details->confusion != NULL && examples->output == TRIB_OUTPUT_CLASSES) {
        size_t cells = (size_t)examples->output_count * examples->output_count;
        memset(details->confusion, 0, cells * sizeof *details->confusion);
    }
    score_sums sums = {0};
    size_t batch;
    for (size_t at = 0; at < examples->count; at += batch) {
        size_t left = examples->count - at;
        batch = left < trainer->plan.batch_size ? left : trainer->plan.batch_size;
        memcpy(trainer->network.input, examples->inputs + at * examples->input_count,
               batch * examples->input_count * sizeof(float));
        const float *output = trib_network_forward(&trainer->network, parameters, batch, NULL);
        if (examples->output == TRIB_OUTPUT_CLASSES) {
            score_classes(examples, at, batch, output, details, &sums);
        } else {
            score_values(examples, at, batch, output, details, &sums);
        }
    }
    *ret_score = finish(examples, &sums);
    return TRIB_SUCCESS;
}
