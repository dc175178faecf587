#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/seal/channel.h"
#include "common/seal/envelope.h"
#include "common/seal/object.h"
#include "common/seal/session_info.h"

static const trib_crypto *crypto;
static trib_key_pair gateway, cloud;
static trib_hpke sender, receiver;

static int set_up(void **state) {
    (void)state;
    trib_session_info info;
    trib_public_key enc;
    crypto = trib_crypto_host();
    assert_true(trib_ok(crypto->generate(&gateway)) && trib_ok(crypto->generate(&cloud)));
    trib_session_info_make("plant", "press-1", 7, &info);
    const trib_hpke_sender from = {
        .info = trib_bytes_of(info.bytes, info.size), .recipient = &cloud.public, .own = &gateway};
    assert_true(trib_ok(trib_hpke_setup_sender(crypto, &from, &enc, &sender)));
    const trib_hpke_receiver to = {.info = trib_bytes_of(info.bytes, info.size),
                                   .own = &cloud,
                                   .sender = &gateway.public,
                                   .enc = &enc};
    assert_true(trib_ok(trib_hpke_setup_receiver(crypto, &to, &receiver)));
    return 0;
}

static const char topic[] = "tributary/v1/plant/press-1/up/update";

typedef struct pair {
    trib_channel up, down;
} pair;

static pair channels(trib_topic_kind kind, uint64_t boot_up, uint64_t boot_down) {
    pair both;
    assert_true(trib_ok(trib_channel_init(crypto, &sender, 42, kind, boot_up, &both.up)));
    assert_true(trib_ok(trib_channel_init(crypto, &receiver, 42, kind, boot_down, &both.down)));
    return both;
}

static trib_bytes seal(trib_channel *channel, const char *where, const char *text,
                       uint8_t storage[256]) {
    trib_writer frame = trib_writer_of(storage, 256);
    assert_true(trib_ok(trib_channel_seal(crypto, channel, where, trib_bytes_text(text), &frame)));
    return trib_written(&frame);
}

static trib_code open_at(trib_channel *channel, const char *where, trib_bytes frame) {
    uint8_t plain[256];
    trib_writer text = trib_writer_of(plain, sizeof plain);
    return trib_channel_open(crypto, channel, where, frame, &text).code;
}

static void frames_open_once_and_in_order(void **state) {
    (void)state;
    pair both = channels(TRIB_TOPIC_UP_UPDATE, 0, 0);
    uint8_t a[256], b[256], c[256];
    trib_bytes first = seal(&both.up, topic, "one", a), second = seal(&both.up, topic, "two", b),
               third = seal(&both.up, topic, "three", c);
    assert_int_equal(open_at(&both.down, topic, first), TRIB_OK);
    assert_int_equal(open_at(&both.down, topic, first), TRIB_E_STATE);
    assert_int_equal(open_at(&both.down, topic, third), TRIB_OK);       /* one was lost: fine */
    assert_int_equal(open_at(&both.down, topic, second), TRIB_E_STATE); /* reordered: too late */
}

static void a_refused_frame_does_not_use_up_its_number(void **state) {
    (void)state;
    pair both = channels(TRIB_TOPIC_UP_UPDATE, 0, 0);
    uint8_t a[256], copy[256];
    trib_bytes frame = seal(&both.up, topic, "one", a);
    for (size_t i = 0; i < frame.size; i++) {
        memcpy(copy, frame.data, frame.size);
        copy[i] ^= 1;
        assert_int_not_equal(open_at(&both.down, topic, trib_bytes_of(copy, frame.size)), TRIB_OK);
        assert_int_equal(both.down.next, 0);
    }
    for (size_t cut = 0; cut < frame.size; cut++) {
        assert_int_not_equal(open_at(&both.down, topic, trib_bytes_of(frame.data, cut)), TRIB_OK);
    }
    assert_int_equal(open_at(&both.down, topic, frame), TRIB_OK);
}

