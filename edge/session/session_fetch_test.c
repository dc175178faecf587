/* Objects: asked for chunk by chunk, each believed by itself, the whole by its digest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/wire/wire.h"
#include "edge/session/session_fixture.h"

enum { SMALL = 1024, AT_ONCE = 32 };

static void tell_base(fixture *f, uint64_t round, const fixture_object *base) {
    trib_wire_Round notice = round_notice(f, round, &base->wire);
    cloud_tells_round(f, &notice);
}

/* The last event asked for exactly these chunks. */
static void asked_for(const fixture *f, const fixture_object *object, uint32_t first,
                      uint32_t count) {
    char topic[TRIB_TOPIC_SIZE];
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), count);
    for (uint32_t i = 0; i < count; i++) {
        chunk_topic(object, first + i, topic);
        assert_true(acted_on(f, EDGE_ACTION_SUBSCRIBE, topic));
    }
}

static void trains_from(const fixture *f, uint64_t round, const fixture_object *base) {
    const edge_action *train = action_of(f, EDGE_ACTION_TRAIN, 0);
    assert_int_equal(train->number, round);
    assert_int_equal(train->round.ordinal, 3);
    assert_false(train->round.statistics);
    assert_true(trib_bytes_equal(trib_buffer_view(&f->base), trib_buffer_view(&base->file)));
    assert_memory_equal(train->round.base_digest, base->key.digest, TRIB_HASH_BYTES);
}

static void a_base_comes_chunk_by_chunk_and_each_is_unsubscribed(void **state) {
    fixture *f = *state;
    fixture_object base;
    char topic[TRIB_TOPIC_SIZE];
    gateway_is_ready(f);
    make_object(f, 1, 5 * SMALL - 100, SMALL, &base);
    tell_base(f, 6, &base);
    asked_for(f, &base, 0, 5);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
    const uint32_t order[] = {3, 0, 4, 2, 1};
    for (size_t i = 0; i < 5; i++) {
        cloud_publishes_chunk(f, &base, order[i], SIZE_MAX);
        chunk_topic(&base, order[i], topic);
        assert_int_equal(actions_of(f, EDGE_ACTION_UNSUBSCRIBE), 1);
        assert_string_equal(action_of(f, EDGE_ACTION_UNSUBSCRIBE, 0)->topic, topic);
        assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), i == 4);
    }
    trains_from(f, 6, &base);
    assert_int_equal(f->stored.is.trained_round, 6);
    drop_object(&base);
}

static void only_so_many_chunks_are_asked_for_at_once(void **state) {
    fixture *f = *state;
    fixture_object base;
    enum { CHUNKS = 50 };
    gateway_is_ready(f);
    make_object(f, 1, CHUNKS * SMALL, SMALL, &base);
    tell_base(f, 6, &base);
    asked_for(f, &base, 0, AT_ONCE);
    for (uint32_t i = 0; i < CHUNKS; i++) {
        cloud_publishes_chunk(f, &base, i, SIZE_MAX);
        asked_for(f, &base, i + AT_ONCE, i + AT_ONCE < CHUNKS);
    }
    trains_from(f, 6, &base);
    drop_object(&base);
}

static void an_altered_chunk_is_refused_and_the_true_one_still_taken(void **state) {
    fixture *f = *state;
    fixture_object base;
    gateway_is_ready(f);
    make_object(f, 1, 2 * SMALL, SMALL, &base);
    tell_base(f, 6, &base);
    const size_t places[] = {0, SMALL - 1, SMALL, SMALL + TRIB_AEAD_TAG_BYTES - 1};
    for (size_t i = 0; i < 4; i++) {
        cloud_publishes_chunk(f, &base, 1, places[i]);
        assert_int_equal(f->actions.count, 1);
        assert_true(was_said(f, "chunk 1 refused"));
        assert_int_equal(edge_session_counted(f->session).forged, i + 1);
    }
    cloud_publishes_chunks(f, &base, 0);
    trains_from(f, 6, &base);
    drop_object(&base);
}

