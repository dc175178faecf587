/* Google Cloud Storage, by its JSON API. An object's digest stands in its metadata, which only
 * asking for its description tells.
 *
 * source   Google, "Cloud Storage JSON API", v1
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/object/gcs.h"

static const service_error errors[] = {
    {"authError", TRIB_E_DENIED, "service_account, and the clock"},
    {"required", TRIB_E_DENIED, "service_account"},
    {"forbidden", TRIB_E_DENIED, "what the service account may do"},
    {"conditionNotMet", TRIB_E_STATE, "the object that is there"},
    {"notFound", TRIB_E_NOT_FOUND, "bucket and key"},
    {NULL, TRIB_OK, NULL},
};

static trib_status sign(cloud_remote *remote, http_request *request) {
    gcs_bucket *gcs = (gcs_bucket *)remote;
    char token[GCS_TOKEN_SIZE];
    if (gcs->tokens != NULL) {
        TRIB_TRY(gcs_token_get(gcs->tokens, remote->pool, token));
        http_header(request, "Authorization: Bearer %s", token);
        trib_wipe(token, sizeof token);
    }
    return TRIB_SUCCESS;
}

static bool refused(cloud_remote *remote, const http_answer *answer) {
    gcs_bucket *gcs = (gcs_bucket *)remote;
    if (answer->status != 401 || gcs->tokens == NULL) {
        return false;
    }
    gcs_token_refused(gcs->tokens);
    return true;
}

trib_status gcs_request(const cloud_remote *remote, const char *method, const char *before,
                        const char *after, http_request **ret_request) {
    http_request *request = cloud_request_create(method);
    if (request == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a request");
    }
    *ret_request = request; /* the caller's scope destroys it */
    cloud_request_url(remote, request, "%s%s%s", before, remote->bucket, after);
    return TRIB_SUCCESS;
}

static trib_status object_request(const cloud_remote *remote, const char *method, const char *key,
                                  const char *query, http_request **ret_request) {
    char path[3 * CLOUD_KEY_SIZE], after[3 * CLOUD_KEY_SIZE + 256];
    TRIB_TRY(cloud_percent_text(key, false, path, sizeof path));
    (void)snprintf(after, sizeof after, "/o/%s%s", path, query);
    return gcs_request(remote, method, "/storage/v1/b/", after, ret_request);
}

json_t *gcs_describe(const cloud_upload *upload) {
    return upload == NULL
               ? json_pack("{s:s}", "contentType", "application/octet-stream")
               : json_pack("{s:s, s:{s:s, s:s}}", "contentType", upload->content_type, "metadata",
                           "tributarysha256", upload->sha256, "tributaryput", upload->put_id);
}

/* The two pieces around the content, of multipart/related. */
static trib_status preamble(const char *name, trib_bytes content, const cloud_upload *upload,
                            const char *boundary, trib_buffer *ret_text) {
    uint8_t md5[CLOUD_MD5_BYTES];
    char md5_text[CLOUD_MD5_TEXT];
    TRIB_TRY(cloud_md5(content, md5));
    cloud_base64(trib_bytes_of(md5, sizeof md5), md5_text);
    json_t *object = gcs_describe(upload);
    bool made = object != NULL && json_object_set_new(object, "name", json_string(name)) == 0 &&
                json_object_set_new(object, "md5Hash", json_string(md5_text)) == 0;
    char *text = made ? json_dumps(object, JSON_COMPACT) : NULL;
    trib_status status =
        text == NULL
            ? TRIB_FAIL(TRIB_E_IO, "no memory for a put")
            : trib_buffer_print(ret_text,
                                "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n%s"
                                "\r\n--%s\r\nContent-Type: %s\r\n\r\n",
                                boundary, text, boundary,
                                upload != NULL ? upload->content_type : "application/octet-stream");
    free(text);
    json_decref(object);
    return status;
}

