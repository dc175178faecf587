#include "tests/sim/keys.h"

#include <string.h>

#include "common/base/file.h"
#include "common/crypto/identity.h"
#include "common/crypto/posix/key_file.h"
#include "common/crypto/signature.h"

enum { DAY_S = 86400, KEY_FILE = TRIB_PRIVATE_KEY_BYTES };

static trib_random draws;
static trib_secret world_secret;
static trib_crypto table;
static trib_key_pair authority, stranger, cloud;
static bool cloud_known;

/* ---- a curve of hashes --------------------------------------------------------------------- */

static void hash_of(const char *what, const void *first, size_t first_size, const void *second,
                    size_t second_size, uint8_t ret_hash[TRIB_HASH_BYTES]) {
    uint8_t text[16 + 2 * TRIB_PUBLIC_KEY_BYTES + TRIB_HASH_BYTES] = {0};
    TRIB_ASSERT(strlen(what) < 16 && first_size + second_size + 16 <= sizeof text);
    (void)snprintf((char *)text, 16, "%s", what);
    memcpy(text + 16, first, first_size);
    memcpy(text + 16 + first_size, second, second_size);
    trib_ignore(trib_crypto_openssl()->hmac(trib_bytes_of(world_secret.bytes, 32),
                                            trib_bytes_of(text, 16 + first_size + second_size),
                                            ret_hash));
}

static trib_status model_public_of(const trib_private_key *key, trib_public_key *ret_key) {
    ret_key->bytes[0] = 4;
    hash_of("x", key->bytes, 32, "", 0, ret_key->bytes + 1);
    hash_of("y", ret_key->bytes + 1, 32, "", 0, ret_key->bytes + 33);
    return TRIB_SUCCESS;
}

static trib_status model_check_public(const trib_public_key *key) {
    uint8_t y[TRIB_HASH_BYTES];
    hash_of("y", key->bytes + 1, 32, "", 0, y);
    return key->bytes[0] == 4 && memcmp(y, key->bytes + 33, 32) == 0
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_CORRUPT, "not a point of the curve");
}

static trib_status model_agree(const trib_private_key *own, const trib_public_key *other,
                               uint8_t ret_shared[TRIB_SHARED_BYTES]) {
    trib_public_key mine;
    TRIB_TRY(model_check_public(other));
    TRIB_TRY(model_public_of(own, &mine));
    bool first = memcmp(mine.bytes, other->bytes, sizeof mine.bytes) < 0;
    hash_of("agree", first ? mine.bytes : other->bytes, TRIB_PUBLIC_KEY_BYTES,
            first ? other->bytes : mine.bytes, TRIB_PUBLIC_KEY_BYTES, ret_shared);
    return TRIB_SUCCESS;
}

static void signature_of(const trib_public_key *key, const uint8_t hash[TRIB_HASH_BYTES],
                         trib_signature *ret_signature) {
    hash_of("r", key->bytes, TRIB_PUBLIC_KEY_BYTES, hash, TRIB_HASH_BYTES, ret_signature->bytes);
    hash_of("s", key->bytes, TRIB_PUBLIC_KEY_BYTES, hash, TRIB_HASH_BYTES,
            ret_signature->bytes + 32);
}

static trib_status model_sign(const trib_private_key *key, const uint8_t hash[TRIB_HASH_BYTES],
                              trib_signature *ret_signature) {
    trib_public_key own;
    TRIB_TRY(model_public_of(key, &own));
    signature_of(&own, hash, ret_signature);
    return TRIB_SUCCESS;
}

static trib_status model_verify(const trib_public_key *key, const uint8_t hash[TRIB_HASH_BYTES],
                                const trib_signature *signature) {
    trib_signature right;
    signature_of(key, hash, &right);
    return memcmp(right.bytes, signature->bytes, sizeof right.bytes) == 0
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_DENIED, "the signature does not match");
}

/* ---- either way ---------------------------------------------------------------------------- */

static trib_status draw_bytes(uint8_t *ret_bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        ret_bytes[i] = (uint8_t)trib_random_u32(&draws);
    }
    return TRIB_SUCCESS;
}

static trib_status draw_pair(trib_key_pair *ret_pair) {
    trib_ignore(draw_bytes(ret_pair->secret.bytes, sizeof ret_pair->secret.bytes));
    ret_pair->secret.bytes[0] &= 0x7f; /* below the order of the group */
    return table.public_of(&ret_pair->secret, &ret_pair->public);
}

const trib_crypto *trib_crypto_host(void) {
    return &table;
}

const trib_private_key *sim_stranger(void) {
    return &stranger.secret;
}

void sim_keys_begin(void) {
    trib_random_init(&draws, sim.options.seed, "keys", 0, TRIB_PURPOSE_TEST);
    table = *trib_crypto_openssl();
    table.name = sim.real_keys ? "openssl" : "modelled";
    table.random = draw_bytes;
    table.generate = draw_pair;
    table.sign = sim.real_keys ? trib_crypto_mbedtls()->sign : model_sign;
    if (!sim.real_keys) {
        table.public_of = model_public_of;
        table.check_public = model_check_public;
        table.agree = model_agree;
        table.verify = model_verify;
    }
    trib_ignore(draw_bytes(world_secret.bytes, sizeof world_secret.bytes));
    trib_ignore(draw_pair(&authority));
    trib_ignore(draw_pair(&stranger));
    cloud_known = false;
}

