/* Sizes that cannot wrap: false, which is the only failure, and `ret` untouched when the result
 * does not fit.
 *
 * errors   none but false
 * threads  pure
 */
#ifndef TRIB_BASE_CHECKED_H
#define TRIB_BASE_CHECKED_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

TRIB_MUST_CHECK static inline bool trib_add_size(size_t left, size_t right, size_t *ret) {
    size_t sum;
    if (__builtin_add_overflow(left, right, &sum)) {
        return false;
    }
    *ret = sum;
    return true;
}

TRIB_MUST_CHECK static inline bool trib_mul_size(size_t left, size_t right, size_t *ret) {
    size_t product;
    if (__builtin_mul_overflow(left, right, &product)) {
        return false;
    }
    *ret = product;
    return true;
}

#endif
