/* Whom the authority no longer vouches for: revoked.json is the list, crl.pem is made from it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cloud/ctl/authority_folder.h"
#include "cloud/ctl/json_value.h"
#include "common/base/file.h"
#include "common/port/posix/system.h"

enum { LIST_CEILING = 32 << 20, LIST_PEM_CEILING = 16 << 20 };

static trib_status list_load(const char *folder, json_t **ret_list) {
    char path[CTL_PATH_SIZE];
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = LIST_CEILING};
    TRIB_TRY(ctl_path_join(folder, "revoked", ".json", path, sizeof path));
    trib_status status = trib_file_read(path, &text);
    if (status.code == TRIB_E_NOT_FOUND) {
        *ret_list = json_pack("{s:I, s:[]}", "number", (json_int_t)0, "revoked");
        return *ret_list == NULL ? TRIB_FAIL(TRIB_E_IO, "no memory") : TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    json_error_t error;
    TRIB_SCOPED(ctl_json_release)
    json_t *list = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_array(json_object_get(list, "revoked")) ||
        !json_is_integer(json_object_get(list, "number"))) {
        return TRIB_FAIL(TRIB_E_CORRUPT,
                         "%s is not a list of the revoked: bring it back from a backup", path);
    }
    *ret_list = json_incref(list);
    return TRIB_SUCCESS;
}

static bool list_has(const json_t *revoked, const char *serial) {
    size_t index;
    const json_t *entry;
    json_array_foreach(revoked, index, entry) {
        const char *known = json_string_value(json_object_get(entry, "serial"));
        if (known != NULL && strcmp(known, serial) == 0) {
            return true;
        }
    }
    return false;
}

static trib_status list_add(json_t *list, const char *path, int64_t now_s) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pem = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    trib_identity identity;
    TRIB_TRY(trib_file_read(path, &pem));
    TRIB_TRY(trib_context(trib_identity_read(trib_buffer_view(&pem), &identity), "%s", path));
    json_t *revoked = json_object_get(list, "revoked");
    if (list_has(revoked, identity.serial)) {
        return TRIB_SUCCESS;
    }
    json_t *entry = json_pack("{s:s, s:s, s:I}", "name", identity.name, "serial", identity.serial,
                              "revoked_s", (json_int_t)now_s);
    if (json_array_append_new(revoked, entry) != 0) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the list of the revoked");
    }
    return TRIB_SUCCESS;
}

/* Is it "NAME-" and a serial number and ".pem"? Names hold hyphens, serial numbers none. */
static bool issued_to(const char *file, const char *name) {
    size_t size = strlen(name);
    const char *end = strrchr(file, '.');
    const char *hyphen = strrchr(file, '-');
    return end != NULL && strcmp(end, ".pem") == 0 && hyphen == file + size &&
           strncmp(file, name, size) == 0;
}

static void folder_close(DIR **folder) {
    if (*folder != NULL) {
        closedir(*folder);
    }
}

static trib_status list_add_name(const ctl_authority *authority, json_t *list, const char *name,
                                 size_t *ret_count) {
    char issued[CTL_PATH_SIZE], path[CTL_PATH_SIZE];
    TRIB_TRY(ctl_path_join(authority->folder, "issued", "", issued, sizeof issued));
    TRIB_SCOPED(folder_close) DIR *folder = opendir(issued);
    if (folder == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "cannot look into %s: %s", issued, strerror(errno));
    }
    size_t count = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (issued_to(entry->d_name, name)) {
            TRIB_TRY(ctl_path_join(issued, entry->d_name, "", path, sizeof path));
            TRIB_TRY(list_add(list, path, authority->now_s));
            count++;
        }
    }
    if (count == 0) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "%s is no file, and %s made no certificate of that name",
                         name, authority->folder);
    }
    *ret_count = count;
    return TRIB_SUCCESS;
}

