#include "common/crypto/authority.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "common/crypto/openssl_x509.h"

TRIB_OPENSSL_SCOPED(scoped_request, X509_REQ, X509_REQ_free)
TRIB_OPENSSL_SCOPED(scoped_list, X509_CRL, X509_CRL_free)
TRIB_OPENSSL_SCOPED(scoped_revoked, X509_REVOKED, X509_REVOKED_free)
TRIB_OPENSSL_SCOPED(scoped_extension, X509_EXTENSION, X509_EXTENSION_free)
TRIB_OPENSSL_SCOPED(scoped_names, GENERAL_NAMES, GENERAL_NAMES_free)
TRIB_OPENSSL_SCOPED(scoped_name, GENERAL_NAME, GENERAL_NAME_free)
TRIB_OPENSSL_SCOPED(scoped_integer, ASN1_INTEGER, ASN1_INTEGER_free)
TRIB_OPENSSL_SCOPED(scoped_time, ASN1_TIME, ASN1_TIME_free)

enum { EARLY_S = 3600, MAX_DAYS = 36500, SERIAL_BYTES = 16, MAX_COMMON_NAME_BYTES = 64 };

/* An authority with its PEM and key read. */
typedef struct issuer {
    X509 *certificate;
    EVP_PKEY *key;
} issuer;

static void issuer_deinit(issuer *open) {
    X509_free(open->certificate);
    EVP_PKEY_free(open->key);
}

static trib_status issuer_init(const trib_authority *authority, issuer *ret_issuer) {
    TRIB_SCOPED(trib_scoped_certificates) STACK_OF(X509) *certificates = NULL;
    TRIB_TRY(trib_context(
        trib_read_certificates(authority->certificate_pem, TRIB_MAX_CHAIN_BYTES, 1, &certificates),
        "the authority"));
    TRIB_SCOPED(trib_scoped_pkey) EVP_PKEY *key = NULL;
    TRIB_TRY(trib_openssl_private(&authority->key->secret, &authority->key->public, &key));
    X509 *certificate = sk_X509_value(certificates, 0);
    if (X509_check_ca(certificate) == 0 || X509_check_private_key(certificate, key) != 1) {
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_DENIED, "the authority's certificate is no authority's, or its key "
                                        "is another");
    }
    *ret_issuer = (issuer){sk_X509_pop(certificates), key};
    key = NULL;
    return TRIB_SUCCESS;
}

typedef int (*pem_writer)(BIO *bio, const void *object);

static int write_certificate(BIO *bio, const void *object) {
    return PEM_write_bio_X509(bio, object);
}

static int write_request(BIO *bio, const void *object) {
    return PEM_write_bio_X509_REQ(bio, object);
}

static int write_list(BIO *bio, const void *object) {
    return PEM_write_bio_X509_CRL(bio, object);
}

static trib_status append_pem(pem_writer write, const void *object, trib_buffer *ret_pem) {
    TRIB_SCOPED(trib_scoped_bio) BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (bio == NULL || write(bio, object) != 1) {
        return trib_openssl_failed("write PEM");
    }
    long size = BIO_get_mem_data(bio, &text);
    return trib_buffer_append(ret_pem, trib_bytes_of(text, (size_t)size));
}

static trib_status set_name(X509_NAME *name, const char *common_name) {
    size_t size = strlen(common_name);
    if (size == 0 || size > MAX_COMMON_NAME_BYTES) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "a common name has %zu bytes: give it 1 to %d", size,
                         MAX_COMMON_NAME_BYTES);
    }
    if (X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)common_name, (int)size, -1, 0) != 1) {
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_ARGUMENT, "\"%s\" cannot be a common name", common_name);
    }
    return TRIB_SUCCESS;
}

static trib_status set_serial(X509 *certificate) {
    uint8_t bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        return trib_openssl_failed("draw a serial number");
    }
    bytes[0] = (uint8_t)((bytes[0] & 0x3fu) | 0x40u); /* positive, and always 16 bytes */
    TRIB_SCOPED(trib_scoped_number) BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    if (number == NULL || BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) == NULL) {
        return trib_openssl_failed("set a serial number");
    }
    return TRIB_SUCCESS;
}

static trib_status set_validity(X509 *certificate, int64_t now_s, uint32_t days) {
    if (days == 0 || days > MAX_DAYS) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "a certificate cannot hold for %u days: give it 1 to %d",
                         (unsigned)days, MAX_DAYS);
    }
    time_t now = (time_t)now_s;
    if (X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -EARLY_S, &now) == NULL ||
        X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, &now) == NULL) {
        return trib_openssl_failed("set a validity");
    }
    return TRIB_SUCCESS;
}