trib_status gcs_put(cloud_remote *remote, const char *name, trib_bytes content,
                    const cloud_upload *upload, bool if_absent, uint32_t *ret_tries) {
    uint8_t random[16];
    char boundary[2 * sizeof random + 1], end[64];
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer begin = {.ceiling = 32 << 10};
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_TRY(trib_crypto_host()->random(random, sizeof random));
    trib_hex(trib_bytes_of(random, sizeof random), boundary);
    TRIB_TRY(preamble(name, content, upload, boundary, &begin));
    (void)snprintf(end, sizeof end, "\r\n--%s--\r\n", boundary);
    TRIB_TRY(gcs_request(remote, "POST", "/upload/storage/v1/b/",
                         if_absent ? "/o?uploadType=multipart&ifGenerationMatch=0"
                                   : "/o?uploadType=multipart",
                         &request));
    http_header(request, "Content-Type: multipart/related; boundary=%s", boundary);
    request->pieces[0] = trib_buffer_view(&begin);
    request->pieces[1] = content;
    request->pieces[2] = trib_bytes_text(end);
    request->piece_count = 3;
    trib_status status = cloud_remote_do(remote, name, request, &answer);
    *ret_tries = answer.tries;
    return status;
}

static trib_status put_whole(cloud_remote *remote, const cloud_upload *upload, trib_bytes content,
                             uint32_t *ret_tries) {
    return gcs_put(remote, upload->key, content, upload, upload->if_absent, ret_tries);
}

static void copy_text(const json_t *from, const char *name, char *ret_text, size_t size) {
    const char *text = json_string_value(json_object_get(from, name));
    (void)snprintf(ret_text, size, "%s", text != NULL ? text : "");
}

static trib_status read_stat(const char *key, trib_bytes content, cloud_stat *ret_stat) {
    json_t *object = NULL;
    char size[32], updated[64], hex[REMOTE_HEX_SIZE + 1];
    cloud_stat stat = {.info = {.size = 0}};
    TRIB_TRY(trib_context(answer_json(content, &object), "gcs: key '%.300s'", key));
    const json_t *metadata = json_object_get(object, "metadata");
    copy_text(object, "size", size, sizeof size);
    copy_text(object, "updated", updated, sizeof updated);
    copy_text(object, "generation", stat.version, 32);
    copy_text(metadata, "tributarysha256", hex, sizeof hex);
    copy_text(metadata, "tributaryput", stat.put_id, sizeof stat.put_id);
    json_decref(object);
    size_t digits = strspn(stat.version, "0123456789");
    if (size[0] < '0' || size[0] > '9' || stat.version[digits] != '\0') {
        return TRIB_FAIL(TRIB_E_CORRUPT, "gcs: key '%.300s': a description without a size", key);
    }
    (void)snprintf(stat.info.key, sizeof stat.info.key, "%s", key);
    stat.info.size = strtoull(size, NULL, 10);
    stat.info.modified_ms = answer_time_ms(updated);
    stat.info.has_sha256 = strlen(hex) == 2 * TRIB_HASH_BYTES &&
                           trib_ok(trib_unhex(hex, stat.info.sha256, TRIB_HASH_BYTES));
    *ret_stat = stat;
    return TRIB_SUCCESS;
}

static trib_status stat(cloud_remote *remote, const char *key, cloud_stat *ret_stat) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_TRY(object_request(remote, "GET", key, "", &request));
    TRIB_TRY(cloud_remote_do(remote, key, request, &answer));
    return read_stat(key, trib_buffer_view(&answer.content), ret_stat);
}

static trib_status range(cloud_remote *remote, const char *key, const cloud_stat *found,
                         uint64_t offset, size_t size, http_answer *ret_answer) {
    char query[128];
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    (void)snprintf(query, sizeof query, "?alt=media%s%.31s",
                   found->version[0] != '\0' ? "&ifGenerationMatch=" : "", found->version);
    TRIB_TRY(object_request(remote, "GET", key, query, &request));
    http_header(request, "Range: bytes=%llu-%llu", (unsigned long long)offset,
                (unsigned long long)(offset + size - 1));
    TRIB_TRY(cloud_remote_do(remote, key, request, ret_answer));
    bool other = ret_answer->generation[0] != '\0' && found->version[0] != '\0' &&
                 strcmp(ret_answer->generation, found->version) != 0;
    return other ? TRIB_FAIL(TRIB_E_STATE, "another generation") : TRIB_SUCCESS;
}

