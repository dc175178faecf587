/* A gateway's contribution to a lineage's round 0: count, mean and M2 of each column.
 *
 * Packed form, little-endian:
 *     u8 version = 1, u8 codec = 16, u16 zero, u32 columns, u64 count,
 *     columns x f64 mean, columns x f64 m2
 *
 * threads  pure
 * firmware portable
 */
#ifndef TRIB_UPDATE_STATISTICS_H
#define TRIB_UPDATE_STATISTICS_H

#include "common/signal/moments.h"
#include "common/base/span.h"

enum { TRIB_STATISTICS_CODEC = 16, TRIB_STATISTICS_HEADER_BYTES = 16 };

size_t trib_statistics_packed_size(size_t columns);
/* TRIB_E_LIMIT when it does not fit. */
TRIB_MUST_CHECK trib_status trib_statistics_pack(const trib_moments *moments,
                                                 trib_writer *ret_packed);
/* Reads into `ret_moments`, which must be initialised with the columns that are expected; it is
 * overwritten. TRIB_E_CORRUPT for another shape, no rows, or values that no data can have. */
TRIB_MUST_CHECK trib_status trib_statistics_open(trib_bytes packed, trib_moments *ret_moments);

#endif
