/* An update as it arrives: what is refused before anything is counted. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zstd.h>
#include <cmocka.h>

#include "cloud/round/round_fixture.h"
#include "common/update/statistics.h"

enum { MOST = 4096, LARGE = 64 * 1024 };

/* ---- taking apart -------------------------------------------------------------------------- */

static trib_code open_message(const trib_wire_Update *message, trib_bytes payload,
                              trib_buffer *storage, cloud_update *ret_update) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer bytes = {.ceiling = 0};
    encode_message(message, payload, &bytes);
    storage->ceiling = 2 * LARGE; /* it is not the storage that refuses */
    trib_status status = cloud_update_open(trib_buffer_view(&bytes), MOST, storage, ret_update);
    if (trib_ok(status) && !message->compressed) { /* a view of the bytes, which end here */
        assert_true(trib_bytes_equal(ret_update->payload, payload));
    }
    return status.code;
}

static trib_code code_of(const trib_wire_Update *message, trib_bytes payload) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer storage = {.ceiling = 0};
    cloud_update ignored;
    return open_message(message, payload, &storage, &ignored);
}

/* `text` compressed into `storage` [LARGE]. */
static trib_bytes compress(trib_bytes text, uint8_t *storage) {
    size_t size = ZSTD_compress(storage, LARGE, text.data, text.size, 3);
    assert_false(ZSTD_isError(size));
    return trib_bytes_of(storage, size);
}

static void an_update_is_taken_apart_plain_or_compressed(void **state) {
    (void)state;
    static uint8_t text[MOST], packed[LARGE];
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer storage = {.ceiling = 0};
    cloud_update update;
    memset(text, 7, sizeof text);
    trib_bytes whole = trib_bytes_of(text, sizeof text);
    trib_wire_Update message = {.round = 6, .examples = 12, .loss = 0.5f};
    assert_int_equal(open_message(&message, whole, &storage, &update), TRIB_OK);
    assert_int_equal(update.message.round, 6);
    assert_int_equal(update.message.examples, 12);
    message.compressed = true;
    message.payload_size = sizeof text;
    assert_int_equal(open_message(&message, compress(whole, packed), &storage, &update), TRIB_OK);
    assert_true(trib_bytes_equal(update.payload, whole));
}

static void a_loss_or_a_duration_that_is_no_number_is_refused(void **state) {
    (void)state;
    const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < 3; i++) {
        trib_wire_Update message = {.round = 6};
        message.loss = (float)bad[i];
        assert_int_equal(code_of(&message, trib_bytes_text("x")), TRIB_E_CORRUPT);
        message.loss = 0;
        message.seconds = bad[i];
        assert_int_equal(code_of(&message, trib_bytes_text("x")), TRIB_E_CORRUPT);
    }
}

static void a_payload_past_the_ceiling_is_refused_before_it_is_unpacked(void **state) {
    (void)state;
    static uint8_t zeros[LARGE], packed[LARGE];
    trib_wire_Update message = {.round = 6};
    assert_int_equal(code_of(&message, trib_bytes_of(zeros, MOST)), TRIB_OK);
    assert_int_equal(code_of(&message, trib_bytes_of(zeros, MOST + 1)), TRIB_E_LIMIT);
    trib_bytes bomb = compress(trib_bytes_of(zeros, sizeof zeros), packed);
    assert_true(bomb.size < MOST);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer storage = {.ceiling = 0};
    cloud_update ignored;
    message.compressed = true;
    message.payload_size = sizeof zeros;
    assert_int_equal(open_message(&message, bomb, &storage, &ignored), TRIB_E_LIMIT);
    assert_null(storage.data);
    message.payload_size = MOST; /* it lies about its size */
    assert_int_equal(code_of(&message, bomb), TRIB_E_CORRUPT);
}

static void a_payload_that_does_not_decompress_to_its_size_is_refused(void **state) {
    (void)state;
    static uint8_t text[1000], packed[LARGE];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * i >> 3);
    }
    trib_bytes good = compress(trib_bytes_of(text, sizeof text), packed);
    trib_wire_Update message = {.compressed = true, .payload_size = sizeof text};
    assert_int_equal(code_of(&message, good), TRIB_OK);
    assert_int_equal(code_of(&message, trib_bytes_of(good.data, good.size - 1)), TRIB_E_CORRUPT);
    assert_int_equal(code_of(&message, trib_bytes_text("no zstd frame")), TRIB_E_CORRUPT);
    message.payload_size = sizeof text - 1;
    assert_int_equal(code_of(&message, good), TRIB_E_CORRUPT);
    message.payload_size = sizeof text + 1;
    assert_int_equal(code_of(&message, good), TRIB_E_CORRUPT);
    message.payload_size = 0;
    assert_int_equal(code_of(&message, good), TRIB_E_CORRUPT);
}

