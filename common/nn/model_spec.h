/* What a model is, as plain data: the same on microcontroller, gateway and cloud.
 *
 * An example is a matrix [rows, channels], row-major: a window of a signal, or features with one
 * row. Layers follow one another.
 *
 * threads  plain data
 */
#ifndef TRIB_NN_MODEL_SPEC_H
#define TRIB_NN_MODEL_SPEC_H

#include <stdint.h>

enum {
    TRIB_MODEL_MAX_LAYERS = 16,
    TRIB_MODEL_MAX_PARAMETERS = 16 * 1024 * 1024,
    TRIB_MODEL_MAX_VALUES = 1024 * 1024,      /* of one example, between any two layers */
    TRIB_MODEL_MAX_PATCHES = 16 * 1024 * 1024 /* of one example: conv1d's rows_out * fan_in */
};

/* Numbers are part of the model file: add at the end, never renumber. */
typedef enum trib_layer_kind {
    TRIB_LAYER_DENSE = 1,    /* [1, in] -> [1, units]: y = w.x + b */
    TRIB_LAYER_CONV1D = 2,   /* [rows, channels] -> [(rows - kernel) / stride + 1, filters] */
    TRIB_LAYER_MAX_POOL = 3, /* [rows, channels] -> [rows / size, channels]; rows left over drop */
    TRIB_LAYER_RELU = 4,
    TRIB_LAYER_TANH = 5,
    TRIB_LAYER_SIGMOID = 6,
    TRIB_LAYER_FLATTEN = 7, /* [rows, channels] -> [1, rows * channels] */
    TRIB_LAYER_DROPOUT = 8  /* in training only: zeroes with `rate`, scales the rest up */
} trib_layer_kind;

/* Fields of other kinds are ignored. */
typedef struct trib_layer_spec {
    trib_layer_kind kind;
    uint32_t units;      /* dense */
    uint32_t filters;    /* conv1d */
    uint32_t kernel;     /* conv1d, rows */
    uint32_t stride;     /* conv1d, rows; 0 stands for 1 */
    uint32_t size;       /* max-pool, rows */
    float rate;          /* dropout, [0, 1) */
    float initial_scale; /* dense, conv1d: times the first weights; 0 stands for 1 */
} trib_layer_spec;

typedef enum trib_loss_kind {
    TRIB_LOSS_CROSS_ENTROPY = 1, /* softmax is in the loss: the model ends with logits */
    TRIB_LOSS_SQUARED = 2        /* mean over the batch and the outputs of (y - target)^2 */
} trib_loss_kind;

typedef enum trib_output_kind {
    TRIB_OUTPUT_CLASSES = 1,       /* with cross-entropy; probabilities in the order of labels */
    TRIB_OUTPUT_VALUES = 2,        /* with squared loss */
    TRIB_OUTPUT_RECONSTRUCTION = 3 /* with squared loss; the target is the input */
} trib_output_kind;

typedef struct trib_model_spec {
    uint32_t input_rows; /* 1 for features */
    uint32_t input_channels;
    uint32_t layer_count;
    trib_layer_spec layers[TRIB_MODEL_MAX_LAYERS];
    trib_loss_kind loss;
    trib_output_kind output;
} trib_model_spec;

#endif
