#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/crypto/crypto.h"
#include "tests/vectors/reader.h"

static const trib_crypto *backend(size_t index) {
    return index == 0 ? trib_crypto_mbedtls() : trib_crypto_openssl();
}
enum { BACKENDS = 2 };

static void check_sha256(const trib_crypto *crypto, const vector_reader *reader) {
    uint8_t room[VECTOR_MAX_BYTES];
    trib_bytes message = vector_bytes(reader, 1, room);
    uint8_t wanted[32];
    vector_exactly(reader, 2, wanted, 32);
    uint8_t hash[32];
    assert_true(trib_ok(crypto->sha256(message, hash)));
    assert_memory_equal(hash, wanted, 32);
    trib_hash running = {0};
    assert_true(trib_ok(crypto->hash_init(&running)));
    for (size_t i = 0; i < message.size; i++) {
        assert_true(trib_ok(crypto->hash_update(&running, trib_bytes_of(message.data + i, 1))));
    }
    memset(hash, 0, sizeof hash);
    assert_true(trib_ok(crypto->hash_finish(&running, hash)));
    assert_memory_equal(hash, wanted, 32);
    crypto->hash_deinit(&running);
}

static void check_hmac(const trib_crypto *crypto, const vector_reader *reader) {
    uint8_t key[VECTOR_MAX_BYTES];
    uint8_t data[VECTOR_MAX_BYTES];
    uint8_t wanted[32];
    vector_exactly(reader, 3, wanted, 32);
    uint8_t mac[32];
    assert_true(
        trib_ok(crypto->hmac(vector_bytes(reader, 1, key), vector_bytes(reader, 2, data), mac)));
    assert_memory_equal(mac, wanted, 32);
}

static void check_hkdf(const trib_crypto *crypto, const vector_reader *reader) {
    uint8_t rooms[4][VECTOR_MAX_BYTES];
    uint8_t wanted[32];
    vector_exactly(reader, 4, wanted, 32);
    uint8_t key[32];
    assert_true(trib_ok(crypto->hkdf_extract(vector_bytes(reader, 2, rooms[0]),
                                             vector_bytes(reader, 1, rooms[1]), key)));
    assert_memory_equal(key, wanted, 32);
    trib_bytes output = vector_bytes(reader, 5, rooms[3]);
    uint8_t got[VECTOR_MAX_BYTES];
    assert_true(
        trib_ok(crypto->hkdf_expand(key, vector_bytes(reader, 3, rooms[2]), got, output.size)));
    assert_memory_equal(got, output.data, output.size);
}

static void check_gcm(const trib_crypto *crypto, const vector_reader *reader) {
    uint8_t key[16];
    uint8_t nonce[12];
    vector_exactly(reader, 1, key, sizeof key);
    vector_exactly(reader, 2, nonce, sizeof nonce);
    uint8_t rooms[3][VECTOR_MAX_BYTES];
    trib_bytes associated = vector_bytes(reader, 3, rooms[0]);
    trib_bytes text = vector_bytes(reader, 4, rooms[1]);
    trib_bytes sealed = vector_bytes(reader, 5, rooms[2]);
    assert_int_equal(sealed.size, text.size + 16);
    uint8_t got[VECTOR_MAX_BYTES];
    assert_true(trib_ok(crypto->aead_seal(key, nonce, associated, text, got)));
    assert_memory_equal(got, sealed.data, sealed.size);
    memset(got, 0xee, sizeof got);
    assert_true(trib_ok(crypto->aead_open(key, nonce, associated, sealed, got)));
    assert_memory_equal(got, text.data, text.size);
    assert_int_equal(got[text.size], 0xee); /* nothing written past the text */
}

static void check_ecdh(const trib_crypto *crypto, const vector_reader *reader) {
    trib_private_key own;
    trib_public_key wanted;
    trib_public_key peer;
    uint8_t shared[32];
    vector_exactly(reader, 1, own.bytes, sizeof own.bytes);
    vector_exactly(reader, 2, wanted.bytes, sizeof wanted.bytes);
    vector_exactly(reader, 3, peer.bytes, sizeof peer.bytes);
    vector_exactly(reader, 4, shared, sizeof shared);
    trib_public_key public;
    assert_true(trib_ok(crypto->public_of(&own, &public)));
    assert_memory_equal(&public, &wanted, sizeof public);
    uint8_t got[32];
    assert_true(trib_ok(crypto->agree(&own, &peer, got)));
    assert_memory_equal(got, shared, sizeof shared);
}

