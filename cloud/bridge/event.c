#include "cloud/bridge/event.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cloud/types/records.pb.h"
#include "common/telemetry/telemetry.h"
#include "common/tensor/json_text.h"
#include "common/wire/wire.h"

const char *const cloud_bridge_topic_names[] = {"audit",      "model",     "round", "alert",
                                                "prediction", "telemetry", NULL};
const char *const cloud_bridge_log_names[] = {"ledger", "alert", "prediction", "telemetry", NULL};

/* What a record is told with. */
typedef struct telling {
    cloud_bridge_log log;
    const cloud_record *record;
    trib_buffer *buffer;
    cloud_bridge_each each;
    void *context;
} telling;

/* Text may come from a gateway, which may lie about its encoding. */
static void put_text(json_t **map, const char *key, const char *text) {
    json_t *value = json_string(text);
    char plain[512];
    if (value == NULL) {
        size_t size = 0;
        for (; text[size] != '\0' && size + 1 < sizeof plain; size++) {
            plain[size] = (unsigned char)text[size] < 0x80 ? text[size] : '?';
        }
        plain[size] = '\0';
        value = json_string(plain);
    }
    trib_json_put(map, key, value);
}

static void put_count(json_t **map, const char *key, uint64_t count) {
    trib_json_put(map, key, json_integer((json_int_t)count));
}

/* JSON has no word for what is not finite: it is left out. */
static void put_real(json_t **map, const char *key, double value) {
    if (isfinite(value)) {
        trib_json_put(map, key, json_real(value));
    }
}

static void put_bytes(json_t **map, const char *key, const uint8_t *bytes, size_t size) {
    char text[2 * 64 + 1];
    if (size > 0 && size <= 64) {
        trib_hex(trib_bytes_of(bytes, size), text);
        put_text(map, key, text);
    }
}

static trib_status tell(const telling *t, cloud_bridge_event *event, json_t *body) {
    trib_buffer_clear(t->buffer);
    TRIB_TRY(trib_json_print_as_put(body, t->buffer));
    event->body = trib_buffer_view(t->buffer);
    (void)snprintf(event->id, sizeof event->id, "%s-%" PRIu64, cloud_bridge_log_names[t->log],
                   t->record->position);
    return t->each(t->context, event);
}

static void copy_name(char *to, size_t size, const char *name) {
    size_t length = strnlen(name, size - 1);
    memcpy(to, name, length);
    to[length] = '\0';
}

/* An event of a federation, or of a gateway in it. */
static cloud_bridge_event event_of(cloud_bridge_topic topic, const char *type,
                                   const char *federation, const char *gateway, uint64_t time_ms) {
    cloud_bridge_event event = {.topic = topic, .time_ms = time_ms};
    copy_name(event.federation, sizeof event.federation, federation);
    copy_name(event.key, sizeof event.key, gateway != NULL ? gateway : federation);
    (void)snprintf(event.type, sizeof event.type, "tributary.%s.%s",
                   cloud_bridge_topic_names[topic], type);
    return event;
}

static json_t *body_of(const cloud_bridge_event *event) {
    json_t *body = json_object();
    put_text(&body, "federation", event->federation);
    return body;
}

static trib_status tell_document(const telling *t, const char *type) {
    cloud_record_Federation message = cloud_record_Federation_init_zero;
    TRIB_TRY(trib_wire_decode(cloud_record_Federation_fields, t->record->payload, &message));
    cloud_bridge_event event =
        event_of(CLOUD_TOPIC_AUDIT, type, message.federation, NULL, message.time_ms);
    TRIB_SCOPED(trib_json_release) json_t *body = body_of(&event);
    put_count(&body, "revision", message.revision);
    trib_json_put(&body, "new_lineage", json_boolean(message.new_lineage));
    return tell(t, &event, body);
}

static trib_status tell_join(const telling *t) {
    cloud_record_Join message = cloud_record_Join_init_zero;
    TRIB_TRY(trib_wire_decode(cloud_record_Join_fields, t->record->payload, &message));
    cloud_bridge_event event =
        event_of(CLOUD_TOPIC_AUDIT, "joined", message.federation, message.gateway, message.time_ms);
    TRIB_SCOPED(trib_json_release) json_t *body = body_of(&event);
    put_text(&body, "gateway", message.gateway);
    put_count(&body, "generation", message.generation);
    put_text(&body, "certificate_serial", message.serial);
    return tell(t, &event, body);
}

