#include "common/crypto/keys.h"

#include <string.h>

#include "common/crypto/signature.h"

trib_status trib_key_id_of(const trib_crypto *crypto, const trib_public_key *key,
                           trib_key_id *ret_id) {
    uint8_t hash[TRIB_HASH_BYTES];
    TRIB_TRY(crypto->sha256(trib_bytes_of(key->bytes, sizeof key->bytes), hash));
    trib_hex(trib_bytes_of(hash, TRIB_KEY_ID_BYTES), ret_id->text);
    return TRIB_SUCCESS;
}

static const trib_public_key *find(const trib_trusted *list, const char *key_id) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->ids[i].text, key_id) == 0) {
            return &list->keys[i];
        }
    }
    return NULL;
}

trib_status trib_trusted_add(const trib_crypto *crypto, trib_trusted *list,
                             const trib_public_key *key) {
    trib_key_id id;
    TRIB_TRY(crypto->check_public(key));
    TRIB_TRY(trib_key_id_of(crypto, key, &id));
    const trib_public_key *there = find(list, id.text);
    if (there != NULL) {
        return memcmp(there, key, sizeof *key) == 0
                   ? TRIB_SUCCESS
                   : TRIB_FAIL(TRIB_E_DENIED, "another trusted key has the id %s", id.text);
    }
    if (list->count >= TRIB_MAX_TRUSTED) {
        return TRIB_FAIL(TRIB_E_LIMIT, "%d keys are trusted already: drop one before adding %s",
                         TRIB_MAX_TRUSTED, id.text);
    }
    list->keys[list->count] = *key;
    list->ids[list->count] = id;
    list->count++;
    return TRIB_SUCCESS;
}

trib_status trib_trusted_verify(const trib_crypto *crypto, const trib_trusted *list,
                                const char *key_id, const char *purpose, trib_bytes message,
                                const trib_signature *signature) {
    const trib_public_key *key = find(list, key_id);
    if (key == NULL) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "\"%.*s\" names none of the %zu trusted keys",
                         TRIB_KEY_ID_TEXT - 1, key_id, list->count);
    }
    return trib_verify(crypto, key, purpose, message, signature);
}
