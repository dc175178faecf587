/* Writes a first corpus: for each target a folder with what our own writers write. From there the
 * fuzzer goes on; a random file would not get past a checksum or a digest.
 *
 *     fuzz_seeds FOLDER
 */
#include <stdio.h>
#include <sys/stat.h>

#include "cloud/ledger/ledger.h"
#include "common/crypto/authority.h"
#include "common/crypto/pem.h"
#include "common/model/model.h"
#include "common/port/posix/system.h"
#include "common/seal/envelope.h"
#include "common/update/statistics.h"
#include "common/update/update.h"
#include "common/wire/wire.h"
#include "tests/fuzz/document.h"
#include "tests/fuzz/seeds.h"

enum { ROOM = 1 << 16, PARAMETERS = 300 };

static const char *corpus;

FILE *seed_create(const char *target, const char *name) {
    char path[512];
    (void)mkdir(corpus, 0755); /* all but the first time it is there */
    (void)snprintf(path, sizeof path, "%s/%s", corpus, target);
    (void)mkdir(path, 0755);
    (void)snprintf(path, sizeof path, "%s/%s/%s", corpus, target, name);
    FILE *file = fopen(path, "wb");
    FUZZ_MUST(file != NULL);
    return file;
}

void seed_put(const char *target, const char *name, trib_bytes bytes) {
    FILE *file = seed_create(target, name);
    FUZZ_MUST(fwrite(bytes.data, 1, bytes.size, file) == bytes.size && fclose(file) == 0);
}

/* ---- updates, whole and in chunks ---------------------------------------------------------- */

static void put_chunk(trib_bytes part, uint32_t index, trib_wire_UpdateChunk *chunk, FILE *file) {
    uint8_t encoded[ROOM];
    trib_writer writer = trib_writer_of(encoded, sizeof encoded);
    chunk->index = index;
    trib_wire_put(&chunk->data, &part);
    FUZZ_MUST(trib_ok(TRIB_WIRE_ENCODE(UpdateChunk, chunk, &writer)));
    FUZZ_MUST(fputc((int)(writer.size & 255), file) != EOF);
    FUZZ_MUST(fputc((int)(writer.size >> 8), file) != EOF);
    FUZZ_MUST(fwrite(encoded, 1, writer.size, file) == writer.size);
}

static void put_chunks(trib_bytes whole) {
    uint8_t digest[TRIB_HASH_BYTES];
    size_t half = whole.size / 2;
    FILE *file = seed_create("chunks", "two");
    trib_wire_UpdateChunk chunk = trib_wire_UpdateChunk_init_zero;
    FUZZ_MUST(trib_ok(trib_crypto_host()->sha256(whole, digest)));
    TRIB_WIRE_SET_BYTES(chunk.digest, digest, sizeof digest);
    chunk.round = 1;
    chunk.count = 2;
    chunk.size = (uint32_t)whole.size;
    put_chunk(trib_bytes_of(whole.data, half), 0, &chunk, file);
    put_chunk(trib_bytes_of(whole.data + half, whole.size - half), 1, &chunk, file);
    FUZZ_MUST(fclose(file) == 0);
}

static void put_update(trib_bytes packed) {
    uint8_t encoded[ROOM];
    trib_writer writer = trib_writer_of(encoded, sizeof encoded);
    trib_wire_Update update = trib_wire_Update_init_zero;
    update.round = 1;
    update.kind = trib_wire_RoundKind_ROUND_KIND_TRAINING;
    update.payload_size = (uint32_t)packed.size;
    trib_wire_put(&update.payload, &packed);
    FUZZ_MUST(trib_ok(TRIB_WIRE_ENCODE(Update, &update, &writer)));
    put_chunks(trib_written(&writer));
}

static void put_updates(void) {
    static const struct {
        trib_codec codec;
        const char *name;
    } codecs[] = {{TRIB_CODEC_FLOAT32, "float32"}, {TRIB_CODEC_INT8, "int8"}};
    for (size_t c = 0; c < sizeof codecs / sizeof codecs[0]; c++) {
        float delta[PARAMETERS];
        uint8_t packed[ROOM];
        trib_random random;
        trib_writer writer = trib_writer_of(packed, sizeof packed);
        trib_random_init(&random, c, "press-1", 1, TRIB_PURPOSE_QUANTISE);
        for (int i = 0; i < PARAMETERS; i++) {
            delta[i] = (float)(i % 7 - 3) / 64;
        }
        FUZZ_MUST(trib_ok(
            trib_update_pack(codecs[c].codec, delta, PARAMETERS, 100, 1, &random, &writer)));
        seed_put("update", codecs[c].name, trib_written(&writer));
        put_update(trib_written(&writer));
    }
}

