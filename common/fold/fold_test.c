#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "common/fold/fold.h"

enum { UPDATES = 40, COUNT = 66001, /* past one look at the norm */ ROOM = 4 * COUNT + 64 };

static uint8_t bytes[UPDATES][ROOM];
static trib_update_view views[UPDATES];
static const trib_fold_bounds bounds_loose = {
    .max_updates = UPDATES, .max_weight = 1000, .clip_norm = 2};

static trib_fold_bounds with_grid(trib_fold_bounds bounds) {
    bounds.grid_exponent = trib_fold_grid(&bounds);
    return bounds;
}

static int make_updates(void **state) {
    (void)state;
    for (int u = 0; u < UPDATES; u++) {
        static float delta[COUNT];
        trib_random random;
        trib_random_init(&random, (uint64_t)u, "", 0, TRIB_PURPOSE_TEST);
        for (int i = 0; i < COUNT; i++) {
            delta[i] = trib_random_normal(&random) * (u % 3 ? 1e-3f : 1.0f);
        }
        trib_writer writer = trib_writer_of(bytes[u], ROOM);
        trib_codec codec = u % 2 ? TRIB_CODEC_INT8 : TRIB_CODEC_FLOAT32;
        uint32_t weight = 1 + trib_random_below(&random, 1000);
        assert_true(trib_ok(trib_update_pack(codec, delta, COUNT, weight, bounds_loose.clip_norm,
                                             &random, &writer)));
        assert_true(trib_ok(trib_update_open(trib_written(&writer), &views[u])));
    }
    return 0;
}

static trib_fold *create(trib_fold_bounds bounds) {
    trib_fold *fold = NULL;
    bounds = with_grid(bounds);
    assert_true(trib_ok(trib_fold_create(&bounds, COUNT, &fold)));
    return fold;
}

/* The definition in integers, one contribution at a time, without any of the fold's short cuts. */
static void sums_are_the_rounded_contributions_added_as_integers(void **state) {
    (void)state;
    trib_fold *fold = create(bounds_loose);
    static int64_t expected[COUNT];
    memset(expected, 0, sizeof expected);
    uint64_t weight = 0;
    for (int u = 0; u < UPDATES; u++) {
        assert_true(trib_ok(trib_fold_add(fold, &views[u])));
        static double values[COUNT];
        trib_update_decode(&views[u], 0, COUNT, values);
        for (int i = 0; i < COUNT; i++) {
            expected[i] +=
                llrint(ldexp((double)views[u].weight * values[i], -fold->bounds.grid_exponent));
        }
        weight += views[u].weight;
    }
    assert_memory_equal(trib_fold_sums(fold), expected, sizeof expected);
    assert_int_equal(fold->weight, weight);
    static double mean[COUNT];
    assert_true(trib_ok(trib_fold_mean(fold, mean)));
    double there = ldexp((double)expected[7] / (double)weight, fold->bounds.grid_exponent);
    assert_true(mean[7] == there);
    trib_fold_destroy(fold);
}

/* Other agents may cut their updates into blocks of another size. */
static void each_value_has_the_scale_of_its_own_updates_block(void **state) {
    (void)state;
    enum { SMALL = 1000 };
    static uint8_t storage[2 * SMALL + 64];
    const uint16_t sizes[] = {16, 48, 512, 1024};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        uint32_t blocks = (SMALL + sizes[s] - 1u) / sizes[s];
        trib_writer writer = trib_writer_of(storage, sizeof storage);
        trib_write_u8(&writer, 1);
        trib_write_u8(&writer, TRIB_CODEC_INT8);
        trib_write_u16(&writer, sizes[s]);
        trib_write_u32(&writer, SMALL);
        trib_write_u32(&writer, 3);
        for (uint32_t i = 0; i < blocks; i++) {
            trib_write_f32(&writer, 1e-4f * (float)(i + 1));
        }
        for (uint32_t i = 0; i < SMALL; i++) {
            trib_write_u8(&writer, (uint8_t)(i % 100));
        }
        trib_update_view view;
        assert_true(trib_ok(trib_update_open(trib_written(&writer), &view)));
        trib_fold_bounds bounds = with_grid(bounds_loose);
        trib_fold *fold = NULL;
        assert_true(trib_ok(trib_fold_create(&bounds, SMALL, &fold)));
        bounds.clip_norm = 1e6f;
        fold->bounds.clip_norm = bounds.clip_norm;
        assert_true(trib_ok(trib_fold_add(fold, &view)));
        for (uint32_t i = 0; i < SMALL; i++) {
            double value = (double)(i % 100) * (double)(1e-4f * (float)(i / sizes[s] + 1));
            assert_int_equal(trib_fold_sums(fold)[i],
                             llrint(ldexp(3 * value, -fold->bounds.grid_exponent)));
        }
        trib_fold_subtract(fold, &view);
        for (uint32_t i = 0; i < SMALL; i++) {
            assert_int_equal(trib_fold_sums(fold)[i], 0);
        }
        trib_fold_destroy(fold);
    }
}

static void order_and_partial_sums_do_not_show(void **state) {
    (void)state;
    trib_fold *forward = create(bounds_loose), *shuffled = create(bounds_loose),
              *other = create(bounds_loose);
    trib_random random;
    trib_random_init(&random, 99, "", 0, TRIB_PURPOSE_TEST);
    uint32_t order[UPDATES];
    trib_random_order(&random, order, UPDATES);
    for (int u = 0; u < UPDATES; u++) {
        assert_true(trib_ok(trib_fold_add(forward, &views[u])));
        assert_true(trib_ok(trib_fold_add(u < 13 ? shuffled : other, &views[order[u]])));
    }
    assert_true(trib_ok(trib_fold_merge(shuffled, other)));
    assert_memory_equal(trib_fold_sums(forward), trib_fold_sums(shuffled), COUNT * sizeof(int64_t));
    assert_int_equal(forward->weight, shuffled->weight);
    trib_fold_destroy(forward);
    trib_fold_destroy(shuffled);
    trib_fold_destroy(other);
}

