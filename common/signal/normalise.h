/* z-scores, apart from the pipeline because statistics are made of raw features.
 *
 * threads  pure
 */
#ifndef TRIB_SIGNAL_NORMALISE_H
#define TRIB_SIGNAL_NORMALISE_H

#include "common/signal/spec.h"

/* values [trib_pipeline_example_size] in place: (x - mean) / deviation, cut at normalise_clip
 * unless that is 0. mean and deviation [trib_pipeline_columns]: all frames (or rows) of an example
 * share them. A deviation of 0 counts as 1. Does nothing where spec->normalise is off. */
void trib_pipeline_normalise(const trib_pipeline_spec *spec, const float *mean,
                             const float *deviation, float *values);

#endif
