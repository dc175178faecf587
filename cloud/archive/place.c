#include "cloud/archive/place.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/crypto/signature.h"
#include "common/tensor/json_text.h"

enum { PATH_SIZE = 4096, BLOCK = 1 << 16 };

trib_status cloud_place_key(const cloud_place *place, char ret_key[CLOUD_KEY_SIZE],
                            const char *format, ...) {
    va_list arguments;
    int start = snprintf(ret_key, CLOUD_KEY_SIZE, "clouds/%s/", place->id);
    size_t used = start > 0 && start < CLOUD_KEY_SIZE ? (size_t)start : CLOUD_KEY_SIZE - 1;
    va_start(arguments, format);
    int length = vsnprintf(ret_key + used, CLOUD_KEY_SIZE - used, format, arguments);
    va_end(arguments);
    return length > 0 && used + (size_t)length < CLOUD_KEY_SIZE
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_LIMIT, "a key of the archive is too long");
}

void cloud_card_release(json_t **card) {
    json_decref(*card);
}

/* ---- bytes and files ---- */

/* What is there under the key already must be the same. */
static trib_status put_once(const cloud_place *place, const char *key, const cloud_body *body) {
    cloud_object_info there;
    const cloud_put_options how = {.if_absent = true, .resume = true};
    trib_status status = place->bucket->put(place->bucket, key, body, &how);
    if (status.code != TRIB_E_STATE) {
        return status;
    }
    TRIB_TRY(place->bucket->head(place->bucket, key, &there));
    bool same = there.size == body->size && there.has_sha256 &&
                memcmp(there.sha256, body->sha256, TRIB_HASH_BYTES) == 0;
    return same ? TRIB_SUCCESS
                : TRIB_FAIL(TRIB_E_STATE,
                            "the bucket has another %s: does another cloud with this key write "
                            "there, or did this one go on from an old copy? (restore it)",
                            key);
}

trib_status cloud_place_put(const cloud_place *place, const char *key, trib_bytes bytes,
                            const char *content_type) {
    uint8_t sha256[TRIB_HASH_BYTES];
    TRIB_TRY(place->crypto->sha256(bytes, sha256));
    cloud_body body = cloud_body_of(&bytes, content_type);
    body.sha256 = sha256;
    return put_once(place, key, &body);
}

typedef struct open_file {
    trib_disk *disk;
    int handle; /* -1: none */
    trib_hash hash;
    const trib_crypto *crypto;
} open_file;

static void close_file(open_file *file) {
    if (file->handle >= 0) {
        file->disk->close(file->disk, file->handle);
    }
    file->crypto->hash_deinit(&file->hash);
}

/* A handle is one thread's, but reads by offset of several do not meet. */
static trib_status read_part(void *context, uint64_t offset, uint8_t *ret_bytes, size_t size) {
    const open_file *file = context;
    size_t got = 0;
    TRIB_TRY(file->disk->read_at(file->disk, file->handle, offset, ret_bytes, size, &got));
    return got == size ? TRIB_SUCCESS
                       : TRIB_FAIL(TRIB_E_IO, "a file has become shorter while it was read");
}

static trib_status digest_of(open_file *file, uint64_t size, uint8_t ret_sha256[TRIB_HASH_BYTES]) {
    TRIB_SCOPED(trib_free_scoped) uint8_t *block = trib_allocate(1, BLOCK);
    if (block == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a block");
    }
    TRIB_TRY(file->crypto->hash_init(&file->hash));
    for (uint64_t at = 0; at < size;) {
        size_t part = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
        TRIB_TRY(read_part(file, at, block, part));
        TRIB_TRY(file->crypto->hash_update(&file->hash, trib_bytes_of(block, part)));
        at += part;
    }
    return file->crypto->hash_finish(&file->hash, ret_sha256);
}

trib_status cloud_place_put_file(const cloud_place *place, const char *key, const char *path,
                                 uint64_t size, uint8_t ret_sha256[TRIB_HASH_BYTES]) {
    TRIB_SCOPED(close_file)
    open_file file = {.disk = place->disk, .handle = -1, .crypto = place->crypto};
    TRIB_TRY(place->disk->open(place->disk, path, TRIB_OPEN_READ, &file.handle));
    TRIB_TRY(digest_of(&file, size, ret_sha256));
    const cloud_body body = {
        .size = size, .read = read_part, .context = &file, .sha256 = ret_sha256};
    return put_once(place, key, &body);
}

static trib_status write_part(void *context, trib_bytes part) {
    open_file *file = context;
    TRIB_TRY(file->crypto->hash_update(&file->hash, part));
    return file->disk->append(file->disk, file->handle, part);
}

