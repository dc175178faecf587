#include "edge/source/kafka.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/heap.h"
#include "edge/source/kafka_client.h"
#include "edge/source/lines.h"
#include "edge/source/recording_reader.h"

enum { POLL_MS = 100, KEYS = 8, KEY_SIZE = 32, NAME_SIZE = EDGE_KAFKA_TOPIC_SIZE + 64 };

typedef struct part {
    int32_t number;
    bool fresh;        /* its next batch starts a recording */
    int64_t next;      /* the offset to be read next; EDGE_KAFKA_FIRST, EDGE_KAFKA_NEW */
    edge_batch *batch; /* being filled, or NULL */
    uint64_t due_ms;   /* when it is pushed */
    int64_t pushed;    /* offsets, 0 is none: pushed up to here, ... */
    int64_t settled;   /* ... when the group was told last, ... */
    int64_t told;      /* ... and what it was told */
    char recording[EDGE_RECORDING_NAME_SIZE];
    char name[NAME_SIZE]; /* for people: of the record at hand */
    edge_recording_reader reader;
} part;

typedef struct said {
    char key[KEY_SIZE];
    uint64_t at_ms;
} said;

struct edge_kafka {
    edge_kafka_host host;
    const edge_kafka_config *config;
    edge_kafka_position *stored; /* [stored_count], owned */
    size_t stored_count;
    edge_kafka_client *client;
    bool again;    /* the client is to be closed, and another opened later */
    bool assigned; /* the parts are being read */
    bool began;    /* partitions that are found from now on are new */
    bool hopeless; /* the header lacks channels */
    said problems[KEYS];
    size_t problem_count; /* 0: all is well */
    uint64_t tell_ms;
    uint64_t refresh_ms;
    const part *last; /* that rows were pushed of */
    uint32_t part_count;
    part *parts[EDGE_KAFKA_MAX_PARTITIONS];
    edge_row rows[EDGE_BATCH_ROWS]; /* of the record at hand */
};

static uint64_t now_of(const edge_kafka *kafka) {
    return trib_monotonic_ms(kafka->host.plan->clock);
}

static bool wait_or_stop(const edge_kafka *kafka, int timeout_ms) {
    return edge_lines_wait(-1, kafka->host.wake, timeout_ms) == EDGE_LINE_STOPPED;
}

/* ---- what there is to say ---- */

static void say(const edge_kafka *kafka, edge_event_kind kind, edge_event_level level,
                const char *text) {
    edge_event_say(&kafka->host.plan->events,
                   (edge_event){.kind = kind, .level = level, .room = "source"}, "%s", text);
}

/* The key before the text's first colon. */
static void key_of(const char *text, char key[KEY_SIZE]) {
    size_t size = strcspn(text, ":");
    (void)snprintf(key, KEY_SIZE, "%.*s", (int)(size < KEY_SIZE ? size : KEY_SIZE - 1), text);
}

/* Whether it is time to say something of this key. */
static bool is_news(edge_kafka *kafka, const char *key) {
    uint64_t now = now_of(kafka);
    for (size_t i = 0; i < kafka->problem_count; i++) {
        said *one = &kafka->problems[i];
        if (strcmp(one->key, key) == 0) {
            bool old = now - one->at_ms >= EDGE_KAFKA_SAID_MS;
            one->at_ms = old ? now : one->at_ms;
            return old;
        }
    }
    if (kafka->problem_count < KEYS) {
        said *one = &kafka->problems[kafka->problem_count++];
        (void)snprintf(one->key, sizeof one->key, "%s", key);
        one->at_ms = now;
    }
    return true;
}

static void problem(void *context, bool again, const char *text) {
    edge_kafka *kafka = context;
    char key[KEY_SIZE];
    key_of(text, key);
    kafka->host.count(kafka->host.context, 0, 1);
    /* whom a secret or a certificate keeps out finds no broker either */
    if (kafka->again && strcmp(key, "source.brokers") == 0) {
        return;
    }
    kafka->again = kafka->again || again;
    if (is_news(kafka, key)) {
        say(kafka, EDGE_EVENT_SOURCE_FAILED, EDGE_EVENT_ERROR, text);
    }
}

static void log_line(void *context, const char *text) {
    say(context, EDGE_EVENT_SOURCE_STARTED, EDGE_EVENT_DEBUG, text);
}

