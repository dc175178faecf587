#include "edge/source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/heap.h"
#include "edge/source/kafka.h"
#include "edge/source/lines.h"
#include "edge/source/places.h"
#include "edge/source/recording_reader.h"

enum { PUSH_MS = 20 }; /* how long a push may keep the thread from seeing a stop */

typedef struct stored_file {
    char name[EDGE_RECORDING_NAME_SIZE];
    uint64_t rows;
} stored_file;

struct edge_source {
    edge_source_plan plan; /* its spec is the one below */
    trib_source_spec spec;
    edge_files files;
    stored_file *stored; /* [stored_count], owned: before start, then the thread's */
    size_t stored_count;
    edge_kafka *kafka; /* of kind kafka */
    int listener;
    int wake[2];
    bool started;
    pthread_t thread;

    /* the thread's */
    edge_batch *batch; /* being filled; NULL between */
    uint64_t due_ms;   /* when it is to be pushed */
    uint64_t soon_ms;  /* when it may be pushed already */
    bool owes_start;   /* the batch with a recording's start was dropped */
    bool dropping;
    bool passing; /* a replay's passes after the first: see `loop: live` */
    edge_lines lines;
    bool reading;       /* of a stream: lines are what it is at, across halts */
    trib_buffer header; /* the stream's CSV header, which comes once, whatever is made of it */
    int client;         /* of a socket; -1: none */

    /* snapshots for others */
    atomic_uint_fast64_t rows;
    atomic_uint_fast64_t passed;
    atomic_uint_fast64_t refused;
    atomic_uint_fast64_t dropped;
    atomic_uint_fast64_t recordings;
    atomic_uint_fast64_t problems;
    atomic_bool whole;
    atomic_bool finished;
};

static bool is_stream(const edge_source *source) {
    return edge_source_comes_once(source->plan.config);
}

static void say(const edge_source *source, edge_event_kind kind, edge_event_level level,
                uint64_t count, const char *text) {
    edge_event_say(&source->plan.events,
                   (edge_event){.kind = kind, .level = level, .room = "source", .count = count},
                   "%s", text);
}

/* A recording that is played for the hundredth time is no news. */
static edge_event_level level_of(const edge_source *source) {
    return source->passing ? EDGE_EVENT_DEBUG : EDGE_EVENT_INFO;
}

static bool stopping(const edge_source *source) {
    return edge_lines_wait(-1, source->wake[0], 0) == EDGE_LINE_STOPPED;
}

/* ---- batches ---- */

/* False when the thread has to stop. */
static bool push_waiting(edge_source *source) {
    while (!trib_queue_push_wait(source->plan.batches, source->batch, PUSH_MS)) {
        /* a closed queue gives up at once: do not spin */
        if (edge_lines_wait(-1, source->wake[0], 1) == EDGE_LINE_STOPPED) {
            return false;
        }
    }
    return true;
}

static void drop_batch(edge_source *source) {
    edge_batch *batch = source->batch;
    (void)atomic_fetch_add(&source->dropped, batch->count);
    source->owes_start = batch->starts;
    if (!source->dropping) {
        say(source, EDGE_EVENT_BATCH_DROPPED, EDGE_EVENT_WARN, batch->count,
            "rows come faster than they are worked off: dropping");
    }
    source->dropping = true;
    edge_batch_destroy(batch);
    source->batch = NULL;
}

/* False when the thread has to stop. */
static bool push_batch(edge_source *source) {
    uint32_t count = source->batch->count;
    if (is_stream(source)) {
        if (!trib_queue_push(source->plan.batches, source->batch)) {
            drop_batch(source);
            return true;
        }
        source->dropping = false;
    } else if (!push_waiting(source)) {
        return false;
    }
    source->batch = NULL; /* the queue's now */
    (void)atomic_fetch_add(source->passing ? &source->passed : &source->rows, count);
    return true;
}

static bool begin_batch(edge_source *source, const char *recording, bool starts) {
    source->batch = edge_batch_create();
    if (source->batch == NULL) {
        say(source, EDGE_EVENT_SOURCE_FAILED, EDGE_EVENT_ERROR, 0, "no memory for rows");
        return false;
    }
    (void)snprintf(source->batch->recording, EDGE_RECORDING_NAME_SIZE, "%s", recording);
    source->batch->starts = starts || source->owes_start;
    source->batch->passing = source->passing;
    source->owes_start = false;
    uint64_t now = trib_monotonic_ms(source->plan.clock);
    source->due_ms = now + EDGE_SOURCE_BATCH_MS;
    source->soon_ms = is_stream(source) ? now + EDGE_SOURCE_SOON_MS : source->due_ms;
    return true;
}