static trib_status add_extension(X509 *certificate, X509 *issued_by, int kind, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issued_by, certificate, NULL, NULL, 0);
    TRIB_SCOPED(scoped_extension)
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1) {
        return trib_openssl_failed("add an extension");
    }
    return TRIB_SUCCESS;
}

typedef struct certificate_terms {
    const char *common_name;
    EVP_PKEY *key;
    int64_t now_s;
    uint32_t days;
    const char *basic_constraints;
    const char *key_usage;
    const char *extended_key_usage; /* NULL: none */
} certificate_terms;

/* All but the signature. `issued_by` NULL: itself. */
static trib_status build(const certificate_terms *terms, X509 *issued_by, X509 **ret_certificate) {
    TRIB_SCOPED(trib_scoped_x509) X509 *certificate = X509_new();
    if (certificate == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        X509_set_pubkey(certificate, terms->key) != 1) {
        return trib_openssl_failed("build a certificate");
    }
    X509 *above = issued_by != NULL ? issued_by : certificate;
    TRIB_TRY(set_serial(certificate));
    TRIB_TRY(set_validity(certificate, terms->now_s, terms->days));
    TRIB_TRY(set_name(X509_get_subject_name(certificate), terms->common_name));
    if (X509_set_issuer_name(certificate, X509_get_subject_name(above)) != 1) {
        return trib_openssl_failed("set an issuer");
    }
    TRIB_TRY(add_extension(certificate, above, NID_basic_constraints, terms->basic_constraints));
    TRIB_TRY(add_extension(certificate, above, NID_key_usage, terms->key_usage));
    if (terms->extended_key_usage != NULL) {
        TRIB_TRY(add_extension(certificate, above, NID_ext_key_usage, terms->extended_key_usage));
    }
    TRIB_TRY(add_extension(certificate, above, NID_subject_key_identifier, "hash"));
    TRIB_TRY(add_extension(certificate, above, NID_authority_key_identifier, "keyid:always"));
    *ret_certificate = certificate;
    certificate = NULL;
    return TRIB_SUCCESS;
}

static trib_status sign_and_append(X509 *certificate, EVP_PKEY *key, trib_buffer *ret_pem) {
    if (X509_sign(certificate, key, EVP_sha256()) <= 0) {
        return trib_openssl_failed("sign a certificate");
    }
    return append_pem(write_certificate, certificate, ret_pem);
}

trib_status trib_authority_create(const char *common_name, const trib_key_pair *key, int64_t now_s,
                                  trib_buffer *ret_certificate_pem) {
    TRIB_SCOPED(trib_scoped_pkey) EVP_PKEY *own = NULL;
    TRIB_TRY(trib_openssl_private(&key->secret, &key->public, &own));
    certificate_terms terms = {
        .common_name = common_name,
        .key = own,
        .now_s = now_s,
        .days = TRIB_AUTHORITY_DAYS,
        .basic_constraints = "critical,CA:TRUE,pathlen:0",
        .key_usage = "critical,keyCertSign,cRLSign",
    };
    TRIB_SCOPED(trib_scoped_x509) X509 *certificate = NULL;
    TRIB_TRY(build(&terms, NULL, &certificate));
    return sign_and_append(certificate, own, ret_certificate_pem);
}

static bool dns_is_fine(const char *name) {
    size_t size = strlen(name);
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.*";
    return size >= 1 && size <= 253 && strspn(name, letters) == size;
}

/* `value` is taken over, also on failure. */
static trib_status push_name(GENERAL_NAMES *names, int kind, ASN1_STRING *value, const char *text) {
    TRIB_SCOPED(scoped_name) GENERAL_NAME *name = GENERAL_NAME_new();
    if (value == NULL || name == NULL) {
        ASN1_STRING_free(value);
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_ARGUMENT, "\"%s\" is not a server's name or address", text);
    }
    GENERAL_NAME_set0_value(name, kind, value);
    if (sk_GENERAL_NAME_push(names, name) <= 0) {
        return trib_openssl_failed("add a server's name");
    }
    name = NULL;
    return TRIB_SUCCESS;
}

static ASN1_STRING *dns_value(const char *name) {
    ASN1_IA5STRING *value = dns_is_fine(name) ? ASN1_IA5STRING_new() : NULL;
    if (value != NULL && ASN1_STRING_set(value, name, -1) != 1) {
        ASN1_IA5STRING_free(value);
        return NULL;
    }
    return value;
}

