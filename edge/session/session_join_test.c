/* Joining: generations, welcomes, and what makes a session end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "edge/session/session_fixture.h"

static void connecting_subscribes_to_its_own_topics_and_says_online(void **state) {
    fixture *f = *state;
    const trib_topic_kind kinds[] = {TRIB_TOPIC_DOWN_WELCOME, TRIB_TOPIC_DOWN_RECEIPT,
                                     TRIB_TOPIC_ALL_FEDERATION, TRIB_TOPIC_ALL_ROUND,
                                     TRIB_TOPIC_ALL_RELEASE};
    char topic[TRIB_TOPIC_SIZE];
    gateway_starts(f);
    gateway_connects(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), sizeof kinds / sizeof kinds[0]);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        topic_of(kinds[i], topic);
        assert_true(acted_on(f, EDGE_ACTION_SUBSCRIBE, topic));
    }
    const edge_action *online = action_of(f, EDGE_ACTION_PUBLISH, 0);
    topic_of(TRIB_TOPIC_UP_STATUS, topic);
    assert_string_equal(online->topic, topic);
    assert_true(
        trib_bytes_equal(trib_bytes_of(online->bytes, online->size), trib_bytes_text("online")));
    assert_int_equal(actions_of(f, EDGE_ACTION_PUBLISH), 1);
}

static void it_joins_once_a_notice_of_this_connection_is_verified_and_not_before(void **state) {
    fixture *f = *state;
    gateway_starts(f);
    gateway_connects(f);
    gateway_waits(f, EDGE_JOIN_LONGEST_MS);
    assert_int_equal(actions_beside_asking(f), 0);
    cloud_tells_federation(f);
    assert_true(place_of(f, EDGE_ACTION_PERSIST, 1) < place_of(f, EDGE_ACTION_PUBLISH, 0));
    cloud_hears_join(f);
    assert_int_equal(f->cloud.join.generation, nth_generation(f, 1));
    assert_string_equal(f->cloud.join.capabilities.agent_version, "1");
    assert_int_equal(f->cloud.join.capabilities.codecs, 6);
    assert_false(edge_session_ready(f->session));
}

static void a_document_that_was_lost_comes_with_the_next_notice(void **state) {
    fixture *f = *state;
    gateway_is_ready(f);
    cloud_tells_federation(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_DOCUMENT), 0);
    edge_session_document_lost(f->session);
    f->stored.is.revision = 0; /* what is stored of it is nothing */
    cloud_tells_federation(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_DOCUMENT), 1);
}

/* Each time after twice as long, and from the start once something has come. */
static void notices_that_do_not_come_are_asked_for_again_and_again(void **state) {
    fixture *f = *state;
    gateway_starts(f);
    gateway_connects(f);
    for (uint64_t pause = EDGE_ASK_FIRST_MS; pause < 40 * EDGE_ASK_FIRST_MS; pause *= 2) {
        gateway_waits(f, pause - 1);
        assert_int_equal(f->actions.count, 0);
        gateway_waits(f, 1);
        assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 3);
    }
    const trib_wire_Round round = round_notice(f, 6, NULL);
    gateway_waits(f, 40 * EDGE_ASK_FIRST_MS);
    cloud_tells_round(f, &round); /* it says nothing of the federation */
    gateway_waits(f, 80 * EDGE_ASK_FIRST_MS);
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 3);
    cloud_tells_federation(f);
    cloud_hears_join(f);
    gateway_waits(f, EDGE_ASK_LATER_MS - 1);
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 0);
    gateway_waits(f, 1);
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 3);
    edge_session_disconnected(f->session);
    gateway_waits(f, 100 * EDGE_ASK_FIRST_MS);
    assert_int_equal(f->actions.count, 0);
}

/* Dies after each action of the event that joins. A generation that the cloud may have heard never
 * names another join. */
static void a_generation_is_stored_before_it_is_published_however_it_dies(void **state) {
    fixture *f = *state;
    uint64_t heard = 0;
    size_t length = SIZE_MAX;
    for (int power = 0; power < 2; power++) {
        for (size_t alive = 0; alive <= length; alive++) {
            gateway_starts(f);
            gateway_connects(f);
            f->dies_after = alive;
            cloud_tells_federation(f);
            length = f->actions.count;
            cloud_hears_join(f);
            assert_true(f->cloud.join.generation > heard);
            if (place_of(f, EDGE_ACTION_PUBLISH, 0) < alive) {
                heard = f->cloud.join.generation;
            }
            if (power == 1) {
                gateway_loses_power(f);
            }
        }
        assert_true(length >= 3 && heard > 0);
    }
}