static trib_status tell_revoked(const telling *t) {
    cloud_record_Revoked message = cloud_record_Revoked_init_zero;
    TRIB_TRY(trib_wire_decode(cloud_record_Revoked_fields, t->record->payload, &message));
    cloud_bridge_event event =
        event_of(CLOUD_TOPIC_AUDIT, "revoked", "all", message.gateway, message.time_ms);
    TRIB_SCOPED(trib_json_release) json_t *body = body_of(&event);
    put_text(&body, "gateway", message.gateway);
    trib_json_put(&body, "discard", json_boolean(message.discard));
    return tell(t, &event, body);
}

static trib_status tell_update(const telling *t) {
    cloud_record_Update message = cloud_record_Update_init_zero;
    trib_wire_Update update = trib_wire_Update_init_zero;
    trib_bytes encoded, payload;
    trib_wire_catch(&message.update, &encoded);
    TRIB_TRY(trib_wire_decode(cloud_record_Update_fields, t->record->payload, &message));
    trib_wire_catch(&update.payload, &payload);
    TRIB_TRY(TRIB_WIRE_DECODE(Update, encoded, &update));
    cloud_bridge_event event =
        event_of(CLOUD_TOPIC_AUDIT, "update", message.federation, message.gateway, message.time_ms);
    TRIB_SCOPED(trib_json_release) json_t *body = body_of(&event);
    put_text(&body, "gateway", message.gateway);
    put_count(&body, "round", update.round);
    put_count(&body, "examples", update.examples);
    put_count(&body, "bytes", encoded.size);
    put_real(&body, "loss", (double)update.loss);
    put_bytes(&body, "digest", message.digest.bytes, message.digest.size);
    return tell(t, &event, body);
}

static trib_status tell_opened(const telling *t) {
    cloud_record_RoundOpened message = cloud_record_RoundOpened_init_zero;
    TRIB_TRY(trib_wire_decode(cloud_record_RoundOpened_fields, t->record->payload, &message));
    cloud_bridge_event event =
        event_of(CLOUD_TOPIC_ROUND, "opened", message.federation, NULL, message.time_ms);
    TRIB_SCOPED(trib_json_release) json_t *body = body_of(&event);
    put_count(&body, "round", message.round);
    put_text(&body, "kind", message.statistics ? "statistics" : "training");
    put_count(&body, "ordinal", message.ordinal);
    put_count(&body, "expected", message.expected);
    put_count(&body, "quorum", message.quorum);
    put_count(&body, "deadline_ms", message.deadline_ms);
    put_bytes(&body, "base", message.base_digest.bytes, message.base_digest.size);
    return tell(t, &event, body);
}

static trib_status tell_made(const telling *t, const cloud_record_RoundClosed *message) {
    cloud_bridge_event event =
        event_of(CLOUD_TOPIC_MODEL, "created", message->federation, NULL, message->time_ms);
    TRIB_SCOPED(trib_json_release) json_t *body = body_of(&event);
    put_count(&body, "round", message->round);
    put_count(&body, "updates", message->updates);
    put_real(&body, "loss", message->loss);
    put_bytes(&body, "base", message->model_digest.bytes, message->model_digest.size);
    put_bytes(&body, "model", message->served_digest.bytes, message->served_digest.size);
    return tell(t, &event, body);
}

static trib_status tell_closed(const telling *t) {
    cloud_record_RoundClosed message = cloud_record_RoundClosed_init_zero;
    TRIB_TRY(trib_wire_decode(cloud_record_RoundClosed_fields, t->record->payload, &message));
    cloud_bridge_event event =
        event_of(CLOUD_TOPIC_ROUND, message.abandoned ? "abandoned" : "closed", message.federation,
                 NULL, message.time_ms);
    TRIB_SCOPED(trib_json_release) json_t *body = body_of(&event);
    put_count(&body, "round", message.round);
    put_count(&body, "updates", message.updates);
    put_count(&body, "weight", message.weight);
    put_real(&body, "loss", message.loss);
    put_count(&body, "bytes_up", message.bytes_up);
    put_text(&body, "reason", message.reason);
    TRIB_TRY(tell(t, &event, body));
    return message.served_digest.size > 0 ? tell_made(t, &message) : TRIB_SUCCESS;
}

