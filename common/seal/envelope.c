#include "common/seal/envelope.h"

#include <string.h>

trib_status trib_envelope_seal(const trib_crypto *crypto, const trib_private_key *key,
                               const char *key_id, const char *purpose, trib_bytes body,
                               trib_writer *ret_envelope) {
    trib_signature signature;
    TRIB_TRY(trib_sign(crypto, key, purpose, body, &signature));
    trib_wire_Signed message = trib_wire_Signed_init_zero;
    TRIB_ASSERT(strlen(key_id) < sizeof message.key_id);
    memcpy(message.key_id, key_id, strlen(key_id) + 1);
    TRIB_WIRE_SET_BYTES(message.signature, signature.bytes, sizeof signature.bytes);
    trib_wire_put(&message.body, &body);
    return TRIB_WIRE_ENCODE(Signed, &message, ret_envelope);
}

trib_status trib_envelope_parse(trib_bytes bytes, trib_envelope *ret_envelope) {
    trib_wire_Signed message = trib_wire_Signed_init_zero;
    trib_envelope envelope;
    trib_wire_catch(&message.body, &envelope.body);
    TRIB_TRY(TRIB_WIRE_DECODE(Signed, bytes, &message));
    if (message.signature.size != sizeof envelope.signature.bytes || envelope.body.size == 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT,
                         "an envelope without a body or with a signature of %u bytes",
                         (unsigned)message.signature.size);
    }
    memcpy(envelope.signature.bytes, message.signature.bytes, sizeof envelope.signature.bytes);
    memcpy(envelope.key_id, message.key_id, sizeof envelope.key_id);
    *ret_envelope = envelope;
    return TRIB_SUCCESS;
}

trib_status trib_envelope_open(const trib_crypto *crypto, const trib_trusted *trusted,
                               const char *purpose, trib_bytes bytes, trib_bytes *ret_body) {
    trib_envelope envelope;
    TRIB_TRY(trib_envelope_parse(bytes, &envelope));
    TRIB_TRY(trib_trusted_verify(crypto, trusted, envelope.key_id, purpose, envelope.body,
                                 &envelope.signature));
    *ret_body = envelope.body;
    return TRIB_SUCCESS;
}
