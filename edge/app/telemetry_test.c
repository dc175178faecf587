/* Telemetry through a whole agent, from its source to what its session seals: the session counts
 * what is sealed, so nothing can leave unseen. */
#include <setjmp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "edge/app/agent_fixture.h"
#include "edge/session/inside.h"

enum { ROWS = 40, WINDOWS = (ROWS - 10) / 5 + 1 };

static const char document[] =
    "federation: plant\n"
    "source: {rate_hz: 100, channels: [x, y], label: {column: label, classes: [low, high]}}\n"
    "pipeline: {window: {rows: 10, hop: 5}, features: [mean, std]}\n"
    "model: {task: classify, layers: [{kind: dense, units: 2}]}\n"
    "telemetry: ";

static atomic_uint_fast64_t now_ms;

static uint64_t now(void *context) {
    (void)context;
    return atomic_load(&now_ms);
}
static const trib_clock test_clock = {now, now, NULL};

static void write_recording(void) {
    char text[64 * ROWS];
    int at = snprintf(text, sizeof text, "x,y,label\n");
    for (int i = 0; i < ROWS; i++) {
        at += snprintf(text + at, sizeof text - (size_t)at, "%d,%d,low\n", i, -i);
    }
    fixture_path("rows.csv", fixture_config.source.path, sizeof fixture_config.source.path);
    fixture_write(fixture_config.source.path, trib_bytes_text(text));
    fixture_config.source.kind = EDGE_SOURCE_REPLAY;
}

/* As after a welcome, whoever may have sent it. */
static void make_ready(edge_session *session) {
    session->connected = session->federation_known = session->state.welcomed = true;
    session->state.session = 7;
    session->state.context.size = sizeof(trib_hpke);
    assert_true(trib_ok(edge_session_key(session)));
    assert_true(edge_session_ready(session));
}

static edge_agent *start(trib_telemetry_level asked, trib_telemetry_level allowed) {
    char text[1024];
    fixture_config.telemetry = allowed;
    atomic_store(&now_ms, 2000000000000);
    edge_agent *agent = fixture_start();
    agent->clock = &test_clock;
    make_ready(agent->session);
    (void)snprintf(text, sizeof text, "%s%s\n", document, trib_telemetry_words[asked]);
    edge_rounds_document(agent, trib_bytes_text(text));
    assert_non_null(agent->sense);
    return agent;
}

static uint64_t sealed(const edge_agent *agent) {
    return agent->session->telemetry.next - (agent->identity.boot << 32);
}

/* All rows have been looked at, and what is gathered of them is due. */
static void let_the_stream_run(edge_agent *agent) {
    while (edge_sense_counted(agent->sense).rows < ROWS ||
           edge_sense_counted(agent->sense).windows < WINDOWS) {
        (void)sched_yield();
    }
    (void)atomic_fetch_add(&now_ms, EDGE_TELEMETRY_MS);
}

/* Records in what was sealed: without a broker none of it is published, and that is counted. */
static uint64_t records_of(edge_agent *agent, bool awaited) {
    for (int i = 0; i < 1000 || (awaited && sealed(agent) == 0); i++) {
        edge_agent_send_telemetry(agent);
        (void)sched_yield();
    }
    assert_int_equal(sealed(agent), awaited);
    return agent->telemetry_left_out;
}

static void of_nine_pairs_no_more_is_sealed_than_both_allow(void **state) {
    (void)state;
    static const uint64_t records[] = {0, WINDOWS, ROWS};
    write_recording();
    for (int asked = TRIB_TELEMETRY_NONE; asked <= TRIB_TELEMETRY_RAW; asked++) {
        for (int allowed = TRIB_TELEMETRY_NONE; allowed <= TRIB_TELEMETRY_RAW; allowed++) {
            int lesser = asked < allowed ? asked : allowed;
            edge_agent *agent = start((trib_telemetry_level)asked, (trib_telemetry_level)allowed);
            assert_int_equal(agent->telemetry_asked, asked);
            assert_int_equal(agent->telemetry_leaves, lesser);
            let_the_stream_run(agent);
            assert_int_equal(records_of(agent, lesser != TRIB_TELEMETRY_NONE), records[lesser]);
            edge_agent_destroy(agent);
            char path[EDGE_PATH_SIZE + 32]; /* or the recording would be skipped */
            (void)snprintf(path, sizeof path, "%s/samples.db", fixture_config.state);
            (void)remove(path);
        }
    }
}

/* Another document of the same stream: the stream goes on, and only what leaves changes. */
static void a_document_that_asks_for_less_holds_at_once(void **state) {
    (void)state;
    char text[1024];
    write_recording();
    edge_agent *agent = start(TRIB_TELEMETRY_RAW, TRIB_TELEMETRY_RAW);
    const edge_sense *stream = agent->sense;
    let_the_stream_run(agent);
    (void)snprintf(text, sizeof text, "%snone\n", document);
    edge_rounds_document(agent, trib_bytes_text(text));
    assert_ptr_equal(agent->sense, stream);
    assert_int_equal(agent->telemetry_leaves, TRIB_TELEMETRY_NONE);
    (void)records_of(agent, false);
    edge_agent_destroy(agent);
}

/* An update, or a session that is not ready, comes first. */
static void telemetry_waits_for_whatever_else_there_is(void **state) {
    (void)state;
    write_recording();
    edge_agent *agent = start(TRIB_TELEMETRY_FEATURES, TRIB_TELEMETRY_RAW);
    let_the_stream_run(agent);
    agent->sending = true;
    (void)records_of(agent, false);
    agent->sending = false;
    agent->handed_out = true;
    (void)records_of(agent, false);
    agent->handed_out = false;
    agent->session->connected = false;
    (void)records_of(agent, false);
    agent->session->connected = true;
    assert_int_equal(records_of(agent, true), WINDOWS);
    edge_agent_destroy(agent);
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", fixture_folder);
    return system(command);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(of_nine_pairs_no_more_is_sealed_than_both_allow),
        CASE(a_document_that_asks_for_less_holds_at_once),
        CASE(telemetry_waits_for_whatever_else_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
