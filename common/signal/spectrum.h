/* Mean power of a frame in each band; see trib_band_spec for the scaling.
 *
 * The transform is kissfft's real one, its plan in the arena.
 *
 * owns     nothing: its storage comes from the arena
 * threads  one
 */
#ifndef TRIB_SIGNAL_SPECTRUM_H
#define TRIB_SIGNAL_SPECTRUM_H

#include "common/base/arena.h"
#include "common/signal/spec.h"

typedef struct trib_band {
    uint32_t first_bin;
    uint32_t end_bin;
} trib_band;

typedef struct trib_spectrum {
    uint32_t rows;
    uint32_t band_count;
    bool log;
    trib_band bands[TRIB_MAX_BANDS];
    void *plan;      /* kiss_fftr_cfg */
    void *bins;      /* kiss_fft_cpx [rows / 2 + 1] */
    float *hann;     /* [rows], divided by its sum */
    float *windowed; /* [rows] */
} trib_spectrum;

/* Whether kissfft transforms so many rows in place and without allocating. */
bool trib_spectrum_can(uint32_t rows);
/* The bins k with low <= k * rate / rows < high, up to rows / 2; may be none. */
trib_band trib_spectrum_band(const trib_band_spec *band, float rate_hz, uint32_t rows);

size_t trib_spectrum_bytes(uint32_t rows);
/* trib_spectrum_can(rows). TRIB_E_LIMIT if the arena is short. */
TRIB_MUST_CHECK trib_status trib_spectrum_init(trib_spectrum *spectrum,
                                               const trib_pipeline_spec *spec, uint32_t rows,
                                               trib_arena *arena);
/* frame [rows], its mean; ret_powers [band_count] */
void trib_spectrum_powers(trib_spectrum *spectrum, const float *frame, float mean,
                          float *ret_powers);

#endif
