#include "edge/source/source.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/port/posix/system.h"

static char folder[64];
static edge_source_config config;
static trib_source_spec spec;
static trib_queue *queue;
static atomic_int said[32];
static sem_t heard; /* once an event */

static void count_event(void *context, const edge_event *event) {
    (void)context;
    (void)atomic_fetch_add(&said[event->kind], 1);
    (void)sem_post(&heard);
}

static void wait_for(edge_event_kind kind) {
    while (atomic_load(&said[kind]) == 0) {
        (void)sem_wait(&heard);
    }
}

static int set_up(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/edge-source-XXXXXX");
    if (mkdtemp(folder) == NULL || !trib_ok(trib_queue_create(64, edge_batch_drop, &queue))) {
        return -1;
    }
    config = (edge_source_config){.kind = EDGE_SOURCE_REPLAY};
    (void)snprintf(config.path, sizeof config.path, "%s", folder);
    spec = (trib_source_spec){.files = "*.csv",
                              .delimiter = ',',
                              .rate_hz = 100,
                              .time_unit = TRIB_TIME_MS,
                              .time_column = "t",
                              .channel_count = 2,
                              .channels = {"x", "y"},
                              .label_column = "label",
                              .class_count = 2,
                              .classes = {"calm", "busy"}};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        atomic_store(&said[i], 0);
    }
    return sem_init(&heard, 0, 0);
}

static int tear_down(void **state) {
    (void)state;
    static const char *const names[] = {"a.csv", "b.csv", "c.csv", "notes.txt", "rows.sock"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    trib_queue_destroy(queue);
    (void)sem_destroy(&heard);
    return rmdir(folder);
}

static void write_file(const char *name, const char *text) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void write_rows(const char *name, unsigned rows, unsigned step_ms) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    (void)fprintf(file, "t,x,y,label\n");
    for (unsigned i = 0; i < rows; i++) {
        (void)fprintf(file, "%u,%u,%g,%s\n", i * step_ms, i, -0.5 * i,
                      i % 2 == 0 ? "calm" : "busy");
    }
    assert_int_equal(fclose(file), 0);
}

static edge_source *create(void) {
    const edge_source_plan plan = {&config, &spec, queue, trib_posix_clock(), {count_event, NULL}};
    edge_source *source = NULL;
    trib_status status = edge_source_create(&plan, &source);
    if (!trib_ok(status)) {
        fail_msg("create: %s", trib_message());
    }
    return source;
}

static edge_source *start(void) {
    edge_source *source = create();
    assert_true(trib_ok(edge_source_start(source)));
    return source;
}

/* What came out of the queue, row by row. */
typedef struct taken {
    unsigned rows;
    unsigned train;
    unsigned passing; /* rows */
    unsigned starts;
    unsigned ends;
    unsigned batches;
    uint64_t position;
    char last_recording[EDGE_RECORDING_NAME_SIZE];
    edge_row first;
    edge_row last;
} taken;

static bool take_batch(taken *into) {
    edge_batch *batch = trib_queue_pop(queue, 10000);
    if (batch == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        into->train += batch->rows[i].train;
        if (into->rows++ == 0) {
            into->first = batch->rows[i];
        }
        into->last = batch->rows[i];
    }
    into->batches++;
    into->passing += batch->passing ? batch->count : 0;
    into->starts += batch->starts;
    into->ends += batch->ends;
    into->position = batch->position;
    memcpy(into->last_recording, batch->recording, sizeof into->last_recording);
    edge_batch_destroy(batch);
    return true;
}

static taken take_until_ends(unsigned ends) {
    taken all = {0};
    while (all.ends < ends) {
        if (!take_batch(&all)) {
            fail_msg("nothing more after %u rows, %u ends", all.rows, all.ends);
        }
    }
    return all;
}

