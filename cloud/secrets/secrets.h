/* What the cloud must never lose: its signing key, its key-agreement key and the master secret that
 * epoch and object keys come from. Files of the state folder, for their owner alone.
 *
 *     signing.pem, signing.pub.pem (what gateways trust), agreement.pem, master.key (32 bytes, hex)
 *
 * errors   those of key_file.h
 * threads  one
 */
#ifndef CLOUD_SECRETS_SECRETS_H
#define CLOUD_SECRETS_SECRETS_H

#include "common/crypto/keys.h"
#include "common/port/disk.h"

typedef struct cloud_secrets {
    trib_key_pair signing;
    trib_key_id signing_id;
    trib_key_pair agreement;
    trib_secret master;
} cloud_secrets;

/* Loads them, making those that are not there yet. */
TRIB_MUST_CHECK trib_status cloud_secrets_load(const trib_crypto *crypto, trib_disk *disk,
                                               const char *folder, cloud_secrets *ret_secrets);
/* Loads them, making none. TRIB_E_NOT_FOUND: one is not there. */
TRIB_MUST_CHECK trib_status cloud_secrets_find(const trib_crypto *crypto, trib_disk *disk,
                                               const char *folder, cloud_secrets *ret_secrets);
/* Copies their files into another folder, which has none. */
TRIB_MUST_CHECK trib_status cloud_secrets_copy(trib_disk *disk, const char *from, const char *into);
/* Of a log's checksums: the ledger's, the outbox's. */
uint64_t cloud_secrets_seed(const trib_crypto *crypto, const cloud_secrets *secrets,
                            const char *purpose);
void cloud_secrets_wipe(cloud_secrets *secrets);

#endif
