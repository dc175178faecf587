#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/signal/window.h"

static uint8_t block[1 << 16];
static const uint32_t use[] = {1, 0};

static trib_history made(uint32_t window, uint32_t hop, uint32_t context) {
    trib_pipeline_spec spec = {
        .use_count = 2, .window_rows = window, .hop_rows = hop, .context_rows = context};
    trib_arena arena;
    trib_arena_init(&arena, block, trib_history_bytes(&spec));
    trib_history history;
    assert_true(trib_ok(trib_history_init(&history, &spec, &arena)));
    return history;
}

static bool push(trib_history *history, uint64_t index, int32_t label) {
    trib_row_tag tag = {.index = index, .label = label};
    const float channels[] = {100.0f + (float)index, (float)index};
    return trib_history_push(history, &tag, channels, use, 2);
}

/* Every window and hop: which rows a window holds follows from its number alone. */
static void each_window_holds_its_rows_and_context_whatever_the_hop(void **state) {
    (void)state;
    for (uint32_t window = 1; window <= 6; window++) {
        for (uint32_t hop = 1; hop <= 15; hop++) {
            for (uint32_t context = 0; context <= 7; context++) {
                trib_history history = made(window, hop, context);
                uint64_t number = 0;
                for (uint64_t row = 0; row < 60; row++) {
                    uint64_t first = number * hop;
                    bool full = push(&history, row, 0);
                    assert_int_equal(full, row == first + window - 1);
                    if (!full) {
                        continue;
                    }
                    for (uint32_t i = 0; i < window + context; i++) {
                        uint64_t wanted = first + i > context ? first + i - context : 0;
                        assert_float_equal(history.values[i], (float)wanted, 0.0f);
                        assert_float_equal(history.values[history.stride + i],
                                           100.0f + (float)wanted, 0.0f);
                    }
                    assert_int_equal(history.tags[0].index, first);
                    assert_int_equal(history.tags[window - 1].index, row);
                    trib_history_advance(&history);
                    number++;
                }
                assert_true(number > 2);
            }
        }
    }
}

static int32_t vote(const int32_t *labels, uint32_t count) {
    trib_history history = made(count, 1, 0);
    for (uint32_t i = 0; i < count; i++) {
        (void)push(&history, i, labels[i]);
    }
    return trib_history_label(&history);
}

static void the_most_frequent_label_wins_and_the_smaller_on_a_tie(void **state) {
    (void)state;
    assert_int_equal(vote((const int32_t[]){3, 3, 1}, 3), 3);
    assert_int_equal(vote((const int32_t[]){3, 1, 3, 1}, 4), 1);
    assert_int_equal(vote((const int32_t[]){-1, -1, 2}, 3), -1);
    assert_int_equal(vote((const int32_t[]){-1, 2}, 2), -1);
    assert_int_equal(vote((const int32_t[]){TRIB_MAX_LABEL, 0, TRIB_MAX_LABEL}, 3), TRIB_MAX_LABEL);
    assert_int_equal(vote((const int32_t[]){-1}, 1), -1);
}

static void context_does_not_vote_and_is_not_counted_valid(void **state) {
    (void)state;
    trib_history history = made(2, 2, 4);
    trib_row_tag old = {.label = 7};
    trib_row_tag new = {.label = 1};
    const float channels[] = {0.0f, 0.0f};
    assert_false(trib_history_push(&history, &old, channels, use, 0));
    assert_true(trib_history_push(&history, &old, channels, use, 0));
    trib_history_advance(&history);
    assert_false(trib_history_push(&history, &new, channels, use, 2));
    assert_true(trib_history_push(&history, &new, channels, use, 1));
    assert_int_equal(trib_history_label(&history), 1);
    assert_float_equal(trib_history_valid(&history), 0.75f, 0.0f);
}

static void the_longest_window_of_one_label_does_not_overflow_its_votes(void **state) {
    (void)state;
    trib_pipeline_spec spec = {.use_count = 2, .window_rows = TRIB_MAX_WINDOW, .hop_rows = 1};
    static uint8_t large[1 << 20];
    trib_arena arena;
    trib_arena_init(&arena, large, sizeof large);
    trib_history history;
    assert_true(trib_ok(trib_history_init(&history, &spec, &arena)));
    for (uint64_t i = 0; i < TRIB_MAX_WINDOW; i++) {
        assert_int_equal(push(&history, i, 9), i + 1 == TRIB_MAX_WINDOW);
    }
    assert_int_equal(trib_history_label(&history), 9);
    assert_float_equal(trib_history_valid(&history), 1.0f, 0.0f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_window_holds_its_rows_and_context_whatever_the_hop),
        cmocka_unit_test(the_most_frequent_label_wins_and_the_smaller_on_a_tie),
        cmocka_unit_test(context_does_not_vote_and_is_not_counted_valid),
        cmocka_unit_test(the_longest_window_of_one_label_does_not_overflow_its_votes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
