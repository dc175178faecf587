#include "common/contribution/contribution.h"

#include <string.h>

#include "common/signal/check.h"
#include "common/signal/normalise.h"
#include "common/statistic/hotelling.h"
#include "common/tensor/elementwise.h"
#include "common/update/statistics.h"

struct trib_contributor {
    const trib_federation *federation;
    trib_trainer *trainer;
    float *parameters; /* [parameter_count]: trained, then the difference */
    double *moments;   /* [2 * columns]: mean, m2 */
    uint8_t *packed;
    size_t packed_size;
    uint32_t parameter_count;
    size_t columns;
};

static size_t largest_payload(const trib_federation *federation) {
    size_t update =
        trib_update_packed_size(federation->codec, trib_federation_parameter_count(federation));
    size_t statistics = trib_statistics_packed_size(trib_pipeline_columns(&federation->pipeline));
    return update > statistics ? update : statistics;
}

trib_status trib_contributor_create(const trib_federation *federation, const trib_kernels *kernels,
                                    trib_contributor **ret_contributor) {
    TRIB_SCOPED(trib_contributor_destroy_scoped)
    trib_contributor *contributor = trib_allocate(1, sizeof *contributor);
    if (contributor == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a contributor");
    }
    contributor->federation = federation;
    contributor->parameter_count = trib_federation_parameter_count(federation);
    contributor->columns = trib_pipeline_columns(&federation->pipeline);
    contributor->packed_size = largest_payload(federation);
    contributor->parameters = trib_allocate(contributor->parameter_count, sizeof(float));
    contributor->moments = trib_allocate(2 * contributor->columns, sizeof(double));
    contributor->packed = trib_allocate(contributor->packed_size, 1);
    if (contributor->parameters == NULL || contributor->moments == NULL ||
        contributor->packed == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %u parameters", contributor->parameter_count);
    }
    if (federation->task != TRIB_TASK_HOTELLING_T2) {
        TRIB_TRY(trib_trainer_create(&federation->plan, &federation->training, kernels,
                                     &contributor->trainer));
    }
    *ret_contributor = contributor;
    contributor = NULL;
    return TRIB_SUCCESS;
}

void trib_contributor_destroy(trib_contributor *contributor) {
    if (contributor != NULL) {
        trib_trainer_destroy(contributor->trainer);
        trib_free(contributor->parameters);
        trib_free(contributor->moments);
        trib_free(contributor->packed);
        trib_free(contributor);
    }
}

void trib_contributor_destroy_scoped(trib_contributor **contributor) {
    trib_contributor_destroy(*contributor);
}

trib_trainer *trib_contributor_trainer(trib_contributor *contributor) {
    return contributor->trainer;
}

static uint32_t weight_of(const trib_federation *federation, size_t examples) {
    return examples < federation->rounds.max_weight ? (uint32_t)examples
                                                    : federation->rounds.max_weight;
}

trib_status trib_contribute_statistics(trib_contributor *contributor, const trib_examples *raw,
                                       trib_contribution *ret_contribution) {
    if (raw->count == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "there are no examples yet");
    }
    trib_moments moments;
    trib_moments_init(&moments, contributor->moments, contributor->moments + contributor->columns,
                      contributor->columns);
    trib_moments_add(&moments, raw->inputs, raw->count * (raw->input_count / contributor->columns));
    trib_writer writer = trib_writer_of(contributor->packed, contributor->packed_size);
    TRIB_TRY(trib_statistics_pack(&moments, &writer));
    *ret_contribution =
        (trib_contribution){.payload = trib_written(&writer),
                            .weight = weight_of(contributor->federation, raw->count),
                            .examples = (uint32_t)raw->count};
    return TRIB_SUCCESS;
}

static trib_status pack(trib_contributor *contributor, const trib_contribution_task *task,
                        trib_contribution *contribution) {
    const trib_federation *federation = contributor->federation;
    trib_random random;
    trib_random_init(&random, federation->seed, task->gateway, task->ordinal,
                     TRIB_PURPOSE_QUANTISE);
    trib_writer writer = trib_writer_of(contributor->packed, contributor->packed_size);
    TRIB_TRY(trib_update_pack(federation->codec, contributor->parameters,
                              contributor->parameter_count, contribution->weight,
                              federation->clip_norm, &random, &writer));
    contribution->payload = trib_written(&writer);
    return TRIB_SUCCESS;
}

/* A statistic is sent as it is: the cloud's mean of them is the model. */
static trib_status contribute_moment(trib_contributor *contributor, const trib_model *base,
                                     const trib_examples *examples,
                                     const trib_contribution_task *task,
                                     trib_contribution *ret_contribution) {
    const trib_federation *federation = contributor->federation;
    TRIB_TRY(trib_hotelling_moment(federation, base->spread, examples, contributor->parameters));
    trib_contribution contribution = {.weight = weight_of(federation, examples->count),
                                      .examples = (uint32_t)examples->count,
                                      .steps = 1};
    TRIB_TRY(pack(contributor, task, &contribution));
    *ret_contribution = contribution;
    return TRIB_SUCCESS;
}

trib_status trib_contribute_training(trib_contributor *contributor, const trib_model *base,
                                     const trib_examples *normalised,
                                     const trib_contribution_task *task,
                                     trib_contribution *ret_contribution) {
    const trib_federation *federation = contributor->federation;
    TRIB_ASSERT(base->parameter_count == contributor->parameter_count);
    if (normalised->count == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "there are no examples yet");
    }
    if (contributor->trainer == NULL) {
        return contribute_moment(contributor, base, normalised, task, ret_contribution);
    }
    const trib_train_task training = {.seed = federation->seed,
                                      .gateway = task->gateway,
                                      .round = task->ordinal,
                                      .schedule_round = task->ordinal - 1,
                                      .stop = task->stop};
    trib_train_result result;
    memcpy(contributor->parameters, base->parameters, base->parameter_count * sizeof(float));
    TRIB_TRY(trib_train_local(contributor->trainer, contributor->parameters, normalised, &training,
                              &result));
    trib_subtract(base->parameter_count, base->parameters, contributor->parameters);
    trib_contribution contribution = {.weight = weight_of(federation, normalised->count),
                                      .examples = (uint32_t)normalised->count,
                                      .loss = result.loss,
                                      .steps = result.steps};
    TRIB_TRY(pack(contributor, task, &contribution));
    *ret_contribution = contribution;
    return TRIB_SUCCESS;
}

void trib_contribution_examples_init(const trib_federation *federation, size_t ceiling,
                                     trib_examples *ret_examples) {
    trib_model_plan plan = federation->plan;
    if (federation->task == TRIB_TASK_HOTELLING_T2) {
        plan.output = TRIB_OUTPUT_RECONSTRUCTION; /* no label and no target is kept */
        plan.input_count = trib_federation_input_count(federation);
        plan.output_count = plan.input_count;
    }
    trib_examples_init(ret_examples, &plan, ceiling);
}

void trib_examples_normalise(trib_examples *examples, const trib_model *model) {
    for (size_t i = 0; i < examples->count; i++) {
        trib_pipeline_normalise(&model->meaning.pipeline, model->mean, model->deviation,
                                examples->inputs + i * examples->input_count);
    }
}
