#include "common/log/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/span.h"

enum { LINE_SIZE = 2048 };

const char *const trib_log_levels[] = {"debug", "info", "warn", "error", NULL};
const char *const trib_log_formats[] = {"text", "json", NULL};

static const char *program = "tributary";
static trib_log_format format = TRIB_LOG_TEXT;
static trib_log_level least = TRIB_LOG_INFO;

void trib_log_setup(const char *name, trib_log_format wanted, trib_log_level level) {
    program = name;
    format = wanted;
    least = level;
}

static void put(trib_writer *line, const char *text, size_t length) {
    size_t room = line->capacity - line->size - 4; /* leaves the end of the line */
    trib_write_bytes(line, trib_bytes_of(text, length < room ? length : room));
}

static void put_json(trib_writer *line, const char *text, size_t length) {
    put(line, "\"", 1);
    for (size_t i = 0; i < length && line->size + 16 < line->capacity; i++) {
        unsigned char c = (unsigned char)text[i];
        char escaped[8];
        if (c == '"' || c == '\\') {
            escaped[0] = '\\';
            escaped[1] = (char)c;
            put(line, escaped, 2);
        } else if (c < 0x20) {
            (void)snprintf(escaped, sizeof escaped, "\\u%04x", c);
            put(line, escaped, 6);
        } else {
            put(line, text + i, 1);
        }
    }
    put(line, "\"", 1);
}

/* Where the field that starts at `text` ends: before " key=" of the next one. */
static size_t field_length(const char *text) {
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] == ' ') {
            size_t key = strspn(text + i + 1, "abcdefghijklmnopqrstuvwxyz_");
            if (key > 0 && text[i + 1 + key] == '=') {
                return i;
            }
        }
    }
    return strlen(text);
}

static void put_fields_json(trib_writer *line, const char *fields) {
    while (*fields != '\0') {
        size_t length = field_length(fields);
        const char *equals = memchr(fields, '=', length);
        if (equals != NULL) {
            size_t key = (size_t)(equals - fields);
            put(line, ",", 1);
            put_json(line, fields, key);
            put(line, ":", 1);
            put_json(line, equals + 1, length - key - 1);
        }
        fields += length + (fields[length] == ' ');
    }
}

void trib_log(trib_log_level level, const char *event, const char *fields, ...) {
    if (level < least) {
        return;
    }
    char values[LINE_SIZE / 2], bytes[LINE_SIZE], stamp[40];
    va_list arguments;
    va_start(arguments, fields);
    (void)vsnprintf(values, sizeof values, fields, arguments);
    va_end(arguments);
    struct timespec now;
    struct tm utc;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(stamp + length, sizeof stamp - length, ".%03ldZ", now.tv_nsec / 1000000);
    trib_writer line = trib_writer_of(bytes, sizeof bytes);
    if (format == TRIB_LOG_JSON) {
        char head[160];
        int size =
            snprintf(head, sizeof head,
                     "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"event\":", stamp,
                     trib_log_levels[level], program);
        put(&line, head, (size_t)size);
        put_json(&line, event, strlen(event));
        put_fields_json(&line, values);
        put(&line, "}", 1);
    } else {
        char head[160];
        int size =
            snprintf(head, sizeof head, "%s %-5s %s: ", stamp, trib_log_levels[level], program);
        put(&line, head, (size_t)size);
        put(&line, event, strlen(event));
        put(&line, "  ", values[0] != '\0' ? 2 : 0);
        put(&line, values, strlen(values));
    }
    trib_write_u8(&line, '\n');
    ssize_t written = write(STDERR_FILENO, line.data, line.size);
    (void)written; /* there is nowhere left to complain */
}
