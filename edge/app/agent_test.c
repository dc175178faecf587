/* An agent without a broker: what it starts from, and what must be durable before others hear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/crypto/authority.h"
#include "common/crypto/posix/key_file.h"
#include "common/log/log.h"
#include "common/port/posix/system.h"
#include "edge/app/agent.h"
#include "tests/support/power.h"

enum { ROOM = 8192, HOUR_S = 3600 };

static char folder[64];
static edge_config config;

static void path_in(const char *name, char *ret_path, size_t size) {
    (void)snprintf(ret_path, size, "%s/%s", folder, name);
}

static void write_file(const char *path, trib_bytes bytes) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}

/* A gateway that is enrolled, whose certificate began so many hours ago. */
static void enrol(int64_t hours) {
    const trib_crypto *crypto = trib_crypto_host();
    int64_t now_s = (int64_t)(trib_wall_ms(trib_posix_clock()) / 1000);
    trib_key_pair authority, own, cloud;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pem = {.ceiling = ROOM};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = ROOM};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer chain = {.ceiling = ROOM};
    assert_true(trib_ok(crypto->generate(&authority)) && trib_ok(crypto->generate(&own)) &&
                trib_ok(crypto->generate(&cloud)));
    assert_true(
        trib_ok(trib_authority_create("Test authority", &authority, now_s - 9 * HOUR_S, &pem)));
    const trib_authority issuer = {trib_buffer_view(&pem), &authority};
    assert_true(trib_ok(trib_request_create("press-1", &own, &request)));
    assert_true(trib_ok(trib_authority_issue_gateway(&issuer, trib_buffer_view(&request), "press-1",
                                                     now_s - hours * HOUR_S, 30, &chain)));
    config = (edge_config){.federation = "plant", .store_limit_mb = 1, .trust_count = 1};
    (void)snprintf(config.broker.uri, sizeof config.broker.uri, "tcp://127.0.0.1:1");
    path_in("state", config.state, sizeof config.state);
    path_in("own.crt", config.broker.certificate, sizeof config.broker.certificate);
    path_in("own.key", config.broker.key, sizeof config.broker.key);
    path_in("cloud.pub", config.trust[0], sizeof config.trust[0]);
    write_file(config.broker.certificate, trib_buffer_view(&chain));
    assert_true(trib_ok(trib_key_file_save(config.broker.key, &own)));
    assert_true(trib_ok(trib_public_key_file_save(config.trust[0], &cloud.public)));
}

