#include "common/nn/model_plan.h"

const char *trib_layer_name(trib_layer_kind kind) {
    switch (kind) {
    case TRIB_LAYER_DENSE:
        return "dense";
    case TRIB_LAYER_CONV1D:
        return "conv1d";
    case TRIB_LAYER_MAX_POOL:
        return "max_pool";
    case TRIB_LAYER_RELU:
        return "relu";
    case TRIB_LAYER_TANH:
        return "tanh";
    case TRIB_LAYER_SIGMOID:
        return "sigmoid";
    case TRIB_LAYER_FLATTEN:
        return "flatten";
    case TRIB_LAYER_DROPOUT:
        return "dropout";
    }
    return "unknown";
}

static trib_status plan_dense(trib_layer_plan *layer, unsigned number) {
    if (layer->rows_in != 1) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "layer %u (dense) gets %u rows: put a flatten layer before it", number,
                         (unsigned)layer->rows_in);
    }
    if (layer->spec.units == 0) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "layer %u (dense) needs units of at least 1", number);
    }
    layer->channels_out = layer->spec.units;
    layer->fan_in = layer->channels_in;
    return TRIB_SUCCESS;
}

static trib_status plan_conv1d(trib_layer_plan *layer, unsigned number) {
    trib_layer_spec *spec = &layer->spec;
    if (spec->filters == 0 || spec->kernel == 0 || spec->kernel > layer->rows_in) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "layer %u (conv1d) has %u filters of %u rows over %u rows: it needs 1 or "
                         "more filters, not longer than its input",
                         number, (unsigned)spec->filters, (unsigned)spec->kernel,
                         (unsigned)layer->rows_in);
    }
    if (spec->stride == 0) {
        spec->stride = 1;
    }
    layer->rows_out = (layer->rows_in - spec->kernel) / spec->stride + 1;
    layer->channels_out = spec->filters;
    layer->fan_in = spec->kernel * layer->channels_in; /* at most the input's size: no overflow */
    if ((uint64_t)layer->rows_out * layer->fan_in > TRIB_MODEL_MAX_PATCHES) {
        return TRIB_FAIL(TRIB_E_LIMIT,
                         "layer %u (conv1d) has %u windows of %u values, %d in all are possible: "
                         "use a larger stride",
                         number, (unsigned)layer->rows_out, (unsigned)layer->fan_in,
                         TRIB_MODEL_MAX_PATCHES);
    }
    return TRIB_SUCCESS;
}

static trib_status plan_shape(trib_layer_plan *layer, unsigned number) {
    switch (layer->spec.kind) {
    case TRIB_LAYER_DENSE:
        return plan_dense(layer, number);
    case TRIB_LAYER_CONV1D:
        return plan_conv1d(layer, number);
    case TRIB_LAYER_MAX_POOL:
        if (layer->spec.size == 0 || layer->spec.size > layer->rows_in) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "layer %u (max_pool) has size %u: 1 to %u rows fit",
                             number, (unsigned)layer->spec.size, (unsigned)layer->rows_in);
        }
        layer->rows_out = layer->rows_in / layer->spec.size;
        return TRIB_SUCCESS;
    case TRIB_LAYER_FLATTEN:
        layer->channels_out = layer->rows_in * layer->channels_in;
        layer->rows_out = 1;
        return TRIB_SUCCESS;
    case TRIB_LAYER_DROPOUT:
        if (!(layer->spec.rate >= 0.0f && layer->spec.rate < 1.0f)) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "layer %u (dropout) has rate %g: it needs [0, 1)",
                             number, (double)layer->spec.rate);
        }
        return TRIB_SUCCESS;
    case TRIB_LAYER_RELU:
    case TRIB_LAYER_TANH:
    case TRIB_LAYER_SIGMOID:
        return TRIB_SUCCESS;
    }
    return TRIB_FAIL(TRIB_E_ARGUMENT, "layer %u has the unknown kind %d", number,
                     (int)layer->spec.kind);
}

static trib_status check_scale(trib_layer_plan *layer, unsigned number) {
    float scale = layer->spec.initial_scale;
    if (!(scale >= 0.0f && scale <= 1e6f)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "layer %u has initial_scale %g: it needs (0, 1e6]",
                         number, (double)scale);
    }
    if (scale == 0.0f) {
        layer->spec.initial_scale = 1.0f;
    }
    return TRIB_SUCCESS;
}

