/* The pipeline against tests/vectors/signal_vectors.txt, which numpy and scipy wrote in f64. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/signal/moments.h"
#include "common/signal/normalise.h"
#include "common/signal/pipeline.h"

enum { MOST_VALUES = 1024, MOST_WINDOWS = 256, MOST_ROWS = 512, BLOCK_BYTES = 1 << 18 };

typedef struct example {
    trib_window window;
    float values[MOST_VALUES];
} example;

typedef struct vector_case {
    char name[64];
    double absolute, relative;
    trib_pipeline_spec spec;
    uint32_t row_count;
    int64_t times[MOST_ROWS];
    int32_t labels[MOST_ROWS];
    float rows[MOST_ROWS][TRIB_MAX_SOURCES];
} vector_case;

typedef struct collection {
    uint32_t count;
    example examples[MOST_WINDOWS];
} collection;

static trib_status collect(void *context, const trib_window *window) {
    collection *all = context;
    assert_true(all->count < MOST_WINDOWS && window->count <= MOST_VALUES);
    example *here = &all->examples[all->count++];
    here->window = *window;
    memcpy(here->values, window->values, window->count * sizeof(float));
    return TRIB_SUCCESS;
}

static FILE *open_vectors(void) {
    const char *root = getenv("TRIB_SOURCE");
    char path[1024];
    if (root) {
        (void)snprintf(path, sizeof path, "%s/tests/vectors/signal_vectors.txt", root);
    } else {
        const char *end = strstr(__FILE__, "common/signal/");
        assert_non_null(end);
        (void)snprintf(path, sizeof path, "%.*stests/vectors/signal_vectors.txt",
                       (int)(end - __FILE__), __FILE__);
    }
    FILE *file = fopen(path, "r");
    if (!file) {
        fail_msg("cannot open %s; set TRIB_SOURCE to the source tree", path);
    }
    return file;
}

static double number(FILE *file) {
    double value = 0.0;
    assert_int_equal(fscanf(file, "%lf", &value), 1);
    return value;
}

static float real(FILE *file) {
    char text[64];
    assert_int_equal(fscanf(file, "%63s", text), 1);
    return strtof(text, NULL);
}

static uint32_t natural(FILE *file) {
    uint32_t value = 0;
    assert_int_equal(fscanf(file, "%" SCNu32, &value), 1);
    return value;
}

static void expect_word(FILE *file, const char *word) {
    char text[64];
    assert_int_equal(fscanf(file, "%63s", text), 1);
    assert_string_equal(text, word);
}

static void read_derive(FILE *file, trib_derive_spec *derive) {
    derive->kind = (trib_derive_kind)natural(file);
    derive->of_count = natural(file);
    for (uint32_t i = 0; i < 3; i++) {
        derive->of[i] = natural(file);
    }
    for (uint32_t i = 0; i < 3; i++) {
        derive->reference[i] = natural(file);
    }
    derive->rate = real(file);
    derive->component = natural(file);
}

static void read_row(FILE *file, vector_case *vectors) {
    uint32_t r = vectors->row_count++;
    assert_true(r < MOST_ROWS);
    assert_int_equal(fscanf(file, "%" SCNd64 "%" SCNd32, &vectors->times[r], &vectors->labels[r]),
                     2);
    for (uint32_t c = 0; c < vectors->spec.source_count; c++) {
        vectors->rows[r][c] = real(file);
    }
}

static void read_sources(FILE *file, trib_pipeline_spec *spec) {
    spec->source_count = natural(file);
    spec->rate_hz = real(file);
    spec->resample = natural(file) != 0;
    spec->max_gap_s = real(file);
    spec->fill_rows = natural(file);
    spec->hampel_half_window = natural(file);
    spec->hampel_threshold = real(file);
}

static void read_filter(FILE *file, trib_filter_spec *filter) {
    filter->kind = (trib_filter_kind)natural(file);
    filter->frequency_hz = real(file);
    filter->q = real(file);
    filter->channel = natural(file);
}

static void read_window(FILE *file, trib_pipeline_spec *spec) {
    spec->window_rows = natural(file);
    spec->hop_rows = natural(file);
    spec->context_rows = natural(file);
    spec->frames = natural(file);
    spec->min_valid = real(file);
}

static void read_output(FILE *file, trib_pipeline_spec *spec) {
    spec->output = natural(file) ? TRIB_EXAMPLE_ROWS : TRIB_EXAMPLE_FEATURES;
    spec->features = natural(file);
    spec->band_log = natural(file) != 0;
    spec->normalise = true;
    spec->normalise_clip = real(file);
}

/* Up to and with the word "counts". */
static void read_case(FILE *file, vector_case *vectors) {
    trib_pipeline_spec *spec = &vectors->spec;
    char word[64];
    while (fscanf(file, "%63s", word) == 1 && strcmp(word, "counts") != 0) {
        if (strcmp(word, "spec") == 0) {
            read_sources(file, spec);
        } else if (strcmp(word, "filter") == 0) {
            read_filter(file, &spec->filters[spec->filter_count++]);
        } else if (strcmp(word, "derive") == 0) {
            read_derive(file, &spec->derives[spec->derive_count++]);
        } else if (strcmp(word, "use") == 0) {
            spec->use_count = natural(file);
            for (uint32_t u = 0; u < spec->use_count; u++) {
                spec->use[u] = natural(file);
            }
        } else if (strcmp(word, "window") == 0) {
            read_window(file, spec);
        } else if (strcmp(word, "output") == 0) {
            read_output(file, spec);
        } else if (strcmp(word, "band") == 0) {
            spec->bands[spec->band_count].low_hz = real(file);
            spec->bands[spec->band_count++].high_hz = real(file);
        } else {
            assert_string_equal(word, "row");
            read_row(file, vectors);
        }
    }
}