static int ms_until(const edge_source *source, uint64_t then_ms) {
    uint64_t now = trib_monotonic_ms(source->plan.clock);
    uint64_t left = then_ms > now ? then_ms - now : 0;
    return left < 60000 ? (int)left : 60000;
}

/* Until the batch may be pushed, or is to be looked at again: -1, there is nothing to push. */
static int ms_until_push(const edge_source *source) {
    return source->batch == NULL || source->batch->count == 0 ? -1
                                                              : ms_until(source, source->soon_ms);
}

/* Soon, if the one before is taken: rows that wait behind others lose nothing by going together. */
static bool push_if_due(edge_source *source) {
    if (ms_until_push(source) != 0) {
        return true;
    }
    if (ms_until(source, source->due_ms) > 0 && !trib_queue_empty(source->plan.batches)) {
        source->soon_ms = trib_monotonic_ms(source->plan.clock) + EDGE_SOURCE_SOON_MS;
        return true;
    }
    return push_batch(source);
}

/* ---- one recording ---- */

typedef struct passage {
    edge_recording_reader reader;
    const char *recording; /* as stored: a file's name, or "" */
    uint64_t skip;         /* rows that are stored already */
    uint64_t given;        /* rows */
    int64_t anchor_us;     /* pacing: this time of the recording ... */
    uint64_t anchor_ms;    /* ... is this time here */
} passage;

/* Waits until a paced row is due, pushing what is due before. False when the thread has to stop. */
static bool pace(edge_source *source, passage *at, int64_t time_us) {
    double speed = source->passing ? 1 : source->plan.config->speed;
    if (is_stream(source) || !(speed > 0)) {
        return true;
    }
    if (at->given == 0 || time_us < at->anchor_us) {
        at->anchor_us = time_us;
        at->anchor_ms = trib_monotonic_ms(source->plan.clock);
    }
    double after_ms = (double)(time_us - at->anchor_us) / 1000 / speed;
    uint64_t due_ms = at->anchor_ms + (after_ms < 1e15 ? (uint64_t)after_ms : (uint64_t)1e15);
    for (int left = ms_until(source, due_ms); left > 0; left = ms_until(source, due_ms)) {
        int batch = ms_until_push(source);
        left = batch >= 0 && batch < left ? batch : left;
        if (edge_lines_wait(-1, source->wake[0], left) == EDGE_LINE_STOPPED ||
            !push_if_due(source)) {
            return false;
        }
    }
    return true;
}

/* How far a restart need not read again: of streams and passing rows nothing is kept. */
static uint64_t position_of(const edge_source *source, uint64_t row) {
    return is_stream(source) || source->passing ? 0 : row;
}

static bool give_row(edge_source *source, passage *at, const edge_row *row) {
    uint64_t number = at->reader.parser.rows;
    if (number <= at->skip) {
        return true;
    }
    if (!pace(source, at, row->row.time_us)) {
        return false;
    }
    if (source->batch == NULL && !begin_batch(source, at->recording, number == 1)) {
        return false;
    }
    edge_batch *batch = source->batch;
    batch->rows[batch->count] = *row;
    batch->rows[batch->count++].train = row->train && !source->passing;
    batch->position = position_of(source, number);
    at->given++;
    return batch->count < EDGE_BATCH_ROWS || push_batch(source);
}

static bool end_recording(edge_source *source, passage *at) {
    char text[EDGE_EVENT_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%s ended: %llu rows, %llu lines refused", at->reader.name,
                   (unsigned long long)at->given, (unsigned long long)at->reader.refused);
    say(source, EDGE_EVENT_SOURCE_ENDED, level_of(source), at->given, text);
    if (at->given == 0) {
        return true;
    }
    if (source->batch == NULL && !begin_batch(source, at->recording, false)) {
        return false;
    }
    source->batch->ends = true;
    source->batch->position = position_of(source, at->reader.parser.rows);
    return push_batch(source);
}

static void say_failed(const edge_source *source, const char *name) {
    char text[EDGE_EVENT_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "read %s: %s", name, strerror(errno));
    say(source, EDGE_EVENT_SOURCE_FAILED, EDGE_EVENT_ERROR, 0, text);
}

