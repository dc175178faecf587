/* A core that gateways join: who is believed, in which order, and what goes up in their sessions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cloud/app/core.h"
#include "cloud/round/round_fixture.h"
#include "common/crypto/authority.h"
#include "common/port/posix/system.h"
#include "common/seal/envelope.h"
#include "common/seal/session_info.h"

enum { ROOM = 8192, HOUR_S = 3600 };

static char folder[64];
static cloud_core *core;
static trib_key_pair authority_key;
static trib_buffer authority_pem = {.ceiling = ROOM};

/* A gateway: its enrolment, its keys, and its end of a session. */
typedef struct gateway {
    const char *name;
    trib_key_pair signing, agreement;
    trib_buffer chain;
    trib_channel update, receipt;
} gateway;

static int64_t now_s(void) {
    return (int64_t)(trib_wall_ms(trib_posix_clock()) / 1000);
}

/* Under a certificate that began so many hours ago. */
static void enrol(gateway *who, const char *name, int64_t hours) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = ROOM};
    const trib_crypto *crypto = trib_crypto_host();
    const trib_authority issuer = {trib_buffer_view(&authority_pem), &authority_key};
    *who = (gateway){.name = name, .chain = {.ceiling = ROOM}};
    assert_true(trib_ok(crypto->generate(&who->signing)));
    assert_true(trib_ok(crypto->generate(&who->agreement)));
    assert_true(trib_ok(trib_request_create(name, &who->signing, &request)));
    assert_true(trib_ok(trib_authority_issue_gateway(&issuer, trib_buffer_view(&request), name,
                                                     now_s() - hours * HOUR_S, 30, &who->chain)));
}

static void drop_gateway(gateway *who) {
    trib_buffer_deinit(&who->chain);
}

static void begin(void) {
    cloud_config config = {.broker_uri = "tcp://127.0.0.1:1"};
    (void)snprintf(config.state, sizeof config.state, "%s", folder);
    (void)snprintf(config.authorities, sizeof config.authorities, "%s/ca.pem", folder);
    if (!trib_ok(cloud_core_create(&config, false, &core))) {
        fail_msg("start: %s", trib_message());
    }
}

static void restart(void) {
    cloud_core_destroy(core);
    begin();
}

static cloud_member *plant(void) {
    cloud_member *member = cloud_find(core, "plant");
    assert_non_null(member);
    return member;
}

static int set_up(void **state) {
    (void)state;
    char path[96];
    cloud_applied applied;
    (void)snprintf(folder, sizeof folder, "/tmp/joins-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    trib_buffer_clear(&authority_pem);
    assert_true(trib_ok(trib_crypto_host()->generate(&authority_key)));
    assert_true(trib_ok(trib_authority_create("Test authority", &authority_key,
                                              now_s() - 9 * HOUR_S, &authority_pem)));
    (void)snprintf(path, sizeof path, "%s/ca.pem", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(authority_pem.data, 1, authority_pem.size, file), authority_pem.size);
    assert_int_equal(fclose(file), 0);
    trib_log_setup("joins-test", TRIB_LOG_TEXT, TRIB_LOG_ERROR);
    begin();
    assert_true(
        trib_ok(cloud_apply_document(core, "plant", trib_bytes_text(document_plain), &applied)));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    cloud_core_destroy(core);
    trib_buffer_deinit(&authority_pem);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* Sends a join, and keeps the keys of the session that it asks for. */
static trib_bytes make_join_of(gateway *who, uint64_t generation, uint8_t storage[ROOM]) {
    const trib_crypto *crypto = trib_crypto_host();
    uint8_t body_bytes[ROOM];
    trib_wire_Join join = {.federation = "plant", .generation = generation};
    trib_session_info info;
    trib_public_key enc;
    trib_hpke context;
    uint64_t session;
    trib_session_info_make("plant", who->name, generation, &info);
    const trib_hpke_sender sender = {.info = trib_bytes_of(info.bytes, info.size),
                                     .recipient = &core->secrets.agreement.public,
                                     .own = &who->agreement};
    assert_true(trib_ok(trib_hpke_setup_sender(crypto, &sender, &enc, &context)));
    memcpy(join.gateway, who->name, strlen(who->name) + 1);
    TRIB_WIRE_SET_BYTES(join.enc, enc.bytes, sizeof enc.bytes);
    TRIB_WIRE_SET_BYTES(join.agreement_key, who->agreement.public.bytes, TRIB_PUBLIC_KEY_BYTES);
    join.has_capabilities = true;
    join.capabilities = (trib_wire_Capabilities){
        .codecs = UINT32_MAX, .layers = UINT32_MAX, .max_parameters = 1000000};
    trib_bytes chain = trib_buffer_view(&who->chain);
    trib_writer body = trib_writer_of(body_bytes, sizeof body_bytes);
    trib_writer envelope = trib_writer_of(storage, ROOM);
    trib_wire_put(&join.chain, &chain);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(Join, &join, &body)));
    assert_true(trib_ok(trib_envelope_seal(crypto, &who->signing.secret, "", "join",
                                           trib_written(&body), &envelope)));
    assert_true(trib_ok(trib_session_number(crypto, trib_written(&body), &session)));
    assert_true(trib_ok(trib_channel_init(crypto, &context, session, TRIB_TOPIC_UP_UPDATE,
                                          core->boot, &who->update)));
    return trib_written(&envelope);
}

