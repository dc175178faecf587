/* The signal pipeline: rows in, examples out. See spec.h for what it does and in which order.
 *
 * It lives wholly in a block of the caller's; nothing is allocated afterwards. The same rows after
 * a reset give the same bits.
 *
 * units    times in microseconds, between -2^61 and 2^61
 * owns     nothing; a window that a sink gets is valid only during the call
 * threads  one a pipeline
 */
#ifndef TRIB_SIGNAL_PIPELINE_H
#define TRIB_SIGNAL_PIPELINE_H

#include "common/signal/check.h"
#include "common/signal/spec.h"

typedef struct trib_pipeline trib_pipeline;

/* One example, and where it comes from. Times and rows are those of the window without context. */
typedef struct trib_window {
    int64_t start_us;
    int64_t end_us;     /* of the last row, included */
    uint64_t first_row; /* as pushed, from 0 at reset; a gap does not start the count anew */
    uint64_t last_row;
    const float *values; /* [count], laid out as trib_pipeline_shape says; not normalised */
    size_t count;
    int32_t label; /* most frequent among the rows, the smaller on a tie; -1 is none */
    float valid;   /* fraction of valid values among those used */
} trib_window;

typedef struct trib_window_sink {
    trib_status (*emit)(void *context, const trib_window *window);
    void *context;
} trib_window_sink;

/* What happened since init. */
typedef struct trib_pipeline_counts {
    uint64_t rows;    /* pushed */
    uint64_t late;    /* ignored by the resampler: their time did not advance */
    uint64_t gaps;    /* longer than max_gap_s: started anew */
    uint64_t windows; /* emitted */
    uint64_t sparse;  /* windows below min_valid */
    uint64_t wild;    /* windows with a value past f32: never emitted */
} trib_pipeline_counts;

/* The size of a block for trib_pipeline_init, wherever it starts; 0 if the spec is refused. */
size_t trib_pipeline_bytes(const trib_pipeline_spec *spec);

/* The spec is copied. TRIB_E_LIMIT for a block below trib_pipeline_bytes; else as
 * trib_pipeline_check. The pipeline ends when the block does. */
TRIB_MUST_CHECK
trib_status trib_pipeline_init(trib_pipeline **ret_pipeline, const trib_pipeline_spec *spec,
                               void *block, size_t block_bytes);

/* A new recording starts. Rows that a delay still holds are forgotten. */
void trib_pipeline_reset(trib_pipeline *pipeline);

/* Takes a row: values [source_count], NaN for a missing one; label -1 for none. Calls the sink for
 * each window that becomes whole: none, one, or with resampling several.
 *
 * errors   TRIB_E_ARGUMENT for a time or label out of range (the row is not taken); else the first
 *          failure of the sink, in which case the row has been taken and its other windows emitted
 */
TRIB_MUST_CHECK
trib_status trib_pipeline_push(trib_pipeline *pipeline, int64_t time_us, const float *values,
                               int32_t label, const trib_window_sink *sink);

/* The recording ends: rows that a delay holds come out, then it is as after a reset. */
TRIB_MUST_CHECK
trib_status trib_pipeline_finish(trib_pipeline *pipeline, const trib_window_sink *sink);

trib_pipeline_counts trib_pipeline_counted(const trib_pipeline *pipeline);

#endif
