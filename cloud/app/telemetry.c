/* Features and rows on their way to the data platform: taken only as far as the document in force
 * asks for them, and only of what it says that columns are. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cloud/app/core.h"
#include "common/tensor/json_text.h"

/* A message taken apart; views of core->frame. */
typedef struct table {
    trib_wire_Telemetry message;
    trib_bytes times_us, values, labels;
    uint32_t records;
    bool raw;
} table;

void cloud_telemetry_deinit(cloud_telemetry *telemetry) {
    trib_buffer_deinit(&telemetry->features);
    trib_buffer_deinit(&telemetry->rows);
    telemetry->revision = 0;
}

/* ---- what columns are called ---- */

static json_t *list_of(const char (*names)[TRIB_COLUMN_SIZE], uint32_t count) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        trib_json_add(&list, json_string(names[i]));
    }
    return list;
}

static trib_status print_rows_head(const trib_federation *federation, trib_buffer *ret_text) {
    const trib_source_spec *source = &federation->source;
    TRIB_SCOPED(trib_json_release) json_t *head = json_object();
    trib_json_put(&head, "channels", list_of(source->channels, source->channel_count));
    if (source->target_count > 0) {
        trib_json_put(&head, "targets", list_of(source->targets, source->target_count));
    }
    if (source->class_count > 0) {
        trib_json_put(&head, "classes", list_of(source->classes, source->class_count));
    }
    return trib_json_print(head, ret_text);
}

static trib_status print_features_head(const trib_federation *federation, trib_buffer *ret_text) {
    TRIB_SCOPED(trib_json_release) json_t *head = json_object();
    json_t *names = json_array();
    for (uint32_t i = 0; i < trib_federation_input_count(federation); i++) {
        char name[TRIB_FEATURE_NAME_SIZE];
        trib_federation_feature_name(federation, i, name);
        trib_json_add(&names, json_string(name));
    }
    trib_json_put(&head, "names", names);
    return trib_json_print(head, ret_text);
}

/* Of the document in force: made anew with each revision. */
static trib_status follow_document(cloud_core *core, cloud_member *member) {
    cloud_telemetry *telemetry = &member->telemetry;
    const trib_federation *federation = member->live->federation;
    trib_lineage lineage;
    if (member->live->revision == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "no document is in force");
    }
    if (telemetry->revision == member->live->revision) {
        return TRIB_SUCCESS;
    }
    cloud_telemetry_deinit(telemetry);
    telemetry->features.ceiling = telemetry->rows.ceiling = CLOUD_EVENT_MOST_BYTES;
    TRIB_TRY(trib_federation_lineage(core->crypto, federation, &lineage));
    TRIB_TRY(print_rows_head(federation, &telemetry->rows));
    if (trib_federation_has_features(federation)) {
        TRIB_TRY(print_features_head(federation, &telemetry->features));
    }
    memcpy(telemetry->meaning, lineage.meaning, sizeof telemetry->meaning);
    telemetry->revision = member->live->revision;
    return TRIB_SUCCESS;
}

/* ---- what may be taken ---- */

/* A table in itself, whatever document it is of. */
static trib_status take_apart(trib_bytes bytes, table *ret_table) {
    table made = {.message = trib_wire_Telemetry_init_zero};
    trib_wire_Telemetry *message = &made.message;
    trib_wire_catch(&message->times_us, &made.times_us);
    trib_wire_catch(&message->values, &made.values);
    trib_wire_catch(&message->labels, &made.labels);
    TRIB_TRY(TRIB_WIRE_DECODE(Telemetry, bytes, message));
    made.records = (uint32_t)(made.times_us.size / 8);
    made.raw = message->level == trib_wire_TelemetryLevel_TELEMETRY_LEVEL_RAW;
    if ((!made.raw && message->level != trib_wire_TelemetryLevel_TELEMETRY_LEVEL_FEATURES) ||
        message->meaning.size != TRIB_HASH_BYTES || message->columns == 0 ||
        message->columns > TRIB_TELEMETRY_MAX_VALUES || made.times_us.size % 8 != 0 ||
        made.records == 0 || made.records > TRIB_TELEMETRY_MAX_RECORDS ||
        made.values.size != (size_t)made.records * message->columns * sizeof(float) ||
        made.values.size > TRIB_TELEMETRY_MAX_VALUES * sizeof(float) ||
        (made.labels.size != 0 && (!made.raw || made.labels.size != made.records))) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "telemetry of %zu bytes that is no table of %u columns",
                         bytes.size, message->columns);
    }
    *ret_table = made;
    return TRIB_SUCCESS;
}