static void a_folder_is_replayed_in_the_order_of_names(void **state) {
    (void)state;
    write_rows("b.csv", 10, 10);
    write_rows("a.csv", 600, 10);
    write_file("notes.txt", "not a recording\n");
    edge_source *source = start();
    taken first = take_until_ends(1);
    assert_string_equal(first.last_recording, "a.csv");
    assert_int_equal(first.rows, 600);
    assert_int_equal(first.starts, 1);
    assert_int_equal(first.position, 600);
    assert_int_equal(first.train, 600);
    assert_true(first.batches >= 3);
    assert_true(first.last.row.time_us == 5990000);
    assert_true(first.last.row.values[0] == 599 && first.last.row.values[1] == -299.5f);
    assert_int_equal(first.last.row.label, 1);
    taken second = take_until_ends(1);
    assert_string_equal(second.last_recording, "b.csv");
    assert_int_equal(second.rows, 10);
    wait_for(EDGE_EVENT_SOURCE_FINISHED);
    assert_true(edge_source_counted(source).finished);
    edge_source_destroy(source);
}

static void a_replay_waits_for_room(void **state) {
    (void)state;
    trib_queue_destroy(queue);
    assert_true(trib_ok(trib_queue_create(1, edge_batch_drop, &queue)));
    write_rows("a.csv", 5000, 1);
    edge_source *source = start();
    taken all = take_until_ends(1);
    assert_int_equal(all.rows, 5000);
    assert_int_equal(edge_source_counted(source).dropped, 0);
    edge_source_destroy(source);
}

static void leading_rows_train_as_the_split_says(void **state) {
    (void)state;
    write_rows("a.csv", 100, 10);
    spec.split = TRIB_SPLIT_FRACTION;
    spec.split_fraction = 0.3;
    edge_source *source = start();
    taken all = take_until_ends(1);
    edge_source_destroy(source);
    assert_int_equal(all.rows, 100);
    assert_int_equal(all.train, 30);
    assert_true(all.first.train);
    assert_false(all.last.train);
    spec.split = TRIB_SPLIT_ROWS;
    spec.split_rows = 42;
    source = start();
    all = take_until_ends(1);
    edge_source_destroy(source);
    assert_int_equal(all.train, 42);
}

static void a_restart_goes_on_after_the_rows_that_are_stored(void **state) {
    (void)state;
    write_rows("a.csv", 100, 10);
    write_rows("b.csv", 100, 10);
    write_rows("c.csv", 20, 10);
    spec.split = TRIB_SPLIT_ROWS;
    spec.split_rows = 70;
    edge_source *source = create();
    assert_true(trib_ok(edge_source_skip(source, "a.csv", 100)));
    assert_true(trib_ok(edge_source_skip(source, "b.csv", 60)));
    assert_true(trib_ok(edge_source_start(source)));
    taken b = take_until_ends(1);
    assert_string_equal(b.last_recording, "b.csv");
    assert_int_equal(b.rows, 40);
    assert_int_equal(b.train, 10); /* the split counts from the file's first row */
    assert_int_equal(b.starts, 0);
    assert_int_equal(b.position, 100);
    assert_true(b.first.row.values[0] == 60);
    taken c = take_until_ends(1);
    assert_int_equal(c.rows, 20);
    assert_int_equal(c.starts, 1);
    edge_source_destroy(source);
}

static void a_loop_starts_again(void **state) {
    (void)state;
    write_rows("a.csv", 30, 10);
    config.loop = EDGE_LOOP_ALWAYS;
    edge_source *source = create();
    assert_true(trib_ok(edge_source_skip(source, "a.csv", 30))); /* of no matter for a loop */
    assert_true(trib_ok(edge_source_start(source)));
    taken all = take_until_ends(4);
    assert_int_equal(all.rows, 120);
    assert_int_equal(all.train, 120);
    assert_int_equal(all.passing, 0);
    assert_int_equal(all.starts, 4);
    edge_source_destroy(source);
    assert_int_equal(atomic_load(&said[EDGE_EVENT_SOURCE_FINISHED]), 0);
}

static int64_t wall_us(void) {
    return (int64_t)(trib_wall_ms(trib_posix_clock()) * 1000);
}

