/* The backend `file`: a folder of plain files, named by their keys, that others may open as they
 * are. What does not fit into a file stands beside it, in .tributary/digests: of each key the
 * digests, sizes and times of the last two contents. It is written before the content gets its
 * name, so that a crash between the two leaves a content that is one of the two. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cloud/object/backends.h"
#include "cloud/object/files.h"
#include "cloud/object/sign.h"

enum { CHUNK = 1 << 20 };

static trib_status lock(const file_bucket *files, int *ret_lock) {
    *ret_lock = -1;
    if (!files->shared) {
        return TRIB_SUCCESS;
    }
    char path[FILES_PATH_SIZE];
    TRIB_TRY(files_path(files, ".tributary/lock", path));
    int handle = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (handle < 0 || flock(handle, LOCK_EX) != 0) {
        if (handle >= 0) {
            (void)close(handle);
        }
        return TRIB_FAIL(TRIB_E_IO, "file: %s cannot be locked (see folder)", path);
    }
    *ret_lock = handle;
    return TRIB_SUCCESS;
}

static void unlock(int handle) {
    if (handle >= 0) {
        (void)close(handle); /* which gives the lock back */
    }
}

/* Makes every folder above the file, durably: what a crash may have left of one is synced too. */
static trib_status make_folders(const file_bucket *files, char *path) {
    for (char *at = path + strlen(files->folder) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        char *above = strrchr(path, '/');
        trib_status status = files->disk->make_folder(files->disk, path);
        *above = '\0';
        if (trib_ok(status)) {
            status = files->disk->sync_folder(files->disk, path);
        }
        *above = '/';
        *at = '/';
        TRIB_TRY(status);
    }
    return TRIB_SUCCESS;
}

static trib_status sync_above(const file_bucket *files, char *path) {
    char *above = strrchr(path, '/');
    *above = '\0';
    trib_status status = files->disk->sync_folder(files->disk, path);
    *above = '/';
    return status;
}

static bool is_there(const file_bucket *files, const char *path) {
    int handle;
    bool there = trib_ok(files->disk->open(files->disk, path, TRIB_OPEN_READ, &handle));
    if (there) {
        files->disk->close(files->disk, handle);
    }
    return there;
}

/* ---- put ---- */

static trib_status copy_body(const file_bucket *files, const cloud_body *body, int handle,
                             uint8_t ret_sha256[TRIB_HASH_BYTES]) {
    const trib_crypto *crypto = trib_crypto_host();
    TRIB_SCOPED(trib_free_scoped) uint8_t *chunk = trib_allocate(1, CHUNK);
    TRIB_SCOPED(cloud_hash_drop) trib_hash hash = {.state = {.context = NULL}};
    if (chunk == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a put");
    }
    TRIB_TRY(crypto->hash_init(&hash));
    for (uint64_t at = 0; at < body->size;) {
        size_t size = body->size - at < CHUNK ? (size_t)(body->size - at) : CHUNK;
        TRIB_TRY(body->read(body->context, at, chunk, size));
        TRIB_TRY(crypto->hash_update(&hash, trib_bytes_of(chunk, size)));
        TRIB_TRY(files->disk->append(files->disk, handle, trib_bytes_of(chunk, size)));
        at += size;
    }
    return crypto->hash_finish(&hash, ret_sha256);
}

static trib_status write_fresh(const file_bucket *files, const cloud_body *body, const char *path,
                               uint8_t ret_sha256[TRIB_HASH_BYTES]) {
    int handle;
    TRIB_TRY(files->disk->open(files->disk, path, TRIB_OPEN_APPEND, &handle));
    trib_status status = copy_body(files, body, handle, ret_sha256);
    if (trib_ok(status)) {
        status = files->disk->sync(files->disk, handle);
    }
    files->disk->close(files->disk, handle);
    return status;
}

static trib_status publish(const file_bucket *files, const char *key, const char *fresh,
                           const file_state *state, bool if_absent) {
    char path[FILES_PATH_SIZE];
    TRIB_TRY(files_object_path(files, key, path));
    if (if_absent && is_there(files, path) && !files_is_folder(files, path)) {
        return TRIB_FAIL(TRIB_E_STATE, "it is there already");
    }
    TRIB_TRY(make_folders(files, path));
    TRIB_TRY(files_note_add(files, key, state));
    TRIB_TRY(files->disk->rename(files->disk, fresh, path));
    return sync_above(files, path);
}

