#include <string.h>

#include "cloud/app/core.h"

void cloud_event_destroy(cloud_event *event) {
    if (event != NULL) {
        trib_mqtt_event_destroy(event->mqtt);
        trib_free(event->text);
        trib_free(event);
    }
}

static bool is_telemetry(const trib_mqtt_event *mqtt) {
    static const char ending[] = "/up/telemetry";
    size_t length = strlen(mqtt->topic);
    return length >= sizeof ending - 1 &&
           strcmp(mqtt->topic + length - (sizeof ending - 1), ending) == 0;
}

/* Nobody sends telemetry again, and nothing else is to be lost to it: it has a share of the queue.
 */
static bool push_telemetry(cloud_core *core, cloud_event *event) {
    event->telemetry = true;
    if (atomic_fetch_add(&core->telemetry_waiting, 1) < CLOUD_QUEUE_TELEMETRY &&
        trib_queue_push(core->queue, event)) {
        return true;
    }
    (void)atomic_fetch_sub(&core->telemetry_waiting, 1);
    (void)atomic_fetch_add(&core->telemetry_dropped, 1);
    return false;
}

/* Of what the broker says only messages may be lost to a full queue: their senders send again. */
bool cloud_core_push(cloud_core *core, cloud_event *event) {
    if (event->kind == CLOUD_EVENT_MQTT && event->mqtt->kind != TRIB_MQTT_MESSAGE) {
        return trib_queue_push_urgent(core->queue, event);
    }
    return event->kind == CLOUD_EVENT_MQTT && is_telemetry(event->mqtt)
               ? push_telemetry(core, event)
               : trib_queue_push(core->queue, event);
}

static void subscribe(cloud_core *core) {
    static const char *const filters[] = {
        "tributary/v1/+/+/up/join", "tributary/v1/+/+/up/update", "tributary/v1/+/+/up/status",
        "tributary/v1/+/+/up/prediction", "tributary/v1/+/+/up/telemetry"};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        if (!trib_ok(trib_mqtt_subscribe(core->mqtt, filters[i]))) {
            trib_log(TRIB_LOG_ERROR, "not subscribed", "why=%s", trib_message());
        }
    }
}

/* An unsealed hint: it decides nothing, and is shown to people. */
static void handle_status(cloud_core *core, cloud_gateway *gateway, trib_bytes payload) {
    gateway->online = payload.size == 6 && memcmp(payload.data, "online", 6) == 0;
    gateway->seen_ms = trib_wall_ms(core->clock);
}

static void handle_message(cloud_core *core, const trib_mqtt_event *event) {
    trib_topic topic;
    trib_bytes payload = trib_bytes_of(event->payload, event->size);
    if (!trib_ok(trib_topic_parse(event->topic, strlen(event->topic), &topic))) {
        core->counts.garbage++;
        return;
    }
    cloud_member *member = cloud_find(core, topic.federation);
    if (member == NULL) {
        core->counts.garbage++;
        trib_log(TRIB_LOG_DEBUG, "message for no federation", "topic=%s", event->topic);
        return;
    }
    if (topic.kind == TRIB_TOPIC_UP_JOIN) {
        cloud_handle_join(core, member, topic.gateway, payload);
        return;
    }
    cloud_gateway *gateway = cloud_gateway_find(&member->live->gateways, topic.gateway);
    if (gateway == NULL) {
        core->counts.garbage += topic.kind != TRIB_TOPIC_UP_STATUS;
        return;
    }
    if (topic.kind == TRIB_TOPIC_UP_UPDATE) {
        cloud_handle_update(core, member, gateway, event->topic, payload);
    } else if (topic.kind == TRIB_TOPIC_UP_PREDICTION) {
        cloud_handle_prediction(core, member, gateway, event->topic, payload);
    } else if (topic.kind == TRIB_TOPIC_UP_TELEMETRY) {
        cloud_handle_telemetry(core, member, gateway, event->topic, payload);
    } else if (topic.kind == TRIB_TOPIC_UP_STATUS) {
        handle_status(core, gateway, payload);
    }
}