static void give_join(const gateway *who, trib_bytes envelope) {
    cloud_handle_join(core, plant(), who->name, envelope);
}

static void join(gateway *who, uint64_t generation) {
    uint8_t storage[ROOM];
    give_join(who, make_join_of(who, generation, storage));
}

static const cloud_gateway *known(const char *name) {
    return cloud_gateway_find(&plant()->live->gateways, name);
}

/* ---- the order of joins -------------------------------------------------------------------- */

static void a_generation_is_taken_once_and_never_goes_back(void **state) {
    (void)state;
    gateway press;
    enrol(&press, "press-1", 1);
    join(&press, 4);
    assert_int_equal(known("press-1")->generation, 4);
    uint64_t session = known("press-1")->session;
    const uint64_t bad[] = {4, 3, 1}; /* a clone's, and replays */
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < 3; i++) {
            join(&press, bad[i]);
            assert_int_equal(known("press-1")->generation, 4);
            assert_int_equal(known("press-1")->session, session);
        }
        restart();
    }
    join(&press, 5);
    assert_int_equal(known("press-1")->generation, 5);
    assert_int_not_equal(known("press-1")->session, session);
    drop_gateway(&press);
}

static void the_very_same_join_is_welcomed_again_and_recorded_once(void **state) {
    (void)state;
    gateway press;
    uint8_t storage[ROOM];
    enrol(&press, "press-1", 1);
    trib_bytes envelope = make_join_of(&press, 4, storage);
    give_join(&press, envelope);
    uint64_t end = cloud_ledger_end(core->ledger), session = known("press-1")->session;
    give_join(&press, envelope);
    assert_int_equal(cloud_ledger_end(core->ledger), end);
    assert_int_equal(known("press-1")->session, session);
    assert_int_equal(core->counts.joins, 1);
    drop_gateway(&press);
}

static void a_newer_certificate_begins_anew_and_ends_the_older_one(void **state) {
    (void)state;
    gateway older, newer;
    enrol(&older, "press-1", 3);
    enrol(&newer, "press-1", 2);
    join(&older, 9);
    assert_int_equal(known("press-1")->generation, 9);
    join(&newer, 1); /* it lost its state, and was enrolled again */
    assert_int_equal(known("press-1")->generation, 1);
    for (int again = 0; again < 2; again++) {
        join(&older, 10); /* whoever still has the older one */
        assert_int_equal(known("press-1")->generation, 1);
        restart();
    }
    join(&newer, 2);
    assert_int_equal(known("press-1")->generation, 2);
    drop_gateway(&older);
    drop_gateway(&newer);
}

static void a_revoked_gateway_joins_no_more_under_any_certificate(void **state) {
    (void)state;
    gateway press, again;
    enrol(&press, "press-1", 3);
    enrol(&again, "press-1", 2);
    join(&press, 1);
    assert_int_equal(cloud_live_members(plant()->live), 1);
    assert_true(trib_ok(cloud_revoke(core, "press-1", false)));
    join(&press, 2);
    join(&again, 3);
    assert_int_equal(known("press-1")->generation, 1);
    assert_int_equal(cloud_live_members(plant()->live), 0);
    drop_gateway(&press);
    drop_gateway(&again);
}

static void a_revocation_gives_the_new_key_to_all_others(void **state) {
    (void)state;
    gateway press, other;
    bool known_epoch = false;
    enrol(&press, "press-1", 1);
    enrol(&other, "press-2", 1);
    join(&press, 1);
    join(&other, 1);
    trib_mqtt_run(core->mqtt); /* as if a broker was there: what is published goes nowhere */
    for (uint64_t epoch = 0; epoch < 4 && !known_epoch; epoch++) {
        known_epoch = trib_mqtt_handle(
            core->mqtt, &(trib_mqtt_event){.kind = TRIB_MQTT_CONNECTED, .epoch = epoch});
    }
    uint64_t revoked = known("press-1")->welcome.next, stays = known("press-2")->welcome.next;
    uint64_t before = trib_mqtt_mark(core->mqtt);
    assert_true(known_epoch && trib_ok(cloud_revoke(core, "press-1", false)));
    assert_int_equal(plant()->live->epoch, 2);
    assert_int_equal(known("press-1")->welcome.next, revoked);
    assert_int_equal(known("press-2")->welcome.next, stays + 1);
    assert_int_equal(trib_mqtt_mark(core->mqtt), before + 1);
    drop_gateway(&press);
    drop_gateway(&other);
}

