#include "cloud/ledger/ledger.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/ledger/segment.h"

#define DISTRUSTED "distrusted" /* a file's name */

enum { MAX_SEGMENTS = 1 << 20 };

typedef struct segment_list {
    uint64_t *firsts; /* first positions, rising; owned */
    size_t count;
} segment_list;

struct cloud_ledger {
    trib_disk *disk;
    uint64_t seed;
    char *folder;
    segment_list segments;
    int handle;             /* of the last segment; -1: none is open */
    uint64_t offset;        /* its size */
    uint64_t segment_bytes; /* a segment of more is full */
    uint64_t end;
    atomic_uint_least64_t durable; /* for whoever follows */
    uint64_t torn_bytes;
    uint64_t syncs;
    bool dirty;
    bool broken;
};

static trib_status add_segment(segment_list *list, uint64_t first) {
    if (list->count >= MAX_SEGMENTS) {
        return TRIB_FAIL(TRIB_E_LIMIT, "more than %d segments: archive some", MAX_SEGMENTS);
    }
    uint64_t *larger =
        trib_resize(list->firsts, list->count * sizeof *larger, (list->count + 1) * sizeof *larger);
    if (larger == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the list of segments");
    }
    list->firsts = larger;
    list->firsts[list->count++] = first;
    return TRIB_SUCCESS;
}

static trib_status note_segment(void *context, const char *name) {
    uint64_t first = cloud_segment_first(name);
    return first == 0 ? TRIB_SUCCESS : add_segment(context, first);
}

/* After a sync that failed, a system may say of the next that all is well, though what the first
 * was about is in memory alone. So the last segment is written anew before it is read again. The
 * marker need not be durable, and on that disk may not become so: it matters for as long as that
 * memory lasts. */
static void distrust(const cloud_ledger *ledger) {
    char marker[CLOUD_SEGMENT_PATH];
    int handle = -1;
    (void)snprintf(marker, sizeof marker, "%s/" DISTRUSTED, ledger->folder);
    if (trib_ok(ledger->disk->open(ledger->disk, marker, TRIB_OPEN_WRITE, &handle))) {
        ledger->disk->close(ledger->disk, handle);
    }
}

static trib_status sync_segment(const cloud_ledger *ledger) {
    trib_status status = ledger->disk->sync(ledger->disk, ledger->handle);
    if (!trib_ok(status)) {
        char why[200];
        (void)snprintf(why, sizeof why, "%s", trib_message());
        distrust(ledger);
        return TRIB_FAIL(status.code, "the ledger: %s", why);
    }
    return TRIB_SUCCESS;
}

static trib_status write_anew(const cloud_ledger *ledger, uint64_t first) {
    char path[CLOUD_SEGMENT_PATH], marker[CLOUD_SEGMENT_PATH];
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer nothing = {.ceiling = 64};
    TRIB_SCOPED(trib_buffer_deinit)
    trib_buffer segment = {.ceiling = CLOUD_LEDGER_SEGMENT_BYTES + CLOUD_LEDGER_MAX_RECORD + 64};
    (void)snprintf(marker, sizeof marker, "%s/" DISTRUSTED, ledger->folder);
    trib_status status = trib_disk_read(ledger->disk, marker, &nothing);
    if (!trib_ok(status)) {
        return status.code == TRIB_E_NOT_FOUND ? TRIB_SUCCESS : status;
    }
    TRIB_TRY(cloud_segment_path(ledger->folder, first, path));
    TRIB_TRY(trib_disk_read(ledger->disk, path, &segment));
    TRIB_TRY(trib_disk_replace(ledger->disk, ledger->folder, strrchr(path, '/') + 1,
                               trib_buffer_view(&segment)));
    TRIB_TRY(ledger->disk->remove(ledger->disk, marker));
    return ledger->disk->sync_folder(ledger->disk, ledger->folder);
}

