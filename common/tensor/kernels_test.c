#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/tensor/kernels.h"
#include "common/tensor/narrow_product.h"

static const float A[6] = {1, 2, 3, 4, 5, 6};                      /* [2, 3] or [3, 2] */
static const float B[12] = {1, 0, 2, -1, 3, 1, 0, 5, 2, 2, 1, -2}; /* [4, 3] or [3, 4] */

static void assert_floats(const float *found, const float *expected, size_t count) {
    for (size_t i = 0; i < count; i++) {
        assert_true(fabsf(found[i] - expected[i]) <=
                    1e-6f); /* NaN fails; cmocka's form lets it by */
    }
}

/* beta 0 must not read what was there. */
static void check_form(trib_product_kernel *kernel, const float expected[8]) {
    trib_product product = {2, 4, 3, 1.0f, 0.0f};
    float c[8];
    for (size_t i = 0; i < 8; i++) {
        c[i] = NAN;
    }
    kernel(&product, A, B, c);
    assert_floats(c, expected, 8);
}

static void check_forms(const trib_kernels *kernels) {
    check_form(kernels->product_nt, (float[]){7, 8, 16, -2, 16, 17, 37, 1});
    check_form(kernels->product_nn, (float[]){13, 8, 5, 3, 31, 17, 14, 9});
    check_form(kernels->product_tn, (float[]){20, 13, 7, 4, 26, 16, 10, 6}); /* A is [3, 2] here */
}

static void the_reference_gives_products_worked_out_by_hand(void **state) {
    (void)state;
    trib_kernels kernels = trib_kernels_reference();
    check_forms(&kernels);
}

static void openblas_gives_products_worked_out_by_hand(void **state) {
    (void)state;
    trib_kernels kernels = trib_kernels_openblas();
    check_forms(&kernels);
}

static void alpha_and_beta_scale_and_keep(void **state) {
    (void)state;
    const trib_kernels tables[] = {trib_kernels_reference(), trib_kernels_openblas()};
    for (size_t i = 0; i < 2; i++) {
        float c[1] = {10};
        trib_product product = {1, 1, 3, -2.0f, 0.5f};
        tables[i].product_nt(&product, A, A, c);
        assert_float_equal(c[0], 10 * 0.5f - 2 * 14, 1e-6f);
        tables[i].product_nn(&product, A, A, c);
        assert_float_equal(c[0], -23 * 0.5f - 2 * 14, 1e-6f);
        tables[i].product_tn(&product, A, A, c);
        assert_float_equal(c[0], -39.5f * 0.5f - 2 * 14, 1e-6f);
        float y[3] = {1, 1, 1};
        tables[i].axpy(3, 2.0f, A, y);
        assert_floats(y, (float[]){3, 5, 7}, 3);
    }
}

static void openblas_verifies_against_the_reference(void **state) {
    (void)state;
    trib_kernels kernels = trib_kernels_openblas();
    assert_true(trib_ok(trib_kernels_verify(&kernels)));
    assert_non_null(strstr(kernels.name, "openblas-"));
    char said[128] = "";
    kernels = trib_kernels_choose(said, sizeof said);
    assert_non_null(strstr(said, kernels.name));
    assert_non_null(strstr(kernels.name, "openblas-"));
}

/* What a wrong kernel for a new processor has been seen to do: only the tails are wrong. */
static void broken_product(const trib_product *product, const float *a, const float *b, float *c) {
    trib_kernels_reference().product_nn(product, a, b, c);
    c[product->rows * product->columns - 1] += 0.01f;
}

static void nan_product(const trib_product *product, const float *a, const float *b, float *c) {
    trib_kernels_reference().product_tn(product, a, b, c);
    c[0] = NAN;
}

static void broken_axpy(size_t count, float alpha, const float *x, float *y) {
    trib_kernels_reference().axpy(count - 1, alpha, x, y);
}

static void a_kernel_that_computes_wrong_does_not_verify(void **state) {
    (void)state;
    trib_kernels kernels = trib_kernels_reference();
    assert_true(trib_ok(trib_kernels_verify(&kernels)));
    kernels.product_nn = broken_product;
    assert_int_equal(trib_kernels_verify(&kernels).code, TRIB_E_INTERNAL);
    assert_non_null(strstr(trib_message(), "product_nn"));
    kernels = trib_kernels_reference();
    kernels.product_tn = nan_product;
    assert_int_equal(trib_kernels_verify(&kernels).code, TRIB_E_INTERNAL);
    kernels = trib_kernels_reference();
    kernels.axpy = broken_axpy;
    assert_int_equal(trib_kernels_verify(&kernels).code, TRIB_E_INTERNAL);
}

static void fill(float *values, size_t count, uint32_t seed) {
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)(seed >> 8) * 0x1p-24f - 0.5f;
    }
}