/* Whether the document in force asks for it: a gateway must not push what nobody asked for, nor
 * have it told under other names. */
static trib_status admit(const cloud_member *member, const cloud_gateway *gateway,
                         const table *from) {
    const trib_federation *federation = member->live->federation;
    const trib_source_spec *source = &federation->source;
    trib_telemetry_level level = (trib_telemetry_level)from->message.level;
    if (gateway->revoked) {
        return TRIB_FAIL(TRIB_E_DENIED, "the gateway is revoked");
    }
    if (trib_telemetry_leaves(federation->telemetry, level,
                              trib_federation_has_features(federation)) != level) {
        return TRIB_FAIL(TRIB_E_DENIED, "%s telemetry, where the federation asks for %s",
                         trib_telemetry_words[level], trib_telemetry_words[federation->telemetry]);
    }
    uint32_t columns = from->raw ? source->channel_count + source->target_count
                                 : trib_federation_input_count(federation);
    if (memcmp(from->message.meaning.bytes, member->telemetry.meaning, TRIB_HASH_BYTES) != 0 ||
        from->message.columns != columns || (from->labels.size > 0 && source->class_count == 0)) {
        return TRIB_FAIL(TRIB_E_DENIED, "telemetry of another document than the one in force");
    }
    for (size_t i = 0; i < from->labels.size; i++) {
        int8_t label = (int8_t)from->labels.data[i];
        if (label < -1 || label >= (int32_t)source->class_count) {
            return TRIB_FAIL(TRIB_E_DENIED, "a row of class %d", label);
        }
    }
    return TRIB_SUCCESS;
}

/* ---- to the outbox ---- */

static void keep(cloud_core *core, const cloud_member *member, const cloud_gateway *gateway,
                 const table *from) {
    cloud_record_Telemetry record = cloud_record_Telemetry_init_zero;
    trib_bytes head =
        trib_buffer_view(from->raw ? &member->telemetry.rows : &member->telemetry.features);
    trib_bytes times_us = from->times_us, values = from->values;
    size_t row_bytes = from->message.columns * sizeof(float);
    (void)snprintf(record.federation, sizeof record.federation, "%s", member->live->name);
    (void)snprintf(record.gateway, sizeof record.gateway, "%s", gateway->name);
    record.time_ms = trib_wall_ms(core->clock);
    record.raw = from->raw;
    record.clock_unsure = from->message.clock_unsure;
    record.columns = from->message.columns;
    record.targets = from->raw ? member->live->federation->source.target_count : 0;
    trib_wire_put(&record.head, &head);
    trib_wire_put(&record.times_us, &times_us);
    trib_wire_put(&record.values, &values);
    trib_wire_put(&record.labels, &from->labels);
    if (from->raw) {
        cloud_bridge_telemetry(core, &record);
        return;
    }
    for (uint32_t i = 0; i < from->records; i++) { /* an event each */
        times_us = trib_bytes_of(from->times_us.data + (size_t)8 * i, 8);
        values = trib_bytes_of(from->values.data + i * row_bytes, row_bytes);
        cloud_bridge_telemetry(core, &record);
    }
}

/* The first, the second, the fourth ...: whoever sends what is refused sends it often. */
static void say_refused(const cloud_member *member, const cloud_gateway *gateway) {
    uint64_t count = gateway->telemetry_refused;
    if ((count & (count - 1)) == 0) {
        trib_log(TRIB_LOG_WARN, "telemetry refused", "federation=%s gateway=%s count=%llu why=%s",
                 member->live->name, gateway->name, (unsigned long long)count, trib_message());
    }
}

void cloud_handle_telemetry(cloud_core *core, cloud_member *member, cloud_gateway *gateway,
                            const char *topic, trib_bytes frame) {
    table opened;
    if (!cloud_open_frame(core, member, gateway, &gateway->telemetry, topic, frame)) {
        return;
    }
    if (!trib_ok(take_apart(trib_buffer_view(&core->frame), &opened))) {
        gateway->garbage++;
        core->counts.garbage++;
        return;
    }
    trib_status status = follow_document(core, member);
    if (trib_ok(status)) {
        status = admit(member, gateway, &opened);
    }
    if (!trib_ok(status)) {
        gateway->telemetry_refused++;
        core->counts.telemetry_refused++;
        say_refused(member, gateway);
        return;
    }
    keep(core, member, gateway, &opened);
    gateway->telemetry_taken += opened.records;
    core->counts.telemetry += opened.records;
}