static trib_status put_locked(const file_bucket *files, const char *key, const char *fresh,
                              const file_state *state, bool if_absent) {
    int held;
    TRIB_TRY(lock(files, &held));
    trib_status status = publish(files, key, fresh, state, if_absent);
    unlock(held);
    return status;
}

static trib_status fresh_path(const file_bucket *files, uint64_t now,
                              char ret_path[FILES_PATH_SIZE]) {
    uint8_t random[16];
    char hex[2 * sizeof random + 1], name[128];
    TRIB_TRY(trib_crypto_host()->random(random, sizeof random));
    trib_hex(trib_bytes_of(random, sizeof random), hex);
    (void)snprintf(name, sizeof name, ".tributary/parts/%llu-%s", (unsigned long long)now, hex);
    return files_path(files, name, ret_path);
}

static trib_status put(cloud_bucket *bucket, const char *key, const cloud_body *body,
                       const cloud_put_options *options) {
    const file_bucket *files = (const file_bucket *)bucket;
    char fresh[FILES_PATH_SIZE];
    file_state state = {.size = body->size, .modified_ms = trib_wall_ms(files->clock)};
    bool if_absent = options != NULL && options->if_absent;
    TRIB_TRY(cloud_bucket_key_check(key));
    TRIB_TRY(fresh_path(files, state.modified_ms, fresh));
    trib_status status = write_fresh(files, body, fresh, state.sha256);
    if (trib_ok(status) && body->sha256 != NULL &&
        memcmp(body->sha256, state.sha256, TRIB_HASH_BYTES) != 0) {
        status = TRIB_FAIL(TRIB_E_CORRUPT, "the body's bytes are not those of its SHA-256");
    }
    if (trib_ok(status)) {
        status = put_locked(files, key, fresh, &state, if_absent);
    }
    if (!trib_ok(status)) {
        char message[1024]; /* removing must not hide why */
        (void)snprintf(message, sizeof message, "%s", trib_message());
        trib_ignore(files->disk->remove(files->disk, fresh));
        return TRIB_FAIL(status.code, "file: key '%.300s': %s (see folder)", key, message);
    }
    return status;
}

/* ---- get ---- */

static trib_status copy_out(const file_bucket *files, int handle, const cloud_sink *sink,
                            file_state *ret_state) {
    const trib_crypto *crypto = trib_crypto_host();
    TRIB_SCOPED(trib_free_scoped) uint8_t *chunk = trib_allocate(1, CHUNK);
    TRIB_SCOPED(cloud_hash_drop) trib_hash hash = {.state = {.context = NULL}};
    if (chunk == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a get");
    }
    TRIB_TRY(crypto->hash_init(&hash));
    for (size_t got = CHUNK; got == CHUNK; ret_state->size += got) {
        TRIB_TRY(files->disk->read_at(files->disk, handle, ret_state->size, chunk, CHUNK, &got));
        if (got > 0) {
            TRIB_TRY(crypto->hash_update(&hash, trib_bytes_of(chunk, got)));
            TRIB_TRY(sink->write(sink->context, trib_bytes_of(chunk, got)));
        }
    }
    return crypto->hash_finish(&hash, ret_state->sha256);
}

static trib_status get(cloud_bucket *bucket, const char *key, const cloud_sink *sink) {
    const file_bucket *files = (const file_bucket *)bucket;
    file_note note;
    file_state found = {.size = 0};
    int handle;
    TRIB_TRY(cloud_bucket_key_check(key));
    TRIB_TRY(trib_context(files_open(files, key, &note, &handle), "file: key '%.300s'", key));
    trib_status status = copy_out(files, handle, sink, &found);
    files->disk->close(files->disk, handle);
    TRIB_TRY(trib_context(status, "file: key '%.300s'", key));
    if (note.count > 0 && files_note_find(&note, &found) == NULL) {
        return TRIB_FAIL(TRIB_E_CORRUPT,
                         "file: key '%.300s' is damaged: its bytes are not those of its SHA-256 "
                         "(put it anew)",
                         key);
    }
    return TRIB_SUCCESS;
}

/* Without reading the content: of two states of one size the newer is believed, as a listing is. */
static trib_status head(cloud_bucket *bucket, const char *key, cloud_object_info *ret_info) {
    const file_bucket *files = (const file_bucket *)bucket;
    TRIB_TRY(cloud_bucket_key_check(key));
    return trib_context(files_info(files, key, ret_info), "file: key '%.300s'", key);
}