static trib_status revocations_of(const json_t *revoked, trib_revocation **ret_revocations) {
    size_t count = json_array_size(revoked);
    TRIB_SCOPED(trib_free_scoped)
    trib_revocation *list = trib_allocate(count + 1, sizeof *list);
    if (list == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu revoked certificates", count);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(revoked, i);
        const char *serial = json_string_value(json_object_get(entry, "serial"));
        if (serial == NULL || strlen(serial) >= sizeof list[i].serial) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "revoked.json: entry %zu has no serial number", i + 1);
        }
        memcpy(list[i].serial, serial, strlen(serial) + 1);
        list[i].revoked_s = json_integer_value(json_object_get(entry, "revoked_s"));
    }
    *ret_revocations = list;
    list = NULL;
    return TRIB_SUCCESS;
}

/* The list first: a crash between the two leaves a list that names more than the broker refuses,
 * and the command, given again, mends that. */
static trib_status list_save(const ctl_authority *authority, json_t *list, uint32_t days) {
    json_int_t number = json_integer_value(json_object_get(list, "number")) + 1;
    TRIB_SCOPED(trib_free_scoped) trib_revocation *revocations = NULL;
    const json_t *revoked = json_object_get(list, "revoked");
    TRIB_TRY(revocations_of(revoked, &revocations));
    trib_revocation_list request = {revocations, json_array_size(revoked), (uint64_t)number,
                                    authority->now_s, days};
    trib_authority view = {trib_buffer_view(&authority->certificate_pem), &authority->key};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pem = {.ceiling = LIST_PEM_CEILING};
    TRIB_TRY(trib_authority_revoke(&view, &request, &pem));
    TRIB_SCOPED(ctl_json_text_free) char *text = NULL;
    if (json_object_set_new(list, "number", json_integer(number)) == 0) {
        text = json_dumps(list, JSON_INDENT(2) | JSON_SORT_KEYS);
    }
    if (text == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the list of the revoked");
    }
    TRIB_TRY(trib_disk_replace(trib_posix_disk(), authority->folder, "revoked.json",
                               trib_bytes_text(text)));
    return ctl_public_file_write(authority->folder, "crl.pem", trib_buffer_view(&pem), true);
}

trib_status ctl_authority_revoke(ctl_authority *authority, const char *who, uint32_t list_days,
                                 size_t *ret_count) {
    TRIB_SCOPED(ctl_json_release) json_t *list = NULL;
    size_t count = 1;
    TRIB_TRY(list_load(authority->folder, &list));
    if (strchr(who, '/') != NULL || strchr(who, '.') != NULL) { /* a name has neither */
        TRIB_TRY(list_add(list, who, authority->now_s));
    } else {
        TRIB_TRY(list_add_name(authority, list, who, &count));
    }
    TRIB_TRY(list_save(authority, list, list_days));
    *ret_count = count;
    return TRIB_SUCCESS;
}

trib_status ctl_authority_first_list(ctl_authority *authority) {
    TRIB_SCOPED(ctl_json_release) json_t *list = NULL;
    TRIB_TRY(list_load(authority->folder, &list));
    return list_save(authority, list, CTL_LIST_DAYS);
}

trib_status ctl_revoked_beside(const char *ca_path, const char *serial, bool *ret_revoked) {
    char folder[CTL_PATH_SIZE] = ".";
    const char *slash = strrchr(ca_path, '/');
    size_t size = slash != NULL ? (size_t)(slash - ca_path) + 1 : 0;
    if (size >= sizeof folder) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the path %s is too long", ca_path);
    }
    if (size > 0) {
        memcpy(folder, ca_path, size);
        folder[size] = '\0';
    }
    TRIB_SCOPED(ctl_json_release) json_t *list = NULL;
    TRIB_TRY(list_load(folder, &list));
    *ret_revoked = list_has(json_object_get(list, "revoked"), serial);
    return TRIB_SUCCESS;
}
