#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/recording/example_maker.h"
#include "common/recording/recording.h"

/* Columns of the files: x counts rows from 0, y is 10 x, odd is 1 in rows 30 to 39, label is "low"
 * in rows below 20 and "high" above, and nothing in rows 50 to 59. */
typedef struct maker_fixture {
    char path[64];
    trib_federation *federation;
    trib_client_data client;
} maker_fixture;

static void write_file(maker_fixture *fixture, size_t rows, const char *padding) {
    strcpy(fixture->path, "/tmp/trib-recording-XXXXXX");
    int handle = mkstemp(fixture->path);
    assert_true(handle >= 0);
    FILE *file = fdopen(handle, "w");
    assert_non_null(file);
    (void)fprintf(file, "x,label,y,odd,note\n");
    for (size_t i = 0; i < rows; i++) {
        const char *label = i >= 50 && i < 60 ? "" : i < 20 ? "low" : "high";
        (void)fprintf(file, "%zu,%s,%zu,%d,%s\n", i, label, 10 * i, i >= 30 && i < 40, padding);
    }
    assert_int_equal(fclose(file), 0);
}

static void begin(maker_fixture *fixture, const char *text, size_t rows) {
    *fixture = (struct maker_fixture){.federation = trib_allocate(1, sizeof(trib_federation))};
    assert_non_null(fixture->federation);
    trib_status status =
        trib_federation_parse("t.yaml", trib_bytes_text(text), fixture->federation);
    if (!trib_ok(status)) {
        fail_msg("%s", trib_message());
    }
    trib_model_plan plan = fixture->federation->plan;
    trib_examples_init(&fixture->client.train, &plan, 1000);
    trib_examples_init(&fixture->client.test, &plan, 1000);
    write_file(fixture, rows, "");
}

static void make(maker_fixture *fixture, int times) {
    TRIB_SCOPED(trib_example_maker_destroy_scoped) trib_example_maker *maker = NULL;
    assert_true(trib_ok(trib_example_maker_create(fixture->federation, false, &maker)));
    for (int i = 0; i < times; i++) {
        trib_status status = trib_example_maker_add(maker, fixture->path, &fixture->client);
        if (!trib_ok(status)) {
            fail_msg("%s", trib_message());
        }
    }
}

static void end(maker_fixture *fixture) {
    (void)unlink(fixture->path);
    trib_client_data_deinit(&fixture->client);
    trib_free(fixture->federation);
}

static const char classify[] =
    "federation: t\n"
    "source: {rate_hz: 1, channels: [x], label: {column: label, classes: [low, high]},\n"
    "         split: {train_rows: 25}}\n"
    "pipeline: {window: {rows: 10, hop: 5}, features: [last], normalise: false}\n"
    "model: {task: classify, layers: [{kind: dense, units: 2}]}\n";

static void the_parts_of_a_labelled_recording_share_no_row(void **state) {
    (void)state;
    maker_fixture fixture;
    begin(&fixture, classify, 45);
    make(&fixture, 1);
    const trib_examples *train = &fixture.client.train, *test = &fixture.client.test;
    assert_int_equal(train->count, 4); /* rows 0-9, 5-14, 10-19, 15-24 */
    assert_float_equal(train->inputs[3], 24.0f, 0.0f);
    assert_int_equal(train->labels[2], 0);
    assert_int_equal(train->labels[3], 0); /* five rows each: the smaller number */
    assert_int_equal(test->count, 3);      /* rows 25-34, 30-39, 35-44 */
    assert_float_equal(test->inputs[0], 34.0f, 0.0f);
    assert_int_equal(fixture.client.rows, 45);
    end(&fixture);
}

static void files_follow_one_another_without_mixing(void **state) {
    (void)state;
    maker_fixture fixture;
    begin(&fixture, classify, 45);
    make(&fixture, 3);
    assert_int_equal(fixture.client.train.count, 12);
    assert_int_equal(fixture.client.test.count, 9);
    for (size_t i = 0; i < 4; i++) {
        assert_float_equal(fixture.client.train.inputs[i], fixture.client.train.inputs[8 + i],
                           0.0f);
    }
    end(&fixture);
}

static void windows_without_a_label_are_counted_and_left_out(void **state) {
    (void)state;
    maker_fixture fixture;
    begin(&fixture, classify, 60);
    make(&fixture, 1);
    assert_int_equal(fixture.client.unlabelled, 2); /* rows 45-54, half without, and 50-59 */
    assert_int_equal(fixture.client.test.count, 4);
    end(&fixture);
}

static const char regress[] =
    "federation: t\n"
    "source: {rate_hz: 1, channels: [x], targets: [y, x], split: {train_fraction: 0.5}}\n"
    "pipeline: {window: {rows: 10, hop: 10}, features: [mean], normalise: false}\n"
    "model: {task: regress, layers: [{kind: dense, units: 2}]}\n";

static void a_regression_target_is_the_mean_over_the_window(void **state) {
    (void)state;
    maker_fixture fixture;
    begin(&fixture, regress, 40);
    make(&fixture, 1);
    assert_int_equal(fixture.client.train.count, 2);
    assert_int_equal(fixture.client.test.count, 2);
    assert_float_equal(fixture.client.train.targets[0], 45.0f, 0.0f);
    assert_float_equal(fixture.client.train.targets[1], 4.5f, 0.0f);
    assert_float_equal(fixture.client.test.targets[0], 245.0f, 0.0f); /* rows 20-29 of the file */
    assert_float_equal(fixture.client.test.targets[1], 24.5f, 0.0f);
    end(&fixture);
}