static trib_status list(cloud_remote *remote, const char *prefix, const char *after,
                        answer_page *page) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer query = {.ceiling = HTTP_URL_SIZE};
    TRIB_TRY(trib_buffer_print(&query, "/o?maxResults=1000"));
    if (prefix[0] != '\0') {
        TRIB_TRY(trib_buffer_print(&query, "&prefix="));
        TRIB_TRY(cloud_percent(prefix, false, &query));
    }
    if (after[0] != '\0') { /* from it on: the caller leaves it out */
        TRIB_TRY(trib_buffer_print(&query, "&startOffset="));
        TRIB_TRY(cloud_percent(after, false, &query));
    }
    if (page->next[0] != '\0') {
        TRIB_TRY(trib_buffer_print(&query, "&pageToken="));
        TRIB_TRY(cloud_percent(page->next, false, &query));
    }
    TRIB_TRY(trib_buffer_append(&query, trib_bytes_of("", 1)));
    TRIB_TRY(gcs_request(remote, "GET", "/storage/v1/b/", (const char *)query.data, &request));
    return cloud_remote_page(remote, request, ANSWER_GCS_OBJECTS, page);
}

/* A missing object is fine, a missing bucket is not, and the service's answer is the same. */
static trib_status take_away(cloud_remote *remote, const char *key) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_TRY(object_request(remote, "DELETE", key, "", &request));
    TRIB_TRY(cloud_remote_send(remote, key, request, &answer));
    if (answer.status != 404) {
        return cloud_remote_judge(remote, key, &answer);
    }
    TRIB_SCOPED(answer_page_deinit) answer_page page;
    answer_page_init(&page);
    return list(remote, key, "", &page);
}

static void wipe(cloud_remote *remote) {
    gcs_bucket *gcs = (gcs_bucket *)remote;
    gcs_tokens_destroy(gcs->tokens);
    gcs->tokens = NULL;
}

static const cloud_service service = {
    .bucket_word = "bucket",
    .errors = errors,
    .sign = sign,
    .refused = refused,
    .put_whole = put_whole,
    .parts_begin = gcs_parts_begin,
    .part_put = gcs_part_put,
    .parts_finish = gcs_parts_finish,
    .parts_drop = gcs_parts_drop,
    .stat = stat,
    .range = range,
    .list = list,
    .remove = take_away,
    .sweep = cloud_remote_sweep_parts,
    .wipe = wipe,
};

static trib_status fill(gcs_bucket *gcs, const cloud_gcs_config *config) {
    TRIB_TRY(cloud_remote_init(&gcs->remote, &service, "gcs", config->bucket,
                               config->endpoint != NULL && config->endpoint[0] != '\0'
                                   ? config->endpoint
                                   : "https://storage.googleapis.com",
                               config->ca_file, &config->retry));
    return config->service_account == NULL || config->service_account[0] == '\0'
               ? TRIB_SUCCESS
               : gcs_tokens_create(config->service_account, gcs->remote.wait.clock, &gcs->tokens);
}

trib_status cloud_bucket_gcs(const cloud_gcs_config *config, cloud_bucket **ret_bucket) {
    gcs_bucket *gcs = trib_allocate(1, sizeof *gcs);
    if (gcs == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a bucket");
    }
    trib_status status = fill(gcs, config);
    if (!trib_ok(status)) {
        wipe(&gcs->remote);
        http_pool_destroy(gcs->remote.pool);
        trib_free(gcs);
        return trib_context(status, "gcs");
    }
    *ret_bucket = &gcs->remote.interface;
    return TRIB_SUCCESS;
}
