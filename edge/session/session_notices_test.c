/* What the cloud says to all: who is believed, what is stale, what is trained and installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/crypto/select.h"
#include "common/wire/wire.h"
#include "edge/session/session_fixture.h"

/* A notice of each kind that would change something, under the numbers that come next. */
typedef struct notices {
    trib_bytes document;
    fixture_object object;
    trib_wire_Federation federation;
    trib_wire_Round round;
    trib_wire_Release release;
    struct {
        trib_topic_kind kind;
        const pb_msgdesc_t *fields;
        const void *notice;
    } all[3];
} notices;

static void make_notices(fixture *f, notices *n) {
    f->cloud.revision++;
    make_object(f, 1, 3000, 1024, &n->object);
    n->federation = federation_notice(f, &n->document);
    n->round = round_notice(f, 7, NULL);
    n->release = release_notice(7, &n->object.wire);
    n->all[0].kind = TRIB_TOPIC_ALL_FEDERATION;
    n->all[0].fields = trib_wire_Federation_fields;
    n->all[0].notice = &n->federation;
    n->all[1].kind = TRIB_TOPIC_ALL_ROUND;
    n->all[1].fields = trib_wire_Round_fields;
    n->all[1].notice = &n->round;
    n->all[2].kind = TRIB_TOPIC_ALL_RELEASE;
    n->all[2].fields = trib_wire_Release_fields;
    n->all[2].notice = &n->release;
}

/* It changed nothing, and led to nothing but a word to the log. */
static void was_refused(const fixture *f, const edge_state_Session *before) {
    assert_true(state_is(f, before));
    assert_int_equal(f->actions.count, 1);
    assert_int_equal(f->actions.items[0].kind, EDGE_ACTION_SAY);
    assert_true(f->actions.items[0].warning);
}

static void notices_that_the_cloud_did_not_sign_are_refused_and_counted(void **state) {
    fixture *f = *state;
    notices n;
    trib_key_pair stranger;
    trib_key_id id;
    gateway_is_ready(f);
    make_notices(f, &n);
    const edge_state_Session before = f->stored.is;
    assert_true(trib_ok(f->crypto->generate(&stranger)));
    assert_true(trib_ok(trib_key_id_of(f->crypto, &stranger.public, &id)));
    for (size_t i = 0; i < 3; i++) {
        /* under a key that is not trusted, and under the name of one that is */
        somebody_tells(f, &stranger, id.text, n.all[i].kind, n.all[i].fields, n.all[i].notice);
        was_refused(f, &before);
        somebody_tells(f, &stranger, f->cloud.key_id.text, n.all[i].kind, n.all[i].fields,
                       n.all[i].notice);
        was_refused(f, &before);
        somebody_tells(f, &f->cloud.signing, "", n.all[i].kind, n.all[i].fields, n.all[i].notice);
        was_refused(f, &before);
        assert_int_equal(edge_session_counted(f->session).forged, 3 * (i + 1));
        cloud_publishes(f, n.all[i].kind, trib_bytes_text("no envelope"));
        was_refused(f, &before);
        assert_int_equal(edge_session_counted(f->session).garbage, i + 1);
    }
    for (size_t i = 0; i < 3; i++) { /* the true ones still count */
        cloud_tells(f, n.all[i].kind, n.all[i].fields, n.all[i].notice);
    }
    assert_int_equal(f->stored.is.revision, 2);
    assert_int_equal(f->stored.is.trained_round, 7);
    drop_object(&n.object);
}

static void a_signature_is_worth_nothing_for_another_purpose(void **state) {
    fixture *f = *state;
    notices n;
    uint8_t body_bytes[1024], envelope_bytes[2048];
    gateway_is_ready(f);
    make_notices(f, &n);
    const edge_state_Session before = f->stored.is;
    trib_writer body = trib_writer_of(body_bytes, sizeof body_bytes);
    trib_writer envelope = trib_writer_of(envelope_bytes, sizeof envelope_bytes);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(Round, &n.round, &body)));
    assert_true(
        trib_ok(trib_envelope_seal(f->crypto, &f->cloud.signing.secret, f->cloud.key_id.text,
                                   "release", trib_written(&body), &envelope)));
    cloud_publishes(f, TRIB_TOPIC_ALL_ROUND, trib_written(&envelope));
    was_refused(f, &before);
    assert_int_equal(edge_session_counted(f->session).forged, 1);
    drop_object(&n.object);
}