static void a_frame_opens_under_its_own_topic_kind_session_and_boot_alone(void **state) {
    (void)state;
    pair both = channels(TRIB_TOPIC_UP_UPDATE, 0, 0);
    uint8_t a[256];
    trib_bytes frame = seal(&both.up, topic, "one", a);
    assert_int_equal(open_at(&both.down, "tributary/v1/plant/press-2/up/update", frame),
                     TRIB_E_DENIED);
    assert_int_equal(open_at(&both.down, "tributary/v1/other/press-1/up/update", frame),
                     TRIB_E_DENIED);
    pair other = channels(TRIB_TOPIC_UP_PREDICTION, 3, 3);
    assert_int_equal(open_at(&other.down, topic, frame), TRIB_E_DENIED);
    frame = seal(&other.up, topic, "two", a);
    assert_int_equal(open_at(&other.down, topic, frame), TRIB_OK);
    static const trib_topic_kind kinds[] = {TRIB_TOPIC_UP_UPDATE, TRIB_TOPIC_UP_PREDICTION};
    for (size_t i = 0; i < 2; i++) { /* the cloud has started again */
        pair restarted = channels(kinds[i], 3, 4);
        frame = seal(&restarted.up, topic, "three", a);
        assert_int_equal(open_at(&restarted.down, topic, frame), TRIB_E_DENIED);
    }
    both.down.session = 43;
    assert_int_equal(open_at(&both.down, topic, seal(&both.up, topic, "x", a)), TRIB_E_DENIED);
}

static void every_byte_of_a_number_goes_into_the_nonce(void **state) {
    (void)state;
    enum { HEADER = TRIB_FRAME_HEADER_BYTES, TEXT = 12 };
    pair both = channels(TRIB_TOPIC_UP_UPDATE, 0, 0);
    uint8_t frames[9][256];
    for (int i = 0; i < 9; i++) { /* numbers 0, 1, 2^8 ... 2^56 */
        both.up.next = i == 0 ? 0 : (uint64_t)1 << (8 * (i - 1));
        trib_bytes frame = seal(&both.up, topic, "the same text", frames[i]);
        assert_true(frame.size >= HEADER + TEXT);
        for (int j = 0; j < i; j++) { /* under the same nonce, the same text looks the same */
            assert_memory_not_equal(frames[i] + HEADER, frames[j] + HEADER, TEXT);
        }
        assert_int_equal(open_at(&both.down, topic, frame), TRIB_OK);
    }
}

/* A member of the federation has the epoch's key, and could wrap a key under another's name. */
static void an_object_whose_name_is_not_its_keys_is_refused(void **state) {
    (void)state;
    const trib_secret master = {{1, 2, 3}};
    trib_object_key key, unwrapped;
    trib_epoch_secret epoch;
    trib_wire_Object object;
    assert_true(trib_ok(
        trib_object_describe(crypto, &master, "plant", 1, trib_bytes_text("abc"), &key, &object)));
    assert_true(trib_ok(trib_epoch_key(crypto, &master, "plant", 1, &epoch)));
    assert_true(trib_ok(trib_object_unwrap(crypto, &epoch, &object, &unwrapped)));
    for (size_t i = 0; i < object.id.size; i++) {
        trib_wire_Object other = object;
        other.id.bytes[i] ^= 1;
        assert_true(trib_ok(crypto->aead_seal(
            epoch.bytes, other.id.bytes, trib_bytes_of(other.id.bytes, other.id.size),
            trib_bytes_of(&key, sizeof key), other.wrapped_key.bytes)));
        assert_int_equal(trib_object_unwrap(crypto, &epoch, &other, &unwrapped).code,
                         TRIB_E_DENIED);
    }
}

/* The real thing, one of whose operations fails. */
static size_t works_for;
static trib_crypto failing;

static trib_status works(void) {
    if (works_for == 0) {
        return TRIB_FAIL(TRIB_E_IO, "the library has no memory");
    }
    works_for--;
    return TRIB_SUCCESS;
}

static trib_status sha256_or_not(trib_bytes data, uint8_t ret_hash[TRIB_HASH_BYTES]) {
    TRIB_TRY(works());
    return crypto->sha256(data, ret_hash);
}

static trib_status expand_or_not(const uint8_t key[TRIB_HASH_BYTES], trib_bytes info,
                                 uint8_t *ret_bytes, size_t size) {
    TRIB_TRY(works());
    return crypto->hkdf_expand(key, info, ret_bytes, size);
}

static trib_status seal_or_not(const uint8_t key[TRIB_AEAD_KEY_BYTES],
                               const uint8_t nonce[TRIB_AEAD_NONCE_BYTES], trib_bytes associated,
                               trib_bytes text, uint8_t *ret_sealed) {
    TRIB_TRY(works());
    return crypto->aead_seal(key, nonce, associated, text, ret_sealed);
}

