/* Inside this room: one segment's records. */
#ifndef CLOUD_LEDGER_SEGMENT_H
#define CLOUD_LEDGER_SEGMENT_H

#include "cloud/ledger/ledger.h"

enum {
    CLOUD_SEGMENT_HEADER_BYTES = 32,
    CLOUD_SEGMENT_PATH = 4096,
    CLOUD_SEGMENT_AHEAD_BYTES = 32 << 10 /* read at once where records are small */
};

typedef struct cloud_segment_header {
    uint32_t size;
    uint32_t type;
    uint64_t position;
    uint64_t checksum;
} cloud_segment_header;

/* TRIB_E_LIMIT: the folder's path is too long. `ret_path` has CLOUD_SEGMENT_PATH bytes. */
TRIB_MUST_CHECK trib_status cloud_segment_path(const char *folder, uint64_t first, char *ret_path);

void cloud_segment_encode(uint64_t seed, uint32_t type, uint64_t position, const trib_bytes *parts,
                          size_t count, size_t size,
                          uint8_t ret_header[CLOUD_SEGMENT_HEADER_BYTES]);

/* Walks an open segment file record by record; `payload` and `ahead` are to be freed. Whoever puts
 * another file under it clears `ahead`. */
typedef struct cloud_segment_walk {
    trib_disk *disk;
    uint64_t seed;
    int handle;
    uint64_t offset; /* of the next record */
    uint64_t size;   /* of the file */
    trib_buffer payload;
    trib_buffer ahead; /* bytes of the file from ahead_at on */
    uint64_t ahead_at;
} cloud_segment_walk;

/* TRIB_E_NOT_FOUND at the end; TRIB_E_CORRUPT when the bytes at `offset` are no good record, which
 * moves nothing; the payload is in walk->payload. */
TRIB_MUST_CHECK trib_status cloud_segment_next(cloud_segment_walk *walk,
                                               cloud_segment_header *ret_header);
/* After damage: moves `offset` to the next good record behind it, TRIB_E_NOT_FOUND if there is none
 * (offset is then unchanged). */
TRIB_MUST_CHECK trib_status cloud_segment_resume(cloud_segment_walk *walk);

#endif
