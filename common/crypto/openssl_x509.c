#include "common/crypto/openssl_x509.h"

#include <openssl/err.h>

int trib_no_passphrase(char *buffer, int size, int writing, void *asked) {
    (void)buffer;
    (void)size;
    (void)writing;
    if (asked != NULL) {
        *(bool *)asked = true;
    }
    return -1;
}

/* Whether reading stopped because the text holds no more PEM blocks, rather than a broken one. */
static bool at_end(void) {
    unsigned long error = ERR_peek_last_error();
    bool end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    if (end) {
        ERR_clear_error();
    }
    return end;
}

static trib_status read_next(BIO *bio, STACK_OF(X509) * certificates, size_t limit,
                             bool *ret_more) {
    TRIB_SCOPED(trib_scoped_x509)
    X509 *certificate = PEM_read_bio_X509(bio, NULL, trib_no_passphrase, NULL);
    int count = sk_X509_num(certificates);
    if (certificate == NULL) {
        if (count > 0 && at_end()) {
            *ret_more = false;
            return TRIB_SUCCESS;
        }
        return TRIB_FAIL(TRIB_E_CORRUPT, "certificate %d of the PEM text cannot be read: %s",
                         count + 1, trib_openssl_reason());
    }
    if ((size_t)count >= limit) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the PEM text has more than %zu certificates", limit);
    }
    if (sk_X509_push(certificates, certificate) <= 0) {
        return trib_openssl_failed("keep a certificate");
    }
    certificate = NULL; /* the stack owns it now */
    *ret_more = true;
    return TRIB_SUCCESS;
}

trib_status trib_read_certificates(trib_bytes pem, size_t size_limit, size_t limit,
                                   STACK_OF(X509) * *ret_certificates) {
    if (pem.size == 0 || pem.size > size_limit) {
        return TRIB_FAIL(pem.size == 0 ? TRIB_E_CORRUPT : TRIB_E_LIMIT,
                         "a PEM text of certificates has %zu bytes: it may have 1 to %zu", pem.size,
                         size_limit);
    }
    TRIB_SCOPED(trib_scoped_bio) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    TRIB_SCOPED(trib_scoped_certificates) STACK_OF(X509) *certificates = sk_X509_new_null();
    if (bio == NULL || certificates == NULL) {
        return trib_openssl_failed("read certificates");
    }
    bool more = true;
    while (more) {
        TRIB_TRY(read_next(bio, certificates, limit, &more));
    }
    *ret_certificates = certificates;
    certificates = NULL;
    return TRIB_SUCCESS;
}

trib_status trib_common_name(const X509_NAME *subject, trib_bytes *ret_name) {
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "a subject has %s common name: it needs exactly one",
                         at < 0 ? "no" : "more than one");
    }
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    if (value == NULL) {
        return trib_openssl_failed("read a common name");
    }
    *ret_name = trib_bytes_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    return TRIB_SUCCESS;
}

TRIB_OPENSSL_SCOPED(scoped_time, ASN1_TIME, ASN1_TIME_free)

trib_status trib_read_time(const ASN1_TIME *time, int64_t *ret_s) {
    TRIB_SCOPED(scoped_time) ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0;
    int seconds = 0;
    if (epoch == NULL || ASN1_TIME_diff(&days, &seconds, epoch, time) != 1) {
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_CORRUPT, "a certificate's time cannot be read");
    }
    *ret_s = (int64_t)days * 86400 + seconds;
    return TRIB_SUCCESS;
}
