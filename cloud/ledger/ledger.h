/* The one truth: records appended to segments, checksummed, never changed.
 *
 * A segment is a file named by the position of its first record, in 20 digits, with ".ledger". Its
 * records follow one another:
 *     u32 magic, u32 size of payload, u32 type, u32 zero, u64 position, u64 XXH3-64 of the 24 bytes
 *     before it and the payload, payload
 * The checksum is seeded with a secret of the cloud's, so that nobody can send a payload that holds
 * what looks like a record of ours to a reader that looks for one behind damage. Positions count up
 * by one from 1 across segments. A record is durable once cloud_ledger_sync has returned; one sync
 * serves all that was appended before it.
 *
 * After a sync that failed, the file "distrusted" stands beside the segments: whoever opens them
 * next writes the last one anew first.
 *
 * When opened, all that is there is made durable before it is read: it may be the page cache's
 * alone. Then a torn tail (bytes after the last good record, with no good record behind them) is
 * cut. Damage with good records behind it is left alone and reported by the reader as a gap.
 *
 * errors   TRIB_E_IO from the disk; after a failed append the ledger is as it was before, after a
 *          failed sync nothing is known: TRIB_E_STATE until it is opened anew
 * threads  one, but for cloud_ledger_durable; other threads read through follower.h
 */
#ifndef CLOUD_LEDGER_LEDGER_H
#define CLOUD_LEDGER_LEDGER_H

#include "common/port/disk.h"

enum {
    CLOUD_LEDGER_MAX_RECORD = 80 << 20, /* bytes of payload: the largest float32 update */
    CLOUD_LEDGER_SEGMENT_BYTES = 64 << 20,
    CLOUD_SEGMENT_NAME = 32
};

/* A segment's file: the position of its first record in 20 digits, ".ledger". */
void cloud_segment_name(uint64_t first, char ret_name[CLOUD_SEGMENT_NAME]);
/* The position of a segment's first record, from its file's name; 0: not a segment's. */
uint64_t cloud_segment_first(const char *name);

typedef struct cloud_ledger cloud_ledger;

TRIB_MUST_CHECK trib_status cloud_ledger_open(trib_disk *disk, const char *folder, uint64_t seed,
                                              cloud_ledger **ret_ledger);
void cloud_ledger_close(cloud_ledger *ledger);

/* The first positions of the segments in a folder, rising; all but the last are closed.
 * *ret_firsts is the caller's: trib_free. From any thread. */
TRIB_MUST_CHECK trib_status cloud_ledger_list(trib_disk *disk, const char *folder,
                                              uint64_t **ret_firsts, size_t *ret_count);

/* The position of the last good record; 0 when empty. */
uint64_t cloud_ledger_end(const cloud_ledger *ledger);
/* Bytes that were cut from the tail when it was opened. */
uint64_t cloud_ledger_torn_bytes(const cloud_ledger *ledger);
uint64_t cloud_ledger_syncs(const cloud_ledger *ledger);
/* The last durable position. From any thread. */
uint64_t cloud_ledger_durable(const cloud_ledger *ledger);
/* The position that the oldest segment begins with: what is before it was trimmed. */
uint64_t cloud_ledger_first(const cloud_ledger *ledger);
/* The position that the segment after it begins with, or would. */
uint64_t cloud_ledger_second(const cloud_ledger *ledger);
/* What it takes on the disk, at most: segments count as full. */
uint64_t cloud_ledger_bytes(const cloud_ledger *ledger);

/* Segments end at so many bytes, CLOUD_LEDGER_SEGMENT_BYTES at most, from now on. */
void cloud_ledger_limit_segments(cloud_ledger *ledger, uint64_t bytes);
/* Removes segments of which every record is at or before `through`, but for the last segment. After
 * a crash some of them may be there again. */
TRIB_MUST_CHECK trib_status cloud_ledger_trim(cloud_ledger *ledger, uint64_t through);

/* The payload is the parts one after the other. */
TRIB_MUST_CHECK trib_status cloud_ledger_append(cloud_ledger *ledger, uint32_t type,
                                                const trib_bytes *parts, size_t count,
                                                uint64_t *ret_position);
TRIB_MUST_CHECK trib_status cloud_ledger_sync(cloud_ledger *ledger);

typedef struct cloud_record {
    uint64_t position;
    uint32_t type; /* 0: a gap: the records from position to gap_end are damaged */
    uint64_t gap_end;
    trib_bytes payload; /* valid during the call */
} cloud_record;
/* Calls `each` for every record from `from` on, in order. Stops at its first failure. */
TRIB_MUST_CHECK trib_status cloud_ledger_read(cloud_ledger *ledger, uint64_t from,
                                              trib_status (*each)(void *context,
                                                                  const cloud_record *record),
                                              void *context);

#endif
