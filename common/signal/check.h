/* Whether a pipeline can be built, and the shape of what comes out.
 *
 * threads  pure
 */
#ifndef TRIB_SIGNAL_CHECK_H
#define TRIB_SIGNAL_CHECK_H

#include "common/signal/spec.h"

/* TRIB_E_ARGUMENT or TRIB_E_LIMIT with a message that names the field, its value and what is
 * allowed. Everything else in this room takes a spec that has passed. */
TRIB_MUST_CHECK trib_status trib_pipeline_check(const trib_pipeline_spec *spec);

/* An example is [steps][channels][features], row-major; its columns (channels * features) are what
 * statistics are kept of. Steps are frames, or rows where the output is rows (features is then 1).
 */
typedef struct trib_shape {
    uint32_t steps;
    uint32_t channels;
    uint32_t features;
} trib_shape;

trib_shape trib_pipeline_shape(const trib_pipeline_spec *spec);
/* Values of one example: steps * channels * features. */
size_t trib_pipeline_example_size(const trib_pipeline_spec *spec);
/* Values of one mean (or deviation): channels * features. */
size_t trib_pipeline_columns(const trib_pipeline_spec *spec);

#endif
