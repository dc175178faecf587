#include "cloud/round/round_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/seal/envelope.h"
#include "common/update/statistics.h"

#define SOURCE(channels_)                                                                          \
    "federation: plant\nseed: 11\n"                                                                \
    "source: {rate_hz: 10, timestamp: {column: t, unit: ms}, channels: [" channels_                \
    "], targets: [load]}\n"
#define PIPELINE(normalise_)                                                                       \
    "pipeline: {window: {rows: 4, hop: 2}, features: [mean, std], normalise: " normalise_ "}\n"
#define REST(deadline_, codec_)                                                                    \
    "model: {task: regress, layers: [{kind: dense, units: 8}, {kind: tanh}, "                      \
    "{kind: dense, units: 1}]}\n"                                                                  \
    "training: {epochs: 1, batch: 8, optimiser: sgd, rate: 0.05}\n"                                \
    "rounds: {maximum: 9, quorum: 2, gateways: 2, deadline_s: " deadline_ ", max_weight: 100}\n"   \
    "strategy: {kind: fedavg}\nupdate: {codec: " codec_ ", clip_norm: 4}\n"

const char document_plain[] = SOURCE("x, y") PIPELINE("false") REST("10", "float32");
const char document_changed[] = SOURCE("x, y") PIPELINE("false") REST("20", "float32");
const char document_other[] = SOURCE("x, z") PIPELINE("false") REST("10", "float32");
const char document_normalised[] = SOURCE("x, y") PIPELINE("{clip: 6}") REST("10", "int8");

trib_code apply_document(cloud_live *live, const char *document, uint64_t revision,
                         bool new_lineage) {
    const cloud_record_Federation record = {
        .federation = "plant", .revision = revision, .new_lineage = new_lineage};
    return cloud_live_apply_federation(live, trib_crypto_host(), &record, trib_bytes_text(document))
        .code;
}

cloud_live *live_of(const char *document) {
    cloud_live *live = NULL;
    assert_true(trib_ok(cloud_live_create("plant", &live)));
    if (apply_document(live, document, 1, true) != TRIB_OK) {
        fail_msg("document: %s", trib_message());
    }
    return live;
}

void drop_live(cloud_live **live) {
    cloud_live_destroy(*live);
}

/* Nothing in this room looks at a join's keys or signature: it has been believed. */
void make_join(const char *gateway, uint64_t generation, uint64_t session,
               cloud_record_Join *ret_record, trib_writer *storage) {
    const trib_crypto *crypto = trib_crypto_host();
    uint8_t body_bytes[1024];
    trib_wire_Join join = {.generation = generation, .has_capabilities = true};
    trib_key_pair key;
    trib_writer body = trib_writer_of(body_bytes, sizeof body_bytes);
    memcpy(join.federation, "plant", sizeof "plant");
    memcpy(join.gateway, gateway, strlen(gateway) + 1);
    join.capabilities = (trib_wire_Capabilities){
        .codecs = UINT32_MAX, .layers = UINT32_MAX, .max_parameters = 1000 + (uint32_t)generation};
    assert_true(trib_ok(crypto->generate(&key)));
    TRIB_WIRE_SET_BYTES(join.enc, key.public.bytes, TRIB_PUBLIC_KEY_BYTES);
    TRIB_WIRE_SET_BYTES(join.agreement_key, key.public.bytes, TRIB_PUBLIC_KEY_BYTES);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(Join, &join, &body)));
    assert_true(
        trib_ok(trib_envelope_seal(crypto, &key.secret, "", "join", trib_written(&body), storage)));
    *ret_record = (cloud_record_Join){
        .federation = "plant", .generation = generation, .session = session, .serial = "0a"};
    memcpy(ret_record->gateway, join.gateway, sizeof ret_record->gateway);
}

void apply_join(cloud_live *live, const char *gateway, uint64_t generation, uint64_t session) {
    uint8_t bytes[2048];
    trib_writer envelope = trib_writer_of(bytes, sizeof bytes);
    cloud_record_Join record;
    make_join(gateway, generation, session, &record, &envelope);
    assert_true(
        trib_ok(cloud_live_apply_join(live, trib_crypto_host(), &record, trib_written(&envelope))));
}