static void a_join_that_cannot_be_recorded_is_not_taken(void **state) {
    (void)state;
    gateway press, stranger;
    enrol(&press, "press-1", 1);
    plant()->live->gateways.ceiling = 0; /* full */
    join(&press, 1);
    assert_null(known("press-1"));
    plant()->live->gateways.ceiling = CLOUD_MAX_GATEWAYS;
    enrol(&stranger, "press-2", 1);
    stranger.name = "press-1"; /* under a topic that is not its own */
    join(&stranger, 1);
    assert_null(known("press-1"));
    join(&press, 1);
    assert_non_null(known("press-1"));
    drop_gateway(&press);
    drop_gateway(&stranger);
}

/* ---- what goes up -------------------------------------------------------------------------- */

static const char topic[] = "tributary/v1/plant/press-1/up/update";

/* One chunk that is the whole update, sealed in the gateway's session. */
static trib_bytes seal_update(gateway *who, const trib_wire_Update *message, trib_bytes payload,
                              uint8_t storage[ROOM]) {
    const trib_crypto *crypto = trib_crypto_host();
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer whole = {.ceiling = 0};
    uint8_t plain[ROOM], digest[TRIB_HASH_BYTES];
    encode_message(message, payload, &whole);
    trib_bytes data = trib_buffer_view(&whole);
    trib_wire_UpdateChunk chunk = {
        .round = message->round, .count = 1, .size = (uint32_t)whole.size};
    assert_true(trib_ok(crypto->sha256(data, digest)));
    TRIB_WIRE_SET_BYTES(chunk.digest, digest, sizeof digest);
    trib_wire_put(&chunk.data, &data);
    trib_writer body = trib_writer_of(plain, sizeof plain);
    trib_writer frame = trib_writer_of(storage, ROOM);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(UpdateChunk, &chunk, &body)));
    assert_true(
        trib_ok(trib_channel_seal(crypto, &who->update, topic, trib_written(&body), &frame)));
    return trib_written(&frame);
}

static cloud_gateway *press_1(void) {
    cloud_gateway *found = cloud_gateway_find(&plant()->live->gateways, "press-1");
    assert_non_null(found);
    return found;
}

/* The verdict on an update, as its receipt says it; the receipt goes nowhere. */
static trib_verdict send_update(gateway *who, const trib_wire_Update *message, trib_bytes payload) {
    uint8_t storage[ROOM];
    size_t before = core->reply_count;
    trib_bytes frame = seal_update(who, message, payload, storage);
    cloud_handle_update(core, plant(), press_1(), topic, frame);
    assert_int_equal(core->reply_count, before + 1);
    return (trib_verdict)core->replies[before].receipt.verdict;
}

static trib_wire_Update message_of(const cloud_live *live, uint32_t examples) {
    trib_wire_Update message = {
        .round = live->round.plan.number,
        .kind = trib_wire_RoundKind_ROUND_KIND_TRAINING,
        .examples = examples,
        .loss = 0.5f,
    };
    TRIB_WIRE_SET_BYTES(message.base_digest, live->base.bytes, TRIB_HASH_BYTES);
    return message;
}

/* Two gateways have joined, so a round is open, which waits for both. */
static void open_for_two(gateway *press, gateway *other) {
    enrol(press, "press-1", 1);
    enrol(other, "press-2", 1);
    join(press, 1);
    join(other, 1);
    assert_true(plant()->live->round_open);
}

static void an_update_is_counted_once_and_what_comes_again_is_told_so(void **state) {
    (void)state;
    gateway press, other;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer payload = {.ceiling = 0};
    open_for_two(&press, &other);
    cloud_live *live = plant()->live;
    pack_values(TRIB_CODEC_FLOAT32, FIXTURE_PARAMETERS, 5, 1, &payload);
    trib_bytes values = trib_buffer_view(&payload);
    trib_wire_Update message = message_of(live, 5);
    assert_int_equal(send_update(&press, &message, values), TRIB_VERDICT_ACCEPTED);
    assert_int_equal(send_update(&press, &message, values), TRIB_VERDICT_DUPLICATE);
    message.loss = 9; /* trained again: another update of the same round */
    assert_int_equal(send_update(&press, &message, values), TRIB_VERDICT_DUPLICATE);
    assert_int_equal(live->round.accepted, 1);
    assert_int_equal(live->sum->updates, 1);
    assert_int_equal(core->counts.accepted, 1);
    assert_int_equal(core->counts.duplicates, 2);
    assert_int_equal(core->replies[1].receipt.first, trib_wire_Verdict_VERDICT_ACCEPTED);
    core->reply_count = 0;
    drop_gateway(&press);
    drop_gateway(&other);
}