static void a_chunk_in_anothers_place_or_of_another_size_is_refused(void **state) {
    fixture *f = *state;
    fixture_object base;
    uint8_t sealed[SMALL + TRIB_AEAD_TAG_BYTES];
    char topic[TRIB_TOPIC_SIZE];
    gateway_is_ready(f);
    make_object(f, 1, 3 * SMALL, SMALL, &base);
    tell_base(f, 6, &base);
    assert_true(trib_ok(trib_object_seal_chunk(f->crypto, &base.key, &base.wire, 0,
                                               trib_buffer_view(&base.file), sealed)));
    chunk_topic(&base, 1, topic);
    for (size_t cut = 0; cut < 2; cut++) {
        edge_actions_clear(&f->actions);
        edge_session_message(f->session, topic, trib_bytes_of(sealed, sizeof sealed - cut),
                             f->now_ms, &f->actions);
        assert_int_equal(actions_of(f, EDGE_ACTION_UNSUBSCRIBE), 0);
        assert_int_equal(edge_session_counted(f->session).forged, cut + 1);
    }
    cloud_publishes_chunks(f, &base, 0);
    trains_from(f, 6, &base);
    drop_object(&base);
}

static void chunks_that_nobody_asked_for_lead_to_nothing(void **state) {
    fixture *f = *state;
    fixture_object base, other;
    char topic[TRIB_TOPIC_SIZE];
    gateway_is_ready(f);
    make_object(f, 1, 3 * SMALL, SMALL, &base);
    make_object(f, 2, 3 * SMALL, SMALL, &other);
    tell_base(f, 6, &base);
    cloud_publishes_chunk(f, &other, 0, SIZE_MAX);
    assert_int_equal(f->actions.count, 0);
    cloud_publishes_chunk(f, &base, 0, SIZE_MAX);
    cloud_publishes_chunk(f, &base, 0, SIZE_MAX); /* again */
    assert_int_equal(f->actions.count, 0);
    chunk_topic(&base, 3, topic); /* past the end */
    edge_session_message(f->session, topic, trib_bytes_text("x"), f->now_ms, &f->actions);
    assert_int_equal(f->actions.count, 0);
    cloud_publishes_chunks(f, &base, 1);
    trains_from(f, 6, &base);
    drop_object(&base);
    drop_object(&other);
}

static void a_whole_that_is_not_its_digest_is_refused(void **state) {
    fixture *f = *state;
    fixture_object base, altered;
    gateway_is_ready(f);
    make_object(f, 1, 2 * SMALL, SMALL, &base);
    altered = base; /* sealed under the right key: each chunk by itself is believed */
    altered.file = (trib_buffer){.ceiling = base.file.size};
    assert_true(trib_ok(trib_buffer_append(&altered.file, trib_buffer_view(&base.file))));
    altered.file.data[5] ^= 1;
    tell_base(f, 6, &base);
    cloud_publishes_chunks(f, &altered, 0);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
    assert_true(was_said(f, "object refused"));
    assert_int_equal(edge_session_counted(f->session).refused_objects, 1);
    assert_int_equal(f->stored.is.trained_round, 0);
    tell_base(f, 6, &base); /* it is asked for anew */
    asked_for(f, &base, 0, 2);
    cloud_publishes_chunks(f, &base, 0);
    trains_from(f, 6, &base);
    drop_object(&base);
    drop_object(&altered);
}

static void a_description_that_cannot_be_or_was_not_wrapped_so_is_refused(void **state) {
    fixture *f = *state;
    fixture_object base;
    gateway_is_ready(f);
    make_object(f, 1, 2 * SMALL, SMALL, &base);
    trib_wire_Object bad[8];
    for (size_t i = 0; i < 8; i++) {
        bad[i] = base.wire;
    }
    bad[0].size = 0;
    bad[1].size = (uint64_t)TRIB_OBJECT_MAX_BYTES + 1;
    bad[2].chunk_size = 1023;
    bad[3].chunk_size = TRIB_OBJECT_CHUNK_BYTES + 1;
    bad[4].id.size = 15;
    bad[5].id.bytes[15] ^= 1;
    bad[6].wrapped_key.bytes[20] ^= 1;
    bad[7].wrapped_key.size--;
    for (size_t i = 0; i < 8; i++) {
        trib_wire_Round notice = round_notice(f, 6 + i, &bad[i]);
        cloud_tells_round(f, &notice);
        assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 0);
        assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
        assert_int_equal(edge_session_counted(f->session).refused_objects, i + 1);
    }
    tell_base(f, 20, &base);
    cloud_publishes_chunks(f, &base, 0);
    trains_from(f, 20, &base);
    drop_object(&base);
}