static void a_live_loop_is_read_once_and_then_passes_by_at_its_own_pace(void **state) {
    (void)state;
    write_rows("a.csv", 30, 10);
    write_rows("b.csv", 20, 10);
    config.loop = EDGE_LOOP_LIVE;
    spec.split = TRIB_SPLIT_ROWS;
    spec.split_rows = 15;
    edge_source *source = start(); /* as fast as possible */
    taken first = take_until_ends(2);
    assert_int_equal(first.rows, 50);
    assert_int_equal(first.train, 30);
    assert_int_equal(first.passing, 0);
    assert_int_equal(first.position, 20);
    assert_true(first.first.row.time_us == 0); /* as recorded */
    int64_t began_us = wall_us();
    taken live = take_until_ends(4);
    assert_int_equal(live.rows, 100);
    assert_int_equal(live.passing, 100);
    assert_int_equal(live.train, 0);
    assert_int_equal(live.starts, 4);
    assert_int_equal(live.position, 0);
    /* of now: the first row when its pass began, which may be a little before we looked */
    assert_true(live.first.row.time_us > began_us - 60000000);
    /* each recording's first row is of the clock when the one before had been played: 290, 190, 290
     * and 190 ms later, less what whole milliseconds lose */
    assert_true(live.last.row.time_us - live.first.row.time_us >= 955000);
    assert_true(live.last.row.time_us <= wall_us() + 5000);
    edge_source_counts counts = edge_source_counted(source);
    assert_int_equal(counts.rows, 50);
    assert_true(counts.passing > 50); /* the last batch is counted after it was pushed */
    assert_true(counts.whole);
    assert_false(counts.finished);
    edge_source_destroy(source);
    assert_int_equal(atomic_load(&said[EDGE_EVENT_SOURCE_FINISHED]), 0);
}

static void what_was_stored_of_a_live_loop_is_not_read_to_be_stored_again(void **state) {
    (void)state;
    write_rows("a.csv", 30, 10);
    config.loop = EDGE_LOOP_LIVE;
    edge_source *source = create();
    assert_true(trib_ok(edge_source_skip(source, "a.csv", 20)));
    assert_true(trib_ok(edge_source_start(source)));
    taken rest = take_until_ends(1);
    assert_int_equal(rest.rows, 10);
    assert_int_equal(rest.passing, 0);
    taken live = take_until_ends(1);
    assert_int_equal(live.rows, 30); /* from its start again */
    assert_int_equal(live.passing, 30);
    edge_source_destroy(source);
    source = create();
    assert_true(trib_ok(edge_source_skip(source, "a.csv", 30)));
    assert_true(trib_ok(edge_source_start(source)));
    live = take_until_ends(1);
    assert_int_equal(live.passing, 30);
    assert_true(edge_source_counted(source).whole);
    assert_int_equal(edge_source_counted(source).rows, 0);
    edge_source_destroy(source);
}

static void a_live_loop_over_nothing_ends(void **state) {
    (void)state;
    write_file("a.csv", "t,x,y,label\n");
    config.loop = EDGE_LOOP_LIVE;
    edge_source *source = start();
    wait_for(EDGE_EVENT_SOURCE_FINISHED);
    assert_true(edge_source_counted(source).finished);
    edge_source_destroy(source);
}

static void malformed_lines_of_a_live_loop_are_said_in_the_first_pass_alone(void **state) {
    (void)state;
    write_file("a.csv", "t,x,y,label\n1,2,3,calm\n2,zebra,3,calm\n3,2,3,calm\n");
    config.loop = EDGE_LOOP_LIVE;
    edge_source *source = start();
    taken all = take_until_ends(4);
    assert_int_equal(all.rows, 8);
    edge_source_destroy(source);
    assert_int_equal(atomic_load(&said[EDGE_EVENT_LINE_REFUSED]), 1);
}

