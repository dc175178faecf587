#include "common/nn/optimiser.h"

#include <math.h>
#include <string.h>

#include "common/tensor/elementwise.h"

static bool below_one(float value) {
    return value >= 0.0f && value < 1.0f;
}

trib_status trib_optimiser_check(const trib_optimiser_spec *spec) {
    if (!(spec->l2 >= 0.0f && spec->l2 <= 1.0f)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "l2 %g: it needs [0, 1]", (double)spec->l2);
    }
    switch (spec->kind) {
    case TRIB_OPTIMISER_SGD:
        return TRIB_SUCCESS;
    case TRIB_OPTIMISER_MOMENTUM:
        if (!below_one(spec->momentum)) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "momentum %g: it needs [0, 1)",
                             (double)spec->momentum);
        }
        return TRIB_SUCCESS;
    case TRIB_OPTIMISER_ADAM:
        if (!below_one(spec->beta1) || !below_one(spec->beta2) || !(spec->epsilon > 0.0f)) {
            return TRIB_FAIL(TRIB_E_ARGUMENT,
                             "adam with betas %g and %g and epsilon %g: betas need [0, 1), epsilon "
                             "above 0",
                             (double)spec->beta1, (double)spec->beta2, (double)spec->epsilon);
        }
        return TRIB_SUCCESS;
    }
    return TRIB_FAIL(TRIB_E_ARGUMENT, "unknown optimiser %d", (int)spec->kind);
}

size_t trib_optimiser_state_count(const trib_optimiser_spec *spec, const trib_model_plan *plan) {
    size_t blocks = spec->kind == TRIB_OPTIMISER_ADAM       ? 3
                    : spec->kind == TRIB_OPTIMISER_MOMENTUM ? 1
                                                            : 0;
    return blocks * plan->parameter_count;
}

void trib_optimiser_init(trib_optimiser *optimiser, const trib_optimiser_spec *spec,
                         const trib_kernels *kernels, const trib_model_plan *plan, float *state) {
    *optimiser = (trib_optimiser){.spec = *spec, .plan = plan, .kernels = *kernels, .state = state};
    trib_optimiser_reset(optimiser);
}

void trib_optimiser_reset(trib_optimiser *optimiser) {
    size_t count = trib_optimiser_state_count(&optimiser->spec, optimiser->plan);
    for (size_t i = 0; i < count; i++) {
        optimiser->state[i] = 0.0f;
    }
    optimiser->step = 0;
}

trib_gradient_sink trib_optimiser_sink(const trib_optimiser *optimiser, float *parameters,
                                       float rate) {
    const trib_optimiser_spec *spec = &optimiser->spec;
    switch (spec->kind) {
    case TRIB_OPTIMISER_SGD:
        return (trib_gradient_sink){parameters, -rate, 1.0f - rate * spec->l2, 1.0f};
    case TRIB_OPTIMISER_MOMENTUM:
        return (trib_gradient_sink){optimiser->state, 1.0f, spec->momentum, spec->momentum};
    case TRIB_OPTIMISER_ADAM:
        break;
    }
    return (trib_gradient_sink){optimiser->state, 1.0f, 0.0f, 0.0f};
}

static void step_momentum(const trib_optimiser *optimiser, float *parameters, float rate) {
    const trib_model_plan *plan = optimiser->plan;
    float *velocity = optimiser->state;
    if (optimiser->spec.l2 > 0.0f) {
        for (uint32_t i = 0; i < plan->layer_count; i++) {
            const trib_layer_plan *layer = &plan->layers[i];
            if (layer->fan_in > 0) {
                optimiser->kernels.axpy(trib_layer_weights(layer), optimiser->spec.l2,
                                        parameters + layer->parameters_offset,
                                        velocity + layer->parameters_offset);
            }
        }
    }
    optimiser->kernels.axpy(plan->parameter_count, -rate, velocity, parameters);
}

static void step_adam(const trib_optimiser *optimiser, float *parameters, float rate) {
    const trib_optimiser_spec *spec = &optimiser->spec;
    const trib_model_plan *plan = optimiser->plan;
    float step = (float)(optimiser->step + 1);
    float mean_correction = 1.0f - powf(spec->beta1, step);
    float square_correction = sqrtf(1.0f - powf(spec->beta2, step));
    trib_adam weights = {rate * square_correction / mean_correction, spec->beta1, spec->beta2,
                         spec->epsilon * square_correction, spec->l2};
    trib_adam biases = weights;
    biases.l2 = 0.0f;
    const float *gradient = optimiser->state;
    float *mean = optimiser->state + plan->parameter_count;
    float *square = mean + plan->parameter_count;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const trib_layer_plan *layer = &plan->layers[i];
        size_t w = layer->parameters_offset;
        size_t b = layer->bias_offset;
        if (layer->fan_in > 0) {
            trib_adam_step(&weights, b - w, gradient + w, mean + w, square + w, parameters + w);
            trib_adam_step(&biases, layer->channels_out, gradient + b, mean + b, square + b,
                           parameters + b);
        }
    }
}

void trib_optimiser_step(trib_optimiser *optimiser, float *parameters, float rate) {
    switch (optimiser->spec.kind) {
    case TRIB_OPTIMISER_SGD:
        break; /* the product has done it */
    case TRIB_OPTIMISER_MOMENTUM:
        step_momentum(optimiser, parameters, rate);
        break;
    case TRIB_OPTIMISER_ADAM:
        step_adam(optimiser, parameters, rate);
        break;
    }
    optimiser->step++;
}
