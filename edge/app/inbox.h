/* What the agent's thread works off: the events of all other threads, in one bounded queue.
 *
 * Whatever may be lost has a share that it cannot go past, so that nothing else is lost to it:
 *
 *     results, answers of the broker   never lost: a reserve behind the queue is theirs, and
 *                                      their senders bound them
 *     messages, what rooms say         the whole queue; messages are sent again
 *     predictions                      EDGE_INBOX_PREDICTIONS of it; alarms EDGE_INBOX_ALARMS
 *
 * owns     events; pushing gives them away, popping hands them over
 * errors   creating: TRIB_E_IO for memory
 * threads  any number push; one pops
 */
#ifndef EDGE_APP_INBOX_H
#define EDGE_APP_INBOX_H

#include "common/mqtt/mqtt.h"
#include "edge/train/train.h"
#include "edge/types/event.h"
#include "edge/types/prediction.h"

enum { EDGE_INBOX = 1024, EDGE_INBOX_PREDICTIONS = 256, EDGE_INBOX_ALARMS = 512 };

typedef enum edge_agent_event_kind {
    EDGE_AGENT_MQTT,
    EDGE_AGENT_PREDICTION,
    EDGE_AGENT_RESULT,
    EDGE_AGENT_ROOM
} edge_agent_event_kind;

typedef struct edge_agent_event {
    edge_agent_event_kind kind;
    union {
        trib_mqtt_event *mqtt; /* owned */
        edge_prediction prediction;
        edge_train_result *result; /* owned */
        edge_event room;
    } of;
} edge_agent_event;

void edge_agent_event_destroy(edge_agent_event *event);

typedef struct edge_inbox edge_inbox;

typedef struct edge_inbox_counts {
    uint64_t predictions; /* left out */
    uint64_t others;      /* messages, and what rooms had to say */
} edge_inbox_counts;

TRIB_MUST_CHECK trib_status edge_inbox_create(edge_inbox **ret_inbox);
void edge_inbox_destroy(edge_inbox *inbox);
/* False when it was left out: destroyed, and counted. */
bool edge_inbox_push(edge_inbox *inbox, edge_agent_event *event_take);
/* The oldest, or NULL after timeout_ms. */
edge_agent_event *edge_inbox_pop(edge_inbox *inbox, uint64_t timeout_ms);
/* A snapshot, from any thread. */
edge_inbox_counts edge_inbox_counted(const edge_inbox *inbox);

#endif
