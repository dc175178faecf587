#include "common/crypto/hpke.h"

#include <string.h>

/* Section 7: the identifiers of the suite, as they stand in every label. */
static const uint8_t kem_suite[] = {'K', 'E', 'M', 0x00, 0x10};
static const uint8_t hpke_suite[] = {'H', 'P', 'K', 'E', 0x00, 0x10, 0x00, 0x01, 0x00, 0x01};
#define KEM_SUITE trib_bytes_of(kem_suite, sizeof kem_suite)
#define HPKE_SUITE trib_bytes_of(hpke_suite, sizeof hpke_suite)

enum { MODE_BASE = 0x00, MODE_AUTH = 0x02 };
enum {
    MAX_LABEL_BYTES = 64,                      /* "HPKE-v1", suite and label of any labelled step */
    CONTEXT_BYTES = 3 * TRIB_PUBLIC_KEY_BYTES, /* enc, recipient, sender */
    SCHEDULE_BYTES = 1 + 2 * TRIB_HASH_BYTES   /* mode, hash of PSK id, hash of info */
};

/* Room for the input of any labelled step, wiped with its scope. */
typedef struct step {
    uint8_t bytes[MAX_LABEL_BYTES + TRIB_HPKE_MAX_INFO_BYTES];
} step;
_Static_assert((int)CONTEXT_BYTES <= (int)TRIB_HPKE_MAX_INFO_BYTES, "the KEM's context fits");

static void step_wipe(step *room) {
    trib_wipe(room, sizeof *room);
}

static trib_status check_size(size_t size) {
    if (size > TRIB_HPKE_MAX_INFO_BYTES) {
        return TRIB_FAIL(TRIB_E_LIMIT, "HPKE is given %zu bytes of info or label, at most %d", size,
                         TRIB_HPKE_MAX_INFO_BYTES);
    }
    return TRIB_SUCCESS;
}

/* Section 4, LabeledExtract. */
static trib_status extract(const trib_crypto *crypto, trib_bytes suite, trib_bytes salt,
                           const char *label, trib_bytes input, uint8_t ret_key[TRIB_HASH_BYTES]) {
    TRIB_TRY(check_size(input.size));
    TRIB_SCOPED(step_wipe) step room;
    trib_writer writer = trib_writer_of(room.bytes, sizeof room.bytes);
    trib_write_bytes(&writer, trib_bytes_text("HPKE-v1"));
    trib_write_bytes(&writer, suite);
    trib_write_bytes(&writer, trib_bytes_text(label));
    trib_write_bytes(&writer, input);
    TRIB_ASSERT(!writer.overflow);
    return crypto->hkdf_extract(salt, trib_written(&writer), ret_key);
}

/* What LabeledExpand is told, so that its callers stay readable. */
typedef struct expansion {
    trib_bytes suite;
    const char *label;
    trib_bytes info;
} expansion;

/* Section 4, LabeledExpand. */
static trib_status expand(const trib_crypto *crypto, const uint8_t key[TRIB_HASH_BYTES],
                          const expansion *of, uint8_t *ret_bytes, size_t size) {
    TRIB_TRY(check_size(of->info.size));
    TRIB_SCOPED(step_wipe) step room;
    trib_writer writer = trib_writer_of(room.bytes, sizeof room.bytes);
    trib_write_u8(&writer, (uint8_t)(size >> 8));
    trib_write_u8(&writer, (uint8_t)size);
    trib_write_bytes(&writer, trib_bytes_text("HPKE-v1"));
    trib_write_bytes(&writer, of->suite);
    trib_write_bytes(&writer, trib_bytes_text(of->label));
    trib_write_bytes(&writer, of->info);
    TRIB_ASSERT(!writer.overflow);
    return crypto->hkdf_expand(key, trib_written(&writer), ret_bytes, size);
}

/* Up to two Diffie-Hellman values, one after the other. */
typedef struct agreement {
    uint8_t bytes[2 * TRIB_SHARED_BYTES];
    size_t size;
} agreement;

static void agreement_wipe(agreement *values) {
    trib_wipe(values, sizeof *values);
}

/* Section 4.1, ExtractAndExpand with the context (enc, recipient, sender if there is one). */
static trib_status shared_secret(const trib_crypto *crypto, const agreement *values,
                                 const trib_public_key *enc, const trib_public_key *recipient,
                                 const trib_public_key *sender, trib_secret *ret_secret) {
    uint8_t context[CONTEXT_BYTES];
    trib_writer writer = trib_writer_of(context, sizeof context);
    trib_write_bytes(&writer, trib_bytes_of(enc->bytes, sizeof enc->bytes));
    trib_write_bytes(&writer, trib_bytes_of(recipient->bytes, sizeof recipient->bytes));
    if (sender != NULL) {
        trib_write_bytes(&writer, trib_bytes_of(sender->bytes, sizeof sender->bytes));
    }
    TRIB_SCOPED(trib_secret_wipe) trib_secret key;
    TRIB_TRY(extract(crypto, KEM_SUITE, (trib_bytes){NULL, 0}, "eae_prk",
                     trib_bytes_of(values->bytes, values->size), key.bytes));
    expansion of = {KEM_SUITE, "shared_secret", trib_written(&writer)};
    return expand(crypto, key.bytes, &of, ret_secret->bytes, sizeof ret_secret->bytes);
}

