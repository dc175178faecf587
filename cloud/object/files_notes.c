#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/object/files.h"
#include "cloud/object/sign.h"

enum { NAME_SIZE = 2 * TRIB_HASH_BYTES + 1, NOTE_CEILING = 512, TRIES = 100 };

/* .tributary/digests/ab/<the rest of the key's SHA-256> */
static trib_status note_path(const file_bucket *files, const char *key,
                             char ret_folder[FILES_PATH_SIZE], char ret_name[NAME_SIZE]) {
    uint8_t digest[TRIB_HASH_BYTES];
    char relative[64];
    TRIB_TRY(trib_crypto_host()->sha256(trib_bytes_text(key), digest));
    trib_hex(trib_bytes_of(digest, sizeof digest), ret_name);
    (void)snprintf(relative, sizeof relative, ".tributary/digests/%.2s", ret_name);
    return files_path(files, relative, ret_folder);
}

static trib_status note_full_path(const file_bucket *files, const char *key,
                                  char ret_path[FILES_PATH_SIZE]) {
    char name[NAME_SIZE];
    TRIB_TRY(note_path(files, key, ret_path, name));
    size_t size = strlen(ret_path);
    int length = snprintf(ret_path + size, FILES_PATH_SIZE - size, "/%s", name);
    return length > 0 && (size_t)length < FILES_PATH_SIZE - size
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_LIMIT, "the path of a digest is too long (see folder)");
}

/* A line: digest, size, time; NULL if it is none. */
static const char *line_read(const char *line, file_state *ret_state) {
    char hex[NAME_SIZE], *end = NULL;
    if (strnlen(line, NAME_SIZE) < NAME_SIZE || line[NAME_SIZE - 1] != ' ') {
        return NULL;
    }
    memcpy(hex, line, NAME_SIZE - 1);
    hex[NAME_SIZE - 1] = '\0';
    ret_state->size = strtoull(line + NAME_SIZE, &end, 10);
    if (*end != ' ') {
        return NULL;
    }
    ret_state->modified_ms = strtoull(end + 1, &end, 10);
    return *end == '\n' && trib_ok(trib_unhex(hex, ret_state->sha256, TRIB_HASH_BYTES)) ? end + 1
                                                                                        : NULL;
}

trib_status files_note_read(const file_bucket *files, const char *key, file_note *ret_note) {
    char path[FILES_PATH_SIZE];
    file_note note = {.count = 0};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = NOTE_CEILING};
    TRIB_TRY(note_full_path(files, key, path));
    trib_status status = trib_disk_read(files->disk, path, &text);
    if (status.code == TRIB_E_NOT_FOUND) {
        *ret_note = note;
        return TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    TRIB_TRY(trib_buffer_append(&text, trib_bytes_of("", 1)));
    const char *at = (const char *)text.data;
    while (at != NULL && *at != '\0' && note.count < FILES_STATES) {
        at = line_read(at, &note.states[note.count++]);
    }
    if (at == NULL || *at != '\0') {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s is damaged: put the object anew", path);
    }
    *ret_note = note;
    return TRIB_SUCCESS;
}

const file_state *files_note_find(const file_note *note, const file_state *state) {
    for (size_t i = 0; i < note->count; i++) {
        if (note->states[i].size == state->size &&
            memcmp(note->states[i].sha256, state->sha256, TRIB_HASH_BYTES) == 0) {
            return &note->states[i];
        }
    }
    return NULL;
}

typedef struct opened {
    const file_bucket *files;
    int handle;
} opened;

static trib_status read_opened(void *context, uint64_t offset, uint8_t *ret_bytes, size_t room,
                               size_t *ret_size) {
    const opened *o = context;
    return o->files->disk->read_at(o->files->disk, o->handle, offset, ret_bytes, room, ret_size);
}

trib_status files_digest(const file_bucket *files, int handle, file_state *ret_state) {
    opened o = {files, handle};
    return cloud_digest_all(&(cloud_digest_source){read_opened, &o}, ret_state->sha256,
                            &ret_state->size);
}

