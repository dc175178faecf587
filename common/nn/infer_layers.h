/* What plain and packed inference share. Private to the room. */
#ifndef TRIB_NN_INFER_LAYERS_H
#define TRIB_NN_INFER_LAYERS_H

#include "common/nn/model_plan.h"

enum { TRIB_INFER_LANES = 16 }; /* packed outputs come in multiples of this */

/* Two buffers take turns; `current` is the layer's input, at first the example itself. */
typedef struct trib_infer_state {
    const float *current;
    float *turns[2]; /* turns[0] is written next */
} trib_infer_state;

trib_infer_state trib_infer_begin(const trib_model_plan *plan, const float *input, float *scratch);
/* Makes what was just written current. */
void trib_infer_advance(trib_infer_state *state);
/* Layers without parameters. */
void trib_infer_simple(const trib_layer_plan *layer, trib_infer_state *state);
/* Softmax for classes, a copy otherwise. */
void trib_infer_finish(const trib_model_plan *plan, const trib_infer_state *state,
                       float *ret_output);

#endif
