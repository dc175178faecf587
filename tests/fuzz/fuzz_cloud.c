/* The cloud, and the fuzzer as its gateways, with keys and certificates that it believes: joins,
 * updates and predictions come signed and sealed as they should be, whatever their fields say. They
 * may also be noise, come again, or come changed; gateways may be revoked, time may pass, the
 * document may change, and the cloud may be killed after anything that it has settled. */
#include "common/signal/pipeline.h"
#include "common/update/statistics.h"
#include "common/update/update.h"
#include "tests/fuzz/gateway.h"
#include "tests/fuzz/steps.h"

enum { STEPS = 48, GATEWAYS = 2, ROOM = FUZZ_MESSAGE_ROOM + 1024 };

/* What comes under a topic: of its kind, and as bytes. */
typedef struct message {
    trib_topic_kind kind;
    size_t gateway;
    char topic[TRIB_TOPIC_SIZE];
    size_t size;
    uint8_t bytes[ROOM];
} message;

/* What only rises, and what may rise by one. */
typedef struct numbers {
    uint64_t round, closed_through, release, revision, records, accepted;
} numbers;

static cloud_core *core;
static fuzz_gateway gateways[GATEWAYS];
static message last;
static uint8_t opened[4 * STEPS][TRIB_HASH_BYTES]; /* frames that were, in whatever session */
static size_t opened_count;

static cloud_member *plant(void) {
    cloud_member *member = cloud_find(core, "plant");
    FUZZ_MUST(member != NULL);
    return member;
}

static cloud_gateway *known_as(const fuzz_gateway *gateway) {
    return cloud_gateway_find(&plant()->live->gateways, gateway->name);
}

/* ---- what must hold ------------------------------------------------------------------------ */

static numbers look(void) {
    const cloud_live *live = plant()->live;
    return (numbers){.round = live->round.plan.number,
                     .closed_through = live->closed_through,
                     .release = live->release_count,
                     .revision = live->revision,
                     .records = cloud_ledger_end(core->ledger),
                     .accepted = core->counts.accepted};
}

static void must_not_go_back(const numbers *before) {
    const cloud_live *live = plant()->live;
    numbers now = look();
    FUZZ_MUST(!core->failed);
    FUZZ_MUST(now.round >= before->round && now.closed_through >= before->closed_through);
    FUZZ_MUST(now.release >= before->release && now.revision >= before->revision);
    FUZZ_MUST(now.records >= before->records);
    FUZZ_MUST(live->round.accepted <= GATEWAYS &&
              live->round.accepted <= live->round.plan.expected);
    FUZZ_MUST(live->round.weight <= (uint64_t)live->round.accepted * live->round.plan.max_weight);
}

/* One frame is opened once, whatever was restarted, joined or replayed since. */
static void note_opened(const message *frame) {
    uint8_t *digest = opened[opened_count];
    FUZZ_MUST(opened_count < sizeof opened / sizeof opened[0]);
    FUZZ_MUST(trib_ok(core->crypto->sha256(trib_bytes_of(frame->bytes, frame->size), digest)));
    for (size_t i = 0; i < opened_count; i++) {
        FUZZ_MUST(memcmp(opened[i], digest, TRIB_HASH_BYTES) != 0);
    }
    opened_count++;
}

static uint64_t next_of(const cloud_gateway *known, trib_topic_kind kind) {
    return kind == TRIB_TOPIC_UP_UPDATE      ? known->update.next
           : kind == TRIB_TOPIC_UP_TELEMETRY ? known->telemetry.next
                                             : known->prediction.next;
}

static void settle(void) {
    FUZZ_MUST(trib_ok(cloud_settle(core)));
    cloud_tick(core);
    FUZZ_MUST(trib_ok(cloud_settle(core)));
    cloud_prune(core);
}

/* Only what the document in force asks for is taken, and nothing of the revoked. */
static void deliver_telemetry(const message *it, cloud_gateway *known) {
    uint64_t taken = core->counts.telemetry;
    cloud_handle_telemetry(core, plant(), known, it->topic, trib_bytes_of(it->bytes, it->size));
    FUZZ_MUST(core->counts.telemetry >= taken &&
              core->counts.telemetry <= taken + TRIB_TELEMETRY_MAX_RECORDS);
    FUZZ_MUST(core->counts.telemetry == taken ||
              (!known->revoked && plant()->live->federation->telemetry != TRIB_TELEMETRY_NONE));
}

