#include "edge/app/prediction.h"

#include <string.h>

#include "common/wire/wire.h"
#include "edge/session/session.h"

_Static_assert(sizeof((trib_wire_Prediction *)0)->values / sizeof(float) == TRIB_MAX_TARGETS,
               "a prediction has room for each target");

bool edge_prediction_leaves(const edge_config *config, uint64_t number,
                            const edge_prediction *prediction) {
    return prediction->anomaly ||
           (config->predictions_publish && number % config->predictions_every == 0);
}

/* Twice what is handed out at once: a part that is sent again may meet the one before. */
bool edge_prediction_fits(const edge_prediction *prediction, size_t backlog, size_t room) {
    const size_t kept = (size_t)2 * EDGE_SEND_AT_ONCE;
    size_t alarms = room > kept ? room - kept : 0;
    size_t others = room / 2 < alarms ? room / 2 : alarms;
    return backlog < (prediction->anomaly ? alarms : others);
}

trib_status edge_prediction_encode(const edge_prediction *prediction, bool clock_unsure,
                                   trib_writer *writer) {
    trib_wire_Prediction message = trib_wire_Prediction_init_zero;
    message.release = prediction->release;
    message.time_us = prediction->time_us;
    message.label = prediction->label;
    memcpy(message.label_name, prediction->label_name, sizeof message.label_name);
    message.confidence = prediction->confidence;
    message.error = (float)prediction->error;
    message.anomaly = prediction->anomaly;
    message.clock_unsure = clock_unsure;
    message.values_count = (pb_size_t)prediction->value_count;
    memcpy(message.values, prediction->values, prediction->value_count * sizeof(float));
    return TRIB_WIRE_ENCODE(Prediction, &message, writer);
}
