#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/crypto/hpke.h"
#include "tests/vectors/reader.h"

static const trib_crypto *backend(size_t index) {
    return index == 0 ? trib_crypto_mbedtls() : trib_crypto_openssl();
}
enum { BACKENDS = 2 };

static const char plain[] = "4265617574792069732074727574682c20747275746820626561757479";

/* What the vector file has said so far of the mode it is in. */
typedef struct published {
    bool auth;
    uint8_t info_bytes[VECTOR_MAX_BYTES];
    trib_bytes info;
    trib_key_pair ephemeral;
    trib_key_pair recipient;
    trib_key_pair sender;
    trib_hpke wanted;
    trib_hpke sending[BACKENDS];
    trib_hpke receiving[BACKENDS];
    uint64_t sequence;
    uint8_t extra_bytes[VECTOR_MAX_BYTES]; /* associated data, or the exporter's label */
    trib_bytes extra;
} published;

static void check_contexts(published *mode) {
    for (size_t b = 0; b < BACKENDS; b++) {
        trib_public_key enc;
        trib_hpke_sender sender = {mode->info, &mode->recipient.public,
                                   mode->auth ? &mode->sender : NULL, &mode->ephemeral};
        assert_true(trib_ok(trib_hpke_setup_sender(backend(b), &sender, &enc, &mode->sending[b])));
        assert_memory_equal(&enc, &mode->ephemeral.public, sizeof enc);
        assert_memory_equal(&mode->sending[b], &mode->wanted, sizeof mode->wanted);
        trib_hpke_receiver receiver = {mode->info, &mode->recipient,
                                       mode->auth ? &mode->sender.public : NULL, &enc};
        assert_true(trib_ok(trib_hpke_setup_receiver(backend(b), &receiver, &mode->receiving[b])));
        assert_memory_equal(&mode->receiving[b], &mode->wanted, sizeof mode->wanted);
    }
}

static void check_message(published *mode, trib_bytes wanted) {
    uint8_t text[29];
    assert_true(trib_ok(trib_unhex(plain, text, sizeof text)));
    assert_int_equal(wanted.size, sizeof text + 16);
    for (size_t b = 0; b < BACKENDS; b++) {
        uint8_t sealed[45];
        assert_true(trib_ok(trib_hpke_seal(backend(b), &mode->sending[b], mode->sequence,
                                           mode->extra, trib_bytes_of(text, sizeof text), sealed)));
        assert_memory_equal(sealed, wanted.data, wanted.size);
        uint8_t got[29];
        assert_true(trib_ok(trib_hpke_open(backend(b), &mode->receiving[b], mode->sequence,
                                           mode->extra, wanted, got)));
        assert_memory_equal(got, text, sizeof text);
        assert_int_equal(trib_hpke_open(backend(b), &mode->receiving[b], mode->sequence + 1,
                                        mode->extra, wanted, got)
                             .code,
                         TRIB_E_DENIED);
    }
}

static void check_export(published *mode, trib_bytes wanted) {
    for (size_t b = 0; b < BACKENDS; b++) {
        uint8_t got[32];
        assert_int_equal(wanted.size, sizeof got);
        assert_true(trib_ok(
            trib_hpke_export(backend(b), &mode->receiving[b], mode->extra, got, sizeof got)));
        assert_memory_equal(got, wanted.data, sizeof got);
    }
}

/* Where a fixed-size value of the file goes; NULL for the words that need more than storing. */
static uint8_t *place_of(published *mode, const char *word, size_t *ret_size) {
    const struct {
        const char *word;
        uint8_t *place;
        size_t size;
    } places[] = {{"pkEm", mode->ephemeral.public.bytes, 65},
                  {"skEm", mode->ephemeral.secret.bytes, 32},
                  {"pkRm", mode->recipient.public.bytes, 65},
                  {"skRm", mode->recipient.secret.bytes, 32},
                  {"pkSm", mode->sender.public.bytes, 65},
                  {"skSm", mode->sender.secret.bytes, 32},
                  {"key", mode->wanted.key, 16},
                  {"base_nonce", mode->wanted.base_nonce, 12},
                  {"exporter_secret", mode->wanted.exporter_secret, 32}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(places[i].word, word) == 0) {
            *ret_size = places[i].size;
            return places[i].place;
        }
    }
    return NULL;
}

