/* Azure's block blobs.
 *
 * Parts are blocks that nobody has committed yet. A block's name says whose it is: the content's
 * SHA-256 (16 bytes of it), the part's number, its MD5; so a put that goes on knows what is there,
 * and never takes another content's block. Digest and type come with the commitment.
 *
 * source   Microsoft, "Blob service REST API", 2021-12-02
 */
#include <stdio.h>
#include <string.h>

#include "cloud/object/azure_sign.h"
#include "cloud/object/backends.h"
#include "cloud/object/remote.h"

enum { BLOCK_BYTES = 16 + 4 + CLOUD_MD5_BYTES, BLOCK_TEXT = 49, QUERY_SIZE = 512 };

typedef struct azure_bucket {
    cloud_remote remote; /* first */
    char account[64];
    uint8_t key[128];                  /* secret */
    size_t key_size;                   /* 0: a SAS */
    char sas[CLOUD_SETTING_MAX_BYTES]; /* secret; without "?" */
} azure_bucket;

static const service_error errors[] = {
    {"AuthenticationFailed", TRIB_E_DENIED, "account_key or sas, and the clock"},
    {"InvalidAuthenticationInfo", TRIB_E_DENIED, "account_key or sas, and the clock"},
    {"AuthorizationFailure", TRIB_E_DENIED, "account_key or sas"},
    {"AuthorizationPermissionMismatch", TRIB_E_DENIED, "what sas allows"},
    {"AuthorizationServiceMismatch", TRIB_E_DENIED, "what sas allows"},
    {"AuthorizationResourceTypeMismatch", TRIB_E_DENIED, "what sas allows"},
    {"AccountIsDisabled", TRIB_E_DENIED, "account"},
    {"ContainerNotFound", TRIB_E_NOT_FOUND, "container"},
    {"BlobNotFound", TRIB_E_NOT_FOUND, "the key"},
    {"BlobAlreadyExists", TRIB_E_STATE, "the object that is there"},
    {"ConditionNotMet", TRIB_E_STATE, "the object that is there"},
    {"InvalidBlockList", TRIB_E_STATE, "other writers of the key"},
    {"Md5Mismatch", TRIB_E_CORRUPT, "the network: bytes were changed on the way"},
    {NULL, TRIB_OK, NULL},
};

static trib_status sign_shared_key(const azure_bucket *azure, http_request *request) {
    char date[32], mac_text[4 * ((TRIB_HASH_BYTES + 2) / 3) + 1];
    uint8_t mac[TRIB_HASH_BYTES];
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = 64 << 10};
    azure_date(trib_wall_ms(azure->remote.wait.clock), date);
    http_header(request, "x-ms-date: %s", date);
    TRIB_TRY(azure_string_to_sign(request, azure->account, &text));
    TRIB_TRY(trib_crypto_host()->hmac(trib_bytes_of(azure->key, azure->key_size),
                                      trib_buffer_view(&text), mac));
    cloud_base64(trib_bytes_of(mac, sizeof mac), mac_text);
    http_header(request, "Authorization: SharedKey %s:%s", azure->account, mac_text);
    return TRIB_SUCCESS;
}

static trib_status sign(cloud_remote *remote, http_request *request) {
    const azure_bucket *azure = (const azure_bucket *)remote;
    if (azure->key_size > 0) {
        return sign_shared_key(azure, request);
    }
    size_t size = strlen(request->url);
    int length = snprintf(request->url + size, HTTP_URL_SIZE - size, "%s%s",
                          strchr(request->url, '?') != NULL ? "&" : "?", azure->sas);
    return length > 0 && (size_t)length < HTTP_URL_SIZE - size
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_LIMIT, "sas is too long");
}

