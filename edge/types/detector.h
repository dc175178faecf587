/* What a gateway adds to a model so that it can raise alarms: made by the trainer from stored rows
 * of normal running, used by the stream.
 *
 * owns     hotelling; handing a detector on gives it away
 * threads  plain data
 */
#ifndef EDGE_TYPES_DETECTOR_H
#define EDGE_TYPES_DETECTOR_H

#include "common/statistic/hotelling.h"

/* All zero: none. Classification and regression need none. */
typedef struct edge_detector {
    double threshold;          /* reconstruct: alarm above this error; 0: none yet */
    trib_hotelling *hotelling; /* hotelling_t2, owned; NULL: none yet */
} edge_detector;

void edge_detector_deinit(edge_detector *detector);

#endif