static void say_well(edge_kafka *kafka) {
    if (kafka->problem_count > 0) {
        char text[EDGE_EVENT_TEXT_SIZE];
        (void)snprintf(text, sizeof text, "records of topic %s come again", kafka->config->topic);
        say(kafka, EDGE_EVENT_SOURCE_STARTED, EDGE_EVENT_INFO, text);
        kafka->problem_count = 0;
    }
}

/* ---- batches ---- */

/* False when the thread has to stop. */
static bool push_part(edge_kafka *kafka, part *at) {
    edge_batch *batch = at->batch;
    at->batch = NULL;
    batch->starts = at->fresh || (kafka->last != NULL && kafka->last != at);
    at->fresh = false;
    at->pushed = (int64_t)batch->position;
    kafka->last = at;
    return kafka->host.push(kafka->host.context, batch);
}

static bool push_due(edge_kafka *kafka) {
    uint64_t now = now_of(kafka);
    for (uint32_t i = 0; i < kafka->part_count; i++) {
        part *at = kafka->parts[i];
        if (at->batch != NULL && now >= at->due_ms && !push_part(kafka, at)) {
            return false;
        }
    }
    return true;
}

static int poll_ms(const edge_kafka *kafka) {
    uint64_t now = now_of(kafka), least = POLL_MS;
    for (uint32_t i = 0; i < kafka->part_count; i++) {
        const part *at = kafka->parts[i];
        if (at->batch != NULL) {
            uint64_t left = at->due_ms > now ? at->due_ms - now : 0;
            least = left < least ? left : least;
        }
    }
    return (int)least;
}

static bool begin_batch(edge_kafka *kafka, part *at) {
    at->batch = edge_batch_create();
    if (at->batch == NULL) {
        say(kafka, EDGE_EVENT_SOURCE_FAILED, EDGE_EVENT_ERROR, "no memory for rows");
        return false;
    }
    (void)snprintf(at->batch->recording, sizeof at->batch->recording, "%s", at->recording);
    at->batch->exact = true;
    at->due_ms =
        now_of(kafka) + (kafka->part_count > 1 ? EDGE_KAFKA_TURN_MS : EDGE_SOURCE_BATCH_MS);
    return true;
}

/* ---- records ---- */

/* The record's lines to rows. More rows than a batch takes are none. */
static uint32_t read_rows(edge_kafka *kafka, part *at, trib_bytes text) {
    edge_row row;
    uint32_t count = 0;
    at->reader.parser.lines = 0; /* complaints count them within the record */
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end != NULL ? (size_t)(end - text.data) + 1 : text.size;
        if (edge_recording_reader_line(&at->reader, trib_bytes_of(text.data, size), &row)) {
            if (count == EDGE_BATCH_ROWS) {
                trib_fail("%s: more than %d rows in one record: not read", at->name,
                          EDGE_BATCH_ROWS);
                edge_recording_reader_refuse(&at->reader);
                return 0;
            }
            kafka->rows[count++] = row;
        }
        text = trib_bytes_of(text.data + size, text.size - size);
    }
    return count;
}

/* False when the thread has to stop. */
static bool take_rows(edge_kafka *kafka, part *at, uint32_t count) {
    if (at->batch != NULL && at->batch->count + count > EDGE_BATCH_ROWS && !push_part(kafka, at)) {
        return false;
    }
    if (count > 0 && at->batch == NULL && !begin_batch(kafka, at)) {
        return false;
    }
    if (at->batch != NULL) {
        memcpy(at->batch->rows + at->batch->count, kafka->rows, count * sizeof *kafka->rows);
        at->batch->count += count;
        at->batch->position = (uint64_t)at->next;
    }
    return at->batch == NULL || at->batch->count < EDGE_BATCH_ROWS || push_part(kafka, at);
}

static part *part_of(const edge_kafka *kafka, int32_t number) {
    for (uint32_t i = 0; i < kafka->part_count; i++) {
        if (kafka->parts[i]->number == number) {
            return kafka->parts[i];
        }
    }
    return NULL;
}

static bool take_record(edge_kafka *kafka, const edge_kafka_record *record) {
    part *at = part_of(kafka, record->partition);
    if (at == NULL || record->offset < at->next) {
        return true; /* of before the last assignment */
    }
    say_well(kafka);
    (void)snprintf(at->name, sizeof at->name, "topic %s, partition %d, offset %" PRId64,
                   kafka->config->topic, (int)at->number, record->offset);
    uint64_t refused = at->reader.refused;
    uint32_t count = read_rows(kafka, at, record->value);
    kafka->host.count(kafka->host.context, at->reader.refused - refused, 0);
    at->next = record->offset + 1;
    return take_rows(kafka, at, count);
}