static trib_status tell_release(const telling *t) {
    cloud_record_Release message = cloud_record_Release_init_zero;
    TRIB_TRY(trib_wire_decode(cloud_record_Release_fields, t->record->payload, &message));
    cloud_bridge_event event =
        event_of(CLOUD_TOPIC_MODEL, "released", message.federation, NULL, message.time_ms);
    TRIB_SCOPED(trib_json_release) json_t *body = body_of(&event);
    put_count(&body, "release", message.release);
    put_count(&body, "round", message.round);
    put_count(&body, "ordinal", message.ordinal);
    put_bytes(&body, "model", message.model_digest.bytes, message.model_digest.size);
    return tell(t, &event, body);
}

static trib_status tell_ledger(const telling *t) {
    switch ((cloud_record_Type)t->record->type) {
    case cloud_record_Type_TYPE_FEDERATION:
        return tell_document(t, "applied");
    case cloud_record_Type_TYPE_PENDING:
        return tell_document(t, "pending");
    case cloud_record_Type_TYPE_JOIN:
        return tell_join(t);
    case cloud_record_Type_TYPE_REVOKED:
        return tell_revoked(t);
    case cloud_record_Type_TYPE_UPDATE:
        return tell_update(t);
    case cloud_record_Type_TYPE_ROUND_OPENED:
        return tell_opened(t);
    case cloud_record_Type_TYPE_ROUND_CLOSED:
        return tell_closed(t);
    case cloud_record_Type_TYPE_RELEASE:
        return tell_release(t);
    case cloud_record_Type_TYPE_NONE:
        return TRIB_SUCCESS;
    }
    return TRIB_SUCCESS; /* of a newer version */
}

static void put_prediction(json_t **body, const trib_wire_Prediction *prediction) {
    put_count(body, "release", prediction->release);
    trib_json_put(body, "time_us", json_integer(prediction->time_us));
    trib_json_put(body, "clock_unsure", json_boolean(prediction->clock_unsure));
    trib_json_put(body, "anomaly", json_boolean(prediction->anomaly));
    if (prediction->label >= 0) {
        trib_json_put(body, "label", json_integer(prediction->label));
        put_text(body, "label_name", prediction->label_name);
        put_real(body, "confidence", (double)prediction->confidence);
    } else if (prediction->values_count == 0) {
        put_real(body, "error", (double)prediction->error);
    }
    if (prediction->values_count > 0) {
        json_t *values = json_array();
        for (pb_size_t i = 0; i < prediction->values_count; i++) {
            double value = (double)prediction->values[i];
            trib_json_add(&values, isfinite(value) ? json_real(value) : json_null());
        }
        trib_json_put(body, "values", values);
    }
}

static trib_status tell_outgoing(const telling *t, cloud_bridge_topic topic, const char *type) {
    cloud_record_Outgoing outgoing = cloud_record_Outgoing_init_zero;
    trib_wire_Prediction prediction = trib_wire_Prediction_init_zero;
    trib_bytes encoded;
    trib_wire_catch(&outgoing.message, &encoded);
    TRIB_TRY(trib_wire_decode(cloud_record_Outgoing_fields, t->record->payload, &outgoing));
    TRIB_TRY(TRIB_WIRE_DECODE(Prediction, encoded, &prediction));
    cloud_bridge_event event =
        event_of(topic, type, outgoing.federation, outgoing.gateway, outgoing.time_ms);
    TRIB_SCOPED(trib_json_release) json_t *body = body_of(&event);
    put_text(&body, "gateway", outgoing.gateway);
    put_prediction(&body, &prediction);
    return tell(t, &event, body);
}

/* f32 [count], little-endian, from `from` on: null where JSON has no word for it. */
static json_t *numbers_of(trib_bytes values, size_t from, uint32_t count) {
    json_t *list = json_array();
    trib_cursor cursor = trib_cursor_of(values);
    cursor.at += from * sizeof(float);
    cursor.left -= from * sizeof(float);
    for (uint32_t i = 0; i < count; i++) {
        float value = NAN;
        trib_status status = trib_read_f32(&cursor, &value);
        TRIB_ASSERT(trib_ok(status)); /* the sizes were compared */
        trib_json_add(&list, isfinite(value) ? json_real((double)value) : json_null());
    }
    return list;
}

