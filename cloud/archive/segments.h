/* Closed segments of the ledger: into the bucket, and back.
 *
 *     clouds/ID/ledger/FIRST.ledger     as the ledger's folder has it (cloud/ledger/ledger.h)
 *     clouds/ID/ledger/FIRST.json       its card: first, next (the first of the segment after it),
 *                                       size, sha256
 *
 * A card is put after its segment: what has a card is whole. Updates stand in segments in the
 * clear.
 *
 * errors   those of place.h;  TRIB_E_NOT_FOUND a segment is missing in between
 * threads  any
 */
#ifndef CLOUD_ARCHIVE_SEGMENTS_H
#define CLOUD_ARCHIVE_SEGMENTS_H

#include "cloud/archive/place.h"

/* Of the ledger in `folder`, the segment that begins with `first`; the one after it with `next`. */
TRIB_MUST_CHECK trib_status cloud_segment_put(const cloud_place *place, const char *folder,
                                              uint64_t first, uint64_t next);
/* Brings back, in order, each segment that holds records at or after `from` and before `until` and
 * is not in `folder`. *ret_next: the position that the last of them, or of those that are in the
 * folder, goes up to; `from` where there is none. */
TRIB_MUST_CHECK trib_status cloud_segments_fetch(const cloud_place *place, const char *folder,
                                                 uint64_t from, uint64_t until, uint64_t *ret_next);

#endif
