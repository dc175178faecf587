/* What one answer for everything gives: a floor under every model. */
#include "common/simulate/run.h"

/* The commonest class of training, the first of equals. */
static int32_t commonest_label(const trib_run *run) {
    uint64_t counts[TRIB_MAX_CLASSES] = {0};
    int32_t best = 0;
    for (size_t i = 0; i < run->member_count; i++) {
        const trib_examples *train = &run->members[i].data->train;
        for (size_t j = 0; j < train->count; j++) {
            counts[train->labels[j]]++;
        }
    }
    for (int32_t i = 1; i < (int32_t)run->federation->source.class_count; i++) {
        best = counts[i] > counts[best] ? i : best;
    }
    return best;
}

static void score_label(const trib_examples *part, int32_t label, trib_tally *tally) {
    tally->examples += part->count;
    for (size_t i = 0; i < part->count; i++) {
        tally->right += part->labels[i] == label;
    }
}

static void mean_targets(const trib_run *run, double ret_means[TRIB_MAX_TARGETS]) {
    double count = 0;
    uint32_t targets = run->federation->source.target_count;
    for (size_t i = 0; i < run->member_count; i++) {
        const trib_examples *train = &run->members[i].data->train;
        for (size_t j = 0; j < train->count * targets; j++) {
            ret_means[j % targets] += (double)train->targets[j];
        }
        count += (double)train->count;
    }
    for (uint32_t i = 0; i < targets; i++) {
        ret_means[i] /= count; /* members have examples */
    }
}

static void score_means(const trib_examples *part, const double *means, trib_tally *tally) {
    tally->examples += part->count;
    tally->values += part->count * part->output_count;
    for (size_t i = 0; i < part->count * part->output_count; i++) {
        double error = (double)part->targets[i] - means[i % part->output_count];
        tally->squares += error * error;
        tally->absolutes += error < 0 ? -error : error;
    }
}

trib_tally trib_run_constant(const trib_run *run) {
    trib_tally tally = {0};
    double means[TRIB_MAX_TARGETS] = {0};
    int32_t label = 0;
    trib_task_kind task = run->federation->task;
    if (task == TRIB_TASK_CLASSIFY) {
        label = commonest_label(run);
    } else if (task == TRIB_TASK_REGRESS) {
        mean_targets(run, means);
    }
    for (size_t i = 0; i < run->setup->test_count; i++) {
        const trib_examples *part = trib_scored_part(run->federation, run->setup->tests[i]);
        if (task == TRIB_TASK_CLASSIFY) {
            score_label(part, label, &tally);
        } else if (task == TRIB_TASK_REGRESS) {
            score_means(part, means, &tally);
        }
    }
    return tally;
}
