/* Signed messages: what the cloud says to all, and what a gateway says to join.
 *
 * errors   TRIB_E_CORRUPT malformed; TRIB_E_NOT_FOUND an unknown key id; TRIB_E_DENIED not signed
 *          so
 * threads  pure
 */
#ifndef TRIB_SEAL_ENVELOPE_H
#define TRIB_SEAL_ENVELOPE_H

#include "common/crypto/keys.h"
#include "common/crypto/signature.h"
#include "common/wire/wire.h"

typedef struct trib_envelope {
    trib_bytes body; /* a view into the envelope's bytes */
    char key_id[TRIB_KEY_ID_TEXT];
    trib_signature signature;
} trib_envelope;

/* Signs `body` for `purpose` and writes the envelope. key_id is "" in a join. */
TRIB_MUST_CHECK
trib_status trib_envelope_seal(const trib_crypto *crypto, const trib_private_key *key,
                               const char *key_id, const char *purpose, trib_bytes body,
                               trib_writer *ret_envelope);

/* Takes it apart; nothing is believed yet. */
TRIB_MUST_CHECK trib_status trib_envelope_parse(trib_bytes bytes, trib_envelope *ret_envelope);

/* Takes it apart and checks that one of the trusted keys signed it for this purpose. */
TRIB_MUST_CHECK
trib_status trib_envelope_open(const trib_crypto *crypto, const trib_trusted *trusted,
                               const char *purpose, trib_bytes bytes, trib_bytes *ret_body);

#endif