static trib_status make(const cloud_remote *remote, const char *method, const char *key,
                        const char *query, http_request **ret_request) {
    char path[3 * CLOUD_KEY_SIZE];
    http_request *request = cloud_request_create(method);
    if (request == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a request");
    }
    *ret_request = request; /* the caller's scope destroys it */
    TRIB_TRY(cloud_percent_text(key, true, path, sizeof path));
    cloud_request_url(remote, request, "%s%s%s%s", path[0] != '\0' ? "/" : "", path,
                      query[0] != '\0' ? "?" : "", query);
    http_header(request, "x-ms-version: 2021-12-02");
    return TRIB_SUCCESS;
}

/* The server compares the MD5. */
static trib_status with_body(http_request *request, trib_bytes body) {
    uint8_t md5[CLOUD_MD5_BYTES];
    char text[CLOUD_MD5_TEXT];
    TRIB_TRY(cloud_md5(body, md5));
    cloud_base64(trib_bytes_of(md5, sizeof md5), text);
    http_header(request, "Content-MD5: %s", text);
    http_header(request, "Content-Type: application/octet-stream");
    request->pieces[0] = body;
    request->piece_count = 1;
    return TRIB_SUCCESS;
}

static void describe(http_request *request, const cloud_upload *upload) {
    http_header(request, "x-ms-blob-content-type: %s", upload->content_type);
    http_header(request, "x-ms-meta-tributarysha256: %s", upload->sha256);
    http_header(request, "x-ms-meta-tributaryput: %s", upload->put_id);
    if (upload->if_absent) {
        http_header(request, "If-None-Match: *");
    }
}

static trib_status put_whole(cloud_remote *remote, const cloud_upload *upload, trib_bytes content,
                             uint32_t *ret_tries) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_TRY(make(remote, "PUT", upload->key, "", &request));
    TRIB_TRY(with_body(request, content));
    http_header(request, "x-ms-blob-type: BlockBlob");
    describe(request, upload);
    trib_status status = cloud_remote_do(remote, upload->key, request, &answer);
    *ret_tries = answer.tries;
    return status;
}

/* ---- parts ---- */

static trib_status block_bytes(const cloud_upload *upload, uint32_t index,
                               const uint8_t md5[CLOUD_MD5_BYTES], uint8_t ret_bytes[BLOCK_BYTES]) {
    uint8_t sha256[TRIB_HASH_BYTES];
    TRIB_TRY(trib_unhex(upload->sha256, sha256, sizeof sha256));
    memcpy(ret_bytes, sha256, 16);
    trib_store_u32(ret_bytes + 16, index);
    memcpy(ret_bytes + 20, md5, CLOUD_MD5_BYTES);
    return TRIB_SUCCESS;
}

static void know(cloud_upload *upload, const answer_item *item) {
    uint8_t block[BLOCK_BYTES + 4], expected[BLOCK_BYTES];
    size_t size = 0;
    if (!trib_ok(cloud_unbase64(item->id, block, sizeof block, &size)) || size != BLOCK_BYTES) {
        return;
    }
    uint32_t index = trib_load_u32(block + 16);
    if (index < upload->part_count && item->size == cloud_part_size(upload, index) &&
        trib_ok(block_bytes(upload, index, block + 20, expected)) &&
        memcmp(block, expected, BLOCK_BYTES) == 0) {
        upload->parts[index].known = true;
        memcpy(upload->parts[index].md5, block + 20, CLOUD_MD5_BYTES);
        (void)snprintf(upload->parts[index].tag, REMOTE_TAG_SIZE, "%.60s", item->id);
    }
}

static trib_status parts_begin(cloud_remote *remote, cloud_upload *upload) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit)
    http_answer answer = {.content = {.ceiling = HTTP_MAX_ANSWER_BYTES}};
    TRIB_SCOPED(answer_page_deinit) answer_page page;
    answer_page_init(&page);
    if (!upload->resume) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(
        make(remote, "GET", upload->key, "comp=blocklist&blocklisttype=uncommitted", &request));
    TRIB_TRY(cloud_remote_send(remote, upload->key, request, &answer));
    /* What cannot be read is put again. */
    if (answer.status == 200 &&
        trib_ok(answer_page_read(ANSWER_AZURE_BLOCKS, trib_buffer_view(&answer.content), &page))) {
        for (size_t i = 0; i < page.count; i++) {
            know(upload, answer_page_at(&page, i));
        }
    }
    return answer.status == 404 ? TRIB_SUCCESS : cloud_remote_judge(remote, upload->key, &answer);
}

