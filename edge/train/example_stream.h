/* Stored rows, one by one, to training examples: what trib_example_maker makes of a file's training
 * part, so that a gateway and a simulation give the same bytes. Tested against it, bit for bit.
 *
 * For labels and targets the leading rows that train are a recording of their own. For anomaly
 * tasks the pipeline runs on past them, as it does in the stream, and a window trains when its last
 * row does.
 *
 * errors   TRIB_E_IO for memory; as the pipeline
 * threads  one
 */
#ifndef EDGE_TRAIN_EXAMPLE_STREAM_H
#define EDGE_TRAIN_EXAMPLE_STREAM_H

#include "common/federation/federation.h"
#include "common/signal/pipeline.h"
#include "edge/store/store.h"

typedef struct edge_example_stream {
    const trib_federation *federation;
    trib_examples examples; /* owned; raw. Windows past the ceiling are left out */
    uint64_t unlabelled;    /* windows of training rows that have no label or target */
    trib_pipeline *pipeline;
    void *block;           /* owned: the pipeline lives in it */
    uint64_t pushed;       /* rows, since the recording's start */
    uint64_t training;     /* leading ones of these that train */
    bool closed;           /* nothing more of this recording trains */
    float *targets;        /* [target_rows, target_count], owned; regress */
    uint64_t target_first; /* the row that targets start with */
    size_t target_rows;
    size_t target_capacity;
} edge_example_stream;

TRIB_MUST_CHECK trib_status edge_example_stream_init(edge_example_stream *stream,
                                                     const trib_federation *federation,
                                                     size_t ceiling);
void edge_example_stream_deinit(edge_example_stream *stream);
TRIB_MUST_CHECK trib_status edge_example_stream_row(edge_example_stream *stream,
                                                    const edge_stored_row *row);
/* After the last row. */
TRIB_MUST_CHECK trib_status edge_example_stream_finish(edge_example_stream *stream);

#endif
