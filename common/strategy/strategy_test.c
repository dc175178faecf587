/* From means to models: the papers' formulas, worked out one parameter at a time. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/strategy/strategy.h"
#include "tests/support/memory.h"

enum { COUNT = 3, ROUNDS = 12 };

static const trib_strategy_spec fedavg = {.kind = TRIB_STRATEGY_FEDAVG, .rate = 0.5};
static const trib_strategy_spec fedavgm = {
    .kind = TRIB_STRATEGY_FEDAVGM, .rate = 0.5, .momentum = 0.8};
static const trib_strategy_spec nesterov = {
    .kind = TRIB_STRATEGY_FEDAVGM, .rate = 0.5, .momentum = 0.8, .nesterov = true};
static const trib_strategy_spec averaged = {
    .kind = TRIB_STRATEGY_FEDAVGM, .rate = 0.5, .momentum = 0.8, .serve_average = 0.4};

static trib_strategy begin(const trib_strategy_spec *spec, float parameters[COUNT]) {
    trib_strategy strategy;
    for (int i = 0; i < COUNT; i++) {
        parameters[i] = (float)(i + 1);
    }
    assert_true(trib_ok(trib_strategy_init(&strategy, spec, parameters, COUNT)));
    return strategy;
}

static void mean_of(int round, double ret_mean[COUNT]) {
    for (int i = 0; i < COUNT; i++) {
        ret_mean[i] = 0.01 * (round * 7 % 5 - 2) * (i + 1);
    }
}

static void every_kind_follows_its_formula(void **state) {
    (void)state;
    const trib_strategy_spec *const specs[] = {&fedavg, &fedavgm, &nesterov};
    for (size_t s = 0; s < 3; s++) {
        float parameters[COUNT], w[COUNT] = {1, 2, 3}, m[COUNT] = {0};
        trib_strategy strategy = begin(specs[s], parameters);
        for (int round = 1; round <= ROUNDS; round++) {
            double mean[COUNT];
            mean_of(round, mean);
            assert_true(trib_ok(trib_strategy_apply(&strategy, mean, parameters)));
            for (int i = 0; i < COUNT; i++) {
                double step = mean[i];
                if (s > 0) {
                    m[i] = (float)(0.8 * (double)m[i] + mean[i]);
                    step = s == 1 ? (double)m[i] : mean[i] + 0.8 * (double)m[i];
                }
                w[i] = (float)((double)w[i] + 0.5 * step);
                assert_true(parameters[i] == w[i]);
            }
            assert_int_equal(strategy.rounds, round);
            assert_ptr_equal(trib_strategy_served(&strategy, parameters), parameters);
        }
        trib_strategy_deinit(&strategy);
    }
}

static void the_average_follows_more_slowly_up_to_its_ceiling(void **state) {
    (void)state;
    float parameters[COUNT], a[COUNT] = {1, 2, 3};
    trib_strategy strategy = begin(&averaged, parameters);
    for (int round = 1; round <= ROUNDS; round++) {
        double mean[COUNT], keep = round / (round + 9.0);
        mean_of(round, mean);
        keep = keep < 0.4 ? keep : 0.4; /* from the sixth round on */
        assert_true(trib_ok(trib_strategy_apply(&strategy, mean, parameters)));
        for (int i = 0; i < COUNT; i++) {
            a[i] = (float)(keep * (double)a[i] + (1 - keep) * (double)parameters[i]);
        }
        assert_memory_equal(trib_strategy_served(&strategy, parameters), a, sizeof a);
    }
    trib_strategy_deinit(&strategy);
}

static void a_step_that_would_not_stay_finite_changes_nothing(void **state) {
    (void)state;
    const struct {
        double mean;
        int at;
    } bad[] = {{1e39, 0}, {-1e39, COUNT - 1}, {(double)NAN, 1}, {(double)INFINITY, COUNT - 1}};
    const trib_strategy_spec *const specs[] = {&fedavg, &fedavgm, &nesterov, &averaged};
    for (size_t s = 0; s < 4; s++) {
        float parameters[COUNT], before[COUNT], momentum[COUNT] = {0}, average[COUNT] = {0};
        double mean[COUNT];
        trib_strategy strategy = begin(specs[s], parameters);
        mean_of(1, mean);
        assert_true(trib_ok(trib_strategy_apply(&strategy, mean, parameters)));
        memcpy(before, parameters, sizeof before);
        if (strategy.momentum != NULL) {
            memcpy(momentum, strategy.momentum, sizeof momentum);
        }
        if (strategy.average != NULL) {
            memcpy(average, strategy.average, sizeof average);
        }
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            mean_of(2, mean);
            mean[bad[i].at] = bad[i].mean;
            assert_int_equal(trib_strategy_apply(&strategy, mean, parameters).code, TRIB_E_STATE);
            assert_memory_equal(parameters, before, sizeof before);
            assert_int_equal(strategy.rounds, 1);
            if (strategy.momentum != NULL) {
                assert_memory_equal(strategy.momentum, momentum, sizeof momentum);
            }
            if (strategy.average != NULL) {
                assert_memory_equal(strategy.average, average, sizeof average);
            }
        }
        trib_strategy_deinit(&strategy);
    }
}

