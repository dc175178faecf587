#include "cloud/archive/models.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/crypto/signature.h"
#include "common/tensor/json_text.h"

enum { HEX_SIZE = 2 * TRIB_HASH_BYTES + 1, PATH_SIZE = 4096 };

void cloud_models_deinit(cloud_models *models) {
    if (models->store != NULL) {
        models->store->destroy(models->store);
    }
    trib_buffer_deinit(&models->file);
    trib_buffer_deinit(&models->card);
}

static void model_key(const char *federation, const char *digest, const char *end,
                      char ret_key[CLOUD_KEY_SIZE]) {
    (void)snprintf(ret_key, CLOUD_KEY_SIZE, "federations/%s/models/%s.%s", federation, digest, end);
}

static trib_status print_card(cloud_models *models, const cloud_record_RoundClosed *record,
                              const char *digest) {
    char text[256], signature[2 * sizeof(trib_signature) + 1];
    trib_signature made;
    const cloud_place *place = models->place;
    (void)snprintf(text, sizeof text, "%s %s %" PRIu64, record->federation, digest, record->round);
    TRIB_TRY(trib_sign(place->crypto, &place->signing->secret, "model-card", trib_bytes_text(text),
                       &made));
    trib_hex(trib_bytes_of(made.bytes, sizeof made.bytes), signature);
    TRIB_SCOPED(cloud_card_release)
    json_t *card =
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:s,s:s}", "federation", record->federation,
                  "model", digest, "format", "safetensors", "size", (json_int_t)models->file.size,
                  "round", (json_int_t)record->round, "updates", (json_int_t)record->updates,
                  "weight", (json_int_t)record->weight, "closed_ms", (json_int_t)record->time_ms,
                  "key_id", place->id, "signature", signature);
    trib_buffer_clear(&models->card);
    return trib_json_print(card, &models->card);
}

/* Its name says what it holds, so whatever is there already is the same. */
static trib_status put_once(const cloud_models *models, const char *key, trib_bytes bytes,
                            const char *content_type) {
    cloud_bucket *bucket = models->place->bucket;
    const cloud_body body = cloud_body_of(&bytes, content_type);
    const cloud_put_options how = {.if_absent = true, .resume = true};
    trib_status status = bucket->put(bucket, key, &body, &how);
    return status.code == TRIB_E_STATE ? TRIB_SUCCESS : status;
}

/* *ret_gone: it is not in the state folder, whole. What a bucket lacks is another matter. */
static trib_status load(cloud_models *models, const cloud_digest *digest, char ret_hex[HEX_SIZE],
                        bool *ret_gone) {
    trib_hex(trib_bytes_of(digest->bytes, sizeof digest->bytes), ret_hex);
    trib_buffer_clear(&models->file);
    trib_status status = models->store->get(models->store, digest, &models->file);
    *ret_gone = status.code == TRIB_E_NOT_FOUND || status.code == TRIB_E_CORRUPT;
    return *ret_gone ? TRIB_SUCCESS : status;
}

static trib_status put_object(cloud_models *models, const cloud_digest *digest, bool *ret_gone) {
    char hex[HEX_SIZE], key[CLOUD_KEY_SIZE];
    TRIB_TRY(load(models, digest, hex, ret_gone));
    if (*ret_gone) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(cloud_place_key(models->place, key, "objects/%s", hex));
    return put_once(models, key, trib_buffer_view(&models->file), NULL);
}

trib_status cloud_models_put_object(cloud_models *models, const cloud_digest *digest) {
    bool gone;
    TRIB_TRY(put_object(models, digest, &gone));
    return gone ? TRIB_FAIL(TRIB_E_NOT_FOUND,
                            "a model or a strategy's state is not in the state "
                            "folder, or damaged: %s",
                            trib_message())
                : TRIB_SUCCESS;
}

static trib_status put_served(cloud_models *models, const cloud_record_RoundClosed *record,
                              const cloud_digest *digest, bool *ret_gone) {
    char hex[HEX_SIZE], key[CLOUD_KEY_SIZE];
    TRIB_TRY(load(models, digest, hex, ret_gone));
    if (*ret_gone) {
        return TRIB_SUCCESS;
    }
    model_key(record->federation, hex, "safetensors", key);
    TRIB_TRY(put_once(models, key, trib_buffer_view(&models->file), NULL));
    TRIB_TRY(print_card(models, record, hex));
    model_key(record->federation, hex, "json", key);
    return put_once(models, key, trib_buffer_view(&models->card), "application/json");
}

trib_status cloud_models_put(cloud_models *models, const cloud_record_RoundClosed *record,
                             bool *ret_missing) {
    cloud_digest served, base, strategy;
    bool superseded; /* here once rounds have gone on; whoever restores goes on from a later one */
    *ret_missing = false;
    if (record->served_digest.size != TRIB_HASH_BYTES) {
        return TRIB_SUCCESS;
    }
    memcpy(served.bytes, record->served_digest.bytes, sizeof served.bytes);
    TRIB_TRY(put_served(models, record, &served, ret_missing));
    if (!*ret_missing && record->model_digest.size == TRIB_HASH_BYTES &&
        memcmp(record->model_digest.bytes, served.bytes, sizeof served.bytes) != 0) {
        memcpy(base.bytes, record->model_digest.bytes, sizeof base.bytes);
        TRIB_TRY(put_object(models, &base, ret_missing));
    }
    if (record->strategy_digest.size != TRIB_HASH_BYTES) {
        return TRIB_SUCCESS;
    }
    memcpy(strategy.bytes, record->strategy_digest.bytes, sizeof strategy.bytes);
    return put_object(models, &strategy, &superseded);
}

trib_status cloud_models_fetch_object(const cloud_place *place, const char *federation,
                                      const char *folder, const cloud_digest *digest) {
    char hex[HEX_SIZE], key[CLOUD_KEY_SIZE];
    trib_hex(trib_bytes_of(digest->bytes, sizeof digest->bytes), hex);
    TRIB_TRY(cloud_place_key(place, key, "objects/%s", hex));
    trib_status status = cloud_place_get_file(place, key, folder, hex, digest->bytes);
    if (status.code == TRIB_E_NOT_FOUND) {
        model_key(federation, hex, "safetensors", key);
        status = cloud_place_get_file(place, key, folder, hex, digest->bytes);
    }
    return status;
}