/* Damage to the log of its database can take all that was stored, but not the start's number. */
static void a_generation_rises_even_where_the_stored_one_is_lost(void **state) {
    fixture *f = *state;
    gateway_is_ready(f);
    uint64_t before = f->cloud.join.generation;
    f->stored = (fixture_state){.there = false};
    gateway_is_ready(f);
    assert_true(f->cloud.join.generation > before);
}

static void a_join_without_a_welcome_is_repeated_with_growing_pauses(void **state) {
    fixture *f = *state;
    const uint64_t pauses[] = {3000, 6000, 12000, 24000, 48000, 60000, 60000};
    gateway_starts(f);
    gateway_connects(f);
    cloud_tells_federation(f);
    cloud_hears_join(f);
    uint64_t session = f->cloud.session;
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        assert_int_equal(edge_session_wait_ms(f->session, f->now_ms), pauses[i]);
        gateway_waits(f, pauses[i] - 1);
        assert_int_equal(actions_beside_asking(f), 0);
        assert_int_equal(edge_session_wait_ms(f->session, f->now_ms), 1);
        gateway_waits(f, 1);
        cloud_hears_join(f);
        assert_int_equal(f->cloud.session, session); /* the very same bytes */
        assert_int_equal(f->cloud.join.generation, nth_generation(f, 1));
        assert_int_equal(actions_of(f, EDGE_ACTION_PERSIST), 0);
    }
    cloud_welcomes(f);
    assert_true(edge_session_ready(f->session));
    assert_true(edge_session_wait_ms(f->session, f->now_ms) == UINT64_MAX);
}

static void another_connection_repeats_the_join_at_once(void **state) {
    fixture *f = *state;
    gateway_starts(f);
    gateway_connects(f);
    cloud_tells_federation(f);
    cloud_hears_join(f);
    uint64_t session = f->cloud.session;
    edge_session_disconnected(f->session);
    gateway_waits(f, 10 * EDGE_JOIN_LONGEST_MS);
    assert_int_equal(f->actions.count, 0);
    gateway_connects(f);
    cloud_tells_federation(f);
    cloud_hears_join(f);
    assert_int_equal(f->cloud.session, session);
}

static void it_does_not_join_while_held(void **state) {
    fixture *f = *state;
    gateway_starts(f);
    edge_session_hold(f->session, true);
    gateway_connects(f);
    cloud_tells_federation(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_PUBLISH), 0);
    assert_int_equal(actions_of(f, EDGE_ACTION_DOCUMENT), 1); /* its stream may start */
    gateway_waits(f, EDGE_JOIN_LONGEST_MS);
    assert_int_equal(actions_beside_asking(f), 0);
    assert_true(edge_session_wait_ms(f->session, f->now_ms) == UINT64_MAX);
    edge_session_hold(f->session, false);
    assert_int_equal(edge_session_wait_ms(f->session, f->now_ms), 0);
    gateway_waits(f, 0);
    cloud_hears_join(f);
    cloud_welcomes(f);
    assert_true(edge_session_ready(f->session));
}

static void a_welcome_is_stored_and_says_the_clouds_time(void **state) {
    fixture *f = *state;
    gateway_is_ready(f);
    assert_int_equal(f->actions.items[0].kind, EDGE_ACTION_PERSIST);
    assert_true(was_said(f, "1767225600123"));
    trib_wire_Welcome welcome = welcome_of(f);
    assert_true(f->stored.is.welcomed);
    assert_int_equal(f->stored.is.epoch, 1);
    assert_memory_equal(f->stored.is.epoch_key.bytes, welcome.epochs[0].key.bytes,
                        TRIB_AEAD_KEY_BYTES);
    assert_int_equal(f->stored.is.welcome_next, f->cloud.welcome.next);
}

