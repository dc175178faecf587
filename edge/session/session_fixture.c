#include "edge/session/session_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/seal/session_info.h"
#include "common/wire/wire.h"

enum { ENVELOPE_ROOM = 80 * 1024, CHAIN_BYTES = 3000, FILE_ROOM = 1 << 20 };

static void generate(const fixture *f, trib_key_pair *ret_pair) {
    assert_true(trib_ok(f->crypto->generate(ret_pair)));
}

int fixture_create(void **state) {
    static char chain[CHAIN_BYTES]; /* its content is for the cloud's ingest to judge */
    fixture *f = trib_allocate(1, sizeof *f);
    assert_non_null(f);
    memset(chain, 'c', sizeof chain);
    f->crypto = trib_crypto_host();
    f->dies_after = SIZE_MAX;
    f->now_ms = 1000;
    f->slot.file.ceiling = f->base.ceiling = FILE_ROOM;
    generate(f, &f->signing);
    generate(f, &f->agreement);
    generate(f, &f->cloud.signing);
    generate(f, &f->cloud.agreement);
    memset(f->cloud.master.bytes, 7, sizeof f->cloud.master.bytes);
    f->cloud.incarnation = f->cloud.boot = f->cloud.revision = f->cloud.epoch = 1;
    f->cloud.document = "federation: plant\n";
    assert_true(trib_ok(trib_key_id_of(f->crypto, &f->cloud.signing.public, &f->cloud.key_id)));
    assert_true(trib_ok(trib_trusted_add(f->crypto, &f->trusted, &f->cloud.signing.public)));
    f->identity = (edge_identity){.federation = FIXTURE_FEDERATION,
                                  .gateway = FIXTURE_GATEWAY,
                                  .chain_pem = trib_bytes_of(chain, sizeof chain),
                                  .signing = &f->signing.secret,
                                  .agreement = &f->agreement,
                                  .trusted = &f->trusted,
                                  .capabilities = {.agent_version = "1", .codecs = 6}};
    *state = f;
    return 0;
}

int fixture_destroy(void **state) {
    fixture *f = *state;
    edge_actions_deinit(&f->actions);
    edge_session_destroy(f->session);
    trib_buffer_deinit(&f->slot.file);
    trib_buffer_deinit(&f->base);
    trib_free(f);
    return 0;
}

/* ---- the gateway --------------------------------------------------------------------------- */

/* What the next change of the owner's would be kept with. */
static const edge_state_Session *kept(const fixture *f) {
    return f->written.there ? &f->written.is : &f->stored.is;
}

static void settle(fixture *f) {
    if (f->written.there) {
        f->stored = f->written;
        f->written.there = false;
    }
}

static void sync_all(fixture *f) {
    settle(f);
    f->synced = f->stored;
}

static void check_join(const fixture *f, const edge_action *action) {
    trib_envelope envelope;
    trib_wire_Join join = trib_wire_Join_init_zero;
    const edge_state_Session *state = edge_session_state(f->session);
    assert_true(
        trib_ok(trib_envelope_parse(trib_bytes_of(action->bytes, action->size), &envelope)));
    assert_true(trib_ok(TRIB_WIRE_DECODE(Join, envelope.body, &join)));
    assert_true(f->synced.there);
    assert_int_equal(f->synced.is.generation, join.generation);
    assert_memory_equal(f->synced.is.context.bytes, state->context.bytes, state->context.size);
}

/* The cloud's start number is no part of a key, so numbers go on when it changes. */
static void check_number(fixture *f, const edge_action *action) {
    trib_frame frame;
    assert_true(trib_ok(trib_frame_parse(trib_bytes_of(action->bytes, action->size), &frame)));
    const fixture_number number = {
        .session = frame.session, .sequence = frame.sequence, .kind = frame.kind};
    assert_int_equal(frame.session, f->synced.is.session); /* its keys outlive a crash */
    assert_int_equal(frame.sequence >> 32, f->identity.boot);
    for (size_t i = 0; i < f->number_count; i++) {
        const fixture_number *used = &f->numbers[i];
        assert_false(used->session == number.session && used->kind == number.kind &&
                     used->sequence == number.sequence);
    }
    assert_true(f->number_count < FIXTURE_NUMBERS);
    f->numbers[f->number_count++] = number;
}