static void deliver_frame(const message *it, cloud_gateway *known) {
    uint64_t accepted = core->counts.accepted, counted_round = known->counted_round;
    uint64_t next = known->keyed ? next_of(known, it->kind) : 0;
    trib_bytes frame = trib_bytes_of(it->bytes, it->size);
    known->seen_ms = 0; /* it is seen when a frame of it is opened */
    if (it->kind == TRIB_TOPIC_UP_UPDATE) {
        cloud_handle_update(core, plant(), known, it->topic, frame);
    } else if (it->kind == TRIB_TOPIC_UP_TELEMETRY) {
        deliver_telemetry(it, known);
    } else {
        cloud_handle_prediction(core, plant(), known, it->topic, frame);
    }
    bool was_opened = known->seen_ms != 0;
    if (was_opened) {
        note_opened(it);
    }
    FUZZ_MUST(was_opened ? next_of(known, it->kind) > next : next_of(known, it->kind) >= next);
    FUZZ_MUST(core->counts.accepted <= accepted + 1);
    if (core->counts.accepted > accepted) {
        FUZZ_MUST(was_opened && !known->revoked);
        FUZZ_MUST(known->counted_round == plant()->live->round.plan.number);
        FUZZ_MUST(known->counted_round > counted_round); /* once a round */
    }
}

static void deliver(const message *it) {
    const fuzz_gateway *gateway = &gateways[it->gateway];
    cloud_gateway *known = known_as(gateway);
    if (it->kind == TRIB_TOPIC_UP_JOIN) {
        uint64_t joins = core->counts.joins;
        bool revoked = cloud_revoked_has(&core->revoked, gateway->name);
        cloud_handle_join(core, plant(), gateway->name, trib_bytes_of(it->bytes, it->size));
        FUZZ_MUST(!revoked || core->counts.joins == joins);
    } else if (known != NULL) {
        deliver_frame(it, known);
    }
}

/* ---- what gateways say --------------------------------------------------------------------- */

static void say_join(size_t which, trib_cursor *program) {
    trib_writer envelope = trib_writer_of(last.bytes, sizeof last.bytes);
    fuzz_gateway_join(&gateways[which], core, program, &envelope);
    last.kind = TRIB_TOPIC_UP_JOIN;
    last.gateway = which;
    last.size = envelope.size;
    deliver(&last);
}

static void seal(size_t which, trib_channel *channel, trib_bytes plain) {
    trib_writer frame = trib_writer_of(last.bytes, sizeof last.bytes);
    fuzz_gateway_seal(&gateways[which], channel, plain, last.topic, &frame);
    FUZZ_MUST(!frame.overflow);
    last.kind = channel->kind;
    last.gateway = which;
    last.size = frame.size;
    deliver(&last);
}

static void pack_statistics(uint8_t form, trib_writer *payload) {
    double mean[8], squares[8];
    size_t columns = trib_pipeline_columns(&plant()->live->federation->pipeline);
    FUZZ_MUST(columns <= sizeof mean / sizeof mean[0]);
    for (size_t i = 0; i < columns; i++) {
        mean[i] = (double)i - form;
        squares[i] = form * (double)i;
    }
    const trib_moments moments = {.count = 7, .columns = columns, .mean = mean, .m2 = squares};
    FUZZ_MUST(trib_ok(trib_statistics_pack(&moments, payload)));
}

/* What the round asks for, or the program's own bytes. */
static void pack_payload(trib_cursor *program, trib_writer *payload) {
    float delta[64];
    trib_random random;
    const cloud_live *live = plant()->live;
    uint8_t form = fuzz_u8(program);
    uint32_t count = live->course.model->parameter_count;
    if (form % 4 == 0 || count > sizeof delta / sizeof delta[0]) {
        trib_write_bytes(payload, fuzz_bytes(program));
        return;
    }
    if (live->round.plan.statistics) {
        pack_statistics(form, payload);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        delta[i] = (float)((i + form) % 7) / 64 - 0.05f;
    }
    trib_random_init(&random, form, "fuzz", 1, TRIB_PURPOSE_QUANTISE);
    FUZZ_MUST(trib_ok(trib_update_pack(live->federation->codec, delta, count, 1 + form % 100, 4,
                                       &random, payload)));
}