static trib_status open_or_not(const uint8_t key[TRIB_AEAD_KEY_BYTES],
                               const uint8_t nonce[TRIB_AEAD_NONCE_BYTES], trib_bytes associated,
                               trib_bytes sealed, uint8_t *ret_text) {
    TRIB_TRY(works());
    return crypto->aead_open(key, nonce, associated, sealed, ret_text);
}

static trib_status seal_and_open_all(trib_object_key *ret_key) {
    const trib_secret master = {{1, 2, 3}};
    trib_channel up, down;
    trib_object_key key;
    trib_epoch_secret epoch;
    trib_wire_Object object;
    uint8_t sealed[256], plain[256];
    trib_bytes text = trib_bytes_text("abc");
    trib_writer frame = trib_writer_of(sealed, sizeof sealed);
    trib_writer opened = trib_writer_of(plain, sizeof plain);
    TRIB_TRY(trib_channel_init(&failing, &sender, 42, TRIB_TOPIC_UP_PREDICTION, 0, &up));
    TRIB_TRY(trib_channel_init(&failing, &receiver, 42, TRIB_TOPIC_UP_PREDICTION, 0, &down));
    trib_status status = trib_channel_seal(&failing, &up, topic, text, &frame);
    assert_true(trib_ok(status) || frame.size == 0);
    TRIB_TRY(status);
    status = trib_channel_open(&failing, &down, topic, trib_written(&frame), &opened);
    assert_true(trib_ok(status) ? down.next == 1 : down.next == 0 && opened.size == 0);
    TRIB_TRY(status);
    TRIB_TRY(trib_object_describe(&failing, &master, "plant", 1, text, &key, &object));
    TRIB_TRY(trib_epoch_key(&failing, &master, "plant", 1, &epoch));
    TRIB_TRY(trib_object_unwrap(&failing, &epoch, &object, ret_key));
    TRIB_TRY(trib_object_seal_chunk(&failing, &key, &object, 0, text, sealed));
    TRIB_TRY(trib_object_open_chunk(&failing, ret_key, &object, 0, trib_bytes_of(sealed, 3 + 16),
                                    plain));
    return trib_object_verify(&failing, ret_key, trib_bytes_of(plain, 3));
}

static void what_the_library_cannot_do_is_said_and_nothing_is_handed_out(void **state) {
    (void)state;
    size_t steps = 0;
    trib_status status;
    failing = *crypto;
    failing.sha256 = sha256_or_not;
    failing.hkdf_expand = expand_or_not;
    failing.aead_seal = seal_or_not;
    failing.aead_open = open_or_not;
    do {
        trib_object_key key;
        works_for = steps++;
        status = seal_and_open_all(&key);
        assert_true(trib_ok(status) || status.code == TRIB_E_IO);
    } while (!trib_ok(status));
    assert_true(steps > 12);
}

static void an_envelope_is_believed_from_a_trusted_key_for_its_purpose_alone(void **state) {
    (void)state;
    uint8_t storage[512];
    trib_trusted trusted = {.count = 0}, nobody = {.count = 0};
    trib_key_id id;
    trib_bytes body;
    assert_true(trib_ok(trib_trusted_add(crypto, &trusted, &cloud.public)));
    assert_true(trib_ok(trib_key_id_of(crypto, &cloud.public, &id)));
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    assert_true(trib_ok(trib_envelope_seal(crypto, &cloud.secret, id.text, "round",
                                           trib_bytes_text("the body"), &writer)));
    trib_bytes envelope = trib_written(&writer);
    assert_true(trib_ok(trib_envelope_open(crypto, &trusted, "round", envelope, &body)));
    assert_true(trib_bytes_equal(body, trib_bytes_text("the body")));
    assert_int_equal(trib_envelope_open(crypto, &trusted, "release", envelope, &body).code,
                     TRIB_E_DENIED);
    assert_int_equal(trib_envelope_open(crypto, &nobody, "round", envelope, &body).code,
                     TRIB_E_NOT_FOUND);
    for (size_t i = 0; i < envelope.size; i++) {
        storage[i] ^= 0x20;
        trib_status status = trib_envelope_open(crypto, &trusted, "round", envelope, &body);
        assert_true(!trib_ok(status) || trib_bytes_equal(body, trib_bytes_text("the body")));
        storage[i] ^= 0x20;
    }
    writer = trib_writer_of(storage, sizeof storage); /* another key that claims the id */
    assert_true(trib_ok(trib_envelope_seal(crypto, &gateway.secret, id.text, "round",
                                           trib_bytes_text("the body"), &writer)));
    assert_int_equal(
        trib_envelope_open(crypto, &trusted, "round", trib_written(&writer), &body).code,
        TRIB_E_DENIED);
}

