/* Timestamps as text, in the units that a source may declare.
 *
 *     s, ms, us   a decimal number since any epoch; fractions and exponents are fine
 *     iso8601     2020-03-09 10:34:33 with 'T' or a space, a fraction after '.' or ',', then
 * nothing (taken as UTC), Z, +hh:mm, +hhmm or +hh
 *
 * source   ISO 8601-1:2019, 5.4.2; leap seconds (:60) are read as the next second
 * errors   TRIB_E_ARGUMENT saying what was expected and found
 * threads  pure
 */
#ifndef TRIB_RECORDING_TIMESTAMP_H
#define TRIB_RECORDING_TIMESTAMP_H

#include "common/base/status.h"
#include "common/recording/source_spec.h"

TRIB_MUST_CHECK trib_status trib_timestamp_read(trib_time_unit unit, const char *text,
                                                int64_t *ret_time_us);
/* The same for a number, as JSON has them; not for iso8601. */
TRIB_MUST_CHECK trib_status trib_timestamp_of(trib_time_unit unit, double value,
                                              int64_t *ret_time_us);

#endif
