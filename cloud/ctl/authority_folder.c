#include "cloud/ctl/authority_folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/crypto/posix/key_file.h"
#include "common/port/posix/system.h"

enum { FILE_NAME_SIZE = 160 };

bool ctl_file_exists(const char *path) {
    struct stat about;
    return lstat(path, &about) == 0;
}

trib_status ctl_path_join(const char *folder, const char *name, const char *suffix, char *ret_path,
                          size_t size) {
    int length = snprintf(ret_path, size, "%s/%s%s", folder, name, suffix);
    if (length < 0 || (size_t)length >= size) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the path of %s in %s is too long", name, folder);
    }
    return TRIB_SUCCESS;
}

trib_status ctl_public_file_write(const char *folder, const char *name, trib_bytes bytes,
                                  bool replace) {
    char path[CTL_PATH_SIZE];
    TRIB_TRY(ctl_path_join(folder, name, "", path, sizeof path));
    if (!replace && ctl_file_exists(path)) {
        return TRIB_FAIL(TRIB_E_STATE, "%s is there already: move it away first", path);
    }
    TRIB_TRY(trib_disk_replace(trib_posix_disk(), folder, name, bytes));
    if (chmod(path, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) != 0) {
        return TRIB_FAIL(TRIB_E_IO, "cannot let others read %s: %s", path, strerror(errno));
    }
    return TRIB_SUCCESS;
}

static trib_status folder_make(const char *folder) {
    if (mkdir(folder, S_IRWXU) != 0 && errno != EEXIST) {
        return TRIB_FAIL(TRIB_E_IO, "cannot make the folder %s: %s", folder, strerror(errno));
    }
    return TRIB_SUCCESS;
}

/* Names become files beside the authority's own. */
static trib_status name_check(const char *name) {
    TRIB_TRY(trib_name_check(trib_bytes_text(name)));
    if (strcmp(name, "ca") == 0 || strcmp(name, "crl") == 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "the name %s is taken by the authority's own files", name);
    }
    return TRIB_SUCCESS;
}

trib_status ctl_authority_init(const char *folder, const char *common_name, int64_t now_s) {
    char key_path[CTL_PATH_SIZE], issued[CTL_PATH_SIZE];
    TRIB_TRY(ctl_path_join(folder, "ca", ".key", key_path, sizeof key_path));
    TRIB_TRY(ctl_path_join(folder, "issued", "", issued, sizeof issued));
    TRIB_TRY(folder_make(folder));
    TRIB_TRY(folder_make(issued));
    TRIB_SCOPED(trib_key_pair_wipe) trib_key_pair key;
    TRIB_TRY(trib_crypto_host()->generate(&key));
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pem = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    TRIB_TRY(trib_authority_create(common_name, &key, now_s, &pem));
    TRIB_TRY(trib_key_file_save(key_path, &key));
    TRIB_TRY(ctl_public_file_write(folder, "ca.pem", trib_buffer_view(&pem), false));
    TRIB_SCOPED(ctl_authority_close) ctl_authority authority = {0};
    TRIB_TRY(ctl_authority_open(folder, now_s, &authority));
    return ctl_authority_first_list(&authority);
}

trib_status ctl_authority_open(const char *folder, int64_t now_s, ctl_authority *ret_authority) {
    char certificate[CTL_PATH_SIZE], key[CTL_PATH_SIZE];
    TRIB_TRY(ctl_path_join(folder, "ca", ".pem", certificate, sizeof certificate));
    TRIB_TRY(ctl_path_join(folder, "ca", ".key", key, sizeof key));
    TRIB_SCOPED(ctl_authority_close)
    ctl_authority opened = {.certificate_pem = {.ceiling = TRIB_MAX_CHAIN_BYTES}, .now_s = now_s};
    int length = snprintf(opened.folder, sizeof opened.folder, "%s", folder);
    if (length < 0 || (size_t)length >= sizeof opened.folder) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the path %s is too long", folder);
    }
    TRIB_TRY(trib_context(trib_file_read(certificate, &opened.certificate_pem),
                          "no authority in %s (see: tributary identity init)", folder));
    TRIB_TRY(trib_key_file_load(key, &opened.key));
    *ret_authority = opened;
    opened = (ctl_authority){0};
    return TRIB_SUCCESS;
}

void ctl_authority_close(ctl_authority *authority) {
    trib_buffer_deinit(&authority->certificate_pem);
    trib_key_pair_wipe(&authority->key);
}

static trib_authority authority_view(const ctl_authority *authority) {
    return (trib_authority){trib_buffer_view(&authority->certificate_pem), &authority->key};
}

