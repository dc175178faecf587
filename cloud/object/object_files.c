#include <stdio.h>
#include <string.h>

#include "cloud/object/object_store.h"

enum { NAME_SIZE = 2 * TRIB_HASH_BYTES + 1, PATH_SIZE = 4096, REMEMBERED = 4 };

typedef struct file_store {
    cloud_object_store interface; /* first, so that a pointer to it is a pointer to the whole */
    trib_disk *disk;
    const trib_crypto *crypto;
    char *folder;
    cloud_digest durable[REMEMBERED]; /* that this store has made so, the newest over the oldest */
    size_t durable_count;
} file_store;

static trib_status path_of(const file_store *store, const cloud_digest *digest,
                           char ret_name[NAME_SIZE], char ret_path[PATH_SIZE]) {
    trib_hex(trib_bytes_of(digest->bytes, sizeof digest->bytes), ret_name);
    int length = snprintf(ret_path, PATH_SIZE, "%s/%s", store->folder, ret_name);
    return length > 0 && length < PATH_SIZE
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_LIMIT, "the object folder has too long a path");
}

static trib_status get(cloud_object_store *interface, const cloud_digest *digest,
                       trib_buffer *ret_content) {
    file_store *store = (file_store *)interface;
    char name[NAME_SIZE], path[PATH_SIZE];
    uint8_t found[TRIB_HASH_BYTES];
    size_t before = ret_content->size;
    TRIB_TRY(path_of(store, digest, name, path));
    TRIB_TRY(trib_disk_read(store->disk, path, ret_content));
    TRIB_TRY(store->crypto->sha256(
        trib_bytes_of(ret_content->data + before, ret_content->size - before), found));
    if (memcmp(found, digest->bytes, sizeof found) != 0) {
        ret_content->size = before;
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s: damaged: its digest no longer matches", path);
    }
    return TRIB_SUCCESS;
}

static bool is_durable(const file_store *store, const cloud_digest *digest) {
    for (size_t i = 0; i < REMEMBERED && i < store->durable_count; i++) {
        if (memcmp(store->durable[i].bytes, digest->bytes, sizeof digest->bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* What is there already is read before it is believed: a damaged file is put anew. Its name may be
 * there since a start before that did not come to sync it. */
static trib_status put(cloud_object_store *interface, trib_bytes content,
                       cloud_digest *ret_digest) {
    file_store *store = (file_store *)interface;
    char name[NAME_SIZE], path[PATH_SIZE];
    cloud_digest digest;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer there = {.ceiling = content.size};
    TRIB_TRY(store->crypto->sha256(content, digest.bytes));
    TRIB_TRY(path_of(store, &digest, name, path));
    if (!trib_ok(get(interface, &digest, &there))) {
        TRIB_TRY(trib_disk_replace(store->disk, store->folder, name, content));
    } else if (!is_durable(store, &digest)) {
        TRIB_TRY(store->disk->sync_folder(store->disk, store->folder));
    }
    store->durable[store->durable_count++ % REMEMBERED] = digest;
    *ret_digest = digest;
    return TRIB_SUCCESS;
}

static trib_status take_away(cloud_object_store *interface, const cloud_digest *digest) {
    file_store *store = (file_store *)interface;
    char name[NAME_SIZE], path[PATH_SIZE];
    TRIB_TRY(path_of(store, digest, name, path));
    return store->disk->remove(store->disk, path);
}

static void destroy(cloud_object_store *interface) {
    file_store *store = (file_store *)interface;
    if (store != NULL) {
        trib_free(store->folder);
        trib_free(store);
    }
}

trib_status cloud_object_files(trib_disk *disk, const trib_crypto *crypto, const char *folder,
                               cloud_object_store **ret_store) {
    TRIB_TRY(disk->make_folder(disk, folder));
    file_store *store = trib_allocate(1, sizeof *store);
    char *copy = trib_duplicate_text(folder);
    if (store == NULL || copy == NULL) {
        trib_free(store);
        trib_free(copy);
        return TRIB_FAIL(TRIB_E_IO, "no memory for an object store");
    }
    *store = (file_store){.interface = {put, get, take_away, destroy},
                          .disk = disk,
                          .crypto = crypto,
                          .folder = copy};
    *ret_store = &store->interface;
    return TRIB_SUCCESS;
}