static trib_status plan_layer(trib_model_plan *plan, uint32_t index) {
    unsigned number = (unsigned)index + 1; /* people count layers from 1 */
    trib_layer_plan *layer = &plan->layers[index];
    layer->rows_out = layer->rows_in;
    layer->channels_out = layer->channels_in;
    TRIB_TRY(plan_shape(layer, number));
    TRIB_TRY(check_scale(layer, number));
    uint64_t values = (uint64_t)layer->rows_out * layer->channels_out;
    if (values > TRIB_MODEL_MAX_VALUES) {
        return TRIB_FAIL(TRIB_E_LIMIT, "layer %u (%s) gives more than %d values", number,
                         trib_layer_name(layer->spec.kind), TRIB_MODEL_MAX_VALUES);
    }
    if (values > plan->largest_count) {
        plan->largest_count = (uint32_t)values;
    }
    layer->parameters_offset = plan->parameter_count;
    layer->bias_offset = plan->parameter_count;
    if (layer->fan_in > 0) {
        uint64_t weights = (uint64_t)layer->fan_in * layer->channels_out;
        uint64_t total = plan->parameter_count + weights + layer->channels_out;
        if (total > TRIB_MODEL_MAX_PARAMETERS) {
            return TRIB_FAIL(TRIB_E_LIMIT, "with layer %u (%s) the model passes %d parameters",
                             number, trib_layer_name(layer->spec.kind), TRIB_MODEL_MAX_PARAMETERS);
        }
        layer->bias_offset = (uint32_t)(plan->parameter_count + weights);
        plan->parameter_count = (uint32_t)total;
        plan->last_trained = index;
    }
    return TRIB_SUCCESS;
}

static trib_status check_output(const trib_model_plan *plan) {
    bool classes = plan->output == TRIB_OUTPUT_CLASSES;
    if (!classes && plan->output != TRIB_OUTPUT_VALUES &&
        plan->output != TRIB_OUTPUT_RECONSTRUCTION) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "unknown output meaning %d", (int)plan->output);
    }
    if (plan->loss != (classes ? TRIB_LOSS_CROSS_ENTROPY : TRIB_LOSS_SQUARED)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "classes train with cross-entropy, values and reconstructions with "
                         "squared loss");
    }
    if (classes && plan->output_count < 2) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%u class: a classifier needs 2 or more outputs",
                         (unsigned)plan->output_count);
    }
    if (plan->output == TRIB_OUTPUT_RECONSTRUCTION && plan->output_count != plan->input_count) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "a reconstruction of %u values ends with %u",
                         (unsigned)plan->input_count, (unsigned)plan->output_count);
    }
    return TRIB_SUCCESS;
}

trib_status trib_model_plan_make(const trib_model_spec *spec, trib_model_plan *ret_plan) {
    if (spec->layer_count == 0 || spec->layer_count > TRIB_MODEL_MAX_LAYERS) {
        return TRIB_FAIL(TRIB_E_LIMIT, "%u layers: 1 to %d are possible",
                         (unsigned)spec->layer_count, TRIB_MODEL_MAX_LAYERS);
    }
    uint64_t inputs = (uint64_t)spec->input_rows * spec->input_channels;
    if (inputs == 0 || inputs > TRIB_MODEL_MAX_VALUES) {
        return TRIB_FAIL(TRIB_E_LIMIT, "an input of %u x %u: 1 to %d values are possible",
                         (unsigned)spec->input_rows, (unsigned)spec->input_channels,
                         TRIB_MODEL_MAX_VALUES);
    }
    trib_model_plan plan = {.loss = spec->loss,
                            .output = spec->output,
                            .layer_count = spec->layer_count,
                            .input_count = (uint32_t)inputs,
                            .largest_count = (uint32_t)inputs};
    uint32_t rows = spec->input_rows;
    uint32_t channels = spec->input_channels;
    for (uint32_t i = 0; i < spec->layer_count; i++) {
        plan.layers[i] =
            (trib_layer_plan){.spec = spec->layers[i], .rows_in = rows, .channels_in = channels};
        TRIB_TRY(plan_layer(&plan, i));
        rows = plan.layers[i].rows_out;
        channels = plan.layers[i].channels_out;
    }
    if (plan.parameter_count == 0) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "no dense or conv1d layer: there is nothing to train");
    }
    plan.output_count = rows * channels;
    TRIB_TRY(check_output(&plan));
    *ret_plan = plan;
    return TRIB_SUCCESS;
}
