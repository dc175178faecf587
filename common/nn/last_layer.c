#include "common/nn/last_layer.h"

#include "common/nn/loss.h"

static trib_status check(const trib_model_plan *plan, const trib_last_layer_target *target) {
    uint32_t last = plan->layer_count - 1;
    if (plan->last_trained != last || plan->layers[last].spec.kind != TRIB_LAYER_DENSE) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "training the last layer needs a model that ends with a dense layer, not "
                         "with %s",
                         trib_layer_name(plan->layers[last].spec.kind));
    }
    if (plan->output == TRIB_OUTPUT_CLASSES &&
        (target->label < 0 || (uint32_t)target->label >= plan->output_count)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "label %d is none of %u classes", (int)target->label,
                         (unsigned)plan->output_count);
    }
    return TRIB_SUCCESS;
}

trib_status trib_last_layer_step(const trib_model_plan *plan, float *parameters,
                                 const float *features, const trib_last_layer_target *target,
                                 const trib_last_layer_rate *rate, float *output, float *ret_loss) {
    TRIB_TRY(check(plan, target));
    const trib_layer_plan *layer = &plan->layers[plan->last_trained];
    float *weights = parameters + layer->parameters_offset;
    float *bias = parameters + layer->bias_offset;
    size_t in = layer->fan_in;
    for (size_t o = 0; o < plan->output_count; o++) {
        float sum = bias[o];
        for (size_t i = 0; i < in; i++) {
            sum += weights[o * in + i] * features[i];
        }
        output[o] = sum;
    }
    *ret_loss = plan->output == TRIB_OUTPUT_CLASSES
                    ? trib_loss_cross_entropy(1, plan->output_count, output, &target->label, output)
                    : trib_loss_squared(1, plan->output_count, output, target->values, output);
    float keep = 1.0f - rate->rate * rate->l2;
    for (size_t o = 0; o < plan->output_count; o++) {
        float step = rate->rate * output[o];
        for (size_t i = 0; i < in; i++) {
            weights[o * in + i] = keep * weights[o * in + i] - step * features[i];
        }
        bias[o] -= step;
    }
    return TRIB_SUCCESS;
}