/* ---- partitions ---- */

/* Where the store left off; else where the agent's file has it. */
static int64_t place_of(const edge_kafka *kafka, int32_t number) {
    for (size_t i = 0; i < kafka->stored_count; i++) {
        if (kafka->stored[i].partition == number) {
            return kafka->stored[i].next;
        }
    }
    return kafka->config->latest && !kafka->began ? EDGE_KAFKA_NEW : EDGE_KAFKA_FIRST;
}

static part *add_part(edge_kafka *kafka, int32_t number) {
    const edge_source_plan *plan = kafka->host.plan;
    bool untimed = plan->spec->time_unit == TRIB_TIME_NONE;
    part *at = trib_allocate(1, sizeof *at);
    if (at == NULL) {
        return NULL;
    }
    at->number = number;
    at->fresh = untimed; /* its times begin anew */
    at->next = place_of(kafka, number);
    (void)snprintf(at->recording, sizeof at->recording, "%s/%d", kafka->config->topic, (int)number);
    (void)snprintf(at->name, sizeof at->name, "source.header");
    edge_recording_reader_init(&at->reader, plan, at->name, untimed, kafka->part_count > 0);
    if (plan->config->format == EDGE_FORMAT_CSV) {
        edge_row none;
        (void)edge_recording_reader_line(&at->reader, trib_bytes_text(kafka->config->header),
                                         &none);
        kafka->hopeless = kafka->hopeless || at->reader.parser.format != TRIB_TABLE_CSV;
    }
    at->reader.silent = false; /* what is wrong with the header is said once */
    kafka->parts[kafka->part_count++] = at;
    return at;
}

static trib_status add_missing(edge_kafka *kafka, const int32_t *numbers, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        int32_t number = numbers != NULL ? numbers[i] : (int32_t)i;
        if (part_of(kafka, number) == NULL && add_part(kafka, number) == NULL) {
            return TRIB_FAIL(TRIB_E_IO, "source: no memory for a partition");
        }
    }
    return TRIB_SUCCESS;
}

/* Those listed, which have to be there, or all. */
static trib_status find_parts(edge_kafka *kafka) {
    const edge_kafka_config *config = kafka->config;
    int32_t count;
    TRIB_TRY(edge_kafka_count(kafka->client, &count));
    for (uint32_t i = 0; i < config->partition_count; i++) {
        if (config->partitions[i] >= count) {
            return TRIB_FAIL(TRIB_E_NOT_FOUND,
                             "source.partitions: topic %s has no partition %d, but 0 to %d",
                             config->topic, (int)config->partitions[i], (int)count - 1);
        }
    }
    if (config->partition_count > 0) {
        return add_missing(kafka, config->partitions, config->partition_count);
    }
    if (count > EDGE_KAFKA_MAX_PARTITIONS) {
        return TRIB_FAIL(TRIB_E_LIMIT,
                         "source.partitions: list those of this gateway: topic %s has %d, and at "
                         "most %d are read",
                         config->topic, (int)count, EDGE_KAFKA_MAX_PARTITIONS);
    }
    return add_missing(kafka, NULL, (uint32_t)count);
}

/* What is new is so from one moment on, whenever it is asked again. */
static trib_status settle_new(edge_kafka *kafka) {
    for (uint32_t i = 0; i < kafka->part_count; i++) {
        part *at = kafka->parts[i];
        int64_t first;
        if (at->next == EDGE_KAFKA_NEW) {
            TRIB_TRY(edge_kafka_range(kafka->client, at->number, &first, &at->next));
        }
    }
    return TRIB_SUCCESS;
}

static trib_status assign_parts(edge_kafka *kafka) {
    edge_kafka_position from[EDGE_KAFKA_MAX_PARTITIONS];
    TRIB_TRY(settle_new(kafka));
    for (uint32_t i = 0; i < kafka->part_count; i++) {
        from[i] = (edge_kafka_position){kafka->parts[i]->number, kafka->parts[i]->next};
    }
    return edge_kafka_assign(kafka->client, from, kafka->part_count);
}

