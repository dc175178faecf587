#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/nn/loss.h"

static void softmax_is_known_and_does_not_overflow(void **state) {
    (void)state;
    const float logits[3] = {1000.0f, 1000.0f + logf(2.0f), -1000.0f};
    float p[3];
    trib_softmax(3, logits, p);
    assert_float_equal(p[0], 1.0f / 3.0f, 1e-4f);
    assert_float_equal(p[1], 2.0f / 3.0f, 1e-4f);
    assert_float_equal(p[2], 0.0f, 0.0f);
    const float broken[2] = {NAN, 1.0f};
    trib_softmax(2, broken, p);
    assert_true(isnan(p[0]) && isnan(p[1]));
}

static void cross_entropy_of_equal_logits_is_the_log_of_their_number(void **state) {
    (void)state;
    const float logits[8] = {1, 1, 1, 1, -3, -3, -3, -3};
    const int32_t labels[2] = {2, 0};
    float gradient[8];
    assert_float_equal(trib_loss_cross_entropy(2, 4, logits, labels, gradient), logf(4.0f), 1e-6f);
    for (size_t i = 0; i < 8; i++) {
        float expected = i == 2 || i == 4 ? -0.375f : 0.125f; /* (1/4 - hit) / 2 */
        assert_float_equal(gradient[i], expected, 1e-6f);
    }
}

static void cross_entropy_may_overwrite_its_logits(void **state) {
    (void)state;
    float logits[3] = {0.5f, -1.0f, 2.0f};
    float apart[3];
    const int32_t label = 1;
    float loss = trib_loss_cross_entropy(1, 3, logits, &label, apart);
    assert_float_equal(trib_loss_cross_entropy(1, 3, logits, &label, logits), loss, 0.0f);
    for (size_t i = 0; i < 3; i++) {
        assert_float_equal(logits[i], apart[i], 0.0f);
    }
}

static void squared_loss_is_a_mean_over_batch_and_outputs(void **state) {
    (void)state;
    const float y[4] = {1, 2, 3, 4};
    const float targets[4] = {1, 0, 3, 1};
    float gradient[4];
    assert_float_equal(trib_loss_squared(2, 2, y, targets, gradient), 13.0f / 4.0f, 1e-6f);
    const float expected[4] = {0, 1, 0, 1.5f};
    for (size_t i = 0; i < 4; i++) {
        assert_float_equal(gradient[i], expected[i], 1e-6f);
    }
    assert_float_equal(trib_loss_squared(2, 2, y, y, NULL), 0.0f, 0.0f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_is_known_and_does_not_overflow),
        cmocka_unit_test(cross_entropy_of_equal_logits_is_the_log_of_their_number),
        cmocka_unit_test(cross_entropy_may_overwrite_its_logits),
        cmocka_unit_test(squared_loss_is_a_mean_over_batch_and_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