static void what_does_not_belong_to_the_round_is_refused_with_a_reason(void **state) {
    (void)state;
    gateway press, other;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer payload = {.ceiling = 0};
    open_for_two(&press, &other);
    cloud_live *live = plant()->live;
    pack_values(TRIB_CODEC_FLOAT32, FIXTURE_PARAMETERS, FIXTURE_MAX_WEIGHT, 1, &payload);
    trib_bytes values = trib_buffer_view(&payload);
    const trib_wire_Update good = message_of(live, FIXTURE_MAX_WEIGHT);
    trib_wire_Update bad = good;
    bad.base_digest.bytes[0] ^= 1;
    assert_int_equal(send_update(&press, &bad, values), TRIB_VERDICT_REFUSED);
    assert_string_equal(press_1()->last_verdict, "the update was made from another base");
    bad = good;
    bad.base_digest.size = 0;
    assert_int_equal(send_update(&press, &bad, values), TRIB_VERDICT_REFUSED);
    bad = good;
    bad.kind = trib_wire_RoundKind_ROUND_KIND_STATISTICS;
    assert_int_equal(send_update(&press, &bad, values), TRIB_VERDICT_REFUSED);
    bad = good;
    bad.round++;
    assert_int_equal(send_update(&press, &bad, values), TRIB_VERDICT_REFUSED);
    bad = good;
    bad.round--;
    assert_int_equal(send_update(&press, &bad, values), TRIB_VERDICT_LATE);
    bad = good;
    bad.examples = 0;
    assert_int_equal(send_update(&press, &bad, values), TRIB_VERDICT_REFUSED);
    trib_store_u32(payload.data + 8, FIXTURE_MAX_WEIGHT + 1); /* more than it says outside */
    assert_int_equal(send_update(&press, &good, values), TRIB_VERDICT_REFUSED);
    trib_store_u32(payload.data + 8, FIXTURE_MAX_WEIGHT);
    assert_int_equal(send_update(&press, &good, trib_bytes_of(values.data, values.size - 1)),
                     TRIB_VERDICT_REFUSED);
    assert_int_equal(live->round.accepted, 0);
    assert_int_equal(core->counts.refused, 7);
    assert_int_equal(core->counts.late, 1);
    assert_int_equal(send_update(&press, &good, values), TRIB_VERDICT_ACCEPTED);
    core->reply_count = 0;
    drop_gateway(&press);
    drop_gateway(&other);
}

static void a_frame_again_or_altered_changes_nothing(void **state) {
    (void)state;
    gateway press, other;
    uint8_t storage[ROOM];
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer payload = {.ceiling = 0};
    open_for_two(&press, &other);
    pack_values(TRIB_CODEC_FLOAT32, FIXTURE_PARAMETERS, 5, 1, &payload);
    trib_wire_Update message = message_of(plant()->live, 5);
    trib_bytes frame = seal_update(&press, &message, trib_buffer_view(&payload), storage);
    storage[frame.size / 2] ^= 1;
    cloud_handle_update(core, plant(), press_1(), topic, frame);
    assert_int_equal(core->counts.garbage, 1);
    assert_int_equal(core->reply_count, 0);
    storage[frame.size / 2] ^= 1;
    cloud_handle_update(core, plant(), press_1(), topic, frame);
    cloud_handle_update(core, plant(), press_1(), topic, frame);
    assert_int_equal(core->reply_count, 1);
    assert_int_equal(core->counts.replayed, 1);
    core->reply_count = 0;
    assert_true(trib_ok(cloud_settle(core)));
    restart(); /* with another boot, which the frame does not vouch for */
    cloud_handle_update(core, plant(), press_1(), topic, frame);
    assert_int_equal(core->reply_count, 0);
    assert_int_equal(plant()->live->round.accepted, 1);
    drop_gateway(&press);
    drop_gateway(&other);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_generation_is_taken_once_and_never_goes_back),
        CASE(the_very_same_join_is_welcomed_again_and_recorded_once),
        CASE(a_newer_certificate_begins_anew_and_ends_the_older_one),
        CASE(a_revoked_gateway_joins_no_more_under_any_certificate),
        CASE(a_revocation_gives_the_new_key_to_all_others),
        CASE(a_join_that_cannot_be_recorded_is_not_taken),
        CASE(an_update_is_counted_once_and_what_comes_again_is_told_so),
        CASE(what_does_not_belong_to_the_round_is_refused_with_a_reason),
        CASE(a_frame_again_or_altered_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
