/* Six-channel samples a second through a whole pipeline, on one core.
 *
 * Jittered stamps to 100 Hz, Hampel (half window 5), a low-pass on each of six channels, window 50,
 * hop 25, one frame, all features with four bands, z-score. reference_pipeline.py does the same in
 * numpy and scipy on the same rows; `run` sees that both made the same windows with the same sum.
 */
#include <inttypes.h>
#include <math.h>

#include "common/signal/normalise.h"
#include "common/signal/pipeline.h"
#include "tests/bench/bench_line.h"

enum { ROWS = 200000, SOURCES = 6, FEATURES = 16, COLUMNS = SOURCES * FEATURES, MOST_RUNS = 1000 };

typedef struct totals {
    const trib_pipeline_spec *spec;
    float mean[COLUMNS];
    float deviation[COLUMNS];
    uint64_t windows;
    double sum;
} totals;

static trib_pipeline_spec bench_spec(void) {
    trib_pipeline_spec spec = {
        .source_count = SOURCES,
        .rate_hz = 100.0f,
        .resample = true,
        .max_gap_s = 1.0f,
        .hampel_half_window = 5,
        .hampel_threshold = 3.0f,
        .filter_count = SOURCES,
        .use_count = SOURCES,
        .window_rows = 50,
        .hop_rows = 25,
        .frames = 1,
        .output = TRIB_EXAMPLE_FEATURES,
        .features = TRIB_FEATURE_ALL,
        .band_count = 4,
        .bands = {{1.0f, 5.0f}, {5.0f, 12.0f}, {12.0f, 25.0f}, {25.0f, 50.0f}},
        .normalise = true,
        .normalise_clip = 8.0f,
    };
    for (uint32_t c = 0; c < SOURCES; c++) {
        spec.filters[c] = (trib_filter_spec){TRIB_FILTER_LOWPASS, 20.0f, 0.7071f, c};
        spec.use[c] = c;
    }
    return spec;
}

/* A counter's SplitMix64: the same numbers in C and numpy. */
static uint64_t draw(uint64_t counter) {
    uint64_t z = counter * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static double uniform(uint64_t counter) {
    return (double)(draw(counter) >> 11) / 9007199254740992.0;
}

static void generate(int64_t *times, float *values) {
    for (uint64_t r = 0; r < ROWS; r++) {
        times[r] = (int64_t)(r * 10000) + (int64_t)(uniform(8 * r + 7) * 6000.0);
        for (uint64_t c = 0; c < SOURCES; c++) {
            double noise = uniform(8 * r + c + 1);
            double wave = sin(0.05 * (double)(c + 1) * (double)r);
            double spike = noise > 0.998 ? 40.0 : 0.0;
            values[r * SOURCES + c] = (float)((double)c + wave + 0.5 * noise + spike);
        }
    }
}

static trib_status add(void *context, const trib_window *window) {
    totals *all = context;
    float values[COLUMNS];
    memcpy(values, window->values, sizeof values);
    trib_pipeline_normalise(all->spec, all->mean, all->deviation, values);
    for (uint32_t i = 0; i < COLUMNS; i++) {
        all->sum += (double)values[i];
    }
    all->windows++;
    return TRIB_SUCCESS;
}

static void run(trib_pipeline *pipeline, const int64_t *times, const float *values, totals *all) {
    trib_window_sink sink = {add, all};
    all->windows = 0;
    all->sum = 0.0;
    for (size_t r = 0; r < ROWS; r++) {
        bench_need(trib_pipeline_push(pipeline, times[r], values + r * SOURCES, 0, &sink));
    }
    bench_need(trib_pipeline_finish(pipeline, &sink));
}

/* The median over the runs, as the reference takes it. */
static void measure(double seconds, trib_pipeline *pipeline, totals *all) {
    static int64_t times[ROWS];
    static float values[ROWS * SOURCES];
    static double rates[MOST_RUNS];
    size_t runs = 0;
    generate(times, values);
    double start = bench_now_us();
    do {
        double before = bench_now_us();
        run(pipeline, times, values, all);
        rates[runs++] = ROWS * 1e6 / (bench_now_us() - before);
    } while (runs < MOST_RUNS && bench_now_us() - start < seconds * 1e6);
    (void)printf("{\"name\":\"pipeline.samples_per_s\",\"value\":%.7g,\"unit\":\"samples/s\","
                 "\"windows\":%" PRIu64 ",\"checksum\":%.9g}\n",
                 bench_median(rates, runs), all->windows, all->sum);
}

int main(int argc, char **argv) {
    const char *seconds = bench_word(argc, argv, "--seconds");
    trib_pipeline_spec spec = bench_spec();
    totals all = {.spec = &spec};
    for (uint32_t i = 0; i < COLUMNS; i++) {
        all.mean[i] = 1.0f;
        all.deviation[i] = 2.0f;
    }
    size_t bytes = trib_pipeline_bytes(&spec);
    void *block = malloc(bytes);
    TRIB_ASSERT(block != NULL && bytes > 0);
    trib_pipeline *pipeline = NULL;
    bench_need(trib_pipeline_init(&pipeline, &spec, block, bytes));
    measure(seconds != NULL ? strtod(seconds, NULL) : 5.0, pipeline, &all);
    free(block);
    return 0;
}