static void check_narrow(trib_product_kernel *kernel, const trib_product *product,
                         const float *expected, float *ret_y) {
    /* Blocks of exactly their size, so that the sanitizer sees a read past an end. */
    size_t cells = product->rows * product->columns;
    TRIB_SCOPED(trib_free_scoped) float *x = trib_allocate(product->rows * product->depth, 4);
    TRIB_SCOPED(trib_free_scoped) float *w = trib_allocate(product->columns * product->depth, 4);
    fill(x, product->rows * product->depth, 1);
    fill(w, product->columns * product->depth, 2);
    fill(ret_y, cells, 3);
    kernel(product, x, w, ret_y);
    for (size_t i = 0; i < cells && expected != NULL; i++) {
        assert_true(fabsf(ret_y[i] - expected[i]) <= 2e-5f);
    }
}

static void narrow_products_agree_with_the_reference_and_with_one_another(void **state) {
    (void)state;
    trib_processor here = trib_processor_here();
    trib_processor without = {here.avx2_fma, false};
    if (trib_narrow_product_for(here) == NULL) {
        print_message("this processor has no fused multiply-add\n");
        skip();
    }
    float expected[11 * 37];
    float found[11 * 37];
    float other[11 * 37];
    for (size_t rows = 1; rows <= 11; rows++) {
        for (size_t depth = 127; depth <= 146; depth++) {
            trib_product product = {rows, 30 + rows % 8, depth, -0.5f,
                                    rows % 2 == 0 ? 0.0f : 0.25f};
            check_narrow(trib_kernels_reference().product_nt, &product, NULL, expected);
            check_narrow(trib_narrow_product_for(here), &product, expected, found);
            check_narrow(trib_narrow_product_for(without), &product, expected, other);
            assert_memory_equal(found, other, rows * product.columns * sizeof(float));
        }
    }
}

static void openblas_hands_narrow_products_over(void **state) {
    (void)state;
    if (trib_narrow_product_for(trib_processor_here()) == NULL) {
        skip();
    }
    trib_kernels kernels = trib_kernels_openblas();
    assert_non_null(strstr(kernels.name, "+narrow"));
    trib_product product = {10, 40, 200, 1.0f, 0.0f};
    assert_true(trib_narrow_product_suits(&product));
    float expected[400];
    float found[400];
    check_narrow(trib_narrow_product_for(trib_processor_here()), &product, NULL, expected);
    check_narrow(kernels.product_nt, &product, expected, found);
    assert_memory_equal(found, expected, sizeof found);
}

/* The forward pass of a small dense layer: short work, for which OpenBLAS lays matrices out in its
 * buffers all the same. */
enum { PASS_ROWS = 8, PASS_COLUMNS = 384, PASS_DEPTH = 21, PASS_TURNS = 60000 };
static const trib_product forward = {PASS_ROWS, PASS_COLUMNS, PASS_DEPTH, 1.0f, 0.0f};

/* Multiplies again and again, and counts what came out otherwise. */
typedef struct multiplying {
    const trib_kernels *kernels;
    pthread_t thread;
    size_t wrong;
    float a[PASS_ROWS * PASS_DEPTH], b[PASS_COLUMNS * PASS_DEPTH];
    float wanted[PASS_ROWS * PASS_COLUMNS], found[PASS_ROWS * PASS_COLUMNS];
} multiplying;

static void *multiply(void *argument) {
    multiplying *mine = argument;
    for (int turn = 0; turn < PASS_TURNS; turn++) {
        mine->kernels->product_nt(&forward, mine->a, mine->b, mine->found);
        mine->wrong += memcmp(mine->found, mine->wanted, sizeof mine->found) != 0;
    }
    return NULL;
}

/* With OpenBLAS's own table, some of these are wrong where two processors are free. */
static void a_shared_table_serves_threads_at_once(void **state) {
    (void)state;
    static multiplying both[2];
    trib_kernels alone = trib_kernels_openblas(), shared = trib_kernels_shared(&alone);
    assert_string_equal(shared.name, alone.name);
    check_forms(&shared);
    for (uint32_t i = 0; i < 2; i++) {
        both[i].kernels = &shared;
        fill(both[i].a, PASS_ROWS * PASS_DEPTH, i);
        fill(both[i].b, PASS_COLUMNS * PASS_DEPTH, 7 + i);
        alone.product_nt(&forward, both[i].a, both[i].b, both[i].wanted);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&both[i].thread, NULL, multiply, &both[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(both[i].thread, NULL), 0);
    }
    assert_int_equal(both[0].wrong + both[1].wrong, 0);
    trib_kernels reference = trib_kernels_reference(), same = trib_kernels_shared(&reference);
    assert_true(same.product_nn == reference.product_nn);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_gives_products_worked_out_by_hand),
        cmocka_unit_test(openblas_gives_products_worked_out_by_hand),
        cmocka_unit_test(alpha_and_beta_scale_and_keep),
        cmocka_unit_test(openblas_verifies_against_the_reference),
        cmocka_unit_test(a_kernel_that_computes_wrong_does_not_verify),
        cmocka_unit_test(narrow_products_agree_with_the_reference_and_with_one_another),
        cmocka_unit_test(openblas_hands_narrow_products_over),
        cmocka_unit_test(a_shared_table_serves_threads_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
