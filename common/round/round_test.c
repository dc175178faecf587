#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "common/round/round.h"

static trib_round open_round(uint32_t expected, uint32_t quorum) {
    trib_round_plan plan = {.number = trib_round_number(1, 5),
                            .ordinal = 4,
                            .expected = expected,
                            .quorum = quorum,
                            .fraction_ppm = 500000,
                            .deadline_ms = 1000,
                            .max_weight = 100};
    trib_round round;
    trib_round_open(&round, &plan, 7000);
    return round;
}

static trib_round_action happen(trib_round *round, trib_round_event_kind kind, uint64_t now_ms) {
    return trib_round_step(round,
                           &(trib_round_event){.kind = kind, .now_ms = now_ms, .weight = 10});
}

static trib_round_action reach(trib_round *round, uint32_t count) {
    return trib_round_step(round,
                           &(trib_round_event){.kind = TRIB_EVENT_REACHABLE, .count = count});
}

static void a_round_closes_early_when_all_expected_have_been_accepted(void **state) {
    (void)state;
    trib_round round = open_round(2, 1);
    assert_int_equal(happen(&round, TRIB_EVENT_ACCEPTED, 7001), TRIB_ACTION_NONE);
    assert_int_equal(happen(&round, TRIB_EVENT_ACCEPTED, 7002), TRIB_ACTION_CLOSE);
    assert_int_equal(round.phase, TRIB_ROUND_CLOSED);
    assert_int_equal(round.weight, 20);
    assert_int_equal(happen(&round, TRIB_EVENT_TICK, 99999), TRIB_ACTION_NONE);
}

static void round_at_quorum_at_deadline_closes_and_not_a_moment_before(void **state) {
    (void)state;
    trib_round round = open_round(9, 2);
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    assert_int_equal(happen(&round, TRIB_EVENT_TICK, 7999), TRIB_ACTION_NONE);
    assert_int_equal(happen(&round, TRIB_EVENT_TICK, 8000), TRIB_ACTION_CLOSE);
}

static void round_below_quorum_at_deadline_closes_without_summing(void **state) {
    (void)state;
    trib_round round = open_round(9, 2);
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    assert_int_equal(happen(&round, TRIB_EVENT_TICK, 8000), TRIB_ACTION_ABANDON);
    trib_round nobody = open_round(9, 0);
    assert_int_equal(happen(&nobody, TRIB_EVENT_TICK, 8000), TRIB_ACTION_ABANDON);
}

static void a_discarded_update_no_longer_counts_towards_quorum(void **state) {
    (void)state;
    trib_round round = open_round(9, 2);
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    happen(&round, TRIB_EVENT_DISCARDED, 7002);
    assert_int_equal(happen(&round, TRIB_EVENT_TICK, 8000), TRIB_ACTION_ABANDON);
}

static void a_round_waits_for_nobody_who_was_revoked(void **state) {
    (void)state;
    trib_round round = open_round(3, 2);
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    assert_int_equal(reach(&round, 2), TRIB_ACTION_NONE); /* one of three is gone, one still owes */
    assert_int_equal(happen(&round, TRIB_EVENT_ACCEPTED, 7002), TRIB_ACTION_CLOSE);
    round = open_round(3, 2);
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    assert_int_equal(reach(&round, 5), TRIB_ACTION_NONE); /* more than expected changes nothing */
    assert_int_equal(reach(&round, 2), TRIB_ACTION_CLOSE);
    round = open_round(3, 2);
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    assert_int_equal(reach(&round, 1), TRIB_ACTION_NONE); /* below the quorum somebody may join */
    assert_int_equal(happen(&round, TRIB_EVENT_TICK, 8000), TRIB_ACTION_ABANDON);
    round = open_round(3, 0);
    assert_int_equal(reach(&round, 0), TRIB_ACTION_NONE);
}

static void a_round_takes_no_more_than_it_announced(void **state) {
    (void)state;
    trib_round round = open_round(2, 3); /* fewer gateways than the quorum */
    const char *reason;
    const trib_candidate good = {.round = round.plan.number, .base_matches = true, .weight = 1};
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    assert_int_equal(trib_round_admit(&round, &good, &reason), TRIB_VERDICT_ACCEPTED);
    assert_int_equal(happen(&round, TRIB_EVENT_ACCEPTED, 7001), TRIB_ACTION_NONE);
    assert_int_equal(trib_round_admit(&round, &good, &reason), TRIB_VERDICT_LATE);
    assert_int_equal(happen(&round, TRIB_EVENT_TICK, 8000), TRIB_ACTION_ABANDON);
}