static void check_ecdsa(const trib_crypto *crypto, const vector_reader *reader) {
    trib_private_key own;
    trib_public_key public;
    trib_signature signature;
    vector_exactly(reader, 1, own.bytes, sizeof own.bytes);
    vector_exactly(reader, 2, public.bytes, sizeof public.bytes);
    vector_exactly(reader, 4, signature.bytes, sizeof signature.bytes);
    uint8_t room[VECTOR_MAX_BYTES];
    uint8_t hash[32];
    assert_true(trib_ok(crypto->sha256(vector_bytes(reader, 3, room), hash)));
    assert_true(trib_ok(crypto->verify(&public, hash, &signature)));
    trib_signature made;
    assert_true(trib_ok(crypto->sign(&own, hash, &made)));
    assert_true(trib_ok(crypto->verify(&public, hash, &made)));
    if (crypto == trib_crypto_mbedtls()) { /* which is deterministic, as its header says */
        assert_memory_equal(&made, &signature, sizeof made);
    }
}

static void both_backends_pass_the_published_vectors(void **state) {
    (void)state;
    static const struct {
        const char *kind;
        void (*check)(const trib_crypto *crypto, const vector_reader *reader);
        unsigned wanted;
    } kinds[] = {{"sha256", check_sha256, 3}, {"hmac", check_hmac, 5}, {"hkdf", check_hkdf, 3},
                 {"gcm", check_gcm, 4},       {"ecdh", check_ecdh, 1}, {"ecdsa", check_ecdsa, 2}};
    enum { KINDS = sizeof kinds / sizeof kinds[0] };
    unsigned seen[KINDS] = {0};
    vector_reader reader;
    vector_open(&reader, "crypto.txt");
    while (vector_next(&reader)) {
        bool known = false;
        for (size_t kind = 0; kind < KINDS; kind++) {
            if (strcmp(kinds[kind].kind, reader.words[0]) == 0) {
                kinds[kind].check(backend(0), &reader);
                kinds[kind].check(backend(1), &reader);
                seen[kind]++;
                known = true;
            }
        }
        assert_true(known);
    }
    for (size_t kind = 0; kind < KINDS; kind++) {
        assert_int_equal(seen[kind], kinds[kind].wanted);
    }
}

static void a_million_letters_hash_as_published(void **state) {
    (void)state;
    uint8_t wanted[32]; /* FIPS 180-2, appendix B.3 */
    assert_true(
        trib_ok(trib_unhex("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
                           wanted, sizeof wanted)));
    uint8_t block[1000];
    memset(block, 'a', sizeof block);
    for (size_t i = 0; i < BACKENDS; i++) {
        trib_hash running = {0};
        uint8_t hash[32];
        assert_true(trib_ok(backend(i)->hash_init(&running)));
        for (int j = 0; j < 1000; j++) {
            assert_true(trib_ok(backend(i)->hash_update(&running, trib_bytes_of(block, 1000))));
        }
        assert_true(trib_ok(backend(i)->hash_finish(&running, hash)));
        backend(i)->hash_deinit(&running);
        backend(i)->hash_deinit(&running); /* of a wiped state: nothing happens */
        assert_memory_equal(hash, wanted, sizeof hash);
    }
}

static void what_one_backend_seals_the_other_opens_in_place_too(void **state) {
    (void)state;
    uint8_t key[16] = {1, 2, 3};
    uint8_t nonce[12] = {9};
    trib_bytes associated = trib_bytes_text("round 7");
    for (size_t i = 0; i < BACKENDS; i++) {
        for (size_t size = 0; size < 300; size += 37) {
            uint8_t text[300] = {0};
            for (size_t j = 0; j < size; j++) {
                text[j] = (uint8_t)(j * 7);
            }
            uint8_t buffer[316];
            memcpy(buffer, text, size);
            assert_true(trib_ok(backend(i)->aead_seal(key, nonce, associated,
                                                      trib_bytes_of(buffer, size), buffer)));
            assert_true(trib_ok(backend(1 - i)->aead_open(
                key, nonce, associated, trib_bytes_of(buffer, size + 16), buffer)));
            assert_memory_equal(buffer, text, size);
        }
    }
}

