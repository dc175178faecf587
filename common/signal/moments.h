/* Count, mean and spread of each column, in one pass, and merged across sites: what federated
 * normalisation is made of.
 *
 * Columns are those of trib_pipeline_shape (channel and feature; frames or rows of an example are
 * so many rows of the same columns).
 *
 * source   T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for
 *          computing sample variances", Stanford STAN-CS-79-773, 1979; B. P. Welford, 1962
 * owns     nothing: mean and m2 are the caller's
 * threads  one
 */
#ifndef TRIB_SIGNAL_MOMENTS_H
#define TRIB_SIGNAL_MOMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

typedef struct trib_moments {
    uint64_t count; /* rows added; at most 2^53 */
    size_t columns;
    double *mean; /* [columns] */
    double *m2;   /* [columns]: sum of squared distances from the mean */
} trib_moments;

/* mean and m2 [columns] are cleared and must outlive the moments. */
void trib_moments_init(trib_moments *moments, double *mean, double *m2, size_t columns);
/* values [rows][columns], finite */
void trib_moments_add(trib_moments *moments, const float *values, size_t rows);
/* TRIB_E_CORRUPT unless the count is at most 2^53, every mean is finite and every m2 finite and
 * not negative: for moments that came from elsewhere. */
TRIB_MUST_CHECK trib_status trib_moments_check(const trib_moments *moments);
/* into += from. The order of merges shows in the last bits: merge in a fixed one.
 * errors   TRIB_E_ARGUMENT for other columns, TRIB_E_CORRUPT as trib_moments_check (of `from`) or
 *          where the sum would fail it; `into` is then unchanged */
TRIB_MUST_CHECK trib_status trib_moments_merge(trib_moments *into, const trib_moments *from);
/* ret_mean, ret_deviation [columns]; the deviation is the population's. TRIB_E_STATE without rows.
 */
TRIB_MUST_CHECK trib_status trib_moments_finish(const trib_moments *moments, float *ret_mean,
                                                float *ret_deviation);

#endif
