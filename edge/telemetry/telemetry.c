#include "edge/telemetry/telemetry.h"

#include <stdatomic.h>
#include <string.h>

#include "common/base/heap.h"
#include "common/port/posix/queue.h"
#include "common/wire/wire.h"

_Static_assert((int)TRIB_TELEMETRY_FEATURES ==
                       (int)trib_wire_TelemetryLevel_TELEMETRY_LEVEL_FEATURES &&
                   (int)TRIB_TELEMETRY_RAW == (int)trib_wire_TelemetryLevel_TELEMETRY_LEVEL_RAW,
               "levels travel by their numbers");
_Static_assert(TRIB_TELEMETRY_MAX_RECORDS *(8 + 1) +
                       TRIB_TELEMETRY_MAX_VALUES * (int)sizeof(float) + 256 <=
                   TRIB_TELEMETRY_MAX_BYTES,
               "a full message fits");

struct edge_telemetry_message {
    trib_telemetry_level level;
    uint8_t meaning[TRIB_HASH_BYTES];
    uint32_t columns;
    uint32_t records;
    uint64_t opened_ms;
    bool labelled;
    uint8_t times_us[8 * TRIB_TELEMETRY_MAX_RECORDS];
    uint8_t values[sizeof(float) * TRIB_TELEMETRY_MAX_VALUES];
    uint8_t labels[TRIB_TELEMETRY_MAX_RECORDS];
};

struct edge_telemetry {
    const trib_clock *clock;
    trib_queue *waiting; /* of edge_telemetry_message */
    atomic_int level;
    atomic_uint_fast64_t left_out;
    uint8_t meaning[TRIB_HASH_BYTES];
    bool has_features, labelled;
    uint32_t channels, targets, features;

    /* the stream's */
    edge_telemetry_message *open; /* being filled, or NULL */
};

void edge_telemetry_message_destroy(edge_telemetry_message *message) {
    trib_free(message);
}

void edge_telemetry_message_destroy_scoped(edge_telemetry_message **message) {
    edge_telemetry_message_destroy(*message);
}

static void drop_message(void *item) {
    edge_telemetry_message_destroy(item);
}

trib_status edge_telemetry_create(const trib_federation *federation,
                                  const uint8_t meaning[TRIB_HASH_BYTES], const trib_clock *clock,
                                  edge_telemetry **ret_telemetry) {
    edge_telemetry *telemetry = trib_allocate(1, sizeof *telemetry);
    if (telemetry == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for telemetry");
    }
    trib_status status =
        trib_queue_create(EDGE_TELEMETRY_WAITING, drop_message, &telemetry->waiting);
    if (!trib_ok(status)) {
        trib_free(telemetry);
        return status;
    }
    telemetry->clock = clock;
    memcpy(telemetry->meaning, meaning, sizeof telemetry->meaning);
    telemetry->has_features = trib_federation_has_features(federation);
    telemetry->labelled = federation->source.class_count > 0;
    telemetry->channels = federation->source.channel_count;
    telemetry->targets = federation->source.target_count;
    telemetry->features = trib_federation_input_count(federation);
    *ret_telemetry = telemetry;
    return TRIB_SUCCESS;
}

void edge_telemetry_destroy(edge_telemetry *telemetry) {
    if (telemetry != NULL) {
        edge_telemetry_message_destroy(telemetry->open);
        trib_queue_destroy(telemetry->waiting);
        trib_free(telemetry);
    }
}

trib_telemetry_level edge_telemetry_decide(edge_telemetry *telemetry, trib_telemetry_level asked,
                                           trib_telemetry_level allowed) {
    trib_telemetry_level level = trib_telemetry_leaves(asked, allowed, telemetry->has_features);
    atomic_store(&telemetry->level, (int)level);
    return level;
}

trib_telemetry_level edge_telemetry_level_of(const edge_telemetry *telemetry) {
    return telemetry != NULL ? (trib_telemetry_level)atomic_load(&telemetry->level)
                             : TRIB_TELEMETRY_NONE;
}

uint64_t edge_telemetry_left_out(const edge_telemetry *telemetry) {
    return telemetry != NULL ? atomic_load(&telemetry->left_out) : 0;
}

static void leave_out(edge_telemetry *telemetry, edge_telemetry_message *message) {
    (void)atomic_fetch_add(&telemetry->left_out, message->records);
    edge_telemetry_message_destroy(message);
}

/* ---- the stream's side ---- */

static void let_go(edge_telemetry *telemetry) {
    edge_telemetry_message *message = telemetry->open;
    telemetry->open = NULL;
    if (!trib_queue_push(telemetry->waiting, message)) {
        leave_out(telemetry, message);
    }
}