static void say_reading(const edge_kafka *kafka) {
    char text[EDGE_EVENT_TEXT_SIZE];
    int used = snprintf(text, sizeof text, "reading topic %s:", kafka->config->topic);
    for (uint32_t i = 0; i < kafka->part_count; i++) {
        const part *at = kafka->parts[i];
        if (used < 0 || (size_t)used + 64 > sizeof text) {
            (void)snprintf(text + sizeof text - 5, 5, " ...");
            break;
        }
        used += at->next >= 0
                    ? snprintf(text + used, sizeof text - (size_t)used,
                               " partition %d from offset %" PRId64, (int)at->number, at->next)
                    : snprintf(text + used, sizeof text - (size_t)used,
                               " partition %d from its start", (int)at->number);
    }
    say(kafka, EDGE_EVENT_SOURCE_STARTED, EDGE_EVENT_INFO, text);
}

/* What the brokers have to say on it stands behind a failure: that comes first. */
static void note_failure(edge_kafka *kafka) {
    char why[EDGE_EVENT_TEXT_SIZE];
    edge_kafka_record record;
    (void)snprintf(why, sizeof why, "%s", trib_message());
    for (int i = 0; i < KEYS; i++) {
        if (edge_kafka_next(kafka->client, 0, &record) == EDGE_KAFKA_RECORD) {
            edge_kafka_let_go(kafka->client, &record); /* it is assigned anew, and comes again */
        }
    }
    problem(kafka, false, why);
}

static void read_parts(edge_kafka *kafka) {
    trib_status status = find_parts(kafka);
    if (trib_ok(status) && kafka->hopeless) {
        return;
    }
    if (trib_ok(status)) {
        status = assign_parts(kafka);
    }
    if (!trib_ok(status)) {
        note_failure(kafka);
        return;
    }
    kafka->assigned = true;
    kafka->began = true;
    kafka->refresh_ms = now_of(kafka) + EDGE_KAFKA_REFRESH_MS;
    say_reading(kafka);
}

/* Partitions that came to a topic of which all are read. */
static void refresh_parts(edge_kafka *kafka) {
    uint64_t now = now_of(kafka);
    if (kafka->config->partition_count > 0 || now < kafka->refresh_ms) {
        return;
    }
    uint32_t before = kafka->part_count;
    kafka->refresh_ms = now + EDGE_KAFKA_REFRESH_MS;
    if (trib_ok(find_parts(kafka)) && kafka->part_count > before) { /* else the next time */
        kafka->assigned = false;
    }
}

/* Retention took what was to be read, or the topic is another one by the same name. */
static bool take_out_of_range(edge_kafka *kafka, int32_t number) {
    part *at = part_of(kafka, number);
    int64_t first, end;
    kafka->assigned = false; /* whatever comes of this: all are read from their places again */
    if (at == NULL || !trib_ok(edge_kafka_range(kafka->client, number, &first, &end)) ||
        (at->next >= first && at->next <= end)) {
        return true;
    }
    if (at->batch != NULL && !push_part(kafka, at)) {
        return false;
    }
    bool deleted = at->next < first;
    kafka->host.count(kafka->host.context, 0, 1);
    edge_event_say(
        &kafka->host.plan->events,
        (edge_event){.kind = EDGE_EVENT_SOURCE_FAILED, .level = EDGE_EVENT_ERROR, .room = "source"},
        deleted ? "source.topic: %s, partition %d: records from offset %" PRId64 " up to %" PRId64
                  " were deleted before they were read"
                : "source.topic: %s, partition %d: offset %" PRId64
                  " comes next, but the end is %" PRId64 ": made anew, or cut? Going on at its end",
        kafka->config->topic, (int)number, at->next, deleted ? first : end);
    at->next = deleted ? first : end;
    at->fresh = true;
    return true;
}

/* ---- the group, for people who watch its lag ---- */

/* What had been pushed when it was told last is stored by now: the store commits each second. */
static void tell_group(edge_kafka *kafka) {
    edge_kafka_position at[EDGE_KAFKA_MAX_PARTITIONS];
    size_t count = 0;
    uint64_t now = now_of(kafka);
    if (now < kafka->tell_ms) {
        return;
    }
    kafka->tell_ms = now + EDGE_KAFKA_TELL_MS;
    for (uint32_t i = 0; i < kafka->part_count; i++) {
        part *one = kafka->parts[i];
        if (one->settled > one->told) {
            at[count++] = (edge_kafka_position){one->number, one->settled};
            one->told = one->settled;
        }
        one->settled = one->pushed;
    }
    if (count > 0 && kafka->config->group[0] != '\0') {
        edge_kafka_tell(kafka->client, at, count);
    }
}