static void refuses_malformed(fixture *f, trib_topic_kind kind, const pb_msgdesc_t *fields,
                              const void *notice) {
    const edge_state_Session before = f->stored.is;
    uint64_t garbage = edge_session_counted(f->session).garbage;
    cloud_tells(f, kind, fields, notice);
    was_refused(f, &before);
    assert_int_equal(edge_session_counted(f->session).garbage, garbage + 1);
}

static void notices_of_another_federation_or_without_their_parts_are_malformed(void **state) {
    fixture *f = *state;
    notices n;
    gateway_is_ready(f);
    make_notices(f, &n);
    trib_wire_Federation federation = n.federation;
    federation.federation[0] = 'x';
    refuses_malformed(f, TRIB_TOPIC_ALL_FEDERATION, trib_wire_Federation_fields, &federation);
    federation = n.federation;
    federation.agreement_key.size = TRIB_PUBLIC_KEY_BYTES - 1;
    refuses_malformed(f, TRIB_TOPIC_ALL_FEDERATION, trib_wire_Federation_fields, &federation);
    n.document.size = 0;
    refuses_malformed(f, TRIB_TOPIC_ALL_FEDERATION, trib_wire_Federation_fields, &n.federation);

    trib_wire_Round round = n.round;
    round.federation[0] = 'x';
    refuses_malformed(f, TRIB_TOPIC_ALL_ROUND, trib_wire_Round_fields, &round);
    round = n.round;
    round.salt.size = TRIB_SELECT_SALT_BYTES - 1;
    refuses_malformed(f, TRIB_TOPIC_ALL_ROUND, trib_wire_Round_fields, &round);
    round = n.round;
    round.round = 0;
    refuses_malformed(f, TRIB_TOPIC_ALL_ROUND, trib_wire_Round_fields, &round);

    trib_wire_Release release = n.release;
    release.federation[0] = 'x';
    refuses_malformed(f, TRIB_TOPIC_ALL_RELEASE, trib_wire_Release_fields, &release);
    release = n.release;
    release.release = 0;
    refuses_malformed(f, TRIB_TOPIC_ALL_RELEASE, trib_wire_Release_fields, &release);
    release = release_notice(7, NULL);
    refuses_malformed(f, TRIB_TOPIC_ALL_RELEASE, trib_wire_Release_fields, &release);
    drop_object(&n.object);
}

static void messages_for_others_are_counted_and_cleared_ones_ignored(void **state) {
    fixture *f = *state;
    static const char *const topics[] = {
        "tributary/v1/plant/press-2/down/welcome", "tributary/v1/other/all/round",
        "tributary/v1/plant/all/object/zz/1", "tributary/v2/plant/all/round", ""};
    gateway_is_ready(f);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        edge_actions_clear(&f->actions);
        edge_session_message(f->session, topics[i], trib_bytes_text("x"), f->now_ms, &f->actions);
        assert_int_equal(f->actions.count, 0);
        assert_int_equal(edge_session_counted(f->session).garbage, i + 1);
    }
    cloud_publishes(f, TRIB_TOPIC_ALL_ROUND, (trib_bytes){NULL, 0});
    assert_int_equal(f->actions.count, 0);
    assert_int_equal(edge_session_counted(f->session).garbage, 5);
}

/* ---- the federation ------------------------------------------------------------------------ */

static void is_stale(fixture *f, uint64_t incarnation, uint64_t boot, uint64_t revision) {
    const edge_state_Session before = *edge_session_state(f->session);
    const fixture_cloud kept = f->cloud;
    uint64_t stale = edge_session_counted(f->session).stale;
    f->cloud.incarnation = incarnation;
    f->cloud.boot = boot;
    f->cloud.revision = revision;
    cloud_tells_federation(f);
    was_refused(f, &before);
    assert_int_equal(edge_session_counted(f->session).stale, stale + 1);
    f->cloud = kept;
}

static void a_federation_notice_with_a_lower_number_is_stale_also_after_a_restart(void **state) {
    fixture *f = *state;
    f->cloud.incarnation = 3;
    f->cloud.boot = 5;
    f->cloud.revision = 7;
    gateway_is_ready(f);
    for (int start = 0; start < 2; start++) {
        is_stale(f, 2, 9, 9);
        is_stale(f, 3, 4, 7);
        is_stale(f, 3, 5, 6);
        assert_int_equal(edge_session_ready(f->session), start == 0);
        gateway_starts(f);
        gateway_connects(f);
    }
    cloud_tells_federation(f); /* equal ones are news of this connection */
    assert_true(edge_session_ready(f->session));
    f->cloud.incarnation = 4; /* restored from a backup: its other numbers may be lower */
    f->cloud.boot = f->cloud.revision = 1;
    cloud_tells_federation(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_DOCUMENT), 1);
    assert_int_equal(f->stored.is.boot, 1);
    assert_int_equal(f->stored.is.revision, 1);
}

