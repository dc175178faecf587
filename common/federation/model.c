#include "common/federation/sections.h"

#include <stdio.h>
#include <string.h>

#include "common/signal/pipeline.h"

const char *const trib_task_words[] = {"classify", "regress", "reconstruct", "hotelling_t2", NULL};

/* What each kind of layer knows: any other key would be read and forgotten. */
static trib_status check_layer(trib_value item, trib_layer_kind kind) {
    static const char *const not_dense[] = {"filters", "kernel", "stride", "size", "rate", NULL};
    static const char *const not_conv1d[] = {"units", "size", "rate", NULL};
    static const char *const not_max_pool[] = {"units", "filters",       "kernel", "stride",
                                               "rate",  "initial_scale", NULL};
    static const char *const not_dropout[] = {"units", "filters",       "kernel", "stride",
                                              "size",  "initial_scale", NULL};
    static const char *const not_plain[] = {"units", "filters", "kernel",        "stride",
                                            "size",  "rate",    "initial_scale", NULL};
    char beside[48];
    (void)snprintf(beside, sizeof beside, "kind: %s", trib_layer_name(kind));
    switch (kind) {
    case TRIB_LAYER_DENSE:
        return trib_config_none(item, not_dense, beside);
    case TRIB_LAYER_CONV1D:
        return trib_config_none(item, not_conv1d, beside);
    case TRIB_LAYER_MAX_POOL:
        return trib_config_none(item, not_max_pool, beside);
    case TRIB_LAYER_DROPOUT:
        return trib_config_none(item, not_dropout, beside);
    case TRIB_LAYER_RELU:
    case TRIB_LAYER_TANH:
    case TRIB_LAYER_SIGMOID:
    case TRIB_LAYER_FLATTEN:
        break;
    }
    return trib_config_none(item, not_plain, beside);
}

static trib_status read_layer(trib_value item, trib_layer_spec *ret_layer) {
    static const char *const keys[] = {"kind", "units", "filters",       "kernel", "stride",
                                       "size", "rate",  "initial_scale", NULL};
    const char *kinds[TRIB_LAYER_DROPOUT + 1] = {NULL};
    for (int kind = TRIB_LAYER_DENSE; kind <= TRIB_LAYER_DROPOUT; kind++) {
        kinds[kind - 1] = trib_layer_name((trib_layer_kind)kind);
    }
    TRIB_TRY(trib_config_only(item, keys));
    trib_value kind;
    TRIB_TRY(trib_value_need(item, "kind", &kind));
    size_t word = 0;
    TRIB_TRY(trib_value_choice(kind, kinds, &word));
    trib_layer_spec layer = {.kind = (trib_layer_kind)(word + 1), .stride = 1, .initial_scale = 1};
    TRIB_TRY(check_layer(item, layer.kind));
    TRIB_TRY(trib_config_u32(item, "units", 1, 1 << 20, &layer.units));
    TRIB_TRY(trib_config_u32(item, "filters", 1, 1 << 16, &layer.filters));
    TRIB_TRY(trib_config_u32(item, "kernel", 1, TRIB_MAX_WINDOW, &layer.kernel));
    TRIB_TRY(trib_config_u32(item, "stride", 1, TRIB_MAX_WINDOW, &layer.stride));
    TRIB_TRY(trib_config_u32(item, "size", 1, TRIB_MAX_WINDOW, &layer.size));
    TRIB_TRY(trib_config_f32(item, "rate", 0, 0.999, &layer.rate));
    TRIB_TRY(trib_config_f32(item, "initial_scale", 1e-6, 1e3, &layer.initial_scale));
    *ret_layer = layer;
    return TRIB_SUCCESS;
}

/* The task decides the loss, the output and which columns must be there. */
static trib_status check_columns(trib_value map, trib_federation *federation) {
    const trib_source_spec *source = &federation->source;
    if (federation->task == TRIB_TASK_CLASSIFY && source->class_count < 2) {
        return trib_value_refuse(map, "'classify' needs source.label with at least two classes");
    }
    if (federation->task == TRIB_TASK_REGRESS && source->target_count == 0) {
        return trib_value_refuse(map, "'regress' needs source.targets");
    }
    bool rows = federation->pipeline.output == TRIB_EXAMPLE_ROWS;
    if (federation->task == TRIB_TASK_HOTELLING_T2 &&
        (rows || federation->pipeline.frames != 1 || federation->pipeline.normalise ||
         federation->pipeline.features != (TRIB_FEATURE_MEAN | TRIB_FEATURE_LAST))) {
        return trib_value_refuse(map, "'hotelling_t2' needs features [mean, last], one frame and "
                                      "'normalise: false': it scales by itself");
    }
    return TRIB_SUCCESS;
}

