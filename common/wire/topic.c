#include "common/wire/topic.h"

#include <string.h>

static const struct {
    trib_topic_kind kind;
    const char *suffix;
} suffixes[] = {
    {TRIB_TOPIC_UP_STATUS, "up/status"},       {TRIB_TOPIC_UP_JOIN, "up/join"},
    {TRIB_TOPIC_UP_UPDATE, "up/update"},       {TRIB_TOPIC_UP_PREDICTION, "up/prediction"},
    {TRIB_TOPIC_UP_ALERT, "up/alert"},         {TRIB_TOPIC_UP_TELEMETRY, "up/telemetry"},
    {TRIB_TOPIC_DOWN_WELCOME, "down/welcome"}, {TRIB_TOPIC_DOWN_RECEIPT, "down/receipt"},
    {TRIB_TOPIC_DOWN_COMMAND, "down/command"}, {TRIB_TOPIC_ALL_FEDERATION, "federation"},
    {TRIB_TOPIC_ALL_ROUND, "round"},           {TRIB_TOPIC_ALL_RELEASE, "release"},
    {TRIB_TOPIC_ALL_OBJECT, "object/"},
};
enum { SUFFIXES = sizeof suffixes / sizeof suffixes[0], ID_DIGITS = 32 };
static const char prefix[] = "tributary/v1/";

static bool name_span(const char *text, size_t length) {
    if (length == 0 || length >= TRIB_NAME_SIZE || (length == 3 && memcmp(text, "all", 3) == 0)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return true;
}

bool trib_topic_name_valid(const char *name) {
    return name_span(name, strlen(name));
}

static void append(char **at, const char *text) {
    size_t length = strlen(text);
    memcpy(*at, text, length + 1);
    *at += length;
}

static void append_number(char **at, uint32_t number) {
    char digits[11];
    size_t first = sizeof digits - 1;
    digits[first] = '\0';
    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    append(at, digits + first);
}

void trib_topic_format(const trib_topic *topic, char *ret_text) {
    TRIB_ASSERT(trib_topic_name_valid(topic->federation));
    char *at = ret_text;
    append(&at, prefix);
    append(&at, topic->federation);
    append(&at, "/");
    if (topic->kind < TRIB_TOPIC_ALL_FEDERATION) {
        TRIB_ASSERT(trib_topic_name_valid(topic->gateway));
        append(&at, topic->gateway);
    } else {
        append(&at, "all");
    }
    append(&at, "/");
    append(&at, suffixes[topic->kind - 1].suffix);
    if (topic->kind == TRIB_TOPIC_ALL_OBJECT) {
        trib_hex(trib_bytes_of(topic->object_id, sizeof topic->object_id), at);
        at += ID_DIGITS;
        append(&at, "/");
        append_number(&at, topic->chunk);
    }
}

static trib_status malformed(const char *text, size_t length) {
    (void)text;
    (void)length;
    return TRIB_FAIL(TRIB_E_CORRUPT, "not a topic of ours: '%.*s'",
                     (int)(length < 100 ? length : 100), text);
}

/* Takes the level up to the next '/' (or the end) off the front. */
static size_t level(const char **text, size_t *left) {
    const char *slash = memchr(*text, '/', *left);
    size_t length = slash != NULL ? (size_t)(slash - *text) : *left;
    size_t taken = slash != NULL ? length + 1 : length;
    *text += taken;
    *left -= taken;
    return length;
}

static bool parse_object(const char *text, size_t left, trib_topic *topic) {
    if (left < ID_DIGITS + 2 || left > ID_DIGITS + 7 || text[ID_DIGITS] != '/') {
        return false;
    }
    char digits[ID_DIGITS + 1];
    memcpy(digits, text, ID_DIGITS);
    digits[ID_DIGITS] = '\0';
    for (size_t i = 0; i < ID_DIGITS; i++) {
        if (digits[i] >= 'A' && digits[i] <= 'F') {
            return false; /* one object, one topic */
        }
    }
    if (!trib_ok(trib_unhex(digits, topic->object_id, sizeof topic->object_id))) {
        return false;
    }
    text += ID_DIGITS + 1;
    left -= ID_DIGITS + 1;
    uint32_t chunk = 0;
    for (size_t i = 0; i < left; i++) {
        if (text[i] < '0' || text[i] > '9' || (i == 0 && text[i] == '0' && left > 1)) {
            return false;
        }
        chunk = 10 * chunk + (uint32_t)(text[i] - '0');
    }
    topic->chunk = chunk;
    return true;
}

trib_status trib_topic_parse(const char *text, size_t length, trib_topic *ret_topic) {
    const char *at = text;
    size_t left = length;
    if (left < sizeof prefix - 1 || memcmp(at, prefix, sizeof prefix - 1) != 0) {
        return malformed(text, length);
    }
    at += sizeof prefix - 1;
    left -= sizeof prefix - 1;
    trib_topic topic = {0};
    const char *name = at;
    size_t size = level(&at, &left);
    if (!name_span(name, size)) {
        return malformed(text, length);
    }
    memcpy(topic.federation, name, size);
    name = at;
    size = level(&at, &left);
    bool all = size == 3 && memcmp(name, "all", 3) == 0;
    if (!all) {
        if (!name_span(name, size)) {
            return malformed(text, length);
        }
        memcpy(topic.gateway, name, size);
    }
    for (int i = 0; i < SUFFIXES; i++) {
        size_t suffix = strlen(suffixes[i].suffix);
        bool object = suffixes[i].kind == TRIB_TOPIC_ALL_OBJECT;
        if ((suffixes[i].kind >= TRIB_TOPIC_ALL_FEDERATION) == all && left >= suffix &&
            memcmp(at, suffixes[i].suffix, suffix) == 0 &&
            (object ? parse_object(at + suffix, left - suffix, &topic) : left == suffix)) {
            topic.kind = suffixes[i].kind;
            *ret_topic = topic;
            return TRIB_SUCCESS;
        }
    }
    return malformed(text, length);
}
