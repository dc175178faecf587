#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/telemetry/telemetry.h"

enum {
    NONE = TRIB_TELEMETRY_NONE,
    FEATURES = TRIB_TELEMETRY_FEATURES,
    RAW = TRIB_TELEMETRY_RAW,
    LEVELS
};

/* [asked][allowed], written out: whoever changes the rule has to say so here. */
static void of_nine_pairs_the_lesser_leaves(void **state) {
    (void)state;
    static const int leaves[LEVELS][LEVELS] = {
        [NONE] = {[NONE] = NONE, [FEATURES] = NONE, [RAW] = NONE},
        [FEATURES] = {[NONE] = NONE, [FEATURES] = FEATURES, [RAW] = FEATURES},
        [RAW] = {[NONE] = NONE, [FEATURES] = FEATURES, [RAW] = RAW},
    };
    for (int asked = NONE; asked < LEVELS; asked++) {
        for (int allowed = NONE; allowed < LEVELS; allowed++) {
            assert_int_equal(trib_telemetry_leaves((trib_telemetry_level)asked,
                                                   (trib_telemetry_level)allowed, true),
                             leaves[asked][allowed]);
        }
    }
}

/* Rows must not leave as features. */
static void without_features_only_what_raw_allows_leaves(void **state) {
    (void)state;
    for (int asked = NONE; asked < LEVELS; asked++) {
        for (int allowed = NONE; allowed < LEVELS; allowed++) {
            assert_int_equal(trib_telemetry_leaves((trib_telemetry_level)asked,
                                                   (trib_telemetry_level)allowed, false),
                             asked == RAW && allowed == RAW ? RAW : NONE);
        }
    }
}

static void the_words_are_in_the_order_of_the_levels(void **state) {
    (void)state;
    assert_string_equal(trib_telemetry_words[NONE], "none");
    assert_string_equal(trib_telemetry_words[FEATURES], "features");
    assert_string_equal(trib_telemetry_words[RAW], "raw");
    assert_null(trib_telemetry_words[LEVELS]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_nine_pairs_the_lesser_leaves),
        cmocka_unit_test(without_features_only_what_raw_allows_leaves),
        cmocka_unit_test(the_words_are_in_the_order_of_the_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
