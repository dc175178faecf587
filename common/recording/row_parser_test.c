#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/base/random.h"
#include "common/recording/row_parser.h"

static trib_source_spec plant(void) {
    trib_source_spec spec = {.delimiter = ',', .rate_hz = 10, .time_unit = TRIB_TIME_MS};
    spec.channel_count = 2;
    strcpy(spec.time_column, "t");
    strcpy(spec.channels[0], "a");
    strcpy(spec.channels[1], "b, c");
    spec.class_count = 2;
    strcpy(spec.label_column, "state");
    strcpy(spec.classes[0], "on");
    strcpy(spec.classes[1], "1");
    spec.target_count = 1;
    strcpy(spec.targets[0], "wear");
    strcpy(spec.anomaly_column, "odd");
    return spec;
}

static const char header[] = "state,skipped,\"b, c\",a,odd,wear,t\n";

typedef struct parser_bench {
    trib_source_spec spec;
    trib_row_parser parser;
    trib_source_row row;
    bool is_row;
} parser_bench;

static trib_status line(parser_bench *bench, const char *text) {
    return trib_row_parser_line(&bench->parser, trib_bytes_text(text), &bench->row, &bench->is_row);
}

static void begin(parser_bench *bench, const char *first) {
    bench->spec = plant();
    trib_row_parser_init(&bench->parser, &bench->spec, "x.csv", false);
    trib_status status = line(bench, first);
    if (!trib_ok(status)) {
        fail_msg("%s", trib_message());
    }
}

static void take(parser_bench *bench, const char *text) {
    trib_status status = line(bench, text);
    if (!trib_ok(status)) {
        fail_msg("%s", trib_message());
    }
    assert_true(bench->is_row);
}

static void columns_are_found_by_name_in_any_order(void **state) {
    (void)state;
    parser_bench bench;
    begin(&bench, header);
    assert_false(bench.is_row);
    take(&bench, "on,x,2.5,-1e-3,0,7,1000\n");
    assert_int_equal(bench.row.time_us, 1000000);
    assert_float_equal(bench.row.values[0], -1e-3f, 0.0f);
    assert_float_equal(bench.row.values[1], 2.5f, 0.0f);
    assert_int_equal(bench.row.label, 0);
    assert_float_equal(bench.row.targets[0], 7.0f, 0.0f);
    assert_false(bench.row.anomaly);
    take(&bench, "\"1\",\"q,\"\"r\"\"\", 3 ,4,1.0,\"8\",1001\r\n");
    assert_int_equal(bench.row.label, 1);
    assert_float_equal(bench.row.values[1], 3.0f, 0.0f);
    assert_true(bench.row.anomaly);
    assert_float_equal(bench.row.targets[0], 8.0f, 0.0f);
}

static void marks_blank_lines_and_spare_cells_are_passed_over(void **state) {
    (void)state;
    parser_bench bench;
    char marked[128] = "\xef\xbb\xbf";
    strcat(marked, header);
    begin(&bench, marked);
    assert_true(trib_ok(line(&bench, "\r\n")) && !bench.is_row);
    assert_true(trib_ok(line(&bench, "  ")) && !bench.is_row);
    take(&bench, "on,,1,2,0,3,4,and,more");
    assert_int_equal(bench.row.time_us, 4000);
}

static void missing_values_are_nan_and_unknown_words_no_class(void **state) {
    (void)state;
    static const char *const rows[] = {"off,,,,,,5", "-,x,nan,NaN,NA,n/a,5",
                                       "off,x,null,None,none,-,5"};
    for (size_t i = 0; i < 3; i++) {
        parser_bench bench;
        begin(&bench, header);
        take(&bench, rows[i]);
        assert_true(isnan(bench.row.values[0]) && isnan(bench.row.values[1]));
        assert_true(isnan(bench.row.targets[0]));
        assert_int_equal(bench.row.label, -1);
        assert_false(bench.row.anomaly);
    }
}

