/* Rows of the used channels, gathered into overlapping windows with their causal context.
 *
 * History is channel-major, so that a frame of one channel is contiguous. A recording starts with
 * its first row repeated as context; the first window is full after window_rows rows, the next ones
 * after hop_rows each. `tags` and `valid` cover the window's own rows, without context.
 *
 * owns     nothing: its storage comes from the arena
 * errors   TRIB_E_LIMIT if the arena is too small
 * threads  one
 */
#ifndef TRIB_SIGNAL_WINDOW_H
#define TRIB_SIGNAL_WINDOW_H

#include "common/base/arena.h"
#include "common/signal/row.h"

typedef struct trib_history {
    uint32_t channels;
    uint32_t window_rows;
    uint32_t hop_rows;
    uint32_t context_rows;
    uint32_t stride; /* floats from one channel's rows to the next one's */
    uint32_t rows;   /* in the history now; full at window_rows + context_rows */
    uint32_t skip;   /* rows still to pass by: a hop may be longer than a window */
    bool started;
    float *values;      /* [channels][stride] */
    trib_row_tag *tags; /* [window_rows] */
    uint32_t *valid;    /* [window_rows]: how many of the row's used values are valid */
} trib_history;

size_t trib_history_bytes(const trib_pipeline_spec *spec);
TRIB_MUST_CHECK trib_status trib_history_init(trib_history *history, const trib_pipeline_spec *spec,
                                              trib_arena *arena);
void trib_history_reset(trib_history *history);
/* Takes a row: channels [..] by number, `use` [history->channels] which of them, `valid` how many
 * of those are. True: the history holds a window; look at it, then call trib_history_advance. */
bool trib_history_push(trib_history *history, const trib_row_tag *tag, const float *channels,
                       const uint32_t *use, uint32_t valid);
void trib_history_advance(trib_history *history);

/* The most frequent label of the window's own rows (-1, none, counts as one); the smaller on a tie.
 */
int32_t trib_history_label(const trib_history *history);
/* Valid values of the window's own rows, as a fraction of all. */
float trib_history_valid(const trib_history *history);

#endif