static void every_flipped_byte_of_a_sealed_message_is_refused_and_leaves_no_text(void **state) {
    (void)state;
    uint8_t key[16] = {7};
    uint8_t nonce[12] = {8};
    uint8_t associated[5] = {1, 2, 3, 4, 5};
    uint8_t text[40];
    memset(text, 0x55, sizeof text);
    static const uint8_t zero[40] = {0};
    for (size_t b = 0; b < BACKENDS; b++) {
        const trib_crypto *crypto = backend(b);
        uint8_t sealed[56];
        uint8_t got[40];
        trib_bytes view = trib_bytes_of(sealed, sizeof sealed);
        trib_bytes with = trib_bytes_of(associated, sizeof associated);
        assert_true(trib_ok(crypto->aead_seal(key, nonce, with, trib_bytes_of(text, 40), sealed)));
        for (size_t i = 0; i < 16 + 12 + 5 + 56; i++) {
            uint8_t *byte = i < 16   ? &key[i]
                            : i < 28 ? &nonce[i - 16]
                            : i < 33 ? &associated[i - 28]
                                     : &sealed[i - 33];
            *byte ^= 0x20;
            memset(got, 0x55, sizeof got);
            assert_int_equal(crypto->aead_open(key, nonce, with, view, got).code, TRIB_E_DENIED);
            assert_memory_equal(got, zero, sizeof got);
            *byte ^= 0x20;
        }
        for (size_t size = 0; size < sizeof sealed; size++) {
            assert_int_equal(
                crypto->aead_open(key, nonce, with, trib_bytes_of(sealed, size), got).code,
                TRIB_E_DENIED);
        }
        assert_true(trib_ok(crypto->aead_open(key, nonce, with, view, got)));
        assert_memory_equal(got, text, sizeof text);
    }
}

static void messages_over_the_ceiling_are_refused_before_they_are_touched(void **state) {
    (void)state;
    uint8_t key[16] = {0};
    uint8_t nonce[12] = {0};
    uint8_t byte[17] = {0};
    trib_bytes huge = {byte, (size_t)TRIB_AEAD_MAX_BYTES + 1};
    trib_bytes sealed_huge = {byte, (size_t)TRIB_AEAD_MAX_BYTES + 17};
    trib_bytes none = {byte, 0};
    for (size_t i = 0; i < BACKENDS; i++) {
        const trib_crypto *crypto = backend(i);
        assert_int_equal(crypto->aead_seal(key, nonce, none, huge, byte).code, TRIB_E_LIMIT);
        assert_int_equal(crypto->aead_seal(key, nonce, huge, none, byte).code, TRIB_E_LIMIT);
        assert_int_equal(crypto->aead_open(key, nonce, none, sealed_huge, byte).code, TRIB_E_LIMIT);
        uint8_t prk[32] = {0};
        static uint8_t out[TRIB_EXPAND_MAX_BYTES + 1];
        static uint8_t info[TRIB_EXPAND_INFO_BYTES + 1];
        trib_bytes most = {info, TRIB_EXPAND_INFO_BYTES};
        assert_true(trib_ok(crypto->hkdf_expand(prk, most, out, TRIB_EXPAND_MAX_BYTES)));
        assert_int_equal(crypto->hkdf_expand(prk, none, out, TRIB_EXPAND_MAX_BYTES + 1).code,
                         TRIB_E_LIMIT);
        assert_int_equal(crypto->hkdf_expand(prk, none, out, 0).code, TRIB_E_LIMIT);
        most.size++;
        assert_int_equal(crypto->hkdf_expand(prk, most, out, 32).code, TRIB_E_LIMIT);
        assert_int_equal(crypto->hkdf_extract(none, none, prk).code, TRIB_E_ARGUMENT);
    }
}

static void empty_views_without_an_address_are_empty_values(void **state) {
    (void)state;
    trib_bytes nothing = {NULL, 0};
    uint8_t key[32] = {3};
    uint8_t byte = 1;
    trib_bytes one = {&byte, 1};
    uint8_t results[BACKENDS][5][32] = {{{0}}};
    for (size_t b = 0; b < BACKENDS; b++) {
        const trib_crypto *crypto = backend(b);
        assert_true(trib_ok(crypto->sha256(nothing, results[b][0])));
        assert_true(trib_ok(crypto->hmac(nothing, nothing, results[b][1])));
        assert_true(trib_ok(crypto->hkdf_extract(nothing, one, results[b][2])));
        assert_true(trib_ok(crypto->hkdf_expand(key, nothing, results[b][3], 32)));
        assert_true(trib_ok(crypto->aead_seal(key, key, nothing, nothing, results[b][4])));
        assert_true(
            trib_ok(crypto->aead_open(key, key, nothing, trib_bytes_of(results[b][4], 16), &byte)));
        trib_hash running = {0};
        uint8_t hash[32];
        assert_true(trib_ok(crypto->hash_init(&running)));
        assert_true(trib_ok(crypto->hash_update(&running, nothing)));
        assert_true(trib_ok(crypto->hash_finish(&running, hash)));
        crypto->hash_deinit(&running);
        assert_memory_equal(hash, results[b][0], sizeof hash);
    }
    assert_memory_equal(results[0], results[1], sizeof results[0]);
}