static trib_status add_alternatives(X509 *certificate, const trib_server_request *request) {
    TRIB_SCOPED(scoped_names) GENERAL_NAMES *names = GENERAL_NAMES_new();
    if (names == NULL) {
        return trib_openssl_failed("add a server's names");
    }
    for (size_t i = 0; i < request->dns_count; i++) {
        TRIB_TRY(push_name(names, GEN_DNS, dns_value(request->dns[i]), request->dns[i]));
    }
    for (size_t i = 0; i < request->ip_count; i++) {
        TRIB_TRY(push_name(names, GEN_IPADD, a2i_IPADDRESS(request->ip[i]), request->ip[i]));
    }
    if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) != 1) {
        return trib_openssl_failed("add a server's names");
    }
    return TRIB_SUCCESS;
}

trib_status trib_authority_issue_server(const trib_authority *authority,
                                        const trib_server_request *request,
                                        trib_buffer *ret_certificate_pem) {
    if (request->dns_count > TRIB_MAX_ALTERNATIVES || request->ip_count > TRIB_MAX_ALTERNATIVES ||
        request->dns_count + request->ip_count == 0 ||
        request->dns_count + request->ip_count > TRIB_MAX_ALTERNATIVES) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a server has %zu names and %zu addresses: give it 1 to %d",
                         request->dns_count, request->ip_count, TRIB_MAX_ALTERNATIVES);
    }
    TRIB_SCOPED(issuer_deinit) issuer above = {0};
    TRIB_TRY(issuer_init(authority, &above));
    TRIB_SCOPED(trib_scoped_pkey) EVP_PKEY *key = NULL;
    TRIB_TRY(trib_openssl_public(request->key, &key));
    certificate_terms terms = {
        .common_name = request->dns_count > 0 ? request->dns[0] : request->ip[0],
        .key = key,
        .now_s = request->now_s,
        .days = request->days > 0 ? request->days : TRIB_CERTIFICATE_DAYS,
        .basic_constraints = "critical,CA:FALSE",
        .key_usage = "critical,digitalSignature",
        .extended_key_usage = "serverAuth",
    };
    TRIB_SCOPED(trib_scoped_x509) X509 *certificate = NULL;
    TRIB_TRY(build(&terms, above.certificate, &certificate));
    TRIB_TRY(add_alternatives(certificate, request));
    return sign_and_append(certificate, above.key, ret_certificate_pem);
}

trib_status trib_request_create(const char *name, const trib_key_pair *key,
                                trib_buffer *ret_request_pem) {
    TRIB_TRY(trib_name_check(trib_bytes_text(name)));
    TRIB_SCOPED(trib_scoped_pkey) EVP_PKEY *own = NULL;
    TRIB_TRY(trib_openssl_private(&key->secret, &key->public, &own));
    TRIB_SCOPED(scoped_request) X509_REQ *request = X509_REQ_new();
    if (request == NULL || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(request, own) != 1) {
        return trib_openssl_failed("build a request");
    }
    TRIB_TRY(set_name(X509_REQ_get_subject_name(request), name));
    if (X509_REQ_sign(request, own, EVP_sha256()) <= 0) {
        return trib_openssl_failed("sign a request");
    }
    return append_pem(write_request, request, ret_request_pem);
}

static trib_status read_request(trib_bytes pem, X509_REQ **ret_request) {
    if (pem.size == 0 || pem.size > TRIB_MAX_CHAIN_BYTES) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a request has %zu bytes: it may have 1 to %d", pem.size,
                         TRIB_MAX_CHAIN_BYTES);
    }
    TRIB_SCOPED(trib_scoped_bio) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    TRIB_SCOPED(scoped_request)
    X509_REQ *request =
        bio == NULL ? NULL : PEM_read_bio_X509_REQ(bio, NULL, trib_no_passphrase, NULL);
    if (request == NULL) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a request cannot be read: %s", trib_openssl_reason());
    }
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    trib_public_key point;
    if (key == NULL) {
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_CORRUPT, "the key of a request cannot be read");
    }
    TRIB_TRY(trib_openssl_point(key, &point));
    if (X509_REQ_verify(request, key) != 1) {
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_DENIED, "a request is not signed with its own key");
    }
    *ret_request = request;
    request = NULL;
    return TRIB_SUCCESS;
}

trib_status trib_authority_issue_gateway(const trib_authority *authority, trib_bytes request_pem,
                                         const char *expected_name, int64_t now_s, uint32_t days,
                                         trib_buffer *ret_certificate_pem) {
    TRIB_SCOPED(issuer_deinit) issuer above = {0};
    TRIB_TRY(issuer_init(authority, &above));
    TRIB_SCOPED(scoped_request) X509_REQ *request = NULL;
    TRIB_TRY(read_request(request_pem, &request));
    trib_bytes name;
    TRIB_TRY(trib_common_name(X509_REQ_get_subject_name(request), &name));
    TRIB_TRY(trib_name_check(name));
    if (!trib_bytes_equal(name, trib_bytes_text(expected_name))) {
        return TRIB_FAIL(TRIB_E_DENIED, "the request is for \"%.*s\", not for \"%s\"",
                         (int)name.size, (const char *)name.data, expected_name);
    }
    certificate_terms terms = {
        .common_name = expected_name,
        .key = X509_REQ_get0_pubkey(request),
        .now_s = now_s,
        .days = days > 0 ? days : TRIB_CERTIFICATE_DAYS,
        .basic_constraints = "critical,CA:FALSE",
        .key_usage = "critical,digitalSignature",
        .extended_key_usage = "clientAuth",
    };
    TRIB_SCOPED(trib_scoped_x509) X509 *certificate = NULL;
    TRIB_TRY(build(&terms, above.certificate, &certificate));
    return sign_and_append(certificate, above.key, ret_certificate_pem);
}