static void both_backends_pass_the_vectors_of_rfc_9180(void **state) {
    (void)state;
    vector_reader reader;
    published mode = {0};
    unsigned messages = 0;
    unsigned exports = 0;
    uint8_t room[VECTOR_MAX_BYTES];
    vector_open(&reader, "hpke_rfc9180.txt");
    while (vector_next(&reader)) {
        const char *word = reader.words[0];
        size_t size = 0;
        uint8_t *place = place_of(&mode, word, &size);
        if (place != NULL) {
            vector_exactly(&reader, 1, place, size);
        }
        if (strcmp(word, "case") == 0) {
            mode.auth = strcmp(reader.words[1], "auth") == 0;
        } else if (strcmp(word, "info") == 0) {
            mode.info = vector_bytes(&reader, 1, mode.info_bytes);
        } else if (strcmp(word, "exporter_secret") == 0) {
            check_contexts(&mode); /* it is the last of the setup's values */
        } else if (strcmp(word, "sequence") == 0) {
            mode.sequence = strtoull(reader.words[1], NULL, 10);
        } else if (strcmp(word, "aad") == 0 || strcmp(word, "exporter_context") == 0) {
            mode.extra = vector_bytes(&reader, 1, mode.extra_bytes);
        } else if (strcmp(word, "ct") == 0) {
            check_message(&mode, vector_bytes(&reader, 1, room));
            messages++;
        } else if (strcmp(word, "exported_value") == 0) {
            check_export(&mode, vector_bytes(&reader, 1, room));
            exports++;
        } else {
            assert_non_null(place);
        }
    }
    assert_int_equal(messages, 12);
    assert_int_equal(exports, 6);
}

typedef struct session {
    trib_key_pair gateway;
    trib_key_pair cloud;
    trib_public_key enc;
    trib_hpke up;
} session;

static const trib_crypto *fast(void) {
    return trib_crypto_host();
}

static session start_session(void) {
    session made;
    assert_true(trib_ok(fast()->generate(&made.gateway)));
    assert_true(trib_ok(fast()->generate(&made.cloud)));
    trib_hpke_sender sender = {trib_bytes_text("session 1"), &made.cloud.public, &made.gateway,
                               NULL};
    assert_true(trib_ok(trib_hpke_setup_sender(fast(), &sender, &made.enc, &made.up)));
    return made;
}

static void one_backend_sets_up_what_the_other_receives(void **state) {
    (void)state;
    session made = start_session();
    trib_hpke down;
    trib_hpke_receiver receiver = {trib_bytes_text("session 1"), &made.cloud, &made.gateway.public,
                                   &made.enc};
    assert_true(trib_ok(trib_hpke_setup_receiver(trib_crypto_mbedtls(), &receiver, &down)));
    assert_memory_equal(&down, &made.up, sizeof down);
}

static void sessions_never_share_keys(void **state) {
    (void)state;
    session made = start_session();
    trib_public_key enc;
    trib_hpke other;
    trib_hpke_sender sender = {trib_bytes_text("session 1"), &made.cloud.public, &made.gateway,
                               NULL};
    assert_true(trib_ok(trib_hpke_setup_sender(fast(), &sender, &enc, &other)));
    assert_memory_not_equal(&enc, &made.enc, sizeof enc);
    assert_memory_not_equal(other.key, made.up.key, sizeof other.key);
}

static void refuse_session(const session *made, const trib_hpke_receiver *receiver) {
    trib_hpke context;
    uint8_t sealed[21];
    uint8_t text[5];
    assert_true(trib_ok(trib_hpke_seal(fast(), &made->up, 0, trib_bytes_text(""),
                                       trib_bytes_text("hello"), sealed)));
    assert_true(trib_ok(trib_hpke_setup_receiver(fast(), receiver, &context)));
    assert_int_equal(trib_hpke_open(fast(), &context, 0, trib_bytes_text(""),
                                    trib_bytes_of(sealed, sizeof sealed), text)
                         .code,
                     TRIB_E_DENIED);
}

