/* Models on their way to all: encrypted under a key of their own, wrapped by an epoch key.
 *
 * Each chunk is sealed by itself, so a gateway can ask for just the ones it lacks. All keys of a
 * cloud come from its one master secret, so nothing needs to be stored and publishing again after a
 * restart gives the same bytes:
 *     epoch key  = HKDF-Expand(master, "tributary/v1 epoch"  0x00 federation 0x00 epoch)
 *     object key = HKDF-Expand(master, "tributary/v1 object" 0x00 federation 0x00 digest)
 *     id         = the first 16 bytes of SHA-256("tributary/v1 object id" 0x00 key digest)
 *     wrapped    = AES-128-GCM(epoch key, nonce = id[0..12], data = id, object key digest)
 *     chunk n    = AES-128-GCM(object key, nonce = u32 n, 8 zeros, data = id, u64 size)
 * The id depends on the key, and the digest is wrapped with it, so that who knows a model cannot
 * recognise it on the broker.
 *
 * errors   TRIB_E_DENIED when it was not sealed so; TRIB_E_CORRUPT a description that cannot be
 * threads  pure
 */
#ifndef TRIB_SEAL_OBJECT_H
#define TRIB_SEAL_OBJECT_H

#include "common/crypto/crypto.h"
#include "common/wire/wire.h"

enum {
    TRIB_OBJECT_CHUNK_BYTES = 120 * 1024 - 64, /* with its tag and topic below 120 KiB */
    TRIB_OBJECT_MAX_BYTES = 96 << 20
};

typedef struct trib_epoch_secret {
    uint8_t bytes[TRIB_AEAD_KEY_BYTES];
} trib_epoch_secret;

/* What opens an object, and what it must then be. */
typedef struct trib_object_key {
    uint8_t bytes[TRIB_AEAD_KEY_BYTES];
    uint8_t digest[TRIB_HASH_BYTES]; /* SHA-256 of the plain bytes */
} trib_object_key;

TRIB_MUST_CHECK trib_status trib_epoch_key(const trib_crypto *crypto, const trib_secret *master,
                                           const char *federation, uint64_t epoch,
                                           trib_epoch_secret *ret_key);

/* Cloud: the object's key and its description under this epoch. */
TRIB_MUST_CHECK trib_status trib_object_describe(const trib_crypto *crypto,
                                                 const trib_secret *master, const char *federation,
                                                 uint64_t epoch, trib_bytes plain,
                                                 trib_object_key *ret_key,
                                                 trib_wire_Object *ret_object);

/* Gateway: checks a description's fields and unwraps the key. */
TRIB_MUST_CHECK trib_status trib_object_unwrap(const trib_crypto *crypto,
                                               const trib_epoch_secret *epoch_key,
                                               const trib_wire_Object *object,
                                               trib_object_key *ret_key);

uint32_t trib_object_chunk_count(const trib_wire_Object *object);
/* Plain bytes of one chunk. */
size_t trib_object_chunk_size(const trib_wire_Object *object, uint32_t index);

/* ret_sealed: chunk size + TRIB_AEAD_TAG_BYTES. */
TRIB_MUST_CHECK trib_status trib_object_seal_chunk(const trib_crypto *crypto,
                                                   const trib_object_key *key,
                                                   const trib_wire_Object *object, uint32_t index,
                                                   trib_bytes plain_object, uint8_t *ret_sealed);
/* Opens into its place in ret_object [object->size]. */
TRIB_MUST_CHECK trib_status trib_object_open_chunk(const trib_crypto *crypto,
                                                   const trib_object_key *key,
                                                   const trib_wire_Object *object, uint32_t index,
                                                   trib_bytes sealed, uint8_t *ret_object);
/* The whole, once every chunk is there. */
TRIB_MUST_CHECK trib_status trib_object_verify(const trib_crypto *crypto,
                                               const trib_object_key *key, trib_bytes plain);

#endif