/* Of two states of a note the one that the content has now; of a content without a note its own. */
static trib_status current(const file_bucket *files, const char *key, file_note *ret_note) {
    file_note note;
    file_state found = {.size = 0};
    int handle;
    trib_status status = files_open(files, key, &note, &handle);
    if (status.code == TRIB_E_NOT_FOUND) {
        *ret_note = (file_note){.count = 0};
        return TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    if (note.count != 1) {
        status = files_digest(files, handle, &found);
    }
    files->disk->close(files->disk, handle);
    TRIB_TRY(status);
    const file_state *known = note.count == 1 ? &note.states[0] : files_note_find(&note, &found);
    *ret_note = (file_note){.states = {known != NULL ? *known : found}, .count = 1};
    return TRIB_SUCCESS;
}

trib_status files_note_add(const file_bucket *files, const char *key, const file_state *state) {
    char folder[FILES_PATH_SIZE], name[NAME_SIZE], hex[NAME_SIZE];
    file_note note;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = NOTE_CEILING};
    TRIB_TRY(note_path(files, key, folder, name));
    trib_status status = current(files, key, &note);
    if (status.code == TRIB_E_CORRUPT) {
        note.count = 0; /* a damaged note: putting anew is what mends it */
        status = TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    const file_state *const states[FILES_STATES] = {state, &note.states[0]};
    for (size_t i = 0; i <= note.count && i < FILES_STATES; i++) {
        trib_hex(trib_bytes_of(states[i]->sha256, TRIB_HASH_BYTES), hex);
        TRIB_TRY(trib_buffer_print(&text, "%s %" PRIu64 " %" PRIu64 "\n", hex, states[i]->size,
                                   states[i]->modified_ms));
    }
    TRIB_TRY(files->disk->make_folder(files->disk, folder));
    char above[FILES_PATH_SIZE];
    TRIB_TRY(files_path(files, ".tributary/digests", above));
    TRIB_TRY(files->disk->sync_folder(files->disk, above));
    return trib_disk_replace(files->disk, folder, name, trib_buffer_view(&text));
}

trib_status files_note_remove(const file_bucket *files, const char *key) {
    char path[FILES_PATH_SIZE];
    TRIB_TRY(note_full_path(files, key, path));
    return files->disk->remove(files->disk, path);
}

/* A folder is no object; nor is anything below an object. */
static trib_status open_object(const file_bucket *files, const char *key, int *ret_handle) {
    char path[FILES_PATH_SIZE];
    TRIB_TRY(files_object_path(files, key, path));
    if (files_is_folder(files, path)) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "no such object, but others below it");
    }
    trib_status status = files->disk->open(files->disk, path, TRIB_OPEN_READ, ret_handle);
    if (trib_ok(status) || status.code == TRIB_E_NOT_FOUND) {
        return status;
    }
    char message[1024];
    (void)snprintf(message, sizeof message, "%s", trib_message());
    for (char *at = strrchr(path, '/'); at != NULL && (size_t)(at - path) > strlen(files->folder);
         at = strrchr(path, '/')) {
        int above;
        *at = '\0';
        if (!files_is_folder(files, path) &&
            trib_ok(files->disk->open(files->disk, path, TRIB_OPEN_READ, &above))) {
            files->disk->close(files->disk, above);
            return TRIB_FAIL(TRIB_E_NOT_FOUND, "no such object, but one above it");
        }
    }
    return TRIB_FAIL(status.code, "%s", message);
}

static bool same(const file_note *a, const file_note *b) {
    return a->count == b->count &&
           (a->count == 0 || files_note_find(b, &a->states[0]) == &b->states[0]);
}

/* A writer notes first and renames then: a note that stayed as it was knows what was opened. */
trib_status files_open(const file_bucket *files, const char *key, file_note *ret_note,
                       int *ret_handle) {
    for (int i = 0; i < TRIES; i++) {
        file_note before, after;
        int handle;
        TRIB_TRY(files_note_read(files, key, &before));
        TRIB_TRY(open_object(files, key, &handle));
        trib_status status = files_note_read(files, key, &after);
        if (trib_ok(status) && same(&before, &after)) {
            *ret_note = after;
            *ret_handle = handle;
            return TRIB_SUCCESS;
        }
        files->disk->close(files->disk, handle);
        TRIB_TRY(status);
    }
    return TRIB_FAIL(TRIB_E_RETRY, "it is replaced all the time: try again");
}

static trib_status size_and_time(const file_bucket *files, int handle, const file_note *note,
                                 cloud_object_info *ret_info) {
    TRIB_TRY(files->disk->size(files->disk, handle, &ret_info->size));
    for (size_t i = note->count; i-- > 0;) {
        if (note->states[i].size == ret_info->size) {
            ret_info->modified_ms = note->states[i].modified_ms;
        }
    }
    return TRIB_SUCCESS;
}

static trib_status digest_told(const file_bucket *files, int handle, const file_note *note,
                               cloud_object_info *ret_info) {
    file_state found = {.size = 0};
    const file_state *known = note->count == 1 ? &note->states[0] : NULL;
    if (note->count > 1) { /* which of them it is only the content knows */
        TRIB_TRY(files_digest(files, handle, &found));
        known = files_note_find(note, &found);
    }
    if (known != NULL) {
        ret_info->has_sha256 = true;
        memcpy(ret_info->sha256, known->sha256, TRIB_HASH_BYTES);
        ret_info->modified_ms = known->modified_ms;
    }
    return TRIB_SUCCESS;
}

static trib_status info_of(const file_bucket *files, const char *key, bool digest,
                           cloud_object_info *ret_info) {
    file_note note;
    int handle;
    cloud_object_info info = {.size = 0};
    (void)snprintf(info.key, sizeof info.key, "%s", key);
    TRIB_TRY(files_open(files, key, &note, &handle));
    trib_status status = size_and_time(files, handle, &note, &info);
    if (trib_ok(status) && digest) {
        status = digest_told(files, handle, &note, &info);
    }
    files->disk->close(files->disk, handle);
    TRIB_TRY(status);
    *ret_info = info;
    return TRIB_SUCCESS;
}

trib_status files_info(const file_bucket *files, const char *key, cloud_object_info *ret_info) {
    return info_of(files, key, true, ret_info);
}

trib_status files_info_listed(const file_bucket *files, const char *key,
                              cloud_object_info *ret_info) {
    return info_of(files, key, false, ret_info);
}