static trib_status read_network(trib_value map, trib_federation *federation) {
    trib_model_spec *model = &federation->model;
    const trib_pipeline_spec *pipeline = &federation->pipeline;
    trib_value layers;
    TRIB_TRY(trib_value_need(map, "layers", &layers));
    if (!trib_value_is_list(layers) || trib_value_count(layers) == 0 ||
        trib_value_count(layers) > TRIB_MODEL_MAX_LAYERS) {
        return trib_value_expect(layers, "a list of 1 to 16 layers");
    }
    model->layer_count = (uint32_t)trib_value_count(layers);
    for (uint32_t i = 0; i < model->layer_count; i++) {
        TRIB_TRY(read_layer(trib_value_item(layers, i), &model->layers[i]));
    }
    size_t values = trib_pipeline_example_size(pipeline);
    bool rows = pipeline->output == TRIB_EXAMPLE_ROWS;
    model->input_rows = rows ? pipeline->window_rows + pipeline->context_rows : 1;
    model->input_channels = rows ? pipeline->use_count : (uint32_t)values;
    model->loss =
        federation->task == TRIB_TASK_CLASSIFY ? TRIB_LOSS_CROSS_ENTROPY : TRIB_LOSS_SQUARED;
    model->output = federation->task == TRIB_TASK_CLASSIFY  ? TRIB_OUTPUT_CLASSES
                    : federation->task == TRIB_TASK_REGRESS ? TRIB_OUTPUT_VALUES
                                                            : TRIB_OUTPUT_RECONSTRUCTION;
    if (!trib_ok(trib_model_plan_make(model, &federation->plan))) {
        return trib_value_refuse(layers, "%s", trib_message());
    }
    uint32_t wanted = federation->task == TRIB_TASK_CLASSIFY  ? federation->source.class_count
                      : federation->task == TRIB_TASK_REGRESS ? federation->source.target_count
                                                              : federation->plan.input_count;
    if (federation->plan.output_count != wanted) {
        return trib_value_refuse(layers, "the last layer gives %u values, the task needs %u",
                                 federation->plan.output_count, wanted);
    }
    return TRIB_SUCCESS;
}

static trib_status check_detector(trib_value map, trib_task_kind task) {
    static const char *const of_reconstruct[] = {"quantile", NULL};
    static const char *const of_hotelling[] = {"significance", "scale_floor", NULL};
    char beside[48];
    (void)snprintf(beside, sizeof beside, "task: %s", trib_task_words[task - 1]);
    if (task != TRIB_TASK_RECONSTRUCT) {
        TRIB_TRY(trib_config_none(map, of_reconstruct, beside));
    }
    return task != TRIB_TASK_HOTELLING_T2 ? trib_config_none(map, of_hotelling, beside)
                                          : TRIB_SUCCESS;
}

trib_status trib_read_model(trib_value map, trib_federation *federation) {
    static const char *const keys[] = {"task",         "layers",      "quantile",
                                       "significance", "scale_floor", NULL};
    TRIB_TRY(trib_config_only(map, keys));
    trib_value task;
    TRIB_TRY(trib_value_need(map, "task", &task));
    size_t word = 0;
    TRIB_TRY(trib_value_choice(task, trib_task_words, &word));
    federation->task = (trib_task_kind)(word + 1);
    federation->detector =
        (trib_detector_spec){.quantile = 0.99, .significance = 0.999, .scale_floor = 0.1};
    TRIB_TRY(check_detector(map, federation->task));
    TRIB_TRY(trib_config_number(map, "quantile", 0.5, 1, &federation->detector.quantile));
    TRIB_TRY(trib_config_number(map, "significance", 0.5, 0.9999999,
                                &federation->detector.significance));
    TRIB_TRY(trib_config_number(map, "scale_floor", 1e-9, 10, &federation->detector.scale_floor));
    TRIB_TRY(check_columns(map, federation));
    if (federation->task == TRIB_TASK_HOTELLING_T2) {
        trib_value layers;
        TRIB_TRY(trib_value_find(map, "layers", &layers));
        return trib_value_present(layers) ? trib_value_refuse(layers, "a statistic has no layers")
                                          : TRIB_SUCCESS;
    }
    return read_network(map, federation);
}