static void a_welcome_that_comes_again_is_refused_and_counted(void **state) {
    fixture *f = *state;
    uint8_t first[FIXTURE_FRAME], second[FIXTURE_FRAME];
    gateway_is_ready(f);
    trib_wire_Welcome welcome = welcome_of(f);
    trib_bytes old = seal_welcome(f, &welcome, first);
    f->cloud.epoch = 2;
    welcome = welcome_of(f);
    cloud_publishes(f, TRIB_TOPIC_DOWN_WELCOME, seal_welcome(f, &welcome, second));
    assert_int_equal(f->stored.is.epoch, 2); /* a revocation renews the keys of a session */
    edge_state_Session before = f->stored.is;
    cloud_publishes(f, TRIB_TOPIC_DOWN_WELCOME, old);
    cloud_publishes(f, TRIB_TOPIC_DOWN_WELCOME, old);
    assert_int_equal(edge_session_counted(f->session).replayed, 2);
    assert_int_equal(actions_of(f, EDGE_ACTION_SAY), f->actions.count);
    assert_true(state_is(f, &before));
    gateway_starts(f); /* nor is it taken after a restart */
    gateway_connects(f);
    cloud_tells_federation(f);
    cloud_publishes(f, TRIB_TOPIC_DOWN_WELCOME, old);
    assert_int_equal(edge_session_counted(f->session).replayed, 1);
    assert_int_equal(edge_session_state(f->session)->epoch, 2);
}

static void a_welcome_altered_anywhere_is_refused_and_the_true_one_still_taken(void **state) {
    fixture *f = *state;
    uint8_t storage[FIXTURE_FRAME];
    gateway_starts(f);
    gateway_connects(f);
    cloud_tells_federation(f);
    cloud_hears_join(f);
    trib_wire_Welcome welcome = welcome_of(f);
    trib_bytes frame = seal_welcome(f, &welcome, storage);
    for (size_t i = 0; i < frame.size; i++) {
        storage[i] ^= 0x41;
        cloud_publishes(f, TRIB_TOPIC_DOWN_WELCOME, frame);
        storage[i] ^= 0x41;
        assert_false(edge_session_ready(f->session));
        assert_int_equal(actions_of(f, EDGE_ACTION_SAY), 1);
    }
    for (size_t cut = 1; cut < frame.size; cut++) {
        cloud_publishes(f, TRIB_TOPIC_DOWN_WELCOME, trib_bytes_of(frame.data, cut));
        assert_false(edge_session_ready(f->session));
    }
    edge_session_counts counts = edge_session_counted(f->session);
    assert_int_equal(counts.forged + counts.garbage + counts.replayed, 2 * frame.size - 1);
    assert_true(counts.forged > 0 && counts.garbage > 0);
    cloud_publishes(f, TRIB_TOPIC_DOWN_WELCOME, frame);
    assert_true(edge_session_ready(f->session));
}

static void a_welcome_without_a_key_or_to_another_session_is_refused(void **state) {
    fixture *f = *state;
    uint8_t storage[FIXTURE_FRAME];
    gateway_starts(f);
    gateway_connects(f);
    cloud_tells_federation(f);
    cloud_hears_join(f);
    trib_wire_Welcome none = welcome_of(f), brief = none, other = none;
    none.epochs_count = 0;
    brief.epochs[0].key.size = TRIB_AEAD_KEY_BYTES - 1;
    other.session++;
    const trib_wire_Welcome *const bad[] = {&none, &brief, &other};
    for (size_t i = 0; i < 3; i++) {
        cloud_publishes(f, TRIB_TOPIC_DOWN_WELCOME, seal_welcome(f, bad[i], storage));
        assert_int_equal(edge_session_counted(f->session).garbage, i + 1);
        assert_false(edge_session_ready(f->session));
    }
    assert_false(f->stored.is.welcomed);
    cloud_welcomes(f);
    assert_true(edge_session_ready(f->session));
}

static void a_welcome_of_an_earlier_session_is_refused(void **state) {
    fixture *f = *state;
    uint8_t storage[FIXTURE_FRAME];
    gateway_starts(f);
    gateway_connects(f);
    cloud_tells_federation(f);
    cloud_hears_join(f);
    trib_wire_Welcome welcome = welcome_of(f);
    trib_bytes earlier = seal_welcome(f, &welcome, storage);
    f->cloud.incarnation++;
    cloud_tells_federation(f);
    cloud_hears_join(f);
    assert_int_equal(f->cloud.join.generation, nth_generation(f, 2));
    cloud_publishes(f, TRIB_TOPIC_DOWN_WELCOME, earlier);
    assert_int_equal(edge_session_counted(f->session).forged, 1);
    assert_false(edge_session_ready(f->session));
    cloud_welcomes(f);
    assert_true(edge_session_ready(f->session));
}