/* As a restart between any two rounds: from the file on, the same models. */
static void stored_state_goes_on_where_it_left_off(void **state) {
    (void)state;
    const trib_strategy_spec *const specs[] = {&fedavg, &fedavgm, &nesterov, &averaged};
    for (size_t s = 0; s < 4; s++) {
        float parameters[COUNT], restored[COUNT];
        trib_strategy strategy = begin(specs[s], parameters), again = begin(specs[s], restored);
        for (int round = 1; round <= ROUNDS; round++) {
            TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 1 << 16};
            double mean[COUNT];
            mean_of(round, mean);
            assert_true(trib_ok(trib_strategy_apply(&strategy, mean, parameters)));
            assert_true(trib_ok(trib_strategy_apply(&again, mean, restored)));
            assert_memory_equal(parameters, restored, sizeof parameters);
            assert_memory_equal(trib_strategy_served(&strategy, parameters),
                                trib_strategy_served(&again, restored), sizeof parameters);
            assert_true(trib_ok(trib_strategy_write(&again, &file)));
            trib_strategy_deinit(&again);
            assert_true(trib_ok(trib_strategy_init(&again, specs[s], restored, COUNT)));
            assert_true(trib_ok(trib_strategy_read(&again, trib_buffer_view(&file))));
            assert_int_equal(again.rounds, round);
        }
        trib_strategy_deinit(&strategy);
        trib_strategy_deinit(&again);
    }
}

static void state_of_another_strategy_or_model_is_refused(void **state) {
    (void)state;
    const trib_strategy_spec *const specs[] = {&fedavg, &fedavgm, &averaged};
    for (size_t from = 0; from < 3; from++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 1 << 16};
        float parameters[COUNT];
        trib_strategy strategy = begin(specs[from], parameters);
        assert_true(trib_ok(trib_strategy_write(&strategy, &file)));
        trib_strategy_deinit(&strategy);
        for (size_t to = 0; to < 3; to++) {
            strategy = begin(specs[to], parameters);
            assert_int_equal(trib_strategy_read(&strategy, trib_buffer_view(&file)).code,
                             from == to ? TRIB_OK : TRIB_E_CORRUPT);
            assert_int_equal(
                trib_strategy_read(&strategy, trib_bytes_of(file.data, file.size - 1)).code,
                TRIB_E_CORRUPT);
            trib_strategy_deinit(&strategy);
        }
        if (from > 0) { /* of fewer parameters */
            assert_true(trib_ok(trib_strategy_init(&strategy, specs[from], parameters, COUNT - 1)));
            assert_false(trib_ok(trib_strategy_read(&strategy, trib_buffer_view(&file))));
            trib_strategy_deinit(&strategy);
        }
    }
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    const float parameters[COUNT] = {1, 2, 3};
    int failures = 0;
    MEMORY_FAILS_EACH_TIME {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 1 << 16};
        trib_strategy strategy = {.count = 0};
        trib_status status = trib_strategy_init(&strategy, &averaged, parameters, COUNT);
        status = trib_ok(status) ? trib_strategy_write(&strategy, &file) : status;
        status = trib_ok(status) ? trib_strategy_read(&strategy, trib_buffer_view(&file)) : status;
        assert_true(trib_ok(status) || status.code == TRIB_E_IO);
        failures += !trib_ok(status);
        trib_strategy_deinit(&strategy);
    }
    assert_true(failures >= 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_follows_its_formula),
        cmocka_unit_test(the_average_follows_more_slowly_up_to_its_ceiling),
        cmocka_unit_test(a_step_that_would_not_stay_finite_changes_nothing),
        cmocka_unit_test(stored_state_goes_on_where_it_left_off),
        cmocka_unit_test(state_of_another_strategy_or_model_is_refused),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
