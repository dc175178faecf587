#include "common/recording/row_value.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/recording/timestamp.h"

/* The bytes of one character at `text`, as far as it is UTF-8 that a terminal shows; 0 if not. */
static size_t printable_bytes(const char *text) {
    unsigned char first = (unsigned char)text[0];
    if ((first >= ' ' && first < 0x7f) || first == '\t') {
        return 1;
    }
    size_t size = first >= 0xc3 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : 4;
    if (first < 0xc3 || first >= 0xf5) { /* C2 starts the controls of Latin-1 */
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

/* A file that is no table may hold what upsets a terminal. */
static void make_printable(char *text) {
    while (*text != '\0') {
        size_t size = printable_bytes(text);
        if (size == 0) {
            *text = '?';
        }
        text += size > 0 ? size : 1;
    }
}

trib_status trib_row_refuse(const trib_row_parser *parser, const char *column, const char *format,
                            ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_printable(text);
    return TRIB_FAIL(TRIB_E_ARGUMENT, "%s:%llu: column '%s': %s", parser->name,
                     (unsigned long long)parser->lines, column, text);
}

static bool is_missing(const char *text) {
    static const char *const words[] = {"",    "-",   "nan",  "NaN",  "NAN",  "na",   "NA",
                                        "n/a", "N/A", "null", "NULL", "Null", "none", "None"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int32_t class_of(const trib_source_spec *spec, const char *word) {
    for (uint32_t i = 0; i < spec->class_count; i++) {
        if (strcmp(word, spec->classes[i]) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}

trib_status trib_row_set_missing(const trib_row_parser *parser, const trib_wanted_column *wanted,
                                 trib_source_row *row) {
    switch (wanted->role) {
    case TRIB_ROLE_TIME:
        return trib_row_refuse(parser, wanted->name, "expected a time, found nothing");
    case TRIB_ROLE_CHANNEL:
        row->values[wanted->index] = NAN;
        break;
    case TRIB_ROLE_TARGET:
        row->targets[wanted->index] = NAN;
        break;
    case TRIB_ROLE_LABEL:
        row->label = -1;
        break;
    case TRIB_ROLE_ANOMALY:
        row->anomaly = false;
        break;
    }
    return TRIB_SUCCESS;
}

trib_status trib_row_set_number(const trib_row_parser *parser, const trib_wanted_column *wanted,
                                double value, trib_source_row *row) {
    switch (wanted->role) {
    case TRIB_ROLE_TIME: {
        trib_status status = trib_timestamp_of(parser->spec->time_unit, value, &row->time_us);
        return trib_ok(status) ? status
                               : trib_row_refuse(parser, wanted->name, "%s", trib_message());
    }
    case TRIB_ROLE_CHANNEL:
        row->values[wanted->index] = (float)value;
        break;
    case TRIB_ROLE_TARGET:
        row->targets[wanted->index] = (float)value;
        break;
    case TRIB_ROLE_LABEL: {
        char word[32];
        (void)snprintf(word, sizeof word, "%.15g", value);
        row->label = class_of(parser->spec, word);
        break;
    }
    case TRIB_ROLE_ANOMALY:
        row->anomaly = value != 0 && !isnan(value);
        break;
    }
    return TRIB_SUCCESS;
}

static trib_status set_float(const trib_row_parser *parser, const trib_wanted_column *wanted,
                             const char *text, float *ret_value) {
    char *end;
    float value = strtof(text, &end);
    if (end == text || *end != '\0') {
        if (!is_missing(text)) {
            return trib_row_refuse(parser, wanted->name, "expected a number, found '%s'", text);
        }
        value = NAN;
    }
    *ret_value = value;
    return TRIB_SUCCESS;
}

trib_status trib_row_set_text(const trib_row_parser *parser, const trib_wanted_column *wanted,
                              const char *text, trib_source_row *row) {
    switch (wanted->role) {
    case TRIB_ROLE_TIME: {
        trib_status status = trib_timestamp_read(parser->spec->time_unit, text, &row->time_us);
        return trib_ok(status) ? status
                               : trib_row_refuse(parser, wanted->name, "%s", trib_message());
    }
    case TRIB_ROLE_CHANNEL:
        return set_float(parser, wanted, text, &row->values[wanted->index]);
    case TRIB_ROLE_TARGET:
        return set_float(parser, wanted, text, &row->targets[wanted->index]);
    case TRIB_ROLE_LABEL:
        row->label = class_of(parser->spec, text);
        return TRIB_SUCCESS;
    case TRIB_ROLE_ANOMALY: {
        if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
            row->anomaly = text[0] == 't';
            return TRIB_SUCCESS;
        }
        float value = NAN;
        TRIB_TRY(set_float(parser, wanted, text, &value));
        row->anomaly = value != 0.0f && !isnan(value);
        return TRIB_SUCCESS;
    }
    }
    return TRIB_SUCCESS;
}
