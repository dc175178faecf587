#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/crypto/authority.h"
#include "common/crypto/certificate.h"
#include "common/crypto/openssl_x509.h"
#include "common/crypto/signature.h"

enum { DAY_S = 86400 };
static const int64_t now_s = 1800000000;

typedef struct site {
    trib_key_pair authority_key;
    trib_key_pair gateway_key;
    trib_buffer authority_pem;
    trib_buffer gateway_pem;
} site;

static const trib_crypto *host(void) {
    return trib_crypto_host();
}

static trib_authority authority_of(const site *made) {
    return (trib_authority){trib_buffer_view(&made->authority_pem), &made->authority_key};
}

static void issue(const trib_authority *authority, const char *name, const trib_key_pair *key,
                  trib_buffer *ret_pem) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = 8192};
    assert_true(trib_ok(trib_request_create(name, key, &request)));
    assert_true(trib_ok(trib_authority_issue_gateway(authority, trib_buffer_view(&request), name,
                                                     now_s, 0, ret_pem)));
}

static int make_site(void **state) {
    site *made = trib_allocate(1, sizeof *made);
    assert_non_null(made);
    made->authority_pem.ceiling = made->gateway_pem.ceiling = 8192;
    assert_true(trib_ok(host()->generate(&made->authority_key)));
    assert_true(trib_ok(host()->generate(&made->gateway_key)));
    assert_true(trib_ok(trib_authority_create("Test authority", &made->authority_key, now_s,
                                              &made->authority_pem)));
    trib_authority authority = authority_of(made);
    issue(&authority, "press-17", &made->gateway_key, &made->gateway_pem);
    *state = made;
    return 0;
}

static int drop_site(void **state) {
    site *made = *state;
    trib_buffer_deinit(&made->authority_pem);
    trib_buffer_deinit(&made->gateway_pem);
    trib_key_pair_wipe(&made->authority_key);
    trib_free(made);
    return 0;
}

static trib_code verdict(const site *made, trib_bytes chain, int64_t when_s) {
    trib_identity untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    trib_identity identity = untouched;
    trib_status status =
        trib_identity_verify(chain, trib_buffer_view(&made->authority_pem), when_s, &identity);
    if (!trib_ok(status)) {
        assert_memory_equal(&identity, &untouched, sizeof identity);
    }
    return status.code;
}

static void an_issued_certificate_is_believed_and_says_who_it_is(void **state) {
    site *made = *state;
    trib_identity identity;
    assert_true(
        trib_ok(trib_identity_verify(trib_buffer_view(&made->gateway_pem),
                                     trib_buffer_view(&made->authority_pem), now_s, &identity)));
    assert_string_equal(identity.name, "press-17");
    assert_memory_equal(&identity.key, &made->gateway_key.public, sizeof identity.key);
    assert_int_equal(strlen(identity.serial), 32);
    assert_true(identity.not_before_s == now_s - 3600);
    assert_true(identity.not_after_s == now_s + INT64_C(365) * DAY_S);
    trib_identity read;
    assert_true(trib_ok(trib_identity_read(trib_buffer_view(&made->gateway_pem), &read)));
    assert_memory_equal(&read, &identity, sizeof read);
    int64_t ends_s = 0;
    assert_true(trib_ok(trib_certificate_ends(trib_buffer_view(&made->gateway_pem), &ends_s)));
    assert_true(ends_s == identity.not_after_s);
    assert_false(trib_ok(trib_certificate_ends(trib_bytes_text("none"), &ends_s)));
}

static void validity_follows_the_time_given_to_the_second(void **state) {
    site *made = *state;
    trib_bytes chain = trib_buffer_view(&made->gateway_pem);
    trib_identity identity;
    assert_true(trib_ok(trib_identity_read(chain, &identity)));
    assert_int_equal(verdict(made, chain, identity.not_before_s), TRIB_OK);
    assert_int_equal(verdict(made, chain, identity.not_before_s - 1), TRIB_E_DENIED);
    assert_int_equal(verdict(made, chain, identity.not_after_s - 1), TRIB_OK);
    assert_int_equal(verdict(made, chain, identity.not_after_s), TRIB_E_DENIED);
    assert_int_equal(verdict(made, chain, 0), TRIB_E_DENIED); /* a clock of 1970 */
}

