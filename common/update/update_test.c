#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "common/update/quantise.h"
#include "common/update/update.h"

enum { MANY = 5000 };

static float delta[MANY];
static uint8_t storage[8 * MANY];

static void make_delta(uint32_t seed, float size) {
    trib_random random;
    trib_random_init(&random, seed, "", 0, TRIB_PURPOSE_TEST);
    for (int i = 0; i < MANY; i++) {
        delta[i] = size * trib_random_normal(&random);
    }
}

static trib_update_view packed(trib_codec codec, float clip_norm) {
    trib_random random;
    trib_random_init(&random, 1, "g", 2, TRIB_PURPOSE_QUANTISE);
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    assert_true(trib_ok(trib_update_pack(codec, delta, MANY, 17, clip_norm, &random, &writer)));
    assert_int_equal(writer.size, trib_update_packed_size(codec, MANY));
    trib_update_view view;
    assert_true(trib_ok(trib_update_open(trib_written(&writer), &view)));
    assert_int_equal(view.weight, 17);
    return view;
}

static void float32_within_the_bound_comes_back_as_it_was(void **state) {
    (void)state;
    make_delta(1, 0.01f);
    trib_update_view view = packed(TRIB_CODEC_FLOAT32, 10);
    double values[MANY];
    trib_update_decode(&view, 0, MANY, values);
    for (int i = 0; i < MANY; i++) {
        assert_true(values[i] == (double)delta[i]);
    }
}

static void a_long_update_is_cut_to_the_bound_as_decoded(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 200; seed++) {
        trib_codec codec = seed % 2 ? TRIB_CODEC_INT8 : TRIB_CODEC_FLOAT32;
        float clip = 0.5f + 0.01f * (float)seed;
        make_delta(seed, 1);
        trib_update_view view = packed(codec, clip);
        double norm = 0;
        assert_true(trib_ok(trib_update_check(&view, clip, &norm)));
        assert_true(norm <= (double)clip && norm > 0.99 * (double)clip);
    }
}

static void int8_is_right_on_average_and_within_a_step(void **state) {
    (void)state;
    make_delta(5, 0.01f);
    trib_update_view view = packed(TRIB_CODEC_INT8, 100);
    double values[MANY], error = 0;
    trib_update_decode(&view, 0, MANY, values);
    for (int i = 0; i < MANY; i++) {
        assert_true(fabs(values[i] - (double)delta[i]) < 0.05 / 127);
        error += values[i] - (double)delta[i];
    }
    assert_true(fabs(error / MANY) < 1e-5); /* a step is 3e-4: truncation would be far outside */
}

/* One vector a codec whose norm is the bound itself, and the next longer one. */
static void the_bound_itself_is_accepted_and_the_next_float_is_not(void **state) {
    (void)state;
    uint8_t bytes[64];
    double norm;
    trib_update_view view;
    for (int past = 0; past < 2; past++) {
        trib_writer writer = trib_writer_of(bytes, sizeof bytes);
        trib_write_u8(&writer, 1);
        trib_write_u8(&writer, TRIB_CODEC_FLOAT32);
        trib_write_u16(&writer, 0);
        trib_write_u32(&writer, 2);
        trib_write_u32(&writer, 1);
        trib_write_f32(&writer, 3);
        trib_write_f32(&writer, past ? nextafterf(4, 5) : 4);
        assert_true(trib_ok(trib_update_open(trib_written(&writer), &view)));
        assert_int_equal(trib_update_check(&view, 5, &norm).code, past ? TRIB_E_LIMIT : TRIB_OK);

        writer = trib_writer_of(bytes, sizeof bytes);
        trib_write_u8(&writer, 1);
        trib_write_u8(&writer, TRIB_CODEC_INT8);
        trib_write_u16(&writer, 16);
        trib_write_u32(&writer, 2);
        trib_write_u32(&writer, 1);
        trib_write_f32(&writer, past ? nextafterf(0.5f, 1) : 0.5f);
        trib_write_u8(&writer, (uint8_t)-6);
        trib_write_u8(&writer, 8);
        assert_true(trib_ok(trib_update_open(trib_written(&writer), &view)));
        assert_int_equal(trib_update_check(&view, 5, &norm).code, past ? TRIB_E_LIMIT : TRIB_OK);
    }
}

static void what_the_format_does_not_allow_is_refused(void **state) {
    (void)state;
    make_delta(9, 0.01f);
    packed(TRIB_CODEC_INT8, 10);
    size_t size = trib_update_packed_size(TRIB_CODEC_INT8, MANY);
    const struct {
        size_t at;
        uint8_t value;
    } flaws[] = {{0, 2},
                 {1, 0},
                 {1, 3},
                 {1, 1},
                 {2, 1},
                 {4, 0},
                 {7, 1},
                 {10, 0xff},
                 {15, 0xbf} /* a negative scale */,
                 {15, 0x7f} /* NaN or infinite */,
                 {size - 1, 0x80}};
    trib_update_view view;
    for (size_t i = 0; i < sizeof flaws / sizeof flaws[0]; i++) {
        uint8_t kept = storage[flaws[i].at], next = storage[14];
        storage[flaws[i].at] = flaws[i].value;
        storage[14] = flaws[i].at == 15 ? 0xff : next;
        assert_int_equal(trib_update_open(trib_bytes_of(storage, size), &view).code,
                         TRIB_E_CORRUPT);
        storage[flaws[i].at] = kept;
        storage[14] = next;
    }
    for (size_t cut = 0; cut < size; cut += 7) {
        assert_int_equal(trib_update_open(trib_bytes_of(storage, cut), &view).code, TRIB_E_CORRUPT);
    }
    assert_int_equal(trib_update_open(trib_bytes_of(storage, size + 1), &view).code,
                     TRIB_E_CORRUPT);
    assert_true(trib_ok(trib_update_open(trib_bytes_of(storage, size), &view)));
}

