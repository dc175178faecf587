/* Believing a join: chain, name, signature, and the session that follows from it.
 *
 * HPKE's info (common/seal/session_info.h) names federation, gateway and generation, so a join
 * cannot be moved to another gateway or replayed as a newer one.
 *
 * threads  pure
 */
#ifndef CLOUD_INGEST_JOIN_H
#define CLOUD_INGEST_JOIN_H

#include "cloud/ingest/gateway.h"
#include "common/crypto/identity.h"

typedef struct cloud_join {
    trib_wire_Join message; /* its chain call-back is not to be used */
    trib_identity identity;
    uint64_t session;
} cloud_join;

typedef struct cloud_join_rules {
    const trib_crypto *crypto;
    trib_bytes authorities_pem;
    const char *federation; /* of the topic it came under */
    const char *gateway;
    int64_t now_s;
} cloud_join_rules;

/* errors   TRIB_E_CORRUPT malformed;  TRIB_E_DENIED another name than its topic's or certificate's,
 * a chain or signature that does not hold */
TRIB_MUST_CHECK trib_status cloud_join_verify(const cloud_join_rules *rules, trib_bytes envelope,
                                              cloud_join *ret_join);

/* Takes apart a join that was believed before (from the ledger): no chain or signature is checked.
 */
TRIB_MUST_CHECK trib_status cloud_join_reread(const trib_crypto *crypto, trib_bytes envelope,
                                              cloud_join *ret_join);

/* Derives the gateway's channels from its join. `boot` is the cloud's start number: it stands above
 * the numbers of everything sent down, so that none is used twice. */
TRIB_MUST_CHECK trib_status cloud_join_derive(const trib_crypto *crypto, const trib_key_pair *own,
                                              const char *federation, uint64_t boot,
                                              cloud_gateway *gateway);

#endif
