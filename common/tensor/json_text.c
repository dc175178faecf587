#include "common/tensor/json_text.h"

#include <jansson.h>
#include <string.h>

void trib_json_put(struct json_t **map, const char *key, struct json_t *value) {
    if (json_object_set_new(*map, key, value) != 0) {
        json_decref(*map);
        *map = NULL;
    }
}

void trib_json_add(struct json_t **list, struct json_t *value) {
    if (json_array_append_new(*list, value) != 0) {
        json_decref(*list);
        *list = NULL;
    }
}

void trib_json_release(struct json_t **value) {
    json_decref(*value);
}

typedef struct text_sink {
    trib_buffer *text;
    trib_status status; /* of the first part that could not be taken */
} text_sink;

static int take_part(const char *part, size_t size, void *context) {
    text_sink *sink = context;
    trib_buffer *text = sink->text;
    if (size <= text->capacity - text->size) { /* jansson gives a few bytes at a time */
        memcpy(text->data + text->size, part, size);
        text->size += size;
        return 0;
    }
    if (trib_ok(sink->status)) {
        sink->status = trib_buffer_append(sink->text, trib_bytes_of((const uint8_t *)part, size));
    }
    return trib_ok(sink->status) ? 0 : -1;
}

static trib_status print(const json_t *value, size_t order, trib_buffer *ret_text) {
    text_sink sink = {ret_text, TRIB_SUCCESS};
    size_t before = ret_text->size;
    int result =
        json_dump_callback(value, take_part, &sink, JSON_COMPACT | order | JSON_REAL_PRECISION(9));
    if (trib_ok(sink.status) && result != 0) {
        sink.status = TRIB_FAIL(TRIB_E_IO, "no memory for a text of JSON");
    }
    if (!trib_ok(sink.status)) {
        ret_text->size = before;
    }
    return sink.status;
}

trib_status trib_json_print(const struct json_t *value, trib_buffer *ret_text) {
    return print(value, JSON_SORT_KEYS, ret_text);
}

trib_status trib_json_print_as_put(const struct json_t *value, trib_buffer *ret_text) {
    return print(value, 0, ret_text);
}