static void publish(fixture *f, const edge_action *action) {
    trib_topic topic;
    sync_all(f);
    assert_true(trib_ok(trib_topic_parse(action->topic, strlen(action->topic), &topic)));
    assert_string_equal(topic.federation, FIXTURE_FEDERATION);
    assert_string_equal(topic.gateway, FIXTURE_GATEWAY);
    assert_int_equal(action->retain, topic.kind == TRIB_TOPIC_UP_STATUS);
    if (topic.kind == TRIB_TOPIC_UP_STATUS) {
        return; /* decides nothing */
    }
    assert_true(state_is(f, &f->synced.is));
    if (topic.kind == TRIB_TOPIC_UP_JOIN) {
        check_join(f, action);
    } else {
        check_number(f, action);
    }
}

/* The trainer takes a copy, which is all that it may do. */
static void train(fixture *f, const edge_action *action) {
    uint8_t digest[TRIB_HASH_BYTES];
    trib_bytes base = trib_bytes_of(action->bytes, action->size);
    assert_int_equal(action->round.round, action->number);
    assert_int_equal(action->round.statistics, base.size == 0);
    assert_null(action->owned);
    trib_buffer_clear(&f->base);
    if (!action->round.statistics) {
        assert_true(trib_ok(f->crypto->sha256(base, digest)));
        assert_memory_equal(digest, action->round.base_digest, sizeof digest);
        assert_true(trib_ok(trib_buffer_append(&f->base, base)));
    }
}

static bool slot_is_damaged(const fixture *f) {
    uint8_t digest[TRIB_HASH_BYTES];
    assert_true(trib_ok(f->crypto->sha256(trib_buffer_view(&f->slot.file), digest)));
    return memcmp(digest, f->slot.digest, sizeof digest) != 0;
}

/* A release goes in once; again only where the slot no longer holds what was installed. */
static void install(fixture *f, const edge_action *action) {
    fixture_slot *slot = &f->slot;
    trib_bytes file = trib_bytes_of(action->bytes, action->size);
    assert_true(slot->release < action->number ||
                (slot->release == action->number && slot_is_damaged(f)));
    assert_ptr_equal(action->owned, action->bytes);
    sync_all(f);
    if (f->disk_is_full) {
        return;
    }
    slot->release = action->number;
    trib_buffer_clear(&slot->file);
    assert_true(trib_ok(trib_buffer_append(&slot->file, file)));
    assert_true(trib_ok(f->crypto->sha256(file, slot->digest)));
    edge_session_installed(f->session, slot->release, slot->digest);
}

static void supply(fixture *f) {
    const trib_bytes file = trib_buffer_view(&f->slot.file);
    uint8_t *copy = file.size > 0 ? trib_allocate(file.size, 1) : NULL;
    assert_true(f->slot.release > 0);
    if (copy != NULL) {
        memcpy(copy, file.data, file.size);
    }
    edge_session_supply(f->session, copy, file.size, &f->actions);
}

/* What is written is the state as it stands when the PERSIST is carried out: at the event's end. */
static void carry_out_one(fixture *f, const edge_action *action) {
    const edge_state_Session *state = edge_session_state(f->session);
    switch (action->kind) {
    case EDGE_ACTION_PUBLISH:
        publish(f, action);
        break;
    case EDGE_ACTION_PERSIST:
        f->written = (fixture_state){true, *state};
        break;
    case EDGE_ACTION_DOCUMENT:
        assert_true(f->stored.is.incarnation < state->incarnation ||
                    f->stored.is.revision < action->number);
        break;
    case EDGE_ACTION_TRAIN:
        train(f, action);
        break;
    case EDGE_ACTION_INSTALL:
        install(f, action);
        break;
    case EDGE_ACTION_LOAD:
        supply(f);
        break;
    case EDGE_ACTION_OUTBOX_VERDICT:
        assert_int_equal(kept(f)->receipt_next, state->receipt_next);
        break;
    case EDGE_ACTION_OUTBOX_DELETE:
        assert_int_equal(kept(f)->closed_through, action->number);
        break;
    case EDGE_ACTION_SUBSCRIBE:
    case EDGE_ACTION_UNSUBSCRIBE:
    case EDGE_ACTION_OUTBOX_SEND:
    case EDGE_ACTION_SAY:
        break;
    }
}

/* What this event has led to is kept by now. */
static void check_kept(const fixture *f) {
    for (size_t i = 0; i < f->actions.count; i++) {
        const edge_action *action = &f->actions.items[i];
        assert_true(action->kind != EDGE_ACTION_TRAIN ||
                    f->stored.is.trained_round == action->number);
        assert_true(action->kind != EDGE_ACTION_INSTALL || f->stored.is.release == action->number);
    }
}

