#include "cloud/archive/backup.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cloud/archive/models.h"
#include "cloud/archive/needed.h"
#include "cloud/archive/numbers.h"
#include "cloud/archive/segments.h"

enum { PATH_SIZE = 4096, BLOCK = 1 << 16, MODEL_BYTES = 1 << 30 };

/* What a backup is made of, copied beside the state first: the cloud goes on meanwhile. */
typedef struct working_copy {
    const cloud_place *place;
    char folder[PATH_SIZE];
    uint64_t first; /* of the copied segments: the newest one's */
    cloud_registry *registry;
    cloud_ledger *ledger;
} working_copy;

static trib_status forget_segment(void *context, const char *name) {
    working_copy *copy = context;
    char path[PATH_SIZE + 300];
    (void)snprintf(path, sizeof path, "%s/ledger/%.200s", copy->folder, name);
    return copy->place->disk->remove(copy->place->disk, path);
}

static void forget_copy(working_copy *copy) {
    static const char *const files[] = {"registry.db", "registry.db-wal", "registry.db-shm"};
    trib_disk *disk = copy->place->disk;
    char path[PATH_SIZE + 16];
    cloud_registry_close(copy->registry);
    cloud_ledger_close(copy->ledger);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", copy->folder, files[i]);
        trib_ignore(disk->remove(disk, path));
    }
    (void)snprintf(path, sizeof path, "%s/ledger", copy->folder);
    trib_ignore(disk->list(disk, path, forget_segment, copy));
    (void)rmdir(path);
    (void)rmdir(copy->folder);
}

static trib_status copy_bytes(trib_disk *disk, int from, int into) {
    TRIB_SCOPED(trib_free_scoped) uint8_t *block = trib_allocate(1, BLOCK);
    if (block == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a block");
    }
    uint64_t at = 0;
    for (size_t got = BLOCK; got == BLOCK; at += got) {
        TRIB_TRY(disk->read_at(disk, from, at, block, BLOCK, &got));
        TRIB_TRY(disk->append(disk, into, trib_bytes_of(block, got)));
    }
    return TRIB_SUCCESS;
}

static trib_status copy_file(trib_disk *disk, const char *from, const char *into) {
    int source, target;
    TRIB_TRY(disk->open(disk, from, TRIB_OPEN_READ, &source));
    trib_status status = disk->open(disk, into, TRIB_OPEN_APPEND, &target);
    if (trib_ok(status)) {
        status = copy_bytes(disk, source, target);
        disk->close(disk, target);
    }
    disk->close(disk, source);
    return status;
}

/* The segments with records after the view's position, the last as far as it goes by now. */
static trib_status copy_segments(working_copy *copy, const char *state, const uint64_t *firsts,
                                 size_t count, uint64_t position) {
    char from[PATH_SIZE + 64], into[PATH_SIZE + 64], name[CLOUD_SEGMENT_NAME];
    trib_disk *disk = copy->place->disk;
    (void)snprintf(into, sizeof into, "%s/ledger", copy->folder);
    TRIB_TRY(disk->make_folder(disk, into));
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && firsts[i + 1] <= position + 1) {
            continue;
        }
        cloud_segment_name(firsts[i], name);
        (void)snprintf(from, sizeof from, "%s/ledger/%s", state, name);
        (void)snprintf(into, sizeof into, "%s/ledger/%s", copy->folder, name);
        TRIB_TRY(copy_file(disk, from, into));
        copy->first = firsts[i];
    }
    return TRIB_SUCCESS;
}

/* The view first: whatever it has seen is in the ledger by then. */
static trib_status copy_state(working_copy *copy, const char *state, uint64_t seed,
                              uint64_t **ret_firsts, size_t *ret_count, uint64_t *ret_position) {
    char from[PATH_SIZE + 16], into[PATH_SIZE + 16];
    trib_disk *disk = copy->place->disk;
    TRIB_TRY(disk->make_folder(disk, copy->folder));
    (void)snprintf(from, sizeof from, "%s/registry.db", state);
    (void)snprintf(into, sizeof into, "%s/registry.db", copy->folder);
    TRIB_TRY(trib_database_copy(from, into));
    TRIB_TRY(cloud_registry_open(into, &copy->registry));
    TRIB_TRY(cloud_registry_position(copy->registry, ret_position));
    (void)snprintf(from, sizeof from, "%s/ledger", state);
    TRIB_TRY(cloud_ledger_list(disk, from, ret_firsts, ret_count));
    if (*ret_count == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "%s: no ledger yet: nothing to back up", state);
    }
    TRIB_TRY(copy_segments(copy, state, *ret_firsts, *ret_count, *ret_position));
    (void)snprintf(from, sizeof from, "%s/ledger", copy->folder);
    return cloud_ledger_open(disk, from, seed, &copy->ledger);
}