static void another_authority_of_the_same_name_is_not_believed(void **state) {
    site *made = *state;
    void *other_state = NULL;
    make_site(&other_state);
    site *other = other_state;
    assert_int_equal(verdict(made, trib_buffer_view(&other->gateway_pem), now_s), TRIB_E_DENIED);
    /* nor when it comes along in the chain */
    assert_true(
        trib_ok(trib_buffer_append(&other->gateway_pem, trib_buffer_view(&other->authority_pem))));
    assert_int_equal(verdict(made, trib_buffer_view(&other->gateway_pem), now_s), TRIB_E_DENIED);
    drop_site(&other_state);
}

static void several_authorities_may_be_trusted(void **state) {
    site *made = *state;
    void *other_state = NULL;
    make_site(&other_state);
    site *other = other_state;
    trib_identity identity;
    assert_true(
        trib_ok(trib_buffer_append(&other->authority_pem, trib_buffer_view(&made->authority_pem))));
    assert_true(
        trib_ok(trib_identity_verify(trib_buffer_view(&made->gateway_pem),
                                     trib_buffer_view(&other->authority_pem), now_s, &identity)));
    drop_site(&other_state);
}

/* What a forged certificate is like; zeroed: as good as a true one. */
typedef struct forgery {
    const char *name;
    int name_kind; /* V_ASN1_*; 0: UTF-8 */
    const char *second_name;
    const char *curve; /* NULL: P-256; "RSA" */
    const char *basic_constraints;
    const char *key_usage;
    const char *extended_key_usage; /* "" for none */
    const EVP_MD *digest;
} forgery;

static void extend(X509 *certificate, int kind, const char *value) {
    if (value[0] != 0) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
        assert_non_null(extension);
        assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
        X509_EXTENSION_free(extension);
    }
}

static void name_entry(X509_NAME *subject, const forgery *of, const char *text) {
    int kind = of->name_kind != 0 ? of->name_kind : V_ASN1_UTF8STRING;
    assert_int_equal(X509_NAME_add_entry_by_NID(subject, NID_commonName, kind,
                                                (const unsigned char *)text, -1, -1, 0),
                     1);
}

static const char *or_else(const char *value, const char *otherwise) {
    return value != NULL ? value : otherwise;
}

static void forge(const site *made, const forgery *of, trib_buffer *ret_pem) {
    X509 *certificate = X509_new();
    EVP_PKEY *key = of->curve != NULL && strcmp(of->curve, "RSA") == 0
                        ? EVP_RSA_gen(2048)
                        : EVP_EC_gen(or_else(of->curve, "P-256"));
    EVP_PKEY *above_key = NULL;
    STACK_OF(X509) *above = NULL;
    assert_non_null(key);
    assert_true(trib_ok(trib_openssl_private(&made->authority_key.secret,
                                             &made->authority_key.public, &above_key)));
    assert_true(
        trib_ok(trib_read_certificates(trib_buffer_view(&made->authority_pem), 8192, 1, &above)));
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 77);
    ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(now_s - DAY_S));
    ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(now_s + DAY_S));
    if (of->name != NULL) {
        name_entry(X509_get_subject_name(certificate), of, of->name);
    }
    if (of->second_name != NULL) {
        name_entry(X509_get_subject_name(certificate), of, of->second_name);
    }
    X509_set_issuer_name(certificate, X509_get_subject_name(sk_X509_value(above, 0)));
    X509_set_pubkey(certificate, key);
    extend(certificate, NID_basic_constraints, or_else(of->basic_constraints, "critical,CA:FALSE"));
    extend(certificate, NID_key_usage, or_else(of->key_usage, "critical,digitalSignature"));
    extend(certificate, NID_ext_key_usage, or_else(of->extended_key_usage, "clientAuth"));
    assert_true(X509_sign(certificate, above_key, of->digest != NULL ? of->digest : EVP_sha256()) >
                0);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    PEM_write_bio_X509(bio, certificate);
    long size = BIO_get_mem_data(bio, &text);
    assert_true(trib_ok(trib_buffer_append(ret_pem, trib_bytes_of(text, (size_t)size))));
    BIO_free_all(bio);
    EVP_PKEY_free(key);
    EVP_PKEY_free(above_key);
    sk_X509_pop_free(above, X509_free);
    X509_free(certificate);
}

static trib_code forged_verdict(const site *made, const forgery *of) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pem = {.ceiling = 8192};
    forge(made, of, &pem);
    return verdict(made, trib_buffer_view(&pem), now_s);
}

