/* Amazon S3 and what speaks its protocol. libcurl signs (SigV4), which it does over the address as
 * it stands: paths are escaped here, and the parameters of a query stand in bytewise order, each
 * with a "=".
 *
 * source   Amazon S3 API Reference, 2006-03-01
 */
#include <stdio.h>
#include <string.h>

#include "cloud/object/s3.h"

enum { ONE_REQUEST_MB = 64 };

static const service_error errors[] = {
    {"RequestTimeTooSkewed", TRIB_E_DENIED, "the clock"},
    {"SignatureDoesNotMatch", TRIB_E_DENIED, "secret_key"},
    {"InvalidAccessKeyId", TRIB_E_DENIED, "access_key"},
    {"XAdminUserNotFound", TRIB_E_DENIED, "access_key"}, /* versitygw's */
    {"InvalidToken", TRIB_E_DENIED, "session_token"},
    {"ExpiredToken", TRIB_E_DENIED, "session_token"},
    {"AccessDenied", TRIB_E_DENIED, "what access_key may do"},
    {"AuthorizationHeaderMalformed", TRIB_E_DENIED, "region"},
    {"PermanentRedirect", TRIB_E_IO, "endpoint and region"},
    {"NoSuchBucket", TRIB_E_NOT_FOUND, "bucket"},
    {"NoSuchKey", TRIB_E_NOT_FOUND, "the key"},
    {"NoSuchUpload", TRIB_E_NOT_FOUND, "the key: was its upload swept?"},
    {"PreconditionFailed", TRIB_E_STATE, "the object that is there"},
    {"ConditionalRequestConflict", TRIB_E_STATE, "other writers of the key"},
    {"BadDigest", TRIB_E_CORRUPT, "the network: bytes were changed on the way"},
    {"XAmzContentSHA256Mismatch", TRIB_E_CORRUPT, "the network: bytes were changed on the way"},
    {NULL, TRIB_OK, NULL},
};

static trib_status sign(cloud_remote *remote, http_request *request) {
    const s3_bucket *s3 = (const s3_bucket *)remote;
    request->sigv4 = s3->sigv4;
    request->user_key = s3->user_key;
    if (s3->session_token[0] != '\0') {
        http_header(request, "x-amz-security-token: %s", s3->session_token);
    }
    if (request->drain != NULL && request->drain->taken > 0) {
        http_header(request, "Range: bytes=%llu-", (unsigned long long)request->drain->taken);
    }
    return TRIB_SUCCESS;
}

trib_status s3_body(http_request *request, trib_bytes body) {
    uint8_t sha256[TRIB_HASH_BYTES];
    char hex[REMOTE_HEX_SIZE];
    TRIB_TRY(trib_crypto_host()->sha256(body, sha256));
    trib_hex(trib_bytes_of(sha256, sizeof sha256), hex);
    http_header(request, "x-amz-content-sha256: %s", hex);
    request->pieces[0] = body;
    request->piece_count = 1;
    return TRIB_SUCCESS;
}

trib_status s3_request(const cloud_remote *remote, const char *method, const char *key,
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
    return TRIB_SUCCESS;
}

void s3_describe(http_request *request, const cloud_upload *upload) {
    http_header(request, "Content-Type: %s", upload->content_type);
    http_header(request, "x-amz-meta-tributarysha256: %s", upload->sha256);
    http_header(request, "x-amz-meta-tributaryput: %s", upload->put_id);
}

static trib_status put_whole(cloud_remote *remote, const cloud_upload *upload, trib_bytes content,
                             uint32_t *ret_tries) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_TRY(s3_request(remote, "PUT", upload->key, "", &request));
    TRIB_TRY(s3_body(request, content));
    s3_describe(request, upload);
    if (upload->if_absent) {
        http_header(request, "If-None-Match: *");
    }
    trib_status status = cloud_remote_do(remote, upload->key, request, &answer);
    *ret_tries = answer.tries;
    return status;
}

static trib_status stat(cloud_remote *remote, const char *key, cloud_stat *ret_stat) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_TRY(s3_request(remote, "HEAD", key, "", &request));
    TRIB_TRY(s3_body(request, trib_bytes_of(NULL, 0)));
    http_header(request, "x-amz-checksum-mode: ENABLED");
    TRIB_TRY(cloud_remote_do(remote, key, request, &answer));
    cloud_stat_fill(key, &answer, ret_stat);
    return TRIB_SUCCESS;
}

