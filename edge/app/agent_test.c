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

#include "common/crypto/posix/key_file.h"
#include "common/port/posix/system.h"
#include "edge/app/agent_fixture.h"
#include "tests/support/memory.h"
#include "tests/support/power.h"

static void leave(uint64_t trained_round, uint64_t closed_through, uint64_t in_outbox) {
    edge_agent *agent = fixture_start();
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
    edge_agent *agent = fixture_start();
    assert_int_equal(edge_session_state(agent->session)->trained_round, 4);
    edge_agent_destroy(agent);
}

static void a_round_whose_update_is_kept_is_not_trained_for_twice(void **state) {
    (void)state;
    leave(5, 3, 5);
    edge_agent *agent = fixture_start();
    assert_int_equal(edge_session_state(agent->session)->trained_round, 5);
    edge_agent_destroy(agent);
}

static void a_closed_round_is_not_trained_for_though_its_update_is_gone(void **state) {
    (void)state;
    leave(5, 5, 0);
    edge_agent *agent = fixture_start();
    assert_int_equal(edge_session_state(agent->session)->trained_round, 5);
    edge_agent_destroy(agent);
}

static void each_start_has_a_higher_number_and_the_same_keys(void **state) {
    (void)state;
    uint64_t last = 0;
    trib_public_key agreement = {{0}};
    for (int i = 0; i < 3; i++) {
        edge_agent *agent = fixture_start();
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
        edge_agent *agent = fixture_start();
        /* SQLite syncs the head of an empty log by itself. */
        assert_true(
            trib_ok(edge_outbox_store_session(agent->outbox, edge_session_state(agent->session))));
        assert_true(trib_ok(edge_outbox_sync(agent->outbox)));
        power_watch(fixture_config.state);
        uint64_t round = edge_session_state(agent->session)->trained_round;
        edge_session_untrained(agent->session, round, agent->actions); /* it is stored */
        edge_session_connected(agent->session, 1000, agent->actions);  /* it says "online" */
        if (fails) {
            power_fails_after(0);
        }
        edge_carry_out(agent);
        assert_int_equal(agent->unpersisted, fails); /* nothing is published until it is not */
        assert_true(fails ? power_failed() : power_syncs() > 0);
        power_watch(fixture_config.state);
        edge_agent_destroy(agent);
    }
}

static void a_key_that_is_not_the_certificates_is_refused(void **state) {
    (void)state;
    trib_key_pair other;
    edge_agent *agent = NULL;
    trib_kernels kernels = trib_kernels_reference();
    assert_true(trib_ok(trib_crypto_host()->generate(&other)));
    assert_int_equal(unlink(fixture_config.broker.key), 0);
    assert_true(trib_ok(trib_key_file_save(fixture_config.broker.key, &other)));
    assert_int_equal(edge_agent_create(&fixture_config, &kernels, &agent).code, TRIB_E_DENIED);
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
    edge_agent *agent = fixture_start();
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
    edge_agent *agent = fixture_start();
    trib_kernels kernels = trib_kernels_reference();
    edge_agent_destroy(agent);
    (void)snprintf(path, sizeof path, "%s/state.db", fixture_config.state);
    fixture_write(path, trib_bytes_text("this is no database, and was one before"));
    assert_int_equal(edge_agent_create(&fixture_config, &kernels, &agent).code, TRIB_E_CORRUPT);
    assert_non_null(strstr(trib_message(), "enrol this gateway again"));
}

/* A round that nobody sends an update for stays open until its deadline. */
static void an_update_that_could_not_be_read_is_read_again(void **state) {
    (void)state;
    leave(5, 3, 5);
    edge_agent *agent = fixture_start();
    MEMORY_FAILS_EACH_TIME {
        agent->handed_out = false;
        edge_updates_send(agent);
        assert_true(agent->handed_out == (agent->send_retry_ms == 0));
        edge_updates_retry(agent); /* not yet */
        assert_true(agent->handed_out == (agent->send_retry_ms == 0));
        if (!agent->handed_out) {
            assert_true(memory_failed());
            agent->send_retry_ms = 1; /* long ago */
            edge_updates_retry(agent);
            assert_true(agent->handed_out && agent->send_retry_ms == 0);
            break;
        }
    }
    assert_true(agent->handed_out);
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
        CASE(a_round_whose_training_was_killed_is_trained_for_again),
        CASE(a_round_whose_update_is_kept_is_not_trained_for_twice),
        CASE(a_closed_round_is_not_trained_for_though_its_update_is_gone),
        CASE(each_start_has_a_higher_number_and_the_same_keys),
        CASE(what_is_published_waits_for_the_state_that_it_tells_of),
        CASE(a_key_that_is_not_the_certificates_is_refused),
        CASE(a_certificate_that_expires_while_the_agent_runs_is_said),
        CASE(an_update_that_could_not_be_read_is_read_again),
        CASE(a_damaged_state_stops_the_agent_with_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
