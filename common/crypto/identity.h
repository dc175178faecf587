/* Who a gateway is: its X.509 certificate, checked the way the broker checks it. Hosts only.
 *
 * The time is the caller's, since clocks may be wrong. OpenSSL reads and verifies, as it does in
 * the broker, so the two agree; on top of that every certificate of the path must hold a P-256 key
 * and be signed with ECDSA and SHA-256, and the gateway's must be for TLS clients and not be a CA.
 *
 * errors   TRIB_E_CORRUPT: not certificates;  TRIB_E_DENIED: not to be believed, with the reason
 *          TRIB_E_LIMIT: too long a text or too many certificates
 * owns     nothing: an identity is plain data
 * threads  pure
 */
#ifndef TRIB_CRYPTO_IDENTITY_H
#define TRIB_CRYPTO_IDENTITY_H

#include "common/crypto/crypto.h"
#include "common/crypto/name.h"

enum {
    TRIB_MAX_CHAIN_BYTES = 16384, /* of PEM text; also of a CA file */
    TRIB_MAX_CHAIN = 4,           /* certificates: the gateway's, then its issuers */
    TRIB_MAX_AUTHORITIES = 16,    /* certificates in a CA file */
    TRIB_SERIAL_TEXT = 41         /* 20 bytes in hexadecimal (RFC 5280, 4.1.2.2), and a zero */
};

typedef struct trib_identity {
    char name[TRIB_MAX_NAME_BYTES + 1]; /* the common name */
    trib_public_key key;
    uint8_t fingerprint[TRIB_HASH_BYTES]; /* SHA-256 of the certificate's DER */
    char serial[TRIB_SERIAL_TEXT];        /* lower-case hexadecimal, whole bytes */
    int64_t not_before_s;                 /* seconds since 1970: it holds from here */
    int64_t not_after_s;                  /* until just before here, as OpenSSL has it */
} trib_identity;

/* The first certificate of `chain_pem`, verified up to one of `authorities_pem` at `now_s`. */
TRIB_MUST_CHECK
trib_status trib_identity_verify(trib_bytes chain_pem, trib_bytes authorities_pem, int64_t now_s,
                                 trib_identity *ret_identity);

/* The same without a verdict: for a gateway that wants to know its own name, and from when its
 * certificate holds. Only the name's rule and the kind of key are checked. */
TRIB_MUST_CHECK
trib_status trib_identity_read(trib_bytes chain_pem, trib_identity *ret_identity);

#endif