/* The certificate under its name, and among the issued first: one that exists can be revoked. */
static trib_status certificate_keep(const ctl_authority *authority, const char *name,
                                    trib_bytes pem, bool replace) {
    char issued[CTL_PATH_SIZE], file[FILE_NAME_SIZE];
    trib_identity identity;
    TRIB_TRY(ctl_path_join(authority->folder, "issued", "", issued, sizeof issued));
    TRIB_TRY(trib_identity_read(pem, &identity));
    (void)snprintf(file, sizeof file, "%s-%s.pem", name, identity.serial);
    TRIB_TRY(ctl_public_file_write(issued, file, pem, false));
    (void)snprintf(file, sizeof file, "%s.pem", name);
    return ctl_public_file_write(authority->folder, file, pem, replace);
}

static trib_status issued_paths(const ctl_authority *authority, const char *name, bool renew,
                                ctl_issued *ret_issued) {
    TRIB_TRY(ctl_path_join(authority->folder, name, ".pem", ret_issued->certificate,
                           sizeof ret_issued->certificate));
    TRIB_TRY(
        ctl_path_join(authority->folder, name, ".key", ret_issued->key, sizeof ret_issued->key));
    if (!renew && ctl_file_exists(ret_issued->certificate)) {
        return TRIB_FAIL(TRIB_E_STATE, "%s is there already: %s has a certificate",
                         ret_issued->certificate, name);
    }
    return TRIB_SUCCESS;
}

/* The key in the file, made if it is not there. */
static trib_status key_ensure(const char *path, trib_key_pair *ret_key) {
    trib_status status = trib_key_file_load(path, ret_key);
    if (status.code != TRIB_E_NOT_FOUND) {
        return status;
    }
    TRIB_TRY(trib_crypto_host()->generate(ret_key));
    return trib_key_file_save(path, ret_key);
}

trib_status ctl_authority_server(ctl_authority *authority, const char *name, const char *const *dns,
                                 size_t dns_count, const char *const *ip, size_t ip_count,
                                 uint32_t days, ctl_issued *ret_issued) {
    TRIB_SCOPED(trib_key_pair_wipe) trib_key_pair key = {0};
    TRIB_TRY(name_check(name));
    TRIB_TRY(issued_paths(authority, name, false, ret_issued));
    TRIB_TRY(key_ensure(ret_issued->key, &key));
    trib_authority view = authority_view(authority);
    trib_server_request request = {.dns = dns,
                                   .dns_count = dns_count,
                                   .ip = ip,
                                   .ip_count = ip_count,
                                   .key = &key.public,
                                   .now_s = authority->now_s,
                                   .days = days};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pem = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    TRIB_TRY(trib_authority_issue_server(&view, &request, &pem));
    char file[FILE_NAME_SIZE];
    (void)snprintf(file, sizeof file, "%s.pem", name);
    return ctl_public_file_write(authority->folder, file, trib_buffer_view(&pem), false);
}

trib_status ctl_authority_gateway(ctl_authority *authority, const char *name, uint32_t days,
                                  ctl_issued *ret_issued) {
    TRIB_SCOPED(trib_key_pair_wipe) trib_key_pair key = {0};
    TRIB_TRY(name_check(name));
    TRIB_TRY(issued_paths(authority, name, false, ret_issued));
    TRIB_TRY(key_ensure(ret_issued->key, &key));
    trib_authority view = authority_view(authority);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pem = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    TRIB_TRY(trib_request_create(name, &key, &request));
    TRIB_TRY(trib_authority_issue_gateway(&view, trib_buffer_view(&request), name, authority->now_s,
                                          days, &pem));
    return certificate_keep(authority, name, trib_buffer_view(&pem), false);
}

trib_status ctl_authority_enrol(ctl_authority *authority, const char *request_path,
                                const char *name, uint32_t days, bool renew,
                                ctl_issued *ret_issued) {
    TRIB_TRY(name_check(name));
    TRIB_TRY(issued_paths(authority, name, renew, ret_issued));
    ret_issued->key[0] = 0;
    trib_authority view = authority_view(authority);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pem = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    TRIB_TRY(trib_file_read(request_path, &request));
    TRIB_TRY(trib_context(trib_authority_issue_gateway(&view, trib_buffer_view(&request), name,
                                                       authority->now_s, days, &pem),
                          "%s", request_path));
    return certificate_keep(authority, name, trib_buffer_view(&pem), renew);
}

trib_status ctl_request_make(const char *folder, const char *name, ctl_issued *ret_issued) {
    TRIB_TRY(name_check(name));
    TRIB_TRY(folder_make(folder));
    TRIB_TRY(ctl_path_join(folder, name, ".csr", ret_issued->certificate,
                           sizeof ret_issued->certificate));
    TRIB_TRY(ctl_path_join(folder, name, ".key", ret_issued->key, sizeof ret_issued->key));
    TRIB_SCOPED(trib_key_pair_wipe) trib_key_pair key = {0};
    TRIB_TRY(key_ensure(ret_issued->key, &key));
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    TRIB_TRY(trib_request_create(name, &key, &request));
    char file[FILE_NAME_SIZE];
    (void)snprintf(file, sizeof file, "%s.csr", name);
    /* A request is not a secret, and equal ones serve equally: making it again is harmless. */
    return ctl_public_file_write(folder, file, trib_buffer_view(&request), true);
}
