/* What is counted in a round, what is taken out again, and that records alone lead to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/round/round_fixture.h"
#include "common/update/statistics.h"

static const char *const names[] = {"press-1", "press-2", "press-3"};

/* Three gateways in a round that closes with `expected` updates. */
static cloud_live *running(const char *document, uint32_t expected) {
    cloud_live *live = live_of(document);
    for (uint64_t i = 0; i < 3; i++) {
        apply_join(live, names[i], 1, 100 + i);
    }
    open_round(live, 1, expected);
    return live;
}

static cloud_gateway *gateway_of(const cloud_live *live, size_t index) {
    cloud_gateway *gateway = cloud_gateway_find(&live->gateways, names[index]);
    assert_non_null(gateway);
    return gateway;
}

/* The update that gateway `index` makes: its weight and values follow from the index. */
static void make(const cloud_live *live, size_t index, fixture_update *ret_update) {
    make_update(live, names[index], 10 + (uint32_t)index, (uint8_t)(5 + index), ret_update);
}

static trib_round_action count(cloud_live *live, size_t index) {
    TRIB_SCOPED(drop_update) fixture_update update;
    make(live, index, &update);
    return apply_update(live, &update, 20 + index);
}

static trib_code discard(cloud_live *live, size_t index) {
    TRIB_SCOPED(drop_update) fixture_update update;
    make(live, index, &update);
    return cloud_live_discard(live, gateway_of(live, index), trib_buffer_view(&update.bytes)).code;
}

static void an_update_is_folded_and_noted(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = running(document_plain, 3);
    TRIB_SCOPED(drop_update) fixture_update update;
    TRIB_SCOPED(trib_fold_destroy_scoped) trib_fold *sum = NULL;
    cloud_update opened;
    trib_update_view view;
    make(live, 1, &update);
    trib_bytes bytes = trib_buffer_view(&update.bytes);
    assert_true(trib_ok(cloud_update_open(bytes, bytes.size, NULL, &opened)));
    assert_true(trib_ok(trib_update_open(opened.payload, &view)));
    assert_true(trib_ok(trib_fold_create(&live->bounds, FIXTURE_PARAMETERS, &sum)));
    assert_true(trib_ok(trib_fold_add(sum, &view)));
    assert_int_equal(apply_update(live, &update, 33), TRIB_ACTION_NONE);
    assert_memory_equal(live->sum->sum, sum->sum, FIXTURE_PARAMETERS * sizeof *sum->sum);
    assert_int_equal(live->round.accepted, 1);
    assert_int_equal(live->round.weight, 11);
    assert_int_equal(live->bytes_up, bytes.size);
    const cloud_gateway *gateway = gateway_of(live, 1);
    assert_int_equal(gateway->counted_round, 1);
    assert_int_equal(gateway->counted_weight, 11);
    assert_int_equal(gateway->counted_position, 33);
    assert_memory_equal(gateway->counted_digest, update.record.digest.bytes, TRIB_HASH_BYTES);
    assert_int_equal(gateway_of(live, 0)->counted_round, 0);
}

static void the_order_of_updates_does_not_show(void **state) {
    (void)state;
    static const size_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};
    TRIB_SCOPED(drop_live) cloud_live *first = running(document_plain, 4);
    for (size_t i = 0; i < 3; i++) {
        (void)count(first, i);
    }
    for (size_t order = 1; order < 3; order++) {
        TRIB_SCOPED(drop_live) cloud_live *other = running(document_plain, 4);
        for (size_t i = 0; i < 3; i++) {
            (void)count(other, orders[order][i]);
        }
        assert_same_state(first, other);
    }
}

static void the_last_update_that_is_expected_asks_for_the_close(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = running(document_plain, 3);
    assert_int_equal(count(live, 0), TRIB_ACTION_NONE);
    assert_int_equal(count(live, 1), TRIB_ACTION_NONE);
    assert_int_equal(count(live, 2), TRIB_ACTION_CLOSE);
    assert_true(live->loss_sum == 10 * 5 / 8.0 + 11 * 6 / 8.0 + 12 * 7 / 8.0);
}

static void an_update_counts_although_its_gateway_has_joined_again_since(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = running(document_plain, 3);
    TRIB_SCOPED(drop_update) fixture_update update;
    make(live, 0, &update);
    apply_join(live, names[0], 2, 555);
    (void)apply_update(live, &update, 20);
    assert_int_equal(gateway_of(live, 0)->counted_round, 1);
    assert_int_equal(live->round.accepted, 1);
}