/* The list may grow, and move, while it is worked off. A model's file is given away as soon as it
 * is installed; the rest stays for the test to look at. */
static void carry_out(fixture *f) {
    assert_false(f->actions.overflow);
    for (size_t i = 0; i < f->actions.count && !f->dead; i++) {
        const edge_action action = f->actions.items[i];
        f->dead = i >= f->dies_after;
        if (!f->dead) {
            carry_out_one(f, &action);
        }
        if (action.kind == EDGE_ACTION_INSTALL) {
            trib_free(action.owned);
            f->actions.items[i].owned = NULL;
            f->actions.items[i].bytes = NULL;
        }
    }
    assert_false(f->actions.overflow);
    if (!f->dead) {
        settle(f);
        check_kept(f);
    }
    f->dead = f->dead || f->dies_after != SIZE_MAX;
}

void gateway_starts(fixture *f) {
    edge_session_destroy(f->session);
    edge_actions_clear(&f->actions);
    f->session = NULL;
    f->written.there = false;
    f->dead = false;
    f->dies_after = SIZE_MAX;
    f->identity.boot++;
    assert_true(trib_ok(edge_session_create(f->crypto, &f->identity,
                                            f->stored.there ? &f->stored.is : NULL, &f->session)));
    if (f->slot.release > 0) {
        edge_session_installed(f->session, f->slot.release, f->slot.digest);
    }
}

uint64_t nth_generation(const fixture *f, uint64_t nth) {
    return (f->identity.boot << 32) + nth;
}

void gateway_loses_power(fixture *f) {
    f->stored = f->synced;
}

void gateway_is_wiped(fixture *f) {
    f->stored = f->synced = (fixture_state){.there = false};
    f->slot.release = 0;
    trib_buffer_clear(&f->slot.file);
}

void gateway_connects(fixture *f) {
    edge_actions_clear(&f->actions);
    edge_session_connected(f->session, f->now_ms, &f->actions);
    carry_out(f);
}

void gateway_waits(fixture *f, uint64_t ms) {
    f->now_ms += ms;
    edge_actions_clear(&f->actions);
    edge_session_tick(f->session, f->now_ms, &f->actions);
    carry_out(f);
}

void gateway_hands_out(fixture *f, uint64_t round, trib_bytes update) {
    edge_actions_clear(&f->actions);
    edge_session_send(f->session, round, update, f->now_ms, &f->actions);
    carry_out(f);
}

void gateway_link_drains(fixture *f) {
    edge_actions_clear(&f->actions);
    edge_session_drained(f->session, f->now_ms, &f->actions);
    carry_out(f);
}

void gateway_sends(fixture *f, uint64_t round, trib_bytes update) {
    edge_actions_clear(&f->actions);
    edge_session_send(f->session, round, update, f->now_ms, &f->actions);
    edge_session_drained(f->session, f->now_ms, &f->actions);
    carry_out(f);
}

void gateway_tells(fixture *f, trib_topic_kind kind, trib_bytes plain) {
    edge_actions_clear(&f->actions);
    edge_session_tell(f->session, kind, plain, &f->actions);
    carry_out(f);
}

void gateway_cannot_train(fixture *f, uint64_t round) {
    edge_actions_clear(&f->actions);
    edge_session_untrained(f->session, round, &f->actions);
    carry_out(f);
}

void gateway_installs_again(fixture *f) {
    edge_actions_clear(&f->actions);
    edge_session_not_installed(f->session, &f->actions);
    carry_out(f);
}

void gateway_is_ready(fixture *f) {
    gateway_starts(f);
    gateway_connects(f);
    cloud_tells_federation(f);
    if (!edge_session_ready(f->session)) {
        cloud_hears_join(f);
        cloud_welcomes(f);
    }
    assert_true(edge_session_ready(f->session));
}

size_t actions_beside_asking(const fixture *f) {
    return f->actions.count - actions_of(f, EDGE_ACTION_SUBSCRIBE);
}

size_t actions_of(const fixture *f, edge_action_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < f->actions.count; i++) {
        count += f->actions.items[i].kind == kind;
    }
    return count;
}