static void a_document_is_handed_out_once_for_each_revision(void **state) {
    fixture *f = *state;
    gateway_starts(f);
    gateway_connects(f);
    cloud_tells_federation(f);
    const edge_action *document = action_of(f, EDGE_ACTION_DOCUMENT, 0);
    assert_int_equal(document->number, 1);
    assert_true(trib_bytes_equal(trib_bytes_of(document->bytes, document->size),
                                 trib_bytes_text(f->cloud.document)));
    cloud_tells_federation(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_DOCUMENT), 0);
    f->cloud.revision = 2;
    f->cloud.document = "federation: plant\nseed: 2\n";
    size_t length = 2;
    for (size_t alive = 0; alive <= length; alive++) { /* until it is kept with its revision */
        gateway_starts(f);
        gateway_connects(f);
        f->dies_after = alive;
        cloud_tells_federation(f);
        length = f->actions.count;
        assert_int_equal(f->actions.items[0].kind, EDGE_ACTION_DOCUMENT);
        assert_int_equal(f->actions.items[1].kind, EDGE_ACTION_PERSIST);
    }
    gateway_starts(f);
    gateway_connects(f);
    cloud_tells_federation(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_DOCUMENT), 0);
}

/* ---- rounds -------------------------------------------------------------------------------- */

static void tell_round(fixture *f, uint64_t round) {
    trib_wire_Round notice = round_notice(f, round, NULL);
    cloud_tells_round(f, &notice);
}

static void a_round_is_trained_with_what_its_notice_says(void **state) {
    fixture *f = *state;
    gateway_is_ready(f);
    trib_wire_Round notice = round_notice(f, 6, NULL);
    cloud_tells_round(f, &notice);
    const edge_action *train = action_of(f, EDGE_ACTION_TRAIN, 0);
    assert_int_equal(train->number, 6);
    assert_int_equal(train->size, 0);
    assert_true(train->round.statistics);
    assert_int_equal(train->round.ordinal, 0);
    assert_int_equal(train->round.max_weight, 1000);
    assert_true(train->round.clip_norm == 2.5f);
    assert_int_equal(f->stored.is.trained_round, 6);
}

/* Once; a round that goes on naming a revision which never comes is no reason to ask all the time.
 */
static void a_round_of_a_revision_that_never_came_has_its_notice_asked_for(void **state) {
    fixture *f = *state;
    char topic[TRIB_TOPIC_SIZE];
    topic_of(TRIB_TOPIC_ALL_FEDERATION, topic);
    gateway_is_ready(f);
    for (uint64_t round = 6; round < 8; round++) {
        trib_wire_Round notice = round_notice(f, round, NULL);
        notice.revision = f->cloud.revision + 1;
        cloud_tells_round(f, &notice);
        cloud_tells_federation(f); /* the revision of before */
        gateway_waits(f, EDGE_ASK_FIRST_MS - 1);
        assert_false(acted_on(f, EDGE_ACTION_SUBSCRIBE, topic));
        gateway_waits(f, 1);
        assert_true(acted_on(f, EDGE_ACTION_SUBSCRIBE, topic));
    }
}

static void a_round_is_trained_only_once(void **state) {
    fixture *f = *state;
    gateway_is_ready(f);
    tell_round(f, 6);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 1);
    tell_round(f, 6);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
    gateway_starts(f);
    gateway_connects(f);
    tell_round(f, 6);
    cloud_tells_federation(f);
    tell_round(f, 6);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
    tell_round(f, 7);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 1);
}

/* Nothing was published since: whoever has lost that it trained may train again. */
static void a_round_is_trained_again_unless_that_was_stored_before_it_died(void **state) {
    fixture *f = *state;
    size_t length = 1, again[2] = {0, 0}, times = 0;
    gateway_is_ready(f);
    for (int power = 0; power < 2; power++) {
        for (size_t alive = 0; alive <= length; alive++) {
            uint64_t round = 10 + times++;
            f->dies_after = alive;
            tell_round(f, round);
            length = f->actions.count;
            assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 1);
            assert_int_equal(actions_of(f, EDGE_ACTION_PUBLISH), 0);
            if (power == 1) {
                gateway_loses_power(f);
            }
            gateway_is_ready(f);
            bool known = f->stored.is.trained_round == round;
            tell_round(f, round);
            assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), !known);
            again[power] += !known;
        }
    }
    assert_int_equal(again[0], length); /* but for the time when the event was carried out whole */
    assert_int_equal(again[1], length + 1);
}