static void handle_mqtt(cloud_core *core, const trib_mqtt_event *event) {
    if (!trib_mqtt_handle(core->mqtt, event)) {
        return;
    }
    if (event->kind == TRIB_MQTT_CONNECTED) {
        trib_log(TRIB_LOG_INFO, "connected", "broker=%s", core->config.broker_uri);
        subscribe(core);
        cloud_all_due(core);
    } else if (event->kind == TRIB_MQTT_DISCONNECTED ||
               event->kind == TRIB_MQTT_REFUSED_SUBSCRIPTION) {
        trib_log(TRIB_LOG_WARN, "broker", "why=%s", trib_mqtt_problem(core->mqtt));
    } else if (event->kind == TRIB_MQTT_NOT_SENT) {
        trib_log(TRIB_LOG_WARN, "not published", "why=%s", trib_mqtt_problem(core->mqtt));
    } else if (event->kind == TRIB_MQTT_MESSAGE) {
        handle_message(core, event);
    }
}

uint64_t cloud_core_wait_ms(const cloud_core *core) {
    uint64_t wait = cloud_tick_wait_ms(core);
    uint64_t link = trib_mqtt_wait_ms(core->mqtt);
    wait = link < wait ? link : wait;
    uint64_t outbox = cloud_bridging_wait_ms(core);
    return outbox < wait ? outbox : wait;
}

/* The asker waits for exactly one answer, so there is always room for it. */
static void give_answer(cloud_request *request) {
    bool pushed = trib_queue_push(request->answered, request);
    TRIB_ASSERT(pushed);
}

/* Whoever still asks when the core stops is told so: an asker waits until it is answered. */
static void turn_away(cloud_core *core) {
    trib_queue_close(core->queue);
    for (cloud_event *event; (event = trib_queue_pop(core->queue, 0)) != NULL;) {
        if (event->kind == CLOUD_EVENT_REQUEST) {
            event->request->status = 503;
            give_answer(event->request);
        }
        cloud_event_destroy(event);
    }
}

static cloud_event *next_event(cloud_core *core, uint64_t most_ms) {
    cloud_event *event = trib_queue_pop(core->queue, most_ms);
    if (event != NULL && event->telemetry) {
        (void)atomic_fetch_sub(&core->telemetry_waiting, 1);
    }
    return event;
}

/* One fsync serves whatever was waiting; a queue that never empties is cut into batches. Once the
 * core has failed, settling says so, and nothing is closed or published any more. */
trib_status cloud_core_step(cloud_core *core, uint64_t most_ms) {
    cloud_event *event = next_event(core, most_ms);
    for (size_t handled = 0; event != NULL && handled < CLOUD_BATCH; handled++) {
        if (event->kind == CLOUD_EVENT_MQTT) {
            handle_mqtt(core, event->mqtt);
        } else if (event->kind == CLOUD_EVENT_BRIDGE) {
            cloud_bridging_report(core, event);
        } else if (event->kind == CLOUD_EVENT_ARCHIVE) {
            cloud_archiving_report(core, event->text);
        } else {
            cloud_handle_request(core, event->request);
            trib_status status = cloud_settle(core); /* an answer tells only what is durable */
            event->request->status = trib_ok(status) ? event->request->status : 500;
            give_answer(event->request);
            if (!trib_ok(status)) {
                cloud_event_destroy(event);
                return status;
            }
        }
        cloud_event_destroy(event);
        bool more = !core->failed && handled + 1 < CLOUD_BATCH && core->reply_count < CLOUD_BATCH;
        event = more ? next_event(core, 0) : NULL;
    }
    TRIB_TRY(cloud_settle(core));
    cloud_tick(core);
    TRIB_TRY(cloud_settle(core));
    cloud_prune(core);
    trib_mqtt_run(core->mqtt);
    cloud_publish_due(core);
    cloud_bridging_settle(core);
    cloud_archiving_settle(core);
    return TRIB_SUCCESS;
}

trib_status cloud_core_begin(cloud_core *core) {
    trib_status status = TRIB_SUCCESS;
    for (size_t i = 0; i < core->member_count && trib_ok(status); i++) {
        status = cloud_mend_release(core, &core->members[i]);
        cloud_consider_round(core, &core->members[i]);
    }
    trib_mqtt_run(core->mqtt);
    TRIB_TRY(status);
    TRIB_TRY(cloud_archiving_start(core));
    return cloud_bridging_start(core);
}

trib_status cloud_core_run(cloud_core *core) {
    trib_status status = cloud_core_begin(core);
    while (!core->stop && trib_ok(status)) {
        status = cloud_core_step(core, cloud_core_wait_ms(core));
    }
    turn_away(core);
    return status;
}
