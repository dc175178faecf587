#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "common/signal/spectrum.h"

static uint8_t block[1 << 18];

static trib_spectrum made(const trib_pipeline_spec *spec, uint32_t rows) {
    trib_arena arena;
    assert_true(trib_spectrum_bytes(rows) <= sizeof block);
    trib_arena_init(&arena, block + 1, trib_spectrum_bytes(rows));
    trib_spectrum spectrum;
    assert_true(trib_ok(trib_spectrum_init(&spectrum, spec, rows, &arena)));
    return spectrum;
}

static void a_sine_in_a_bin_has_half_its_square_there_and_a_quarter_of_that_beside(void **state) {
    (void)state;
    trib_pipeline_spec spec = {
        .rate_hz = 100.0f,
        .band_count = 4,
        .bands = {{10.0f, 12.0f}, {8.0f, 10.0f}, {12.0f, 14.0f}, {20.0f, 51.0f}}};
    trib_spectrum spectrum = made(&spec, 50);
    float frame[50];
    for (int i = 0; i < 50; i++) {
        frame[i] = 5.0f + 3.0f * sinf(0.62831853f * (float)i); /* 10 Hz */
    }
    float powers[4];
    trib_spectrum_powers(&spectrum, frame, 5.0f, powers);
    assert_float_equal(powers[0], 4.5f, 1e-4f);
    assert_float_equal(powers[1], 1.125f, 1e-4f);
    assert_float_equal(powers[2], 1.125f, 1e-4f);
    assert_float_equal(powers[3], 0.0f, 1e-6f);
}

static void a_constant_has_no_power_and_its_logarithm_is_finite(void **state) {
    (void)state;
    trib_pipeline_spec spec = {
        .rate_hz = 10.0f, .band_count = 1, .bands = {{0.0f, 6.0f}}, .band_log = true};
    trib_spectrum spectrum = made(&spec, 8);
    const float frame[8] = {7, 7, 7, 7, 7, 7, 7, 7};
    float power;
    trib_spectrum_powers(&spectrum, frame, 7.0f, &power);
    assert_float_equal(power, logf(1e-12f), 1e-4f);
}

static void bands_hold_their_low_edge_and_not_their_high_one(void **state) {
    (void)state;
    trib_band band = trib_spectrum_band(&(trib_band_spec){4.0f, 8.0f}, 100.0f, 50);
    assert_int_equal(band.first_bin, 2);
    assert_int_equal(band.end_bin, 4);
    band = trib_spectrum_band(&(trib_band_spec){49.0f, 1000.0f}, 100.0f, 50);
    assert_int_equal(band.first_bin, 25);
    assert_int_equal(band.end_bin, 26);
}

static void only_sizes_that_kissfft_does_without_allocating_are_taken(void **state) {
    (void)state;
    const uint32_t good[] = {4, 6, 8, 10, 50, 100, 250, 256, 8192, 8100};
    const uint32_t bad[] = {0, 1, 2, 3, 5, 14, 25, 22, 8190};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(trib_spectrum_can(good[i]));
        trib_pipeline_spec spec = {.rate_hz = 1.0f};
        (void)made(&spec, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(trib_spectrum_can(bad[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sine_in_a_bin_has_half_its_square_there_and_a_quarter_of_that_beside),
        cmocka_unit_test(a_constant_has_no_power_and_its_logarithm_is_finite),
        cmocka_unit_test(bands_hold_their_low_edge_and_not_their_high_one),
        cmocka_unit_test(only_sizes_that_kissfft_does_without_allocating_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
