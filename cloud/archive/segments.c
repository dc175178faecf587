#include "cloud/archive/segments.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cloud/ledger/ledger.h"

static const char purpose[] = "ledger-segment";

enum { PATH_SIZE = 4096 };

static trib_status size_of(trib_disk *disk, const char *path, uint64_t *ret_size) {
    int handle;
    TRIB_TRY(disk->open(disk, path, TRIB_OPEN_READ, &handle));
    trib_status status = disk->size(disk, handle, ret_size);
    disk->close(disk, handle);
    return status;
}

/* By its card; what differs is found out when it is put. */
static bool is_there(const cloud_place *place, uint64_t first, uint64_t next, uint64_t size) {
    char key[CLOUD_KEY_SIZE];
    TRIB_SCOPED(cloud_card_release) json_t *card = NULL;
    return trib_ok(cloud_place_key(place, key, "ledger/%020" PRIu64 ".json", first)) &&
           trib_ok(cloud_place_get_card(place, key, purpose, &card)) &&
           json_integer_value(json_object_get(card, "next")) == (json_int_t)next &&
           json_integer_value(json_object_get(card, "size")) == (json_int_t)size;
}

trib_status cloud_segment_put(const cloud_place *place, const char *folder, uint64_t first,
                              uint64_t next) {
    char name[CLOUD_SEGMENT_NAME], path[PATH_SIZE], key[CLOUD_KEY_SIZE];
    uint8_t sha256[TRIB_HASH_BYTES];
    char hex[2 * TRIB_HASH_BYTES + 1];
    uint64_t size = 0;
    cloud_segment_name(first, name);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    TRIB_TRY(size_of(place->disk, path, &size));
    if (is_there(place, first, next, size)) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(cloud_place_key(place, key, "ledger/%s", name));
    TRIB_TRY(cloud_place_put_file(place, key, path, size, sha256));
    trib_hex(trib_bytes_of(sha256, sizeof sha256), hex);
    TRIB_SCOPED(cloud_card_release)
    json_t *card =
        json_pack("{s:s,s:I,s:I,s:I,s:s}", "cloud", place->id, "first", (json_int_t)first, "next",
                  (json_int_t)next, "size", (json_int_t)size, "sha256", hex);
    TRIB_TRY(cloud_place_key(place, key, "ledger/%020" PRIu64 ".json", first));
    return cloud_place_put_card(place, key, purpose, card);
}

typedef struct fetch {
    const cloud_place *place;
    const char *folder;
    uint64_t from, until, next;
    bool begun;
} fetch;

static trib_status fetch_one(fetch *at, const json_t *card, uint64_t first) {
    char name[CLOUD_SEGMENT_NAME], path[PATH_SIZE], key[CLOUD_KEY_SIZE];
    uint8_t sha256[TRIB_HASH_BYTES];
    uint64_t size = 0, expected = (uint64_t)json_integer_value(json_object_get(card, "size"));
    trib_disk *disk = at->place->disk;
    cloud_segment_name(first, name);
    (void)snprintf(path, sizeof path, "%s/%s", at->folder, name);
    if (trib_ok(size_of(disk, path, &size)) && size == expected) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(cloud_card_digest(card, "sha256", sha256));
    TRIB_TRY(cloud_place_key(at->place, key, "ledger/%s", name));
    return cloud_place_get_file(at->place, key, at->folder, name, sha256);
}

static trib_status take_card(void *context, const cloud_object_info *info) {
    fetch *at = context;
    TRIB_SCOPED(cloud_card_release) json_t *card = NULL;
    size_t length = strlen(info->key);
    if (length < 5 || strcmp(info->key + length - 5, ".json") != 0) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(cloud_place_get_card(at->place, info->key, purpose, &card));
    uint64_t first = (uint64_t)json_integer_value(json_object_get(card, "first"));
    uint64_t next = (uint64_t)json_integer_value(json_object_get(card, "next"));
    if (first == 0 || next <= first) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s: records %" PRIu64 " to %" PRIu64, info->key, first,
                         next);
    }
    if (next <= at->from || first >= at->until) {
        return TRIB_SUCCESS;
    }
    if (at->begun ? first != at->next : first > at->from) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND,
                         "the bucket lacks records %" PRIu64 " to %" PRIu64 " of the ledger",
                         at->begun ? at->next : at->from, first - 1);
    }
    TRIB_TRY(fetch_one(at, card, first));
    at->begun = true;
    at->next = next;
    return TRIB_SUCCESS;
}

trib_status cloud_segments_fetch(const cloud_place *place, const char *folder, uint64_t from,
                                 uint64_t until, uint64_t *ret_next) {
    char prefix[CLOUD_KEY_SIZE];
    fetch at = {.place = place, .folder = folder, .from = from, .until = until, .next = from};
    TRIB_TRY(cloud_place_key(place, prefix, "ledger/"));
    TRIB_TRY(place->bucket->list(place->bucket, prefix, "", take_card, &at));
    *ret_next = at.next;
    return TRIB_SUCCESS;
}