static void make_update(trib_cursor *program, trib_writer *whole) {
    uint8_t payload_bytes[512];
    const cloud_live *live = plant()->live;
    trib_writer payload = trib_writer_of(payload_bytes, sizeof payload_bytes);
    pack_payload(program, &payload);
    trib_bytes packed = trib_written(&payload);
    trib_wire_Update update = {.round = live->round.plan.number,
                               .kind = live->round.plan.statistics
                                           ? trib_wire_RoundKind_ROUND_KIND_STATISTICS
                                           : trib_wire_RoundKind_ROUND_KIND_TRAINING,
                               .payload_size = (uint32_t)packed.size,
                               .examples = 7};
    TRIB_WIRE_SET_BYTES(update.base_digest, live->base.bytes, TRIB_HASH_BYTES);
    trib_wire_put(&update.payload, &packed);
    FUZZ_MUST(trib_ok(TRIB_WIRE_ENCODE(Update, &update, whole)));
    fuzz_patch(program, whole);
}

static void say_update(size_t which, trib_cursor *program) {
    uint8_t whole_bytes[2048], plain_bytes[4096], digest[TRIB_HASH_BYTES];
    trib_writer whole = trib_writer_of(whole_bytes, sizeof whole_bytes);
    if (!gateways[which].joined) {
        return;
    }
    make_update(program, &whole);
    FUZZ_MUST(trib_ok(core->crypto->sha256(trib_written(&whole), digest)));
    uint32_t count = 1 + fuzz_u8(program) % 3;
    trib_wire_UpdateChunk chunk = {
        .round = plant()->live->round.plan.number, .count = count, .size = (uint32_t)whole.size};
    TRIB_WIRE_SET_BYTES(chunk.digest, digest, sizeof digest);
    for (uint32_t i = 0; i < count; i++) {
        size_t from = whole.size * i / count, to = whole.size * (i + 1) / count;
        trib_writer plain = trib_writer_of(plain_bytes, sizeof plain_bytes);
        trib_bytes data = trib_bytes_of(whole.data + from, to - from);
        chunk.index = i;
        trib_wire_put(&chunk.data, &data);
        FUZZ_MUST(trib_ok(TRIB_WIRE_ENCODE(UpdateChunk, &chunk, &plain)));
        fuzz_patch(program, &plain);
        seal(which, &gateways[which].update, trib_written(&plain));
    }
}

static void say_prediction(size_t which, trib_cursor *program) {
    uint8_t bytes[1024];
    trib_wire_Prediction prediction = {
        .release = 1, .label = 1, .label_name = "idle", .values_count = 1};
    trib_writer plain = trib_writer_of(bytes, sizeof bytes);
    FUZZ_MUST(trib_ok(TRIB_WIRE_ENCODE(Prediction, &prediction, &plain)));
    fuzz_patch(program, &plain);
    if (gateways[which].joined) {
        seal(which, &gateways[which].prediction, trib_written(&plain));
    }
}

/* As the document has it, or the program's own idea of it. */
static void say_telemetry(size_t which, trib_cursor *program) {
    static const uint8_t zeros[2 * 8 * sizeof(float)];
    uint8_t bytes[1024];
    const trib_federation *federation = plant()->live->federation;
    trib_lineage lineage;
    uint8_t form = fuzz_u8(program);
    bool raw = form % 2 == 0;
    uint32_t records = 1 + form / 2 % 2,
             columns = raw ? federation->source.channel_count + federation->source.target_count
                           : trib_federation_input_count(federation);
    trib_wire_Telemetry telemetry = {.level =
                                         raw ? trib_wire_TelemetryLevel_TELEMETRY_LEVEL_RAW
                                             : trib_wire_TelemetryLevel_TELEMETRY_LEVEL_FEATURES,
                                     .columns = columns};
    FUZZ_MUST(columns <= 8);
    FUZZ_MUST(trib_ok(trib_federation_lineage(core->crypto, federation, &lineage)));
    TRIB_WIRE_SET_BYTES(telemetry.meaning, lineage.meaning, sizeof lineage.meaning);
    trib_bytes times_us = trib_bytes_of(zeros, (size_t)8 * records),
               values = trib_bytes_of(zeros, (size_t)records * columns * sizeof(float));
    trib_wire_put(&telemetry.times_us, &times_us);
    trib_wire_put(&telemetry.values, &values);
    trib_writer plain = trib_writer_of(bytes, sizeof bytes);
    FUZZ_MUST(trib_ok(TRIB_WIRE_ENCODE(Telemetry, &telemetry, &plain)));
    fuzz_patch(program, &plain);
    if (gateways[which].joined) {
        seal(which, &gateways[which].telemetry, trib_written(&plain));
    }
}

