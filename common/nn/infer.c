#include "common/nn/infer.h"

#include <string.h>

#include "common/nn/activation.h"
#include "common/nn/infer_layers.h"
#include "common/nn/loss.h"
#include "common/nn/pool.h"

/* Packed layers write whole vectors, up to one past the last output. */
static size_t turn_count(const trib_model_plan *plan) {
    return ((size_t)plan->largest_count + 2 * TRIB_INFER_LANES - 1) / TRIB_INFER_LANES *
           TRIB_INFER_LANES;
}

size_t trib_model_scratch_count(const trib_model_plan *plan) {
    return 2 * turn_count(plan);
}

trib_infer_state trib_infer_begin(const trib_model_plan *plan, const float *input, float *scratch) {
    return (trib_infer_state){input, {scratch, scratch + turn_count(plan)}};
}

void trib_infer_advance(trib_infer_state *state) {
    float *written = state->turns[0];
    state->current = written;
    state->turns[0] = state->turns[1];
    state->turns[1] = written;
}

void trib_infer_simple(const trib_layer_plan *layer, trib_infer_state *state) {
    switch (layer->spec.kind) {
    case TRIB_LAYER_MAX_POOL:
        trib_pool_forward(layer, 1, state->current, state->turns[0], NULL);
        trib_infer_advance(state);
        return;
    case TRIB_LAYER_RELU:
    case TRIB_LAYER_TANH:
    case TRIB_LAYER_SIGMOID:
        trib_activation_forward(layer->spec.kind, trib_layer_outputs(layer), state->current,
                                state->turns[0]);
        trib_infer_advance(state);
        return;
    case TRIB_LAYER_FLATTEN:
    case TRIB_LAYER_DROPOUT:
        return;
    case TRIB_LAYER_DENSE:
    case TRIB_LAYER_CONV1D:
        break;
    }
    TRIB_ASSERT(false);
}

void trib_infer_finish(const trib_model_plan *plan, const trib_infer_state *state,
                       float *ret_output) {
    if (plan->output == TRIB_OUTPUT_CLASSES) {
        trib_softmax(plan->output_count, state->current, ret_output);
    } else {
        memcpy(ret_output, state->current, plan->output_count * sizeof *ret_output);
    }
}

/* Four outputs at a time share each load of x, and their sums do not wait for one another. */
static void dense_one(size_t in, size_t out, const float *parameters, const float *x, float *y) {
    const float *bias = parameters + in * out;
    size_t o = 0;
    for (; o + 4 <= out; o += 4) {
        const float *w0 = parameters + o * in;
        const float *w1 = w0 + in;
        const float *w2 = w1 + in;
        const float *w3 = w2 + in;
        float y0 = bias[o], y1 = bias[o + 1], y2 = bias[o + 2], y3 = bias[o + 3];
        for (size_t i = 0; i < in; i++) {
            y0 += w0[i] * x[i];
            y1 += w1[i] * x[i];
            y2 += w2[i] * x[i];
            y3 += w3[i] * x[i];
        }
        y[o] = y0;
        y[o + 1] = y1;
        y[o + 2] = y2;
        y[o + 3] = y3;
    }
    for (; o < out; o++) {
        float sum = bias[o];
        for (size_t i = 0; i < in; i++) {
            sum += parameters[o * in + i] * x[i];
        }
        y[o] = sum;
    }
}

static void run_layer(const trib_layer_plan *layer, const float *parameters,
                      trib_infer_state *state) {
    if (layer->fan_in == 0) {
        trib_infer_simple(layer, state);
        return;
    }
    /* A window of rows is contiguous, so convolution is the dense layer at each place. */
    size_t step = (size_t)layer->spec.stride * layer->channels_in;
    for (size_t row = 0; row < layer->rows_out; row++) {
        dense_one(layer->fan_in, layer->channels_out, parameters + layer->parameters_offset,
                  state->current + row * step, state->turns[0] + row * layer->channels_out);
    }
    trib_infer_advance(state);
}

void trib_model_infer(const trib_model_plan *plan, const float *parameters, const float *input,
                      float *ret_output, float *scratch) {
    trib_infer_state state = trib_infer_begin(plan, input, scratch);
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        run_layer(&plan->layers[i], parameters, &state);
    }
    trib_infer_finish(plan, &state, ret_output);
}

const float *trib_model_infer_features(const trib_model_plan *plan, const float *parameters,
                                       const float *input, float *scratch) {
    trib_infer_state state = trib_infer_begin(plan, input, scratch);
    for (uint32_t i = 0; i < plan->last_trained; i++) {
        run_layer(&plan->layers[i], parameters, &state);
    }
    return state.current;
}