/* ---- the thread ---- */

static void open_client(edge_kafka *kafka) {
    const edge_kafka_sink sink = {problem, log_line, kafka};
    kafka->again = false;
    if (!trib_ok(edge_kafka_open(kafka->config, sink, &kafka->client))) {
        kafka->client = NULL;
        problem(kafka, false, trib_message());
    }
}

static void close_client(edge_kafka *kafka) {
    edge_kafka_close(kafka->client);
    kafka->client = NULL;
    kafka->assigned = false;
}

/* False when the thread has to stop. */
static bool read_some(edge_kafka *kafka) {
    edge_kafka_record record;
    bool go_on = true;
    switch (edge_kafka_next(kafka->client, poll_ms(kafka), &record)) {
    case EDGE_KAFKA_NOTHING:
        break;
    case EDGE_KAFKA_RECORD:
        go_on = take_record(kafka, &record);
        edge_kafka_let_go(kafka->client, &record);
        break;
    case EDGE_KAFKA_OUT_OF_RANGE:
        go_on = take_out_of_range(kafka, record.partition);
        break;
    case EDGE_KAFKA_NO_TOPIC:
        kafka->assigned = false;
        break;
    }
    if (!go_on || !push_due(kafka)) {
        return false;
    }
    tell_group(kafka);
    refresh_parts(kafka);
    return true;
}

void edge_kafka_run(edge_kafka *kafka) {
    bool go_on = true;
    while (go_on && !wait_or_stop(kafka, 0)) {
        if (kafka->client == NULL) {
            open_client(kafka);
        }
        if (kafka->client != NULL && !kafka->assigned) {
            read_parts(kafka);
        }
        if (kafka->hopeless) { /* said; another document may have other channels */
            go_on = !wait_or_stop(kafka, -1);
        } else if (kafka->client != NULL && kafka->assigned && !kafka->again) {
            go_on = read_some(kafka);
        } else {
            if (kafka->again) {
                close_client(kafka);
            }
            go_on = push_due(kafka) &&
                    !wait_or_stop(kafka,
                                  kafka->client != NULL ? EDGE_KAFKA_ASK_MS : EDGE_KAFKA_AGAIN_MS);
        }
    }
    close_client(kafka); /* by the thread that opened it */
}

/* ---- the owner's side ---- */

trib_status edge_kafka_create(const edge_kafka_host *host, edge_kafka **ret_kafka) {
    edge_kafka *kafka = trib_allocate(1, sizeof *kafka);
    if (kafka == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a topic");
    }
    kafka->host = *host;
    kafka->config = &host->plan->config->kafka;
    *ret_kafka = kafka;
    return TRIB_SUCCESS;
}

/* TOPIC/NUMBER to its number; -1 for anything else. */
static int32_t number_in(const edge_kafka *kafka, const char *recording) {
    size_t size = strlen(kafka->config->topic);
    if (strncmp(recording, kafka->config->topic, size) != 0 || recording[size] != '/' ||
        recording[size + 1] < '0' || recording[size + 1] > '9') {
        return -1;
    }
    char *end;
    unsigned long number = strtoul(recording + size + 1, &end, 10);
    return *end == '\0' && number <= EDGE_KAFKA_MAX_PARTITION ? (int32_t)number : -1;
}

trib_status edge_kafka_skip(edge_kafka *kafka, const char *recording, uint64_t position) {
    int32_t number = number_in(kafka, recording);
    if (number < 0 || position > INT64_MAX) {
        return TRIB_SUCCESS;
    }
    edge_kafka_position *stored = trib_resize(kafka->stored, kafka->stored_count * sizeof *stored,
                                              (kafka->stored_count + 1) * sizeof *stored);
    if (stored == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a list of partitions");
    }
    kafka->stored = stored;
    stored[kafka->stored_count++] = (edge_kafka_position){number, (int64_t)position};
    return TRIB_SUCCESS;
}

void edge_kafka_destroy(edge_kafka *kafka) {
    if (kafka == NULL) {
        return;
    }
    TRIB_ASSERT(kafka->client == NULL); /* the thread has closed it */
    for (uint32_t i = 0; i < kafka->part_count; i++) {
        edge_batch_destroy(kafka->parts[i]->batch);
        trib_free(kafka->parts[i]);
    }
    trib_free(kafka->stored);
    trib_free(kafka);
}
