#include "cloud/archive/batches.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "cloud/ledger/follower.h"

enum { PATH_SIZE = 4096, GZIP = 16 + MAX_WBITS, TEXT_SIZE = 32 };

/* A line of the batch, and where it belongs. */
typedef struct batch_line {
    char federation[64], gateway[64], date[16];
    uint64_t time_ms, order;
    size_t at, size; /* in batch->lines */
} batch_line;

typedef struct batch_log {
    cloud_bridge_log log;
    cloud_follower *follower;
    uint64_t done;    /* the bucket has all up to here */
    uint64_t planned; /* and is to get all up to here, exactly; `done`: nothing is planned */
    uint64_t due_ms;  /* 0: nothing waits */
} batch_log;

struct cloud_batches {
    cloud_batches_options options;
    batch_log logs[CLOUD_BATCH_KINDS];
    trib_buffer lines, index, body, packed; /* index: batch_line */
    atomic_uint_least64_t put, missed;
};

/* ---- how far it has come: a file for each log, "DONE PLANNED" ---- */

static void name_of(const batch_log *log, char ret_name[TEXT_SIZE]) {
    (void)snprintf(ret_name, TEXT_SIZE, "archive.%s", cloud_bridge_log_names[log->log]);
}

static trib_status keep(const cloud_batches *batches, const batch_log *log) {
    char name[TEXT_SIZE], text[64];
    name_of(log, name);
    int length = snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 "\n", log->done, log->planned);
    return trib_disk_replace(batches->options.place->disk, batches->options.state, name,
                             trib_bytes_of((const uint8_t *)text, (size_t)length));
}

static trib_status find(const cloud_batches *batches, batch_log *log) {
    char name[TEXT_SIZE], path[PATH_SIZE], *rest = NULL;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = 64};
    name_of(log, name);
    (void)snprintf(path, sizeof path, "%.4000s/%s", batches->options.state, name);
    trib_status status = trib_disk_read(batches->options.place->disk, path, &text);
    if (status.code == TRIB_E_NOT_FOUND) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    TRIB_TRY(trib_buffer_append(&text, trib_bytes_of((const uint8_t *)"", 1)));
    log->done = strtoull((const char *)text.data, &rest, 10);
    log->planned = strtoull(rest, NULL, 10);
    uint64_t end = batches->options.end(batches->options.context, log->log);
    if (log->planned < log->done || log->planned > end) { /* of another log */
        log->done = log->planned = 0;
    }
    return TRIB_SUCCESS;
}

/* ---- collecting ---- */

static trib_status take_event(void *context, const cloud_bridge_event *event) {
    cloud_batches *batches = context;
    time_t seconds = (time_t)(event->time_ms / 1000);
    struct tm parts;
    char time[TEXT_SIZE] = "", head[256];
    batch_line line = {.time_ms = event->time_ms,
                       .order = batches->index.size / sizeof line,
                       .at = batches->lines.size};
    if (event->body.size < 2 || gmtime_r(&seconds, &parts) == NULL) {
        return TRIB_SUCCESS;
    }
    (void)strftime(line.date, sizeof line.date, "%Y-%m-%d", &parts);
    (void)strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(line.federation, sizeof line.federation, "%s", event->federation);
    (void)snprintf(line.gateway, sizeof line.gateway, "%s", event->key);
    int length = snprintf(
        head, sizeof head,
        "{\"event_id\":\"%s\",\"event_type\":\"%s\",\"event_time\":\"%s.%03uZ\"%s", event->id,
        event->type, time, (unsigned)(event->time_ms % 1000), event->body.size > 2 ? "," : "");
    TRIB_TRY(
        trib_buffer_append(&batches->lines, trib_bytes_of((const uint8_t *)head, (size_t)length)));
    TRIB_TRY(trib_buffer_append(&batches->lines,
                                trib_bytes_of(event->body.data + 1, event->body.size - 1)));
    TRIB_TRY(trib_buffer_append(&batches->lines, trib_bytes_text("\n")));
    line.size = batches->lines.size - line.at;
    return trib_buffer_append(&batches->index, trib_bytes_of((const uint8_t *)&line, sizeof line));
}

