#include "common/seal/object.h"

#include <string.h>

enum {
    ID_BYTES = 16,
    LABEL_ROOM = 160,
    WRAPPED_BYTES = sizeof(trib_object_key) + TRIB_AEAD_TAG_BYTES
};
_Static_assert(sizeof(trib_object_key) == TRIB_AEAD_KEY_BYTES + TRIB_HASH_BYTES,
               "a key and its digest are wrapped as they lie");

static trib_status derive(const trib_crypto *crypto, const trib_secret *master, const char *label,
                          const char *federation, trib_bytes rest,
                          uint8_t ret_key[TRIB_AEAD_KEY_BYTES]) {
    uint8_t storage[LABEL_ROOM];
    trib_writer info = trib_writer_of(storage, sizeof storage);
    trib_write_bytes(&info, trib_bytes_text(label));
    trib_write_u8(&info, 0);
    trib_write_bytes(&info, trib_bytes_text(federation));
    trib_write_u8(&info, 0);
    trib_write_bytes(&info, rest);
    TRIB_ASSERT(!info.overflow);
    return crypto->hkdf_expand(master->bytes, trib_written(&info), ret_key, TRIB_AEAD_KEY_BYTES);
}

trib_status trib_epoch_key(const trib_crypto *crypto, const trib_secret *master,
                           const char *federation, uint64_t epoch, trib_epoch_secret *ret_key) {
    uint8_t number[8];
    trib_store_u64(number, epoch);
    return derive(crypto, master, "tributary/v1 epoch", federation, trib_bytes_of(number, 8),
                  ret_key->bytes);
}

static trib_status object_id(const trib_crypto *crypto, const trib_object_key *key,
                             uint8_t ret_id[ID_BYTES]) {
    uint8_t storage[LABEL_ROOM], hash[TRIB_HASH_BYTES];
    trib_writer text = trib_writer_of(storage, sizeof storage);
    trib_write_bytes(&text, trib_bytes_text("tributary/v1 object id"));
    trib_write_u8(&text, 0);
    trib_write_bytes(&text, trib_bytes_of(key->bytes, sizeof key->bytes));
    trib_write_bytes(&text, trib_bytes_of(key->digest, sizeof key->digest));
    TRIB_TRY(crypto->sha256(trib_written(&text), hash));
    trib_wipe(storage, sizeof storage);
    memcpy(ret_id, hash, ID_BYTES);
    return TRIB_SUCCESS;
}

trib_status trib_object_describe(const trib_crypto *crypto, const trib_secret *master,
                                 const char *federation, uint64_t epoch, trib_bytes plain,
                                 trib_object_key *ret_key, trib_wire_Object *ret_object) {
    if (plain.size == 0 || plain.size > TRIB_OBJECT_MAX_BYTES) {
        return TRIB_FAIL(TRIB_E_LIMIT, "an object of %zu bytes; at most %d", plain.size,
                         TRIB_OBJECT_MAX_BYTES);
    }
    trib_wire_Object object = trib_wire_Object_init_zero;
    uint8_t id[ID_BYTES], wrapped[WRAPPED_BYTES];
    trib_object_key key;
    trib_epoch_secret wrapping;
    TRIB_TRY(crypto->sha256(plain, key.digest));
    TRIB_TRY(derive(crypto, master, "tributary/v1 object", federation,
                    trib_bytes_of(key.digest, sizeof key.digest), key.bytes));
    TRIB_TRY(object_id(crypto, &key, id));
    TRIB_TRY(trib_epoch_key(crypto, master, federation, epoch, &wrapping));
    TRIB_TRY(crypto->aead_seal(wrapping.bytes, id, trib_bytes_of(id, ID_BYTES),
                               trib_bytes_of(&key, sizeof key), wrapped));
    trib_wipe(&wrapping, sizeof wrapping);
    TRIB_WIRE_SET_BYTES(object.id, id, sizeof id);
    TRIB_WIRE_SET_BYTES(object.wrapped_key, wrapped, sizeof wrapped);
    object.size = plain.size;
    object.chunk_size = TRIB_OBJECT_CHUNK_BYTES;
    object.epoch = epoch;
    *ret_key = key;
    *ret_object = object;
    trib_wipe(&key, sizeof key);
    return TRIB_SUCCESS;
}