static void a_round_that_is_heard_early_is_trained_once_the_session_is_ready(void **state) {
    fixture *f = *state;
    gateway_starts(f);
    gateway_connects(f);
    tell_round(f, 6);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
    assert_int_equal(f->stored.is.round, 6);
    cloud_tells_federation(f);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
    cloud_hears_join(f);
    cloud_welcomes(f);
    assert_int_equal(action_of(f, EDGE_ACTION_TRAIN, 0)->number, 6);
}

static void a_notice_says_which_rounds_were_given_up(void **state) {
    fixture *f = *state;
    gateway_is_ready(f);
    trib_wire_Round closed = round_notice(f, 6, NULL);
    closed.open = false;
    closed.closed_through = f->cloud.closed_through = 6;
    closed.abandoned = 5;
    cloud_tells_round(f, &closed);
    const edge_action *forgets = action_of(f, EDGE_ACTION_OUTBOX_DELETE, 0);
    assert_int_equal(forgets->number, 6);
    assert_int_equal(forgets->abandoned, 5);
    assert_int_equal(f->stored.is.abandoned, 5); /* a restart deletes nothing without it */
}

static void a_round_that_could_not_be_trained_is_asked_for_again(void **state) {
    fixture *f = *state;
    gateway_is_ready(f);
    tell_round(f, 6);
    gateway_cannot_train(f, 5); /* of another round: nothing */
    assert_int_equal(f->actions.count, 0);
    gateway_cannot_train(f, 6);
    assert_int_equal(action_of(f, EDGE_ACTION_TRAIN, 0)->number, 6);
    trib_wire_Round closed = round_notice(f, 6, NULL);
    closed.open = false;
    closed.closed_through = 6;
    cloud_tells_round(f, &closed);
    gateway_cannot_train(f, 6); /* too late */
    assert_int_equal(f->actions.count, 0);
}

static void
that_a_round_could_not_be_trained_is_stored_also_while_nothing_can_be_done(void **state) {
    fixture *f = *state;
    gateway_is_ready(f);
    tell_round(f, 6);
    edge_session_disconnected(f->session);
    gateway_cannot_train(f, 6);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
    assert_int_equal(f->stored.is.trained_round, 5);
    gateway_is_ready(f);
    tell_round(f, 6);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 1);
    gateway_is_ready(f);
    gateway_cannot_train(f, 6); /* its notice has not come yet in this start */
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
    trib_wire_Round paused = round_notice(f, 6, NULL);
    paused.open = false;
    cloud_tells_round(f, &paused);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
}

static void a_closed_round_is_not_trained_and_lets_the_outbox_forget(void **state) {
    fixture *f = *state;
    gateway_is_ready(f);
    trib_wire_Round closed = round_notice(f, 6, NULL);
    closed.open = false;
    closed.closed_through = 6;
    cloud_tells_round(f, &closed);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
    assert_int_equal(action_of(f, EDGE_ACTION_OUTBOX_DELETE, 0)->number, 6);
    closed.round = 7; /* says open, but is closed by its own word */
    closed.open = true;
    closed.closed_through = 7;
    cloud_tells_round(f, &closed);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
    cloud_tells_round(f, &closed); /* nothing new: nothing to forget */
    assert_int_equal(f->actions.count, 0);
}

static void a_round_notice_with_a_lower_number_is_stale_also_after_a_restart(void **state) {
    fixture *f = *state;
    f->cloud.closed_through = 6;
    gateway_is_ready(f);
    tell_round(f, 7);
    for (int start = 0; start < 2; start++) {
        const edge_state_Session before = *edge_session_state(f->session);
        f->cloud.closed_through = 6;
        tell_round(f, 6);
        was_refused(f, &before);
        f->cloud.closed_through = 5;
        tell_round(f, 8); /* a round opens again that had been closed */
        was_refused(f, &before);
        assert_int_equal(edge_session_counted(f->session).stale, 2);
        gateway_starts(f);
        gateway_connects(f);
        f->cloud.closed_through = 6;
        cloud_tells_federation(f);
    }
}