size_t place_of(const fixture *f, edge_action_kind kind, size_t nth) {
    for (size_t i = 0; i < f->actions.count; i++) {
        if (f->actions.items[i].kind == kind && nth-- == 0) {
            return i;
        }
    }
    fail_msg("no such action of kind %d", (int)kind);
    return SIZE_MAX;
}

const edge_action *action_of(const fixture *f, edge_action_kind kind, size_t nth) {
    return &f->actions.items[place_of(f, kind, nth)];
}

bool acted_on(const fixture *f, edge_action_kind kind, const char *topic) {
    for (size_t i = 0; i < f->actions.count; i++) {
        if (f->actions.items[i].kind == kind && strcmp(f->actions.items[i].topic, topic) == 0) {
            return true;
        }
    }
    return false;
}

bool was_said(const fixture *f, const char *text) {
    for (size_t i = 0; i < f->actions.count; i++) {
        if (f->actions.items[i].kind == EDGE_ACTION_SAY &&
            strstr(f->actions.items[i].text, text) != NULL) {
            return true;
        }
    }
    return false;
}

void topic_of(trib_topic_kind kind, char ret_text[TRIB_TOPIC_SIZE]) {
    trib_topic topic = {.kind = kind, .federation = FIXTURE_FEDERATION};
    if (kind < TRIB_TOPIC_ALL_FEDERATION) {
        memcpy(topic.gateway, FIXTURE_GATEWAY, sizeof FIXTURE_GATEWAY);
    }
    trib_topic_format(&topic, ret_text);
}

bool state_is(const fixture *f, const edge_state_Session *before) {
    uint8_t left[edge_state_Session_size], right[edge_state_Session_size];
    trib_writer now = trib_writer_of(left, sizeof left);
    trib_writer then = trib_writer_of(right, sizeof right);
    assert_true(
        trib_ok(trib_wire_encode(edge_state_Session_fields, edge_session_state(f->session), &now)));
    assert_true(trib_ok(trib_wire_encode(edge_state_Session_fields, before, &then)));
    return trib_bytes_equal(trib_written(&now), trib_written(&then));
}

/* ---- the cloud ----------------------------------------------------------------------------- */

static void deliver(fixture *f, const char *topic, trib_bytes payload) {
    edge_actions_clear(&f->actions);
    edge_session_message(f->session, topic, payload, f->now_ms, &f->actions);
    carry_out(f);
}

void cloud_publishes(fixture *f, trib_topic_kind kind, trib_bytes payload) {
    char topic[TRIB_TOPIC_SIZE];
    topic_of(kind, topic);
    deliver(f, topic, payload);
}

static const char *purpose_of(trib_topic_kind kind) {
    return kind == TRIB_TOPIC_ALL_FEDERATION ? "federation"
           : kind == TRIB_TOPIC_ALL_ROUND    ? "round"
                                             : "release";
}

void somebody_tells(fixture *f, const trib_key_pair *key, const char *key_id, trib_topic_kind kind,
                    const pb_msgdesc_t *fields, const void *notice) {
    TRIB_SCOPED(trib_free_scoped) uint8_t *storage = trib_allocate(2, ENVELOPE_ROOM);
    assert_non_null(storage);
    trib_writer body = trib_writer_of(storage, ENVELOPE_ROOM);
    trib_writer envelope = trib_writer_of(storage + ENVELOPE_ROOM, ENVELOPE_ROOM);
    assert_true(trib_ok(trib_wire_encode(fields, notice, &body)));
    assert_true(trib_ok(trib_envelope_seal(f->crypto, &key->secret, key_id, purpose_of(kind),
                                           trib_written(&body), &envelope)));
    cloud_publishes(f, kind, trib_written(&envelope));
}

void cloud_tells(fixture *f, trib_topic_kind kind, const pb_msgdesc_t *fields, const void *notice) {
    somebody_tells(f, &f->cloud.signing, f->cloud.key_id.text, kind, fields, notice);
}

trib_wire_Federation federation_notice(fixture *f, trib_bytes *storage) {
    trib_wire_Federation notice = {.federation = FIXTURE_FEDERATION,
                                   .incarnation = f->cloud.incarnation,
                                   .revision = f->cloud.revision,
                                   .epoch = f->cloud.epoch,
                                   .boot = f->cloud.boot};
    TRIB_WIRE_SET_BYTES(notice.agreement_key, f->cloud.agreement.public.bytes,
                        TRIB_PUBLIC_KEY_BYTES);
    *storage = trib_bytes_text(f->cloud.document);
    trib_wire_put(&notice.document, storage);
    return notice;
}