/* Without memory for it, a stream whose columns change ends there: its next row is no header. */
static void keep_header(edge_source *source, const edge_recording_reader *reader, trib_bytes line) {
    if (is_stream(source) && (reader->parser.format == TRIB_TABLE_CSV || reader->hopeless)) {
        trib_buffer_clear(&source->header);
        trib_ignore(trib_buffer_append(&source->header, line));
    }
}

/* Takes lines until the end. False when the thread has to stop. */
static bool take_lines(edge_source *source, passage *at) {
    for (;;) {
        trib_bytes line;
        edge_row row;
        switch (edge_lines_next(&source->lines, ms_until_push(source), &line)) {
        case EDGE_LINE_READY: {
            uint64_t refused = at->reader.refused;
            bool first = at->reader.parser.format == TRIB_TABLE_UNKNOWN;
            bool is_row = edge_recording_reader_line(&at->reader, line, &row);
            (void)atomic_fetch_add(&source->refused, at->reader.refused - refused);
            if (first) {
                keep_header(source, &at->reader, line);
            }
            if (is_row && !give_row(source, at, &row)) {
                return false;
            }
            if (at->reader.hopeless) {
                return true;
            }
            break;
        }
        case EDGE_LINE_TIMEOUT:
            break;
        case EDGE_LINE_END:
            return end_recording(source, at);
        case EDGE_LINE_STOPPED:
            return false;
        case EDGE_LINE_FAILED:
            say_failed(source, at->reader.name);
            return end_recording(source, at);
        }
        if (!push_if_due(source)) {
            return false;
        }
    }
}

static void begin_recording(edge_source *source, passage *at) {
    char text[EDGE_EVENT_TEXT_SIZE];
    int used = snprintf(text, sizeof text, "reading %s", at->reader.name);
    if (at->skip > 0 && used > 0 && (size_t)used < sizeof text) {
        (void)snprintf(text + used, sizeof text - (size_t)used, " after row %llu",
                       (unsigned long long)at->skip);
    }
    (void)atomic_fetch_add(&source->recordings, 1);
    say(source, EDGE_EVENT_SOURCE_STARTED, level_of(source), at->skip, text);
}

static bool read_stream(edge_source *source, int input, const char *name) {
    passage at = {.recording = ""};
    bool untimed = source->plan.spec->time_unit == TRIB_TIME_NONE;
    edge_recording_reader_init(&at.reader, &source->plan, name, untimed, false);
    source->owes_start = false;
    begin_recording(source, &at);
    if (!source->reading) {
        edge_lines_init(&source->lines, input, source->wake[0]);
        trib_buffer_clear(&source->header);
        source->reading = true;
    } else if (source->header.size > 0) { /* halted, and gone on with */
        edge_row none;
        (void)edge_recording_reader_line(&at.reader, trib_buffer_view(&source->header), &none);
    }
    return at.reader.hopeless || take_lines(source, &at);
}

/* ---- replay ---- */

/* Rows of a file. False when the thread has to stop. */
static bool count_rows(edge_source *source, const char *path, int input, uint64_t *ret_rows) {
    edge_recording_reader reader;
    edge_row row;
    trib_bytes line;
    edge_recording_reader_init(&reader, &source->plan, path, false, true);
    edge_lines_init(&source->lines, input, source->wake[0]);
    for (;;) {
        edge_line next = edge_lines_next(&source->lines, -1, &line);
        if (next == EDGE_LINE_STOPPED) {
            return false;
        }
        if (next == EDGE_LINE_END || next == EDGE_LINE_FAILED || reader.hopeless) {
            *ret_rows = reader.parser.rows;
            return true;
        }
        if (next == EDGE_LINE_READY) {
            (void)edge_recording_reader_line(&reader, line, &row); /* only counted */
        }
    }
}

static bool find_split(edge_source *source, passage *at, int input) {
    const trib_source_spec *spec = source->plan.spec;
    uint64_t rows = 0;
    switch (spec->split) {
    case TRIB_SPLIT_NONE:
        return true;
    case TRIB_SPLIT_ROWS:
        at->reader.split_row = spec->split_rows;
        return true;
    case TRIB_SPLIT_FRACTION:
        if (!count_rows(source, at->reader.name, input, &rows)) {
            return false;
        }
        at->reader.split_row = (uint64_t)(spec->split_fraction * (double)rows);
        return lseek(input, 0, SEEK_SET) == 0;
    }
    return true;
}