static void only_client_certificates_of_p256_and_sha256_are_believed(void **state) {
    site *made = *state;
    const char *name = "ok-1";
    assert_int_equal(forged_verdict(made, &(forgery){.name = name}), TRIB_OK);
    const forgery bad[] = {
        {.name = name, .extended_key_usage = "serverAuth"},
        {.name = name, .extended_key_usage = ""},
        {.name = name, .key_usage = "critical,keyAgreement"},
        {.name = name, .basic_constraints = "critical,CA:TRUE"},
        {.name = name, .curve = "P-384"},
        {.name = name, .curve = "secp256k1"},
        {.name = name, .curve = "RSA"},
        {.name = name, .digest = EVP_sha512()},
        {.name = name, .digest = EVP_sha1()},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(forged_verdict(made, &bad[i]), TRIB_E_DENIED);
    }
}

static void a_server_certificate_is_no_gateway(void **state) {
    site *made = *state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pem = {.ceiling = 8192};
    const char *const names[] = {"broker"};
    trib_server_request request = {
        .dns = names, .dns_count = 1, .key = &made->gateway_key.public, .now_s = now_s};
    trib_authority authority = authority_of(made);
    assert_true(trib_ok(trib_authority_issue_server(&authority, &request, &pem)));
    assert_int_equal(verdict(made, trib_buffer_view(&pem), now_s), TRIB_E_DENIED);
    assert_int_equal(verdict(made, trib_buffer_view(&made->authority_pem), now_s), TRIB_E_DENIED);
}

static void names_follow_the_rule_whatever_the_authority_signed(void **state) {
    site *made = *state;
    static const char longest[] = "a123456789-123456789-123456789-123456789-123456789-123456789-12";
    assert_int_equal(strlen(longest), 63);
    assert_int_equal(forged_verdict(made, &(forgery){.name = longest}), TRIB_OK);
    assert_int_equal(forged_verdict(made, &(forgery){.name = "-"}), TRIB_OK);
    const forgery bad[] = {
        {.name = NULL},
        {.name = "all"},
        {.name = "Press"},
        {.name = "press_17"},
        {.name = "press/17"},
        {.name = "press+"},
        {.name = "#"},
        {.name = "press 17"},
        {.name = "pr\xc3\xa9s"},
        {.name = "a123456789-123456789-123456789-123456789-123456789-123456789-123"},
        {.name = "press-17", .name_kind = MBSTRING_BMP},
        {.name = "press-17", .second_name = "press-18"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(forged_verdict(made, &bad[i]), TRIB_E_DENIED);
    }
}

static void every_truncation_is_refused(void **state) {
    site *made = *state;
    trib_bytes chain = trib_buffer_view(&made->gateway_pem);
    size_t whole = chain.size - 1; /* the last line needs no line feed */
    for (size_t size = 0; size < whole; size++) {
        trib_code code = verdict(made, trib_bytes_of(chain.data, size), now_s);
        assert_true(code == TRIB_E_CORRUPT);
    }
    assert_int_equal(verdict(made, trib_bytes_of(chain.data, whole), now_s), TRIB_OK);
}

static void a_flipped_bit_in_any_byte_of_the_certificate_is_refused(void **state) {
    site *made = *state;
    TRIB_SCOPED(trib_scoped_certificates) STACK_OF(X509) *certificates = NULL;
    assert_true(trib_ok(
        trib_read_certificates(trib_buffer_view(&made->gateway_pem), 8192, 1, &certificates)));
    unsigned char *der = NULL;
    int size = i2d_X509(sk_X509_value(certificates, 0), &der);
    assert_true(size > 0);
    for (int i = 0; i < size; i++) {
        der[i] ^= 0x04;
        BIO *bio = BIO_new(BIO_s_mem());
        PEM_write_bio(bio, "CERTIFICATE", "", der, size);
        char *text = NULL;
        long text_size = BIO_get_mem_data(bio, &text);
        trib_code code = verdict(made, trib_bytes_of(text, (size_t)text_size), now_s);
        assert_true(code == TRIB_E_DENIED || code == TRIB_E_CORRUPT);
        BIO_free_all(bio);
        der[i] ^= 0x04;
    }
    OPENSSL_free(der);
}

static void garbage_and_too_much_are_refused(void **state) {
    site *made = *state;
    static const char *const garbage[] = {
        "garbage", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ("-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,"
         "00112233445566778899AABBCCDDEEFF\n\nAAAA\n-----END CERTIFICATE-----\n")};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        assert_int_equal(verdict(made, trib_bytes_text(garbage[i]), now_s), TRIB_E_CORRUPT);
        trib_identity identity;
        assert_int_equal(trib_identity_verify(trib_buffer_view(&made->gateway_pem),
                                              trib_bytes_text(garbage[i]), now_s, &identity)
                             .code,
                         TRIB_E_CORRUPT);
    }
    static uint8_t big[TRIB_MAX_CHAIN_BYTES + 1];
    assert_int_equal(verdict(made, trib_bytes_of(big, sizeof big), now_s), TRIB_E_LIMIT);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer many = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    for (int i = 0; i < TRIB_MAX_CHAIN; i++) {
        assert_true(trib_ok(trib_buffer_append(&many, trib_buffer_view(&made->gateway_pem))));
    }
    assert_int_equal(verdict(made, trib_buffer_view(&many), now_s), TRIB_OK);
    assert_true(trib_ok(trib_buffer_append(&many, trib_buffer_view(&made->gateway_pem))));
    assert_int_equal(verdict(made, trib_buffer_view(&many), now_s), TRIB_E_LIMIT);
}