static void what_is_here_already_is_not_fetched_again(void **state) {
    fixture *f = *state;
    fixture_object base;
    gateway_is_ready(f);
    make_object(f, 1, 2 * SMALL, SMALL, &base);
    tell_base(f, 6, &base);
    cloud_publishes_chunks(f, &base, 0);
    tell_base(f, 7, &base); /* round 6 was given up */
    trains_from(f, 7, &base);
    trib_wire_Release release = release_notice(1, &base.wire);
    cloud_tells_release(f, &release);
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 0);
    assert_int_equal(action_of(f, EDGE_ACTION_INSTALL, 0)->size, base.file.size);
    gateway_cannot_train(f, 7); /* from the slot, by now */
    trains_from(f, 7, &base);
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 0);
    drop_object(&base);
}

static void one_object_serves_a_round_and_a_release_at_once(void **state) {
    fixture *f = *state;
    fixture_object base;
    gateway_is_ready(f);
    make_object(f, 1, 2 * SMALL, SMALL, &base);
    trib_wire_Release release = release_notice(1, &base.wire);
    cloud_tells_release(f, &release);
    asked_for(f, &base, 0, 2);
    tell_base(f, 6, &base);
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 0);
    cloud_publishes_chunks(f, &base, 0);
    trains_from(f, 6, &base);
    assert_int_equal(action_of(f, EDGE_ACTION_INSTALL, 0)->number, 1);
    /* the trainer only looks at the file, which the slot then takes */
    assert_true(place_of(f, EDGE_ACTION_TRAIN, 0) < place_of(f, EDGE_ACTION_INSTALL, 0));
    assert_true(trib_bytes_equal(trib_buffer_view(&f->slot.file), trib_buffer_view(&base.file)));
    drop_object(&base);
}

static void two_objects_may_come_at_once_and_a_newer_base_supersedes_the_older(void **state) {
    fixture *f = *state;
    fixture_object model, base, newer;
    gateway_is_ready(f);
    make_object(f, 1, 2 * SMALL, SMALL, &model);
    make_object(f, 2, 2 * SMALL, SMALL, &base);
    make_object(f, 3, 2 * SMALL, SMALL, &newer);
    trib_wire_Release release = release_notice(1, &model.wire);
    cloud_tells_release(f, &release);
    tell_base(f, 6, &base);
    asked_for(f, &base, 0, 2);
    cloud_publishes_chunk(f, &base, 0, SIZE_MAX);
    cloud_publishes_chunk(f, &model, 0, SIZE_MAX);
    tell_base(f, 7, &newer);
    asked_for(f, &newer, 0, 2);
    cloud_publishes_chunk(f, &base, 1, SIZE_MAX);
    assert_int_equal(f->actions.count, 0); /* superseded */
    cloud_publishes_chunk(f, &model, 1, SIZE_MAX);
    assert_int_equal(action_of(f, EDGE_ACTION_INSTALL, 0)->number, 1);
    cloud_publishes_chunks(f, &newer, 0);
    trains_from(f, 7, &newer);
    drop_object(&model);
    drop_object(&base);
    drop_object(&newer);
}

static void another_connection_asks_for_exactly_what_is_missing(void **state) {
    fixture *f = *state;
    fixture_object base;
    gateway_is_ready(f);
    make_object(f, 1, 5 * SMALL, SMALL, &base);
    tell_base(f, 6, &base);
    cloud_publishes_chunk(f, &base, 0, SIZE_MAX);
    cloud_publishes_chunk(f, &base, 1, SIZE_MAX);
    edge_session_disconnected(f->session);
    gateway_connects(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 5 + 3);
    char topic[TRIB_TOPIC_SIZE];
    for (uint32_t i = 0; i < 5; i++) {
        chunk_topic(&base, i, topic);
        assert_int_equal(acted_on(f, EDGE_ACTION_SUBSCRIBE, topic), i >= 2);
    }
    cloud_publishes_chunks(f, &base, 2);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0); /* not before the cloud is known */
    cloud_tells_federation(f);
    trains_from(f, 6, &base);
    drop_object(&base);
}