static void put_statistics(void) {
    enum { COLUMNS = 3 };
    double storage[2 * COLUMNS];
    uint8_t packed[ROOM];
    trib_writer writer = trib_writer_of(packed, sizeof packed);
    trib_moments moments;
    trib_moments_init(&moments, storage, storage + COLUMNS, COLUMNS);
    trib_moments_add(&moments, (const float[2 * COLUMNS]){1, 2, 3, 2, 2, 5}, 2);
    FUZZ_MUST(trib_ok(trib_statistics_pack(&moments, &writer)));
    seed_put("update", "statistics", trib_written(&writer));
}

/* ---- files --------------------------------------------------------------------------------- */

static void put_model(void) {
    static trib_federation federation; /* large */
    trib_model *model = NULL;
    FUZZ_MUST(trib_ok(trib_federation_parse("f", trib_bytes_text(fuzz_document), &federation)));
    FUZZ_MUST(trib_ok(trib_model_create(trib_crypto_host(), &federation, &model)));
    trib_buffer file = {.ceiling = trib_model_file_ceiling(&federation)};
    FUZZ_MUST(trib_ok(trib_model_write(model, &file)));
    seed_put("model", "small", trib_buffer_view(&file));
    trib_buffer_deinit(&file);
    trib_model_destroy(model);
}

static void put_ledger(void) {
    char folder[512];
    cloud_ledger *ledger = NULL;
    uint64_t position;
    (void)fclose(seed_create("ledger", "empty"));
    (void)snprintf(folder, sizeof folder, "%s/ledger", corpus);
    FUZZ_MUST(trib_ok(cloud_ledger_open(trib_posix_disk(), folder, 7, &ledger)));
    for (uint32_t i = 1; i < 5; i++) {
        trib_bytes part = trib_bytes_of("record by record", 4 * i);
        FUZZ_MUST(trib_ok(cloud_ledger_append(ledger, i, &part, 1, &position)));
    }
    FUZZ_MUST(trib_ok(cloud_ledger_sync(ledger)));
    cloud_ledger_close(ledger);
}

static void put_join(const trib_key_pair *key, trib_bytes chain, trib_writer *envelope) {
    uint8_t bytes[ROOM];
    trib_writer body = trib_writer_of(bytes, sizeof bytes);
    trib_wire_Join join = {.federation = "plant", .gateway = "press-1", .generation = 1};
    TRIB_WIRE_SET_BYTES(join.enc, key->public.bytes, TRIB_PUBLIC_KEY_BYTES);
    TRIB_WIRE_SET_BYTES(join.agreement_key, key->public.bytes, TRIB_PUBLIC_KEY_BYTES);
    trib_wire_put(&join.chain, &chain);
    FUZZ_MUST(trib_ok(TRIB_WIRE_ENCODE(Join, &join, &body)));
    FUZZ_MUST(trib_ok(trib_envelope_seal(trib_crypto_host(), &key->secret, "", "join",
                                         trib_written(&body), envelope)));
    seed_put("identity", "join", trib_written(envelope));
}

static void put_identity(void) {
    trib_key_pair key;
    trib_key_pem pem;
    uint8_t bytes[ROOM];
    trib_writer envelope = trib_writer_of(bytes, sizeof bytes);
    trib_buffer file = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    FUZZ_MUST(trib_ok(trib_crypto_host()->generate(&key)));
    FUZZ_MUST(trib_ok(trib_authority_create("somebody", &key, 1700000000, &file)));
    seed_put("identity", "certificate", trib_buffer_view(&file));
    FUZZ_MUST(trib_ok(trib_key_pair_to_pem(&key, &pem)));
    seed_put("identity", "key", trib_bytes_text(pem.text));
    FUZZ_MUST(trib_ok(trib_public_key_to_pem(&key.public, &pem)));
    seed_put("identity", "public", trib_bytes_text(pem.text));
    put_join(&key, trib_buffer_view(&file), &envelope);
    trib_buffer_deinit(&file);
}

int main(int count, char **arguments) {
    if (count != 2) {
        (void)fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
        return 2;
    }
    corpus = arguments[1];
    seed_texts();
    seed_messages();
    seed_programs();
    put_updates();
    put_statistics();
    put_model();
    put_ledger();
    put_identity();
    return 0;
}