void cloud_tells_federation(fixture *f) {
    trib_bytes document;
    trib_wire_Federation notice = federation_notice(f, &document);
    cloud_tells(f, TRIB_TOPIC_ALL_FEDERATION, trib_wire_Federation_fields, &notice);
}

trib_wire_Round round_notice(const fixture *f, uint64_t round, const trib_wire_Object *base) {
    trib_wire_Round notice = {.federation = FIXTURE_FEDERATION,
                              .round = round,
                              .kind = base == NULL ? trib_wire_RoundKind_ROUND_KIND_STATISTICS
                                                   : trib_wire_RoundKind_ROUND_KIND_TRAINING,
                              .open = true,
                              .revision = f->cloud.revision,
                              .max_updates = 4,
                              .max_weight = 1000,
                              .clip_norm = 2.5f,
                              .fraction_ppm = FIXTURE_ALL,
                              .closed_through = f->cloud.closed_through,
                              .ordinal = base == NULL ? 0 : 3};
    const uint8_t salt[16] = {1, 2, 3};
    TRIB_WIRE_SET_BYTES(notice.salt, salt, sizeof salt);
    if (base != NULL) {
        notice.has_base = true;
        notice.base = *base;
    }
    return notice;
}

void cloud_tells_round(fixture *f, const trib_wire_Round *notice) {
    cloud_tells(f, TRIB_TOPIC_ALL_ROUND, trib_wire_Round_fields, notice);
}

trib_wire_Release release_notice(uint64_t release, const trib_wire_Object *model) {
    trib_wire_Release notice = {
        .federation = FIXTURE_FEDERATION, .release = release, .has_model = model != NULL};
    if (model != NULL) {
        notice.model = *model;
    }
    return notice;
}

void cloud_tells_release(fixture *f, const trib_wire_Release *notice) {
    cloud_tells(f, TRIB_TOPIC_ALL_RELEASE, trib_wire_Release_fields, notice);
}

static const edge_action *only_published(const fixture *f, trib_topic_kind kind) {
    char topic[TRIB_TOPIC_SIZE];
    const edge_action *found = NULL;
    topic_of(kind, topic);
    for (size_t i = 0; i < f->actions.count; i++) {
        const edge_action *action = &f->actions.items[i];
        if (action->kind == EDGE_ACTION_PUBLISH && strcmp(action->topic, topic) == 0) {
            assert_null(found);
            found = action;
        }
    }
    assert_non_null(found);
    return found;
}

static void key_cloud(fixture *f) {
    fixture_cloud *cloud = &f->cloud;
    trib_session_info info;
    trib_public_key enc, sender;
    trib_hpke context;
    memcpy(enc.bytes, cloud->join.enc.bytes, sizeof enc.bytes);
    memcpy(sender.bytes, cloud->join.agreement_key.bytes, sizeof sender.bytes);
    trib_session_info_make(FIXTURE_FEDERATION, FIXTURE_GATEWAY, cloud->join.generation, &info);
    const trib_hpke_receiver receiver = {.info = trib_bytes_of(info.bytes, info.size),
                                         .own = &cloud->agreement,
                                         .sender = &sender,
                                         .enc = &enc};
    assert_true(trib_ok(trib_hpke_setup_receiver(f->crypto, &receiver, &context)));
    const struct {
        trib_topic_kind kind;
        uint64_t boot;
        trib_channel *channel;
    } all[] = {{TRIB_TOPIC_UP_UPDATE, cloud->boot, &cloud->update},
               {TRIB_TOPIC_UP_PREDICTION, cloud->boot, &cloud->prediction},
               {TRIB_TOPIC_DOWN_WELCOME, 0, &cloud->welcome},
               {TRIB_TOPIC_DOWN_RECEIPT, 0, &cloud->receipt}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_true(trib_ok(trib_channel_init(f->crypto, &context, cloud->session, all[i].kind,
                                              all[i].boot, all[i].channel)));
    }
    cloud->welcome.next = cloud->receipt.next = cloud->boot << 32;
}

void cloud_starts_again(fixture *f) {
    f->cloud.boot++;
    key_cloud(f); /* from the join, which it has kept */
}

