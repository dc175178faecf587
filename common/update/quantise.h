/* Inside this room: int8 blocks, quantised with stochastic rounding.
 *
 * threads  pure
 */
#ifndef TRIB_UPDATE_QUANTISE_H
#define TRIB_UPDATE_QUANTISE_H

#include "common/update/update.h"

/* One block: the scale is the largest magnitude over 127; a value between two steps goes up with
 * the probability of its fraction, so that rounding does not bias the sum. A draw a value, but none
 * for a block whose scale is 0.
 *
 * shapes   values, ret_steps [count], count at most TRIB_UPDATE_BLOCK; finite
 */
void trib_quantise_block(const float *values, uint32_t count, trib_random *random, float *ret_scale,
                         uint8_t *ret_steps);

/* Sum of squares in lanes; NaN or infinity when a value is. */
double trib_quantise_squared(const float *values, uint32_t count);

#endif