static trib_status part_put(cloud_remote *remote, cloud_upload *upload, uint32_t index,
                            trib_bytes content) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    uint8_t md5[CLOUD_MD5_BYTES], block[BLOCK_BYTES];
    char id[BLOCK_TEXT], escaped[3 * BLOCK_TEXT], query[QUERY_SIZE];
    TRIB_TRY(cloud_md5(content, md5));
    TRIB_TRY(block_bytes(upload, index, md5, block));
    cloud_base64(trib_bytes_of(block, sizeof block), id);
    TRIB_TRY(cloud_percent_text(id, false, escaped, sizeof escaped));
    (void)snprintf(query, sizeof query, "comp=block&blockid=%s", escaped);
    TRIB_TRY(make(remote, "PUT", upload->key, query, &request));
    TRIB_TRY(with_body(request, content));
    TRIB_TRY(cloud_remote_do(remote, upload->key, request, &answer));
    memcpy(upload->parts[index].tag, id, sizeof id);
    return TRIB_SUCCESS;
}

static trib_status parts_finish(cloud_remote *remote, cloud_upload *upload, uint32_t *ret_tries) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_SCOPED(trib_buffer_deinit)
    trib_buffer xml = {.ceiling = 256 + upload->part_count * (BLOCK_TEXT + 40)};
    TRIB_TRY(trib_buffer_print(&xml, "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>"));
    for (uint32_t i = 0; i < upload->part_count; i++) {
        TRIB_TRY(trib_buffer_print(&xml, "<Uncommitted>%s</Uncommitted>", upload->parts[i].tag));
    }
    TRIB_TRY(trib_buffer_print(&xml, "</BlockList>"));
    TRIB_TRY(make(remote, "PUT", upload->key, "comp=blocklist", &request));
    TRIB_TRY(with_body(request, trib_buffer_view(&xml)));
    describe(request, upload);
    trib_status status = cloud_remote_do(remote, upload->key, request, &answer);
    *ret_tries = answer.tries;
    return status;
}

/* The service removes blocks that nobody has committed for a week, and has no call for it. */
static void parts_drop(cloud_remote *remote, cloud_upload *upload) {
    (void)remote;
    (void)upload;
}

static trib_status sweep(cloud_remote *remote, uint64_t before_ms) {
    (void)remote;
    (void)before_ms;
    return TRIB_SUCCESS;
}

/* ---- the others ---- */

static trib_status stat(cloud_remote *remote, const char *key, cloud_stat *ret_stat) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_TRY(make(remote, "HEAD", key, "", &request));
    TRIB_TRY(cloud_remote_do(remote, key, request, &answer));
    cloud_stat_fill(key, &answer, ret_stat);
    return TRIB_SUCCESS;
}

static trib_status range(cloud_remote *remote, const char *key, const cloud_stat *found,
                         uint64_t offset, size_t size, http_answer *ret_answer) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_TRY(make(remote, "GET", key, "", &request));
    http_header(request, "x-ms-range: bytes=%llu-%llu", (unsigned long long)offset,
                (unsigned long long)(offset + size - 1));
    if (found->version[0] != '\0') {
        http_header(request, "If-Match: %s", found->version);
    }
    return cloud_remote_do(remote, key, request, ret_answer);
}