static void the_same_notice_again_neither_joins_nor_ends_the_session(void **state) {
    fixture *f = *state;
    gateway_is_ready(f);
    cloud_tells_federation(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_PUBLISH), 0);
    cloud_starts_again(f); /* the session goes on */
    f->cloud.revision++;
    cloud_tells_federation(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_PUBLISH), 0);
    assert_true(edge_session_ready(f->session));
    assert_int_equal(f->stored.is.generation, nth_generation(f, 1));
}

static void it_joins_again(fixture *f, uint64_t generation) {
    cloud_tells_federation(f);
    assert_false(edge_session_ready(f->session));
    assert_false(f->stored.is.welcomed);
    cloud_hears_join(f);
    assert_int_equal(f->cloud.join.generation, nth_generation(f, generation));
    cloud_welcomes(f);
    assert_true(edge_session_ready(f->session));
}

static void another_incarnation_or_agreement_key_of_the_cloud_makes_it_join_again(void **state) {
    fixture *f = *state;
    gateway_is_ready(f);
    f->cloud.incarnation++;
    it_joins_again(f, 2);
    assert_true(trib_ok(f->crypto->generate(&f->cloud.agreement)));
    it_joins_again(f, 3);
    gateway_starts(f); /* also when it was away meanwhile */
    assert_true(trib_ok(f->crypto->generate(&f->cloud.agreement)));
    gateway_connects(f);
    it_joins_again(f, 1);
}

static void a_welcomed_session_outlives_a_restart(void **state) {
    fixture *f = *state;
    gateway_is_ready(f);
    gateway_starts(f);
    assert_false(edge_session_ready(f->session));
    gateway_connects(f);
    assert_false(edge_session_ready(f->session)); /* the cloud may be another by now */
    cloud_tells_federation(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_PUBLISH), 0);
    assert_true(edge_session_ready(f->session));
    const trib_bytes update = trib_bytes_text("an update");
    gateway_sends(f, 5, update);
    assert_int_equal(cloud_hears_update(f, 5, update), 1);
    edge_session_disconnected(f->session);
    assert_false(edge_session_ready(f->session));
}

static void a_welcome_that_was_on_its_way_reaches_it_after_a_restart(void **state) {
    fixture *f = *state;
    gateway_starts(f);
    gateway_connects(f);
    cloud_tells_federation(f);
    cloud_hears_join(f);
    gateway_starts(f);
    gateway_connects(f);
    cloud_welcomes(f);
    assert_true(f->stored.is.welcomed);
    cloud_tells_federation(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_PUBLISH), 0); /* no join is needed */
    assert_true(edge_session_ready(f->session));
}

static void a_welcome_before_any_join_is_ignored(void **state) {
    fixture *f = *state;
    gateway_starts(f);
    gateway_connects(f);
    cloud_publishes(f, TRIB_TOPIC_DOWN_WELCOME, trib_bytes_text("a frame of whoever"));
    cloud_publishes(f, TRIB_TOPIC_DOWN_RECEIPT, trib_bytes_text("a frame of whoever"));
    assert_int_equal(f->actions.count, 0);
    assert_false(f->stored.there);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_create, fixture_destroy)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(connecting_subscribes_to_its_own_topics_and_says_online),
        CASE(a_document_that_was_lost_comes_with_the_next_notice),
        CASE(notices_that_do_not_come_are_asked_for_again_and_again),
        CASE(it_joins_once_a_notice_of_this_connection_is_verified_and_not_before),
        CASE(a_generation_rises_even_where_the_stored_one_is_lost),
        CASE(a_generation_is_stored_before_it_is_published_however_it_dies),
        CASE(a_join_without_a_welcome_is_repeated_with_growing_pauses),
        CASE(another_connection_repeats_the_join_at_once),
        CASE(it_does_not_join_while_held),
        CASE(a_welcome_is_stored_and_says_the_clouds_time),
        CASE(a_welcome_that_comes_again_is_refused_and_counted),
        CASE(a_welcome_altered_anywhere_is_refused_and_the_true_one_still_taken),
        CASE(a_welcome_without_a_key_or_to_another_session_is_refused),
        CASE(a_welcome_of_an_earlier_session_is_refused),
        CASE(the_same_notice_again_neither_joins_nor_ends_the_session),
        CASE(another_incarnation_or_agreement_key_of_the_cloud_makes_it_join_again),
        CASE(a_welcomed_session_outlives_a_restart),
        CASE(a_welcome_that_was_on_its_way_reaches_it_after_a_restart),
        CASE(a_welcome_before_any_join_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
