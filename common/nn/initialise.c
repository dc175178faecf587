#include "common/nn/initialise.h"

#include <math.h>

#include "common/base/random.h"

static bool relu_follows(const trib_model_plan *plan, uint32_t index) {
    for (uint32_t i = index + 1; i < plan->layer_count; i++) {
        switch (plan->layers[i].spec.kind) {
        case TRIB_LAYER_RELU:
            return true;
        case TRIB_LAYER_MAX_POOL:
        case TRIB_LAYER_FLATTEN:
        case TRIB_LAYER_DROPOUT:
            continue;
        case TRIB_LAYER_DENSE:
        case TRIB_LAYER_CONV1D:
        case TRIB_LAYER_TANH:
        case TRIB_LAYER_SIGMOID:
            return false;
        }
    }
    return false;
}

void trib_model_initialise(const trib_model_plan *plan, uint64_t seed, float *ret_parameters) {
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const trib_layer_plan *layer = &plan->layers[i];
        if (layer->fan_in == 0) {
            continue;
        }
        bool rectified = i != plan->last_trained && relu_follows(plan, i);
        float deviation =
            layer->spec.initial_scale * sqrtf((rectified ? 2.0f : 1.0f) / (float)layer->fan_in);
        trib_random random;
        trib_random_init(&random, seed, "", i, TRIB_PURPOSE_WEIGHTS);
        float *weights = ret_parameters + layer->parameters_offset;
        for (size_t k = 0; k < trib_layer_weights(layer); k++) {
            weights[k] = deviation * trib_random_normal(&random);
        }
        for (uint32_t k = 0; k < layer->channels_out; k++) {
            ret_parameters[layer->bias_offset + k] = 0.0f;
        }
    }
}
