/* The chi-squared distribution's quantiles.
 *
 * source   P(a, x) by its series below a + 1 and by Lentz's continued fraction above: Abramowitz
 * and Stegun 6.5.29 and 6.5.31; the quantile by bisection, whose bracket starts at the mean threads
 * pure
 */
#ifndef TRIB_STATISTIC_CHI_SQUARED_H
#define TRIB_STATISTIC_CHI_SQUARED_H

/* The regularised lower incomplete gamma function; a > 0, x >= 0. Good to about 1e-14. */
double trib_gamma_p(double a, double x);
/* x with P(X <= x) = probability, for (0, 1) and degrees of freedom >= 1. */
double trib_chi_squared_quantile(double probability, double degrees);

#endif