trib_status trib_object_unwrap(const trib_crypto *crypto, const trib_epoch_secret *epoch_key,
                               const trib_wire_Object *object, trib_object_key *ret_key) {
    if (object->id.size != ID_BYTES || object->wrapped_key.size != WRAPPED_BYTES ||
        object->size == 0 || object->size > TRIB_OBJECT_MAX_BYTES || object->chunk_size < 1024 ||
        object->chunk_size > TRIB_OBJECT_CHUNK_BYTES) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "an object of %llu bytes in chunks of %u",
                         (unsigned long long)object->size, object->chunk_size);
    }
    trib_object_key key;
    uint8_t id[ID_BYTES];
    TRIB_TRY(crypto->aead_open(
        epoch_key->bytes, object->id.bytes, trib_bytes_of(object->id.bytes, ID_BYTES),
        trib_bytes_of(object->wrapped_key.bytes, object->wrapped_key.size), (uint8_t *)&key));
    TRIB_TRY(object_id(crypto, &key, id));
    if (memcmp(id, object->id.bytes, ID_BYTES) != 0) {
        trib_wipe(&key, sizeof key);
        return TRIB_FAIL(TRIB_E_DENIED, "the object's name does not belong to its key");
    }
    *ret_key = key;
    trib_wipe(&key, sizeof key);
    return TRIB_SUCCESS;
}

uint32_t trib_object_chunk_count(const trib_wire_Object *object) {
    return (uint32_t)((object->size + object->chunk_size - 1) / object->chunk_size);
}

size_t trib_object_chunk_size(const trib_wire_Object *object, uint32_t index) {
    uint64_t first = (uint64_t)index * object->chunk_size;
    uint64_t left = object->size - first;
    return (size_t)(left < object->chunk_size ? left : object->chunk_size);
}

typedef struct chunk_place {
    uint8_t nonce[TRIB_AEAD_NONCE_BYTES];
    uint8_t data[ID_BYTES + 8];
} chunk_place;

static chunk_place place_of(const trib_wire_Object *object, uint32_t index) {
    chunk_place place = {.nonce = {0}};
    trib_store_u32(place.nonce, index);
    memcpy(place.data, object->id.bytes, ID_BYTES);
    trib_store_u64(place.data + ID_BYTES, object->size);
    return place;
}

trib_status trib_object_seal_chunk(const trib_crypto *crypto, const trib_object_key *key,
                                   const trib_wire_Object *object, uint32_t index,
                                   trib_bytes plain_object, uint8_t *ret_sealed) {
    TRIB_ASSERT(index < trib_object_chunk_count(object) && plain_object.size == object->size);
    chunk_place place = place_of(object, index);
    trib_bytes plain = trib_bytes_of(plain_object.data + (size_t)index * object->chunk_size,
                                     trib_object_chunk_size(object, index));
    return crypto->aead_seal(key->bytes, place.nonce, trib_bytes_of(place.data, sizeof place.data),
                             plain, ret_sealed);
}

trib_status trib_object_open_chunk(const trib_crypto *crypto, const trib_object_key *key,
                                   const trib_wire_Object *object, uint32_t index,
                                   trib_bytes sealed, uint8_t *ret_object) {
    if (index >= trib_object_chunk_count(object) ||
        sealed.size != trib_object_chunk_size(object, index) + TRIB_AEAD_TAG_BYTES) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "chunk %u has %zu bytes", index, sealed.size);
    }
    chunk_place place = place_of(object, index);
    return crypto->aead_open(key->bytes, place.nonce, trib_bytes_of(place.data, sizeof place.data),
                             sealed, ret_object + (size_t)index * object->chunk_size);
}

trib_status trib_object_verify(const trib_crypto *crypto, const trib_object_key *key,
                               trib_bytes plain) {
    uint8_t digest[TRIB_HASH_BYTES];
    TRIB_TRY(crypto->sha256(plain, digest));
    if (memcmp(digest, key->digest, sizeof digest) != 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "the object is not what its description says");
    }
    return TRIB_SUCCESS;
}
