#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/crypto/keys.h"
#include "common/crypto/pem.h"
#include "common/crypto/select.h"
#include "common/crypto/signature.h"

static const trib_crypto *host(void) {
    return trib_crypto_host();
}

static void a_trusted_key_is_found_by_its_id_and_no_other_is_believed(void **state) {
    (void)state;
    trib_trusted list = {0};
    trib_key_pair pairs[TRIB_MAX_TRUSTED + 1];
    for (size_t i = 0; i < TRIB_MAX_TRUSTED + 1; i++) {
        assert_true(trib_ok(host()->generate(&pairs[i])));
    }
    for (size_t i = 0; i < TRIB_MAX_TRUSTED; i++) {
        assert_true(trib_ok(trib_trusted_add(host(), &list, &pairs[i].public)));
        assert_true(trib_ok(trib_trusted_add(host(), &list, &pairs[i].public)));
    }
    assert_int_equal(list.count, TRIB_MAX_TRUSTED);
    assert_int_equal(trib_trusted_add(host(), &list, &pairs[TRIB_MAX_TRUSTED].public).code,
                     TRIB_E_LIMIT);
    trib_bytes message = trib_bytes_text("round 7");
    trib_signature signature;
    assert_true(trib_ok(trib_sign(host(), &pairs[5].secret, "round", message, &signature)));
    const char *own = list.ids[5].text;
    assert_true(trib_ok(trib_trusted_verify(host(), &list, own, "round", message, &signature)));
    assert_int_equal(
        trib_trusted_verify(host(), &list, list.ids[4].text, "round", message, &signature).code,
        TRIB_E_DENIED);
    assert_int_equal(trib_trusted_verify(host(), &list, own, "release", message, &signature).code,
                     TRIB_E_DENIED);
    assert_int_equal(
        trib_trusted_verify(host(), &list, "0123456789abcdef", "round", message, &signature).code,
        TRIB_E_NOT_FOUND);
    assert_int_equal(trib_trusted_verify(host(), &list, "", "round", message, &signature).code,
                     TRIB_E_NOT_FOUND);
}

static void a_key_off_the_curve_is_not_trusted(void **state) {
    (void)state;
    trib_trusted list = {0};
    trib_public_key bad = {{4, 1, 2, 3}};
    assert_int_equal(trib_trusted_add(host(), &list, &bad).code, TRIB_E_CORRUPT);
    assert_int_equal(list.count, 0);
}

static void a_key_id_is_eight_bytes_of_the_keys_hash(void **state) {
    (void)state;
    trib_key_pair pair;
    trib_key_id id;
    uint8_t hash[32];
    char text[65];
    assert_true(trib_ok(host()->generate(&pair)));
    assert_true(trib_ok(trib_key_id_of(host(), &pair.public, &id)));
    assert_true(trib_ok(host()->sha256(trib_bytes_of(&pair.public, 65), hash)));
    trib_hex(trib_bytes_of(hash, sizeof hash), text);
    text[16] = 0;
    assert_string_equal(id.text, text);
}

static void keys_survive_pem_and_damage_does_not(void **state) {
    (void)state;
    trib_key_pair pair;
    trib_key_pair read;
    assert_true(trib_ok(host()->generate(&pair)));
    trib_key_pem pem;
    assert_true(trib_ok(trib_key_pair_to_pem(&pair, &pem)));
    assert_int_equal(strlen(pem.text), pem.size);
    assert_true(trib_ok(trib_key_pair_from_pem(trib_bytes_of(pem.text, pem.size), &read)));
    assert_memory_equal(&read, &pair, sizeof pair);
    for (size_t size = 0; size + 1 < pem.size; size++) {
        assert_int_equal(trib_key_pair_from_pem(trib_bytes_of(pem.text, size), &read).code,
                         TRIB_E_CORRUPT);
    }
    trib_key_pem public_pem;
    trib_public_key public;
    assert_true(trib_ok(trib_public_key_to_pem(&pair.public, &public_pem)));
    trib_bytes text = trib_bytes_of(public_pem.text, public_pem.size);
    assert_true(trib_ok(trib_public_key_from_pem(text, &public)));
    assert_memory_equal(&public, &pair.public, sizeof public);
    assert_int_equal(trib_key_pair_from_pem(text, &read).code, TRIB_E_CORRUPT);
    assert_int_equal(trib_public_key_from_pem(trib_bytes_of(pem.text, pem.size), &public).code,
                     TRIB_E_CORRUPT);
    static uint8_t big[TRIB_MAX_KEY_PEM_BYTES + 1];
    assert_int_equal(trib_key_pair_from_pem(trib_bytes_of(big, sizeof big), &read).code,
                     TRIB_E_LIMIT);
    trib_key_pem_wipe(&pem);
    static const trib_key_pem zero = {{0}, 0};
    assert_memory_equal(&pem, &zero, sizeof pem);
}