static void a_restart_arms_the_deadline_anew(void **state) {
    (void)state;
    trib_round round = open_round(9, 1);
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    happen(&round, TRIB_EVENT_RESTARTED, 50); /* another boot: its clock began at zero */
    assert_int_equal(happen(&round, TRIB_EVENT_TICK, 1049), TRIB_ACTION_NONE);
    assert_int_equal(trib_round_wait_ms(&round, 1049), 1);
    assert_int_equal(happen(&round, TRIB_EVENT_TICK, 1050), TRIB_ACTION_CLOSE);
}

static void verdicts_follow_from_round_gateway_and_weight(void **state) {
    (void)state;
    trib_round round = open_round(9, 1);
    const char *reason;
    const trib_candidate good = {
        .round = round.plan.number, .base_matches = true, .selection = 499999, .weight = 100};
    assert_int_equal(trib_round_admit(&round, &good, &reason), TRIB_VERDICT_ACCEPTED);
    trib_candidate c = good;
    c.counted = true;
    assert_int_equal(trib_round_admit(&round, &c, &reason), TRIB_VERDICT_DUPLICATE);
    c.revoked = true;
    assert_int_equal(trib_round_admit(&round, &c, &reason), TRIB_VERDICT_REFUSED);
    c = good;
    c.round--;
    assert_int_equal(trib_round_admit(&round, &c, &reason), TRIB_VERDICT_LATE);
    c.round += 2;
    assert_int_equal(trib_round_admit(&round, &c, &reason), TRIB_VERDICT_REFUSED);
    c = good;
    c.selection = 500000;
    assert_int_equal(trib_round_admit(&round, &c, &reason), TRIB_VERDICT_REFUSED);
    assert_string_equal(reason, "the gateway was not selected");
    c = good;
    c.weight = 101;
    assert_int_equal(trib_round_admit(&round, &c, &reason), TRIB_VERDICT_REFUSED);
    c = good;
    c.base_matches = false;
    assert_int_equal(trib_round_admit(&round, &c, &reason), TRIB_VERDICT_REFUSED);
    c = good;
    c.statistics = true;
    assert_int_equal(trib_round_admit(&round, &c, &reason), TRIB_VERDICT_REFUSED);
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    happen(&round, TRIB_EVENT_TICK, 8000);
    assert_int_equal(trib_round_admit(&round, &good, &reason), TRIB_VERDICT_LATE);
}

static void who_was_counted_hears_so_after_the_close_and_in_later_rounds(void **state) {
    (void)state;
    trib_round round = open_round(9, 1);
    const char *reason;
    trib_candidate again = {
        .round = round.plan.number, .base_matches = true, .weight = 100, .counted = true};
    happen(&round, TRIB_EVENT_ACCEPTED, 7001);
    happen(&round, TRIB_EVENT_TICK, 8000);
    assert_int_equal(round.phase, TRIB_ROUND_CLOSED);
    assert_int_equal(trib_round_admit(&round, &again, &reason), TRIB_VERDICT_DUPLICATE);
    round = open_round(9, 1);
    again.round--; /* counted in the round before */
    assert_int_equal(trib_round_admit(&round, &again, &reason), TRIB_VERDICT_DUPLICATE);
}

static void selection_asks_for_the_fraction_and_some_more(void **state) {
    (void)state;
    trib_rounds_spec spec = {.fraction = 0.1, .over_selection = 1.5, .quorum = 3, .deadline_ms = 5};
    trib_round_plan plan = {0};
    trib_round_select(&spec, false, 100, &plan);
    assert_int_equal(plan.expected, 10);
    assert_int_equal(plan.fraction_ppm, 150000);
    trib_round_select(&spec, true, 100, &plan);
    assert_int_equal(plan.expected, 100);
    assert_int_equal(plan.fraction_ppm, 1000000);
    trib_round_select(&spec, false, 4, &plan); /* never fewer than the quorum */
    assert_int_equal(plan.expected, 3);
    assert_int_equal(plan.fraction_ppm, 750000);
    spec.fraction = 1;
    trib_round_select(&spec, false, 22, &plan);
    assert_int_equal(plan.expected, 22);
    assert_int_equal(plan.fraction_ppm, 1000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_closes_early_when_all_expected_have_been_accepted),
        cmocka_unit_test(round_at_quorum_at_deadline_closes_and_not_a_moment_before),
        cmocka_unit_test(round_below_quorum_at_deadline_closes_without_summing),
        cmocka_unit_test(a_discarded_update_no_longer_counts_towards_quorum),
        cmocka_unit_test(a_round_waits_for_nobody_who_was_revoked),
        cmocka_unit_test(a_round_takes_no_more_than_it_announced),
        cmocka_unit_test(a_restart_arms_the_deadline_anew),
        cmocka_unit_test(verdicts_follow_from_round_gateway_and_weight),
        cmocka_unit_test(who_was_counted_hears_so_after_the_close_and_in_later_rounds),
        cmocka_unit_test(selection_asks_for_the_fraction_and_some_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
