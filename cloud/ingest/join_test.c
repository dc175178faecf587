/* Whose joins are believed, and that both ends then have the same keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/ingest/join.h"
#include "common/crypto/authority.h"
#include "common/seal/envelope.h"
#include "common/seal/session_info.h"

enum { ROOM = 8192, DAY_S = 86400 };
static const int64_t now_s = 1800000000;

/* A site: an authority, one of its gateways, and the cloud that both trust. */
typedef struct site {
    trib_key_pair authority, signing, agreement, cloud;
    trib_buffer authority_pem, chain;
} site;

static const trib_crypto *crypto;
static site here;

static void make_authority(trib_key_pair *key, trib_buffer *ret_pem) {
    *ret_pem = (trib_buffer){.ceiling = ROOM};
    assert_true(trib_ok(crypto->generate(key)));
    assert_true(trib_ok(trib_authority_create("Test authority", key, now_s, ret_pem)));
}

static void issue(const trib_key_pair *authority, const trib_buffer *authority_pem,
                  const char *name, const trib_key_pair *key, trib_buffer *ret_chain) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = ROOM};
    const trib_authority issuer = {trib_buffer_view(authority_pem), authority};
    *ret_chain = (trib_buffer){.ceiling = ROOM};
    assert_true(trib_ok(trib_request_create(name, key, &request)));
    assert_true(trib_ok(trib_authority_issue_gateway(&issuer, trib_buffer_view(&request), name,
                                                     now_s, 30, ret_chain)));
}

static int set_up(void **state) {
    (void)state;
    crypto = trib_crypto_host();
    make_authority(&here.authority, &here.authority_pem);
    assert_true(trib_ok(crypto->generate(&here.signing)));
    assert_true(trib_ok(crypto->generate(&here.agreement)));
    assert_true(trib_ok(crypto->generate(&here.cloud)));
    issue(&here.authority, &here.authority_pem, "press-1", &here.signing, &here.chain);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    trib_buffer_deinit(&here.authority_pem);
    trib_buffer_deinit(&here.chain);
    return 0;
}

/* What a gateway puts into its join; ret_context is its end of the session. */
static trib_wire_Join join_of(trib_hpke *ret_context) {
    trib_wire_Join join = {.federation = "plant", .gateway = "press-1", .generation = 4};
    trib_session_info info;
    trib_public_key enc;
    trib_session_info_make("plant", "press-1", 4, &info);
    const trib_hpke_sender sender = {.info = trib_bytes_of(info.bytes, info.size),
                                     .recipient = &here.cloud.public,
                                     .own = &here.agreement};
    assert_true(trib_ok(trib_hpke_setup_sender(crypto, &sender, &enc, ret_context)));
    TRIB_WIRE_SET_BYTES(join.enc, enc.bytes, sizeof enc.bytes);
    TRIB_WIRE_SET_BYTES(join.agreement_key, here.agreement.public.bytes, TRIB_PUBLIC_KEY_BYTES);
    join.has_capabilities = true;
    join.capabilities.codecs = 6;
    return join;
}

typedef struct signer {
    const trib_key_pair *key;
    const trib_buffer *chain;
    const char *purpose;
} signer;

static trib_bytes seal(trib_wire_Join join, const signer *by, uint8_t storage[ROOM]) {
    uint8_t body_bytes[ROOM];
    trib_bytes chain = trib_buffer_view(by->chain);
    trib_writer body = trib_writer_of(body_bytes, sizeof body_bytes);
    trib_writer envelope = trib_writer_of(storage, ROOM);
    trib_wire_put(&join.chain, &chain);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(Join, &join, &body)));
    assert_true(trib_ok(trib_envelope_seal(crypto, &by->key->secret, "", by->purpose,
                                           trib_written(&body), &envelope)));
    return trib_written(&envelope);
}

static cloud_join_rules rules(void) {
    return (cloud_join_rules){.crypto = crypto,
                              .authorities_pem = trib_buffer_view(&here.authority_pem),
                              .federation = "plant",
                              .gateway = "press-1",
                              .now_s = now_s};
}