/* The message that a record of this level goes into; NULL if it does not leave. */
static edge_telemetry_message *message_for(edge_telemetry *telemetry, trib_telemetry_level level,
                                           uint32_t columns) {
    edge_telemetry_message *open = telemetry->open;
    trib_telemetry_level now = (trib_telemetry_level)atomic_load(&telemetry->level);
    if (open != NULL && open->level != now) {
        telemetry->open = NULL;
        leave_out(telemetry, open);
        open = NULL;
    }
    if (level != now) {
        return NULL;
    }
    if (open != NULL && (open->records == TRIB_TELEMETRY_MAX_RECORDS ||
                         (open->records + 1) * columns > TRIB_TELEMETRY_MAX_VALUES)) {
        let_go(telemetry);
        open = NULL;
    }
    if (open == NULL) {
        open = trib_allocate(1, sizeof *open);
        if (open == NULL) {
            (void)atomic_fetch_add(&telemetry->left_out, 1);
            return NULL;
        }
        open->level = level;
        memcpy(open->meaning, telemetry->meaning, sizeof open->meaning);
        open->columns = columns;
        open->labelled = level == TRIB_TELEMETRY_RAW && telemetry->labelled;
        open->opened_ms = trib_monotonic_ms(telemetry->clock);
        telemetry->open = open;
    }
    return open;
}

static void put_values(edge_telemetry_message *message, uint32_t column, const float *values,
                       uint32_t count) {
    size_t from = ((size_t)message->records * message->columns + column) * sizeof(float);
    trib_writer writer = trib_writer_of(message->values + from, count * sizeof(float));
    for (uint32_t i = 0; i < count; i++) {
        trib_write_f32(&writer, values[i]);
    }
    TRIB_ASSERT(!writer.overflow);
}

static void end_record(edge_telemetry_message *message, int64_t time_us, int32_t label) {
    trib_store_u64(message->times_us + (size_t)8 * message->records, (uint64_t)time_us);
    message->labels[message->records] = (uint8_t)(int8_t)label;
    message->records++;
}

void edge_telemetry_row(edge_telemetry *telemetry, const trib_source_row *row) {
    if (telemetry == NULL) {
        return;
    }
    uint32_t channels = telemetry->channels, targets = telemetry->targets;
    edge_telemetry_message *message =
        message_for(telemetry, TRIB_TELEMETRY_RAW, channels + targets);
    if (message != NULL) {
        put_values(message, 0, row->values, channels);
        put_values(message, channels, row->targets, targets);
        end_record(message, row->time_us, row->label);
    }
}

void edge_telemetry_window(edge_telemetry *telemetry, const trib_window *window) {
    if (telemetry == NULL) {
        return;
    }
    edge_telemetry_message *message =
        message_for(telemetry, TRIB_TELEMETRY_FEATURES, telemetry->features);
    if (message != NULL) {
        TRIB_ASSERT(window->count == telemetry->features);
        put_values(message, 0, window->values, telemetry->features);
        end_record(message, window->end_us, -1);
    }
}

void edge_telemetry_due(edge_telemetry *telemetry) {
    if (telemetry != NULL && telemetry->open != NULL &&
        trib_monotonic_ms(telemetry->clock) - telemetry->open->opened_ms >= EDGE_TELEMETRY_MS) {
        let_go(telemetry);
    }
}

/* ---- the owner's side ---- */

edge_telemetry_message *edge_telemetry_pop(edge_telemetry *telemetry) {
    edge_telemetry_message *message;
    while ((message = trib_queue_pop(telemetry->waiting, 0)) != NULL) {
        if (message->level == edge_telemetry_level_of(telemetry)) {
            return message;
        }
        leave_out(telemetry, message);
    }
    return NULL;
}

uint32_t edge_telemetry_records(const edge_telemetry_message *message) {
    return message->records;
}

trib_status edge_telemetry_encode(const edge_telemetry_message *message, bool clock_unsure,
                                  trib_writer *writer) {
    trib_wire_Telemetry telemetry = trib_wire_Telemetry_init_zero;
    const trib_bytes times_us = trib_bytes_of(message->times_us, (size_t)8 * message->records);
    const trib_bytes values =
        trib_bytes_of(message->values, (size_t)message->records * message->columns * sizeof(float));
    const trib_bytes labels = trib_bytes_of(message->labels, message->records);
    telemetry.level = (trib_wire_TelemetryLevel)message->level;
    TRIB_WIRE_SET_BYTES(telemetry.meaning, message->meaning, sizeof message->meaning);
    telemetry.clock_unsure = clock_unsure;
    telemetry.columns = message->columns;
    trib_wire_put(&telemetry.times_us, &times_us);
    trib_wire_put(&telemetry.values, &values);
    if (message->labelled) {
        trib_wire_put(&telemetry.labels, &labels);
    }
    return TRIB_WIRE_ENCODE(Telemetry, &telemetry, writer);
}