/* From behind `done` to `most`, or to where the batch is full; *ret_last: up to there. */
static trib_status collect(cloud_batches *batches, batch_log *log, uint64_t most,
                           uint64_t *ret_last) {
    trib_buffer_clear(&batches->lines);
    trib_buffer_clear(&batches->index);
    cloud_follower_seek(log->follower, log->done + 1);
    *ret_last = log->done;
    while (*ret_last < most) {
        cloud_record record;
        trib_status status = cloud_follower_next(log->follower, most, &record);
        if (status.code == TRIB_E_NOT_FOUND) {
            return TRIB_SUCCESS;
        }
        TRIB_TRY(status);
        if (record.type == 0) {
            atomic_fetch_add(&batches->missed, record.gap_end - record.position + 1);
        } else {
            status = cloud_bridge_tell(log->log, &record, &batches->body, take_event, batches);
            /* What nobody can read, or no event holds, cannot be put however often it is tried. */
            if (status.code == TRIB_E_CORRUPT || status.code == TRIB_E_LIMIT) {
                atomic_fetch_add(&batches->missed, 1);
            } else {
                TRIB_TRY(status);
            }
        }
        *ret_last = record.type == 0 ? record.gap_end : record.position;
        bool full = batches->lines.size >= CLOUD_BATCH_MAX_BYTES ||
                    batches->index.size / sizeof(batch_line) >= CLOUD_BATCH_MAX_EVENTS;
        if (full && log->planned == log->done) {
            return TRIB_SUCCESS;
        }
    }
    return TRIB_SUCCESS;
}

/* ---- putting ---- */

static int place_order(const batch_line *a, const batch_line *b) {
    int order = strcmp(a->federation, b->federation);
    order = order != 0 ? order : strcmp(a->date, b->date);
    return order != 0 ? order : strcmp(a->gateway, b->gateway);
}

static int by_place(const void *left, const void *right) {
    const batch_line *a = left, *b = right;
    int order = place_order(a, b);
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

static trib_status feed(z_stream *stream, trib_bytes bytes, int flush) {
    union {
        const uint8_t *in;
        uint8_t *out;
    } text = {.in = bytes.data}; /* zlib does not write there, whatever its type says */
    stream->next_in = text.out;
    stream->avail_in = (uInt)bytes.size;
    int code = deflate(stream, flush);
    return code == (flush == Z_FINISH ? Z_STREAM_END : Z_OK)
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_IO, "a batch cannot be compressed (zlib %d)", code);
}

/* The lines of one object, one after the other. */
static trib_status pack(cloud_batches *batches, const batch_line *lines, size_t count) {
    z_stream stream = {.zalloc = Z_NULL};
    uLong size = 64;
    for (size_t i = 0; i < count; i++) {
        size += (uLong)lines[i].size;
    }
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for compressing");
    }
    trib_buffer_clear(&batches->packed);
    trib_status status = trib_buffer_reserve(&batches->packed, deflateBound(&stream, size));
    stream.next_out = batches->packed.data;
    stream.avail_out = (uInt)batches->packed.capacity;
    for (size_t i = 0; i < count && trib_ok(status); i++) {
        status = feed(&stream, trib_bytes_of(batches->lines.data + lines[i].at, lines[i].size),
                      i + 1 == count ? Z_FINISH : Z_NO_FLUSH);
    }
    batches->packed.size = batches->packed.capacity - stream.avail_out;
    (void)deflateEnd(&stream);
    return status;
}

static trib_status put_lines(cloud_batches *batches, const batch_log *log, const batch_line *lines,
                             size_t count) {
    char key[CLOUD_KEY_SIZE];
    cloud_bucket *bucket = batches->options.place->bucket;
    TRIB_TRY(pack(batches, lines, count));
    (void)snprintf(key, sizeof key,
                   "events/%s/federation=%s/date=%s/gateway=%s/%013" PRIu64 "-%" PRIu64 "-%" PRIu64
                   ".jsonl.gz",
                   cloud_bridge_log_names[log->log], lines[0].federation, lines[0].date,
                   lines[0].gateway, lines[0].time_ms, log->done + 1, log->planned);
    const trib_bytes bytes = trib_buffer_view(&batches->packed);
    const cloud_body body = cloud_body_of(&bytes, "application/gzip");
    const cloud_put_options how = {.if_absent = true};
    trib_status status = bucket->put(bucket, key, &body, &how);
    if (status.code == TRIB_E_STATE) { /* before a crash */
        return TRIB_SUCCESS;
    }
    atomic_fetch_add(&batches->put, trib_ok(status));
    return status;
}