static void a_record_whose_update_the_fold_refuses_counts_nothing(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = running(document_plain, 3);
    TRIB_SCOPED(drop_live) cloud_live *before = running(document_plain, 3);
    TRIB_SCOPED(drop_update) fixture_update heavy;
    trib_round_action action = TRIB_ACTION_NONE;
    make_update(live, names[0], FIXTURE_MAX_WEIGHT + 1, 5, &heavy);
    assert_int_equal(
        cloud_live_apply_update(live, &heavy.record, trib_buffer_view(&heavy.bytes), 20, &action)
            .code,
        TRIB_E_ARGUMENT);
    assert_int_equal(
        cloud_live_apply_update(live, &heavy.record, trib_bytes_text("\x0a"), 20, &action).code,
        TRIB_E_CORRUPT);
    assert_same_state(live, before);
}

/* ---- discarding ---------------------------------------------------------------------------- */

static void a_discarded_update_leaves_no_trace_in_the_sum(void **state) {
    (void)state;
    const char *const documents[] = {document_plain, document_normalised};
    for (size_t i = 0; i < 2; i++) {
        TRIB_SCOPED(drop_live) cloud_live *live = running(documents[i], 4);
        TRIB_SCOPED(drop_live) cloud_live *without = running(documents[i], 4);
        for (size_t j = 0; j < 3; j++) {
            (void)count(live, j);
        }
        assert_int_equal(discard(live, 1), TRIB_OK);
        (void)count(without, 2);
        (void)count(without, 0);
        assert_int_equal(gateway_of(live, 1)->counted_round, 0);
        assert_null(gateway_of(live, 1)->statistics);
        assert_same_state(live, without);
        assert_int_equal(discard(live, 1), TRIB_OK); /* once is enough */
        assert_same_state(live, without);
        (void)count(live, 1); /* and it may be counted again */
        assert_int_equal(live->round.accepted, 3);
    }
}

static void what_is_not_in_the_open_round_is_not_taken_out(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = running(document_plain, 3);
    const cloud_record_RoundClosed closed = closing_of(1, false);
    assert_int_equal(discard(live, 0), TRIB_OK); /* never counted */
    assert_int_equal(live->round.accepted, 0);
    (void)count(live, 0);
    cloud_live_apply_closed(live, &closed);
    assert_int_equal(discard(live, 0), TRIB_OK);
    assert_int_equal(gateway_of(live, 0)->counted_round, 1);
    open_round(live, 2, 3);
    (void)count(live, 1);
    assert_int_equal(discard(live, 0), TRIB_OK); /* of the round before */
    assert_int_equal(live->round.accepted, 1);
    assert_int_equal(live->sum->updates, 1);
}

/* ---- closing ------------------------------------------------------------------------------- */

static void a_closed_round_moves_the_base_and_remembers_who_was_counted(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = running(document_plain, 3);
    const cloud_record_RoundClosed closed = closing_of(1, false);
    (void)count(live, 0);
    (void)count(live, 1);
    cloud_live_apply_closed(live, &closed);
    assert_false(live->round_open);
    assert_int_equal(live->round.phase, TRIB_ROUND_CLOSED);
    assert_int_equal(live->closed_through, 1);
    assert_true(live->has_model);
    assert_memory_equal(live->base.bytes, closed.model_digest.bytes, TRIB_HASH_BYTES);
    assert_memory_equal(live->served.bytes, closed.served_digest.bytes, TRIB_HASH_BYTES);
    assert_memory_equal(live->strategy.bytes, closed.strategy_digest.bytes, TRIB_HASH_BYTES);
    assert_null(live->sum);
    assert_true(live->loss_sum == 0);
    assert_int_equal(live->bytes_up, 0);
    assert_int_equal(gateway_of(live, 0)->counted_round, 1);
    assert_int_equal(gateway_of(live, 2)->counted_round, 0);
}

static void an_abandoned_round_counts_nowhere_and_keeps_the_base(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = running(document_plain, 3);
    const cloud_record_RoundClosed closed = closing_of(1, false), given_up = closing_of(2, true);
    (void)count(live, 0);
    cloud_live_apply_closed(live, &closed);
    open_round(live, 2, 3);
    (void)count(live, 1);
    cloud_digest base = live->base;
    cloud_live_apply_closed(live, &given_up);
    assert_int_equal(live->round.phase, TRIB_ROUND_ABANDONED);
    assert_int_equal(live->closed_through, 2);
    assert_int_equal(live->abandoned, 1); /* the newest of the two */
    assert_memory_equal(live->base.bytes, base.bytes, TRIB_HASH_BYTES);
    assert_memory_equal(live->served.bytes, closed.served_digest.bytes, TRIB_HASH_BYTES);
    assert_int_equal(gateway_of(live, 0)->counted_round, 1);
    assert_int_equal(gateway_of(live, 1)->counted_round, 0);
    assert_null(live->sum);
}

