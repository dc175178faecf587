#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/base/random.h"
#include "common/statistic/chi_squared.h"
#include "common/statistic/cholesky.h"
#include "common/statistic/hotelling.h"
#include "common/statistic/order.h"

/* Values of scipy.stats.chi2.ppf. */
static void chi_squared_quantiles_are_those_of_the_tables(void **state) {
    (void)state;
    static const double known[][3] = {
        {0.95, 1, 3.841458820694124},      {0.999, 8, 26.12448155837614},
        {0.5, 2, 1.3862943611198906},      {0.99, 30, 50.89218131151707},
        {0.01, 3, 0.11483180189911707},    {0.9999999, 64, 141.03861693680614},
        {0.999, 2080, 2285.0265009117315},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        double x = trib_chi_squared_quantile(known[i][0], known[i][1]);
        assert_true(fabs(x - known[i][2]) < 1e-9 * known[i][2]);
        assert_true(fabs(trib_gamma_p(known[i][1] / 2, x / 2) - known[i][0]) < 1e-12);
    }
}

static void an_inverse_times_its_matrix_is_one(void **state) {
    (void)state;
    enum { SIZE = 12 };
    double root[SIZE * SIZE], matrix[SIZE * SIZE], inverse[SIZE * SIZE];
    trib_random random;
    trib_random_init(&random, 1, "", 0, TRIB_PURPOSE_TEST);
    for (size_t i = 0; i < SIZE * SIZE; i++) {
        root[i] = (double)trib_random_normal(&random);
    }
    for (size_t i = 0; i < SIZE; i++) {
        for (size_t j = 0; j < SIZE; j++) {
            matrix[i * SIZE + j] = i == j ? 0.1 : 0;
            for (size_t k = 0; k < SIZE; k++) {
                matrix[i * SIZE + j] += root[i * SIZE + k] * root[j * SIZE + k];
            }
        }
    }
    memcpy(inverse, matrix, sizeof matrix);
    assert_true(trib_ok(trib_cholesky_invert(inverse, SIZE)));
    for (size_t i = 0; i < SIZE; i++) {
        for (size_t j = 0; j < SIZE; j++) {
            double sum = 0;
            for (size_t k = 0; k < SIZE; k++) {
                sum += matrix[i * SIZE + k] * inverse[k * SIZE + j];
            }
            assert_true(fabs(sum - (i == j ? 1.0 : 0.0)) < 1e-9);
        }
    }
}

static void a_matrix_that_is_not_positive_is_refused(void **state) {
    (void)state;
    double singular[] = {1, 2, 2, 4}, negative[] = {-1},
           broken[] = {1, (double)NAN, (double)NAN, 1};
    assert_int_equal(trib_cholesky_invert(singular, 2).code, TRIB_E_ARGUMENT);
    assert_int_equal(trib_cholesky_invert(negative, 1).code, TRIB_E_ARGUMENT);
    assert_int_equal(trib_cholesky_invert(broken, 2).code, TRIB_E_ARGUMENT);
}

static void medians_and_quantiles_are_those_worked_out_by_hand(void **state) {
    (void)state;
    float odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2}, spread[] = {1, 2, 3, 4, 100};
    assert_true(trib_median(odd, 3) == 3);
    assert_true(trib_median(even, 4) == 2.5);
    assert_true(fabs(trib_median_deviation(spread, 5) - 1.4826) < 1e-12);
    float values[] = {4, 2, 1, 3};
    assert_true(trib_quantile(values, 4, 0.5) == 2);
    assert_true(trib_quantile(values, 4, 0.51) == 3);
    assert_true(trib_quantile(values, 4, 1) == 4);
    assert_true(trib_quantile(values, 4, 0) == 1);
}

static const char document[] = "federation: s\n"
                               "source: {rate_hz: 1, channels: [a, b]}\n"
                               "pipeline:\n"
                               "  window: {rows: 10, hop: 1}\n"
                               "  features: [mean, last]\n"
                               "  normalise: false\n"
                               "model: {task: hotelling_t2, significance: 0.999}\n"
                               "update: {codec: float32}\n";

typedef struct drift_fixture {
    trib_federation *federation;
    trib_examples examples;
} drift_fixture;

/* Channel a drifts slowly up and down, b is noise and always 3 above twice a's drift. */
static void begin(drift_fixture *fixture, size_t rows, uint64_t seed) {
    fixture->federation = trib_allocate(1, sizeof(trib_federation));
    assert_true(
        trib_ok(trib_federation_parse("s.yaml", trib_bytes_text(document), fixture->federation)));
    trib_model_plan plan = {
        .output = TRIB_OUTPUT_RECONSTRUCTION, .input_count = 4, .output_count = 4};
    trib_examples_init(&fixture->examples, &plan, rows);
    trib_random random;
    trib_random_init(&random, seed, "", 0, TRIB_PURPOSE_TEST);
    float history[10][2] = {{0}};
    for (size_t i = 0; i < rows; i++) {
        float drift = 0.5f * sinf(0.05f * (float)i + (float)seed);
        history[i % 10][0] = drift + 0.3f * trib_random_normal(&random);
        history[i % 10][1] = 3 + 2 * drift + 0.3f * trib_random_normal(&random);
        float example[4] = {0, history[i % 10][0], 0, history[i % 10][1]};
        for (size_t j = 0; j < 10; j++) {
            example[0] += history[j][0] / 10;
            example[2] += history[j][1] / 10;
        }
        if (i >= 9) {
            assert_true(trib_ok(trib_examples_append(&fixture->examples, example, 0, NULL)));
        }
    }
}

static void end(drift_fixture *fixture) {
    trib_examples_deinit(&fixture->examples);
    trib_free(fixture->federation);
}

