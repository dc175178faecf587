/* S3's multipart uploads. One that may be resumed leaves a note: an object below our own prefix,
 * named by key and content, that holds the upload's id. Its digest stands in the upload from the
 * beginning, so another content's upload is never gone on with. */
#include <stdio.h>
#include <string.h>

#include "cloud/object/s3.h"

enum { NOTE_SIZE = 256, QUERY_SIZE = 5120 };

static trib_status note_name(const cloud_upload *upload, char ret_name[NOTE_SIZE]) {
    uint8_t digest[TRIB_HASH_BYTES];
    char key[REMOTE_HEX_SIZE];
    TRIB_TRY(trib_crypto_host()->sha256(trib_bytes_text(upload->key), digest));
    trib_hex(trib_bytes_of(digest, sizeof digest), key);
    (void)snprintf(ret_name, NOTE_SIZE, REMOTE_PARTS "%.32s-%s", key, upload->sha256);
    return TRIB_SUCCESS;
}

/* One request with little in it and little back. */
static trib_status ask(cloud_remote *remote, const char *method, const char *key, const char *query,
                       trib_bytes body, const char *type, http_answer *ret_answer) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_TRY(s3_request(remote, method, key, query, &request));
    TRIB_TRY(s3_body(request, body));
    if (type != NULL) {
        http_header(request, "Content-Type: %s", type);
    }
    return cloud_remote_do(remote, key, request, ret_answer);
}

static trib_status note_write(cloud_remote *remote, const cloud_upload *upload) {
    char name[NOTE_SIZE];
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_TRY(note_name(upload, name));
    return ask(remote, "PUT", name, "", trib_bytes_text(upload->id), "text/plain", &answer);
}

static trib_status note_read(cloud_remote *remote, cloud_upload *upload) {
    char name[NOTE_SIZE];
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_TRY(note_name(upload, name));
    TRIB_TRY(ask(remote, "GET", name, "", trib_bytes_of(NULL, 0), NULL, &answer));
    size_t size = answer.content.size;
    if (size == 0 || size >= sizeof upload->id || memchr(answer.content.data, 0, size) != NULL) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "a note that is none");
    }
    memcpy(upload->id, answer.content.data, size);
    upload->id[size] = '\0';
    return TRIB_SUCCESS;
}

static trib_status query_of(const cloud_upload *upload, const char *before,
                            char ret_query[QUERY_SIZE]) {
    char id[3 * sizeof upload->id];
    TRIB_TRY(cloud_percent_text(upload->id, false, id, sizeof id));
    int length = snprintf(ret_query, QUERY_SIZE, "%suploadId=%s", before, id);
    return length > 0 && length < QUERY_SIZE
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_LIMIT, "an upload's id is too long");
}

static void note_known(cloud_upload *upload, const answer_item *item) {
    if (item->number == 0 || item->number > upload->part_count) {
        return;
    }
    uint32_t index = (uint32_t)item->number - 1;
    upload_part *part = &upload->parts[index];
    char hex[2 * CLOUD_MD5_BYTES + 1] = "";
    size_t length = strlen(item->id);
    if (length == sizeof hex + 1 && item->id[0] == '"') {
        memcpy(hex, item->id + 1, sizeof hex - 1);
    } else if (length == sizeof hex - 1) {
        memcpy(hex, item->id, sizeof hex - 1);
    }
    /* An ETag that is no MD5, as with some kinds of encryption, leaves the part to be put again. */
    if (hex[0] != '\0' && item->size == cloud_part_size(upload, index) &&
        trib_ok(trib_unhex(hex, part->md5, sizeof part->md5))) {
        part->known = true;
        memcpy(part->tag, item->id, length + 1);
    }
}

static trib_status known_parts(cloud_remote *remote, cloud_upload *upload) {
    TRIB_SCOPED(answer_page_deinit) answer_page page;
    answer_page_init(&page);
    do {
        char query[QUERY_SIZE], marker[64] = "max-parts=1000&";
        if (page.next[0] != '\0') {
            (void)snprintf(marker, sizeof marker, "max-parts=1000&part-number-marker=%.16s&",
                           page.next);
        }
        TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
        TRIB_TRY(query_of(upload, marker, query));
        TRIB_TRY(s3_request(remote, "GET", upload->key, query, &request));
        TRIB_TRY(s3_body(request, trib_bytes_of(NULL, 0)));
        TRIB_TRY(cloud_remote_page(remote, request, ANSWER_S3_PARTS, &page));
        for (size_t i = 0; i < page.count; i++) {
            note_known(upload, answer_page_at(&page, i));
        }
    } while (page.next[0] != '\0');
    return TRIB_SUCCESS;
}

trib_status s3_parts_begin(cloud_remote *remote, cloud_upload *upload) {
    if (upload->resume && trib_ok(note_read(remote, upload)) &&
        trib_ok(known_parts(remote, upload))) {
        return TRIB_SUCCESS;
    }
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    memset(upload->parts, 0, upload->part_count * sizeof *upload->parts);
    TRIB_TRY(s3_request(remote, "POST", upload->key, "uploads=", &request));
    TRIB_TRY(s3_body(request, trib_bytes_of(NULL, 0)));
    s3_describe(request, upload);
    TRIB_TRY(cloud_remote_do(remote, upload->key, request, &answer));
    TRIB_TRY(answer_element(trib_buffer_view(&answer.content), "UploadId", upload->id,
                            sizeof upload->id));
    return upload->resume ? note_write(remote, upload) : TRIB_SUCCESS;
}