static void statistics_are_kept_by_gateway_until_their_round_ends(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = running(document_normalised, 3);
    const cloud_record_RoundClosed closed = closing_of(1, false);
    assert_null(live->sum);
    (void)count(live, 2);
    (void)count(live, 0);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer sent = {.ceiling = 0};
    pack_statistics(FIXTURE_COLUMNS, 12, 7, 21, &sent);
    assert_true(trib_bytes_equal(
        trib_bytes_of(gateway_of(live, 2)->statistics, gateway_of(live, 2)->statistics_size),
        trib_buffer_view(&sent)));
    assert_int_equal(live->round.weight, 22);
    cloud_live_apply_closed(live, &closed);
    assert_null(gateway_of(live, 2)->statistics);
    assert_int_equal(gateway_of(live, 2)->counted_round, 1);
}

/* ---- recovering ---------------------------------------------------------------------------- */

/* As the view has it: the newest round that counts an update of this gateway. */
static void restore_counted(cloud_live *live, size_t index, const fixture_update *update) {
    cloud_gateway *gateway = gateway_of(live, index);
    gateway->counted_round = 1;
    memcpy(gateway->counted_digest, update->record.digest.bytes, TRIB_HASH_BYTES);
}

/* Two rounds with all that happens in one; press-1 is counted in the first alone. `recovering`
 * follows the program's way back: the records but for updates, then who was counted last, then the
 * updates of the open round, those of discarded gateways left out. */
static cloud_live *story(bool recovering) {
    cloud_live *live = running(document_plain, 3);
    const cloud_record_RoundClosed closed = closing_of(1, false);
    const cloud_record_Revoked revoked = {.gateway = "press-2", .discard = true};
    fixture_update first[2], second[3];
    for (size_t i = 0; i < 2; i++) {
        make(live, i, &first[i]);
        if (!recovering) {
            (void)apply_update(live, &first[i], 20 + i);
        }
    }
    cloud_live_apply_closed(live, &closed);
    open_round(live, 2, 4);
    for (size_t i = 1; i < 3; i++) {
        make(live, i, &second[i]);
        if (!recovering) {
            (void)apply_update(live, &second[i], 30 + i);
        }
    }
    apply_join(live, names[2], 2, 777); /* after its update */
    cloud_live_apply_revoked(live, &revoked);
    if (!recovering) {
        assert_true(trib_ok(
            cloud_live_discard(live, gateway_of(live, 1), trib_buffer_view(&second[1].bytes))));
    } else {
        restore_counted(live, 0, &first[0]);
        (void)apply_update(live, &second[2], 32);
    }
    for (size_t i = 0; i < 2; i++) {
        drop_update(&first[i]);
        drop_update(&second[1 + i]);
    }
    return live;
}

static void the_same_records_lead_to_the_same_state_live_and_recovering(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = story(false);
    TRIB_SCOPED(drop_live) cloud_live *recovered = story(true);
    assert_int_equal(live->round.accepted, 1);
    assert_int_equal(cloud_live_members(live), 2);
    assert_int_equal(gateway_of(live, 0)->counted_round, 1);
    assert_int_equal(gateway_of(live, 1)->counted_round, 0);
    assert_int_equal(gateway_of(live, 2)->counted_round, 2);
    assert_same_state(live, recovered);
}

/* It may be sent again long after its round: the first verdict was lost with the connection. */
static void who_was_counted_last_is_known_until_it_is_counted_again(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = running(document_plain, 3);
    TRIB_SCOPED(drop_update) fixture_update update;
    make(live, 0, &update);
    (void)apply_update(live, &update, 20);
    for (uint64_t round = 1; round < 5; round++) {
        const cloud_record_RoundClosed closed = closing_of(round, round == 3);
        cloud_live_apply_closed(live, &closed);
        open_round(live, round + 1, 3);
        (void)count(live, 1);
        assert_int_equal(gateway_of(live, 0)->counted_round, 1);
        assert_memory_equal(gateway_of(live, 0)->counted_digest, update.record.digest.bytes,
                            TRIB_HASH_BYTES);
        assert_int_equal(gateway_of(live, 1)->counted_round, round + 1);
    }
    (void)count(live, 0);
    assert_int_equal(gateway_of(live, 0)->counted_round, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_is_folded_and_noted),
        cmocka_unit_test(the_order_of_updates_does_not_show),
        cmocka_unit_test(the_last_update_that_is_expected_asks_for_the_close),
        cmocka_unit_test(an_update_counts_although_its_gateway_has_joined_again_since),
        cmocka_unit_test(a_record_whose_update_the_fold_refuses_counts_nothing),
        cmocka_unit_test(a_discarded_update_leaves_no_trace_in_the_sum),
        cmocka_unit_test(what_is_not_in_the_open_round_is_not_taken_out),
        cmocka_unit_test(a_closed_round_moves_the_base_and_remembers_who_was_counted),
        cmocka_unit_test(an_abandoned_round_counts_nowhere_and_keeps_the_base),
        cmocka_unit_test(statistics_are_kept_by_gateway_until_their_round_ends),
        cmocka_unit_test(the_same_records_lead_to_the_same_state_live_and_recovering),
        cmocka_unit_test(who_was_counted_last_is_known_until_it_is_counted_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