static void backends_agree_with_each_other_on_fresh_keys(void **state) {
    (void)state;
    for (int round = 0; round < 4; round++) {
        trib_key_pair pairs[BACKENDS];
        uint8_t shared[BACKENDS][32];
        uint8_t hash[32] = {(uint8_t)round, 1};
        for (size_t i = 0; i < BACKENDS; i++) {
            assert_true(trib_ok(backend(i)->generate(&pairs[i])));
            trib_public_key again;
            assert_true(trib_ok(backend(1 - i)->public_of(&pairs[i].secret, &again)));
            assert_memory_equal(&again, &pairs[i].public, sizeof again);
            assert_true(trib_ok(backend(1 - i)->check_public(&pairs[i].public)));
        }
        assert_memory_not_equal(&pairs[0].secret, &pairs[1].secret, sizeof pairs[0].secret);
        for (size_t i = 0; i < BACKENDS; i++) {
            assert_true(
                trib_ok(backend(i)->agree(&pairs[i].secret, &pairs[1 - i].public, shared[i])));
            trib_signature signature;
            assert_true(trib_ok(backend(i)->sign(&pairs[i].secret, hash, &signature)));
            assert_true(trib_ok(backend(1 - i)->verify(&pairs[i].public, hash, &signature)));
            assert_int_equal(backend(1 - i)->verify(&pairs[1 - i].public, hash, &signature).code,
                             TRIB_E_DENIED);
        }
        assert_memory_equal(shared[0], shared[1], 32);
    }
}

static void every_flipped_byte_of_a_signature_or_hash_is_refused(void **state) {
    (void)state;
    trib_key_pair pair;
    uint8_t hash[32] = {42};
    trib_signature signature;
    assert_true(trib_ok(trib_crypto_host()->generate(&pair)));
    assert_true(trib_ok(trib_crypto_host()->sign(&pair.secret, hash, &signature)));
    static const trib_signature zero = {{0}};
    trib_signature ones;
    memset(&ones, 0xff, sizeof ones);
    for (size_t b = 0; b < BACKENDS; b++) {
        for (size_t i = 0; i < 64 + 32; i++) {
            uint8_t *byte = i < 64 ? &signature.bytes[i] : &hash[i - 64];
            *byte ^= 1;
            assert_int_equal(backend(b)->verify(&pair.public, hash, &signature).code,
                             TRIB_E_DENIED);
            *byte ^= 1;
        }
        assert_true(trib_ok(backend(b)->verify(&pair.public, hash, &signature)));
        assert_int_equal(backend(b)->verify(&pair.public, hash, &zero).code, TRIB_E_DENIED);
        assert_int_equal(backend(b)->verify(&pair.public, hash, &ones).code, TRIB_E_DENIED);
    }
}

static void refuse_point(const trib_public_key *bad) {
    trib_key_pair pair;
    assert_true(trib_ok(trib_crypto_host()->generate(&pair)));
    uint8_t hash[32] = {0};
    trib_signature signature;
    assert_true(trib_ok(trib_crypto_host()->sign(&pair.secret, hash, &signature)));
    for (size_t b = 0; b < BACKENDS; b++) {
        uint8_t shared[32];
        memset(shared, 0xab, sizeof shared);
        uint8_t before[32];
        memcpy(before, shared, sizeof before);
        assert_int_equal(backend(b)->check_public(bad).code, TRIB_E_CORRUPT);
        assert_int_equal(backend(b)->agree(&pair.secret, bad, shared).code, TRIB_E_CORRUPT);
        assert_memory_equal(shared, before, sizeof shared);
        assert_int_equal(backend(b)->verify(bad, hash, &signature).code, TRIB_E_CORRUPT);
    }
}