static trib_status list(cloud_remote *remote, const char *prefix, const char *after,
                        answer_page *page) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer query = {.ceiling = HTTP_URL_SIZE};
    (void)after; /* the caller leaves out what comes before: the service cannot */
    TRIB_TRY(trib_buffer_print(&query, "restype=container&comp=list&maxresults=1000"));
    if (prefix[0] != '\0') {
        TRIB_TRY(trib_buffer_print(&query, "&prefix="));
        TRIB_TRY(cloud_percent(prefix, false, &query));
    }
    if (page->next[0] != '\0') {
        TRIB_TRY(trib_buffer_print(&query, "&marker="));
        TRIB_TRY(cloud_percent(page->next, false, &query));
    }
    TRIB_TRY(trib_buffer_append(&query, trib_bytes_of("", 1)));
    TRIB_TRY(make(remote, "GET", "", (const char *)query.data, &request));
    return cloud_remote_page(remote, request, ANSWER_AZURE_BLOBS, page);
}

static trib_status take_away(cloud_remote *remote, const char *key) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_TRY(make(remote, "DELETE", key, "", &request));
    return cloud_remote_do_removal(remote, key, request, "BlobNotFound");
}

static void wipe(cloud_remote *remote) {
    azure_bucket *azure = (azure_bucket *)remote;
    trib_wipe(azure->key, sizeof azure->key);
    trib_wipe(azure->sas, sizeof azure->sas);
}

static const cloud_service service = {
    .bucket_word = "container",
    .errors = errors,
    .sign = sign,
    .put_whole = put_whole,
    .parts_begin = parts_begin,
    .part_put = part_put,
    .parts_finish = parts_finish,
    .parts_drop = parts_drop,
    .stat = stat,
    .range = range,
    .list = list,
    .remove = take_away,
    .sweep = sweep,
    .wipe = wipe,
};

static trib_status fill_secret(azure_bucket *azure, const cloud_azure_config *config) {
    char key[256];
    bool has_key = config->account_key != NULL && config->account_key[0] != '\0';
    bool has_sas = config->sas != NULL && config->sas[0] != '\0';
    if (has_key == has_sas) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "one of account_key and sas is needed, not %s",
                         has_key ? "both" : "none");
    }
    if (has_sas) {
        return cloud_setting("sas", config->sas + (config->sas[0] == '?' ? 1 : 0), NULL, azure->sas,
                             sizeof azure->sas);
    }
    TRIB_TRY(cloud_setting("account_key", config->account_key, NULL, key, sizeof key));
    trib_status status = cloud_unbase64(key, azure->key, sizeof azure->key, &azure->key_size);
    trib_wipe(key, sizeof key);
    return trib_ok(status) && azure->key_size > 0
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_ARGUMENT, "account_key is not base64 of at most %zu bytes",
                           sizeof azure->key);
}

static trib_status fill(azure_bucket *azure, const cloud_azure_config *config) {
    char usual[128];
    cloud_remote *remote = &azure->remote;
    TRIB_TRY(
        cloud_setting("account", config->account, NULL, azure->account, sizeof azure->account));
    (void)snprintf(usual, sizeof usual, "https://%s.blob.core.windows.net", azure->account);
    TRIB_TRY(cloud_remote_init(
        remote, &service, "azure", config->container,
        config->endpoint != NULL && config->endpoint[0] != '\0' ? config->endpoint : usual,
        config->ca_file, &config->retry));
    size_t size = strlen(remote->base);
    int length = snprintf(remote->base + size, sizeof remote->base - size, "/%s", remote->bucket);
    if (length < 0 || (size_t)length >= sizeof remote->base - size) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "endpoint is too long");
    }
    return fill_secret(azure, config);
}

trib_status cloud_bucket_azure(const cloud_azure_config *config, cloud_bucket **ret_bucket) {
    azure_bucket *azure = trib_allocate(1, sizeof *azure);
    if (azure == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a bucket");
    }
    trib_status status = fill(azure, config);
    if (!trib_ok(status)) {
        wipe(&azure->remote);
        http_pool_destroy(azure->remote.pool);
        trib_free(azure);
        return trib_context(status, "azure");
    }
    *ret_bucket = &azure->remote.interface;
    return TRIB_SUCCESS;
}