typedef struct object_pass {
    cloud_models models;
    uint64_t count;
} object_pass;

static trib_status put_object(void *context, const char *federation, const cloud_digest *digest) {
    object_pass *pass = context;
    (void)federation;
    TRIB_TRY(cloud_models_put_object(&pass->models, digest));
    pass->count++;
    return TRIB_SUCCESS;
}

static trib_status put_objects(const working_copy *copy, const char *state, uint64_t *ret_count) {
    char folder[PATH_SIZE + 16];
    TRIB_SCOPED(cloud_needed_deinit) cloud_needed needed = {.rows = {.ceiling = 0}};
    object_pass pass = {.models = {.place = copy->place, .file = {.ceiling = MODEL_BYTES}}};
    (void)snprintf(folder, sizeof folder, "%s/objects", state);
    TRIB_TRY(cloud_needed_collect(copy->registry, copy->ledger, &needed));
    trib_status status =
        cloud_object_files(copy->place->disk, copy->place->crypto, folder, &pass.models.store);
    if (trib_ok(status)) {
        status = cloud_needed_each(&needed, put_object, &pass);
    }
    cloud_models_deinit(&pass.models);
    *ret_count = pass.count;
    return status;
}

static trib_status put_part(const working_copy *copy, const char *backup, const char *file,
                            const char *path, json_t *card, const char *field) {
    char key[CLOUD_KEY_SIZE], hex[2 * TRIB_HASH_BYTES + 1];
    uint8_t sha256[TRIB_HASH_BYTES];
    uint64_t size = 0;
    trib_disk *disk = copy->place->disk;
    int handle;
    TRIB_TRY(disk->open(disk, path, TRIB_OPEN_READ, &handle));
    trib_status status = disk->size(disk, handle, &size);
    disk->close(disk, handle);
    TRIB_TRY(status);
    TRIB_TRY(cloud_place_key(copy->place, key, "backups/%s/%s", backup, file));
    TRIB_TRY(cloud_place_put_file(copy->place, key, path, size, sha256));
    trib_hex(trib_bytes_of(sha256, sizeof sha256), hex);
    return json_object_set_new(card, field, json_string(hex)) == 0
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_IO, "no memory for a card");
}

static trib_status put_all(working_copy *copy, const char *state, const cloud_backup *backup,
                           uint64_t first) {
    char name[CLOUD_SEGMENT_NAME], path[PATH_SIZE + 64], key[CLOUD_KEY_SIZE];
    uint64_t boot = 0, incarnation = 0;
    TRIB_TRY(cloud_number_find(copy->place->disk, state, "boot", &boot));
    TRIB_TRY(cloud_number_find(copy->place->disk, state, "incarnation", &incarnation));
    TRIB_SCOPED(cloud_card_release)
    json_t *card =
        json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "cloud", copy->place->id, "name",
                  backup->name, "position", (json_int_t)backup->position, "boot", (json_int_t)boot,
                  "incarnation", (json_int_t)incarnation, "first", (json_int_t)first, "tail",
                  (json_int_t)copy->first, "end", (json_int_t)cloud_ledger_end(copy->ledger));
    cloud_segment_name(copy->first, name);
    (void)snprintf(path, sizeof path, "%s/ledger/%s", copy->folder, name);
    TRIB_TRY(put_part(copy, backup->name, name, path, card, "tail_sha256"));
    cloud_registry_close(copy->registry); /* which folds its log in */
    copy->registry = NULL;
    (void)snprintf(path, sizeof path, "%s/registry.db", copy->folder);
    TRIB_TRY(put_part(copy, backup->name, "registry.db", path, card, "registry_sha256"));
    TRIB_TRY(cloud_place_key(copy->place, key, "backups/%s/backup.json", backup->name));
    return cloud_place_put_card(copy->place, key, CLOUD_BACKUP_PURPOSE, card);
}

static void name_backup(uint64_t now_ms, cloud_backup *backup) {
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm parts;
    char text[32] = "";
    if (gmtime_r(&now_s, &parts) != NULL) {
        (void)strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
    }
    (void)snprintf(backup->name, sizeof backup->name, "%s-%020" PRIu64, text, backup->position);
}

