/* What a model says of one window.
 *
 * threads  plain data
 */
#ifndef EDGE_TYPES_PREDICTION_H
#define EDGE_TYPES_PREDICTION_H

#include "common/recording/source_spec.h"

typedef struct edge_prediction {
    int64_t time_us;                   /* of the window's last row, as the source stamps it */
    int32_t label;                     /* classify: the most probable class, the first of equals;
                                        * otherwise -1 */
    char label_name[TRIB_COLUMN_SIZE]; /* its word; "" otherwise */
    float confidence;                  /* classify: its probability; otherwise 0 */
    float values[TRIB_MAX_TARGETS];    /* regress: one a target */
    uint32_t value_count;
    double error;     /* reconstruct: mean squared error; hotelling_t2: T2; otherwise 0 */
    double threshold; /* what the error is compared with; 0 while there is none */
    bool anomaly;     /* error > threshold, and there is a threshold */
    uint64_t release; /* of the model */
} edge_prediction;

typedef struct edge_prediction_sink {
    /* Called from the stream thread: it only pushes. The prediction is valid during the call. */
    void (*take)(void *context, const edge_prediction *prediction);
    void *context;
} edge_prediction_sink;

#endif
