/* Hybrid public key encryption with one suite:
 * DHKEM(P-256, HKDF-SHA256) 0x0010, HKDF-SHA256 0x0001, AES-128-GCM 0x0001.
 *
 * One key agreement sets up a context at both ends; from then on only AEAD. A context is plain
 * data that may be persisted, and the caller owns the sequence: seal never takes a number twice,
 * open's caller never accepts one twice. Auth mode also proves who the sender is.
 *
 * source   RFC 9180, sections 4 and 5
 * errors   TRIB_E_DENIED: not sealed by that context with that number and associated data
 *          TRIB_E_CORRUPT: a key is not on the curve;  TRIB_E_LIMIT: `info` or a label too long
 *          outputs are untouched on failure, except those of seal and open (see crypto.h)
 * owns     nothing; contexts hold secrets: trib_hpke_wipe when done
 * threads  pure; a context may be read by many threads
 */
#ifndef TRIB_CRYPTO_HPKE_H
#define TRIB_CRYPTO_HPKE_H

#include "common/crypto/crypto.h"

enum {
    TRIB_HPKE_MAX_INFO_BYTES = 512, /* of info, and of an export label */
    TRIB_HPKE_CONTEXT_BYTES = 60
};

typedef struct trib_hpke {
    uint8_t key[TRIB_AEAD_KEY_BYTES];
    uint8_t base_nonce[TRIB_AEAD_NONCE_BYTES];
    uint8_t exporter_secret[TRIB_HASH_BYTES];
} trib_hpke;
_Static_assert(sizeof(trib_hpke) == TRIB_HPKE_CONTEXT_BYTES, "a context is persisted as it is");

typedef struct trib_hpke_sender {
    trib_bytes info; /* what the session is for; both ends must agree on it */
    const trib_public_key *recipient;
    const trib_key_pair *own;       /* NULL: Base mode, which says nothing about who sends */
    const trib_key_pair *ephemeral; /* NULL, but for published vectors: a fresh one is drawn */
} trib_hpke_sender;

/* ret_enc goes to the recipient, in the clear. */
TRIB_MUST_CHECK
trib_status trib_hpke_setup_sender(const trib_crypto *crypto, const trib_hpke_sender *sender,
                                   trib_public_key *ret_enc, trib_hpke *ret_context);

typedef struct trib_hpke_receiver {
    trib_bytes info;
    const trib_key_pair *own;
    const trib_public_key *sender; /* NULL: Base mode */
    const trib_public_key *enc;
} trib_hpke_receiver;

/* Always gives a context for valid points: that the sender is who it says shows when the first
 * message opens. */
TRIB_MUST_CHECK
trib_status trib_hpke_setup_receiver(const trib_crypto *crypto, const trib_hpke_receiver *receiver,
                                     trib_hpke *ret_context);

/* ret_sealed [text.size + 16]; ret_text [sealed.size - 16]. */
TRIB_MUST_CHECK
trib_status trib_hpke_seal(const trib_crypto *crypto, const trib_hpke *context, uint64_t sequence,
                           trib_bytes associated, trib_bytes text, uint8_t *ret_sealed);
TRIB_MUST_CHECK
trib_status trib_hpke_open(const trib_crypto *crypto, const trib_hpke *context, uint64_t sequence,
                           trib_bytes associated, trib_bytes sealed, uint8_t *ret_text);

/* `size` bytes (at most TRIB_EXPAND_MAX_BYTES) that both ends get, independent for each label. */
TRIB_MUST_CHECK
trib_status trib_hpke_export(const trib_crypto *crypto, const trib_hpke *context, trib_bytes label,
                             uint8_t *ret_bytes, size_t size);

void trib_hpke_wipe(trib_hpke *context);

#endif