/* What the outbox keeps of telemetry. */
typedef struct table {
    cloud_record_Telemetry message;
    trib_bytes head, times_us, values, labels;
    size_t records;
} table;

static trib_status read_table(trib_bytes payload, table *ret_table) {
    table made = {.message = cloud_record_Telemetry_init_zero};
    trib_wire_catch(&made.message.head, &made.head);
    trib_wire_catch(&made.message.times_us, &made.times_us);
    trib_wire_catch(&made.message.values, &made.values);
    trib_wire_catch(&made.message.labels, &made.labels);
    TRIB_TRY(trib_wire_decode(cloud_record_Telemetry_fields, payload, &made.message));
    made.records = made.times_us.size / 8;
    uint32_t columns = made.message.columns;
    if (columns == 0 || columns > TRIB_TELEMETRY_MAX_VALUES || made.records == 0 ||
        made.records > TRIB_TELEMETRY_MAX_RECORDS || made.times_us.size % 8 != 0 ||
        made.values.size != made.records * columns * sizeof(float) ||
        (made.labels.size != 0 && made.labels.size != made.records) ||
        made.message.targets > columns || (!made.message.raw && made.records != 1)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a record of telemetry that is no table");
    }
    *ret_table = made;
    return TRIB_SUCCESS;
}

static json_t *rows_of(const table *from) {
    json_t *rows = json_array();
    uint32_t columns = from->message.columns, targets = from->message.targets;
    for (size_t i = 0; i < from->records; i++) {
        json_t *row = json_object();
        trib_json_put(
            &row, "time_us",
            json_integer((json_int_t)(int64_t)trib_load_u64(from->times_us.data + 8 * i)));
        trib_json_put(&row, "values", numbers_of(from->values, i * columns, columns - targets));
        if (targets > 0) {
            trib_json_put(&row, "targets",
                          numbers_of(from->values, (i + 1) * columns - targets, targets));
        }
        if (from->labels.size > 0 && (int8_t)from->labels.data[i] >= 0) {
            trib_json_put(&row, "label", json_integer((int8_t)from->labels.data[i]));
        }
        trib_json_add(&rows, row);
    }
    return rows;
}

static trib_status tell_telemetry(const telling *t) {
    table told;
    json_error_t error;
    TRIB_TRY(read_table(t->record->payload, &told));
    const cloud_record_Telemetry *message = &told.message;
    TRIB_SCOPED(trib_json_release)
    json_t *body = json_loadb((const char *)told.head.data, told.head.size, 0, &error);
    if (!json_is_object(body)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a record of telemetry without names of its columns");
    }
    cloud_bridge_event event = event_of(CLOUD_TOPIC_TELEMETRY, message->raw ? "raw" : "features",
                                        message->federation, message->gateway, message->time_ms);
    put_text(&body, "federation", event.federation);
    put_text(&body, "gateway", message->gateway);
    trib_json_put(&body, "clock_unsure", json_boolean(message->clock_unsure));
    if (message->raw) {
        trib_json_put(&body, "rows", rows_of(&told));
    } else {
        trib_json_put(&body, "time_us",
                      json_integer((json_int_t)(int64_t)trib_load_u64(told.times_us.data)));
        trib_json_put(&body, "values", numbers_of(told.values, 0, message->columns));
    }
    return tell(t, &event, body);
}

trib_status cloud_bridge_tell(cloud_bridge_log log, const cloud_record *record, trib_buffer *body,
                              cloud_bridge_each each, void *context) {
    const telling t = {log, record, body, each, context};
    if (record->type == 0) {
        return TRIB_SUCCESS;
    }
    switch (log) {
    case CLOUD_LOG_LEDGER:
        return tell_ledger(&t);
    case CLOUD_LOG_ALERT:
        return tell_outgoing(&t, CLOUD_TOPIC_ALERT, "anomaly");
    case CLOUD_LOG_PREDICTION:
        return tell_outgoing(&t, CLOUD_TOPIC_PREDICTION, "made");
    case CLOUD_LOG_TELEMETRY:
        return tell_telemetry(&t);
    case CLOUD_LOGS:
        break;
    }
    return TRIB_SUCCESS;
}