static void flushing_often_changes_nothing(void **state) {
    (void)state;
    trib_fold_bounds tight = bounds_loose;
    tight.grid_exponent = trib_fold_grid(&tight) - 4; /* W * C / grid = 2^50: four, then a flush */
    trib_fold *often = NULL;
    assert_true(trib_ok(trib_fold_create(&tight, COUNT, &often)));
    static int64_t expected[COUNT];
    memset(expected, 0, sizeof expected);
    for (int u = 0; u < UPDATES; u++) {
        assert_true(trib_ok(trib_fold_add(often, &views[u])));
        static double values[COUNT];
        trib_update_decode(&views[u], 0, COUNT, values);
        for (int i = 0; i < COUNT; i++) {
            expected[i] += llrint(ldexp((double)views[u].weight * values[i], -tight.grid_exponent));
        }
    }
    assert_memory_equal(trib_fold_sums(often), expected, sizeof expected);
    trib_fold_destroy(often);
}

static void a_refused_update_leaves_no_trace(void **state) {
    (void)state;
    trib_fold *fold = create(bounds_loose);
    assert_true(trib_ok(trib_fold_add(fold, &views[0])));
    int64_t before[COUNT];
    memcpy(before, trib_fold_sums(fold), sizeof before);
    static uint8_t bad[ROOM];
    const float flaws[] = {NAN, INFINITY, 3.0f};
    const trib_code codes[] = {TRIB_E_CORRUPT, TRIB_E_CORRUPT, TRIB_E_LIMIT};
    for (int i = 0; i < 3; i++) {
        memcpy(bad, bytes[2], ROOM);
        memcpy(bad + TRIB_UPDATE_HEADER_BYTES + 4 * (size_t)(COUNT - 1), &flaws[i], 4);
        trib_update_view view;
        assert_true(trib_ok(trib_update_open(
            trib_bytes_of(bad, trib_update_packed_size(TRIB_CODEC_FLOAT32, COUNT)), &view)));
        assert_int_equal(trib_fold_add(fold, &view).code, codes[i]);
        assert_memory_equal(before, trib_fold_sums(fold), sizeof before);
    }
    trib_update_view heavy = views[1];
    heavy.weight = 1001;
    assert_int_equal(trib_fold_add(fold, &heavy).code, TRIB_E_ARGUMENT);
    heavy = views[1];
    heavy.count--;
    assert_int_equal(trib_fold_add(fold, &heavy).code, TRIB_E_ARGUMENT);
    assert_int_equal(fold->updates, 1);
    trib_fold_destroy(fold);
}

static void subtracting_takes_an_update_out_for_good(void **state) {
    (void)state;
    trib_fold *with = create(bounds_loose), *without = create(bounds_loose);
    for (int u = 0; u < UPDATES; u++) {
        assert_true(trib_ok(trib_fold_add(with, &views[u])));
        if (u != 11) {
            assert_true(trib_ok(trib_fold_add(without, &views[u])));
        }
    }
    trib_fold_subtract(with, &views[11]);
    assert_memory_equal(trib_fold_sums(with), trib_fold_sums(without), COUNT * sizeof(int64_t));
    assert_int_equal(with->updates, without->updates);
    trib_fold_destroy(with);
    trib_fold_destroy(without);
}

static void grids_keep_to_the_limits_and_finer_ones_are_refused(void **state) {
    (void)state;
    for (uint32_t n = 1; n <= 1u << 24; n *= 8) {
        for (uint32_t w = 1; w <= 1u << 20; w = w * 3 + 1) {
            for (float c = 1e-6f; c < 1e6f; c *= 7) {
                trib_fold_bounds bounds = with_grid((trib_fold_bounds){n, w, c, 0});
                assert_true(trib_ok(trib_fold_bounds_check(&bounds)));
                bounds.grid_exponent -= 16;
                assert_int_equal(trib_fold_bounds_check(&bounds).code, TRIB_E_ARGUMENT);
            }
        }
    }
}

static void a_round_takes_no_more_updates_than_announced(void **state) {
    (void)state;
    trib_fold_bounds few = bounds_loose;
    few.max_updates = 2;
    trib_fold *fold = create(few);
    assert_true(trib_ok(trib_fold_add(fold, &views[0])));
    assert_true(trib_ok(trib_fold_add(fold, &views[1])));
    assert_int_equal(trib_fold_add(fold, &views[2]).code, TRIB_E_LIMIT);
    double mean[COUNT];
    trib_fold_clear(fold);
    assert_int_equal(trib_fold_mean(fold, mean).code, TRIB_E_STATE);
    trib_fold_destroy(fold);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_the_rounded_contributions_added_as_integers),
        cmocka_unit_test(each_value_has_the_scale_of_its_own_updates_block),
        cmocka_unit_test(order_and_partial_sums_do_not_show),
        cmocka_unit_test(flushing_often_changes_nothing),
        cmocka_unit_test(a_refused_update_leaves_no_trace),
        cmocka_unit_test(subtracting_takes_an_update_out_for_good),
        cmocka_unit_test(grids_keep_to_the_limits_and_finer_ones_are_refused),
        cmocka_unit_test(a_round_takes_no_more_updates_than_announced),
    };
    return cmocka_run_group_tests(tests, make_updates, NULL);
}
