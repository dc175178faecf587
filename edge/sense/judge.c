#include "edge/sense/judge.h"

#include <string.h>

#include "common/signal/check.h"
#include "common/signal/normalise.h"

static trib_status check(const trib_federation *federation, const trib_model *model) {
    size_t columns = trib_pipeline_columns(&federation->pipeline);
    size_t inputs = trib_federation_input_count(federation);
    size_t parameters = trib_federation_parameter_count(federation);
    if (model->meaning.task != federation->task) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "the model is for another task than the federation's");
    }
    if (model->column_count != columns || model->parameter_count != parameters ||
        trib_federation_input_count(&model->meaning) != inputs) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "the model has %u columns and %u parameters, the federation %zu and %zu",
                         model->column_count, model->parameter_count, columns, parameters);
    }
    return TRIB_SUCCESS;
}

trib_status edge_judge_prepare(edge_judge *judge) {
    const trib_model_plan *plan = &judge->federation->plan;
    const trib_model *model = judge->model;
    judge->ready = model != NULL;
    if (model == NULL || judge->federation->task == TRIB_TASK_HOTELLING_T2) {
        return TRIB_SUCCESS; /* the detector is all that is needed */
    }
    size_t size = trib_packed_model_room(plan), columns = model->column_count;
    judge->normalisation = trib_allocate(2 * columns, sizeof(float));
    judge->block = trib_allocate(size, 1);
    judge->input = trib_allocate(plan->input_count, sizeof(float));
    judge->output = trib_allocate(plan->output_count, sizeof(float));
    judge->scratch = trib_allocate(trib_model_scratch_count(plan), sizeof(float));
    if (judge->normalisation == NULL || judge->block == NULL || judge->input == NULL ||
        judge->output == NULL || judge->scratch == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a model of %u parameters",
                         plan->parameter_count);
    }
    trib_arena arena;
    trib_arena_init(&arena, judge->block, size);
    TRIB_TRY(trib_packed_model_init(&judge->packed, plan, model->parameters, &arena));
    memcpy(judge->normalisation, model->mean, columns * sizeof(float));
    memcpy(judge->normalisation + columns, model->deviation, columns * sizeof(float));
    trib_model_destroy(judge->model); /* all that is needed of it is copied */
    judge->model = NULL;
    return TRIB_SUCCESS;
}

trib_status edge_judge_create(const trib_federation *federation, trib_model *model_take,
                              edge_detector detector_take, uint64_t release,
                              edge_judge **ret_judge) {
    TRIB_SCOPED(edge_judge_destroy_scoped) edge_judge *judge = trib_allocate(1, sizeof *judge);
    if (judge == NULL) {
        trib_model_destroy(model_take);
        edge_detector_deinit(&detector_take);
        return TRIB_FAIL(TRIB_E_IO, "no memory for a model");
    }
    judge->federation = federation;
    judge->model = model_take;
    judge->detector = detector_take;
    judge->release = release;
    if (model_take != NULL) {
        TRIB_TRY(check(federation, model_take));
    }
    *ret_judge = judge;
    judge = NULL;
    return TRIB_SUCCESS;
}

void edge_judge_destroy(edge_judge *judge) {
    if (judge != NULL) {
        trib_model_destroy(judge->model);
        edge_detector_deinit(&judge->detector);
        trib_free(judge->normalisation);
        trib_free(judge->block);
        trib_free(judge->input);
        trib_free(judge->output);
        trib_free(judge->scratch);
        trib_free(judge);
    }
}

void edge_judge_destroy_scoped(edge_judge **judge) {
    edge_judge_destroy(*judge);
}

void edge_judge_drop(void *judge) {
    edge_judge_destroy(judge);
}

static void infer(edge_judge *judge, const trib_window *window) {
    const trib_pipeline_spec *pipeline = &judge->federation->pipeline;
    const float *mean = judge->normalisation, *deviation = mean + trib_pipeline_columns(pipeline);
    memcpy(judge->input, window->values, window->count * sizeof(float));
    trib_pipeline_normalise(pipeline, mean, deviation, judge->input);
    trib_packed_model_infer(&judge->packed, judge->input, judge->output, judge->scratch);
}

static void classify(const edge_judge *judge, edge_prediction *prediction) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < judge->packed.plan.output_count; i++) {
        if (judge->output[i] > judge->output[best]) {
            best = i;
        }
    }
    prediction->label = (int32_t)best;
    prediction->confidence = judge->output[best];
    memcpy(prediction->label_name, judge->federation->source.classes[best],
           sizeof prediction->label_name);
}

static void regress(const edge_judge *judge, edge_prediction *prediction) {
    prediction->value_count = judge->packed.plan.output_count;
    memcpy(prediction->values, judge->output, prediction->value_count * sizeof(float));
}

/* As trib_train_score's error of an example, whose quantile the threshold is. */
static double reconstruction_error(const edge_judge *judge) {
    double sum = 0;
    uint32_t count = judge->packed.plan.output_count;
    for (uint32_t i = 0; i < count; i++) {
        double difference = (double)judge->output[i] - (double)judge->input[i];
        sum += difference * difference;
    }
    return (double)(float)(sum / count);
}

bool edge_judge_window(edge_judge *judge, const trib_window *window,
                       edge_prediction *ret_prediction) {
    edge_prediction prediction = {
        .time_us = window->end_us, .label = -1, .release = judge->release};
    if (!judge->ready) {
        return false;
    }
    switch (judge->federation->task) {
    case TRIB_TASK_CLASSIFY:
        infer(judge, window);
        classify(judge, &prediction);
        break;
    case TRIB_TASK_REGRESS:
        infer(judge, window);
        regress(judge, &prediction);
        break;
    case TRIB_TASK_RECONSTRUCT:
        infer(judge, window);
        prediction.error = reconstruction_error(judge);
        prediction.threshold = judge->detector.threshold;
        break;
    case TRIB_TASK_HOTELLING_T2:
        if (judge->detector.hotelling == NULL) {
            return false;
        }
        prediction.error = trib_hotelling_score(judge->detector.hotelling, window->values);
        prediction.threshold = trib_hotelling_threshold(judge->detector.hotelling);
        break;
    }
    prediction.anomaly = prediction.threshold > 0 && prediction.error > prediction.threshold;
    *ret_prediction = prediction;
    return true;
}
