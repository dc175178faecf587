/* Training examples in memory, growing up to a ceiling.
 *
 * owns     its arrays
 * threads  one while it grows; read-only afterwards, it may be shared
 */
#ifndef TRIB_TRAIN_EXAMPLES_H
#define TRIB_TRAIN_EXAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "common/nn/model_plan.h"

typedef struct trib_examples {
    float *inputs;   /* [count, input_count] */
    int32_t *labels; /* [count] for classes, NULL otherwise */
    float *targets;  /* [count, output_count] for values, NULL otherwise */
    size_t count;
    size_t capacity;
    size_t ceiling; /* examples */
    trib_output_kind output;
    uint32_t input_count;
    uint32_t output_count;
} trib_examples;

enum { TRIB_EXAMPLES_CEILING = 16 * 1024 * 1024 }; /* examples; callers set less */

/* Empty, for examples of this model. ceiling: at most TRIB_EXAMPLES_CEILING. */
void trib_examples_init(trib_examples *examples, const trib_model_plan *plan, size_t ceiling);
void trib_examples_deinit(trib_examples *examples);

/* Room for this many, or the ceiling: growing by doubling takes up to three times as much. */
TRIB_MUST_CHECK trib_status trib_examples_reserve(trib_examples *examples, size_t count);

/* Copies one example. `label` matters for classes, `values` [output_count] for values, neither
 * for reconstruction.
 * errors   TRIB_E_ARGUMENT for a label that is no class and for NaN or infinity anywhere,
 *          TRIB_E_LIMIT past the ceiling, TRIB_E_IO for memory; nothing is added then */
TRIB_MUST_CHECK
trib_status trib_examples_append(trib_examples *examples, const float *input, int32_t label,
                                 const float *values);

/* Forgets the examples, keeps the storage. */
void trib_examples_clear(trib_examples *examples);

#endif
