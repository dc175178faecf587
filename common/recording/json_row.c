#include <jansson.h>

#include "common/recording/row_value.h"

static void release_json(json_t **value) {
    json_decref(*value);
}

static trib_status set_value(const trib_row_parser *parser, const trib_wanted_column *wanted,
                             const json_t *value, trib_source_row *row) {
    if (value == NULL || json_is_null(value)) {
        return trib_row_set_missing(parser, wanted, row);
    }
    if (json_is_number(value)) {
        return trib_row_set_number(parser, wanted, json_number_value(value), row);
    }
    if (json_is_boolean(value)) {
        return trib_row_set_text(parser, wanted, json_is_true(value) ? "true" : "false", row);
    }
    if (json_is_string(value)) {
        return trib_row_set_text(parser, wanted, json_string_value(value), row);
    }
    return trib_row_refuse(parser, wanted->name,
                           "expected a number or text, found a list or object");
}

trib_status trib_row_parse_json(const trib_row_parser *parser, trib_bytes line,
                                trib_source_row *row) {
    json_error_t error;
    TRIB_SCOPED(release_json)
    json_t *object = json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(object)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s:%llu:%d: expected a JSON object: %s", parser->name,
                         (unsigned long long)parser->lines, object == NULL ? error.column : 1,
                         object == NULL ? error.text : "found something else");
    }
    for (uint32_t i = 0; i < parser->wanted_count; i++) {
        const trib_wanted_column *wanted = &parser->wanted[i];
        TRIB_TRY(set_value(parser, wanted, json_object_get(object, wanted->name), row));
    }
    return TRIB_SUCCESS;
}
