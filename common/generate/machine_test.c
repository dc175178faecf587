#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/generate/machine.h"

enum { ALL = (1u << TRIB_MACHINE_STATES) - 1 };

static void the_same_seed_and_name_give_the_same_machine(void **state) {
    (void)state;
    trib_machine one, same, other;
    trib_machine_init(&one, 7, "machine-1", ALL);
    trib_machine_init(&same, 7, "machine-1", ALL);
    trib_machine_init(&other, 7, "machine-2", ALL);
    size_t differ = 0;
    for (int i = 0; i < 20000; i++) {
        trib_machine_row a, b, c;
        trib_machine_next(&one, &a);
        trib_machine_next(&same, &b);
        trib_machine_next(&other, &c);
        assert_memory_equal(a.vibration, b.vibration, sizeof a.vibration);
        assert_int_equal(a.state, b.state);
        assert_int_equal(a.time_ms, 2 * i);
        differ += a.vibration[0] != c.vibration[0];
    }
    assert_true(differ > 19000);
}

static void a_machine_shows_all_of_its_states_and_no_other(void **state) {
    (void)state;
    for (uint32_t states = 1; states <= ALL; states++) {
        trib_machine machine;
        trib_machine_init(&machine, 3, "machine-1", states);
        uint32_t seen = 0;
        for (int i = 0; i < 200 * TRIB_MACHINE_RATE_HZ; i++) {
            trib_machine_row row;
            trib_machine_next(&machine, &row);
            seen |= 1u << row.state;
            assert_true(isfinite(row.vibration[0]) && isfinite(row.temperature));
        }
        assert_int_equal(seen, states);
    }
}

static void a_gateway_sees_two_or_three_states_and_four_see_all(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint32_t together = 0;
        for (uint64_t number = 1; number <= 4; number++) {
            uint32_t states = trib_machine_some_states(seed, number);
            int count = __builtin_popcount(states);
            assert_in_range(count, 2, 3);
            together |= states;
        }
        assert_int_equal(together, ALL);
    }
}

/* Root mean square of the radial vibration in one state. */
static double strength_in(uint32_t state) {
    trib_machine machine;
    trib_machine_init(&machine, 5, "machine-1", 1u << state);
    double sum = 0;
    for (int i = 0; i < 30000; i++) {
        trib_machine_row row;
        trib_machine_next(&machine, &row);
        sum += row.vibration[0] * row.vibration[0];
    }
    return sqrt(sum / 30000);
}

static void every_fault_shakes_more_than_health(void **state) {
    (void)state;
    double healthy = strength_in(TRIB_MACHINE_HEALTHY);
    for (uint32_t fault = TRIB_MACHINE_IMBALANCE; fault < TRIB_MACHINE_STATES; fault++) {
        assert_true(strength_in(fault) > 1.3 * healthy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_and_name_give_the_same_machine),
        cmocka_unit_test(a_machine_shows_all_of_its_states_and_no_other),
        cmocka_unit_test(a_gateway_sees_two_or_three_states_and_four_see_all),
        cmocka_unit_test(every_fault_shakes_more_than_health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