static void a_chunk_that_does_not_come_is_asked_for_again_after_a_while(void **state) {
    fixture *f = *state;
    fixture_object base;
    gateway_is_ready(f);
    make_object(f, 1, 3 * SMALL, SMALL, &base);
    tell_base(f, 6, &base);
    gateway_waits(f, EDGE_RESEND_MS - 1);
    assert_int_equal(f->actions.count, 0);
    cloud_publishes_chunk(f, &base, 0, SIZE_MAX); /* it moves: patience begins anew */
    gateway_waits(f, EDGE_RESEND_MS - 1);
    assert_int_equal(f->actions.count, 0);
    gateway_waits(f, 1);
    asked_for(f, &base, 1, 2);
    gateway_waits(f, EDGE_RESEND_MS - 1);
    assert_int_equal(f->actions.count, 0);
    edge_session_disconnected(f->session);
    gateway_waits(f, EDGE_RESEND_MS);
    assert_int_equal(f->actions.count, 0);
    drop_object(&base);
}

static void an_object_of_a_newer_epoch_makes_it_join_again(void **state) {
    fixture *f = *state;
    fixture_object base;
    gateway_is_ready(f);
    f->cloud.epoch = 2; /* its welcome was lost */
    make_object(f, 1, 2 * SMALL, SMALL, &base);
    tell_base(f, 6, &base);
    assert_true(was_said(f, "a new epoch"));
    cloud_hears_join(f);
    assert_int_equal(f->cloud.join.generation, nth_generation(f, 2));
    assert_false(edge_session_ready(f->session));
    cloud_welcomes(f);
    asked_for(f, &base, 0, 2);
    cloud_publishes_chunks(f, &base, 0);
    trains_from(f, 6, &base);
    drop_object(&base);
}

static void an_object_of_an_older_epoch_waits_for_its_new_description(void **state) {
    fixture *f = *state;
    fixture_object base, again;
    f->cloud.epoch = 2;
    gateway_is_ready(f);
    f->cloud.epoch = 1;
    make_object(f, 1, 2 * SMALL, SMALL, &base);
    tell_base(f, 6, &base);
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 0);
    assert_int_equal(actions_of(f, EDGE_ACTION_PUBLISH), 0);
    assert_true(edge_session_ready(f->session));
    f->cloud.epoch = 2;
    make_object(f, 1, 2 * SMALL, SMALL, &again);
    tell_base(f, 6, &again);
    asked_for(f, &again, 0, 2);
    drop_object(&base);
    drop_object(&again);
}

static void a_restart_fetches_from_the_beginning(void **state) {
    fixture *f = *state;
    fixture_object base;
    gateway_is_ready(f);
    make_object(f, 1, 2 * SMALL, SMALL, &base);
    tell_base(f, 6, &base);
    cloud_publishes_chunk(f, &base, 0, SIZE_MAX);
    gateway_starts(f);
    gateway_connects(f);
    cloud_tells_federation(f);
    cloud_publishes_chunk(f, &base, 1, SIZE_MAX);
    assert_int_equal(f->actions.count, 0);
    tell_base(f, 6, &base);
    asked_for(f, &base, 0, 2);
    cloud_publishes_chunks(f, &base, 0);
    trains_from(f, 6, &base);
    drop_object(&base);
}

/* ---- what is held, and what is let go ------------------------------------------------------ */

static void install(fixture *f, uint64_t release, const fixture_object *model) {
    trib_wire_Release notice = release_notice(release, &model->wire);
    cloud_tells_release(f, &notice);
    cloud_publishes_chunks(f, model, 0);
    assert_int_equal(f->slot.release, release);
}

/* The last event led to training from the owner's slot, and asked the network for nothing. */
static void trains_from_the_slot(const fixture *f, uint64_t round, const fixture_object *base) {
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 0);
    assert_int_equal(actions_of(f, EDGE_ACTION_LOAD), 1);
    trains_from(f, round, base);
}

