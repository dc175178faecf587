/* A few rows on their way from the source to the stream.
 *
 * owns     a batch is one block from the heap; pushing it into a queue gives it away
 * threads  plain data
 */
#ifndef EDGE_TYPES_BATCH_H
#define EDGE_TYPES_BATCH_H

#include "common/recording/row_parser.h"

enum { EDGE_BATCH_ROWS = 256, EDGE_RECORDING_NAME_SIZE = 256 };

typedef struct edge_row {
    trib_source_row row; /* channels, targets, label as the federation's source has them */
    bool train;          /* may be trained on; else it is only predicted on */
} edge_row;

typedef struct edge_batch {
    char recording[EDGE_RECORDING_NAME_SIZE]; /* a file's name, TOPIC/PARTITION; "" for a stream */
    bool starts;                              /* the first row is the first of a recording */
    bool ends;         /* the last row is the last of its recording; there may be no row at all */
    uint64_t position; /* up to where the recording was read, these rows included, as its source
                        * counts: rows of a file, the next offset of a topic's partition. Stored
                        * with the rows, or not at all. 0 for a stream */
    bool exact;        /* none may be missing between what is stored: its source reads again what
                        * could not be stored */
    bool passing;      /* the rows pass by: judged, but neither stored nor trained on */
    uint32_t count;
    edge_row rows[EDGE_BATCH_ROWS];
} edge_batch;

/* NULL without memory. */
edge_batch *edge_batch_create(void);
void edge_batch_destroy(edge_batch *batch);
void edge_batch_drop(void *batch); /* for trib_queue_create */

#endif
