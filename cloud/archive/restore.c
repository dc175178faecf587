#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/archive/backup.h"
#include "cloud/archive/models.h"
#include "cloud/archive/needed.h"
#include "cloud/archive/numbers.h"
#include "cloud/archive/segments.h"

enum {
    PATH_SIZE = 4096,
    CLAIMS = 64,
    /* Above every number that the lost cloud can have come to since the backup: starts raise the
     * one, gaps in the ledger the other. */
    BOOTS = 1 << 20,
    INCARNATIONS = 256
};

static uint64_t number_of(const json_t *card, const char *name) {
    json_int_t number = json_integer_value(json_object_get(card, name));
    return number > 0 ? (uint64_t)number : 0;
}

static trib_status keep_newest(void *context, const char *name) {
    (void)snprintf(context, CLOUD_BACKUP_NAME, "%s", name);
    return TRIB_SUCCESS;
}

static trib_status find_backup(const cloud_place *place, const char *name, cloud_backup *backup,
                               json_t **ret_card) {
    char key[CLOUD_KEY_SIZE];
    if (name != NULL) {
        (void)snprintf(backup->name, sizeof backup->name, "%s", name);
    } else {
        TRIB_TRY(cloud_backup_list(place, keep_newest, backup->name));
    }
    if (backup->name[0] == '\0') {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "the bucket has no backup of cloud %s", place->id);
    }
    TRIB_TRY(cloud_place_key(place, key, "backups/%s/backup.json", backup->name));
    TRIB_TRY(cloud_place_get_card(place, key, CLOUD_BACKUP_PURPOSE, ret_card));
    const char *said = json_string_value(json_object_get(*ret_card, "name"));
    return said != NULL && strcmp(said, backup->name) == 0
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_CORRUPT, "%s: the card of another backup", key);
}

/* ---- its parts ---- */

static trib_status fetch_part(const cloud_place *place, const cloud_backup *backup,
                              const json_t *card, const char *field, const char *file,
                              const char *folder) {
    char key[CLOUD_KEY_SIZE];
    uint8_t sha256[TRIB_HASH_BYTES];
    TRIB_TRY(cloud_card_digest(card, field, sha256));
    TRIB_TRY(cloud_place_key(place, key, "backups/%s/%s", backup->name, file));
    return cloud_place_get_file(place, key, folder, file, sha256);
}

/* Closed segments, as many as the archive has by now; then the backup's last one, unless that has
 * been archived whole since. */
static trib_status fetch_ledger(const cloud_place *place, const cloud_backup *backup,
                                const json_t *card, const char *folder) {
    char name[CLOUD_SEGMENT_NAME];
    uint64_t first = number_of(card, "first"), tail = number_of(card, "tail"), next = 0;
    TRIB_TRY(place->disk->make_folder(place->disk, folder));
    if (first == 0 || tail < first) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "backup %s: a ledger from %" PRIu64 " to %" PRIu64,
                         backup->name, first, tail);
    }
    TRIB_TRY(cloud_segments_fetch(place, folder, first, UINT64_MAX, &next));
    if (next > tail) { /* and records go on in a segment of their own: that one is closed */
        cloud_segment_name(next, name);
        return trib_disk_replace(place->disk, folder, name, (trib_bytes){NULL, 0});
    }
    if (next < tail) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "the bucket lacks records %" PRIu64 " to %" PRIu64, next,
                         tail - 1);
    }
    cloud_segment_name(tail, name);
    return fetch_part(place, backup, card, "tail_sha256", name, folder);
}

typedef struct object_pass {
    const cloud_place *place;
    const char *folder;
    uint64_t count;
} object_pass;

static trib_status fetch_object(void *context, const char *federation, const cloud_digest *digest) {
    object_pass *pass = context;
    pass->count++;
    return trib_context(cloud_models_fetch_object(pass->place, federation, pass->folder, digest),
                        "an object that federation %s goes on from", federation);
}