static void malformed_lines_are_skipped_counted_and_said_a_few_times(void **state) {
    (void)state;
    FILE *file;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/a.csv", folder);
    file = fopen(path, "wb");
    assert_non_null(file);
    (void)fprintf(file, "t,x,y,label\n1,2,3,calm\n");
    for (int i = 0; i < 20; i++) {
        (void)fprintf(file, "%d,zebra,3,calm\n", i);
    }
    (void)fprintf(file, "%0100000d\n2,2,3,busy\n", 0); /* longer than a line may be */
    assert_int_equal(fclose(file), 0);
    edge_source *source = start();
    taken all = take_until_ends(1);
    assert_int_equal(all.rows, 2);
    assert_int_equal(all.last.row.label, 1);
    edge_source_destroy(source);
    assert_int_equal(atomic_load(&said[EDGE_EVENT_LINE_REFUSED]), 5);
}

static void refused_lines_are_in_the_counts(void **state) {
    (void)state;
    write_file("a.csv", "t,x,y,label\n1,a,3,calm\n2,2,3,calm\n,2,3,calm\n");
    edge_source *source = start();
    (void)take_until_ends(1);
    wait_for(EDGE_EVENT_SOURCE_FINISHED);
    edge_source_counts counts = edge_source_counted(source);
    assert_int_equal(counts.refused, 2);
    assert_int_equal(counts.rows, 1);
    assert_int_equal(counts.recordings, 1);
    edge_source_destroy(source);
}

static void a_header_without_labels_serves_predictions(void **state) {
    (void)state;
    write_file("a.csv", "t,x,y\n1,2,3\n2,3,4\n");
    spec.target_count = 1;
    (void)snprintf(spec.targets[0], sizeof spec.targets[0], "load");
    edge_source *source = start();
    taken all = take_until_ends(1);
    assert_int_equal(all.rows, 2);
    assert_int_equal(all.last.row.label, -1);
    assert_true(isnan(all.last.row.targets[0]));
    edge_source_destroy(source);
}

static void a_header_without_channels_fails_the_file_alone(void **state) {
    (void)state;
    write_file("a.csv", "t,z,y,label\n1,2,3,calm\n");
    write_rows("b.csv", 10, 10);
    edge_source *source = start();
    taken all = take_until_ends(1);
    assert_string_equal(all.last_recording, "b.csv");
    assert_int_equal(all.rows, 10);
    edge_source_destroy(source);
    assert_int_equal(atomic_load(&said[EDGE_EVENT_SOURCE_FAILED]), 1);
}

static void timestamps_set_the_pace(void **state) {
    (void)state;
    write_rows("a.csv", 11, 1000); /* ten seconds, a hundred times as fast */
    config.speed = 100;
    const trib_clock *clock = trib_posix_clock();
    uint64_t before = trib_monotonic_ms(clock);
    edge_source *source = start();
    taken all = take_until_ends(1);
    uint64_t took = trib_monotonic_ms(clock) - before;
    edge_source_destroy(source);
    assert_int_equal(all.rows, 11);
    assert_true(took >= 99);
    assert_true(all.batches >= 2); /* a batch does not wait until it is full */
}

static void a_slow_replay_stops_at_once(void **state) {
    (void)state;
    write_rows("a.csv", 10, 1000000);
    config.speed = 1;
    edge_source *source = start();
    taken all = {0};
    assert_true(take_batch(&all)); /* the first row is not held back */
    assert_int_equal(all.rows, 1);
    uint64_t before = trib_monotonic_ms(trib_posix_clock());
    edge_source_destroy(source);
    assert_true(trib_monotonic_ms(trib_posix_clock()) - before < 5000);
}

static void a_live_loop_stops_at_once_between_two_rows(void **state) {
    (void)state;
    write_rows("a.csv", 10, 1000000);
    config.loop = EDGE_LOOP_LIVE;
    edge_source *source = start();
    taken all = take_until_ends(1);
    assert_true(take_batch(&all));
    assert_int_equal(all.passing, 1); /* the next row is due in a quarter of an hour */
    uint64_t before = trib_monotonic_ms(trib_posix_clock());
    edge_source_destroy(source);
    assert_true(trib_monotonic_ms(trib_posix_clock()) - before < 5000);
}

static void a_full_queue_does_not_keep_a_replay_from_stopping(void **state) {
    (void)state;
    trib_queue_destroy(queue);
    assert_true(trib_ok(trib_queue_create(1, edge_batch_drop, &queue)));
    write_rows("a.csv", 5000, 1);
    edge_source *source = start();
    edge_source_destroy(source);
    source = start();
    trib_queue_close(queue);
    edge_source_destroy(source);
}