static int set_up(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/agent-test-XXXXXX");
    trib_log_setup("agent-test", TRIB_LOG_TEXT, TRIB_LOG_ERROR);
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    enrol(1);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static edge_agent *start(void) {
    edge_agent *agent = NULL;
    trib_kernels kernels = trib_kernels_reference();
    if (!trib_ok(edge_agent_create(&config, &kernels, &agent))) {
        fail_msg("start: %s", trib_message());
    }
    return agent;
}

static void leave(uint64_t trained_round, uint64_t closed_through, uint64_t in_outbox) {
    edge_agent *agent = start();
    edge_state_Session session = *edge_session_state(agent->session);
    session.round = trained_round;
    session.trained_round = trained_round;
    session.closed_through = closed_through;
    assert_true(trib_ok(edge_outbox_store_session(agent->outbox, &session)));
    if (in_outbox > 0) {
        assert_true(
            trib_ok(edge_outbox_put(agent->outbox, in_outbox, trib_bytes_text("update"), 1, 2)));
    }
    edge_agent_destroy(agent);
}

static void a_round_whose_training_was_killed_is_trained_for_again(void **state) {
    (void)state;
    leave(5, 3, 4);
    edge_agent *agent = start();
    assert_int_equal(edge_session_state(agent->session)->trained_round, 4);
    edge_agent_destroy(agent);
}

static void a_round_whose_update_is_kept_is_not_trained_for_twice(void **state) {
    (void)state;
    leave(5, 3, 5);
    edge_agent *agent = start();
    assert_int_equal(edge_session_state(agent->session)->trained_round, 5);
    edge_agent_destroy(agent);
}

static void a_closed_round_is_not_trained_for_though_its_update_is_gone(void **state) {
    (void)state;
    leave(5, 5, 0);
    edge_agent *agent = start();
    assert_int_equal(edge_session_state(agent->session)->trained_round, 5);
    edge_agent_destroy(agent);
}

static void each_start_has_a_higher_number_and_the_same_keys(void **state) {
    (void)state;
    uint64_t last = 0;
    trib_public_key agreement = {{0}};
    for (int i = 0; i < 3; i++) {
        edge_agent *agent = start();
        assert_true(agent->identity.boot > last);
        assert_string_equal(agent->identity.gateway, "press-1");
        last = agent->identity.boot;
        if (i > 0) {
            assert_memory_equal(&agreement, &agent->agreement.public, sizeof agreement);
        }
        agreement = agent->agreement.public;
        edge_agent_destroy(agent);
    }
}

/* An event that changes the state, and tells others. */
static void what_is_published_waits_for_the_state_that_it_tells_of(void **state) {
    (void)state;
    leave(5, 3, 5);
    for (int fails = 0; fails < 2; fails++) {
        edge_agent *agent = start();
        /* SQLite syncs the head of an empty log by itself. */
        assert_true(
            trib_ok(edge_outbox_store_session(agent->outbox, edge_session_state(agent->session))));
        assert_true(trib_ok(edge_outbox_sync(agent->outbox)));
        power_watch(config.state);
        uint64_t round = edge_session_state(agent->session)->trained_round;
        edge_session_untrained(agent->session, round, agent->actions); /* it is stored */
        edge_session_connected(agent->session, 1000, agent->actions);  /* it says "online" */
        if (fails) {
            power_fails_after(0);
        }
        edge_carry_out(agent);
        assert_int_equal(agent->unpersisted, fails); /* nothing is published until it is not */
        assert_true(fails ? power_failed() : power_syncs() > 0);
        power_watch(config.state);
        edge_agent_destroy(agent);
    }
}

static void a_key_that_is_not_the_certificates_is_refused(void **state) {
    (void)state;
    trib_key_pair other;
    edge_agent *agent = NULL;
    trib_kernels kernels = trib_kernels_reference();
    assert_true(trib_ok(trib_crypto_host()->generate(&other)));
    assert_int_equal(unlink(config.broker.key), 0);
    assert_true(trib_ok(trib_key_file_save(config.broker.key, &other)));
    assert_int_equal(edge_agent_create(&config, &kernels, &agent).code, TRIB_E_DENIED);
}

static uint64_t wall_now(void *context) {
    return *(const uint64_t *)context;
}

static uint64_t monotonic_now(void *context) {
    (void)context;
    return trib_monotonic_ms(trib_posix_clock());
}

/* The last second before it ends, its end, and a clock that is put right. */
static void a_certificate_that_expires_while_the_agent_runs_is_said(void **state) {
    (void)state;
    edge_agent *agent = start();
    uint64_t now_ms = 0;
    const trib_clock clock = {wall_now, monotonic_now, &now_ms};
    agent->clock = &clock;
    const uint64_t end_ms = (uint64_t)agent->certificate.not_after_s * 1000;
    const uint64_t at_ms[] = {end_ms - 1, end_ms, end_ms + 1000, end_ms - 1};
    const bool said[] = {false, true, true, false};
    for (size_t i = 0; i < sizeof said; i++) {
        now_ms = at_ms[i];
        edge_agent_step(agent, 0);
        assert_int_equal(agent->expiry_said, said[i]);
        assert_false(agent->clock_said);
    }
    edge_agent_destroy(agent);
}

static void a_damaged_state_stops_the_agent_with_advice(void **state) {
    (void)state;
    char path[EDGE_PATH_SIZE + 64];
    edge_agent *agent = start();
    trib_kernels kernels = trib_kernels_reference();
    edge_agent_destroy(agent);
    (void)snprintf(path, sizeof path, "%s/state.db", config.state);
    write_file(path, trib_bytes_text("this is no database, and was one before"));
    assert_int_equal(edge_agent_create(&config, &kernels, &agent).code, TRIB_E_CORRUPT);
    assert_non_null(strstr(trib_message(), "enrol this gateway again"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_round_whose_training_was_killed_is_trained_for_again),
        CASE(a_round_whose_update_is_kept_is_not_trained_for_twice),
        CASE(a_closed_round_is_not_trained_for_though_its_update_is_gone),
        CASE(each_start_has_a_higher_number_and_the_same_keys),
        CASE(what_is_published_waits_for_the_state_that_it_tells_of),
        CASE(a_key_that_is_not_the_certificates_is_refused),
        CASE(a_certificate_that_expires_while_the_agent_runs_is_said),
        CASE(a_damaged_state_stops_the_agent_with_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