static void complaints_name_file_line_and_column(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"on,x,2.5,high,0,7,1", "x.csv:2: column 'a': expected a number, found 'high'"},
        {"on,x,2.5,1,0,7,", "x.csv:2: column 't': expected a time, found nothing"},
        {"on,x,2.5,1,0,7,noon", "x.csv:2: column 't': expected a time as a number, found 'noon'"},
        {"on,x,2.5", "x.csv:2: expected 7 cells, found 3"},
        {"on,x,\"2.5,1,0,7,1", "x.csv:2: a quote is not closed on its line"},
        {"on,x,\"2\"5,1,0,7,1", "x.csv:2: expected ',' after a closing quote, found '5'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        parser_bench bench;
        begin(&bench, header);
        bench.row.label = 55;
        assert_int_equal(line(&bench, wrong[i][0]).code, TRIB_E_ARGUMENT);
        assert_string_equal(trib_message(), wrong[i][1]);
        assert_int_equal(bench.row.label, 55);
        take(&bench, "on,x,2.5,1,0,7,9"); /* a stream goes on */
    }
}

static void a_header_without_a_column_is_refused(void **state) {
    (void)state;
    parser_bench bench;
    bench.spec = plant();
    trib_row_parser_init(&bench.parser, &bench.spec, "x.csv", false);
    assert_int_equal(line(&bench, "state;a;t").code, TRIB_E_ARGUMENT);
    assert_string_equal(trib_message(), "x.csv:1: column 't': is not in the header 'state;a;t' "
                                        "(delimiter ','): its cells look parted by ';'");
    assert_int_equal(line(&bench, "t,a,\"b, c\",a,state,odd,wear").code, TRIB_E_ARGUMENT);
    assert_string_equal(trib_message(), "x.csv:2: column 'a': stands in the header twice");
    trib_row_parser_init(&bench.parser, &bench.spec, "x.csv", true);
    assert_true(trib_ok(line(&bench, "t,a,\"b, c\"\n"))); /* signals alone will do */
    take(&bench, "1,2,3");
    assert_int_equal(bench.row.label, -1);
}

/* What people see when they have saved a table in another way. */
static void a_table_of_another_kind_is_told_from_a_misnamed_column(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"a,state", "(delimiter ',')"},
        {"t\ta\tstate", "parted by tabs"},
        {"0,1.5,2,calm", "(delimiter ','): the first line must name the columns"},
        {"t,a\r1,2\r3,4\r", "found carriage returns alone"},
        {"\xff\xfet", "found UTF-16"},
        {"\x1b[2J\x9b,K\xc3\xa4lte", "'?[2J?,K\xc3\xa4lte'"},
    };
    parser_bench bench;
    bench.spec = plant();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        trib_row_parser_init(&bench.parser, &bench.spec, "x.csv", false);
        assert_int_equal(line(&bench, wrong[i][0]).code, TRIB_E_ARGUMENT);
        if (strstr(trib_message(), wrong[i][1]) == NULL) {
            fail_msg("expected '%s' in '%s'", wrong[i][1], trib_message());
        }
    }
}

static void two_roles_may_share_a_column(void **state) {
    (void)state;
    parser_bench bench;
    bench.spec = plant();
    strcpy(bench.spec.targets[0], "a");
    trib_row_parser_init(&bench.parser, &bench.spec, "x.csv", false);
    assert_true(trib_ok(line(&bench, "a,\"b, c\",t,state,odd")));
    take(&bench, "5,6,7,on,0");
    assert_float_equal(bench.row.values[0], 5.0f, 0.0f);
    assert_float_equal(bench.row.targets[0], 5.0f, 0.0f);
}

static void json_lines_are_read_by_key(void **state) {
    (void)state;
    parser_bench bench;
    begin(&bench,
          "{\"a\": 1.5, \"b, c\": -2, \"t\": 3, \"state\": 1, \"wear\": null, \"odd\": true}\n");
    assert_true(bench.is_row);
    assert_int_equal(bench.row.time_us, 3000);
    assert_float_equal(bench.row.values[0], 1.5f, 0.0f);
    assert_float_equal(bench.row.values[1], -2.0f, 0.0f);
    assert_int_equal(bench.row.label, 1);
    assert_true(isnan(bench.row.targets[0]));
    assert_true(bench.row.anomaly);
    take(&bench, "{\"t\": \"4\", \"state\": \"on\", \"a\": \"2\", \"extra\": []}");
    assert_int_equal(bench.row.time_us, 4000);
    assert_int_equal(bench.row.label, 0);
    assert_float_equal(bench.row.values[0], 2.0f, 0.0f);
    assert_true(isnan(bench.row.values[1]));
    assert_int_equal(line(&bench, "{\"t\": 1, \"a\": [1]}").code, TRIB_E_ARGUMENT);
    assert_string_equal(trib_message(),
                        "x.csv:3: column 'a': expected a number or text, found a list or object");
    assert_int_equal(line(&bench, "{\"t\": 1, \"t\": 2}").code, TRIB_E_ARGUMENT);
    assert_int_equal(line(&bench, "[1]").code, TRIB_E_ARGUMENT);
    assert_int_equal(line(&bench, "{\"a\": 1}").code, TRIB_E_ARGUMENT);
    assert_string_equal(trib_message(), "x.csv:6: column 't': expected a time, found nothing");
}

