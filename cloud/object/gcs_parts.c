/* Google's service has no parts: they are objects below our own prefix, from which the service
 * composes one, of at most 32 at a time, and so in levels. Their names say of which key and content
 * they are parts, so that a put that goes on finds them; one that is not to be resumed has names of
 * its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/object/gcs.h"

enum { FOLDER_SIZE = 256, NAME_SIZE = 320, SOURCES = 32 };

static trib_status folder_of(const cloud_upload *upload, char ret_folder[FOLDER_SIZE]) {
    uint8_t digest[TRIB_HASH_BYTES];
    char key[REMOTE_HEX_SIZE];
    TRIB_TRY(trib_crypto_host()->sha256(trib_bytes_text(upload->key), digest));
    trib_hex(trib_bytes_of(digest, sizeof digest), key);
    (void)snprintf(ret_folder, FOLDER_SIZE, REMOTE_PARTS "%.32s-%s/", key,
                   upload->resume ? upload->sha256 : upload->put_id);
    return TRIB_SUCCESS;
}

/* Level 0 are the parts. */
static void name_of(const char *folder, unsigned level, uint32_t index, char ret_name[NAME_SIZE]) {
    (void)snprintf(ret_name, NAME_SIZE, "%s%u-%05u", folder, level, index);
}

static void know(cloud_upload *upload, const char *folder, const answer_item *item) {
    char name[NAME_SIZE];
    size_t size = strlen(folder), digest = 0;
    uint8_t md5[CLOUD_MD5_BYTES + 3];
    if (strncmp(item->name, folder, size) != 0 || strncmp(item->name + size, "0-", 2) != 0) {
        return;
    }
    unsigned long index = strtoul(item->name + size + 2, NULL, 10);
    if (index >= upload->part_count) {
        return;
    }
    name_of(folder, 0, (uint32_t)index, name);
    if (strcmp(name, item->name) == 0 && item->size == cloud_part_size(upload, (uint32_t)index) &&
        trib_ok(cloud_unbase64(item->id, md5, sizeof md5, &digest)) && digest == CLOUD_MD5_BYTES) {
        upload->parts[index].known = true;
        memcpy(upload->parts[index].md5, md5, CLOUD_MD5_BYTES);
    }
}

trib_status gcs_parts_begin(cloud_remote *remote, cloud_upload *upload) {
    char folder[FOLDER_SIZE];
    if (!upload->resume) {
        return TRIB_SUCCESS;
    }
    TRIB_SCOPED(answer_page_deinit) answer_page page;
    answer_page_init(&page);
    TRIB_TRY(folder_of(upload, folder));
    do {
        TRIB_TRY(remote->service->list(remote, folder, "", &page));
        for (size_t i = 0; i < page.count; i++) {
            know(upload, folder, answer_page_at(&page, i));
        }
    } while (page.next[0] != '\0');
    return TRIB_SUCCESS;
}

trib_status gcs_part_put(cloud_remote *remote, cloud_upload *upload, uint32_t index,
                         trib_bytes content) {
    char folder[FOLDER_SIZE], name[NAME_SIZE];
    uint32_t tries;
    TRIB_TRY(folder_of(upload, folder));
    name_of(folder, 0, index, name);
    return gcs_put(remote, name, content, NULL, false, &tries);
}

/* {"sourceObjects": [{"name": ...}], "destination": {...}} */
static trib_status composition(const char *folder, unsigned level, uint32_t first, uint32_t count,
                               const cloud_upload *upload, char **ret_text) {
    json_t *sources = json_array();
    bool made = sources != NULL;
    for (uint32_t i = 0; made && i < count; i++) {
        char name[NAME_SIZE];
        name_of(folder, level, first + i, name);
        made = json_array_append_new(sources, json_pack("{s:s}", "name", name)) == 0;
    }
    json_t *object = json_object();
    made = json_object_set_new(object, "sourceObjects", sources) == 0 && made;
    made = json_object_set_new(object, "destination", gcs_describe(upload)) == 0 && made;
    *ret_text = made ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return *ret_text != NULL ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_IO, "no memory for a composition");
}

static trib_status send_composition(cloud_remote *remote, const char *name, bool if_absent,
                                    const char *text, uint32_t *ret_tries) {
    char path[3 * CLOUD_KEY_SIZE], after[3 * CLOUD_KEY_SIZE + 64];
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_TRY(cloud_percent_text(name, false, path, sizeof path));
    (void)snprintf(after, sizeof after, "/o/%s/compose%s", path,
                   if_absent ? "?ifGenerationMatch=0" : "");
    TRIB_TRY(gcs_request(remote, "POST", "/storage/v1/b/", after, &request));
    http_header(request, "Content-Type: application/json");
    request->pieces[0] = trib_bytes_text(text);
    request->piece_count = 1;
    trib_status status = cloud_remote_do(remote, name, request, &answer);
    *ret_tries = answer.tries;
    return status;
}

/* Objects of a level into one; `upload` NULL: of the next level. */
static trib_status compose(cloud_remote *remote, const char *folder, unsigned level, uint32_t first,
                           uint32_t count, const cloud_upload *upload, uint32_t *ret_tries) {
    char name[NAME_SIZE], *text = NULL;
    name_of(folder, level + 1, first / SOURCES, name);
    TRIB_TRY(composition(folder, level, first, count, upload, &text));
    trib_status status = send_composition(remote, upload != NULL ? upload->key : name,
                                          upload != NULL && upload->if_absent, text, ret_tries);
    free(text);
    return status;
}

static trib_status drop_folder(cloud_remote *remote, const char *folder) {
    TRIB_SCOPED(answer_page_deinit) answer_page page;
    answer_page_init(&page);
    do {
        TRIB_TRY(remote->service->list(remote, folder, "", &page));
        for (size_t i = 0; i < page.count; i++) {
            TRIB_TRY(remote->service->remove(remote, answer_page_at(&page, i)->name));
        }
    } while (page.next[0] != '\0');
    return TRIB_SUCCESS;
}

void gcs_parts_drop(cloud_remote *remote, cloud_upload *upload) {
    char folder[FOLDER_SIZE];
    if (trib_ok(folder_of(upload, folder))) {
        trib_ignore(drop_folder(remote, folder)); /* sweeping finds them */
    }
}

trib_status gcs_parts_finish(cloud_remote *remote, cloud_upload *upload, uint32_t *ret_tries) {
    char folder[FOLDER_SIZE];
    uint32_t count = upload->part_count;
    unsigned level = 0;
    TRIB_TRY(folder_of(upload, folder));
    for (; count > SOURCES; level++) {
        for (uint32_t first = 0; first < count; first += SOURCES) {
            uint32_t some = count - first < SOURCES ? count - first : SOURCES;
            TRIB_TRY(compose(remote, folder, level, first, some, NULL, ret_tries));
        }
        count = (count + SOURCES - 1) / SOURCES;
    }
    TRIB_TRY(compose(remote, folder, level, 0, count, upload, ret_tries));
    gcs_parts_drop(remote, upload);
    return TRIB_SUCCESS;
}
