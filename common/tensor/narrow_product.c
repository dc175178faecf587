#include "common/tensor/narrow_product.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)

enum { LANES = 16, MOST_ROWS = 5, MOST_COLUMNS = 4 };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t lane_masks __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef float half_lanes __attribute__((vector_size(8 * sizeof(float))));
typedef float quarter_lanes __attribute__((vector_size(4 * sizeof(float))));

static const lane_masks LANE_NUMBERS = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

#define ALWAYS_INLINE __attribute__((always_inline)) static inline

/* Macros, since vectors as arguments would pass differently with and without AVX. */
#define LOAD(ret_vector, from) memcpy(&(ret_vector), (from), sizeof(lanes))

#define SUM_OF(vector, ret_sum)                                                                    \
    do {                                                                                           \
        half_lanes half_ = __builtin_shufflevector(vector, vector, 0, 1, 2, 3, 4, 5, 6, 7) +       \
                           __builtin_shufflevector(vector, vector, 8, 9, 10, 11, 12, 13, 14, 15);  \
        quarter_lanes quarter_ = __builtin_shufflevector(half_, half_, 0, 1, 2, 3) +               \
                                 __builtin_shufflevector(half_, half_, 4, 5, 6, 7);                \
        (ret_sum) = (quarter_[0] + quarter_[2]) + (quarter_[1] + quarter_[3]);                     \
    } while (0)

/* One tile of y, rows x columns, both known when this is inlined, so that its sums stay in
 * registers. */
ALWAYS_INLINE void tile(const trib_product *product, size_t rows, size_t columns, const float *x,
                        const float *w, float *y) {
    size_t depth = product->depth;
    lanes sums[MOST_COLUMNS][MOST_ROWS] = {0};
    for (size_t k = 0; k + LANES <= depth; k += LANES) {
        lanes xs[MOST_ROWS];
        for (size_t r = 0; r < rows; r++) {
            LOAD(xs[r], x + r * depth + k);
        }
        for (size_t c = 0; c < columns; c++) {
            lanes weights;
            LOAD(weights, w + c * depth + k);
            for (size_t r = 0; r < rows; r++) {
                sums[c][r] += weights * xs[r];
            }
        }
    }
    if (depth % LANES != 0) {
        /* The last LANES values once more, those that have been counted masked to zero. */
        size_t last = depth - LANES;
        lane_masks mask = LANE_NUMBERS >= (int32_t)(LANES - depth % LANES);
        lanes xs[MOST_ROWS];
        for (size_t r = 0; r < rows; r++) {
            LOAD(xs[r], x + r * depth + last);
            xs[r] = (lanes)((lane_masks)xs[r] & mask);
        }
        for (size_t c = 0; c < columns; c++) {
            lanes weights;
            LOAD(weights, w + c * depth + last);
            weights = (lanes)((lane_masks)weights & mask);
            for (size_t r = 0; r < rows; r++) {
                sums[c][r] += weights * xs[r];
            }
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            float *cell = y + r * product->columns + c;
            float sum;
            SUM_OF(sums[c][r], sum);
            float kept = product->beta == 0.0f ? 0.0f : product->beta * *cell;
            *cell = product->alpha * sum + kept;
        }
    }
}

/* All rows for `columns` columns: w is read from memory once, x stays in the first cache. */
ALWAYS_INLINE void strip(const trib_product *product, size_t most_rows, size_t columns,
                         const float *x, const float *w, float *y) {
    size_t r = 0;
    for (; r + most_rows <= product->rows; r += most_rows) {
        tile(product, most_rows, columns, x + r * product->depth, w, y + r * product->columns);
    }
    for (; r < product->rows; r++) {
        tile(product, 1, columns, x + r * product->depth, w, y + r * product->columns);
    }
}

ALWAYS_INLINE void product_narrow(const trib_product *product, size_t most_rows,
                                  size_t most_columns, const float *x, const float *w, float *y) {
    size_t c = 0;
    for (; c + most_columns <= product->columns; c += most_columns) {
        strip(product, most_rows, most_columns, x, w + c * product->depth, y + c);
    }
    for (; c < product->columns; c++) {
        strip(product, most_rows, 1, x, w + c * product->depth, y + c);
    }
}

/* Tiles that fill the registers: 20 of 32 with AVX-512, 2 x 6 of 16 with AVX2. */
__attribute__((target("avx512f,fma"))) static void
product_avx512(const trib_product *product, const float *x, const float *w, float *y) {
    product_narrow(product, 5, 4, x, w, y);
}

__attribute__((target("avx2,fma"))) static void
product_avx2(const trib_product *product, const float *x, const float *w, float *y) {
    product_narrow(product, 3, 2, x, w, y);
}

trib_product_kernel *trib_narrow_product_for(trib_processor processor) {
    if (!processor.avx2_fma) {
        return NULL;
    }
    return processor.avx512 ? product_avx512 : product_avx2;
}

#else

trib_product_kernel *trib_narrow_product_for(trib_processor processor) {
    (void)processor;
    return NULL;
}

#endif