static void send_text(int handle, const char *text) {
    size_t size = strlen(text);
    assert_int_equal(write(handle, text, size), (ssize_t)size);
}

static int connect_to_path(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(config.path) < sizeof address.sun_path);
    memcpy(address.sun_path, config.path, strlen(config.path) + 1);
    int handle = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(handle >= 0);
    assert_int_equal(connect(handle, (struct sockaddr *)&address, sizeof address), 0);
    return handle;
}

static void each_connection_is_a_recording(void **state) {
    (void)state;
    config.kind = EDGE_SOURCE_SOCKET;
    (void)snprintf(config.path, sizeof config.path, "%s/rows.sock", folder);
    edge_source *source = start();
    for (int i = 0; i < 2; i++) {
        int handle = connect_to_path();
        send_text(handle, "t,x,y,label\n1,2,3,calm\n2,2,");
        taken early = {0};
        assert_true(take_batch(&early)); /* while the client is silent */
        assert_int_equal(early.rows, 1);
        assert_int_equal(early.starts, 1);
        assert_int_equal(early.position, 0);
        send_text(handle, "4,busy"); /* the last line has no line break */
        assert_int_equal(close(handle), 0);
        taken rest = take_until_ends(1);
        assert_int_equal(rest.rows, 1);
        assert_true(rest.last.row.values[1] == 4);
        assert_string_equal(rest.last_recording, "");
    }
    edge_source_destroy(source);
    assert_int_not_equal(access(config.path, F_OK), 0);
}

static atomic_uint_least64_t stopped_ms; /* a clock that stands until it is moved on */

static uint64_t stopped_clock(void *context) {
    (void)context;
    return atomic_load(&stopped_ms);
}

/* Sends a row, and returns once the source has read past it. */
static void send_row_and_wait(int handle, const char *row, int sent_before) {
    char text[64];
    (void)snprintf(text, sizeof text, "%s\nno row\n", row);
    send_text(handle, text);
    while (atomic_load(&said[EDGE_EVENT_LINE_REFUSED]) <= sent_before) {
        (void)sem_wait(&heard);
    }
}

static void a_streams_row_goes_soon_but_not_alone_behind_others(void **state) {
    (void)state;
    const trib_clock clock = {.monotonic_ms = stopped_clock, .wall_ms = stopped_clock};
    const edge_source_plan plan = {&config, &spec, queue, &clock, {count_event, NULL}};
    edge_source *source = NULL;
    config.kind = EDGE_SOURCE_SOCKET;
    (void)snprintf(config.path, sizeof config.path, "%s/rows.sock", folder);
    atomic_store(&stopped_ms, 1000);
    assert_true(trib_ok(edge_source_create(&plan, &source)));
    assert_true(trib_ok(edge_source_start(source)));
    int handle = connect_to_path();
    send_text(handle, "t,x,y,label\n");
    send_row_and_wait(handle, "1,2,3,calm", 0);
    assert_true(trib_queue_empty(queue)); /* others may come with it */
    (void)atomic_fetch_add(&stopped_ms, EDGE_SOURCE_SOON_MS);
    while (trib_queue_empty(queue)) {
        (void)sched_yield();
    }
    send_row_and_wait(handle, "2,2,3,calm", 1);
    (void)atomic_fetch_add(&stopped_ms, EDGE_SOURCE_SOON_MS);
    send_row_and_wait(handle, "3,2,3,calm", 2);
    (void)atomic_fetch_add(&stopped_ms, EDGE_SOURCE_BATCH_MS);
    taken first = {0}, second = {0};
    assert_true(take_batch(&first));
    assert_int_equal(first.rows, 1);
    assert_true(take_batch(&second));
    assert_int_equal(second.rows, 2);
    assert_int_equal(close(handle), 0);
    edge_source_destroy(source);
}