static const char reconstruct[] =
    "federation: t\n"
    "source: {rate_hz: 1, channels: [x], anomaly: {column: odd}, split: {train_rows: 25}}\n"
    "pipeline: {window: {rows: 10, hop: 1}, features: [last], normalise: false}\n"
    "model: {task: reconstruct, layers: [{kind: dense, units: 1}]}\n";

static void for_anomalies_the_pipeline_runs_through(void **state) {
    (void)state;
    maker_fixture fixture;
    begin(&fixture, reconstruct, 45);
    make(&fixture, 1);
    assert_int_equal(fixture.client.train.count, 16); /* last rows 9 to 24 */
    assert_int_equal(fixture.client.test.count, 20);  /* last rows 25 to 44, each of them */
    for (size_t i = 0; i < 20; i++) {
        assert_float_equal(fixture.client.test.inputs[i], (float)(25 + i), 0.0f);
        assert_int_equal(fixture.client.anomalies[i], i >= 5 && i < 15);
    }
    end(&fixture);
}

static void errors_name_the_file(void **state) {
    (void)state;
    maker_fixture fixture;
    begin(&fixture, classify, 10);
    strcpy(fixture.federation->source.channels[0], "speed");
    TRIB_SCOPED(trib_example_maker_destroy_scoped) trib_example_maker *maker = NULL;
    assert_true(trib_ok(trib_example_maker_create(fixture.federation, false, &maker)));
    assert_int_equal(trib_example_maker_add(maker, fixture.path, &fixture.client).code,
                     TRIB_E_ARGUMENT);
    assert_non_null(strstr(trib_message(), fixture.path));
    assert_non_null(strstr(trib_message(), "column 'speed'"));
    assert_int_equal(trib_example_maker_add(maker, "/nowhere/x.csv", &fixture.client).code,
                     TRIB_E_NOT_FOUND);
    end(&fixture);
}

static void append_text(const maker_fixture *fixture, const char *text) {
    FILE *file = fopen(fixture->path, "a");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void malformed_lines_are_left_out_and_counted(void **state) {
    (void)state;
    maker_fixture fixture;
    begin(&fixture, classify, 20);
    append_text(&fixture, "zebra,low,1,0,\n20\n");
    size_t long_size = 200 * 1024;
    char *text = malloc(long_size + 64);
    assert_non_null(text);
    memset(text, 'n', long_size);
    (void)snprintf(text + long_size, 64, "\n21,low,1,0,\n"); /* the rest is no line of its own */
    append_text(&fixture, text);
    free(text);
    trib_recording recording = {0};
    assert_true(trib_ok(
        trib_recording_read(&recording, fixture.path, &fixture.federation->source, false, 1000)));
    assert_int_equal(recording.rows, 21);
    assert_int_equal(recording.refused, 3);
    assert_non_null(
        strstr(recording.complaint, ":22: column 'x': expected a number, found 'zebra'"));
    trib_recording_deinit(&recording);
    make(&fixture, 2);
    assert_int_equal(fixture.client.rows, 42);
    assert_int_equal(fixture.client.refused, 6);
    assert_non_null(strstr(fixture.client.complaint, fixture.path));
    assert_non_null(strstr(fixture.client.complaint, ":22: "));
    end(&fixture);
}

static void a_file_of_nothing_but_malformed_lines_is_refused(void **state) {
    (void)state;
    maker_fixture fixture;
    begin(&fixture, classify, 0);
    append_text(&fixture, "zebra,low,1,0,\nlion,low,1,0,\n");
    trib_recording recording = {0};
    assert_int_equal(
        trib_recording_read(&recording, fixture.path, &fixture.federation->source, false, 9).code,
        TRIB_E_ARGUMENT);
    assert_non_null(strstr(trib_message(), "found 'zebra' (none of its 2 lines is a row)"));
    trib_recording_deinit(&recording);
    end(&fixture);
}

/* More than a chunk of the reader, lines across its borders. */
static void a_long_file_is_read_whole(void **state) {
    (void)state;
    maker_fixture fixture;
    begin(&fixture, classify, 10);
    (void)unlink(fixture.path);
    char padding[3001];
    memset(padding, 'n', sizeof padding - 1);
    padding[sizeof padding - 1] = '\0';
    write_file(&fixture, 500, padding);
    trib_recording recording = {0};
    assert_true(trib_ok(
        trib_recording_read(&recording, fixture.path, &fixture.federation->source, false, 1000)));
    assert_int_equal(recording.rows, 500);
    for (size_t i = 0; i < 500; i++) {
        assert_float_equal(recording.values[i], (float)i, 0.0f);
    }
    assert_int_equal(recording.times_us[499], 499000000);
    assert_int_equal(
        trib_recording_read(&recording, fixture.path, &fixture.federation->source, false, 499).code,
        TRIB_E_LIMIT);
    assert_int_equal(recording.rows, 0);
    trib_recording_deinit(&recording);
    end(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_of_a_labelled_recording_share_no_row),
        cmocka_unit_test(files_follow_one_another_without_mixing),
        cmocka_unit_test(windows_without_a_label_are_counted_and_left_out),
        cmocka_unit_test(a_regression_target_is_the_mean_over_the_window),
        cmocka_unit_test(for_anomalies_the_pipeline_runs_through),
        cmocka_unit_test(errors_name_the_file),
        cmocka_unit_test(malformed_lines_are_left_out_and_counted),
        cmocka_unit_test(a_file_of_nothing_but_malformed_lines_is_refused),
        cmocka_unit_test(a_long_file_is_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