static void points_off_the_curve_are_refused(void **state) {
    (void)state;
    trib_key_pair pair;
    assert_true(trib_ok(trib_crypto_host()->generate(&pair)));
    trib_public_key bad = pair.public;
    bad.bytes[64] ^= 1;
    refuse_point(&bad);
    bad = pair.public;
    bad.bytes[1] ^= 1;
    refuse_point(&bad);
    memset(&bad, 0, sizeof bad); /* infinity, in a way */
    refuse_point(&bad);
    bad.bytes[0] = 4; /* (0, 0) */
    refuse_point(&bad);
    static const uint8_t forms[] = {0x00, 0x02, 0x03, 0x05, 0x06, 0x07, 0xff};
    for (size_t i = 0; i < sizeof forms; i++) { /* compressed and hybrid forms are not ours */
        bad = pair.public;
        bad.bytes[0] = forms[i];
        refuse_point(&bad);
    }
    memset(&bad, 0xff, sizeof bad); /* coordinates beyond the field */
    bad.bytes[0] = 4;
    refuse_point(&bad);
}

static void scalars_out_of_range_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", /* n itself */
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    trib_key_pair pair;
    assert_true(trib_ok(trib_crypto_host()->generate(&pair)));
    for (size_t b = 0; b < BACKENDS; b++) {
        trib_private_key key;
        trib_public_key public;
        uint8_t shared[32] = {0};
        trib_signature signature;
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            assert_true(trib_ok(trib_unhex(bad[i], key.bytes, sizeof key.bytes)));
            assert_int_equal(backend(b)->public_of(&key, &public).code, TRIB_E_CORRUPT);
            assert_int_equal(backend(b)->agree(&key, &pair.public, shared).code, TRIB_E_CORRUPT);
            assert_int_equal(backend(b)->sign(&key, shared, &signature).code, TRIB_E_CORRUPT);
        }
        assert_true(trib_ok(trib_unhex(bad[1], key.bytes, sizeof key.bytes)));
        key.bytes[31] -= 1; /* n-1 is the last good one */
        assert_true(trib_ok(backend(b)->public_of(&key, &public)));
        assert_true(trib_ok(backend(b)->sign(&key, shared, &signature)));
        assert_true(trib_ok(backend(b)->verify(&public, shared, &signature)));
    }
}

static void random_bytes_differ_and_secrets_are_wiped(void **state) {
    (void)state;
    static const uint8_t zero[64] = {0};
    for (size_t b = 0; b < BACKENDS; b++) {
        uint8_t first[64] = {0};
        uint8_t second[64] = {0};
        assert_true(trib_ok(backend(b)->random(first, sizeof first)));
        assert_true(trib_ok(backend(b)->random(second, sizeof second)));
        assert_memory_not_equal(first, second, sizeof first);
        assert_true(trib_secret_equal(first, first, sizeof first));
        assert_false(trib_secret_equal(first, second, sizeof first));
        assert_true(trib_secret_equal(NULL, NULL, 0));
        trib_wipe(first, sizeof first);
        assert_memory_equal(first, zero, sizeof first);
        assert_true(trib_ok(backend(b)->random(first, 0)));
    }
    trib_wipe(NULL, 0);
    trib_key_pair pair;
    memset(&pair, 0x77, sizeof pair);
    trib_key_pair_wipe(&pair);
    assert_memory_equal(pair.secret.bytes, zero, sizeof pair.secret.bytes);
    assert_string_equal(trib_crypto_host()->name, "openssl");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_backends_pass_the_published_vectors),
        cmocka_unit_test(a_million_letters_hash_as_published),
        cmocka_unit_test(what_one_backend_seals_the_other_opens_in_place_too),
        cmocka_unit_test(every_flipped_byte_of_a_sealed_message_is_refused_and_leaves_no_text),
        cmocka_unit_test(messages_over_the_ceiling_are_refused_before_they_are_touched),
        cmocka_unit_test(empty_views_without_an_address_are_empty_values),
        cmocka_unit_test(backends_agree_with_each_other_on_fresh_keys),
        cmocka_unit_test(every_flipped_byte_of_a_signature_or_hash_is_refused),
        cmocka_unit_test(points_off_the_curve_are_refused),
        cmocka_unit_test(scalars_out_of_range_are_refused),
        cmocka_unit_test(random_bytes_differ_and_secrets_are_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
