/* Which predictions leave the gateway, and as what.
 *
 * errors   TRIB_E_LIMIT if it does not fit
 * threads  pure
 */
#ifndef EDGE_APP_PREDICTION_H
#define EDGE_APP_PREDICTION_H

#include "common/base/span.h"
#include "edge/config/edge_config.h"
#include "edge/types/prediction.h"

enum { EDGE_PREDICTION_BYTES = 256 }; /* encoded, at most */

/* Alarms do; of all, if they are wanted, each predictions.every-th. `number` counts all,
 * from 1. */
bool edge_prediction_leaves(const edge_config *config, uint64_t number,
                            const edge_prediction *prediction);
/* Whether the link still takes it, of whose `room` places for what waits `backlog` are taken.
 * Alarms come before other predictions, and both leave places for an update's chunks. */
bool edge_prediction_fits(const edge_prediction *prediction, size_t backlog, size_t room);
TRIB_MUST_CHECK trib_status edge_prediction_encode(const edge_prediction *prediction,
                                                   bool clock_unsure, trib_writer *writer);

#endif