void cloud_hears_join(fixture *f) {
    const edge_action *action = only_published(f, TRIB_TOPIC_UP_JOIN);
    trib_envelope envelope;
    trib_bytes chain;
    assert_true(
        trib_ok(trib_envelope_parse(trib_bytes_of(action->bytes, action->size), &envelope)));
    assert_string_equal(envelope.key_id, "");
    assert_true(trib_ok(
        trib_verify(f->crypto, &f->signing.public, "join", envelope.body, &envelope.signature)));
    f->cloud.join = (trib_wire_Join)trib_wire_Join_init_zero;
    trib_wire_catch(&f->cloud.join.chain, &chain);
    assert_true(trib_ok(TRIB_WIRE_DECODE(Join, envelope.body, &f->cloud.join)));
    assert_true(trib_bytes_equal(chain, f->identity.chain_pem));
    assert_string_equal(f->cloud.join.federation, FIXTURE_FEDERATION);
    assert_string_equal(f->cloud.join.gateway, FIXTURE_GATEWAY);
    assert_true(trib_ok(trib_session_number(f->crypto, envelope.body, &f->cloud.session)));
    key_cloud(f);
}

static trib_bytes seal_down(fixture *f, trib_channel *channel, const pb_msgdesc_t *fields,
                            const void *message, uint8_t *storage) {
    uint8_t bytes[FIXTURE_FRAME];
    char topic[TRIB_TOPIC_SIZE];
    trib_writer plain = trib_writer_of(bytes, sizeof bytes);
    trib_writer frame = trib_writer_of(storage, FIXTURE_FRAME);
    topic_of(channel->kind, topic);
    assert_true(trib_ok(trib_wire_encode(fields, message, &plain)));
    assert_true(
        trib_ok(trib_channel_seal(f->crypto, channel, topic, trib_written(&plain), &frame)));
    return trib_written(&frame);
}

trib_wire_Welcome welcome_of(const fixture *f) {
    trib_wire_Welcome welcome = {.session = f->cloud.session,
                                 .time_ms = 1767225600123,
                                 .incarnation = f->cloud.incarnation,
                                 .epochs_count = 1};
    trib_epoch_secret key;
    assert_true(trib_ok(
        trib_epoch_key(f->crypto, &f->cloud.master, FIXTURE_FEDERATION, f->cloud.epoch, &key)));
    welcome.epochs[0].epoch = f->cloud.epoch;
    TRIB_WIRE_SET_BYTES(welcome.epochs[0].key, key.bytes, sizeof key.bytes);
    return welcome;
}

trib_bytes seal_welcome(fixture *f, const trib_wire_Welcome *welcome, uint8_t *storage) {
    return seal_down(f, &f->cloud.welcome, trib_wire_Welcome_fields, welcome, storage);
}

trib_bytes seal_receipt(fixture *f, const trib_wire_Receipt *receipt, uint8_t *storage) {
    return seal_down(f, &f->cloud.receipt, trib_wire_Receipt_fields, receipt, storage);
}

void cloud_welcomes(fixture *f) {
    uint8_t storage[FIXTURE_FRAME];
    trib_wire_Welcome welcome = welcome_of(f);
    cloud_publishes(f, TRIB_TOPIC_DOWN_WELCOME, seal_welcome(f, &welcome, storage));
}

void cloud_receipts(fixture *f, uint64_t round, trib_bytes update, trib_wire_Verdict verdict,
                    const char *reason) {
    uint8_t storage[FIXTURE_FRAME], digest[TRIB_HASH_BYTES];
    trib_wire_Receipt receipt = {.round = round, .verdict = verdict, .first = verdict};
    assert_true(strlen(reason) < sizeof receipt.reason);
    memcpy(receipt.reason, reason, strlen(reason) + 1);
    assert_true(trib_ok(f->crypto->sha256(update, digest)));
    TRIB_WIRE_SET_BYTES(receipt.digest, digest, sizeof digest);
    cloud_publishes(f, TRIB_TOPIC_DOWN_RECEIPT, seal_receipt(f, &receipt, storage));
}