/* ---- certificates -------------------------------------------------------------------------- */

typedef struct certificate {
    trib_identity identity;
    trib_signature signature;
} certificate;

static trib_key_pair gateway_keys[SIM_MAX_ACTORS];
static char certificates[SIM_MAX_ACTORS][2 * sizeof(certificate) + 1];

static sim_actor *place_of(const char *path) {
    for (uint32_t i = 0; i < sim.actor_count; i++) {
        size_t length = strlen(sim.actors[i].place);
        if (strncmp(path, "/site/", 6) == 0 &&
            strncmp(path + 6, sim.actors[i].place, length) == 0 && path[6 + length] == '.') {
            return &sim.actors[i];
        }
    }
    return NULL;
}

void sim_keys_enrol(sim_actor *actor) {
    size_t at = (size_t)(actor - sim.actors);
    certificate made;
    memset(&made, 0, sizeof made);
    trib_ignore(draw_pair(&gateway_keys[at]));
    memcpy(made.identity.name, actor->name, sizeof made.identity.name);
    made.identity.key = gateway_keys[at].public;
    made.identity.not_before_s = actor->enrolled_s;
    made.identity.not_after_s = actor->enrolled_s + 365 * DAY_S;
    trib_ignore(draw_bytes(made.identity.fingerprint, sizeof made.identity.fingerprint));
    trib_hex(trib_bytes_of(made.identity.fingerprint, 16), made.identity.serial);
    trib_ignore(trib_sign(&table, &authority.secret, "certificate",
                          trib_bytes_of(&made.identity, sizeof made.identity), &made.signature));
    trib_hex(trib_bytes_of(&made, sizeof made), certificates[at]);
}

void sim_keys_copy(const sim_actor *copy, const sim_actor *original) {
    gateway_keys[copy - sim.actors] = gateway_keys[original - sim.actors];
    memcpy(certificates[copy - sim.actors], certificates[original - sim.actors],
           sizeof certificates[0]);
}

static trib_status read_certificate(trib_bytes text, certificate *ret_certificate) {
    char copy[sizeof certificates[0]];
    if (text.size != sizeof copy - 1) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%zu bytes are no certificate", text.size);
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return trib_unhex(copy, (uint8_t *)ret_certificate, sizeof *ret_certificate);
}

trib_status trib_identity_read(trib_bytes chain_pem, trib_identity *ret_identity) {
    certificate parsed;
    TRIB_TRY(read_certificate(chain_pem, &parsed));
    *ret_identity = parsed.identity;
    return TRIB_SUCCESS;
}

trib_status trib_identity_verify(trib_bytes chain_pem, trib_bytes authorities_pem, int64_t now_s,
                                 trib_identity *ret_identity) {
    certificate parsed;
    (void)authorities_pem;
    TRIB_TRY(read_certificate(chain_pem, &parsed));
    TRIB_TRY(trib_verify(&table, &authority.public, "certificate",
                         trib_bytes_of(&parsed.identity, sizeof parsed.identity),
                         &parsed.signature));
    if (now_s < parsed.identity.not_before_s || now_s >= parsed.identity.not_after_s) {
        return TRIB_FAIL(TRIB_E_DENIED, "the certificate does not hold now");
    }
    *ret_identity = parsed.identity;
    return TRIB_SUCCESS;
}

/* ---- files: what operators put in place is always there; the rest is on the actor's disk ---- */

trib_status trib_file_read(const char *path, trib_buffer *ret_bytes) {
    const sim_actor *owner = place_of(path);
    const char *text = owner != NULL ? certificates[owner - sim.actors] : "the authority\n";
    return trib_buffer_append(ret_bytes, trib_bytes_text(text));
}

trib_status trib_key_file_load(const char *path, trib_key_pair *ret_pair) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer bytes = {.ceiling = KEY_FILE};
    const sim_actor *owner = place_of(path);
    if (owner != NULL) {
        *ret_pair = gateway_keys[owner - sim.actors];
        return TRIB_SUCCESS;
    }
    TRIB_TRY(trib_disk_read(sim_disk_port(sim.current->disk), path, &bytes));
    if (bytes.size != KEY_FILE) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s: %zu bytes are no key", path, bytes.size);
    }
    memcpy(ret_pair->secret.bytes, bytes.data, KEY_FILE);
    return table.public_of(&ret_pair->secret, &ret_pair->public);
}

trib_status trib_key_file_save(const char *path, const trib_key_pair *pair) {
    const char *name = strrchr(path, '/');
    char folder[256];
    TRIB_ASSERT(name != NULL);
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(name - path), path);
    return trib_disk_replace(sim_disk_port(sim.current->disk), folder, name + 1,
                             trib_bytes_of(pair->secret.bytes, KEY_FILE));
}

/* The cloud's public key, which gateways are given by hand. */
trib_status trib_public_key_file_save(const char *path, const trib_public_key *key) {
    (void)path;
    cloud.public = *key;
    cloud_known = true;
    return TRIB_SUCCESS;
}

trib_status trib_public_key_file_load(const char *path, trib_public_key *ret_key) {
    if (!cloud_known) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "%s: the cloud has not started yet", path);
    }
    *ret_key = cloud.public;
    return TRIB_SUCCESS;
}
