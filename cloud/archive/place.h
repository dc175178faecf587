/* A cloud's own corner of a bucket, below clouds/ID/ (ID: the id of its signing key), and how whole
 * files and signed cards go there and come back.
 *
 * A card is a JSON object; its "signature" is the cloud's (trib_sign, r and s in hexadecimal) over
 * the card's canonical text (common/tensor/json_text.h) without it. Whoever can write to the bucket
 * can take things away, but forge none that is believed.
 *
 * errors   those of bucket.h and of the disk;  TRIB_E_STATE the key holds something else already;
 *          TRIB_E_DENIED a card that this cloud did not sign;  TRIB_E_CORRUPT no card, or other
 *          bytes than a card says
 * owns     nothing; what it points to outlives it
 * threads  any, but for `signing` being a secret of its owner's
 */
#ifndef CLOUD_ARCHIVE_PLACE_H
#define CLOUD_ARCHIVE_PLACE_H

#include "cloud/object/bucket.h"
#include "common/crypto/keys.h"
#include "common/port/disk.h"

struct json_t;

enum { CLOUD_CARD_MAX_BYTES = 1 << 20 };

typedef struct cloud_place {
    trib_disk *disk;
    const trib_crypto *crypto;
    cloud_bucket *bucket;
    const trib_key_pair *signing;
    const char *id;
} cloud_place;

/* "clouds/ID/" and the rest. */
TRIB_MUST_CHECK trib_status cloud_place_key(const cloud_place *place, char ret_key[CLOUD_KEY_SIZE],
                                            const char *format, ...) TRIB_PRINTF(3, 4);

/* Once: it is fine if the very same is there. */
TRIB_MUST_CHECK trib_status cloud_place_put(const cloud_place *place, const char *key,
                                            trib_bytes bytes, const char *content_type);
/* The first `size` bytes of a file that are not changed any more; their SHA-256. */
TRIB_MUST_CHECK trib_status cloud_place_put_file(const cloud_place *place, const char *key,
                                                 const char *path, uint64_t size,
                                                 uint8_t ret_sha256[TRIB_HASH_BYTES]);
/* Into FOLDER/NAME, durable, whole or not at all, and only what has that SHA-256. */
TRIB_MUST_CHECK trib_status cloud_place_get_file(const cloud_place *place, const char *key,
                                                 const char *folder, const char *name,
                                                 const uint8_t sha256[TRIB_HASH_BYTES]);

/* Signs `card` and puts it. `purpose` as trib_sign has it. */
TRIB_MUST_CHECK trib_status cloud_place_put_card(const cloud_place *place, const char *key,
                                                 const char *purpose, struct json_t *card);
/* *ret_card is the caller's: json_decref. */
TRIB_MUST_CHECK trib_status cloud_place_get_card(const cloud_place *place, const char *key,
                                                 const char *purpose, struct json_t **ret_card);
/* A card's SHA-256 under a name. TRIB_E_CORRUPT: it has none. */
TRIB_MUST_CHECK trib_status cloud_card_digest(const struct json_t *card, const char *name,
                                              uint8_t ret_sha256[TRIB_HASH_BYTES]);
void cloud_card_release(struct json_t **card); /* for TRIB_SCOPED */

#endif
