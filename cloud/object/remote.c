/* The calls of bucket.h, over what a service does. */
#include "cloud/object/order.h"
#include "cloud/object/remote.h"

#include <stdio.h>
#include <string.h>

static cloud_remote *of(cloud_bucket *bucket) {
    return (cloud_remote *)bucket;
}

/* ---- put ---- */

static trib_status read_whole(const cloud_body *body, trib_buffer *ret_content) {
    TRIB_TRY(trib_buffer_reserve(ret_content, (size_t)body->size));
    if (body->size > 0) {
        TRIB_TRY(body->read(body->context, 0, ret_content->data, (size_t)body->size));
    }
    ret_content->size = (size_t)body->size;
    return TRIB_SUCCESS;
}

static trib_status read_some(void *context, uint64_t offset, uint8_t *ret_bytes, size_t room,
                             size_t *ret_size) {
    const cloud_body *body = context;
    uint64_t left = body->size - offset;
    size_t size = left < room ? (size_t)left : room;
    *ret_size = size;
    return size == 0 ? TRIB_SUCCESS : body->read(body->context, offset, ret_bytes, size);
}

static trib_status digest_of(const cloud_body *body, char ret_hex[REMOTE_HEX_SIZE]) {
    cloud_body copy = *body;
    uint8_t sha256[TRIB_HASH_BYTES];
    uint64_t size;
    TRIB_TRY(cloud_digest_all(&(cloud_digest_source){read_some, &copy}, sha256, &size));
    trib_hex(trib_bytes_of(sha256, sizeof sha256), ret_hex);
    return TRIB_SUCCESS;
}

/* The answer to a try that did its work was lost, and a later one found the object there. */
static bool it_was_us(cloud_remote *remote, const cloud_upload *upload) {
    cloud_stat found;
    return trib_ok(remote->service->stat(remote, upload->key, &found)) &&
           strcmp(found.put_id, upload->put_id) == 0;
}

static trib_status settle(cloud_remote *remote, const cloud_upload *upload, trib_status status,
                          uint32_t tries) {
    char message[1024];
    if ((status.code != TRIB_E_STATE && status.code != TRIB_E_NOT_FOUND) || tries < 2) {
        return status;
    }
    (void)snprintf(message, sizeof message, "%s", trib_message());
    return it_was_us(remote, upload) ? TRIB_SUCCESS : TRIB_FAIL(status.code, "%s", message);
}

static trib_status put_small(cloud_remote *remote, cloud_upload *upload) {
    const cloud_body *body = upload->body;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer content = {.ceiling = CLOUD_BUCKET_PART_BYTES};
    uint8_t sha256[TRIB_HASH_BYTES];
    uint32_t tries = 0;
    TRIB_TRY(read_whole(body, &content));
    if (body->sha256 == NULL) {
        TRIB_TRY(trib_crypto_host()->sha256(trib_buffer_view(&content), sha256));
        trib_hex(trib_bytes_of(sha256, sizeof sha256), upload->sha256);
    }
    trib_status status =
        remote->service->put_whole(remote, upload, trib_buffer_view(&content), &tries);
    return settle(remote, upload, status, tries);
}

static trib_status absent_check(cloud_remote *remote, const char *key) {
    cloud_stat found;
    trib_status status = remote->service->stat(remote, key, &found);
    if (status.code == TRIB_E_NOT_FOUND) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    return TRIB_FAIL(TRIB_E_STATE, "%s: %s '%.100s', key '%.300s': it is there already",
                     remote->interface.backend, remote->service->bucket_word, remote->bucket, key);
}

/* Its digest goes before it where that costs little or is needed: a server that compares none that
 * comes behind has the object already when that shows. */
static trib_status put_one(cloud_remote *remote, cloud_upload *upload) {
    const cloud_body *body = upload->body;
    uint32_t tries = 0;
    bool unchecked = false;
    if (upload->if_absent) {
        TRIB_TRY(absent_check(remote, upload->key));
    }
    bool before = body->size <= REMOTE_TWICE_BYTES || upload->if_absent || remote->no_trailers;
    if (body->sha256 == NULL && !before) {
        trib_status status = remote->service->put_one(remote, upload, &tries, &unchecked);
        if (!unchecked) {
            return settle(remote, upload, status, tries);
        }
    }
    if (body->sha256 == NULL) {
        TRIB_TRY(digest_of(body, upload->sha256));
    }
    bool refused = unchecked;
    trib_status status = remote->service->put_one(remote, upload, &tries, &unchecked);
    if (refused && trib_ok(status)) { /* and not for another reason */
        remote->no_trailers = true;
    }
    return settle(remote, upload, status, tries);
}

