#include "common/strategy/strategy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/heap.h"
#include "common/tensor/safetensors.h"

trib_status trib_strategy_init(trib_strategy *strategy, const trib_strategy_spec *spec,
                               const float *parameters, uint32_t count) {
    trib_strategy fresh = {.spec = *spec, .count = count};
    bool momentum = spec->kind == TRIB_STRATEGY_FEDAVGM;
    bool average = spec->serve_average > 0;
    if (momentum) {
        fresh.momentum = trib_allocate(count, sizeof(float));
    }
    if (average) {
        fresh.average = trib_allocate(count, sizeof(float));
    }
    if ((momentum && fresh.momentum == NULL) || (average && fresh.average == NULL)) {
        trib_strategy_deinit(&fresh);
        return TRIB_FAIL(TRIB_E_IO, "no memory for the strategy's state");
    }
    if (average) {
        memcpy(fresh.average, parameters, count * sizeof(float));
    }
    *strategy = fresh;
    return TRIB_SUCCESS;
}

void trib_strategy_deinit(trib_strategy *strategy) {
    trib_free(strategy->momentum);
    trib_free(strategy->average);
    *strategy = (trib_strategy){.count = 0};
}

/* The step for one parameter; also gives the momentum after it. */
static double step_of(const trib_strategy *strategy, uint32_t i, double mean, float *ret_momentum) {
    if (strategy->momentum == NULL) {
        return mean;
    }
    double beta = strategy->spec.momentum;
    *ret_momentum = (float)(beta * (double)strategy->momentum[i] + mean);
    return strategy->spec.nesterov ? mean + beta * (double)*ret_momentum : (double)*ret_momentum;
}

trib_status trib_strategy_apply(trib_strategy *strategy, const double *mean, float *parameters) {
    double rate = strategy->spec.rate;
    float momentum = 0;
    for (uint32_t i = 0; i < strategy->count; i++) {
        double next = (double)parameters[i] + rate * step_of(strategy, i, mean[i], &momentum);
        if (!isfinite((float)next) || !isfinite(momentum)) {
            return TRIB_FAIL(TRIB_E_STATE, "parameter %u would become %g: lower the rates", i,
                             next);
        }
    }
    strategy->rounds++;
    double t = (double)strategy->rounds;
    double keep = t / (t + 9);
    keep = keep < strategy->spec.serve_average ? keep : strategy->spec.serve_average;
    for (uint32_t i = 0; i < strategy->count; i++) {
        double step = step_of(strategy, i, mean[i], &momentum);
        parameters[i] = (float)((double)parameters[i] + rate * step);
        if (strategy->momentum != NULL) {
            strategy->momentum[i] = momentum;
        }
        if (strategy->average != NULL) {
            strategy->average[i] =
                (float)(keep * (double)strategy->average[i] + (1 - keep) * (double)parameters[i]);
        }
    }
    return TRIB_SUCCESS;
}

const float *trib_strategy_served(const trib_strategy *strategy, const float *parameters) {
    return strategy->average != NULL ? strategy->average : parameters;
}

trib_status trib_strategy_write(const trib_strategy *strategy, trib_buffer *ret_file) {
    trib_tensor_view tensors[2] = {{0}};
    size_t count = 0, bytes = 4 * (size_t)strategy->count;
    if (strategy->average != NULL) {
        tensors[count++] = (trib_tensor_view){.name = "average",
                                              .element = TRIB_ELEMENT_F32,
                                              .rank = 1,
                                              .shape = {strategy->count},
                                              .bytes = trib_bytes_of(strategy->average, bytes)};
    }
    if (strategy->momentum != NULL) {
        tensors[count++] = (trib_tensor_view){.name = "momentum",
                                              .element = TRIB_ELEMENT_F32,
                                              .rank = 1,
                                              .shape = {strategy->count},
                                              .bytes = trib_bytes_of(strategy->momentum, bytes)};
    }
    char rounds[16];
    (void)snprintf(rounds, sizeof rounds, "%u", strategy->rounds);
    const trib_metadata_entry metadata[] = {{"rounds", rounds}};
    const trib_safetensors_content content = {tensors, count, metadata, 1};
    return trib_safetensors_write(&content, ret_file);
}

trib_status trib_strategy_read(trib_strategy *strategy, trib_bytes file) {
    TRIB_SCOPED(trib_safetensors_close_scoped) trib_safetensors *tensors = NULL;
    TRIB_TRY(trib_safetensors_open(file, &tensors));
    const char *rounds = trib_safetensors_metadata(tensors, "rounds");
    const trib_tensor_view *momentum = trib_safetensors_find(tensors, "momentum");
    const trib_tensor_view *average = trib_safetensors_find(tensors, "average");
    if (rounds == NULL || (momentum == NULL) != (strategy->momentum == NULL) ||
        (average == NULL) != (strategy->average == NULL)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the stored state belongs to another strategy");
    }
    if (momentum != NULL) {
        TRIB_TRY(trib_tensor_copy_f32(momentum, strategy->momentum, strategy->count));
    }
    if (average != NULL) {
        TRIB_TRY(trib_tensor_copy_f32(average, strategy->average, strategy->count));
    }
    strategy->rounds = (uint32_t)strtoul(rounds, NULL, 10);
    return TRIB_SUCCESS;
}