/* Windows without a drift in common: the definition, written out again in another way. */
static void a_moment_is_that_of_its_definition(void **state) {
    (void)state;
    drift_fixture fixture;
    begin(&fixture, 200, 1);
    const float spread[4] = {1, 1, 1, 1};
    float moment[3];
    assert_true(
        trib_ok(trib_hotelling_moment(fixture.federation, spread, &fixture.examples, moment)));
    /* 191 examples, example e ends with row e + 9; halves are rows 0-99 and 100-199 */
    double centre[2], scale[2], sums[3] = {0, 0, 0};
    for (size_t c = 0; c < 2; c++) {
        float smoothed[200], raw[200];
        size_t smooth_count = 0, raw_count = 0;
        for (size_t row = 19; row < 100; row++) {
            smoothed[smooth_count++] = fixture.examples.inputs[(row - 9) * 4 + 2 * c];
        }
        for (size_t row = 10; row < 100; row++) {
            raw[raw_count++] = fixture.examples.inputs[(row - 9) * 4 + 2 * c + 1];
        }
        centre[c] = trib_median(smoothed, smooth_count);
        scale[c] = trib_median_deviation(raw, raw_count);
        assert_true(scale[c] > 0.1);
    }
    size_t count = 0;
    for (size_t row = 109; row < 200; row++, count++) {
        const float *example = fixture.examples.inputs + (row - 9) * 4;
        double a = ((double)example[0] - centre[0]) / scale[0];
        double b = ((double)example[2] - centre[1]) / scale[1];
        sums[0] += a * a;
        sums[1] += a * b;
        sums[2] += b * b;
    }
    for (size_t i = 0; i < 3; i++) {
        assert_true(fabs(sums[i] / (double)count - (double)moment[i]) < 1e-5);
    }
    end(&fixture);
}

static void the_floor_holds_for_a_sensor_that_never_moves(void **state) {
    (void)state;
    drift_fixture fixture;
    begin(&fixture, 200, 1);
    for (size_t i = 0; i < fixture.examples.count; i++) {
        fixture.examples.inputs[i * 4] = fixture.examples.inputs[i * 4 + 1] = 7;
    }
    fixture.examples.inputs[180 * 4] = 8; /* one step of 1 in the second half of 91 */
    const float spread[4] = {1, 5, 1, 1};
    float moment[3];
    assert_true(
        trib_ok(trib_hotelling_moment(fixture.federation, spread, &fixture.examples, moment)));
    assert_true(fabs((double)moment[0] - 4.0 / 91) < 1e-6); /* scale 0.1 * 5 */
    end(&fixture);
}

static void a_drift_out_of_the_ordinary_is_an_alarm(void **state) {
    (void)state;
    drift_fixture fixture;
    begin(&fixture, 400, 2);
    trib_model *model = NULL;
    assert_true(trib_ok(trib_model_create(trib_crypto_host(), fixture.federation, &model)));
    trib_hotelling *detector = NULL;
    assert_int_equal(trib_hotelling_create(model, &fixture.examples, &detector).code, TRIB_E_STATE);
    model->round = 1;
    assert_int_equal(trib_hotelling_create(model, &fixture.examples, &detector).code,
                     TRIB_E_ARGUMENT); /* a moment of zeros */
    assert_true(trib_ok(trib_hotelling_moment(fixture.federation, model->spread, &fixture.examples,
                                              model->parameters)));
    assert_true(trib_ok(trib_hotelling_create(model, &fixture.examples, &detector)));
    double threshold = trib_hotelling_threshold(detector);
    assert_true(fabs(threshold - trib_chi_squared_quantile(0.999, 2)) < 1e-9);
    size_t alarms = 0;
    for (size_t i = 0; i < fixture.examples.count; i++) {
        alarms += trib_hotelling_score(detector, fixture.examples.inputs + 4 * i) > threshold;
    }
    assert_true(alarms < fixture.examples.count / 50);
    /* each channel within its usual range, but not as they go together */
    const float apart[4] = {0.5f, 0.5f, 2.0f, 2.0f}, together[4] = {0.5f, 0.5f, 4.0f, 4.0f};
    assert_true(trib_hotelling_score(detector, apart) > threshold);
    assert_true(trib_hotelling_score(detector, together) < threshold);
    trib_hotelling_destroy(detector);
    trib_model_destroy(model);
    end(&fixture);
}

static void too_few_examples_are_refused(void **state) {
    (void)state;
    drift_fixture fixture;
    begin(&fixture, 50, 1);
    float moment[3] = {5, 5, 5};
    const float spread[4] = {1, 1, 1, 1};
    assert_int_equal(trib_hotelling_least_examples(fixture.federation), 42);
    fixture.examples.count = 41;
    assert_int_equal(
        trib_hotelling_moment(fixture.federation, spread, &fixture.examples, moment).code,
        TRIB_E_STATE);
    assert_true(moment[0] == 5);
    fixture.examples.count = 42;
    assert_true(
        trib_ok(trib_hotelling_moment(fixture.federation, spread, &fixture.examples, moment)));
    end(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chi_squared_quantiles_are_those_of_the_tables),
        cmocka_unit_test(an_inverse_times_its_matrix_is_one),
        cmocka_unit_test(a_matrix_that_is_not_positive_is_refused),
        cmocka_unit_test(medians_and_quantiles_are_those_worked_out_by_hand),
        cmocka_unit_test(a_moment_is_that_of_its_definition),
        cmocka_unit_test(the_floor_holds_for_a_sensor_that_never_moves),
        cmocka_unit_test(a_drift_out_of_the_ordinary_is_an_alarm),
        cmocka_unit_test(too_few_examples_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