static void an_installed_base_comes_from_the_slot_each_time_also_after_a_restart(void **state) {
    fixture *f = *state;
    fixture_object model;
    gateway_is_ready(f);
    make_object(f, 1, 3 * SMALL, SMALL, &model);
    install(f, 1, &model);
    tell_base(f, 6, &model);
    trains_from_the_slot(f, 6, &model);
    tell_base(f, 7, &model); /* it was not held since */
    trains_from_the_slot(f, 7, &model);
    gateway_waits(f, 1);
    gateway_cannot_train(f, 7);
    trains_from_the_slot(f, 7, &model);
    gateway_starts(f);
    gateway_connects(f);
    cloud_tells_federation(f);
    tell_base(f, 8, &model);
    trains_from_the_slot(f, 8, &model);
    drop_object(&model);
}

static void an_installed_model_that_is_released_anew_comes_from_the_slot(void **state) {
    fixture *f = *state;
    fixture_object model;
    gateway_is_ready(f);
    make_object(f, 1, 3 * SMALL, SMALL, &model);
    install(f, 1, &model);
    trib_wire_Release notice = release_notice(2, &model.wire);
    cloud_tells_release(f, &notice);
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 0);
    assert_int_equal(action_of(f, EDGE_ACTION_INSTALL, 0)->number, 2);
    assert_int_equal(f->slot.release, 2);
    assert_true(trib_bytes_equal(trib_buffer_view(&f->slot.file), trib_buffer_view(&model.file)));
    drop_object(&model);
}

/* Both want the installed file, and one asking is enough. */
static void a_round_and_a_release_are_served_by_one_load(void **state) {
    fixture *f = *state;
    fixture_object model;
    gateway_is_ready(f);
    make_object(f, 1, 3 * SMALL, SMALL, &model);
    install(f, 1, &model);
    edge_session_disconnected(f->session);
    gateway_connects(f);
    trib_wire_Release notice = release_notice(2, &model.wire);
    tell_base(f, 6, &model);
    cloud_tells_release(f, &notice);
    assert_int_equal(actions_of(f, EDGE_ACTION_LOAD), 0);
    cloud_tells_federation(f);
    trains_from_the_slot(f, 6, &model);
    assert_int_equal(f->slot.release, 2);
    drop_object(&model);
}

static void what_the_slot_holds_instead_is_not_believed_and_the_file_fetched(void **state) {
    fixture *f = *state;
    fixture_object model, other;
    make_object(f, 1, 3 * SMALL, SMALL, &model);
    make_object(f, 2, 3 * SMALL, SMALL, &other);
    for (int damage = 0; damage < 4; damage++) {
        gateway_is_wiped(f);
        gateway_is_ready(f);
        install(f, 1, &model);
        if (damage == 0) {
            trib_buffer_clear(&f->slot.file); /* it cannot be read at all */
        } else if (damage == 1) {
            f->slot.file.data[700] ^= 1;
        } else if (damage == 2) {
            f->slot.file.size--;
        } else {
            memcpy(f->slot.file.data, other.file.data, other.file.size);
        }
        tell_base(f, 6, &model);
        assert_int_equal(actions_of(f, EDGE_ACTION_LOAD), 1);
        asked_for(f, &model, 0, 3);
        cloud_publishes_chunks(f, &model, 0);
        trains_from(f, 6, &model);
        assert_true(/* the release went in once more, which mends the slot */
                    trib_bytes_equal(trib_buffer_view(&f->slot.file),
                                     trib_buffer_view(&model.file)));
        tell_base(f, 7, &model);
        trains_from_the_slot(f, 7, &model);
    }
    drop_object(&model);
    drop_object(&other);
}

static void what_is_not_installed_is_held_until_something_supersedes_it(void **state) {
    fixture *f = *state;
    fixture_object model, base, next;
    gateway_is_ready(f);
    make_object(f, 1, SMALL, SMALL, &model);
    make_object(f, 2, 2 * SMALL, SMALL, &base);
    make_object(f, 3, 2 * SMALL, SMALL, &next);
    install(f, 1, &model);
    tell_base(f, 6, &base);
    cloud_publishes_chunks(f, &base, 0);
    gateway_waits(f, 1);
    tell_base(f, 7, &base); /* round 6 was given up */
    assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 0);
    assert_int_equal(actions_of(f, EDGE_ACTION_LOAD), 0);
    trains_from(f, 7, &base);
    tell_base(f, 8, &next);
    asked_for(f, &next, 0, 2);
    tell_base(f, 9, &base);
    asked_for(f, &base, 0, 2);
    tell_base(f, 10, &model);
    trains_from_the_slot(f, 10, &model);
    drop_object(&model);
    drop_object(&base);
    drop_object(&next);
}