static void say_noise(size_t which, trib_cursor *program) {
    uint64_t accepted = core->counts.accepted, joins = core->counts.joins;
    static const trib_topic_kind kinds[] = {TRIB_TOPIC_UP_JOIN, TRIB_TOPIC_UP_UPDATE,
                                            TRIB_TOPIC_UP_PREDICTION, TRIB_TOPIC_UP_TELEMETRY};
    trib_bytes noise;
    last.kind = kinds[fuzz_u8(program) % 4];
    noise = fuzz_bytes(program);
    last.gateway = which;
    last.size = noise.size;
    memmove(last.bytes, noise.data, noise.size);
    deliver(&last);
    FUZZ_MUST(core->counts.accepted == accepted && core->counts.joins == joins);
}

/* What was said last once more, under any gateway's name, with some bits changed or none. */
static void say_again(size_t which, trib_cursor *program) {
    uint16_t at = fuzz_u16(program);
    if (last.size > 0) {
        last.bytes[at % last.size] ^= fuzz_u8(program);
        last.gateway = which;
        deliver(&last);
    }
}

/* ---- what else happens --------------------------------------------------------------------- */

/* From the ledger and the view to the same state. */
static void restart(void) {
    const cloud_live *live = plant()->live;
    numbers before = look();
    bool open = live->round_open, has_model = live->has_model;
    uint32_t accepted = live->round.accepted;
    uint64_t weight = live->round.weight;
    core = fuzz_core_restart();
    core->counts.accepted = before.accepted; /* of this start only */
    numbers now = look();
    live = plant()->live;
    FUZZ_MUST(memcmp(&before, &now, sizeof now) == 0 && core->gaps == 0);
    FUZZ_MUST(live->round_open == open && live->has_model == has_model);
    FUZZ_MUST(!open || (live->round.accepted == accepted && live->round.weight == weight));
    FUZZ_MUST(trib_ok(cloud_mend_release(core, plant())));
    cloud_consider_round(core, plant());
    for (size_t i = 0; i < GATEWAYS; i++) {
        fuzz_gateway_key(&gateways[i], core->boot);
    }
}

/* Whatever gateways wrote, people can read the list of them. */
static void ask(const char *path) {
    cloud_request request = {.method = "GET", .after = -1, .answer.ceiling = 1 << 20};
    (void)snprintf(request.path, sizeof request.path, "%s", path);
    cloud_handle_request(core, &request);
    FUZZ_MUST(request.status == 200);
    trib_buffer_deinit(&request.answer);
}

static void happen(cloud_step step, size_t which, trib_cursor *program) {
    uint8_t choice;
    switch (step) {
    case CLOUD_JOIN:
        say_join(which, program);
        break;
    case CLOUD_UPDATE:
        say_update(which, program);
        break;
    case CLOUD_PREDICTION:
        say_prediction(which, program);
        break;
    case CLOUD_NOISE:
        say_noise(which, program);
        break;
    case CLOUD_AGAIN:
        say_again(which, program);
        break;
    case CLOUD_REVOKE:
        FUZZ_MUST(trib_ok(cloud_revoke(core, gateways[which].name, fuzz_u8(program) % 2 == 0)));
        break;
    case CLOUD_WAIT:
        fuzz_core_wait(64u * fuzz_u16(program));
        break;
    case CLOUD_DOCUMENT:
        choice = fuzz_u8(program);
        fuzz_apply_plant(core, choice % 4 == 0, 5 + choice % 3);
        break;
    case CLOUD_RESTART:
        restart();
        break;
    case CLOUD_TELEMETRY:
        say_telemetry(which, program);
        break;
    case CLOUD_STEPS:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[GATEWAYS] = {"press-1", "press-2"};
    trib_cursor nothing = trib_cursor_of(trib_bytes_text("")),
                program = trib_cursor_of(trib_bytes_of(data, size));
    core = fuzz_core_begin();
    opened_count = 0;
    last.size = 0;
    for (size_t i = 0; i < GATEWAYS; i++) { /* both have joined: programs need not find it */
        fuzz_gateway_begin(&gateways[i], names[i]);
        say_join(i, &nothing);
        settle();
    }
    for (int i = 0; i < STEPS && program.left > 0; i++) {
        const numbers before = look();
        uint8_t step = fuzz_u8(&program);
        happen((cloud_step)(step % FUZZ_SECOND % CLOUD_STEPS), step / FUZZ_SECOND, &program);
        settle();
        must_not_go_back(&before);
    }
    ask("/v1/federations/plant/gateways");
    ask("/v1/federations/plant/rounds");
    return 0;
}