static int by_position(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

trib_status cloud_ledger_list(trib_disk *disk, const char *folder, uint64_t **ret_firsts,
                              size_t *ret_count) {
    segment_list list = {.firsts = NULL};
    trib_status status = disk->list(disk, folder, note_segment, &list);
    if (!trib_ok(status)) {
        trib_free(list.firsts);
        return status;
    }
    if (list.count > 0) {
        qsort(list.firsts, list.count, sizeof *list.firsts, by_position);
    }
    *ret_firsts = list.firsts;
    *ret_count = list.count;
    return TRIB_SUCCESS;
}

/* Reads one segment to its end. `each` may be NULL. *ret_end is the last good position, *ret_good
 * the offset behind it. */
typedef struct segment_reader {
    cloud_segment_walk walk;
    uint64_t end;
    uint64_t from;
    trib_status (*each)(void *context, const cloud_record *record);
    void *context;
} segment_reader;

static trib_status give(segment_reader *reader, const cloud_record *record) {
    uint64_t last = record->type == 0 ? record->gap_end : record->position;
    return reader->each != NULL && last >= reader->from ? reader->each(reader->context, record)
                                                        : TRIB_SUCCESS;
}

static trib_status read_segment(segment_reader *reader) {
    for (;;) {
        cloud_segment_header header;
        uint64_t before = reader->walk.offset;
        trib_status status = cloud_segment_next(&reader->walk, &header);
        if (status.code == TRIB_E_NOT_FOUND) {
            return TRIB_SUCCESS;
        }
        if (status.code == TRIB_E_CORRUPT) {
            reader->walk.offset = before;
            status = cloud_segment_resume(&reader->walk);
            if (status.code == TRIB_E_NOT_FOUND) {
                return TRIB_SUCCESS; /* a tail; the caller looks at walk.offset */
            }
            TRIB_TRY(status);
            continue;
        }
        TRIB_TRY(status);
        if (header.position <= reader->end) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "position %" PRIu64 " after %" PRIu64, header.position,
                             reader->end);
        }
        if (header.position != reader->end + 1) {
            TRIB_TRY(give(reader, &(cloud_record){.position = reader->end + 1,
                                                  .gap_end = header.position - 1}));
        }
        reader->end = header.position;
        TRIB_TRY(give(reader, &(cloud_record){.position = header.position,
                                              .type = header.type,
                                              .payload = trib_buffer_view(&reader->walk.payload)}));
    }
}

static trib_status open_last(cloud_ledger *ledger) {
    uint64_t first = ledger->segments.firsts[ledger->segments.count - 1];
    char path[CLOUD_SEGMENT_PATH];
    TRIB_TRY(write_anew(ledger, first));
    TRIB_TRY(cloud_segment_path(ledger->folder, first, path));
    TRIB_TRY(ledger->disk->open(ledger->disk, path, TRIB_OPEN_APPEND, &ledger->handle));
    segment_reader reader = {.walk = {.disk = ledger->disk,
                                      .seed = ledger->seed,
                                      .handle = ledger->handle,
                                      .payload = {.ceiling = CLOUD_LEDGER_MAX_RECORD}},
                             .end = first - 1};
    /* Whoever was killed between an append and its sync left records that only the page cache has:
     * they would be counted, and receipted as duplicates, without any sync of ours after them. */
    TRIB_TRY(sync_segment(ledger));
    TRIB_TRY(ledger->disk->sync_folder(ledger->disk, ledger->folder));
    trib_status status = ledger->disk->size(ledger->disk, ledger->handle, &reader.walk.size);
    if (trib_ok(status)) {
        status = read_segment(&reader);
    }
    trib_buffer_deinit(&reader.walk.payload);
    trib_buffer_deinit(&reader.walk.ahead);
    TRIB_TRY(status);
    ledger->end = reader.end;
    ledger->offset = reader.walk.offset;
    if (reader.walk.offset < reader.walk.size) {
        ledger->torn_bytes = reader.walk.size - reader.walk.offset;
        TRIB_TRY(ledger->disk->truncate(ledger->disk, ledger->handle, reader.walk.offset));
        TRIB_TRY(sync_segment(ledger));
    }
    return TRIB_SUCCESS;
}

static void close_scoped(cloud_ledger **ledger) {
    cloud_ledger_close(*ledger);
}