static trib_status put_large(cloud_remote *remote, cloud_upload *upload) {
    uint32_t tries = 0;
    if (upload->if_absent) { /* before a gigabyte has travelled in vain; finishing looks again */
        TRIB_TRY(absent_check(remote, upload->key));
    }
    if (upload->body->sha256 == NULL) {
        TRIB_TRY(digest_of(upload->body, upload->sha256));
    }
    TRIB_SCOPED(trib_free_scoped)
    upload_part *parts = trib_allocate(upload->part_count, sizeof *parts);
    if (parts == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %u parts", upload->part_count);
    }
    upload->parts = parts;
    TRIB_TRY(remote->service->parts_begin(remote, upload));
    trib_status status = cloud_parts_put(remote, upload);
    if (trib_ok(status)) {
        status = remote->service->parts_finish(remote, upload, &tries);
        status = settle(remote, upload, status, tries);
    }
    if (!trib_ok(status) && (!upload->resume || status.code == TRIB_E_STATE)) {
        char message[1024]; /* cleaning must not hide why */
        (void)snprintf(message, sizeof message, "%s", trib_message());
        remote->service->parts_drop(remote, upload);
        return TRIB_FAIL(status.code, "%s", message);
    }
    return status;
}

static trib_status type_check(const char *type) {
    for (const char *at = type; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~' || at - type >= 200) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "content_type: at most 200 printable characters");
        }
    }
    return TRIB_SUCCESS;
}

static trib_status put(cloud_bucket *bucket, const char *key, const cloud_body *body,
                       const cloud_put_options *options) {
    cloud_remote *remote = of(bucket);
    uint8_t random[(REMOTE_PUT_ID_SIZE - 1) / 2];
    TRIB_TRY(cloud_bucket_key_check(key));
    TRIB_SCOPED(trib_free_scoped) cloud_upload *upload = trib_allocate(1, sizeof *upload);
    if (upload == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a put");
    }
    upload->key = key;
    upload->body = body;
    upload->content_type =
        body->content_type != NULL ? body->content_type : "application/octet-stream";
    upload->if_absent = options != NULL && options->if_absent;
    upload->resume = options != NULL && options->resume;
    TRIB_TRY(type_check(upload->content_type));
    TRIB_TRY(trib_crypto_host()->random(random, sizeof random));
    trib_hex(trib_bytes_of(random, sizeof random), upload->put_id);
    if (body->sha256 != NULL) {
        trib_hex(trib_bytes_of(body->sha256, TRIB_HASH_BYTES), upload->sha256);
    }
    TRIB_TRY(cloud_parts_plan(body->size, &upload->part_bytes, &upload->part_count));
    if (upload->part_count == 1) {
        return put_small(remote, upload);
    }
    return !upload->resume && body->size <= remote->one_request_bytes ? put_one(remote, upload)
                                                                      : put_large(remote, upload);
}

/* ---- the others ---- */

static trib_status get(cloud_bucket *bucket, const char *key, const cloud_sink *sink) {
    cloud_remote *remote = of(bucket);
    cloud_stat stat;
    TRIB_TRY(cloud_bucket_key_check(key));
    TRIB_TRY(remote->service->stat(remote, key, &stat));
    return stat.info.size > 0 && stat.info.size <= remote->one_request_bytes
               ? cloud_stream_get(remote, key, &stat, sink)
               : cloud_ranges_get(remote, key, &stat, sink);
}

static trib_status head(cloud_bucket *bucket, const char *key, cloud_object_info *ret_info) {
    cloud_remote *remote = of(bucket);
    cloud_stat stat;
    TRIB_TRY(cloud_bucket_key_check(key));
    TRIB_TRY(remote->service->stat(remote, key, &stat));
    *ret_info = stat.info;
    return TRIB_SUCCESS;
}

typedef trib_status (*each_object)(void *context, const cloud_object_info *info);

static trib_status tell(cloud_order *order, const answer_item *item, const char *prefix,
                        const char *after) {
    if (!trib_ok(cloud_bucket_key_check(item->name)) || strcmp(item->name, after) <= 0 ||
        strncmp(item->name, prefix, strlen(prefix)) != 0) {
        return TRIB_SUCCESS; /* others' keys, ours of parts, and what was not asked for */
    }
    cloud_object_info info = {.size = item->size, .modified_ms = item->modified_ms};
    memcpy(info.key, item->name, sizeof info.key);
    return order_take(order, &info);
}

static trib_status list(cloud_bucket *bucket, const char *prefix, const char *after,
                        each_object each, void *context) {
    cloud_remote *remote = of(bucket);
    if (strlen(prefix) >= CLOUD_KEY_SIZE || strlen(after) >= CLOUD_KEY_SIZE) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "list: prefix and after are at most %d bytes",
                         CLOUD_KEY_SIZE - 1);
    }
    TRIB_SCOPED(answer_page_deinit) answer_page page;
    TRIB_SCOPED(order_deinit) cloud_order sorted;
    answer_page_init(&page);
    order_init(&sorted, each, context);
    do {
        TRIB_TRY(remote->service->list(remote, prefix, after, &page));
        for (size_t i = 0; i < page.count; i++) {
            TRIB_TRY(tell(&sorted, answer_page_at(&page, i), prefix, after));
        }
    } while (page.next[0] != '\0');
    return order_end(&sorted);
}

