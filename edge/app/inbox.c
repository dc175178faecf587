#include "edge/app/inbox.h"

#include <stdatomic.h>

#include "common/base/heap.h"
#include "common/port/posix/queue.h"

struct edge_inbox {
    trib_queue *queue;
    atomic_uint predictions; /* waiting */
    atomic_uint_fast64_t predictions_left_out;
    atomic_uint_fast64_t others_left_out;
};

void edge_agent_event_destroy(edge_agent_event *event) {
    if (event != NULL) {
        if (event->kind == EDGE_AGENT_MQTT) {
            trib_mqtt_event_destroy(event->of.mqtt);
        } else if (event->kind == EDGE_AGENT_RESULT) {
            edge_train_result_destroy(event->of.result);
        }
        trib_free(event);
    }
}

static void drop_event(void *item) {
    edge_agent_event_destroy(item);
}

trib_status edge_inbox_create(edge_inbox **ret_inbox) {
    edge_inbox *inbox = trib_allocate(1, sizeof *inbox);
    if (inbox == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for an inbox");
    }
    trib_status status = trib_queue_create(EDGE_INBOX, drop_event, &inbox->queue);
    if (!trib_ok(status)) {
        trib_free(inbox);
        return status;
    }
    *ret_inbox = inbox;
    return TRIB_SUCCESS;
}

void edge_inbox_destroy(edge_inbox *inbox) {
    if (inbox != NULL) {
        trib_queue_destroy(inbox->queue);
        trib_free(inbox);
    }
}

static bool push_prediction(edge_inbox *inbox, edge_agent_event *event) {
    unsigned most = event->of.prediction.anomaly ? EDGE_INBOX_ALARMS : EDGE_INBOX_PREDICTIONS;
    if (atomic_fetch_add(&inbox->predictions, 1) < most && trib_queue_push(inbox->queue, event)) {
        return true;
    }
    (void)atomic_fetch_sub(&inbox->predictions, 1);
    return false;
}

static bool push(edge_inbox *inbox, edge_agent_event *event) {
    switch (event->kind) {
    case EDGE_AGENT_PREDICTION:
        return push_prediction(inbox, event);
    case EDGE_AGENT_RESULT:
        return trib_queue_push_urgent(inbox->queue, event);
    case EDGE_AGENT_MQTT:
        if (event->of.mqtt->kind != TRIB_MQTT_MESSAGE) {
            return trib_queue_push_urgent(inbox->queue, event);
        }
        break;
    case EDGE_AGENT_ROOM:
        break;
    }
    return trib_queue_push(inbox->queue, event);
}

bool edge_inbox_push(edge_inbox *inbox, edge_agent_event *event_take) {
    if (push(inbox, event_take)) {
        return true;
    }
    (void)atomic_fetch_add(event_take->kind == EDGE_AGENT_PREDICTION ? &inbox->predictions_left_out
                                                                     : &inbox->others_left_out,
                           1);
    edge_agent_event_destroy(event_take);
    return false;
}

edge_agent_event *edge_inbox_pop(edge_inbox *inbox, uint64_t timeout_ms) {
    edge_agent_event *event = trib_queue_pop(inbox->queue, timeout_ms);
    if (event != NULL && event->kind == EDGE_AGENT_PREDICTION) {
        (void)atomic_fetch_sub(&inbox->predictions, 1);
    }
    return event;
}

edge_inbox_counts edge_inbox_counted(const edge_inbox *inbox) {
    return (edge_inbox_counts){.predictions = atomic_load(&inbox->predictions_left_out),
                               .others = atomic_load(&inbox->others_left_out)};
}