trib_status cloud_ledger_open(trib_disk *disk, const char *folder, uint64_t seed,
                              cloud_ledger **ret_ledger) {
    TRIB_SCOPED(close_scoped) cloud_ledger *ledger = trib_allocate(1, sizeof *ledger);
    if (ledger == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a ledger");
    }
    *ledger = (cloud_ledger){.disk = disk,
                             .seed = seed,
                             .handle = -1,
                             .folder = trib_duplicate_text(folder),
                             .segment_bytes = CLOUD_LEDGER_SEGMENT_BYTES};
    if (ledger->folder == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a ledger");
    }
    TRIB_TRY(disk->make_folder(disk, folder));
    TRIB_TRY(cloud_ledger_list(disk, folder, &ledger->segments.firsts, &ledger->segments.count));
    if (ledger->segments.count > 0) {
        TRIB_TRY(open_last(ledger));
    }
    atomic_store(&ledger->durable, ledger->end);
    *ret_ledger = ledger;
    ledger = NULL;
    return TRIB_SUCCESS;
}

void cloud_ledger_close(cloud_ledger *ledger) {
    if (ledger != NULL) {
        if (ledger->handle >= 0) {
            ledger->disk->close(ledger->disk, ledger->handle);
        }
        trib_free(ledger->segments.firsts);
        trib_free(ledger->folder);
        trib_free(ledger);
    }
}

uint64_t cloud_ledger_end(const cloud_ledger *ledger) {
    return ledger->end;
}

uint64_t cloud_ledger_durable(const cloud_ledger *ledger) {
    return atomic_load(&ledger->durable);
}

uint64_t cloud_ledger_first(const cloud_ledger *ledger) {
    return ledger->segments.count > 0 ? ledger->segments.firsts[0] : ledger->end + 1;
}

uint64_t cloud_ledger_second(const cloud_ledger *ledger) {
    return ledger->segments.count > 1 ? ledger->segments.firsts[1] : ledger->end + 1;
}

uint64_t cloud_ledger_bytes(const cloud_ledger *ledger) {
    size_t full = ledger->segments.count > 0 ? ledger->segments.count - 1 : 0;
    return full * ledger->segment_bytes + ledger->offset;
}

void cloud_ledger_limit_segments(cloud_ledger *ledger, uint64_t bytes) {
    ledger->segment_bytes = bytes;
}

trib_status cloud_ledger_trim(cloud_ledger *ledger, uint64_t through) {
    size_t gone = 0;
    trib_status status = TRIB_SUCCESS;
    while (trib_ok(status) && gone + 1 < ledger->segments.count &&
           ledger->segments.firsts[gone + 1] <= through + 1) {
        char path[CLOUD_SEGMENT_PATH];
        TRIB_TRY(cloud_segment_path(ledger->folder, ledger->segments.firsts[gone], path));
        status = ledger->disk->remove(ledger->disk, path);
        gone += trib_ok(status);
    }
    if (gone == 0) {
        return status;
    }
    ledger->segments.count -= gone;
    memmove(ledger->segments.firsts, ledger->segments.firsts + gone,
            ledger->segments.count * sizeof *ledger->segments.firsts);
    return status;
}

uint64_t cloud_ledger_torn_bytes(const cloud_ledger *ledger) {
    return ledger->torn_bytes;
}

uint64_t cloud_ledger_syncs(const cloud_ledger *ledger) {
    return ledger->syncs;
}

/* A full segment is synced before the next begins, so that damage at its end can never be a tail.
 */
static trib_status start_segment(cloud_ledger *ledger) {
    TRIB_TRY(cloud_ledger_sync(ledger));
    char path[CLOUD_SEGMENT_PATH];
    int handle;
    TRIB_TRY(cloud_segment_path(ledger->folder, ledger->end + 1, path));
    TRIB_TRY(ledger->disk->open(ledger->disk, path, TRIB_OPEN_APPEND, &handle));
    trib_status status = ledger->disk->sync_folder(ledger->disk, ledger->folder);
    if (trib_ok(status)) {
        status = add_segment(&ledger->segments, ledger->end + 1);
    }
    if (!trib_ok(status)) {
        ledger->broken = true; /* its file says where records go on: none may go elsewhere */
        ledger->disk->close(ledger->disk, handle);
        return status;
    }
    if (ledger->handle >= 0) {
        ledger->disk->close(ledger->disk, ledger->handle);
    }
    ledger->handle = handle;
    ledger->offset = 0;
    return TRIB_SUCCESS;
}

static trib_status write_record(cloud_ledger *ledger, const uint8_t *header,
                                const trib_bytes *parts, size_t count) {
    TRIB_TRY(ledger->disk->append(ledger->disk, ledger->handle,
                                  trib_bytes_of(header, CLOUD_SEGMENT_HEADER_BYTES)));
    for (size_t i = 0; i < count; i++) {
        TRIB_TRY(ledger->disk->append(ledger->disk, ledger->handle, parts[i]));
    }
    return TRIB_SUCCESS;
}