static void hear_chunk(fixture *f, const edge_action *action, uint64_t round, uint32_t index,
                       trib_bytes update, size_t *filled) {
    TRIB_SCOPED(trib_free_scoped) uint8_t *storage = trib_allocate(action->size, 1);
    uint8_t digest[TRIB_HASH_BYTES];
    trib_bytes data;
    trib_wire_UpdateChunk chunk = trib_wire_UpdateChunk_init_zero;
    trib_writer plain = trib_writer_of(storage, action->size);
    assert_non_null(storage);
    assert_true(trib_ok(trib_channel_open(f->crypto, &f->cloud.update, action->topic,
                                          trib_bytes_of(action->bytes, action->size), &plain)));
    trib_wire_catch(&chunk.data, &data);
    assert_true(trib_ok(TRIB_WIRE_DECODE(UpdateChunk, trib_written(&plain), &chunk)));
    assert_true(trib_ok(f->crypto->sha256(update, digest)));
    assert_int_equal(chunk.round, round);
    assert_int_equal(chunk.index, index);
    assert_int_equal(chunk.size, update.size);
    assert_memory_equal(chunk.digest.bytes, digest, sizeof digest);
    assert_true(data.size <= update.size - *filled);
    assert_memory_equal(data.data, update.data + *filled, data.size);
    *filled += data.size;
}

uint32_t cloud_hears_part(fixture *f, uint64_t round, trib_bytes update, uint32_t index) {
    char topic[TRIB_TOPIC_SIZE];
    size_t filled = (size_t)index * EDGE_UPDATE_CHUNK_BYTES;
    topic_of(TRIB_TOPIC_UP_UPDATE, topic);
    for (size_t i = 0; i < f->actions.count; i++) {
        const edge_action *action = &f->actions.items[i];
        if (action->kind == EDGE_ACTION_PUBLISH && strcmp(action->topic, topic) == 0) {
            hear_chunk(f, action, round, index++, update, &filled);
        }
    }
    size_t sent = (size_t)index * EDGE_UPDATE_CHUNK_BYTES;
    assert_int_equal(filled, sent < update.size ? sent : update.size);
    return index;
}

size_t cloud_hears_update(fixture *f, uint64_t round, trib_bytes update) {
    uint32_t count = cloud_hears_part(f, round, update, 0);
    assert_true((size_t)count * EDGE_UPDATE_CHUNK_BYTES >= update.size);
    return count;
}

/* ---- objects ------------------------------------------------------------------------------- */

void make_object(const fixture *f, uint8_t seed, size_t size, uint32_t chunk_bytes,
                 fixture_object *ret_object) {
    *ret_object = (fixture_object){.file = {.ceiling = size}};
    assert_true(trib_ok(trib_buffer_reserve(&ret_object->file, size)));
    ret_object->file.size = size;
    for (size_t i = 0; i < size; i++) {
        ret_object->file.data[i] = (uint8_t)(i * 7 + seed);
    }
    assert_true(trib_ok(trib_object_describe(f->crypto, &f->cloud.master, FIXTURE_FEDERATION,
                                             f->cloud.epoch, trib_buffer_view(&ret_object->file),
                                             &ret_object->key, &ret_object->wire)));
    ret_object->wire.chunk_size = chunk_bytes;
}

void drop_object(fixture_object *object) {
    trib_buffer_deinit(&object->file);
}

void chunk_topic(const fixture_object *object, uint32_t chunk, char ret_text[TRIB_TOPIC_SIZE]) {
    trib_topic topic = {
        .kind = TRIB_TOPIC_ALL_OBJECT, .federation = FIXTURE_FEDERATION, .chunk = chunk};
    memcpy(topic.object_id, object->wire.id.bytes, sizeof topic.object_id);
    trib_topic_format(&topic, ret_text);
}

void cloud_publishes_chunk(fixture *f, const fixture_object *object, uint32_t chunk,
                           size_t flipped) {
    size_t size = trib_object_chunk_size(&object->wire, chunk) + TRIB_AEAD_TAG_BYTES;
    char topic[TRIB_TOPIC_SIZE];
    TRIB_SCOPED(trib_free_scoped) uint8_t *sealed = trib_allocate(size, 1);
    assert_non_null(sealed);
    assert_true(trib_ok(trib_object_seal_chunk(f->crypto, &object->key, &object->wire, chunk,
                                               trib_buffer_view(&object->file), sealed)));
    if (flipped < size) {
        sealed[flipped] ^= 0x10;
    }
    chunk_topic(object, chunk, topic);
    deliver(f, topic, trib_bytes_of(sealed, size));
}

void cloud_publishes_chunks(fixture *f, const fixture_object *object, uint32_t first) {
    for (uint32_t i = first; i < trib_object_chunk_count(&object->wire); i++) {
        cloud_publishes_chunk(f, object, i, SIZE_MAX);
    }
}
