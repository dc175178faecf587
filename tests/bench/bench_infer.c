/* One inference of one window on one thread, features given: the median and the 99th percentile in
 * microseconds. Each call is timed by itself, so the clock's own cost (some 0.02 us) is in it.
 */
#include "common/base/heap.h"
#include "common/base/random.h"
#include "common/nn/infer.h"
#include "common/nn/initialise.h"
#include "tests/bench/bench_line.h"
#include "tests/bench/bench_models.h"

enum { WARM = 200, SAMPLES = 4001 };

static double samples_us[SAMPLES];

typedef struct infer_case {
    trib_model_plan plan;
    trib_packed_model packed;
    float *parameters;
    float *block;
    float *input;
    float *output;
    float *scratch;
} infer_case;

static float *allocate(size_t count) {
    float *values = trib_allocate(count, sizeof *values);
    TRIB_ASSERT(values != NULL);
    return values;
}

static void infer_case_init(infer_case *c, const trib_model_spec *spec) {
    bench_need(trib_model_plan_make(spec, &c->plan));
    c->parameters = allocate(c->plan.parameter_count);
    c->input = allocate(c->plan.input_count);
    c->output = allocate(c->plan.output_count);
    c->scratch = allocate(trib_model_scratch_count(&c->plan));
    trib_model_initialise(&c->plan, 1, c->parameters);
    trib_random random;
    trib_random_init(&random, 1, "bench", 0, TRIB_PURPOSE_GENERATE);
    for (uint32_t i = 0; i < c->plan.input_count; i++) {
        c->input[i] = trib_random_normal(&random);
    }
    size_t room = trib_packed_model_room(&c->plan);
    c->block = allocate(room / sizeof(float) + 1);
    trib_arena arena;
    trib_arena_init(&arena, c->block, room);
    bench_need(trib_packed_model_init(&c->packed, &c->plan, c->parameters, &arena));
}

static void infer_case_deinit(infer_case *c) {
    trib_free(c->parameters);
    trib_free(c->block);
    trib_free(c->input);
    trib_free(c->output);
    trib_free(c->scratch);
}

static double time_one(infer_case *c, bool packed) {
    double start = bench_now_us();
    if (packed) {
        trib_packed_model_infer(&c->packed, c->input, c->output, c->scratch);
    } else {
        trib_model_infer(&c->plan, c->parameters, c->input, c->output, c->scratch);
    }
    return bench_now_us() - start;
}

/* name_us, and name_p99_us. */
static void measure(const char *name, infer_case *c, bool packed) {
    for (int i = -WARM; i < SAMPLES; i++) {
        samples_us[i < 0 ? 0 : i] = time_one(c, packed);
    }
    char whole[64];
    (void)snprintf(whole, sizeof whole, "%s_us", name);
    bench_print(whole, bench_median(samples_us, SAMPLES), "us, p50");
    (void)snprintf(whole, sizeof whole, "%s_p99_us", name);
    bench_print(whole, samples_us[SAMPLES * 99 / 100], "us, p99");
}

int main(void) {
    trib_model_spec mlp = bench_mlp();
    trib_model_spec cnn = bench_cnn();
    infer_case c;
    infer_case_init(&c, &mlp);
    measure("infer.mlp", &c, true);
    measure("infer.mlp_plain", &c, false);
    infer_case_deinit(&c);
    infer_case_init(&c, &cnn);
    measure("infer.cnn", &c, true);
    measure("infer.cnn_plain", &c, false);
    infer_case_deinit(&c);
    return 0;
}