static const signer itself = {&here.signing, &here.chain, "join"};

static trib_code verdict(const cloud_join_rules *by, trib_bytes envelope) {
    cloud_join join;
    return cloud_join_verify(by, envelope, &join).code;
}

static void a_join_of_its_own_gateway_is_believed(void **state) {
    (void)state;
    uint8_t storage[ROOM];
    trib_hpke context;
    trib_envelope parsed;
    cloud_join join, again;
    uint64_t session;
    trib_bytes envelope = seal(join_of(&context), &itself, storage);
    const cloud_join_rules by = rules();
    assert_true(trib_ok(cloud_join_verify(&by, envelope, &join)));
    assert_string_equal(join.identity.name, "press-1");
    assert_int_equal(join.message.generation, 4);
    assert_int_equal(join.message.capabilities.codecs, 6);
    assert_true(trib_ok(trib_envelope_parse(envelope, &parsed)));
    assert_true(trib_ok(trib_session_number(crypto, parsed.body, &session)));
    assert_int_equal(join.session, session);
    assert_true(trib_ok(cloud_join_reread(crypto, envelope, &again)));
    assert_int_equal(again.session, session);
    assert_int_equal(again.message.generation, 4);
}

static void a_join_under_anothers_topic_is_refused(void **state) {
    (void)state;
    uint8_t storage[ROOM];
    trib_hpke context;
    trib_bytes envelope = seal(join_of(&context), &itself, storage);
    cloud_join_rules by = rules();
    by.gateway = "press-2";
    assert_int_equal(verdict(&by, envelope), TRIB_E_DENIED);
    by = rules();
    by.federation = "other";
    assert_int_equal(verdict(&by, envelope), TRIB_E_DENIED);
}

static void a_join_in_anothers_name_is_refused_although_its_own_certificate_holds(void **state) {
    (void)state;
    uint8_t storage[ROOM];
    trib_hpke context;
    trib_key_pair key;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer chain = {.ceiling = 0};
    assert_true(trib_ok(crypto->generate(&key)));
    issue(&here.authority, &here.authority_pem, "press-2", &key, &chain);
    const cloud_join_rules by = rules();
    const signer other = {&key, &chain, "join"};
    assert_int_equal(verdict(&by, seal(join_of(&context), &other, storage)), TRIB_E_DENIED);
    const signer stolen_chain = {&key, &here.chain, "join"};
    assert_int_equal(verdict(&by, seal(join_of(&context), &stolen_chain, storage)), TRIB_E_DENIED);
}

static void a_join_from_a_foreign_authority_is_refused(void **state) {
    (void)state;
    uint8_t storage[ROOM];
    trib_hpke context;
    trib_key_pair authority;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer authority_pem = {.ceiling = 0};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer chain = {.ceiling = 0};
    make_authority(&authority, &authority_pem);
    issue(&authority, &authority_pem, "press-1", &here.signing, &chain);
    cloud_join_rules by = rules();
    const signer foreign = {&here.signing, &chain, "join"};
    trib_bytes envelope = seal(join_of(&context), &foreign, storage);
    assert_int_equal(verdict(&by, envelope), TRIB_E_DENIED);
    by.authorities_pem = trib_buffer_view(&authority_pem);
    assert_int_equal(verdict(&by, envelope), TRIB_OK); /* it was the authority alone */
}

static void a_certificate_holds_for_its_time_alone(void **state) {
    (void)state;
    uint8_t storage[ROOM];
    trib_hpke context;
    trib_bytes envelope = seal(join_of(&context), &itself, storage);
    cloud_join_rules by = rules();
    by.now_s = now_s + 31 * (int64_t)DAY_S;
    assert_int_equal(verdict(&by, envelope), TRIB_E_DENIED);
    by.now_s = now_s - DAY_S;
    assert_int_equal(verdict(&by, envelope), TRIB_E_DENIED);
    by.now_s = now_s + 29 * (int64_t)DAY_S;
    assert_int_equal(verdict(&by, envelope), TRIB_OK);
}