static uint64_t rows_stored(const edge_source *source, const char *name) {
    bool anew = source->passing || source->plan.config->loop == EDGE_LOOP_ALWAYS;
    for (size_t i = 0; !anew && i < source->stored_count; i++) {
        if (strcmp(source->stored[i].name, name) == 0) {
            return source->stored[i].rows;
        }
    }
    return 0;
}

static bool replay_file(edge_source *source, const char *name) {
    char path[EDGE_PATH_SIZE + EDGE_RECORDING_NAME_SIZE];
    (void)snprintf(path, sizeof path, "%s%s", source->files.folder, name);
    int input = open(path, O_RDONLY | O_CLOEXEC);
    if (input < 0) {
        say_failed(source, path);
        return true;
    }
    passage at = {.recording = name, .skip = rows_stored(source, name)};
    /* its malformed lines were said when it was read first */
    edge_recording_reader_init(&at.reader, &source->plan, path, source->passing, source->passing);
    bool go_on = find_split(source, &at, input);
    if (go_on) {
        edge_lines_init(&source->lines, input, source->wake[0]);
        begin_recording(source, &at);
        go_on = take_lines(source, &at);
    }
    (void)close(input);
    return go_on;
}

/* Each recording once. False when the thread has to stop. */
static bool replay_all(edge_source *source) {
    for (size_t i = 0; i < source->files.count; i++) {
        if (!replay_file(source, source->files.names[i]) || stopping(source)) {
            return false;
        }
    }
    atomic_store(&source->whole, true);
    return true;
}

static bool replay(edge_source *source) {
    edge_source_loop loop = source->plan.config->loop;
    const atomic_uint_fast64_t *counter = loop == EDGE_LOOP_LIVE ? &source->passed : &source->rows;
    if (loop == EDGE_LOOP_LIVE) {
        if (!replay_all(source)) {
            return false;
        }
        source->passing = true;
        say(source, EDGE_EVENT_SOURCE_STARTED, EDGE_EVENT_INFO, 0,
            "playing the recordings again and again, as a live stream that is only judged");
    }
    for (;;) {
        uint64_t before = atomic_load(counter);
        if (!replay_all(source)) {
            return false;
        }
        /* a loop over nothing would spin */
        if (loop == EDGE_LOOP_NEVER || atomic_load(counter) == before) {
            return true;
        }
    }
}

/* ---- streams ---- */

static void close_client(edge_source *source) {
    if (source->client >= 0) {
        (void)close(source->client);
        source->client = -1;
        source->reading = false;
    }
}

/* False when the thread has to stop. */
static bool wait_for_client(edge_source *source) {
    while (source->client < 0) {
        edge_line ready = edge_lines_wait(source->listener, source->wake[0], -1);
        if (ready == EDGE_LINE_STOPPED || ready == EDGE_LINE_FAILED) {
            return false;
        }
        source->client = ready == EDGE_LINE_READY ? accept(source->listener, NULL, NULL) : -1;
    }
    (void)fcntl(source->client, F_SETFD, FD_CLOEXEC);
    return true;
}

static void serve(edge_source *source) {
    while (wait_for_client(source) &&
           read_stream(source, source->client, "a client of the socket")) {
        close_client(source); /* not when stopped: it may go on */
    }
}

/* ---- a topic ---- */

static bool take_batch(void *context, edge_batch *batch_take) {
    edge_source *source = context;
    source->batch = batch_take; /* if it cannot be pushed, the thread ends and frees it */
    return push_batch(source);
}

static void take_counts(void *context, uint64_t refused, uint64_t problems) {
    edge_source *source = context;
    (void)atomic_fetch_add(&source->refused, refused);
    (void)atomic_fetch_add(&source->problems, problems);
}

static trib_status create_kafka(edge_source *source) {
    const edge_kafka_host host = {.plan = &source->plan,
                                  .wake = source->wake[0],
                                  .push = take_batch,
                                  .count = take_counts,
                                  .context = source};
    return edge_kafka_create(&host, &source->kafka);
}

static void *run(void *context) {
    edge_source *source = context;
    bool done = false;
    switch (source->plan.config->kind) {
    case EDGE_SOURCE_REPLAY:
        done = replay(source);
        break;
    case EDGE_SOURCE_STDIN:
        done = read_stream(source, STDIN_FILENO, "standard input");
        break;
    case EDGE_SOURCE_SOCKET:
        serve(source);
        break;
    case EDGE_SOURCE_KAFKA:
        edge_kafka_run(source->kafka);
        break;
    }
    if (is_stream(source) && source->batch != NULL && source->batch->count > 0) {
        (void)push_batch(source); /* others read them again, a stream does not */
    }
    edge_batch_destroy(source->batch);
    source->batch = NULL;
    if (done) {
        atomic_store(&source->finished, true);
        say(source, EDGE_EVENT_SOURCE_FINISHED, EDGE_EVENT_INFO, atomic_load(&source->rows),
            "no more rows will come");
    }
    return NULL;
}