static void the_certificates_key_signs_for_one_purpose_only(void **state) {
    site *made = *state;
    trib_signature signature;
    trib_bytes message = trib_bytes_text("generation 3");
    assert_true(trib_ok(trib_sign(host(), &made->gateway_key.secret, "join", message, &signature)));
    trib_identity identity;
    assert_true(trib_ok(trib_identity_read(trib_buffer_view(&made->gateway_pem), &identity)));
    const trib_crypto *other = trib_crypto_mbedtls();
    assert_true(trib_ok(trib_verify(other, &identity.key, "join", message, &signature)));
    assert_int_equal(
        trib_verify(other, &identity.key, "joi", trib_bytes_text("n"), &signature).code,
        TRIB_E_DENIED);
    assert_int_equal(trib_verify(other, &identity.key, "release", message, &signature).code,
                     TRIB_E_DENIED);
    assert_int_equal(
        trib_verify(other, &identity.key, "join", trib_bytes_text("generation 4"), &signature).code,
        TRIB_E_DENIED);
    char purpose[TRIB_MAX_PURPOSE_BYTES + 2];
    memset(purpose, 'x', sizeof purpose);
    purpose[TRIB_MAX_PURPOSE_BYTES + 1] = 0;
    static const char *const bad[] = {"", "two words", "tab\t", "\x80"};
    for (size_t i = 0; i < 5; i++) {
        const char *tried = i < 4 ? bad[i] : purpose;
        assert_int_equal(
            trib_sign(host(), &made->gateway_key.secret, tried, message, &signature).code,
            TRIB_E_ARGUMENT);
    }
    purpose[TRIB_MAX_PURPOSE_BYTES] = 0;
    assert_true(
        trib_ok(trib_sign(host(), &made->gateway_key.secret, purpose, message, &signature)));
}

static void what_is_signed_is_the_documented_hash(void **state) {
    site *made = *state;
    uint8_t hash[32];
    trib_signature signature;
    assert_true(
        trib_ok(host()->sha256(trib_bytes_of("tributary/v1 join\0abc", 13 + 4 + 1 + 3), hash)));
    assert_true(trib_ok(host()->sign(&made->gateway_key.secret, hash, &signature)));
    assert_true(trib_ok(trib_verify(host(), &made->gateway_key.public, "join",
                                    trib_bytes_text("abc"), &signature)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_issued_certificate_is_believed_and_says_who_it_is),
        cmocka_unit_test(validity_follows_the_time_given_to_the_second),
        cmocka_unit_test(another_authority_of_the_same_name_is_not_believed),
        cmocka_unit_test(several_authorities_may_be_trusted),
        cmocka_unit_test(only_client_certificates_of_p256_and_sha256_are_believed),
        cmocka_unit_test(a_server_certificate_is_no_gateway),
        cmocka_unit_test(names_follow_the_rule_whatever_the_authority_signed),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_flipped_bit_in_any_byte_of_the_certificate_is_refused),
        cmocka_unit_test(garbage_and_too_much_are_refused),
        cmocka_unit_test(the_certificates_key_signs_for_one_purpose_only),
        cmocka_unit_test(what_is_signed_is_the_documented_hash),
    };
    return cmocka_run_group_tests(tests, make_site, drop_site);
}
