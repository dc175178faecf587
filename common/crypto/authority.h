/* A certificate authority for development and for small sites. Hosts only.
 *
 * What it makes passes `openssl verify` and serves mosquitto as cafile, certfile and crlfile. All
 * keys are P-256, all signatures ECDSA with SHA-256, serial numbers 16 random bytes. Validity
 * starts an hour early, for clocks that lag. Key pairs come from trib_crypto's generate.
 *
 * errors   TRIB_E_ARGUMENT, TRIB_E_DENIED (a name, a request that is not signed by its own key),
 *          TRIB_E_CORRUPT (a PEM), TRIB_E_LIMIT, TRIB_E_INTERNAL
 *          a ret_ buffer gets text appended, and is untouched on failure
 * threads  pure
 */
#ifndef TRIB_CRYPTO_AUTHORITY_H
#define TRIB_CRYPTO_AUTHORITY_H

#include "common/base/heap.h"
#include "common/crypto/crypto.h"
#include "common/crypto/identity.h"

enum {
    TRIB_AUTHORITY_DAYS = 3650,
    TRIB_CERTIFICATE_DAYS = 365,
    TRIB_MAX_ALTERNATIVES = 16, /* names and addresses of a server */
    TRIB_MAX_REVOKED = 100000
};

typedef struct trib_authority {
    trib_bytes certificate_pem; /* a view */
    const trib_key_pair *key;
} trib_authority;

/* Its self-signed certificate, for ten years. */
TRIB_MUST_CHECK
trib_status trib_authority_create(const char *common_name, const trib_key_pair *key, int64_t now_s,
                                  trib_buffer *ret_certificate_pem);

typedef struct trib_server_request {
    const char *const *dns; /* names; the first name, else address, is the common name */
    size_t dns_count;
    const char *const *ip; /* addresses, as text */
    size_t ip_count;
    const trib_public_key *key;
    int64_t now_s;
    uint32_t days; /* 0: TRIB_CERTIFICATE_DAYS */
} trib_server_request;
TRIB_MUST_CHECK
trib_status trib_authority_issue_server(const trib_authority *authority,
                                        const trib_server_request *request,
                                        trib_buffer *ret_certificate_pem);

/* On the gateway: a request (PKCS #10) that carries its name and proves its key. */
TRIB_MUST_CHECK
trib_status trib_request_create(const char *name, const trib_key_pair *key,
                                trib_buffer *ret_request_pem);

/* A client certificate for the request's own name, which must be `expected_name`: whoever issues
 * says whom for, a request does not get to choose. `days` 0: TRIB_CERTIFICATE_DAYS. */
TRIB_MUST_CHECK
trib_status trib_authority_issue_gateway(const trib_authority *authority, trib_bytes request_pem,
                                         const char *expected_name, int64_t now_s, uint32_t days,
                                         trib_buffer *ret_certificate_pem);

typedef struct trib_revocation {
    char serial[TRIB_SERIAL_TEXT]; /* as in trib_identity */
    int64_t revoked_s;
} trib_revocation;
typedef struct trib_revocation_list {
    const trib_revocation *revoked;
    size_t count;
    uint64_t number; /* rises with every list (RFC 5280, 5.2.3) */
    int64_t now_s;
    uint32_t days; /* after which mosquitto refuses everybody until it has a newer list */
} trib_revocation_list;
TRIB_MUST_CHECK
trib_status trib_authority_revoke(const trib_authority *authority, const trib_revocation_list *list,
                                  trib_buffer *ret_list_pem);

#endif