static trib_status add_revoked(X509_CRL *list, const trib_revocation *revocation) {
    uint8_t bytes[20];
    size_t digits = strlen(revocation->serial);
    if (digits == 0 || digits % 2 != 0 || digits > 2 * sizeof bytes) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "\"%s\" is not a serial number", revocation->serial);
    }
    TRIB_TRY(trib_context(trib_unhex(revocation->serial, bytes, digits / 2), "serial number"));
    TRIB_SCOPED(scoped_revoked) X509_REVOKED *entry = X509_REVOKED_new();
    TRIB_SCOPED(trib_scoped_number) BIGNUM *number = BN_bin2bn(bytes, (int)(digits / 2), NULL);
    TRIB_SCOPED(scoped_integer)
    ASN1_INTEGER *serial = number == NULL ? NULL : BN_to_ASN1_INTEGER(number, NULL);
    TRIB_SCOPED(scoped_time) ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)revocation->revoked_s);
    if (entry == NULL || serial == NULL || when == NULL ||
        X509_REVOKED_set_serialNumber(entry, serial) != 1 ||
        X509_REVOKED_set_revocationDate(entry, when) != 1 ||
        X509_CRL_add0_revoked(list, entry) != 1) {
        return trib_openssl_failed("add to a revocation list");
    }
    entry = NULL;
    return TRIB_SUCCESS;
}

static trib_status head_list(X509_CRL *list, const issuer *above, const trib_revocation_list *of) {
    time_t now = (time_t)of->now_s;
    TRIB_SCOPED(scoped_time) ASN1_TIME *last = ASN1_TIME_adj(NULL, now, 0, -EARLY_S);
    TRIB_SCOPED(scoped_time) ASN1_TIME *next = ASN1_TIME_adj(NULL, now, (int)of->days, 0);
    TRIB_SCOPED(scoped_integer) ASN1_INTEGER *number = ASN1_INTEGER_new();
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, above->certificate, NULL, NULL, list, 0);
    TRIB_SCOPED(scoped_extension)
    X509_EXTENSION *identifier =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    if (last == NULL || next == NULL || number == NULL || identifier == NULL ||
        ASN1_INTEGER_set_uint64(number, of->number) != 1 || X509_CRL_set_version(list, 1) != 1 ||
        X509_CRL_set_issuer_name(list, X509_get_subject_name(above->certificate)) != 1 ||
        X509_CRL_set1_lastUpdate(list, last) != 1 || X509_CRL_set1_nextUpdate(list, next) != 1 ||
        X509_CRL_add_ext(list, identifier, -1) != 1 ||
        X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, 0) != 1) {
        return trib_openssl_failed("build a revocation list");
    }
    return TRIB_SUCCESS;
}

trib_status trib_authority_revoke(const trib_authority *authority, const trib_revocation_list *list,
                                  trib_buffer *ret_list_pem) {
    if (list->count > TRIB_MAX_REVOKED || list->days == 0 || list->days > MAX_DAYS) {
        return TRIB_FAIL(TRIB_E_LIMIT,
                         "a revocation list has %zu entries for %u days: at most %d "
                         "for 1 to %d",
                         list->count, (unsigned)list->days, TRIB_MAX_REVOKED, MAX_DAYS);
    }
    TRIB_SCOPED(issuer_deinit) issuer above = {0};
    TRIB_TRY(issuer_init(authority, &above));
    TRIB_SCOPED(scoped_list) X509_CRL *built = X509_CRL_new();
    if (built == NULL) {
        return trib_openssl_failed("build a revocation list");
    }
    TRIB_TRY(head_list(built, &above, list));
    for (size_t i = 0; i < list->count; i++) {
        TRIB_TRY(add_revoked(built, &list->revoked[i]));
    }
    if (X509_CRL_sort(built) != 1 || X509_CRL_sign(built, above.key, EVP_sha256()) <= 0) {
        return trib_openssl_failed("sign a revocation list");
    }
    return append_pem(write_list, built, ret_list_pem);
}