/* What a cloud has lost, gateways may have seen closed; it goes on in another incarnation. */
static void another_incarnation_may_have_closed_less(void **state) {
    fixture *f = *state;
    const uint64_t next = UINT64_C(1) << 32;
    f->cloud.closed_through = 6;
    gateway_is_ready(f);
    tell_round(f, 7);
    f->cloud.closed_through = 5;
    tell_round(f, next + 1);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 1);
    assert_int_equal(f->stored.is.closed_through, 5);
    f->cloud.closed_through = 4;
    tell_round(f, next + 2);
    assert_int_equal(edge_session_counted(f->session).stale, 1);
}

static void who_is_not_selected_does_not_train(void **state) {
    fixture *f = *state;
    uint32_t value = 0;
    gateway_is_ready(f);
    trib_wire_Round notice = round_notice(f, 6, NULL);
    assert_true(
        trib_ok(trib_select(f->crypto, notice.salt.bytes, FIXTURE_GATEWAY, notice.round, &value)));
    notice.fraction_ppm = value;
    cloud_tells_round(f, &notice);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 0);
    assert_true(was_said(f, "not selected for round 6"));
    assert_int_equal(f->stored.is.trained_round, 0);
    notice.fraction_ppm = value + 1;
    cloud_tells_round(f, &notice);
    assert_int_equal(actions_of(f, EDGE_ACTION_TRAIN), 1);
}

/* ---- releases ------------------------------------------------------------------------------ */

static void a_release_never_goes_back(void **state) {
    fixture *f = *state;
    fixture_object model, older;
    gateway_is_ready(f);
    make_object(f, 1, 900, 1024, &model);
    make_object(f, 2, 900, 1024, &older);
    trib_wire_Release notice = release_notice(5, &model.wire), old = release_notice(4, &older.wire);
    cloud_tells_release(f, &notice);
    cloud_publishes_chunks(f, &model, 0);
    assert_int_equal(action_of(f, EDGE_ACTION_INSTALL, 0)->number, 5);
    assert_int_equal(f->slot.release, 5);
    assert_true(trib_bytes_equal(trib_buffer_view(&f->slot.file), trib_buffer_view(&model.file)));
    for (int start = 0; start < 2; start++) {
        const edge_state_Session before = *edge_session_state(f->session);
        cloud_tells_release(f, &old);
        was_refused(f, &before);
        cloud_tells_release(f, &notice); /* installed already */
        assert_int_equal(f->actions.count, 0);
        gateway_starts(f);
        gateway_connects(f);
        cloud_tells_federation(f);
    }
    old.release = 6; /* going back to an older model is a new release */
    cloud_tells_release(f, &old);
    cloud_publishes_chunks(f, &older, 0);
    assert_int_equal(action_of(f, EDGE_ACTION_INSTALL, 0)->number, 6);
    drop_object(&model);
    drop_object(&older);
}

static void a_release_below_one_that_is_on_its_way_is_stale(void **state) {
    fixture *f = *state;
    fixture_object model, older;
    gateway_is_ready(f);
    make_object(f, 1, 900, 1024, &model);
    make_object(f, 2, 900, 1024, &older);
    trib_wire_Release notice = release_notice(5, &model.wire), old = release_notice(4, &older.wire);
    const edge_state_Session before = f->stored.is;
    cloud_tells_release(f, &notice);
    cloud_tells_release(f, &old); /* repeated by whoever carries it */
    was_refused(f, &before);
    cloud_publishes_chunks(f, &model, 0);
    assert_int_equal(action_of(f, EDGE_ACTION_INSTALL, 0)->number, 5);
    drop_object(&model);
    drop_object(&older);
}

/* The released model is the next round's base, so one chunk leads to TRAIN and INSTALL, and the
 * state names the release before the switch: killed after any of them, in the middle of installing,
 * or without what was not synced, the release is handed out again unless it was installed. */
