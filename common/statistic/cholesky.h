/* The inverse of a symmetric positive definite matrix.
 *
 * source   Golub and Van Loan, "Matrix Computations", 4th ed., algorithm 4.2.1
 * threads  pure
 */
#ifndef TRIB_STATISTIC_CHOLESKY_H
#define TRIB_STATISTIC_CHOLESKY_H

#include <stddef.h>

#include "common/base/status.h"

/* matrix [size, size] row-major, in place.
 * errors   TRIB_E_ARGUMENT unless it is positive definite; the matrix is then spoilt */
TRIB_MUST_CHECK trib_status trib_cholesky_invert(double *matrix, size_t size);

#endif