/* ---- the others ---- */

static trib_status remove_locked(const file_bucket *files, const char *key) {
    char path[FILES_PATH_SIZE];
    TRIB_TRY(files_object_path(files, key, path));
    if (!is_there(files, path) || files_is_folder(files, path)) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(files->disk->remove(files->disk, path));
    TRIB_TRY(sync_above(files, path));
    return files_note_remove(files, key);
}

static trib_status take_away(cloud_bucket *bucket, const char *key) {
    const file_bucket *files = (const file_bucket *)bucket;
    int held;
    TRIB_TRY(cloud_bucket_key_check(key));
    TRIB_TRY(lock(files, &held));
    trib_status status = remove_locked(files, key);
    unlock(held);
    return trib_context(status, "file: key '%.300s'", key);
}

typedef struct sweeping {
    const file_bucket *files;
    uint64_t before_ms;
} sweeping;

static trib_status sweep_one(void *context, const char *name) {
    const sweeping *s = context;
    char relative[512], path[FILES_PATH_SIZE];
    if (strtoull(name, NULL, 10) > s->before_ms || strlen(name) > 255) {
        return TRIB_SUCCESS;
    }
    (void)snprintf(relative, sizeof relative, ".tributary/parts/%s", name);
    TRIB_TRY(files_path(s->files, relative, path));
    return s->files->disk->remove(s->files->disk, path);
}

static trib_status sweep(cloud_bucket *bucket, uint64_t older_ms) {
    const file_bucket *files = (const file_bucket *)bucket;
    uint64_t now = trib_wall_ms(files->clock);
    sweeping s = {files, now > older_ms ? now - older_ms : 0};
    char path[FILES_PATH_SIZE];
    TRIB_TRY(files_path(files, ".tributary/parts", path));
    return files->disk->list(files->disk, path, sweep_one, &s);
}

static void destroy(cloud_bucket *bucket) {
    if (bucket != NULL) {
        trib_free(((file_bucket *)bucket)->folder);
        trib_free(bucket);
    }
}

/* The folder's own name is durable too. */
static trib_status sync_around(const file_bucket *files) {
    char around[FILES_FOLDER_SIZE];
    (void)snprintf(around, sizeof around, "%s", files->folder);
    size_t size = strlen(around);
    while (size > 1 && around[size - 1] == '/') {
        around[--size] = '\0';
    }
    char *end = strrchr(around, '/');
    if (end == NULL) {
        return files->disk->sync_folder(files->disk, ".");
    }
    end[end == around ? 1 : 0] = '\0';
    return files->disk->sync_folder(files->disk, around);
}

static trib_status prepare(const file_bucket *files) {
    static const char *const folders[] = {".tributary", ".tributary/parts", ".tributary/digests"};
    TRIB_TRY(files->disk->make_folder(files->disk, files->folder));
    TRIB_TRY(sync_around(files));
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[FILES_PATH_SIZE];
        TRIB_TRY(files_path(files, folders[i], path));
        TRIB_TRY(files->disk->make_folder(files->disk, path));
        TRIB_TRY(sync_above(files, path));
    }
    return TRIB_SUCCESS;
}

trib_status cloud_bucket_files(const cloud_files_config *config, cloud_bucket **ret_bucket) {
    if (config->folder == NULL || config->folder[0] == '\0' ||
        strlen(config->folder) >= FILES_FOLDER_SIZE) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "file: folder is missing or longer than %d bytes",
                         FILES_FOLDER_SIZE - 1);
    }
    file_bucket *files = trib_allocate(1, sizeof *files);
    char *folder = trib_duplicate_text(config->folder);
    if (files == NULL || folder == NULL) {
        trib_free(files);
        trib_free(folder);
        return TRIB_FAIL(TRIB_E_IO, "no memory for a bucket");
    }
    *files =
        (file_bucket){.interface = {"file", put, get, head, files_list, take_away, sweep, destroy},
                      .disk = config->disk,
                      .clock = config->clock,
                      .folder = folder,
                      .shared = config->shared};
    trib_status status = prepare(files);
    if (!trib_ok(status)) {
        destroy(&files->interface);
        return trib_context(status, "file: folder");
    }
    *ret_bucket = &files->interface;
    return TRIB_SUCCESS;
}