/* ---- the owner's side ---- */

trib_status edge_source_create(const edge_source_plan *plan, edge_source **ret_source) {
    TRIB_SCOPED(edge_source_destroy_scoped) edge_source *source = trib_allocate(1, sizeof *source);
    if (source == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a source");
    }
    source->plan = *plan;
    source->spec = *plan->spec;
    source->plan.spec = &source->spec;
    source->listener = source->client = -1;
    source->header.ceiling = EDGE_LINES_BUFFER;
    if (pipe(source->wake) != 0) {
        source->wake[0] = source->wake[1] = -1;
        return TRIB_FAIL(TRIB_E_IO, "no pipe to wake the source: %s", strerror(errno));
    }
    (void)fcntl(source->wake[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(source->wake[1], F_SETFD, FD_CLOEXEC);
    if (plan->config->kind == EDGE_SOURCE_REPLAY) {
        TRIB_TRY(edge_files_list(plan->config->path, plan->spec, &source->files));
    }
    if (plan->config->kind == EDGE_SOURCE_SOCKET) {
        TRIB_TRY(edge_socket_listen(plan->config, &source->listener));
    }
    if (plan->config->kind == EDGE_SOURCE_KAFKA) {
        TRIB_TRY(create_kafka(source));
    }
    *ret_source = source;
    source = NULL;
    return TRIB_SUCCESS;
}

trib_status edge_source_skip(edge_source *source, const char *recording, uint64_t position) {
    TRIB_ASSERT(!source->started);
    if (source->kafka != NULL) {
        return edge_kafka_skip(source->kafka, recording, position);
    }
    stored_file *stored = trib_resize(source->stored, source->stored_count * sizeof *stored,
                                      (source->stored_count + 1) * sizeof *stored);
    if (stored == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a list of files");
    }
    source->stored = stored;
    stored_file *one = &stored[source->stored_count++];
    (void)snprintf(one->name, sizeof one->name, "%s", recording);
    one->rows = position;
    return TRIB_SUCCESS;
}

trib_status edge_source_start(edge_source *source) {
    TRIB_ASSERT(!source->started);
    atomic_store(&source->finished, false);
    int error = pthread_create(&source->thread, NULL, run, source);
    if (error != 0) {
        return TRIB_FAIL(TRIB_E_IO, "no thread for the source: %s", strerror(error));
    }
    source->started = true;
    return TRIB_SUCCESS;
}

edge_source_counts edge_source_counted(const edge_source *source) {
    return (edge_source_counts){.rows = atomic_load(&source->rows),
                                .passing = atomic_load(&source->passed),
                                .refused = atomic_load(&source->refused),
                                .dropped = atomic_load(&source->dropped),
                                .recordings = atomic_load(&source->recordings),
                                .problems = atomic_load(&source->problems),
                                .whole = atomic_load(&source->whole),
                                .finished = atomic_load(&source->finished)};
}

void edge_source_halt(edge_source *source) {
    if (source->started) {
        char byte = 0;
        ssize_t moved = write(source->wake[1], &byte, 1);
        TRIB_ASSERT(moved == 1); /* an empty pipe has room */
        (void)pthread_join(source->thread, NULL);
        source->started = false;
        moved = read(source->wake[0], &byte, 1);
        TRIB_ASSERT(moved == 1);
    }
}

void edge_source_change(edge_source *source, const trib_source_spec *spec) {
    TRIB_ASSERT(!source->started && is_stream(source));
    source->spec = *spec;
}

void edge_source_destroy(edge_source *source) {
    if (source == NULL) {
        return;
    }
    edge_source_halt(source);
    close_client(source);
    trib_buffer_deinit(&source->header);
    edge_socket_close(source->plan.config, source->listener);
    for (int i = 0; i < 2; i++) {
        if (source->wake[i] >= 0) {
            (void)close(source->wake[i]);
        }
    }
    edge_kafka_destroy(source->kafka);
    edge_files_deinit(&source->files);
    trib_free(source->stored);
    trib_free(source);
}

void edge_source_destroy_scoped(edge_source **source) {
    edge_source_destroy(*source);
}