trib_status s3_part_put(cloud_remote *remote, cloud_upload *upload, uint32_t index,
                        trib_bytes content) {
    char query[QUERY_SIZE], number[32];
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    (void)snprintf(number, sizeof number, "partNumber=%u&", index + 1);
    TRIB_TRY(query_of(upload, number, query));
    TRIB_TRY(ask(remote, "PUT", upload->key, query, content, "application/octet-stream", &answer));
    if (answer.etag[0] == '\0' || strlen(answer.etag) >= REMOTE_TAG_SIZE ||
        strpbrk(answer.etag, "<>&") != NULL) {
        return TRIB_FAIL(TRIB_E_CORRUPT,
                         "s3: key '%.300s': a part without an ETag that can be used", upload->key);
    }
    memcpy(upload->parts[index].tag, answer.etag, strlen(answer.etag) + 1);
    return TRIB_SUCCESS;
}

static trib_status completion(const cloud_upload *upload, trib_buffer *ret_xml) {
    TRIB_TRY(trib_buffer_print(ret_xml, "<CompleteMultipartUpload "
                                        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"));
    for (uint32_t i = 0; i < upload->part_count; i++) {
        TRIB_TRY(trib_buffer_print(ret_xml,
                                   "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", i + 1,
                                   upload->parts[i].tag));
    }
    return trib_buffer_print(ret_xml, "</CompleteMultipartUpload>");
}

static void note_remove(cloud_remote *remote, const cloud_upload *upload) {
    char name[NOTE_SIZE];
    if (upload->resume && trib_ok(note_name(upload, name))) {
        trib_ignore(remote->service->remove(remote, name)); /* sweeping finds it */
    }
}

trib_status s3_parts_finish(cloud_remote *remote, cloud_upload *upload, uint32_t *ret_tries) {
    char query[QUERY_SIZE];
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_SCOPED(trib_buffer_deinit)
    trib_buffer xml = {.ceiling = 256 + upload->part_count * (REMOTE_TAG_SIZE + 64)};
    TRIB_TRY(completion(upload, &xml));
    TRIB_TRY(query_of(upload, "", query));
    TRIB_TRY(s3_request(remote, "POST", upload->key, query, &request));
    TRIB_TRY(s3_body(request, trib_buffer_view(&xml)));
    http_header(request, "Content-Type: application/xml");
    if (upload->if_absent) {
        http_header(request, "If-None-Match: *");
    }
    request->error_in_success = true;
    trib_status status = cloud_remote_do(remote, upload->key, request, &answer);
    *ret_tries = answer.tries;
    if (trib_ok(status)) {
        note_remove(remote, upload);
    }
    return status;
}

static trib_status abort_upload(cloud_remote *remote, const char *key, const char *query) {
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    trib_status status = ask(remote, "DELETE", key, query, trib_bytes_of(NULL, 0), NULL, &answer);
    return status.code == TRIB_E_NOT_FOUND ? TRIB_SUCCESS : status;
}

void s3_parts_drop(cloud_remote *remote, cloud_upload *upload) {
    char query[QUERY_SIZE];
    if (upload->id[0] != '\0' && trib_ok(query_of(upload, "", query))) {
        trib_ignore(abort_upload(remote, upload->key, query)); /* sweeping finds it */
    }
    note_remove(remote, upload);
}

static trib_status uploads_query(const answer_page *page, trib_buffer *ret_query) {
    if (page->next[0] != '\0') {
        TRIB_TRY(trib_buffer_print(ret_query, "key-marker="));
        TRIB_TRY(cloud_percent(page->next, false, ret_query));
        TRIB_TRY(trib_buffer_print(ret_query, "&"));
    }
    TRIB_TRY(trib_buffer_print(ret_query, "max-uploads=1000&"));
    if (page->next_too[0] != '\0') {
        TRIB_TRY(trib_buffer_print(ret_query, "upload-id-marker="));
        TRIB_TRY(cloud_percent(page->next_too, false, ret_query));
        TRIB_TRY(trib_buffer_print(ret_query, "&"));
    }
    TRIB_TRY(trib_buffer_print(ret_query, "uploads="));
    return trib_buffer_append(ret_query, trib_bytes_of("", 1));
}

static trib_status abort_older(cloud_remote *remote, const answer_page *page, uint64_t before_ms) {
    for (size_t i = 0; i < page->count; i++) {
        const answer_item *item = answer_page_at(page, i);
        cloud_upload upload = {.key = item->name};
        char query[QUERY_SIZE];
        if (item->modified_ms > before_ms || item->name[0] == '\0' || item->id[0] == '\0') {
            continue;
        }
        memcpy(upload.id, item->id, sizeof upload.id);
        TRIB_TRY(query_of(&upload, "", query));
        TRIB_TRY(abort_upload(remote, item->name, query));
    }
    return TRIB_SUCCESS;
}

trib_status s3_sweep(cloud_remote *remote, uint64_t before_ms) {
    TRIB_SCOPED(answer_page_deinit) answer_page page;
    answer_page_init(&page);
    do {
        TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer query = {.ceiling = HTTP_URL_SIZE};
        TRIB_TRY(uploads_query(&page, &query));
        TRIB_TRY(s3_request(remote, "GET", "", (const char *)query.data, &request));
        TRIB_TRY(s3_body(request, trib_bytes_of(NULL, 0)));
        TRIB_TRY(cloud_remote_page(remote, request, ANSWER_S3_UPLOADS, &page));
        TRIB_TRY(abort_older(remote, &page, before_ms));
    } while (page.next[0] != '\0');
    return cloud_remote_sweep_parts(remote, before_ms);
}
