#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/nn/schedule.h"

static void a_constant_rate_stays(void **state) {
    (void)state;
    trib_schedule schedule = {.kind = TRIB_SCHEDULE_CONSTANT, .rate = 0.1f};
    assert_float_equal(trib_schedule_rate(&schedule, 0, 0), 0.1f, 0.0f);
    assert_float_equal(trib_schedule_rate(&schedule, 1000, 77), 0.1f, 0.0f);
}

static void an_exponential_rate_decays_per_round(void **state) {
    (void)state;
    trib_schedule schedule = {.kind = TRIB_SCHEDULE_EXPONENTIAL, .rate = 0.8f, .decay = 0.5f};
    assert_float_equal(trib_schedule_rate(&schedule, 0, 9), 0.8f, 1e-7f);
    assert_float_equal(trib_schedule_rate(&schedule, 3, 0), 0.1f, 1e-7f);
}

static void a_cosine_rate_falls_to_its_floor_and_stays_there(void **state) {
    (void)state;
    trib_schedule schedule = {
        .kind = TRIB_SCHEDULE_COSINE, .rate = 1.0f, .floor = 0.2f, .rounds = 10};
    assert_float_equal(trib_schedule_rate(&schedule, 0, 0), 1.0f, 1e-6f);
    assert_float_equal(trib_schedule_rate(&schedule, 5, 0), 0.6f, 1e-6f);
    assert_float_equal(trib_schedule_rate(&schedule, 10, 0), 0.2f, 1e-6f);
    assert_float_equal(trib_schedule_rate(&schedule, UINT64_MAX, 0), 0.2f, 1e-6f);
}

static void warming_up_rises_step_by_step_in_each_round(void **state) {
    (void)state;
    trib_schedule schedule = {.kind = TRIB_SCHEDULE_CONSTANT, .rate = 0.4f, .warmup_steps = 4};
    assert_float_equal(trib_schedule_rate(&schedule, 2, 0), 0.1f, 1e-7f);
    assert_float_equal(trib_schedule_rate(&schedule, 2, 2), 0.3f, 1e-7f);
    assert_float_equal(trib_schedule_rate(&schedule, 2, 4), 0.4f, 1e-7f);
}

static void schedules_that_make_no_sense_are_refused(void **state) {
    (void)state;
    const trib_schedule wrong[] = {
        {.kind = TRIB_SCHEDULE_CONSTANT, .rate = 0.0f},
        {.kind = TRIB_SCHEDULE_CONSTANT, .rate = 101.0f},
        {.kind = TRIB_SCHEDULE_EXPONENTIAL, .rate = 0.1f, .decay = 0.0f},
        {.kind = TRIB_SCHEDULE_EXPONENTIAL, .rate = 0.1f, .decay = 1.5f},
        {.kind = TRIB_SCHEDULE_COSINE, .rate = 0.1f, .floor = 0.2f, .rounds = 5},
        {.kind = TRIB_SCHEDULE_COSINE, .rate = 0.1f, .floor = 0.0f, .rounds = 0},
        {.rate = 0.1f},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(trib_schedule_check(&wrong[i]).code, TRIB_E_ARGUMENT);
    }
    trib_schedule right = {.kind = TRIB_SCHEDULE_COSINE, .rate = 0.1f, .rounds = 5};
    assert_true(trib_ok(trib_schedule_check(&right)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_rate_stays),
        cmocka_unit_test(an_exponential_rate_decays_per_round),
        cmocka_unit_test(a_cosine_rate_falls_to_its_floor_and_stays_there),
        cmocka_unit_test(warming_up_rises_step_by_step_in_each_round),
        cmocka_unit_test(schedules_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
