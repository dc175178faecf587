#include <math.h>
#include <stdint.h>
#include <string.h>

#include "common/tensor/kernels.h"

/* Past one vector, one unrolled block and one small-matrix kernel of every core we know, and odd,
 * so that the tails run too. */
enum { ROWS = 23, COLUMNS = 37, DEPTH = 41, LONG_DEPTH = 139, CELLS = COLUMNS * LONG_DEPTH };

typedef struct kernel_trial {
    float a[CELLS];
    float b[CELLS];
    float expected[CELLS];
    float found[CELLS];
} kernel_trial;

/* Numbers in [-0.5, 0.5) without any pattern that a wrong index would hide in. */
static void fill(float *values, size_t count, uint32_t seed) {
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)(seed >> 8) * 0x1p-24f - 0.5f;
    }
}

static trib_status compare(const kernel_trial *trial, size_t count, float tolerance,
                           const char *what) {
    for (size_t i = 0; i < count; i++) {
        /* Written so that NaN fails too. */
        if (!(fabsf(trial->found[i] - trial->expected[i]) <= tolerance)) {
            return TRIB_FAIL(TRIB_E_INTERNAL, "%s gives %g where the reference gives %g", what,
                             (double)trial->found[i], (double)trial->expected[i]);
        }
    }
    return TRIB_SUCCESS;
}

static trib_status verify_product(trib_product_kernel *candidate, trib_product_kernel *reference,
                                  const trib_product *product, const char *what) {
    static const float TOLERANCE =
        1e-4f; /* sums of 139 products below 1/4: rounding is under 2e-5 */
    kernel_trial trial;
    size_t count = product->rows * product->columns;
    fill(trial.a, CELLS, 1);
    fill(trial.b, CELLS, 2);
    fill(trial.expected, CELLS, 3);
    memcpy(trial.found, trial.expected, sizeof trial.found);
    reference(product, trial.a, trial.b, trial.expected);
    candidate(product, trial.a, trial.b, trial.found);
    return compare(&trial, count, TOLERANCE, what);
}

trib_status trib_kernels_verify(const trib_kernels *candidate) {
    static const trib_product shapes[] = {
        {ROWS, COLUMNS, DEPTH, 1.0f, 0.0f},      {ROWS, COLUMNS, DEPTH, -0.5f, 0.75f},
        {1, COLUMNS, DEPTH, 1.0f, 1.0f},         {ROWS, 5, DEPTH, 1.0f, 0.0f},
        {ROWS, COLUMNS, LONG_DEPTH, 0.5f, 1.0f}, /* what narrow_product.h takes over */
    };
    trib_kernels reference = trib_kernels_reference();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        TRIB_TRY(
            verify_product(candidate->product_nt, reference.product_nt, &shapes[i], "product_nt"));
        TRIB_TRY(
            verify_product(candidate->product_nn, reference.product_nn, &shapes[i], "product_nn"));
        TRIB_TRY(
            verify_product(candidate->product_tn, reference.product_tn, &shapes[i], "product_tn"));
    }
    kernel_trial trial;
    fill(trial.a, CELLS, 4);
    fill(trial.expected, CELLS, 5);
    memcpy(trial.found, trial.expected, sizeof trial.found);
    reference.axpy(CELLS, 0.3f, trial.a, trial.expected);
    candidate->axpy(CELLS, 0.3f, trial.a, trial.found);
    return compare(&trial, CELLS, 1e-6f, "axpy");
}
