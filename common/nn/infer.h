/* One example through the model: the whole of inference on a microcontroller, and the fast path
 * elsewhere.
 *
 * Every sum runs in index order, starting from the bias, so the plain and the packed way give the
 * same bits, on every processor with the same expf and tanhf.
 *
 * shapes   input [input_count]  ret_output [output_count]: probabilities for classes, values
 *          otherwise  scratch [trib_model_scratch_count(plan)]; none of them overlap
 * owns     nothing
 * threads  pure; one scratch for each thread
 */
#ifndef TRIB_NN_INFER_H
#define TRIB_NN_INFER_H

#include "common/base/arena.h"
#include "common/nn/model_plan.h"

/* Floats of scratch for any function of this header. */
size_t trib_model_scratch_count(const trib_model_plan *plan);

/* parameters as in model_plan.h. */
void trib_model_infer(const trib_model_plan *plan, const float *parameters, const float *input,
                      float *ret_output, float *scratch);

/* As far as the last layer with parameters: its input, within scratch (or `input` itself). */
const float *trib_model_infer_features(const trib_model_plan *plan, const float *parameters,
                                       const float *input, float *scratch);

/* A model's parameters laid out for vector units: blocks of 64 or 16 outputs, each its biases and
 * then, input by input, its weights. Made once when a model is loaded. */
typedef struct trib_packed_model {
    trib_model_plan plan;
    float *layers[TRIB_MODEL_MAX_LAYERS]; /* in the arena; NULL without parameters */
} trib_packed_model;

size_t trib_packed_model_room(const trib_model_plan *plan); /* bytes of arena */

/* `parameters` is not needed afterwards; the arena must live as long as the packed model.
 * errors   TRIB_E_LIMIT if the arena is too small */
TRIB_MUST_CHECK
trib_status trib_packed_model_init(trib_packed_model *packed, const trib_model_plan *plan,
                                   const float *parameters, trib_arena *arena);

void trib_packed_model_infer(const trib_packed_model *packed, const float *input, float *ret_output,
                             float *scratch);

#endif