static void a_join_altered_anywhere_is_refused(void **state) {
    (void)state;
    uint8_t storage[ROOM];
    trib_hpke context;
    trib_bytes envelope = seal(join_of(&context), &itself, storage);
    const cloud_join_rules by = rules();
    for (size_t i = 0; i < envelope.size; i++) {
        storage[i] ^= 0x04;
        assert_int_not_equal(verdict(&by, envelope), TRIB_OK);
        storage[i] ^= 0x04;
    }
    for (size_t cut = 0; cut < envelope.size; cut += 7) {
        assert_int_not_equal(verdict(&by, trib_bytes_of(storage, cut)), TRIB_OK);
    }
    assert_int_equal(verdict(&by, envelope), TRIB_OK);
}

static void a_signature_for_another_purpose_makes_no_join(void **state) {
    (void)state;
    uint8_t storage[ROOM];
    trib_hpke context;
    const cloud_join_rules by = rules();
    const signer elsewhere = {&here.signing, &here.chain, "round"};
    assert_int_equal(verdict(&by, seal(join_of(&context), &elsewhere, storage)), TRIB_E_DENIED);
}

static void a_join_without_its_parts_is_malformed(void **state) {
    (void)state;
    uint8_t storage[ROOM];
    trib_hpke context;
    cloud_join ignored;
    const cloud_join_rules by = rules();
    trib_wire_Join bad[3] = {join_of(&context), join_of(&context), join_of(&context)};
    bad[0].generation = 0;
    bad[1].enc.size--;
    bad[2].agreement_key.size = 0;
    for (size_t i = 0; i < 3; i++) {
        trib_bytes envelope = seal(bad[i], &itself, storage);
        assert_int_equal(verdict(&by, envelope), TRIB_E_CORRUPT);
        assert_int_equal(cloud_join_reread(crypto, envelope, &ignored).code, TRIB_E_CORRUPT);
    }
    const trib_buffer none = {.ceiling = 0};
    const signer bare = {&here.signing, &none, "join"};
    assert_int_not_equal(verdict(&by, seal(join_of(&context), &bare, storage)), TRIB_OK);
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* What one end seals, the other opens. */
static trib_code passes(trib_channel *from, trib_channel *to) {
    uint8_t frame_bytes[256], text_bytes[256];
    trib_writer frame = trib_writer_of(frame_bytes, sizeof frame_bytes);
    trib_writer text = trib_writer_of(text_bytes, sizeof text_bytes);
    assert_true(
        trib_ok(trib_channel_seal(crypto, from, "some/topic", trib_bytes_text("hello"), &frame)));
    return trib_channel_open(crypto, to, "some/topic", trib_written(&frame), &text).code;
}

static void join_the_cloud(cloud_gateway *gateway, trib_hpke *context, uint8_t storage[ROOM]) {
    trib_bytes envelope = seal(join_of(context), &itself, storage);
    cloud_join join;
    assert_true(trib_ok(cloud_join_reread(crypto, envelope, &join)));
    *gateway = (cloud_gateway){
        .name = "press-1", .join = storage, .join_size = envelope.size, .session = join.session};
}

static void both_ends_have_the_same_keys_for_every_channel(void **state) {
    (void)state;
    uint8_t storage[ROOM];
    trib_hpke context;
    cloud_gateway gateway;
    const uint64_t boot = 9;
    join_the_cloud(&gateway, &context, storage);
    assert_true(trib_ok(cloud_join_derive(crypto, &here.cloud, "plant", boot, &gateway)));
    assert_true(gateway.keyed);
    assert_int_equal(gateway.update.next, 0);
    assert_int_equal(gateway.welcome.next, boot << 32);
    assert_int_equal(gateway.receipt.next, boot << 32);
    const struct {
        trib_channel *cloud;
        uint64_t boot;
        bool up;
    } all[] = {{&gateway.update, boot, true}, {&gateway.prediction, boot, true},
               {&gateway.alert, boot, true},  {&gateway.telemetry, boot, true},
               {&gateway.welcome, 0, false},  {&gateway.receipt, 0, false}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        trib_channel mine;
        assert_true(trib_ok(trib_channel_init(crypto, &context, gateway.session, all[i].cloud->kind,
                                              all[i].boot, &mine)));
        mine.next = all[i].up ? 100 : 0;
        assert_int_equal(all[i].up ? passes(&mine, all[i].cloud) : passes(all[i].cloud, &mine),
                         TRIB_OK);
    }
}

/* The numbers that it has accepted are forgotten by then: what it was sealed for keeps it out. */
static void what_was_sealed_for_one_start_of_the_cloud_is_not_opened_in_another(void **state) {
    (void)state;
    uint8_t storage[ROOM];
    trib_hpke context;
    cloud_gateway gateway;
    const struct {
        trib_topic_kind kind;
        trib_channel *cloud;
    } all[] = {{TRIB_TOPIC_UP_UPDATE, &gateway.update},
               {TRIB_TOPIC_UP_PREDICTION, &gateway.prediction},
               {TRIB_TOPIC_UP_ALERT, &gateway.alert},
               {TRIB_TOPIC_UP_TELEMETRY, &gateway.telemetry}};
    join_the_cloud(&gateway, &context, storage);
    for (uint64_t boot = 3; boot < 6; boot++) { /* before, now, after */
        assert_true(trib_ok(cloud_join_derive(crypto, &here.cloud, "plant", 4, &gateway)));
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            trib_channel mine;
            assert_true(trib_ok(
                trib_channel_init(crypto, &context, gateway.session, all[i].kind, boot, &mine)));
            mine.next = 100;
            assert_int_equal(all[i].cloud->next, 0);
            assert_int_equal(passes(&mine, all[i].cloud), boot == 4 ? TRIB_OK : TRIB_E_DENIED);
        }
    }
}

