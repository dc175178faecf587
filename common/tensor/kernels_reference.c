#include "common/tensor/kernels.h"

/* Depth goes outermost where that makes the innermost loop run along rows of b and c: it then
 * reads forward and vectorises without changing the order of any sum. */

static void scale_row(size_t count, float beta, float *row) {
    for (size_t i = 0; i < count; i++) {
        row[i] = beta == 0.0f ? 0.0f : beta * row[i];
    }
}

static void axpy(size_t count, float alpha, const float *x, float *y) {
    for (size_t i = 0; i < count; i++) {
        y[i] += alpha * x[i];
    }
}

static void product_nt(const trib_product *product, const float *a, const float *b, float *c) {
    for (size_t row = 0; row < product->rows; row++) {
        const float *left = a + row * product->depth;
        for (size_t column = 0; column < product->columns; column++) {
            const float *right = b + column * product->depth;
            float sum = 0.0f;
            for (size_t k = 0; k < product->depth; k++) {
                sum += left[k] * right[k];
            }
            float *cell = c + row * product->columns + column;
            scale_row(1, product->beta, cell);
            *cell += product->alpha * sum;
        }
    }
}

static void product_nn(const trib_product *product, const float *a, const float *b, float *c) {
    for (size_t row = 0; row < product->rows; row++) {
        float *to = c + row * product->columns;
        scale_row(product->columns, product->beta, to);
        for (size_t k = 0; k < product->depth; k++) {
            axpy(product->columns, product->alpha * a[row * product->depth + k],
                 b + k * product->columns, to);
        }
    }
}

static void product_tn(const trib_product *product, const float *a, const float *b, float *c) {
    for (size_t row = 0; row < product->rows; row++) {
        float *to = c + row * product->columns;
        scale_row(product->columns, product->beta, to);
        for (size_t k = 0; k < product->depth; k++) {
            axpy(product->columns, product->alpha * a[k * product->rows + row],
                 b + k * product->columns, to);
        }
    }
}

trib_kernels trib_kernels_reference(void) {
    return (trib_kernels){.name = "reference",
                          .product_nt = product_nt,
                          .product_nn = product_nn,
                          .product_tn = product_tn,
                          .axpy = axpy};
}