static trib_status fetch_objects(const cloud_place *place, const char *state, uint64_t seed,
                                 cloud_backup *backup) {
    char path[PATH_SIZE], folder[PATH_SIZE];
    cloud_registry *registry = NULL;
    cloud_ledger *ledger = NULL;
    TRIB_SCOPED(cloud_needed_deinit) cloud_needed needed = {.rows = {.ceiling = 0}};
    (void)snprintf(path, sizeof path, "%.4000s/registry.db", state);
    (void)snprintf(folder, sizeof folder, "%.4000s/ledger", state);
    trib_status status = cloud_registry_open(path, &registry);
    if (trib_ok(status)) {
        status = cloud_registry_position(registry, &backup->position);
    }
    if (trib_ok(status)) {
        status = cloud_ledger_open(place->disk, folder, seed, &ledger);
    }
    if (trib_ok(status)) {
        status = cloud_needed_collect(registry, ledger, &needed);
        backup->end = cloud_ledger_end(ledger);
    }
    cloud_registry_close(registry);
    cloud_ledger_close(ledger);
    TRIB_TRY(status);
    (void)snprintf(folder, sizeof folder, "%.4000s/objects", state);
    object_pass pass = {.place = place, .folder = folder};
    TRIB_TRY(place->disk->make_folder(place->disk, folder));
    TRIB_TRY(cloud_needed_each(&needed, fetch_object, &pass));
    backup->objects = pass.count;
    return TRIB_SUCCESS;
}

/* ---- its numbers ---- */

static trib_status note_claim(void *context, const cloud_object_info *info) {
    uint64_t *highest = context;
    const char *name = strrchr(info->key, '/');
    uint64_t number = name != NULL ? strtoull(name + 1, NULL, 10) : 0;
    *highest = number > *highest ? number : *highest;
    return TRIB_SUCCESS;
}

/* The first of several that restore at once gets a number, the others the next. */
static trib_status claim_incarnation(const cloud_place *place, uint64_t before,
                                     uint64_t *ret_incarnation) {
    char key[CLOUD_KEY_SIZE];
    const trib_bytes words = trib_bytes_text("taken by a restore\n");
    const cloud_body body = cloud_body_of(&words, "text/plain");
    const cloud_put_options how = {.if_absent = true};
    uint64_t highest = before;
    TRIB_TRY(cloud_place_key(place, key, "incarnations/"));
    TRIB_TRY(place->bucket->list(place->bucket, key, "", note_claim, &highest));
    for (int tries = 0; tries < CLAIMS; tries++) {
        highest = (highest / INCARNATIONS + 1) * INCARNATIONS;
        TRIB_TRY(cloud_place_key(place, key, "incarnations/%010" PRIu64, highest));
        trib_status status = place->bucket->put(place->bucket, key, &body, &how);
        if (status.code != TRIB_E_STATE) {
            *ret_incarnation = highest;
            return status;
        }
    }
    return TRIB_FAIL(TRIB_E_RETRY, "others restore this cloud at the same time");
}

trib_status cloud_backup_restore(const cloud_place *place, const char *state, uint64_t seed,
                                 const char *name, cloud_backup *ret_backup) {
    char folder[PATH_SIZE];
    TRIB_SCOPED(cloud_card_release) json_t *card = NULL;
    *ret_backup = (cloud_backup){.name = ""};
    TRIB_TRY(find_backup(place, name, ret_backup, &card));
    (void)snprintf(folder, sizeof folder, "%.4000s/ledger", state);
    TRIB_TRY(fetch_ledger(place, ret_backup, card, folder));
    TRIB_TRY(fetch_part(place, ret_backup, card, "registry_sha256", "registry.db", state));
    TRIB_TRY(fetch_objects(place, state, seed, ret_backup));
    TRIB_TRY(claim_incarnation(place, number_of(card, "incarnation"), &ret_backup->incarnation));
    TRIB_TRY(cloud_number_keep(place->disk, state, "boot", number_of(card, "boot") + BOOTS));
    TRIB_TRY(cloud_number_keep(place->disk, state, "incarnation", ret_backup->incarnation));
    return place->disk->sync_folder(place->disk, state);
}
