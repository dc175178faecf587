/* What is said of one frame of one channel: the values of trib_feature, in their order.
 *
 * Sums start from the frame's first value, so a constant frame has exactly zero deviation; they run
 * in a fixed order, so the same frame gives the same bits wherever it stands. Kurtosis is 0 below a
 * variance of 1e-30. Features of neighbours (zero crossings, mean absolute difference) are 0 for a
 * frame of one row.
 *
 * owns     nothing: its storage comes from the arena
 * errors   TRIB_E_LIMIT if the arena is too small
 * threads  one
 */
#ifndef TRIB_SIGNAL_FEATURES_H
#define TRIB_SIGNAL_FEATURES_H

#include "common/base/arena.h"
#include "common/signal/spectrum.h"

typedef struct trib_features {
    uint32_t wanted; /* bits of trib_feature */
    uint32_t rows;   /* of a frame */
    int32_t *keys;   /* [rows], for the median; NULL without */
    trib_spectrum spectrum;
} trib_features;

/* Values that one frame of one channel gives. */
uint32_t trib_features_count(const trib_pipeline_spec *spec);

size_t trib_features_bytes(const trib_pipeline_spec *spec, uint32_t rows);
TRIB_MUST_CHECK trib_status trib_features_init(trib_features *features,
                                               const trib_pipeline_spec *spec, uint32_t rows,
                                               trib_arena *arena);
/* frame [rows], finite; ret_values [trib_features_count] */
void trib_features_of(trib_features *features, const float *frame, float *ret_values);

#endif
