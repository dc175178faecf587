/* What a round's close has made, into the bucket: the model that a release carries, with a card,
 * for everyone, and what only a restored cloud goes on from.
 *
 *     federations/FEDERATION/models/DIGEST.safetensors
 *     federations/FEDERATION/models/DIGEST.json
 *     clouds/ID/objects/DIGEST          the next base where it is another file, the strategy's
 * state
 *
 * A model's card is signed so that openssl can check it: trib_sign, purpose "model-card", over
 * "FEDERATION DIGEST ROUND".
 *
 * errors   those of place.h
 * threads  one at a time, with buffers of its own
 */
#ifndef CLOUD_ARCHIVE_MODELS_H
#define CLOUD_ARCHIVE_MODELS_H

#include "cloud/archive/place.h"
#include "cloud/object/object_store.h"
#include "cloud/types/records.pb.h"

typedef struct cloud_models {
    const cloud_place *place;
    cloud_object_store *store; /* of the state folder */
    trib_buffer file, card;    /* scratch, owned; their ceilings hold */
} cloud_models;
void cloud_models_deinit(cloud_models *models);

/* *ret_missing: the model, or its base, was gone from the state folder. */
TRIB_MUST_CHECK trib_status cloud_models_put(cloud_models *models,
                                             const cloud_record_RoundClosed *record,
                                             bool *ret_missing);

/* An object of the state folder, under clouds/ID/objects. TRIB_E_NOT_FOUND: it is not there, whole,
 * or there is no bucket. */
TRIB_MUST_CHECK trib_status cloud_models_put_object(cloud_models *models,
                                                    const cloud_digest *digest);
/* The other way, from wherever it lies. */
TRIB_MUST_CHECK trib_status cloud_models_fetch_object(const cloud_place *place,
                                                      const char *federation, const char *folder,
                                                      const cloud_digest *digest);

#endif