static void a_session_opens_only_with_the_right_sender_recipient_info_and_mode(void **state) {
    (void)state;
    session made = start_session();
    trib_key_pair stranger;
    assert_true(trib_ok(fast()->generate(&stranger)));
    trib_bytes info = trib_bytes_text("session 1");
    refuse_session(&made, &(trib_hpke_receiver){info, &made.cloud, &stranger.public, &made.enc});
    refuse_session(&made, &(trib_hpke_receiver){info, &made.cloud, NULL, &made.enc});
    refuse_session(&made, &(trib_hpke_receiver){info, &stranger, &made.gateway.public, &made.enc});
    refuse_session(
        &made, &(trib_hpke_receiver){info, &made.cloud, &made.gateway.public, &stranger.public});
    refuse_session(&made, &(trib_hpke_receiver){trib_bytes_text("session 2"), &made.cloud,
                                                &made.gateway.public, &made.enc});
}

static void a_bad_point_or_too_long_an_info_leaves_the_outputs_alone(void **state) {
    (void)state;
    session made = start_session();
    trib_public_key bad = made.cloud.public;
    bad.bytes[40] ^= 1;
    static const uint8_t longest[TRIB_HPKE_MAX_INFO_BYTES + 1] = {0};
    trib_public_key enc = made.enc;
    trib_hpke context = made.up;
    trib_hpke_sender sender = {trib_bytes_text(""), &bad, &made.gateway, NULL};
    assert_int_equal(trib_hpke_setup_sender(fast(), &sender, &enc, &context).code, TRIB_E_CORRUPT);
    sender = (trib_hpke_sender){trib_bytes_of(longest, sizeof longest), &made.cloud.public,
                                &made.gateway, NULL};
    assert_int_equal(trib_hpke_setup_sender(fast(), &sender, &enc, &context).code, TRIB_E_LIMIT);
    trib_hpke_receiver receiver = {trib_bytes_text(""), &made.cloud, &made.gateway.public, &bad};
    assert_int_equal(trib_hpke_setup_receiver(fast(), &receiver, &context).code, TRIB_E_CORRUPT);
    receiver = (trib_hpke_receiver){trib_bytes_text(""), &made.cloud, &bad, &made.enc};
    assert_int_equal(trib_hpke_setup_receiver(fast(), &receiver, &context).code, TRIB_E_CORRUPT);
    assert_memory_equal(&enc, &made.enc, sizeof enc);
    assert_memory_equal(&context, &made.up, sizeof context);
    uint8_t out[32];
    assert_int_equal(
        trib_hpke_export(fast(), &context, trib_bytes_of(longest, sizeof longest), out, sizeof out)
            .code,
        TRIB_E_LIMIT);
    assert_true(trib_ok(trib_hpke_export(
        fast(), &context, trib_bytes_of(longest, TRIB_HPKE_MAX_INFO_BYTES), out, sizeof out)));
}

static void sequence_numbers_use_all_their_64_bits(void **state) {
    (void)state;
    session made = start_session();
    uint8_t first[16];
    assert_true(trib_ok(
        trib_hpke_seal(fast(), &made.up, 0, trib_bytes_text(""), trib_bytes_text(""), first)));
    for (unsigned bit = 0; bit < 64; bit++) {
        uint8_t other[16];
        assert_true(trib_ok(trib_hpke_seal(fast(), &made.up, UINT64_C(1) << bit,
                                           trib_bytes_text(""), trib_bytes_text(""), other)));
        assert_memory_not_equal(first, other, sizeof first);
    }
    trib_hpke_wipe(&made.up);
    static const trib_hpke zero = {0};
    assert_memory_equal(&made.up, &zero, sizeof zero);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_backends_pass_the_vectors_of_rfc_9180),
        cmocka_unit_test(one_backend_sets_up_what_the_other_receives),
        cmocka_unit_test(sessions_never_share_keys),
        cmocka_unit_test(a_session_opens_only_with_the_right_sender_recipient_info_and_mode),
        cmocka_unit_test(a_bad_point_or_too_long_an_info_leaves_the_outputs_alone),
        cmocka_unit_test(sequence_numbers_use_all_their_64_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
