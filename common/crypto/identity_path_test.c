#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/base/heap.h"
#include "common/crypto/identity.h"
#include "common/crypto/openssl_x509.h"

enum { MAX_LINKS = 6, DAY_S = 86400 };
static const int64_t now_s = 1800000000;

/* A path of certificates, the root first, each signing the next; the last is a gateway's. */
typedef struct path {
    X509 *links[MAX_LINKS];
    EVP_PKEY *keys[MAX_LINKS];
    size_t count;
} path;

static void extend(X509 *certificate, int kind, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void add_link(path *made, const char *name, bool authority, const char *curve) {
    X509 *certificate = X509_new();
    EVP_PKEY *key = EVP_EC_gen(curve);
    assert_true(certificate != NULL && key != NULL && made->count < MAX_LINKS);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), (long)made->count + 1);
    ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(now_s - DAY_S));
    ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(now_s + DAY_S));
    X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName,
                               V_ASN1_UTF8STRING, (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(certificate, key);
    extend(certificate, NID_basic_constraints,
           authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    extend(certificate, NID_key_usage,
           authority ? "critical,keyCertSign" : "critical,digitalSignature");
    if (!authority) {
        extend(certificate, NID_ext_key_usage, "clientAuth");
    }
    bool root = made->count == 0;
    X509 *above = root ? certificate : made->links[made->count - 1];
    X509_set_issuer_name(certificate, X509_get_subject_name(above));
    assert_true(X509_sign(certificate, root ? key : made->keys[made->count - 1], EVP_sha256()) > 0);
    made->links[made->count] = certificate;
    made->keys[made->count] = key;
    made->count++;
}

static void drop_path(path *made) {
    for (size_t i = 0; i < made->count; i++) {
        X509_free(made->links[i]);
        EVP_PKEY_free(made->keys[i]);
    }
}

static void append(const X509 *certificate, trib_buffer *ret_pem) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    long size = BIO_get_mem_data(bio, &text);
    assert_true(trib_ok(trib_buffer_append(ret_pem, trib_bytes_of(text, (size_t)size))));
    BIO_free_all(bio);
}

/* The gateway sends its own certificate and `sent` of those above it, nearest first. */
static trib_code verdict(const path *made, size_t sent) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer chain = {.ceiling = 16384};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer root = {.ceiling = 16384};
    for (size_t i = 0; i <= sent; i++) {
        append(made->links[made->count - 1 - i], &chain);
    }
    append(made->links[0], &root);
    trib_identity identity;
    return trib_identity_verify(trib_buffer_view(&chain), trib_buffer_view(&root), now_s, &identity)
        .code;
}

static void make_path(path *ret_path, size_t intermediates, const char *middle_curve) {
    *ret_path = (path){.count = 0};
    add_link(ret_path, "root", true, "P-256");
    for (size_t i = 0; i < intermediates; i++) {
        char name[48];
        snprintf(name, sizeof name, "intermediate %zu", i);
        add_link(ret_path, name, true, middle_curve);
    }
    add_link(ret_path, "press-17", false, "P-256");
}

static void paths_of_up_to_four_certificates_are_believed(void **state) {
    (void)state;
    for (size_t intermediates = 0; intermediates <= 4; intermediates++) {
        TRIB_SCOPED(drop_path) path made;
        make_path(&made, intermediates, "P-256");
        size_t sent = intermediates < 3 ? intermediates : 3;
        assert_int_equal(verdict(&made, sent), intermediates <= 2 ? TRIB_OK : TRIB_E_DENIED);
    }
}

static void a_missing_intermediate_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(drop_path) path made;
    make_path(&made, 2, "P-256");
    assert_int_equal(verdict(&made, 1), TRIB_E_DENIED);
    assert_int_equal(verdict(&made, 2), TRIB_OK);
}

static void an_intermediate_of_another_curve_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(drop_path) path made;
    make_path(&made, 1, "P-384");
    assert_int_equal(verdict(&made, 1), TRIB_E_DENIED);
}

static void a_gateway_cannot_sign_for_another(void **state) {
    (void)state;
    TRIB_SCOPED(drop_path) path made = {.count = 0};
    add_link(&made, "root", true, "P-256");
    add_link(&made, "press-17", false, "P-256");
    add_link(&made, "press-18", false, "P-256");
    assert_int_equal(verdict(&made, 1), TRIB_E_DENIED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_of_up_to_four_certificates_are_believed),
        cmocka_unit_test(a_missing_intermediate_is_refused),
        cmocka_unit_test(an_intermediate_of_another_curve_is_refused),
        cmocka_unit_test(a_gateway_cannot_sign_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