static void bytes_that_are_no_update_are_refused(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer storage = {.ceiling = MOST};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer bytes = {.ceiling = 0};
    cloud_update ignored;
    const trib_wire_Update message = {.round = 6, .base_digest.size = 32, .kernels = "reference"};
    encode_message(&message, trib_bytes_text("a payload"), &bytes);
    assert_int_equal(cloud_update_open(trib_bytes_text("\x0a"), MOST, &storage, &ignored).code,
                     TRIB_E_CORRUPT);
    bytes.data[1] = 0xff; /* a length that runs past the end */
    bytes.data[0] = 3 << 3 | 2;
    assert_int_equal(cloud_update_open(trib_buffer_view(&bytes), MOST, &storage, &ignored).code,
                     TRIB_E_CORRUPT);
}

/* ---- numbers ------------------------------------------------------------------------------- */

static trib_code check(const cloud_live *live, trib_bytes payload) {
    uint32_t weight;
    return cloud_live_check_payload(live, payload, &weight).code;
}

static void store_value(trib_buffer *payload, uint32_t index, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    trib_store_u32(payload->data + TRIB_UPDATE_HEADER_BYTES + 4 * (size_t)index, bits);
}

static void a_good_update_passes_and_says_its_weight(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer payload = {.ceiling = 0};
    uint32_t weight = 0;
    open_round(live, 1, 3);
    pack_values(TRIB_CODEC_FLOAT32, FIXTURE_PARAMETERS, 42, 1, &payload);
    assert_true(trib_ok(cloud_live_check_payload(live, trib_buffer_view(&payload), &weight)));
    assert_int_equal(weight, 42);
    assert_true(payload.size <= cloud_live_payload_ceiling(live));
}

static void an_update_of_another_shape_or_codec_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    open_round(live, 1, 3);
    const struct {
        trib_codec codec;
        uint32_t count;
    } bad[] = {{TRIB_CODEC_FLOAT32, FIXTURE_PARAMETERS - 1},
               {TRIB_CODEC_FLOAT32, FIXTURE_PARAMETERS + 1},
               {TRIB_CODEC_INT8, FIXTURE_PARAMETERS}};
    for (size_t i = 0; i < 3; i++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer payload = {.ceiling = 0};
        pack_values(bad[i].codec, bad[i].count, 42, 1, &payload);
        assert_int_equal(check(live, trib_buffer_view(&payload)), TRIB_E_ARGUMENT);
    }
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer payload = {.ceiling = 0};
    pack_values(TRIB_CODEC_FLOAT32, FIXTURE_PARAMETERS, 42, 1, &payload);
    for (size_t cut = 0; cut < payload.size; cut++) {
        assert_int_equal(check(live, trib_bytes_of(payload.data, cut)), TRIB_E_CORRUPT);
    }
    trib_store_u32(payload.data + 8, 0); /* no weight */
    assert_int_equal(check(live, trib_buffer_view(&payload)), TRIB_E_CORRUPT);
    trib_store_u32(payload.data + 8, TRIB_UPDATE_MAX_WEIGHT + 1);
    assert_int_equal(check(live, trib_buffer_view(&payload)), TRIB_E_CORRUPT);
}

static void values_that_are_no_numbers_or_past_the_bound_are_refused(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer payload = {.ceiling = 0};
    open_round(live, 1, 3);
    pack_values(TRIB_CODEC_FLOAT32, FIXTURE_PARAMETERS, 42, 1, &payload);
    for (uint32_t i = 0; i < FIXTURE_PARAMETERS; i++) {
        store_value(&payload, i, 0);
    }
    const uint32_t places[] = {0, 17, FIXTURE_PARAMETERS - 1};
    const struct {
        float value;
        trib_code code;
    } all[] = {{NAN, TRIB_E_CORRUPT},
               {INFINITY, TRIB_E_CORRUPT},
               {-INFINITY, TRIB_E_CORRUPT},
               {3e38f, TRIB_E_LIMIT},
               {-FIXTURE_CLIP_NORM, TRIB_OK}, /* the bound itself is within it */
               {nextafterf(FIXTURE_CLIP_NORM, 5), TRIB_E_LIMIT}};
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < sizeof all / sizeof all[0]; j++) {
            store_value(&payload, places[i], all[j].value);
            assert_int_equal(check(live, trib_buffer_view(&payload)), all[j].code);
        }
        store_value(&payload, places[i], 0);
    }
}

