#include "cloud/bridge/cloudevents.h"

#include <stdio.h>
#include <time.h>

/* "ce_" before their names; the last one only of a claim. */
enum { ATTRIBUTES = 8, BEFORE_NAME = 3 };
static const char dataref[] = "ce_dataref";

typedef struct attribute {
    const char *name, *value;
} attribute;

typedef struct attributes {
    char time[40];
    attribute items[ATTRIBUTES];
    size_t count;
} attributes;

void cloud_cloudevents_init(cloud_cloudevents *shared, const char *id) {
    *shared = (cloud_cloudevents){.time_s = 0};
    (void)snprintf(shared->source, sizeof shared->source, "/tributary/%s", id);
}

/* RFC 3339 */
static void print_time(cloud_cloudevents *shared, uint64_t time_ms, char ret_text[40]) {
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm when;
    if (shared->time_s != time_ms / 1000 || shared->date[0] == '\0') {
        size_t size = gmtime_r(&seconds, &when) != NULL
                          ? strftime(shared->date, sizeof shared->date, "%Y-%m-%dT%H:%M:%S", &when)
                          : 0;
        shared->date[size] = '\0';
        shared->time_s = time_ms / 1000;
    }
    (void)snprintf(ret_text, 40, "%s.%03uZ", shared->date, (unsigned)(time_ms % 1000));
}

static void collect(cloud_cloudevents *shared, const cloud_bridge_event *event,
                    attributes *ret_all) {
    if (shared->schema[0] == '\0' || shared->topic != event->topic) {
        shared->topic = event->topic;
        (void)snprintf(shared->schema, sizeof shared->schema, "urn:tributary:schemas:%s:1",
                       cloud_bridge_topic_names[event->topic]);
    }
    print_time(shared, event->time_ms, ret_all->time);
    const attribute items[ATTRIBUTES] = {
        {"ce_specversion", "1.0"},         {"ce_id", event->id},
        {"ce_source", shared->source},     {"ce_type", event->type},
        {"ce_time", ret_all->time},        {"ce_subject", event->key},
        {"ce_dataschema", shared->schema}, {dataref, event->claim}};
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        ret_all->items[i] = items[i];
    }
    ret_all->count = event->claim == NULL ? ATTRIBUTES - 1 : ATTRIBUTES;
}

rd_kafka_headers_t *cloud_cloudevents_binary(cloud_cloudevents *shared,
                                             const cloud_bridge_event *event) {
    attributes all;
    collect(shared, event, &all);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(ATTRIBUTES + 1);
    (void)rd_kafka_header_add(headers, "content-type", -1, "application/json", -1);
    for (size_t i = 0; i < all.count; i++) {
        (void)rd_kafka_header_add(headers, all.items[i].name, -1, all.items[i].value, -1);
    }
    return headers;
}

void cloud_cloudevents_claim(rd_kafka_headers_t *headers, const char *reference) {
    (void)rd_kafka_header_add(headers, dataref, -1, reference, -1);
}

void cloud_cloudevents_destroy(rd_kafka_headers_t *headers) {
    if (headers != NULL) {
        rd_kafka_headers_destroy(headers);
    }
}

/* The attributes are names and numbers of ours: nothing to escape. */
static trib_status print_structured(const attributes *all, const cloud_bridge_event *event,
                                    trib_buffer *ret_value) {
    trib_buffer_clear(ret_value);
    TRIB_TRY(trib_buffer_append(ret_value, trib_bytes_text("{")));
    for (size_t i = 0; i < all->count; i++) {
        TRIB_TRY(trib_buffer_print(ret_value, "\"%s\":\"%s\",", all->items[i].name + BEFORE_NAME,
                                   all->items[i].value));
    }
    TRIB_TRY(
        trib_buffer_append(ret_value, trib_bytes_text("\"datacontenttype\":\"application/json\"")));
    if (event->claim == NULL) {
        TRIB_TRY(trib_buffer_append(ret_value, trib_bytes_text(",\"data\":")));
        TRIB_TRY(trib_buffer_append(ret_value, event->body));
    }
    return trib_buffer_append(ret_value, trib_bytes_text("}"));
}

trib_status cloud_cloudevents_structured(cloud_cloudevents *shared, const cloud_bridge_event *event,
                                         trib_buffer *ret_value, rd_kafka_headers_t **ret_headers) {
    attributes all;
    collect(shared, event, &all);
    TRIB_TRY(print_structured(&all, event, ret_value));
    *ret_headers = rd_kafka_headers_new(1);
    (void)rd_kafka_header_add(*ret_headers, "content-type", -1,
                              "application/cloudevents+json; charset=UTF-8", -1);
    return TRIB_SUCCESS;
}