static void rows_without_a_clock_are_evenly_spaced(void **state) {
    (void)state;
    parser_bench bench;
    bench.spec = plant();
    bench.spec.time_unit = TRIB_TIME_NONE;
    bench.spec.rate_hz = 3;
    trib_row_parser_init(&bench.parser, &bench.spec, "x.csv", true);
    assert_true(trib_ok(line(&bench, "a,\"b, c\"")));
    static const int64_t times_us[] = {0, 333333, 666667, 1000000};
    for (size_t i = 0; i < 4; i++) {
        take(&bench, "1,2");
        assert_int_equal(bench.row.time_us, times_us[i]);
    }
}

static void limits_hold(void **state) {
    (void)state;
    parser_bench bench;
    begin(&bench, header);
    char cell[2048] = "on,x,";
    memset(cell + 5, '1', TRIB_CELL_SIZE);
    strcpy(cell + 5 + TRIB_CELL_SIZE, ",1,0,7,1");
    assert_int_equal(line(&bench, cell).code, TRIB_E_ARGUMENT);
    assert_non_null(strstr(trib_message(), "a cell of 256 bytes"));
    char skipped[2048] = "on,"; /* nobody wants this one */
    memset(skipped + 3, '1', TRIB_CELL_SIZE);
    strcpy(skipped + 3 + TRIB_CELL_SIZE, ",1,2,0,7,1");
    take(&bench, skipped);
    static char large[TRIB_LINE_MAX_BYTES + 2];
    memset(large, 'x', sizeof large - 1);
    assert_int_equal(line(&bench, large).code, TRIB_E_ARGUMENT);
    static char wide[TRIB_TABLE_MAX_COLUMNS + 2];
    memset(wide, ',', TRIB_TABLE_MAX_COLUMNS);
    trib_row_parser_init(&bench.parser, &bench.spec, "x.csv", false);
    assert_int_equal(line(&bench, wide).code, TRIB_E_ARGUMENT);
    assert_non_null(strstr(trib_message(), "more than 1024 columns"));
}

/* Under the sanitizers this finds reads and writes out of bounds. */
static void no_bytes_break_the_parser(void **state) {
    (void)state;
    static const char letters[] = "\",,,\"\n\r {}[]:0123456789.-eEab tn\\\x00\xff";
    trib_random random;
    trib_random_init(&random, 1, "", 0, TRIB_PURPOSE_TEST);
    size_t rows = 0;
    for (int i = 0; i < 20000; i++) {
        parser_bench bench;
        begin(&bench, i % 2 == 0 ? header : "{\"t\": 1}");
        uint8_t bytes[64];
        size_t size = trib_random_below(&random, sizeof bytes + 1);
        for (size_t j = 0; j < size; j++) {
            bytes[j] = (uint8_t)letters[trib_random_below(&random, sizeof letters - 1)];
        }
        bench.is_row = false;
        trib_status status = trib_row_parser_line(&bench.parser, trib_bytes_of(bytes, size),
                                                  &bench.row, &bench.is_row);
        rows += trib_ok(status) && bench.is_row;
    }
    assert_true(rows < 20000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found_by_name_in_any_order),
        cmocka_unit_test(marks_blank_lines_and_spare_cells_are_passed_over),
        cmocka_unit_test(missing_values_are_nan_and_unknown_words_no_class),
        cmocka_unit_test(complaints_name_file_line_and_column),
        cmocka_unit_test(a_header_without_a_column_is_refused),
        cmocka_unit_test(a_table_of_another_kind_is_told_from_a_misnamed_column),
        cmocka_unit_test(two_roles_may_share_a_column),
        cmocka_unit_test(json_lines_are_read_by_key),
        cmocka_unit_test(rows_without_a_clock_are_evenly_spaced),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(no_bytes_break_the_parser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
