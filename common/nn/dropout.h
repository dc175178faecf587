/* Zeroes values at random in training, and scales the rest by 1 / (1 - rate) so that the expected
 * value stays.
 *
 * source   Srivastava et al., "Dropout", JMLR 15, 2014, s. 10 (the scaled form)
 * threads  the generator's owner
 */
#ifndef TRIB_NN_DROPOUT_H
#define TRIB_NN_DROPOUT_H

#include <stddef.h>

#include "common/base/random.h"

/* factors [count]: 0 or 1 / (1 - rate), one draw each. */
void trib_dropout_draw(trib_random *random, float rate, size_t count, float *ret_factors);

/* y = x * factor: forward with x, backward with the gradient. x and y may be the same. */
void trib_dropout_apply(size_t count, const float *x, const float *factors, float *ret_y);

#endif
