#include "common/statistic/cholesky.h"

#include <math.h>

/* matrix = L L', L in the lower triangle. */
static trib_status factorise(double *matrix, size_t size) {
    for (size_t j = 0; j < size; j++) {
        double square = matrix[j * size + j];
        for (size_t k = 0; k < j; k++) {
            square -= matrix[j * size + k] * matrix[j * size + k];
        }
        if (!(square > 0) || !isfinite(square)) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "the matrix is not positive definite at row %zu", j);
        }
        double pivot = sqrt(square);
        matrix[j * size + j] = pivot;
        for (size_t i = j + 1; i < size; i++) {
            double sum = matrix[i * size + j];
            for (size_t k = 0; k < j; k++) {
                sum -= matrix[i * size + k] * matrix[j * size + k];
            }
            matrix[i * size + j] = sum / pivot;
        }
    }
    return TRIB_SUCCESS;
}

/* L becomes its own inverse. */
static void invert_lower(double *matrix, size_t size) {
    for (size_t j = 0; j < size; j++) {
        matrix[j * size + j] = 1.0 / matrix[j * size + j];
        for (size_t i = j + 1; i < size; i++) {
            double sum = 0;
            for (size_t k = j; k < i; k++) {
                sum -= matrix[i * size + k] * matrix[k * size + j];
            }
            matrix[i * size + j] = sum / matrix[i * size + i];
        }
    }
}

trib_status trib_cholesky_invert(double *matrix, size_t size) {
    TRIB_TRY(factorise(matrix, size));
    invert_lower(matrix, size);
    /* inverse = L^-T L^-1; entry (i, j) needs rows from max(i, j) on, so the upper triangle can be
     * filled while the lower one is read, diagonal included last in its row */
    for (size_t i = 0; i < size; i++) {
        for (size_t j = size; j-- > i;) {
            double sum = 0;
            for (size_t k = j; k < size; k++) {
                sum += matrix[k * size + i] * matrix[k * size + j];
            }
            matrix[i * size + j] = sum;
        }
    }
    for (size_t i = 0; i < size; i++) {
        for (size_t j = 0; j < i; j++) {
            matrix[i * size + j] = matrix[j * size + i];
        }
    }
    return TRIB_SUCCESS;
}