static trib_status make(working_copy *copy, const char *state, uint64_t seed, uint64_t now_ms,
                        cloud_backup *backup) {
    char folder[PATH_SIZE + 16];
    TRIB_SCOPED(trib_free_scoped) uint64_t *firsts = NULL;
    size_t count = 0;
    TRIB_TRY(copy_state(copy, state, seed, &firsts, &count, &backup->position));
    name_backup(now_ms, backup);
    backup->end = cloud_ledger_end(copy->ledger);
    TRIB_TRY(put_objects(copy, state, &backup->objects));
    (void)snprintf(folder, sizeof folder, "%s/ledger", state);
    for (size_t i = 0; i + 1 < count; i++) {
        TRIB_TRY(cloud_segment_put(copy->place, folder, firsts[i], firsts[i + 1]));
    }
    return put_all(copy, state, backup, firsts[0]);
}

trib_status cloud_backup_make(const cloud_place *place, const char *state, uint64_t seed,
                              uint64_t now_ms, cloud_backup *ret_backup) {
    working_copy copy = {.place = place};
    *ret_backup = (cloud_backup){.name = ""};
    int length = snprintf(copy.folder, sizeof copy.folder, "%s/backup.%ld", state, (long)getpid());
    if (length <= 0 || (size_t)length >= sizeof copy.folder - 64) {
        return TRIB_FAIL(TRIB_E_LIMIT, "%.200s: too long a path", state);
    }
    trib_status status = make(&copy, state, seed, now_ms, ret_backup);
    char why[600];
    (void)snprintf(why, sizeof why, "%s", trib_message());
    forget_copy(&copy);
    return trib_ok(status) ? status : TRIB_FAIL(status.code, "%s", why);
}

/* ---- those that there are ---- */

typedef struct name_pass {
    size_t prefix; /* bytes of a key before the name */
    trib_status (*each)(void *context, const char *name);
    void *context;
} name_pass;

static trib_status take_key(void *context, const cloud_object_info *info) {
    static const char last[] = "/backup.json";
    const name_pass *pass = context;
    char name[CLOUD_BACKUP_NAME];
    size_t length = strlen(info->key), end = sizeof last - 1;
    if (length <= pass->prefix + end || strcmp(info->key + length - end, last) != 0 ||
        length - pass->prefix - end >= sizeof name) {
        return TRIB_SUCCESS;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)(length - pass->prefix - end),
                   info->key + pass->prefix);
    return pass->each(pass->context, name);
}

trib_status cloud_backup_list(const cloud_place *place,
                              trib_status (*each)(void *context, const char *name), void *context) {
    char prefix[CLOUD_KEY_SIZE];
    TRIB_TRY(cloud_place_key(place, prefix, "backups/"));
    name_pass pass = {.prefix = strlen(prefix), .each = each, .context = context};
    return place->bucket->list(place->bucket, prefix, "", take_key, &pass);
}

static trib_status note_name(void *context, const char *name) {
    char fixed[CLOUD_BACKUP_NAME] = "";
    (void)snprintf(fixed, sizeof fixed, "%s", name);
    return trib_buffer_append(context, trib_bytes_of((const uint8_t *)fixed, sizeof fixed));
}

static trib_status remove_key(void *context, const cloud_object_info *info) {
    const cloud_place *place = context;
    return place->bucket->remove(place->bucket, info->key);
}

trib_status cloud_backup_expire(const cloud_place *place, size_t keep, size_t *ret_removed) {
    TRIB_SCOPED(trib_buffer_deinit)
    trib_buffer names = {.ceiling = (size_t)CLOUD_BACKUP_MOST_KEPT * CLOUD_BACKUP_NAME};
    *ret_removed = 0;
    TRIB_TRY(cloud_backup_list(place, note_name, &names));
    size_t count = names.size / CLOUD_BACKUP_NAME;
    for (size_t i = 0; i + keep < count; i++) {
        char key[CLOUD_KEY_SIZE];
        const char *name = (const char *)names.data + i * CLOUD_BACKUP_NAME;
        TRIB_TRY(cloud_place_key(place, key, "backups/%s/backup.json", name)); /* first */
        TRIB_TRY(place->bucket->remove(place->bucket, key));
        TRIB_TRY(cloud_place_key(place, key, "backups/%s/", name));
        TRIB_TRY(place->bucket->list(place->bucket, key, "", remove_key, (void *)(uintptr_t)place));
        (*ret_removed)++;
    }
    return TRIB_SUCCESS;
}