cloud_record_RoundOpened opening_of(const cloud_live *live, uint64_t round, uint32_t expected) {
    trib_fold_bounds bounds = trib_course_bounds(&live->course, expected);
    cloud_record_RoundOpened record = {.federation = "plant",
                                       .round = round,
                                       .statistics = live->course.stage == TRIB_STAGE_STATISTICS,
                                       .ordinal = (uint32_t)round,
                                       .expected = expected,
                                       .quorum = 2,
                                       .fraction_ppm = TRIB_SELECT_RANGE,
                                       .deadline_ms = 10000,
                                       .max_weight = bounds.max_weight,
                                       .clip_norm = bounds.clip_norm,
                                       .grid_exponent = bounds.grid_exponent};
    const uint8_t salt[TRIB_SELECT_SALT_BYTES] = {9, 9};
    const uint8_t base[TRIB_HASH_BYTES] = {(uint8_t)round, 0xba};
    TRIB_WIRE_SET_BYTES(record.salt, salt, sizeof salt);
    if (!record.statistics) {
        TRIB_WIRE_SET_BYTES(record.base_digest, base, sizeof base);
    }
    return record;
}

void open_round(cloud_live *live, uint64_t round, uint32_t expected) {
    cloud_record_RoundOpened record = opening_of(live, round, expected);
    assert_true(trib_ok(cloud_live_apply_opened(live, &record, 10 * round, 1000)));
}

cloud_record_RoundClosed closing_of(uint64_t round, bool abandoned) {
    cloud_record_RoundClosed record = {
        .federation = "plant", .round = round, .abandoned = abandoned};
    const uint8_t model[TRIB_HASH_BYTES] = {(uint8_t)round, 1};
    const uint8_t served[TRIB_HASH_BYTES] = {(uint8_t)round, 2};
    const uint8_t strategy[TRIB_HASH_BYTES] = {(uint8_t)round, 3};
    TRIB_WIRE_SET_BYTES(record.model_digest, model, sizeof model);
    TRIB_WIRE_SET_BYTES(record.served_digest, served, sizeof served);
    TRIB_WIRE_SET_BYTES(record.strategy_digest, strategy, sizeof strategy);
    return record;
}

void pack_values(trib_codec codec, uint32_t count, uint32_t weight, uint8_t seed,
                 trib_buffer *ret_payload) {
    float values[2 * FIXTURE_PARAMETERS];
    trib_random random;
    size_t size = trib_update_packed_size(codec, count);
    assert_true(count <= sizeof values / sizeof values[0]);
    trib_random_init(&random, seed, "values", 0, TRIB_PURPOSE_TEST);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = 0.3f * trib_random_normal(&random);
    }
    *ret_payload = (trib_buffer){.ceiling = size};
    assert_true(trib_ok(trib_buffer_reserve(ret_payload, size)));
    trib_writer writer = trib_writer_of(ret_payload->data, size);
    assert_true(trib_ok(
        trib_update_pack(codec, values, count, weight, FIXTURE_CLIP_NORM, &random, &writer)));
    ret_payload->size = writer.size;
}

void pack_statistics(size_t columns, uint64_t count, double mean, double m2,
                     trib_buffer *ret_payload) {
    double means[8], squares[8];
    size_t size = trib_statistics_packed_size(columns);
    assert_true(columns <= 8);
    for (size_t i = 0; i < columns; i++) {
        means[i] = mean;
        squares[i] = m2;
    }
    const trib_moments moments = {.count = count, .columns = columns, .mean = means, .m2 = squares};
    *ret_payload = (trib_buffer){.ceiling = size};
    assert_true(trib_ok(trib_buffer_reserve(ret_payload, size)));
    trib_writer writer = trib_writer_of(ret_payload->data, size);
    assert_true(trib_ok(trib_statistics_pack(&moments, &writer)));
    ret_payload->size = writer.size;
}

void encode_message(const trib_wire_Update *message, trib_bytes payload, trib_buffer *ret_bytes) {
    trib_wire_Update copy = *message;
    size_t room = payload.size + 512;
    trib_wire_put(&copy.payload, &payload);
    *ret_bytes = (trib_buffer){.ceiling = room};
    assert_true(trib_ok(trib_buffer_reserve(ret_bytes, room)));
    trib_writer writer = trib_writer_of(ret_bytes->data, room);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(Update, &copy, &writer)));
    ret_bytes->size = writer.size;
}

void make_update(const cloud_live *live, const char *gateway, uint32_t weight, uint8_t seed,
                 fixture_update *ret_update) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer payload = {.ceiling = 0};
    bool statistics = live->round.plan.statistics;
    uint8_t digest[TRIB_HASH_BYTES];
    const trib_wire_Update message = {
        .round = live->round.plan.number,
        .kind = statistics ? trib_wire_RoundKind_ROUND_KIND_STATISTICS
                           : trib_wire_RoundKind_ROUND_KIND_TRAINING,
        .loss = (float)seed / 8,
        .examples = weight,
    };
    if (statistics) {
        pack_statistics(FIXTURE_COLUMNS, weight, seed, 3.0 * seed, &payload);
    } else {
        pack_values(live->federation->codec, FIXTURE_PARAMETERS, weight, seed, &payload);
    }
    *ret_update = (fixture_update){.record = {.federation = "plant", .sequence = seed}};
    encode_message(&message, trib_buffer_view(&payload), &ret_update->bytes);
    memcpy(ret_update->record.gateway, gateway, strlen(gateway) + 1);
    const cloud_gateway *known = cloud_gateway_find(&live->gateways, gateway);
    ret_update->record.session = known != NULL ? known->session : 0;
    assert_true(trib_ok(trib_crypto_host()->sha256(trib_buffer_view(&ret_update->bytes), digest)));
    TRIB_WIRE_SET_BYTES(ret_update->record.digest, digest, sizeof digest);
}