static void objects_come_back_chunk_by_chunk_in_any_order(void **state) {
    (void)state;
    enum { SIZE = 3 * TRIB_OBJECT_CHUNK_BYTES / 2 };
    uint8_t *plain = malloc(SIZE), *back = malloc(SIZE),
            *sealed = malloc(TRIB_OBJECT_CHUNK_BYTES + TRIB_AEAD_TAG_BYTES);
    const trib_secret master = {{1, 2, 3}};
    trib_object_key key, unwrapped;
    trib_epoch_secret epoch;
    trib_wire_Object object, again;
    for (size_t i = 0; i < SIZE; i++) {
        plain[i] = (uint8_t)(i * 7);
    }
    trib_bytes whole = trib_bytes_of(plain, SIZE);
    assert_true(trib_ok(trib_object_describe(crypto, &master, "plant", 1, whole, &key, &object)));
    assert_true(trib_ok(trib_object_describe(crypto, &master, "plant", 1, whole, &key, &again)));
    /* Publishing again gives the same bytes. */
    assert_memory_equal(object.id.bytes, again.id.bytes, sizeof object.id.bytes);
    assert_memory_equal(object.wrapped_key.bytes, again.wrapped_key.bytes,
                        sizeof object.wrapped_key.bytes);
    assert_int_equal(trib_object_chunk_count(&object), 2);
    assert_true(trib_ok(trib_epoch_key(crypto, &master, "plant", 1, &epoch)));
    assert_true(trib_ok(trib_object_unwrap(crypto, &epoch, &object, &unwrapped)));
    for (uint32_t i = 2; i-- > 0;) {
        trib_bytes chunk =
            trib_bytes_of(sealed, trib_object_chunk_size(&object, i) + TRIB_AEAD_TAG_BYTES);
        assert_true(trib_ok(trib_object_seal_chunk(crypto, &key, &object, i, whole, sealed)));
        assert_int_equal(
            trib_object_open_chunk(crypto, &unwrapped, &object, 1 - i, chunk, back).code,
            TRIB_E_CORRUPT);
        assert_true(trib_ok(trib_object_open_chunk(crypto, &unwrapped, &object, i, chunk, back)));
    }
    assert_true(trib_ok(trib_object_verify(crypto, &unwrapped, trib_bytes_of(back, SIZE))));
    back[5] ^= 1;
    assert_int_equal(trib_object_verify(crypto, &unwrapped, trib_bytes_of(back, SIZE)).code,
                     TRIB_E_DENIED);
    assert_true(trib_ok(trib_epoch_key(crypto, &master, "plant", 2, &epoch)));
    assert_int_equal(trib_object_unwrap(crypto, &epoch, &object, &unwrapped).code, TRIB_E_DENIED);
    object.size = (uint64_t)1 << 40;
    assert_int_equal(trib_object_unwrap(crypto, &epoch, &object, &unwrapped).code, TRIB_E_CORRUPT);
    free(plain);
    free(back);
    free(sealed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_open_once_and_in_order),
        cmocka_unit_test(a_refused_frame_does_not_use_up_its_number),
        cmocka_unit_test(a_frame_opens_under_its_own_topic_kind_session_and_boot_alone),
        cmocka_unit_test(every_byte_of_a_number_goes_into_the_nonce),
        cmocka_unit_test(an_object_whose_name_is_not_its_keys_is_refused),
        cmocka_unit_test(what_the_library_cannot_do_is_said_and_nothing_is_handed_out),
        cmocka_unit_test(an_envelope_is_believed_from_a_trusted_key_for_its_purpose_alone),
        cmocka_unit_test(objects_come_back_chunk_by_chunk_in_any_order),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