/* Section 5.1, KeySchedule without a pre-shared key. */
static trib_status key_schedule(const trib_crypto *crypto, uint8_t mode, const trib_secret *shared,
                                trib_bytes info, trib_hpke *ret_context) {
    const trib_bytes nothing = {NULL, 0};
    uint8_t schedule[SCHEDULE_BYTES] = {mode};
    TRIB_TRY(extract(crypto, HPKE_SUITE, nothing, "psk_id_hash", nothing, schedule + 1));
    TRIB_TRY(
        extract(crypto, HPKE_SUITE, nothing, "info_hash", info, schedule + 1 + TRIB_HASH_BYTES));
    TRIB_SCOPED(trib_secret_wipe) trib_secret secret;
    TRIB_TRY(extract(crypto, HPKE_SUITE, trib_bytes_of(shared->bytes, sizeof shared->bytes),
                     "secret", nothing, secret.bytes));
    TRIB_SCOPED(trib_hpke_wipe) trib_hpke context;
    expansion of = {HPKE_SUITE, "key", {schedule, sizeof schedule}};
    TRIB_TRY(expand(crypto, secret.bytes, &of, context.key, sizeof context.key));
    of.label = "base_nonce";
    TRIB_TRY(expand(crypto, secret.bytes, &of, context.base_nonce, sizeof context.base_nonce));
    of.label = "exp";
    TRIB_TRY(
        expand(crypto, secret.bytes, &of, context.exporter_secret, sizeof context.exporter_secret));
    *ret_context = context;
    return TRIB_SUCCESS;
}

/* Section 4.1, Encap and AuthEncap; section 5.1, SetupS. */
trib_status trib_hpke_setup_sender(const trib_crypto *crypto, const trib_hpke_sender *sender,
                                   trib_public_key *ret_enc, trib_hpke *ret_context) {
    TRIB_SCOPED(trib_key_pair_wipe) trib_key_pair ephemeral;
    if (sender->ephemeral != NULL) {
        ephemeral = *sender->ephemeral;
    } else {
        TRIB_TRY(crypto->generate(&ephemeral));
    }
    TRIB_SCOPED(agreement_wipe) agreement values = {.size = TRIB_SHARED_BYTES};
    TRIB_TRY(crypto->agree(&ephemeral.secret, sender->recipient, values.bytes));
    if (sender->own != NULL) {
        TRIB_TRY(crypto->agree(&sender->own->secret, sender->recipient,
                               values.bytes + TRIB_SHARED_BYTES));
        values.size = 2 * TRIB_SHARED_BYTES;
    }
    TRIB_SCOPED(trib_secret_wipe) trib_secret shared;
    TRIB_TRY(shared_secret(crypto, &values, &ephemeral.public, sender->recipient,
                           sender->own != NULL ? &sender->own->public : NULL, &shared));
    TRIB_TRY(key_schedule(crypto, sender->own != NULL ? MODE_AUTH : MODE_BASE, &shared,
                          sender->info, ret_context));
    *ret_enc = ephemeral.public;
    return TRIB_SUCCESS;
}

/* Section 4.1, Decap and AuthDecap; section 5.1, SetupR. */
trib_status trib_hpke_setup_receiver(const trib_crypto *crypto, const trib_hpke_receiver *receiver,
                                     trib_hpke *ret_context) {
    TRIB_SCOPED(agreement_wipe) agreement values = {.size = TRIB_SHARED_BYTES};
    TRIB_TRY(crypto->agree(&receiver->own->secret, receiver->enc, values.bytes));
    if (receiver->sender != NULL) {
        TRIB_TRY(crypto->agree(&receiver->own->secret, receiver->sender,
                               values.bytes + TRIB_SHARED_BYTES));
        values.size = 2 * TRIB_SHARED_BYTES;
    }
    TRIB_SCOPED(trib_secret_wipe) trib_secret shared;
    TRIB_TRY(shared_secret(crypto, &values, receiver->enc, &receiver->own->public, receiver->sender,
                           &shared));
    return key_schedule(crypto, receiver->sender != NULL ? MODE_AUTH : MODE_BASE, &shared,
                        receiver->info, ret_context);
}

/* Section 5.2, ComputeNonce: base_nonce XOR sequence, big-endian in the last 8 of 12 bytes. */
static void compute_nonce(const trib_hpke *context, uint64_t sequence,
                          uint8_t ret_nonce[TRIB_AEAD_NONCE_BYTES]) {
    memcpy(ret_nonce, context->base_nonce, TRIB_AEAD_NONCE_BYTES);
    for (unsigned i = 0; i < 8; i++) {
        ret_nonce[TRIB_AEAD_NONCE_BYTES - 1 - i] ^= (uint8_t)(sequence >> (8 * i));
    }
}

trib_status trib_hpke_seal(const trib_crypto *crypto, const trib_hpke *context, uint64_t sequence,
                           trib_bytes associated, trib_bytes text, uint8_t *ret_sealed) {
    uint8_t nonce[TRIB_AEAD_NONCE_BYTES];
    compute_nonce(context, sequence, nonce);
    return crypto->aead_seal(context->key, nonce, associated, text, ret_sealed);
}

trib_status trib_hpke_open(const trib_crypto *crypto, const trib_hpke *context, uint64_t sequence,
                           trib_bytes associated, trib_bytes sealed, uint8_t *ret_text) {
    uint8_t nonce[TRIB_AEAD_NONCE_BYTES];
    compute_nonce(context, sequence, nonce);
    return crypto->aead_open(context->key, nonce, associated, sealed, ret_text);
}

/* Section 5.3. */
trib_status trib_hpke_export(const trib_crypto *crypto, const trib_hpke *context, trib_bytes label,
                             uint8_t *ret_bytes, size_t size) {
    expansion of = {HPKE_SUITE, "sec", label};
    return expand(crypto, context->exporter_secret, &of, ret_bytes, size);
}

void trib_hpke_wipe(trib_hpke *context) {
    trib_wipe(context, sizeof *context);
}
