/* Loops over rows and elements that sit between the products. Portable; each element is computed
 * by itself and each sum runs in row order, so the bits do not depend on the vector width.
 *
 * threads  pure
 */
#ifndef TRIB_TENSOR_ELEMENTWISE_H
#define TRIB_TENSOR_ELEMENTWISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* matrix [rows, columns] += row [columns], to every row. */
void trib_rows_add(float *matrix, size_t rows, size_t columns, const float *row);

/* sums = scale * (sum over the rows of matrix [rows, columns]) + keep * sums. The rows are added
 * into sums one after the other. */
void trib_rows_sum(const float *matrix, size_t rows, size_t columns, float scale, float keep,
                   float *sums);

/* y = x < 0 ? 0 : x, so that NaN stays seen. x and y may be the same. */
void trib_relu(size_t count, const float *x, float *y);
/* gradient = y > 0 ? gradient : 0 */
void trib_relu_backward(size_t count, const float *y, float *gradient);

/* Maximum over groups of `size` rows, for each channel: x [groups * size, channels], y and
 * winners [groups, channels]; winners hold the row within the group, the first of equals.
 * `winners` may be NULL. */
void trib_rows_maximum(const float *x, size_t groups, size_t size, size_t channels, float *y,
                       uint32_t *winners);

/* Whether none of them is NaN or infinite. */
bool trib_all_finite(const float *values, size_t count);

/* y -= x */
void trib_subtract(size_t count, const float *x, float *y);

/* One step of Adam over `count` values: Kingma and Ba 2015, algorithm 1, with the two bias
 * corrections already in `rate` and `epsilon`. gradient gets l2 * w added first. */
typedef struct trib_adam {
    float rate;
    float beta1;
    float beta2;
    float epsilon;
    float l2;
} trib_adam;
void trib_adam_step(const trib_adam *adam, size_t count, const float *gradient, float *mean,
                    float *square, float *w);

#endif