static void a_release_is_handed_out_again_unless_it_was_installed_before_the_kill(void **state) {
    enum { KILLED, POWERLESS, HALF_INSTALLED, DEATHS };
    fixture *f = *state;
    fixture_object model, older;
    size_t length = 1, unswitched[DEATHS] = {0};
    make_object(f, 1, 900, 1024, &model);
    make_object(f, 2, 900, 1024, &older);
    const trib_wire_Release release = release_notice(5, &model.wire);
    const trib_wire_Release old = release_notice(4, &older.wire);
    for (size_t times = 0; times < DEATHS * (length + 1); times++) {
        size_t alive = times / DEATHS, death = times % DEATHS;
        gateway_is_wiped(f);
        gateway_is_ready(f);
        trib_wire_Round round = round_notice(f, 6, &model.wire);
        cloud_tells_round(f, &round);
        cloud_tells_release(f, &release);
        f->dies_after = alive;
        f->disk_is_full = death == HALF_INSTALLED;
        cloud_publishes_chunks(f, &model, 0);
        length = f->actions.count;
        bool installed = place_of(f, EDGE_ACTION_INSTALL, 0) < alive && !f->disk_is_full;
        assert_int_equal(f->slot.release, installed ? 5 : 0);
        if (death == POWERLESS) {
            gateway_loses_power(f);
        }
        gateway_is_ready(f);
        unswitched[death] += f->stored.is.release == 5 && !installed;
        f->disk_is_full = false;
        cloud_tells_release(f, &release);
        cloud_publishes_chunks(f, &model, 0);
        assert_int_equal(actions_of(f, EDGE_ACTION_INSTALL), !installed);
        assert_int_equal(f->slot.release, 5);
        cloud_tells_release(f, &old); /* whichever of state and slot has outlived it */
        assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 0);
    }
    assert_true(length >= 4);
    assert_true(unswitched[HALF_INSTALLED] > 0);
    drop_object(&model);
    drop_object(&older);
}

/* The disk fills up between the state and the slot: the state names a release that is not there. */
static void an_install_that_failed_for_now_is_asked_for_again(void **state) {
    fixture *f = *state;
    fixture_object model;
    gateway_is_ready(f);
    make_object(f, 1, 900, 1024, &model);
    trib_wire_Release notice = release_notice(5, &model.wire);
    f->disk_is_full = true;
    cloud_tells_release(f, &notice);
    cloud_publishes_chunks(f, &model, 0);
    assert_int_equal(actions_of(f, EDGE_ACTION_INSTALL), 1);
    assert_int_equal(f->stored.is.release, 5);
    gateway_waits(f, EDGE_RESEND_MS); /* not by itself */
    assert_int_equal(actions_beside_asking(f), 0);
    for (int start = 0; start < 2; start++) {
        if (start == 0) {
            gateway_installs_again(f);
        } else { /* killed meanwhile: the notice is enough, since the slot is older */
            gateway_starts(f);
            gateway_connects(f);
            cloud_tells_federation(f);
            cloud_tells_release(f, &notice);
        }
        assert_int_equal(actions_of(f, EDGE_ACTION_SUBSCRIBE), 1);
        f->disk_is_full = start == 0;
        cloud_publishes_chunks(f, &model, 0);
        assert_int_equal(action_of(f, EDGE_ACTION_INSTALL, 0)->number, 5);
    }
    assert_int_equal(f->slot.release, 5);
    gateway_installs_again(f); /* it is there */
    assert_int_equal(f->actions.count, 0);
    drop_object(&model);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_create, fixture_destroy)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(notices_that_the_cloud_did_not_sign_are_refused_and_counted),
        CASE(a_signature_is_worth_nothing_for_another_purpose),
        CASE(notices_of_another_federation_or_without_their_parts_are_malformed),
        CASE(messages_for_others_are_counted_and_cleared_ones_ignored),
        CASE(a_federation_notice_with_a_lower_number_is_stale_also_after_a_restart),
        CASE(a_document_is_handed_out_once_for_each_revision),
        CASE(a_round_is_trained_with_what_its_notice_says),
        CASE(a_round_of_a_revision_that_never_came_has_its_notice_asked_for),
        CASE(a_round_is_trained_only_once),
        CASE(a_round_is_trained_again_unless_that_was_stored_before_it_died),
        CASE(a_round_that_is_heard_early_is_trained_once_the_session_is_ready),
        CASE(a_notice_says_which_rounds_were_given_up),
        CASE(a_round_that_could_not_be_trained_is_asked_for_again),
        CASE(that_a_round_could_not_be_trained_is_stored_also_while_nothing_can_be_done),
        CASE(a_closed_round_is_not_trained_and_lets_the_outbox_forget),
        CASE(a_round_notice_with_a_lower_number_is_stale_also_after_a_restart),
        CASE(another_incarnation_may_have_closed_less),
        CASE(who_is_not_selected_does_not_train),
        CASE(a_release_never_goes_back),
        CASE(a_release_below_one_that_is_on_its_way_is_stale),
        CASE(a_release_is_handed_out_again_unless_it_was_installed_before_the_kill),
        CASE(an_install_that_failed_for_now_is_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