/* Made with `openssl ecparam -genkey`, `openssl pkcs8 -topk8` and `openssl genpkey`; test keys
 * only. */
static void keys_of_other_programs_are_read_or_refused_with_the_reason(void **state) {
    (void)state;
#include "tests/vectors/foreign_keys.inc"
    trib_key_pair pair;
    trib_key_pair again;
    assert_true(trib_ok(trib_key_pair_from_pem(trib_bytes_text(sec1), &pair)));
    assert_true(trib_ok(trib_key_pair_from_pem(trib_bytes_text(pkcs8), &again)));
    assert_memory_equal(&pair, &again, sizeof pair);
    assert_int_equal(trib_key_pair_from_pem(trib_bytes_text(encrypted), &again).code,
                     TRIB_E_DENIED);
    assert_int_equal(trib_key_pair_from_pem(trib_bytes_text(p384), &again).code, TRIB_E_DENIED);
    assert_int_equal(trib_key_pair_from_pem(trib_bytes_text(ed25519), &again).code, TRIB_E_DENIED);
    assert_memory_equal(&pair, &again, sizeof pair);
}

static void selection_is_the_documented_hash_and_both_backends_agree(void **state) {
    (void)state;
    uint8_t salt[TRIB_SELECT_SALT_BYTES];
    for (size_t i = 0; i < sizeof salt; i++) {
        salt[i] = (uint8_t)i;
    }
    uint32_t value = 0;
    uint32_t other = 0;
    uint64_t round = UINT64_C(0x0001000000000007);
    assert_true(trib_ok(trib_select(trib_crypto_mbedtls(), salt, "press-17", round, &value)));
    assert_true(trib_ok(trib_select(trib_crypto_openssl(), salt, "press-17", round, &other)));
    assert_int_equal(value, other);
    assert_int_equal(value, 716554); /* by Python's hashlib, from the layout in the header */
    assert_int_equal(trib_select(host(), salt, "all", 1, &value).code, TRIB_E_DENIED);
    assert_int_equal(trib_select(host(), salt, "", 1, &value).code, TRIB_E_DENIED);
    assert_int_equal(value, 716554);
}

static void selection_takes_the_announced_fraction(void **state) {
    (void)state;
    uint8_t salt[TRIB_SELECT_SALT_BYTES] = {1};
    enum { GATEWAYS = 20000, PPM = 250000 };
    unsigned taken = 0;
    unsigned both = 0;
    for (unsigned i = 0; i < GATEWAYS; i++) {
        char name[16];
        snprintf(name, sizeof name, "gw-%u", i);
        uint32_t first = TRIB_SELECT_RANGE;
        uint32_t second = TRIB_SELECT_RANGE;
        assert_true(trib_ok(trib_select(host(), salt, name, 1, &first)));
        assert_true(trib_ok(trib_select(host(), salt, name, 2, &second)));
        assert_true(first < TRIB_SELECT_RANGE && second < TRIB_SELECT_RANGE);
        taken += first < PPM;
        both += first < PPM && second < PPM;
    }
    /* Five standard deviations: 61 of 5000, and 34 of 1250 who are taken in both rounds. */
    assert_in_range(taken, 5000 - 306, 5000 + 306);
    assert_in_range(both, 1250 - 171, 1250 + 171);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trusted_key_is_found_by_its_id_and_no_other_is_believed),
        cmocka_unit_test(a_key_off_the_curve_is_not_trusted),
        cmocka_unit_test(a_key_id_is_eight_bytes_of_the_keys_hash),
        cmocka_unit_test(keys_survive_pem_and_damage_does_not),
        cmocka_unit_test(keys_of_other_programs_are_read_or_refused_with_the_reason),
        cmocka_unit_test(selection_is_the_documented_hash_and_both_backends_agree),
        cmocka_unit_test(selection_takes_the_announced_fraction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