static void a_join_that_was_moved_gives_other_keys(void **state) {
    (void)state;
    uint8_t storage[ROOM];
    trib_hpke context;
    cloud_gateway gateway;
    trib_channel mine;
    for (int way = 0; way < 3; way++) {
        trib_key_pair other = here.cloud;
        join_the_cloud(&gateway, &context, storage);
        if (way == 0) {
            memcpy(gateway.name, "press-2", sizeof "press-2");
        } else if (way == 1) {
            assert_true(trib_ok(crypto->generate(&other)));
        }
        assert_true(
            trib_ok(cloud_join_derive(crypto, &other, way == 2 ? "other" : "plant", 1, &gateway)));
        assert_true(trib_ok(
            trib_channel_init(crypto, &context, gateway.session, TRIB_TOPIC_UP_UPDATE, 1, &mine)));
        mine.next = 100;
        assert_int_equal(passes(&mine, &gateway.update), TRIB_E_DENIED);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_join_of_its_own_gateway_is_believed),
        cmocka_unit_test(a_join_under_anothers_topic_is_refused),
        cmocka_unit_test(a_join_in_anothers_name_is_refused_although_its_own_certificate_holds),
        cmocka_unit_test(a_join_from_a_foreign_authority_is_refused),
        cmocka_unit_test(a_certificate_holds_for_its_time_alone),
        cmocka_unit_test(a_join_altered_anywhere_is_refused),
        cmocka_unit_test(a_signature_for_another_purpose_makes_no_join),
        cmocka_unit_test(a_join_without_its_parts_is_malformed),
        cmocka_unit_test(both_ends_have_the_same_keys_for_every_channel),
        cmocka_unit_test(what_was_sealed_for_one_start_of_the_cloud_is_not_opened_in_another),
        cmocka_unit_test(a_join_that_was_moved_gives_other_keys),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