static void compare(FILE *file, const vector_case *vectors, const char *what, uint32_t which,
                    const float *values, size_t count) {
    assert_int_equal(natural(file), count);
    for (size_t i = 0; i < count; i++) {
        double wanted = number(file);
        double apart = fabs((double)values[i] - wanted);
        if (!(apart <= vectors->absolute + vectors->relative * fabs(wanted))) {
            fail_msg("%s: %s %u value %zu is %.9g, not %.9g", vectors->name, what, which, i,
                     (double)values[i], wanted);
        }
    }
}

static void compare_example(FILE *file, const vector_case *vectors, const example *found,
                            uint32_t which) {
    expect_word(file, "emit");
    const trib_window *window = &found->window;
    const int64_t numbers[] = {window->start_us, window->end_us, (int64_t)window->first_row,
                               (int64_t)window->last_row, window->label};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int64_t wanted = 0;
        assert_int_equal(fscanf(file, "%" SCNd64, &wanted), 1);
        if (wanted != numbers[i]) {
            fail_msg("%s: window %u number %zu is %" PRId64 ", not %" PRId64, vectors->name, which,
                     i, numbers[i], wanted);
        }
    }
    assert_float_equal(window->valid, real(file), 1e-6f);
    compare(file, vectors, "window", which, found->values, window->count);
}

static void compare_statistics(FILE *file, const vector_case *vectors, collection *all) {
    static double mean_sum[MOST_VALUES], m2[MOST_VALUES];
    static float mean[MOST_VALUES], deviation[MOST_VALUES];
    size_t columns = trib_pipeline_columns(&vectors->spec);
    uint32_t steps = trib_pipeline_shape(&vectors->spec).steps;
    trib_moments moments;
    trib_moments_init(&moments, mean_sum, m2, columns);
    for (uint32_t w = 0; w < all->count; w++) {
        trib_moments_add(&moments, all->examples[w].values, steps);
    }
    assert_true(trib_ok(trib_moments_finish(&moments, mean, deviation)));
    expect_word(file, "mean");
    compare(file, vectors, "mean", 0, mean, columns);
    expect_word(file, "deviation");
    compare(file, vectors, "deviation", 0, deviation, columns);
    example *last = &all->examples[all->count - 1];
    trib_pipeline_normalise(&vectors->spec, mean, deviation, last->values);
    expect_word(file, "score");
    vector_case scores = *vectors; /* a small deviation magnifies an error by as much */
    scores.absolute *= 50.0;
    compare(file, &scores, "score", 0, last->values, last->window.count);
}

static void run_case(const vector_case *vectors, trib_pipeline *pipeline, collection *all) {
    trib_window_sink sink = {collect, all};
    all->count = 0;
    for (uint32_t r = 0; r < vectors->row_count; r++) {
        assert_true(trib_ok(trib_pipeline_push(pipeline, vectors->times[r], vectors->rows[r],
                                               vectors->labels[r], &sink)));
    }
    assert_true(trib_ok(trib_pipeline_finish(pipeline, &sink)));
}

static void same_bits_again(const vector_case *vectors, trib_pipeline *pipeline,
                            const collection *first) {
    static collection again;
    run_case(vectors, pipeline, &again);
    assert_int_equal(again.count, first->count);
    for (uint32_t w = 0; w < again.count; w++) {
        const example *left = &first->examples[w];
        const example *right = &again.examples[w];
        assert_int_equal(left->window.first_row, right->window.first_row);
        assert_int_equal(left->window.label, right->window.label);
        assert_memory_equal(left->values, right->values, left->window.count * sizeof(float));
    }
}

static void check_case(FILE *file, vector_case *vectors) {
    static uint8_t block[BLOCK_BYTES];
    static collection all;
    read_case(file, vectors);
    trib_pipeline *pipeline = NULL;
    trib_status status = trib_pipeline_init(&pipeline, &vectors->spec, block, sizeof block);
    if (!trib_ok(status)) {
        fail_msg("%s: %s", vectors->name, trib_message());
    }
    run_case(vectors, pipeline, &all);
    trib_pipeline_counts counts = trib_pipeline_counted(pipeline);
    const uint64_t found[] = {counts.late, counts.gaps, counts.windows, counts.sparse};
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        uint32_t wanted = natural(file);
        if (wanted != found[i]) {
            fail_msg("%s: count %zu is %" PRIu64 ", not %u", vectors->name, i, found[i], wanted);
        }
    }
    same_bits_again(vectors, pipeline, &all);
    for (uint32_t w = 0; w < all.count; w++) {
        compare_example(file, vectors, &all.examples[w], w);
    }
    compare_statistics(file, vectors, &all);
    expect_word(file, "end");
}

static void every_case_agrees_with_numpy_and_scipy_and_repeats_its_bits(void **state) {
    (void)state;
    FILE *file = open_vectors();
    char line[256];
    assert_non_null(fgets(line, sizeof line, file)); /* the comment */
    char word[64];
    uint32_t cases = 0;
    static vector_case vectors;
    while (fscanf(file, "%63s", word) == 1) {
        assert_string_equal(word, "case");
        vectors = (vector_case){0};
        assert_int_equal(
            fscanf(file, "%63s%lf%lf", vectors.name, &vectors.absolute, &vectors.relative), 3);
        check_case(file, &vectors);
        cases++;
    }
    assert_int_equal(fclose(file), 0);
    assert_true(cases >= 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_agrees_with_numpy_and_scipy_and_repeats_its_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