void drop_update(fixture_update *update) {
    trib_buffer_deinit(&update->bytes);
}

trib_round_action apply_update(cloud_live *live, const fixture_update *update, uint64_t position) {
    trib_round_action action = TRIB_ACTION_NONE;
    trib_status status = cloud_live_apply_update(
        live, &update->record, trib_buffer_view(&update->bytes), position, &action);
    if (!trib_ok(status)) {
        fail_msg("update of %s: %s", update->record.gateway, trib_message());
    }
    return action;
}

/* ---- comparing ----------------------------------------------------------------------------- */

static void assert_same_gateway(const cloud_live *live, const cloud_gateway *left,
                                const cloud_gateway *right) {
    assert_string_equal(left->name, right->name);
    assert_int_equal(left->generation, right->generation);
    assert_int_equal(left->session, right->session);
    assert_int_equal(left->capabilities.max_parameters, right->capabilities.max_parameters);
    assert_int_equal(left->revoked, right->revoked);
    assert_int_equal(left->discarded, right->discarded);
    assert_int_equal(left->counted_round, right->counted_round);
    if (left->counted_round != 0) {
        assert_memory_equal(left->counted_digest, right->counted_digest, TRIB_HASH_BYTES);
    }
    if (live->round_open && left->counted_round == live->round.plan.number) {
        assert_int_equal(left->counted_weight, right->counted_weight);
        assert_int_equal(left->counted_position, right->counted_position);
    }
    assert_true(trib_bytes_equal(trib_bytes_of(left->statistics, left->statistics_size),
                                 trib_bytes_of(right->statistics, right->statistics_size)));
}

static void assert_same_round(const cloud_live *left, const cloud_live *right) {
    assert_int_equal(left->round.plan.number, right->round.plan.number);
    assert_int_equal(left->round.plan.statistics, right->round.plan.statistics);
    assert_int_equal(left->round.plan.expected, right->round.plan.expected);
    assert_int_equal(left->round.phase, right->round.phase);
    assert_int_equal(left->round.accepted, right->round.accepted);
    assert_int_equal(left->round.weight, right->round.weight);
    assert_int_equal(left->opened_position, right->opened_position);
    assert_int_equal(left->sum == NULL, right->sum == NULL);
    if (left->sum != NULL && right->sum != NULL) {
        assert_int_equal(left->sum->updates, right->sum->updates);
        assert_int_equal(left->sum->weight, right->sum->weight);
        assert_memory_equal(left->sum->sum, right->sum->sum,
                            left->sum->count * sizeof *left->sum->sum);
    }
    assert_true(left->loss_sum - right->loss_sum < 1e-9 && right->loss_sum - left->loss_sum < 1e-9);
}

void assert_same_state(const cloud_live *left, const cloud_live *right) {
    assert_int_equal(left->revision, right->revision);
    assert_true(
        trib_bytes_equal(trib_buffer_view(&left->document), trib_buffer_view(&right->document)));
    assert_int_equal(left->epoch, right->epoch);
    assert_int_equal(left->round_open, right->round_open);
    assert_int_equal(left->has_model, right->has_model);
    assert_memory_equal(left->base.bytes, right->base.bytes, TRIB_HASH_BYTES);
    assert_memory_equal(left->served.bytes, right->served.bytes, TRIB_HASH_BYTES);
    assert_memory_equal(left->strategy.bytes, right->strategy.bytes, TRIB_HASH_BYTES);
    assert_int_equal(left->closed_through, right->closed_through);
    assert_int_equal(left->abandoned, right->abandoned);
    assert_int_equal(left->round_count, right->round_count);
    assert_int_equal(left->release.number, right->release.number);
    assert_int_equal(left->release_count, right->release_count);
    assert_int_equal(left->course.stage, right->course.stage);
    assert_int_equal(left->gateways.count, right->gateways.count);
    assert_int_equal(cloud_live_members(left), cloud_live_members(right));
    assert_same_round(left, right);
    for (size_t i = 0; i < left->gateways.count; i++) {
        assert_same_gateway(left, left->gateways.gateways[i], right->gateways.gateways[i]);
    }
}
