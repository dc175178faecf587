#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "common/signal/derive.h"

static uint8_t block[1 << 13];

static trib_derive made(const trib_pipeline_spec *spec) {
    trib_arena arena;
    trib_arena_init(&arena, block, trib_derive_bytes(spec));
    trib_derive derive;
    assert_true(trib_ok(trib_derive_init(&derive, spec, &arena)));
    return derive;
}

static trib_pipeline_spec gravity_spec(void) {
    return (trib_pipeline_spec){
        .source_count = 3,
        .derive_count = 6,
        .derives = {{.kind = TRIB_DERIVE_MAGNITUDE, .of = {0, 1, 2}, .of_count = 3},
                    {.kind = TRIB_DERIVE_ALONG,
                     .of = {0, 1, 2},
                     .of_count = 3,
                     .reference = {0, 1, 2},
                     .rate = 0.5f},
                    {.kind = TRIB_DERIVE_ACROSS,
                     .of = {0, 1, 2},
                     .of_count = 3,
                     .reference = {0, 1, 2},
                     .rate = 0.5f},
                    {.kind = TRIB_DERIVE_DIRECTION,
                     .of_count = 3,
                     .reference = {0, 1, 2},
                     .rate = 1.0f,
                     .component = 2},
                    {.kind = TRIB_DERIVE_DIFFERENCE, .of = {0}, .of_count = 1},
                    {.kind = TRIB_DERIVE_ABSOLUTE, .of = {7}, .of_count = 1}}};
}

static void each_kind_gives_what_a_hand_computes(void **state) {
    (void)state;
    trib_pipeline_spec spec = gravity_spec();
    trib_derive derive = made(&spec);
    float row[9] = {0.0f, 0.0f, 2.0f};
    trib_derive_apply(&derive, row);
    const float first[] = {2.0f, 2.0f, 0.0f, 1.0f, 0.0f, 0.0f};
    for (int i = 0; i < 6; i++) {
        assert_float_equal(row[3 + i], first[i], 1e-6f);
    }
    row[0] = -4.0f;
    row[2] = 0.0f; /* the mean at rate 0.5 is now (-2, 0, 1), at rate 1 (-4, 0, 0) */
    trib_derive_apply(&derive, row);
    const float second[] = {4.0f, 8.0f / sqrtf(5.0f), 4.0f / sqrtf(5.0f), 0.0f, -4.0f, 4.0f};
    for (int i = 0; i < 6; i++) {
        assert_float_equal(row[3 + i], second[i], 1e-5f);
    }
}

static void channels_with_one_reference_and_rate_share_one_mean(void **state) {
    (void)state;
    trib_pipeline_spec spec = gravity_spec();
    trib_derive derive = made(&spec);
    assert_int_equal(derive.channels[2].shared, 1);
    assert_int_equal(derive.channels[3].shared, 3); /* another rate */
    spec.derives[2].reference[0] = 3;
    derive = made(&spec);
    assert_int_equal(derive.channels[2].shared, 2);
}

static void a_zero_mean_has_no_direction(void **state) {
    (void)state;
    trib_pipeline_spec spec = gravity_spec();
    trib_derive derive = made(&spec);
    float row[9] = {0};
    trib_derive_apply(&derive, row);
    for (int i = 3; i < 9; i++) {
        assert_float_equal(row[i], 0.0f, 0.0f);
    }
}

static void a_reset_starts_means_and_differences_at_the_next_row(void **state) {
    (void)state;
    trib_pipeline_spec spec = gravity_spec();
    trib_derive derive = made(&spec);
    float row[9] = {1.0f, 0.0f, 0.0f};
    trib_derive_apply(&derive, row);
    trib_derive_reset(&derive);
    row[0] = 0.0f;
    row[2] = 3.0f;
    trib_derive_apply(&derive, row);
    assert_float_equal(row[4], 3.0f, 1e-6f);
    assert_float_equal(row[7], 0.0f, 0.0f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_gives_what_a_hand_computes),
        cmocka_unit_test(channels_with_one_reference_and_rate_share_one_mean),
        cmocka_unit_test(a_zero_mean_has_no_direction),
        cmocka_unit_test(a_reset_starts_means_and_differences_at_the_next_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
