/* The examples that were made last, for the next job over the very same rows: a recording that was
 * replayed gives every round the same ones, and making them costs more than training a small model.
 *
 * Rows of a live stream are others each time its store commits: examples are held on to once the
 * same rows have been asked for again and again for EDGE_RECENT_AFTER_MS. One range at most is
 * held, and it is let go before another is read. What is handed out is what a fresh reading would
 * have given, bit for bit.
 *
 * threads  one
 */
#ifndef EDGE_TRAIN_RECENT_H
#define EDGE_TRAIN_RECENT_H

#include "common/model/model.h"
#include "edge/train/example_stream.h"

enum { EDGE_RECENT_AFTER_MS = 2 * EDGE_STORE_COMMIT_MS };

typedef struct edge_recent {
    edge_example_stream stream; /* owned */
    bool held;
    bool worth_holding;             /* as this range has been asked for long enough */
    uint64_t since_ms;              /* when it was asked for first */
    uint64_t first_row, last_row;   /* as a job asks for them */
    uint64_t read_first, read_last; /* as they were there */
    float *normalisation; /* owned, [2 * columns]: the mean and deviation the examples were
                             normalised with; NULL while they are raw */
    size_t columns;
} edge_recent;

/* Whether they are those of this range, and raw or normalised as `model` has it (NULL: raw). */
bool edge_recent_holds(const edge_recent *recent, uint64_t first_row, uint64_t last_row,
                       const trib_model *model);
/* A job asks for this range. */
void edge_recent_ask(edge_recent *recent, uint64_t first_row, uint64_t last_row, uint64_t now_ms);
/* Normalises them with the model's mean and deviation, unless they are already.
 * errors   TRIB_E_IO for memory; they are raw then */
TRIB_MUST_CHECK trib_status edge_recent_normalise(edge_recent *recent, const trib_model *model);
/* Lets go of the examples, and goes on to know which range they were of. */
void edge_recent_let_go(edge_recent *recent);

#endif
