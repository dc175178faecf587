#include "common/seal/envelope.h"
#include "common/wire/wire.h"
#include "tests/fuzz/seeds.h"

enum { ROOM = 1024 };

static const uint8_t numbers[65] = {4, 1, 2, 3}; /* keys, digests: nobody looks at them here */
static trib_bytes text = {(const uint8_t *)"some text", 9};

/* The target's first byte says what follows: see fuzz_wire.c. */
static void put(uint8_t kind, const char *name, const pb_msgdesc_t *fields, const void *message) {
    uint8_t bytes[ROOM];
    trib_writer writer = trib_writer_of(bytes, sizeof bytes);
    trib_write_u8(&writer, kind);
    FUZZ_MUST(trib_ok(trib_wire_encode(fields, message, &writer)));
    seed_put("wire", name, trib_written(&writer));
}

static trib_wire_Object object(void) {
    trib_wire_Object made = {.size = 1000, .chunk_size = 100, .epoch = 1};
    TRIB_WIRE_SET_BYTES(made.id, numbers, sizeof made.id.bytes);
    TRIB_WIRE_SET_BYTES(made.wrapped_key, numbers, sizeof made.wrapped_key.bytes);
    return made;
}

static void put_notices(void) {
    trib_wire_Signed envelope = {.key_id = "0123456789abcdef"};
    trib_wire_Federation federation = {
        .federation = "plant", .incarnation = 1, .revision = 2, .epoch = 1, .boot = 3};
    trib_wire_Round round = {.federation = "plant",
                             .round = 1,
                             .open = true,
                             .kind = trib_wire_RoundKind_ROUND_KIND_TRAINING,
                             .has_base = true,
                             .base = object(),
                             .max_updates = 4,
                             .clip_norm = 1,
                             .grid_exponent = -20,
                             .fraction_ppm = 1000000};
    const trib_wire_Release release = {
        .federation = "plant", .release = 1, .has_model = true, .model = object()};
    TRIB_WIRE_SET_BYTES(envelope.signature, numbers, sizeof envelope.signature.bytes);
    TRIB_WIRE_SET_BYTES(federation.agreement_key, numbers, sizeof federation.agreement_key.bytes);
    TRIB_WIRE_SET_BYTES(round.salt, numbers, sizeof round.salt.bytes);
    trib_wire_put(&envelope.body, &text);
    trib_wire_put(&federation.document, &text);
    put(0, "signed", trib_wire_Signed_fields, &envelope);
    put(10, "envelope", trib_wire_Signed_fields, &envelope);
    put(1, "federation", trib_wire_Federation_fields, &federation);
    put(2, "round", trib_wire_Round_fields, &round);
    put(3, "release", trib_wire_Release_fields, &release);
}

static void put_sealed(void) {
    trib_wire_Welcome welcome = {.session = 7, .incarnation = 1, .epochs_count = 1};
    trib_wire_UpdateChunk chunk = {.round = 1, .count = 1, .size = 9};
    trib_wire_Update update = {.round = 1, .payload_size = 9, .loss = 0.5f, .kernels = "reference"};
    trib_wire_Receipt receipt = {
        .round = 1, .verdict = trib_wire_Verdict_VERDICT_LATE, .reason = "the round is closed"};
    const trib_wire_Prediction prediction = {
        .release = 1, .label = -1, .label_name = "idle", .values_count = 2, .values = {1, -2.5f}};
    TRIB_WIRE_SET_BYTES(welcome.epochs[0].key, numbers, sizeof welcome.epochs[0].key.bytes);
    TRIB_WIRE_SET_BYTES(chunk.digest, numbers, sizeof chunk.digest.bytes);
    TRIB_WIRE_SET_BYTES(update.base_digest, numbers, sizeof update.base_digest.bytes);
    TRIB_WIRE_SET_BYTES(receipt.digest, numbers, sizeof receipt.digest.bytes);
    trib_wire_put(&chunk.data, &text);
    trib_wire_put(&update.payload, &text);
    put(5, "welcome", trib_wire_Welcome_fields, &welcome);
    put(6, "chunk", trib_wire_UpdateChunk_fields, &chunk);
    put(7, "update", trib_wire_Update_fields, &update);
    put(8, "receipt", trib_wire_Receipt_fields, &receipt);
    put(9, "prediction", trib_wire_Prediction_fields, &prediction);
}

static void put_telemetry(void) {
    trib_wire_Telemetry telemetry = {.level = trib_wire_TelemetryLevel_TELEMETRY_LEVEL_RAW,
                                     .columns = 2};
    trib_bytes times_us = trib_bytes_of(numbers, 16), values = trib_bytes_of(numbers, 16),
               labels = trib_bytes_of(numbers, 2);
    TRIB_WIRE_SET_BYTES(telemetry.meaning, numbers, sizeof telemetry.meaning.bytes);
    trib_wire_put(&telemetry.times_us, &times_us);
    trib_wire_put(&telemetry.values, &values);
    trib_wire_put(&telemetry.labels, &labels);
    put(11, "telemetry", trib_wire_Telemetry_fields, &telemetry);
}

static void put_join(void) {
    trib_wire_Join join = {.federation = "plant",
                           .gateway = "press-1",
                           .generation = 1,
                           .has_capabilities = true,
                           .capabilities = {.agent_version = "1", .codecs = 6}};
    TRIB_WIRE_SET_BYTES(join.enc, numbers, sizeof join.enc.bytes);
    TRIB_WIRE_SET_BYTES(join.agreement_key, numbers, sizeof join.agreement_key.bytes);
    trib_wire_put(&join.chain, &text);
    put(4, "join", trib_wire_Join_fields, &join);
}

void seed_messages(void) {
    put_notices();
    put_sealed();
    put_telemetry();
    put_join();
    seed_put("wire", "topic", trib_bytes_text("\x0ctributary/v1/plant/press-1/up/join"));
}