static void steps_and_scales_of_int8_that_cannot_be_are_refused(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_normalised);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer payload = {.ceiling = 0};
    const cloud_record_RoundClosed closed = closing_of(1, false);
    open_round(live, 1, 3);
    cloud_live_apply_closed(live, &closed);
    live->course.stage = TRIB_STAGE_TRAINING; /* as closing round 0 does */
    open_round(live, 2, 3);
    pack_values(TRIB_CODEC_INT8, FIXTURE_PARAMETERS, 42, 1, &payload);
    assert_int_equal(check(live, trib_buffer_view(&payload)), TRIB_OK);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer floats = {.ceiling = 0};
    pack_values(TRIB_CODEC_FLOAT32, FIXTURE_PARAMETERS, 42, 1, &floats); /* another codec */
    assert_int_equal(check(live, trib_buffer_view(&floats)), TRIB_E_ARGUMENT);
    uint8_t *steps = payload.data + payload.size - FIXTURE_PARAMETERS;
    uint8_t kept = steps[5];
    steps[5] = 0x80; /* -128 */
    assert_int_equal(check(live, trib_buffer_view(&payload)), TRIB_E_CORRUPT);
    steps[5] = kept;
    const struct {
        float scale;
        trib_code code;
    } all[] = {{NAN, TRIB_E_CORRUPT},
               {INFINITY, TRIB_E_CORRUPT},
               {-0.01f, TRIB_E_CORRUPT},
               {1, TRIB_E_LIMIT},
               {0, TRIB_OK}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        store_value(&payload, 0, all[i].scale);
        assert_int_equal(check(live, trib_buffer_view(&payload)), all[i].code);
    }
}

static void statistics_that_no_sensor_can_have_are_refused(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_normalised);
    open_round(live, 1, 3);
    assert_true(live->round.plan.statistics);
    const struct {
        size_t columns;
        uint64_t count;
        double mean, m2;
        trib_code code;
    } all[] = {
        {FIXTURE_COLUMNS, 10, 1, 2, TRIB_OK},
        {FIXTURE_COLUMNS, 10, -1e15, 1e31, TRIB_OK},
        {FIXTURE_COLUMNS - 1, 10, 1, 2, TRIB_E_CORRUPT},
        {FIXTURE_COLUMNS + 1, 10, 1, 2, TRIB_E_CORRUPT},
        {FIXTURE_COLUMNS, 0, 1, 2, TRIB_E_CORRUPT},
        {FIXTURE_COLUMNS, ((uint64_t)1 << 53) + 1, 1, 2, TRIB_E_CORRUPT},
        {FIXTURE_COLUMNS, 10, (double)NAN, 2, TRIB_E_CORRUPT},
        {FIXTURE_COLUMNS, 10, 1, (double)INFINITY, TRIB_E_CORRUPT},
        {FIXTURE_COLUMNS, 10, 1, -2, TRIB_E_CORRUPT},
        {FIXTURE_COLUMNS, 10, 1.1e15, 2, TRIB_E_LIMIT},
        {FIXTURE_COLUMNS, 10, 1, 1.1e31, TRIB_E_LIMIT},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer payload = {.ceiling = 0};
        pack_statistics(all[i].columns, all[i].count, all[i].mean, all[i].m2, &payload);
        assert_int_equal(check(live, trib_buffer_view(&payload)), all[i].code);
    }
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer training = {.ceiling = 0};
    pack_values(TRIB_CODEC_INT8, FIXTURE_PARAMETERS, 42, 1, &training);
    assert_int_equal(check(live, trib_buffer_view(&training)), TRIB_E_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_is_taken_apart_plain_or_compressed),
        cmocka_unit_test(a_loss_or_a_duration_that_is_no_number_is_refused),
        cmocka_unit_test(a_payload_past_the_ceiling_is_refused_before_it_is_unpacked),
        cmocka_unit_test(a_payload_that_does_not_decompress_to_its_size_is_refused),
        cmocka_unit_test(bytes_that_are_no_update_are_refused),
        cmocka_unit_test(a_good_update_passes_and_says_its_weight),
        cmocka_unit_test(an_update_of_another_shape_or_codec_is_refused),
        cmocka_unit_test(values_that_are_no_numbers_or_past_the_bound_are_refused),
        cmocka_unit_test(steps_and_scales_of_int8_that_cannot_be_are_refused),
        cmocka_unit_test(statistics_that_no_sensor_can_have_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
