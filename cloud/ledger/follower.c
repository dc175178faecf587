#include "cloud/ledger/follower.h"

#include <string.h>

#include "cloud/ledger/segment.h"

enum { LIST_TRIES = 8 /* a segment may be removed between the listing and its opening */ };

struct cloud_follower {
    cloud_segment_walk walk; /* handle -1: none is open */
    char *folder;
    uint64_t first; /* of the open segment */
    uint64_t next;  /* position */
};

/* Which of the folder's segments holds a position, or comes first behind it. */
typedef struct segment_search {
    uint64_t position;
    uint64_t beyond;          /* only segments that begin after this */
    uint64_t holding, behind; /* 0: none */
} segment_search;

static trib_status weigh_segment(void *context, const char *name) {
    segment_search *search = context;
    uint64_t first = cloud_segment_first(name);
    if (first == 0 || first <= search->beyond) {
        return TRIB_SUCCESS;
    }
    if (first <= search->position) {
        search->holding = first > search->holding ? first : search->holding;
    } else if (search->behind == 0 || first < search->behind) {
        search->behind = first;
    }
    return TRIB_SUCCESS;
}

static void close_segment(cloud_follower *follower) {
    if (follower->walk.handle >= 0) {
        follower->walk.disk->close(follower->walk.disk, follower->walk.handle);
        follower->walk.handle = -1;
        trib_buffer_clear(&follower->walk.ahead);
    }
}

/* `beyond`: the segment that ended before `next` came; 0 at first. TRIB_E_NOT_FOUND if there is
 * none. */
static trib_status open_segment(cloud_follower *follower, uint64_t beyond) {
    trib_disk *disk = follower->walk.disk;
    segment_search search = {.position = follower->next, .beyond = beyond};
    char path[CLOUD_SEGMENT_PATH];
    uint64_t first = 0;
    trib_status status = {TRIB_E_NOT_FOUND};
    for (int tries = 0; status.code == TRIB_E_NOT_FOUND && tries < LIST_TRIES; tries++) {
        search.holding = search.behind = 0;
        TRIB_TRY(disk->list(disk, follower->folder, weigh_segment, &search));
        first = search.holding != 0 ? search.holding : search.behind;
        if (first == 0) {
            return TRIB_FAIL(TRIB_E_NOT_FOUND, "no segment from position %llu on",
                             (unsigned long long)follower->next);
        }
        close_segment(follower);
        TRIB_TRY(cloud_segment_path(follower->folder, first, path));
        status = disk->open(disk, path, TRIB_OPEN_READ, &follower->walk.handle);
    }
    TRIB_TRY(status.code == TRIB_E_NOT_FOUND
                 ? TRIB_FAIL(TRIB_E_RETRY, "%s: segments go as they are looked for", path)
                 : status);
    follower->first = first;
    follower->walk.offset = 0;
    return disk->size(disk, follower->walk.handle, &follower->walk.size);
}

trib_status cloud_follower_create(trib_disk *disk, const char *folder, uint64_t seed, uint64_t from,
                                  cloud_follower **ret_follower) {
    cloud_follower *follower = trib_allocate(1, sizeof *follower);
    char *copy = trib_duplicate_text(folder);
    if (follower == NULL || copy == NULL) {
        trib_free(follower);
        trib_free(copy);
        return TRIB_FAIL(TRIB_E_IO, "no memory to follow %s", folder);
    }
    *follower = (cloud_follower){.walk = {.disk = disk,
                                          .seed = seed,
                                          .handle = -1,
                                          .payload = {.ceiling = CLOUD_LEDGER_MAX_RECORD}},
                                 .folder = copy,
                                 .next = from};
    *ret_follower = follower;
    return TRIB_SUCCESS;
}

void cloud_follower_destroy(cloud_follower *follower) {
    if (follower != NULL) {
        close_segment(follower);
        trib_buffer_deinit(&follower->walk.payload);
        trib_buffer_deinit(&follower->walk.ahead);
        trib_free(follower->folder);
        trib_free(follower);
    }
}

void cloud_follower_seek(cloud_follower *follower, uint64_t position) {
    close_segment(follower);
    follower->next = position;
}

/* The next good record of the open segment. TRIB_E_NOT_FOUND where the segment has none, or none
 * yet. What looks damaged may have been half written when its size was looked at. */
static trib_status next_good(cloud_follower *follower, cloud_segment_header *ret_header) {
    cloud_segment_walk *walk = &follower->walk;
    trib_status status = cloud_segment_next(walk, ret_header);
    if (status.code == TRIB_E_NOT_FOUND || status.code == TRIB_E_CORRUPT) {
        TRIB_TRY(walk->disk->size(walk->disk, walk->handle, &walk->size));
        status = cloud_segment_next(walk, ret_header);
    }
    if (status.code == TRIB_E_CORRUPT) {
        TRIB_TRY(cloud_segment_resume(walk));
        status = cloud_segment_next(walk, ret_header);
    }
    return status;
}

/* A record of the open segment, or TRIB_E_NOT_FOUND at its end. */
static trib_status read_on(cloud_follower *follower, uint64_t through, cloud_record *ret_record) {
    cloud_segment_header header;
    for (;;) {
        uint64_t before = follower->walk.offset;
        TRIB_TRY(next_good(follower, &header));
        if (header.position < follower->next) {
            continue;
        }
        if (header.position > follower->next) { /* read again once the gap has been told */
            uint64_t last = header.position - 1 < through ? header.position - 1 : through;
            follower->walk.offset = before;
            *ret_record = (cloud_record){.position = follower->next, .gap_end = last};
            follower->next = last + 1;
            return TRIB_SUCCESS;
        }
        *ret_record = (cloud_record){.position = header.position,
                                     .type = header.type,
                                     .payload = trib_buffer_view(&follower->walk.payload)};
        follower->next++;
        return TRIB_SUCCESS;
    }
}

trib_status cloud_follower_next(cloud_follower *follower, uint64_t through,
                                cloud_record *ret_record) {
    if (follower->next > through) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "nothing more up to position %llu",
                         (unsigned long long)through);
    }
    if (follower->walk.handle < 0) {
        trib_status status = open_segment(follower, 0);
        if (status.code == TRIB_E_NOT_FOUND) { /* all of it was removed */
            *ret_record = (cloud_record){.position = follower->next, .gap_end = through};
            follower->next = through + 1;
            return TRIB_SUCCESS;
        }
        TRIB_TRY(status);
    }
    for (bool reopened = false;;) {
        trib_status status = read_on(follower, through, ret_record);
        if (status.code != TRIB_E_NOT_FOUND) {
            return status;
        }
        status = open_segment(follower, follower->first);
        if (status.code == TRIB_E_NOT_FOUND && !reopened) { /* it may have been written anew */
            reopened = true;
            status = open_segment(follower, 0);
        }
        if (status.code == TRIB_E_NOT_FOUND) { /* what was durable is gone: its end is damaged */
            *ret_record = (cloud_record){.position = follower->next, .gap_end = through};
            follower->next = through + 1;
            return TRIB_SUCCESS;
        }
        TRIB_TRY(status);
    }
}