static trib_status get_into(const cloud_place *place, const char *key, const char *path,
                            const uint8_t sha256[TRIB_HASH_BYTES]) {
    uint8_t found[TRIB_HASH_BYTES];
    TRIB_SCOPED(close_file)
    open_file file = {.disk = place->disk, .handle = -1, .crypto = place->crypto};
    const cloud_sink sink = {write_part, &file};
    TRIB_TRY(place->disk->remove(place->disk, path)); /* of one that was cut off */
    TRIB_TRY(place->disk->open(place->disk, path, TRIB_OPEN_APPEND, &file.handle));
    TRIB_TRY(place->crypto->hash_init(&file.hash));
    TRIB_TRY(place->bucket->get(place->bucket, key, &sink));
    TRIB_TRY(place->crypto->hash_finish(&file.hash, found));
    if (memcmp(found, sha256, TRIB_HASH_BYTES) != 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s is not what its card says", key);
    }
    return place->disk->sync(place->disk, file.handle);
}

trib_status cloud_place_get_file(const cloud_place *place, const char *key, const char *folder,
                                 const char *name, const uint8_t sha256[TRIB_HASH_BYTES]) {
    char path[PATH_SIZE], fresh[PATH_SIZE];
    int length = snprintf(fresh, sizeof fresh, "%s/%s.part", folder, name);
    if (length <= 0 || (size_t)length >= sizeof fresh) {
        return TRIB_FAIL(TRIB_E_LIMIT, "%.200s: too long a path", folder);
    }
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    trib_status status = get_into(place, key, fresh, sha256);
    if (!trib_ok(status)) {
        trib_ignore(place->disk->remove(place->disk, fresh));
        return status;
    }
    TRIB_TRY(place->disk->rename(place->disk, fresh, path));
    return place->disk->sync_folder(place->disk, folder);
}

/* ---- cards ---- */

trib_status cloud_place_put_card(const cloud_place *place, const char *key, const char *purpose,
                                 json_t *card) {
    char hex[2 * sizeof(trib_signature) + 1];
    trib_signature signature;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = CLOUD_CARD_MAX_BYTES};
    TRIB_TRY(trib_json_print(card, &text));
    TRIB_TRY(trib_sign(place->crypto, &place->signing->secret, purpose, trib_buffer_view(&text),
                       &signature));
    trib_hex(trib_bytes_of(signature.bytes, sizeof signature.bytes), hex);
    if (json_object_set_new(card, "signature", json_string(hex)) != 0) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a card");
    }
    trib_buffer_clear(&text);
    TRIB_TRY(trib_json_print(card, &text));
    /* Signing draws a number, so the same card signed again is other bytes. */
    const trib_bytes bytes = trib_buffer_view(&text);
    const cloud_body body = cloud_body_of(&bytes, "application/json");
    const cloud_put_options how = {.if_absent = true};
    trib_status status = place->bucket->put(place->bucket, key, &body, &how);
    return status.code == TRIB_E_STATE ? TRIB_SUCCESS : status;
}

static trib_status check_signature(const cloud_place *place, const char *key, const char *purpose,
                                   json_t *card) {
    trib_signature signature;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = CLOUD_CARD_MAX_BYTES};
    const char *hex = json_string_value(json_object_get(card, "signature"));
    if (hex == NULL || !trib_ok(trib_unhex(hex, signature.bytes, sizeof signature.bytes)) ||
        json_object_del(card, "signature") != 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s: no card: it has no signature", key);
    }
    TRIB_TRY(trib_json_print(card, &text));
    return trib_context(trib_verify(place->crypto, &place->signing->public, purpose,
                                    trib_buffer_view(&text), &signature),
                        "%s", key);
}

trib_status cloud_place_get_card(const cloud_place *place, const char *key, const char *purpose,
                                 json_t **ret_card) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = CLOUD_CARD_MAX_BYTES};
    TRIB_SCOPED(cloud_card_release) json_t *card = NULL;
    const cloud_sink sink = cloud_sink_of(&text);
    json_error_t error;
    TRIB_TRY(place->bucket->get(place->bucket, key, &sink));
    card = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(card)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s: no card", key);
    }
    TRIB_TRY(check_signature(place, key, purpose, card));
    *ret_card = json_incref(card);
    return TRIB_SUCCESS;
}

trib_status cloud_card_digest(const json_t *card, const char *name,
                              uint8_t ret_sha256[TRIB_HASH_BYTES]) {
    const char *hex = json_string_value(json_object_get(card, name));
    return hex != NULL && trib_ok(trib_unhex(hex, ret_sha256, TRIB_HASH_BYTES))
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_CORRUPT, "a card without %s", name);
}