static trib_status range(cloud_remote *remote, const char *key, const cloud_stat *found,
                         uint64_t offset, size_t size, http_answer *ret_answer) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_TRY(s3_request(remote, "GET", key, "", &request));
    TRIB_TRY(s3_body(request, trib_bytes_of(NULL, 0)));
    http_header(request, "Range: bytes=%llu-%llu", (unsigned long long)offset,
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
    if (page->next[0] != '\0') {
        TRIB_TRY(trib_buffer_print(&query, "continuation-token="));
        TRIB_TRY(cloud_percent(page->next, false, &query));
        TRIB_TRY(trib_buffer_print(&query, "&"));
    }
    TRIB_TRY(trib_buffer_print(&query, "list-type=2&max-keys=1000"));
    if (prefix[0] != '\0') {
        TRIB_TRY(trib_buffer_print(&query, "&prefix="));
        TRIB_TRY(cloud_percent(prefix, false, &query));
    }
    if (after[0] != '\0' && page->next[0] == '\0') {
        TRIB_TRY(trib_buffer_print(&query, "&start-after="));
        TRIB_TRY(cloud_percent(after, false, &query));
    }
    TRIB_TRY(trib_buffer_append(&query, trib_bytes_of("", 1)));
    TRIB_TRY(s3_request(remote, "GET", "", (const char *)query.data, &request));
    TRIB_TRY(s3_body(request, trib_bytes_of(NULL, 0)));
    return cloud_remote_page(remote, request, ANSWER_S3_OBJECTS, page);
}

static trib_status take_away(cloud_remote *remote, const char *key) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_TRY(s3_request(remote, "DELETE", key, "", &request));
    TRIB_TRY(s3_body(request, trib_bytes_of(NULL, 0)));
    return cloud_remote_do_removal(remote, key, request, "NoSuchKey");
}

static void wipe(cloud_remote *remote) {
    s3_bucket *s3 = (s3_bucket *)remote;
    trib_wipe(s3->user_key, sizeof s3->user_key);
    trib_wipe(s3->session_token, sizeof s3->session_token);
}

static const cloud_service service = {
    .bucket_word = "bucket",
    .errors = errors,
    .sign = sign,
    .put_whole = put_whole,
    .put_one = s3_put_one,
    .get_one = s3_get_one,
    .parts_begin = s3_parts_begin,
    .part_put = s3_part_put,
    .parts_finish = s3_parts_finish,
    .parts_drop = s3_parts_drop,
    .stat = stat,
    .range = range,
    .list = list,
    .remove = take_away,
    .sweep = s3_sweep,
    .wipe = wipe,
};

/* Puts the bucket where it belongs: behind the host, or before it. */
static trib_status place_bucket(cloud_remote *remote, bool path_style) {
    char endpoint[sizeof remote->base];
    memcpy(endpoint, remote->base, sizeof endpoint);
    const char *host = strstr(endpoint, "://") + 3; /* cloud_remote_init has checked */
    int length =
        path_style ? snprintf(remote->base, sizeof remote->base, "%s/%s", endpoint, remote->bucket)
                   : snprintf(remote->base, sizeof remote->base, "%.*s%s.%s",
                              (int)(host - endpoint), endpoint, remote->bucket, host);
    return length > 0 && (size_t)length < sizeof remote->base
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_ARGUMENT, "endpoint is too long");
}

static trib_status fill(s3_bucket *s3, const cloud_s3_config *config) {
    char region[64], amazon[128], access[256], secret[512];
    TRIB_TRY(cloud_setting("region", config->region, "us-east-1", region, sizeof region));
    (void)snprintf(amazon, sizeof amazon, "https://s3.%s.amazonaws.com", region);
    TRIB_TRY(cloud_remote_init(
        &s3->remote, &service, "s3", config->bucket,
        config->endpoint != NULL && config->endpoint[0] != '\0' ? config->endpoint : amazon,
        config->ca_file, &config->retry));
    TRIB_TRY(place_bucket(&s3->remote, config->path_style));
    uint64_t one_mb = config->one_request_mb != 0 ? config->one_request_mb : ONE_REQUEST_MB;
    if (one_mb > CLOUD_S3_MAX_ONE_REQUEST_MB) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "one_request_mb: %u is more than %d",
                         config->one_request_mb, CLOUD_S3_MAX_ONE_REQUEST_MB);
    }
    s3->remote.one_request_bytes = one_mb << 20;
    TRIB_TRY(cloud_setting("access_key", config->access_key, NULL, access, sizeof access));
    if (strchr(access, ':') != NULL) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "access_key holds a ':'");
    }
    TRIB_TRY(cloud_setting("secret_key", config->secret_key, NULL, secret, sizeof secret));
    (void)snprintf(s3->user_key, sizeof s3->user_key, "%s:%s", access, secret);
    trib_wipe(secret, sizeof secret);
    TRIB_TRY(cloud_setting("session_token", config->session_token, "", s3->session_token,
                           sizeof s3->session_token));
    (void)snprintf(s3->sigv4, sizeof s3->sigv4, "aws:amz:%s:s3", region);
    return TRIB_SUCCESS;
}

trib_status cloud_bucket_s3(const cloud_s3_config *config, cloud_bucket **ret_bucket) {
    s3_bucket *s3 = trib_allocate(1, sizeof *s3);
    if (s3 == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a bucket");
    }
    trib_status status = fill(s3, config);
    if (!trib_ok(status)) {
        wipe(&s3->remote);
        http_pool_destroy(s3->remote.pool);
        trib_free(s3);
        return trib_context(status, "s3");
    }
    *ret_bucket = &s3->remote.interface;
    return TRIB_SUCCESS;
}