static trib_status put_batch(cloud_batches *batches, const batch_log *log) {
    size_t count = batches->index.size / sizeof(batch_line);
    batch_line *lines = (batch_line *)(void *)batches->index.data;
    if (count > 0) {
        qsort(lines, count, sizeof *lines, by_place);
    }
    for (size_t first = 0, next; first < count; first = next) {
        for (next = first + 1; next < count && place_order(&lines[first], &lines[next]) == 0;) {
            next++;
        }
        TRIB_TRY(put_lines(batches, log, lines + first, next - first));
    }
    return TRIB_SUCCESS;
}

static trib_status step(cloud_batches *batches, batch_log *log) {
    const cloud_batches_options *options = &batches->options;
    uint64_t now = trib_monotonic_ms(options->clock), last = 0;
    uint64_t end = options->end(options->context, log->log);
    if (log->planned == log->done) {
        if (end <= log->done) {
            return TRIB_SUCCESS;
        }
        log->due_ms = log->due_ms == 0 ? now + options->every_ms : log->due_ms;
        if (now < log->due_ms && end - log->done < CLOUD_BATCH_MAX_EVENTS) {
            return TRIB_SUCCESS;
        }
        TRIB_TRY(collect(batches, log, end, &last));
        log->planned = last;
        trib_status status = keep(batches, log);
        if (!trib_ok(status)) {
            log->planned = log->done;
            return status;
        }
    } else {
        TRIB_TRY(collect(batches, log, log->planned, &last));
    }
    TRIB_TRY(put_batch(batches, log));
    uint64_t before = log->done;
    log->done = log->planned;
    trib_status status = keep(batches, log);
    if (!trib_ok(status)) {
        log->done = before; /* the same once more, under the same names */
        return status;
    }
    log->due_ms = 0;
    options->acknowledge(options->context, log->log, log->done);
    return TRIB_SUCCESS;
}

trib_status cloud_batches_step(cloud_batches *batches) {
    for (size_t i = 0; i < CLOUD_BATCH_KINDS; i++) {
        TRIB_TRY(step(batches, &batches->logs[i]));
    }
    return TRIB_SUCCESS;
}

/* ---- its life ---- */

trib_status cloud_batches_create(const cloud_batches_options *options,
                                 cloud_batches **ret_batches) {
    cloud_batches *batches = trib_allocate(1, sizeof *batches);
    if (batches == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for batches");
    }
    batches->options = *options;
    batches->lines.ceiling = CLOUD_BATCH_MAX_BYTES + 2 * CLOUD_EVENT_MOST_BYTES;
    batches->index.ceiling = (size_t)CLOUD_BATCH_MAX_EVENTS * 2 * sizeof(batch_line);
    batches->body.ceiling = CLOUD_EVENT_MOST_BYTES;
    batches->packed.ceiling = 2 * batches->lines.ceiling;
    trib_status status = TRIB_SUCCESS;
    for (size_t i = 0; i < CLOUD_BATCH_KINDS && trib_ok(status); i++) {
        batch_log *log = &batches->logs[i];
        log->log = (cloud_bridge_log)(CLOUD_LOG_ALERT + i);
        status = find(batches, log);
        if (trib_ok(status)) {
            options->acknowledge(options->context, log->log, log->done);
            status = cloud_follower_create(options->place->disk, options->sources[i].folder,
                                           options->sources[i].seed, log->done + 1, &log->follower);
        }
    }
    if (!trib_ok(status)) {
        cloud_batches_destroy(batches);
        return status;
    }
    *ret_batches = batches;
    return TRIB_SUCCESS;
}

void cloud_batches_destroy(cloud_batches *batches) {
    if (batches == NULL) {
        return;
    }
    for (size_t i = 0; i < CLOUD_BATCH_KINDS; i++) {
        cloud_follower_destroy(batches->logs[i].follower);
    }
    trib_buffer_deinit(&batches->lines);
    trib_buffer_deinit(&batches->index);
    trib_buffer_deinit(&batches->body);
    trib_buffer_deinit(&batches->packed);
    trib_free(batches);
}

uint64_t cloud_batches_put(const cloud_batches *batches) {
    return atomic_load(&batches->put);
}

uint64_t cloud_batches_missed(const cloud_batches *batches) {
    return atomic_load(&batches->missed);
}
