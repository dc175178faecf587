#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/base/random.h"

/* Known answers of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds). */
static void philox_matches_its_published_vectors(void **state) {
    (void)state;
    const struct {
        uint32_t counter[4], key[2], block[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t block[4];
        trib_philox(known[i].counter, known[i].key, block);
        assert_memory_equal(block, known[i].block, sizeof block);
    }
}

static void streams_of_other_gateways_rounds_and_purposes_differ(void **state) {
    (void)state;
    trib_random base, other;
    trib_random_init(&base, 7, "a", 1, TRIB_PURPOSE_TEST);
    uint32_t first = trib_random_u32(&base);
    trib_random_init(&other, 7, "a", 1, TRIB_PURPOSE_TEST);
    assert_int_equal(trib_random_u32(&other), first);
    trib_random_init(&other, 7, "b", 1, TRIB_PURPOSE_TEST);
    assert_int_not_equal(trib_random_u32(&other), first);
    trib_random_init(&other, 7, "a", 2, TRIB_PURPOSE_TEST);
    assert_int_not_equal(trib_random_u32(&other), first);
    trib_random_init(&other, 7, "a", 1, TRIB_PURPOSE_SHUFFLE);
    assert_int_not_equal(trib_random_u32(&other), first);
    trib_random_init(&other, 8, "a", 1, TRIB_PURPOSE_TEST);
    assert_int_not_equal(trib_random_u32(&other), first);
}

static void many_draws_at_once_are_the_same_draws(void **state) {
    (void)state;
    for (size_t before = 0; before < 6; before++) {
        for (size_t count = 0; count < 300; count += 1 + count / 7) {
            trib_random one, many;
            uint32_t words[300];
            trib_random_init(&one, 7, "a", 1, TRIB_PURPOSE_TEST);
            for (size_t i = 0; i < before; i++) {
                (void)trib_random_u32(&one);
            }
            many = one;
            trib_random_fill(&many, words, count);
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(words[i], trib_random_u32(&one));
            }
            assert_int_equal(trib_random_u32(&many), trib_random_u32(&one));
        }
    }
}

static void an_order_holds_every_index_once(void **state) {
    (void)state;
    trib_random random;
    trib_random_init(&random, 1, "", 0, TRIB_PURPOSE_TEST);
    uint32_t order[1000];
    uint8_t seen[1000] = {0};
    trib_random_order(&random, order, 1000);
    size_t moved = 0;
    for (size_t i = 0; i < 1000; i++) {
        assert_true(order[i] < 1000);
        seen[order[i]]++;
        moved += order[i] != i;
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(seen[i], 1);
    }
    assert_true(moved > 900);
}

static void normals_have_mean_zero_and_variance_one(void **state) {
    (void)state;
    trib_random random;
    trib_random_init(&random, 3, "", 0, TRIB_PURPOSE_TEST);
    double sum = 0, squares = 0;
    for (int i = 0; i < 100000; i++) {
        double x = (double)trib_random_normal(&random);
        sum += x;
        squares += x * x;
    }
    assert_true(sum / 1e5 > -0.02 && sum / 1e5 < 0.02);
    assert_true(squares / 1e5 > 0.98 && squares / 1e5 < 1.02);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_matches_its_published_vectors),
        cmocka_unit_test(streams_of_other_gateways_rounds_and_purposes_differ),
        cmocka_unit_test(many_draws_at_once_are_the_same_draws),
        cmocka_unit_test(an_order_holds_every_index_once),
        cmocka_unit_test(normals_have_mean_zero_and_variance_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