trib_status cloud_ledger_append(cloud_ledger *ledger, uint32_t type, const trib_bytes *parts,
                                size_t count, uint64_t *ret_position) {
    TRIB_ASSERT(type != 0);
    if (ledger->broken) {
        return TRIB_FAIL(TRIB_E_STATE, "the ledger failed earlier: restart to recover");
    }
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += parts[i].size;
    }
    if (size > CLOUD_LEDGER_MAX_RECORD) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a record of %zu bytes; at most %d", size,
                         CLOUD_LEDGER_MAX_RECORD);
    }
    if (ledger->handle < 0 ||
        (ledger->offset > 0 && ledger->offset + size > ledger->segment_bytes)) {
        TRIB_TRY(start_segment(ledger));
    }
    uint8_t header[CLOUD_SEGMENT_HEADER_BYTES];
    cloud_segment_encode(ledger->seed, type, ledger->end + 1, parts, count, size, header);
    trib_status status = write_record(ledger, header, parts, count);
    if (!trib_ok(status)) {
        char why[512];
        (void)snprintf(why, sizeof why, "%s", trib_message());
        ledger->broken =
            !trib_ok(ledger->disk->truncate(ledger->disk, ledger->handle, ledger->offset));
        return TRIB_FAIL(status.code, "the ledger cannot grow: %s", why);
    }
    ledger->offset += sizeof header + size;
    ledger->end++;
    ledger->dirty = true;
    *ret_position = ledger->end;
    return TRIB_SUCCESS;
}

trib_status cloud_ledger_sync(cloud_ledger *ledger) {
    if (ledger->broken) {
        return TRIB_FAIL(TRIB_E_STATE, "the ledger failed earlier: restart to recover");
    }
    if (!ledger->dirty) {
        return TRIB_SUCCESS;
    }
    trib_status status = sync_segment(ledger);
    if (!trib_ok(status)) {
        ledger->broken =
            true; /* what the kernel has dropped cannot be known: never retry an fsync */
        return status;
    }
    ledger->syncs++;
    ledger->dirty = false;
    atomic_store(&ledger->durable, ledger->end);
    return TRIB_SUCCESS;
}

static trib_status read_file(cloud_ledger *ledger, size_t index, segment_reader *reader) {
    char path[CLOUD_SEGMENT_PATH];
    TRIB_TRY(cloud_segment_path(ledger->folder, ledger->segments.firsts[index], path));
    TRIB_TRY(ledger->disk->open(ledger->disk, path, TRIB_OPEN_READ, &reader->walk.handle));
    reader->walk.offset = 0;
    trib_buffer_clear(&reader->walk.ahead);
    trib_status status = ledger->disk->size(ledger->disk, reader->walk.handle, &reader->walk.size);
    if (trib_ok(status)) {
        status = read_segment(reader);
    }
    ledger->disk->close(ledger->disk, reader->walk.handle);
    return status;
}

trib_status cloud_ledger_read(cloud_ledger *ledger, uint64_t from,
                              trib_status (*each)(void *context, const cloud_record *record),
                              void *context) {
    segment_reader reader = {.walk = {.disk = ledger->disk,
                                      .seed = ledger->seed,
                                      .payload = {.ceiling = CLOUD_LEDGER_MAX_RECORD}},
                             .from = from,
                             .each = each,
                             .context = context};
    trib_status status = TRIB_SUCCESS;
    for (size_t i = 0; trib_ok(status) && i < ledger->segments.count; i++) {
        bool last = i + 1 == ledger->segments.count;
        if (!last && ledger->segments.firsts[i + 1] <= from) {
            continue;
        }
        reader.end = ledger->segments.firsts[i] - 1;
        status = read_file(ledger, i, &reader);
        uint64_t next = last ? ledger->end + 1 : ledger->segments.firsts[i + 1];
        if (trib_ok(status) && reader.end + 1 < next) { /* a whole segment's end is gone */
            status =
                give(&reader, &(cloud_record){.position = reader.end + 1, .gap_end = next - 1});
        }
    }
    trib_buffer_deinit(&reader.walk.payload);
    trib_buffer_deinit(&reader.walk.ahead);
    return status;
}