static trib_status take_away(cloud_bucket *bucket, const char *key) {
    TRIB_TRY(cloud_bucket_key_check(key));
    return of(bucket)->service->remove(of(bucket), key);
}

static trib_status sweep(cloud_bucket *bucket, uint64_t older_ms) {
    cloud_remote *remote = of(bucket);
    uint64_t now = trib_wall_ms(remote->wait.clock);
    return remote->service->sweep(remote, now > older_ms ? now - older_ms : 0);
}

trib_status cloud_remote_sweep_parts(cloud_remote *remote, uint64_t before_ms) {
    TRIB_SCOPED(answer_page_deinit) answer_page page;
    answer_page_init(&page);
    do {
        TRIB_TRY(remote->service->list(remote, REMOTE_PARTS, "", &page));
        for (size_t i = 0; i < page.count; i++) {
            const answer_item *item = answer_page_at(&page, i);
            if (item->modified_ms <= before_ms && item->name[0] != '\0') {
                TRIB_TRY(remote->service->remove(remote, item->name));
            }
        }
    } while (page.next[0] != '\0');
    return TRIB_SUCCESS;
}

static void destroy(cloud_bucket *bucket) {
    if (bucket != NULL) {
        cloud_remote *remote = of(bucket);
        remote->service->wipe(remote);
        http_pool_destroy(remote->pool);
        trib_free(remote);
    }
}

void cloud_stat_fill(const char *key, const http_answer *answer, cloud_stat *ret_stat) {
    cloud_stat stat = {.info = {.size = answer->length, .modified_ms = answer->modified_ms}};
    (void)snprintf(stat.info.key, sizeof stat.info.key, "%s", key);
    (void)snprintf(stat.version, sizeof stat.version, "%s", answer->etag);
    (void)snprintf(stat.put_id, sizeof stat.put_id, "%s", answer->put_id);
    stat.info.has_sha256 = strlen(answer->sha256) == 2 * TRIB_HASH_BYTES &&
                           trib_ok(trib_unhex(answer->sha256, stat.info.sha256, TRIB_HASH_BYTES));
    /* That of a whole; of parts it is their digests' digest, with a count behind it. */
    if (answer->sha256[0] == '\0' && strlen(answer->checksum) == 44) {
        size_t size = 0;
        stat.info.has_sha256 =
            trib_ok(cloud_unbase64(answer->checksum, stat.info.sha256, TRIB_HASH_BYTES, &size)) &&
            size == TRIB_HASH_BYTES;
    }
    *ret_stat = stat;
}

trib_status cloud_setting(const char *name, const char *value, const char *fallback, char *ret_text,
                          size_t size) {
    const char *text = value != NULL && value[0] != '\0' ? value : fallback;
    if (text == NULL) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s is missing", name);
    }
    size_t length = strnlen(text, size);
    if (length >= size) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s is longer than %zu bytes", name, size - 1);
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] > '~') {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "%s: byte %zu is not a printable character", name,
                             i + 1);
        }
    }
    memcpy(ret_text, text, length);
    ret_text[length] = '\0';
    return TRIB_SUCCESS;
}

/* Lower-case letters, digits, "-", "." and, of Google's, "_": nothing that a URL would take apart.
 */
static trib_status name_check(const char *word, const char *name) {
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-._$") != strlen(name) ||
        strlen(name) < 3) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s '%.100s': at least 3 of a-z, 0-9, '-', '.' and '_'",
                         word, name);
    }
    return TRIB_SUCCESS;
}

trib_status cloud_remote_init(cloud_remote *remote, const cloud_service *service,
                              const char *backend, const char *bucket, const char *endpoint,
                              const char *ca_file, const cloud_retry *retry) {
    remote->interface = (cloud_bucket){backend, put, get, head, list, take_away, sweep, destroy};
    remote->service = service;
    remote->retry = *retry;
    remote->wait = cloud_wait_system();
    TRIB_TRY(cloud_retry_fill(&remote->retry));
    TRIB_TRY(
        cloud_setting(service->bucket_word, bucket, NULL, remote->bucket, sizeof remote->bucket));
    TRIB_TRY(name_check(service->bucket_word, remote->bucket));
    TRIB_TRY(cloud_setting("endpoint", endpoint, NULL, remote->base, sizeof remote->base));
    size_t size = strlen(remote->base);
    while (size > 0 && remote->base[size - 1] == '/') {
        remote->base[--size] = '\0';
    }
    if ((strncmp(remote->base, "http://", 7) != 0 && strncmp(remote->base, "https://", 8) != 0) ||
        strpbrk(remote->base, "?#@") != NULL) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "endpoint: expected http://HOST:PORT or https://HOST, without a query");
    }
    return http_pool_create(ca_file, remote->retry.timeout_ms, &remote->pool);
}
