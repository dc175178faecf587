#include "cloud/ledger/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_STATIC_LINKING_ONLY /* the streaming state on the stack */
#include <xxhash.h>

enum { MAGIC = 0x4c425254, CHECKED_BYTES = 24, SCAN_BYTES = 65536, NAME_DIGITS = 20 };

void cloud_segment_name(uint64_t first, char ret_name[CLOUD_SEGMENT_NAME]) {
    (void)snprintf(ret_name, CLOUD_SEGMENT_NAME, "%020" PRIu64 ".ledger", first);
}

trib_status cloud_segment_path(const char *folder, uint64_t first, char *ret_path) {
    char name[CLOUD_SEGMENT_NAME];
    cloud_segment_name(first, name);
    int length = snprintf(ret_path, CLOUD_SEGMENT_PATH, "%s/%s", folder, name);
    return length > 0 && length < CLOUD_SEGMENT_PATH
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_LIMIT, "the ledger's folder has too long a path");
}

uint64_t cloud_segment_first(const char *name) {
    bool ours = strlen(name) == NAME_DIGITS + 7 && strcmp(name + NAME_DIGITS, ".ledger") == 0 &&
                strspn(name, "0123456789") == NAME_DIGITS;
    return ours ? strtoull(name, NULL, 10) : 0;
}

static uint64_t checksum_of(uint64_t seed, const uint8_t *header, const trib_bytes *parts,
                            size_t count) {
    XXH3_state_t state;
    XXH3_INITSTATE(&state); /* or a seed left on the stack passes for its expansion */
    (void)XXH3_64bits_reset_withSeed(&state, seed);
    (void)XXH3_64bits_update(&state, header, CHECKED_BYTES);
    for (size_t i = 0; i < count; i++) {
        (void)XXH3_64bits_update(&state, parts[i].data, parts[i].size);
    }
    return XXH3_64bits_digest(&state);
}

void cloud_segment_encode(uint64_t seed, uint32_t type, uint64_t position, const trib_bytes *parts,
                          size_t count, size_t size,
                          uint8_t ret_header[CLOUD_SEGMENT_HEADER_BYTES]) {
    trib_store_u32(ret_header, MAGIC);
    trib_store_u32(ret_header + 4, (uint32_t)size);
    trib_store_u32(ret_header + 8, type);
    trib_store_u32(ret_header + 12, 0);
    trib_store_u64(ret_header + 16, position);
    trib_store_u64(ret_header + 24, checksum_of(seed, ret_header, parts, count));
}

/* Up to `size` bytes at `offset`, from what was read ahead if all of them are there. */
static trib_status read_some(cloud_segment_walk *walk, uint64_t offset, uint8_t *ret_bytes,
                             size_t size, size_t *ret_got) {
    trib_buffer *ahead = &walk->ahead;
    bool small = size + walk->payload.size <= CLOUD_SEGMENT_AHEAD_BYTES / 4; /* and the last one */
    uint64_t skipped = offset - walk->ahead_at;
    if (offset < walk->ahead_at || skipped + size > ahead->size) {
        if (!small) {
            return walk->disk->read_at(walk->disk, walk->handle, offset, ret_bytes, size, ret_got);
        }
        ahead->ceiling = CLOUD_SEGMENT_AHEAD_BYTES;
        trib_buffer_clear(ahead);
        TRIB_TRY(trib_buffer_reserve(ahead, CLOUD_SEGMENT_AHEAD_BYTES));
        TRIB_TRY(walk->disk->read_at(walk->disk, walk->handle, offset, ahead->data,
                                     CLOUD_SEGMENT_AHEAD_BYTES, &ahead->size));
        walk->ahead_at = offset;
        skipped = 0;
    }
    *ret_got = ahead->size - (size_t)skipped < size ? ahead->size - (size_t)skipped : size;
    memcpy(ret_bytes, ahead->data + skipped, *ret_got);
    return TRIB_SUCCESS;
}

static trib_status read_record(cloud_segment_walk *walk, cloud_segment_header *ret_header) {
    uint8_t header[CLOUD_SEGMENT_HEADER_BYTES];
    size_t got = 0;
    TRIB_TRY(read_some(walk, walk->offset, header, sizeof header, &got));
    if (got < sizeof header || trib_load_u32(header) != MAGIC || trib_load_u32(header + 12) != 0 ||
        trib_load_u32(header + 4) > CLOUD_LEDGER_MAX_RECORD ||
        trib_load_u32(header + 4) > walk->size - walk->offset - sizeof header ||
        trib_load_u32(header + 8) == 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "no record at offset %llu",
                         (unsigned long long)walk->offset);
    }
    cloud_segment_header parsed = {trib_load_u32(header + 4), trib_load_u32(header + 8),
                                   trib_load_u64(header + 16), trib_load_u64(header + 24)};
    trib_buffer_clear(&walk->payload);
    TRIB_TRY(trib_buffer_reserve(&walk->payload, parsed.size));
    if (parsed.size > 0) {
        TRIB_TRY(
            read_some(walk, walk->offset + sizeof header, walk->payload.data, parsed.size, &got));
        walk->payload.size = got;
    }
    trib_bytes payload = trib_buffer_view(&walk->payload);
    if (walk->payload.size != parsed.size ||
        checksum_of(walk->seed, header, &payload, 1) != parsed.checksum) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the record at offset %llu is damaged",
                         (unsigned long long)walk->offset);
    }
    walk->offset += sizeof header + parsed.size;
    *ret_header = parsed;
    return TRIB_SUCCESS;
}

trib_status cloud_segment_next(cloud_segment_walk *walk, cloud_segment_header *ret_header) {
    if (walk->offset >= walk->size) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "the end of the segment");
    }
    trib_status status = read_record(walk, ret_header);
    if (!trib_ok(status)) { /* what was read ahead may have been half written then */
        trib_buffer_clear(&walk->ahead);
    }
    return status;
}

trib_status cloud_segment_resume(cloud_segment_walk *walk) {
    uint64_t damaged = walk->offset;
    TRIB_SCOPED(trib_free_scoped) uint8_t *piece = trib_allocate(SCAN_BYTES, 1);
    if (piece == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory to scan a segment");
    }
    for (uint64_t at = damaged + 1; at + CLOUD_SEGMENT_HEADER_BYTES <= walk->size;) {
        size_t got = 0;
        TRIB_TRY(walk->disk->read_at(walk->disk, walk->handle, at, piece, SCAN_BYTES, &got));
        for (size_t i = 0; i + 4 <= got; i++) {
            if (trib_load_u32(piece + i) != MAGIC) {
                continue;
            }
            cloud_segment_header header;
            walk->offset = at + i;
            trib_status status = cloud_segment_next(walk, &header);
            walk->offset = at + i;
            if (trib_ok(status)) {
                return status;
            }
            if (status.code != TRIB_E_CORRUPT) {
                walk->offset = damaged;
                return status;
            }
        }
        if (got < SCAN_BYTES) {
            break;
        }
        at += SCAN_BYTES - 3; /* a magic number may straddle two pieces */
    }
    walk->offset = damaged;
    return TRIB_FAIL(TRIB_E_NOT_FOUND, "no good record after offset %llu",
                     (unsigned long long)damaged);
}