static void nan_and_infinity_are_refused_at_both_ends(void **state) {
    (void)state;
    make_delta(9, 0.01f);
    trib_update_view view = packed(TRIB_CODEC_FLOAT32, 10);
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        uint8_t *value = storage + TRIB_UPDATE_HEADER_BYTES + 4 * (size_t)(MANY - 1);
        memcpy(value, &bad[i], 4);
        double norm = -1;
        assert_int_equal(trib_update_check(&view, 10, &norm).code, TRIB_E_CORRUPT);
        assert_true(norm == -1.0);
        delta[3] = bad[i];
        trib_writer writer = trib_writer_of(storage, sizeof storage);
        assert_int_equal(
            trib_update_pack(TRIB_CODEC_FLOAT32, delta, MANY, 1, 10, NULL, &writer).code,
            TRIB_E_ARGUMENT);
        delta[3] = 0;
    }
}

static void the_same_draws_pack_to_the_same_bytes(void **state) {
    (void)state;
    static uint8_t first[8 * MANY];
    make_delta(4, 0.1f);
    packed(TRIB_CODEC_INT8, 3);
    memcpy(first, storage, sizeof first);
    make_delta(4, 0.1f);
    packed(TRIB_CODEC_INT8, 3);
    assert_memory_equal(first, storage, trib_update_packed_size(TRIB_CODEC_INT8, MANY));
}

/* One value after the other, a draw for each. */
static void one_by_one(const float *values, uint32_t count, trib_random *random, float *ret_scale,
                       uint8_t *ret_steps) {
    float largest = 0;
    for (uint32_t i = 0; i < count; i++) {
        largest = fabsf(values[i]) > largest ? fabsf(values[i]) : largest;
    }
    float scale = largest / 127.0f;
    for (uint32_t i = 0; i < count; i++) {
        float exact = values[i] / scale, below = floorf(exact);
        int step = (int)below + (trib_random_uniform(random) < exact - below);
        step = step > 127 ? 127 : step < -127 ? -127 : step;
        ret_steps[i] = (uint8_t)(int8_t)step;
    }
    *ret_scale = scale;
}

static void a_block_is_quantised_as_value_by_value(void **state) {
    (void)state;
    make_delta(9, 0.3f);
    delta[3] = -0.0f;
    trib_random one, many;
    trib_random_init(&one, 1, "g", 2, TRIB_PURPOSE_QUANTISE);
    many = one;
    for (uint32_t first = 0, count = 1; first + count < MANY; first += count, count++) {
        uint8_t expected[TRIB_UPDATE_BLOCK], found[TRIB_UPDATE_BLOCK];
        float scale_one, scale_many;
        count = count > TRIB_UPDATE_BLOCK ? 1 : count;
        one_by_one(delta + first, count, &one, &scale_one, expected);
        trib_quantise_block(delta + first, count, &many, &scale_many, found);
        assert_true(scale_one == scale_many);
        assert_memory_equal(found, expected, count);
    }
    assert_int_equal(trib_random_u32(&one), trib_random_u32(&many));
    const float nothing[4] = {0, -0.0f, 1e-40f, 0}; /* no draw for what is as good as zero */
    uint8_t steps[4];
    float scale;
    trib_quantise_block(nothing, 4, &many, &scale, steps);
    assert_true(scale == 0 && steps[2] == 0);
    assert_int_equal(trib_random_u32(&one), trib_random_u32(&many));
}

static void squares_in_lanes_are_added_in_the_order_that_the_format_says(void **state) {
    (void)state;
    uint8_t values[700];
    for (size_t i = 0; i < sizeof values; i++) {
        values[i] = (uint8_t)(i * 37 + 11);
    }
    for (uint32_t count = 0; count <= sizeof values; count += 1 + count / 3) {
        double lanes[TRIB_NORM_LANES] = {0}, sum = 0;
        trib_norm norm = {{0}};
        for (uint32_t i = 0; i < count; i++) {
            double x = (double)(int8_t)values[i] * 0.3;
            lanes[i % TRIB_NORM_LANES] += x * x;
        }
        for (int lane = 0; lane < TRIB_NORM_LANES; lane++) {
            sum += lanes[lane];
        }
        trib_norm_add_i8(&norm, values, count, 0.3);
        assert_true(trib_norm_squared(&norm) == sum);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float32_within_the_bound_comes_back_as_it_was),
        cmocka_unit_test(a_long_update_is_cut_to_the_bound_as_decoded),
        cmocka_unit_test(int8_is_right_on_average_and_within_a_step),
        cmocka_unit_test(the_bound_itself_is_accepted_and_the_next_float_is_not),
        cmocka_unit_test(what_the_format_does_not_allow_is_refused),
        cmocka_unit_test(nan_and_infinity_are_refused_at_both_ends),
        cmocka_unit_test(the_same_draws_pack_to_the_same_bytes),
        cmocka_unit_test(a_block_is_quantised_as_value_by_value),
        cmocka_unit_test(squares_in_lanes_are_added_in_the_order_that_the_format_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