static void a_socket_left_behind_is_replaced_but_not_one_in_use(void **state) {
    (void)state;
    config.kind = EDGE_SOURCE_SOCKET;
    (void)snprintf(config.path, sizeof config.path, "%s/rows.sock", folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, config.path, strlen(config.path) + 1);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(close(dead), 0);
    edge_source *source = start();
    edge_source *second = NULL;
    const edge_source_plan plan = {&config, &spec, queue, trib_posix_clock(), {NULL, NULL}};
    assert_int_equal(edge_source_create(&plan, &second).code, TRIB_E_IO);
    assert_null(second);
    edge_source_destroy(source);
}

static uint16_t free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(handle, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(handle, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(close(handle), 0);
    return ntohs(address.sin_port);
}

static void json_lines_come_over_a_local_port(void **state) {
    (void)state;
    config.kind = EDGE_SOURCE_SOCKET;
    config.format = EDGE_FORMAT_JSONL;
    config.port = free_port();
    edge_source *source = start();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(config.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(handle, (struct sockaddr *)&address, sizeof address), 0);
    send_text(handle, "\"x\": 7}\n" /* joined in the middle of a line */
                      "{\"t\": 5, \"x\": 1, \"y\": 2, \"label\": \"busy\"}\n");
    assert_int_equal(close(handle), 0);
    taken all = take_until_ends(1);
    assert_int_equal(all.rows, 1);
    assert_int_equal(all.last.row.label, 1);
    assert_true(all.last.row.time_us == 5000);
    assert_int_equal(edge_source_counted(source).refused, 1);
    edge_source_destroy(source);
}

static void a_stream_that_finds_the_queue_full_drops_and_counts(void **state) {
    (void)state;
    trib_queue_destroy(queue);
    assert_true(trib_ok(trib_queue_create(1, edge_batch_drop, &queue)));
    config.kind = EDGE_SOURCE_SOCKET;
    (void)snprintf(config.path, sizeof config.path, "%s/rows.sock", folder);
    edge_source *source = start();
    int handle = connect_to_path();
    send_text(handle, "t,x,y,label\n");
    char line[64];
    for (int i = 0; i < 4 * EDGE_BATCH_ROWS; i++) {
        (void)snprintf(line, sizeof line, "%d,%d,0,calm\n", i, i);
        send_text(handle, line);
    }
    wait_for(EDGE_EVENT_BATCH_DROPPED);
    assert_true(edge_source_counted(source).dropped > 0);
    assert_int_equal(close(handle), 0);
    edge_source_destroy(source);
    taken all = {0};
    assert_true(take_batch(&all));
    assert_int_equal(all.starts, 1);
}

static void standard_input_is_one_recording(void **state) {
    (void)state;
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    config.kind = EDGE_SOURCE_STDIN;
    spec.time_unit = TRIB_TIME_NONE;
    spec.time_column[0] = '\0';
    edge_source *source = start();
    send_text(ends[1], "x,y,label\n1,2,calm\n3,4,busy\n");
    assert_int_equal(close(ends[1]), 0);
    taken all = take_until_ends(1);
    assert_int_equal(all.rows, 2);
    assert_true(all.last.row.time_us - all.first.row.time_us == 10000); /* 100 Hz */
    assert_true(all.first.row.time_us > 1500000000000000);              /* from the wall clock */
    wait_for(EDGE_EVENT_SOURCE_FINISHED);
    edge_source_destroy(source);
    assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
    (void)close(saved);
    (void)close(ends[0]);
}

/* What the federation asks for now: the other channel alone, and no label. */
static trib_source_spec other_spec(void) {
    trib_source_spec other = spec;
    other.channel_count = 1;
    memcpy(other.channels[0], "y", 2);
    other.class_count = 0;
    other.label_column[0] = '\0';
    return other;
}

static void a_halted_client_stays_and_goes_on_under_its_header_with_another_spec(void **state) {
    (void)state;
    config.kind = EDGE_SOURCE_SOCKET;
    (void)snprintf(config.path, sizeof config.path, "%s/rows.sock", folder);
    edge_source *source = start();
    int handle = connect_to_path();
    send_text(handle, "t,label,x,y\n10,calm,1,2\n20,bu");
    taken all = {0};
    assert_true(take_batch(&all));
    edge_source_halt(source);
    send_text(handle, "sy,3,4\n");
    const trib_source_spec other = other_spec();
    edge_source_change(source, &other);
    assert_true(trib_ok(edge_source_start(source)));
    send_text(handle, "30,calm,5,6\n");
    assert_int_equal(close(handle), 0);
    taken more = take_until_ends(1);
    assert_int_equal(all.rows + more.rows, 3);
    assert_int_equal(more.starts, 1); /* a recording of its own */
    assert_true(more.first.row.values[0] == 4.0f && more.last.row.values[0] == 6.0f);
    assert_int_equal(edge_source_counted(source).refused, 0);
    edge_source_destroy(source);
}

static void a_header_without_channels_may_have_those_of_another_spec(void **state) {
    (void)state;
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    config.kind = EDGE_SOURCE_STDIN;
    edge_source *source = start();
    send_text(ends[1], "t,y\n10,7\n");
    wait_for(EDGE_EVENT_SOURCE_FAILED);
    edge_source_halt(source);
    edge_source_halt(source); /* once is enough */
    const trib_source_spec other = other_spec();
    edge_source_change(source, &other);
    assert_true(trib_ok(edge_source_start(source)));
    assert_int_equal(close(ends[1]), 0);
    taken all = take_until_ends(1);
    assert_int_equal(all.rows, 1);
    assert_true(all.first.row.values[0] == 7.0f);
    edge_source_destroy(source);
    assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
    (void)close(saved);
    (void)close(ends[0]);
}

static void what_is_not_there_is_said_when_creating(void **state) {
    (void)state;
    edge_source *source = NULL;
    const edge_source_plan plan = {&config, &spec, queue, trib_posix_clock(), {NULL, NULL}};
    assert_int_equal(edge_source_create(&plan, &source).code, TRIB_E_NOT_FOUND); /* no *.csv */
    assert_non_null(strstr(trib_message(), "*.csv"));
    (void)snprintf(config.path, sizeof config.path, "/nonexistent/x.csv");
    assert_int_equal(edge_source_create(&plan, &source).code, TRIB_E_NOT_FOUND);
    assert_null(source);
    edge_source_destroy(NULL);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(a_folder_is_replayed_in_the_order_of_names),
        FRESH(a_replay_waits_for_room),
        FRESH(leading_rows_train_as_the_split_says),
        FRESH(a_restart_goes_on_after_the_rows_that_are_stored),
        FRESH(a_loop_starts_again),
        FRESH(a_live_loop_is_read_once_and_then_passes_by_at_its_own_pace),
        FRESH(what_was_stored_of_a_live_loop_is_not_read_to_be_stored_again),
        FRESH(a_live_loop_over_nothing_ends),
        FRESH(malformed_lines_of_a_live_loop_are_said_in_the_first_pass_alone),
        FRESH(malformed_lines_are_skipped_counted_and_said_a_few_times),
        FRESH(refused_lines_are_in_the_counts),
        FRESH(a_header_without_labels_serves_predictions),
        FRESH(a_header_without_channels_fails_the_file_alone),
        FRESH(timestamps_set_the_pace),
        FRESH(a_slow_replay_stops_at_once),
        FRESH(a_live_loop_stops_at_once_between_two_rows),
        FRESH(a_full_queue_does_not_keep_a_replay_from_stopping),
        FRESH(each_connection_is_a_recording),
        FRESH(a_streams_row_goes_soon_but_not_alone_behind_others),
        FRESH(a_socket_left_behind_is_replaced_but_not_one_in_use),
        FRESH(json_lines_come_over_a_local_port),
        FRESH(a_stream_that_finds_the_queue_full_drops_and_counts),
        FRESH(standard_input_is_one_recording),
        FRESH(a_halted_client_stays_and_goes_on_under_its_header_with_another_spec),
        FRESH(a_header_without_channels_may_have_those_of_another_spec),
        FRESH(what_is_not_there_is_said_when_creating),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
