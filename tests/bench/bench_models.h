/* The models that the training and inference benches measure. */
#ifndef TRIB_BENCH_MODELS_H
#define TRIB_BENCH_MODELS_H

#include "common/nn/model_plan.h"

/* 42 features, 5 classes: 3,077 parameters. */
static inline trib_model_spec bench_mlp(void) {
    return (trib_model_spec){.input_rows = 1,
                             .input_channels = 42,
                             .layer_count = 3,
                             .layers = {{.kind = TRIB_LAYER_DENSE, .units = 64},
                                        {.kind = TRIB_LAYER_RELU},
                                        {.kind = TRIB_LAYER_DENSE, .units = 5}},
                             .loss = TRIB_LOSS_CROSS_ENTROPY,
                             .output = TRIB_OUTPUT_CLASSES};
}

/* The 2NN of McMahan et al., "Communication-efficient learning", AISTATS 2017: 199,210. */
static inline trib_model_spec bench_2nn(void) {
    return (trib_model_spec){.input_rows = 1,
                             .input_channels = 784,
                             .layer_count = 5,
                             .layers = {{.kind = TRIB_LAYER_DENSE, .units = 200},
                                        {.kind = TRIB_LAYER_RELU},
                                        {.kind = TRIB_LAYER_DENSE, .units = 200},
                                        {.kind = TRIB_LAYER_RELU},
                                        {.kind = TRIB_LAYER_DENSE, .units = 10}},
                             .loss = TRIB_LOSS_CROSS_ENTROPY,
                             .output = TRIB_OUTPUT_CLASSES};
}

/* A window of 50 rows of 6 channels, 5 classes: 136,517. */
static inline trib_model_spec bench_cnn(void) {
    return (trib_model_spec){.input_rows = 50,
                             .input_channels = 6,
                             .layer_count = 6,
                             .layers = {{.kind = TRIB_LAYER_CONV1D, .filters = 64, .kernel = 10},
                                        {.kind = TRIB_LAYER_MAX_POOL, .size = 5},
                                        {.kind = TRIB_LAYER_FLATTEN},
                                        {.kind = TRIB_LAYER_DENSE, .units = 256},
                                        {.kind = TRIB_LAYER_RELU},
                                        {.kind = TRIB_LAYER_DENSE, .units = 5}},
                             .loss = TRIB_LOSS_CROSS_ENTROPY,
                             .output = TRIB_OUTPUT_CLASSES};
}

#endif