/* Both notices came before the session was ready: the release's fetch begins in the very event that
 * trains from the base that is here. */
static void a_base_stays_until_it_was_trained_on_whatever_else_is_fetched(void **state) {
    fixture *f = *state;
    fixture_object base, model;
    gateway_is_ready(f);
    make_object(f, 1, 2 * SMALL, SMALL, &base);
    make_object(f, 2, 2 * SMALL, SMALL, &model);
    tell_base(f, 6, &base);
    cloud_publishes_chunks(f, &base, 0);
    edge_session_disconnected(f->session);
    gateway_connects(f);
    trib_wire_Release release = release_notice(1, &model.wire);
    tell_base(f, 7, &base);
    cloud_tells_release(f, &release);
    cloud_tells_federation(f);
    trains_from(f, 7, &base); /* its owner has compared the bytes with their digest */
    asked_for(f, &model, 0, 2);
    cloud_publishes_chunks(f, &model, 0);
    assert_int_equal(f->slot.release, 1);
    drop_object(&base);
    drop_object(&model);
}

/* An owner may let time pass between what it is told and carrying it out. */
static void a_base_stays_until_it_was_trained_on_whatever_time_passes(void **state) {
    fixture *f = *state;
    fixture_object base;
    gateway_is_ready(f);
    make_object(f, 1, 2 * SMALL, SMALL, &base);
    tell_base(f, 6, &base);
    cloud_publishes_chunks(f, &base, 0);
    edge_session_installed(f->session, 1, base.key.digest); /* it had it from elsewhere */
    edge_actions_clear(&f->actions);
    edge_session_untrained(f->session, 6, &f->actions);
    const edge_action *train = action_of(f, EDGE_ACTION_TRAIN, 0);
    edge_session_tick(f->session, f->now_ms, &f->actions);
    assert_true(
        trib_bytes_equal(trib_bytes_of(train->bytes, train->size), trib_buffer_view(&base.file)));
    drop_object(&base);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_create, fixture_destroy)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_base_comes_chunk_by_chunk_and_each_is_unsubscribed),
        CASE(only_so_many_chunks_are_asked_for_at_once),
        CASE(an_altered_chunk_is_refused_and_the_true_one_still_taken),
        CASE(a_chunk_in_anothers_place_or_of_another_size_is_refused),
        CASE(chunks_that_nobody_asked_for_lead_to_nothing),
        CASE(a_whole_that_is_not_its_digest_is_refused),
        CASE(a_description_that_cannot_be_or_was_not_wrapped_so_is_refused),
        CASE(what_is_here_already_is_not_fetched_again),
        CASE(one_object_serves_a_round_and_a_release_at_once),
        CASE(two_objects_may_come_at_once_and_a_newer_base_supersedes_the_older),
        CASE(another_connection_asks_for_exactly_what_is_missing),
        CASE(a_chunk_that_does_not_come_is_asked_for_again_after_a_while),
        CASE(an_object_of_a_newer_epoch_makes_it_join_again),
        CASE(an_object_of_an_older_epoch_waits_for_its_new_description),
        CASE(a_restart_fetches_from_the_beginning),
        CASE(an_installed_base_comes_from_the_slot_each_time_also_after_a_restart),
        CASE(an_installed_model_that_is_released_anew_comes_from_the_slot),
        CASE(a_round_and_a_release_are_served_by_one_load),
        CASE(what_the_slot_holds_instead_is_not_believed_and_the_file_fetched),
        CASE(what_is_not_installed_is_held_until_something_supersedes_it),
        CASE(a_base_stays_until_it_was_trained_on_whatever_else_is_fetched),
        CASE(a_base_stays_until_it_was_trained_on_whatever_time_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
