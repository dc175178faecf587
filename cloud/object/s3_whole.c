/* A put to S3 in one request, whose body is read while it is sent.
 *
 * Where the digest is known before, it is signed with the request. Where it is not, it goes behind
 * the body, as a trailing checksum: chunks "SIZE\r\nBYTES\r\n", the last of them empty, then
 * "x-amz-checksum-sha256:BASE64\r\n\r\n". The server compares either with what has come.
 *
 * source   Amazon S3 API Reference, "Uploading objects with trailing checksums"
 */
#include <stdio.h>
#include <string.h>

#include "cloud/object/s3.h"

enum { CHUNK = 1 << 20, CHECKSUM_SIZE = 48 };
#define TRAILER "x-amz-checksum-sha256"

typedef struct whole {
    const cloud_body *body;
    bool trailing;
    trib_hash hash;      /* of trailing */
    uint64_t offset;     /* of the body: what was read */
    uint64_t chunk_left; /* without framing the whole is one chunk */
    char frame[160];     /* what comes before more of the body */
    size_t frame_size, frame_at;
    bool ended;
    char checksum[CHECKSUM_SIZE];
} whole;

static void whole_deinit(whole *w) {
    trib_crypto_host()->hash_deinit(&w->hash);
}

static trib_status begin(void *context) {
    whole *w = context;
    trib_crypto_host()->hash_deinit(&w->hash);
    w->hash = (trib_hash){.state = {.context = NULL}};
    w->offset = 0;
    w->frame_size = w->frame_at = 0;
    w->ended = false;
    w->chunk_left = w->trailing ? 0 : w->body->size;
    return w->trailing ? trib_crypto_host()->hash_init(&w->hash) : TRIB_SUCCESS;
}

/* What stands between the chunk that was sent and the next, or behind the last. */
static trib_status next_frame(whole *w) {
    uint64_t left = w->body->size - w->offset;
    const char *before = w->offset > 0 ? "\r\n" : "";
    int length;
    w->chunk_left = left < CHUNK ? left : CHUNK;
    if (left == 0) {
        uint8_t sha256[TRIB_HASH_BYTES];
        TRIB_TRY(trib_crypto_host()->hash_finish(&w->hash, sha256));
        cloud_base64(trib_bytes_of(sha256, sizeof sha256), w->checksum);
        length = snprintf(w->frame, sizeof w->frame, "%s0\r\n" TRAILER ":%s\r\n\r\n", before,
                          w->checksum);
        w->ended = true;
    } else {
        length = snprintf(w->frame, sizeof w->frame, "%s%llx\r\n", before,
                          (unsigned long long)w->chunk_left);
    }
    TRIB_ASSERT(length > 0 && (size_t)length < sizeof w->frame);
    w->frame_size = (size_t)length;
    w->frame_at = 0;
    return TRIB_SUCCESS;
}

static trib_status read_body(whole *w, uint8_t *ret_bytes, size_t size) {
    TRIB_TRY(w->body->read(w->body->context, w->offset, ret_bytes, size));
    if (w->trailing) {
        TRIB_TRY(trib_crypto_host()->hash_update(&w->hash, trib_bytes_of(ret_bytes, size)));
    }
    w->offset += size;
    w->chunk_left -= size;
    return TRIB_SUCCESS;
}

static trib_status read(void *context, uint8_t *ret_bytes, size_t room, size_t *ret_size) {
    whole *w = context;
    size_t done = 0;
    while (done < room) {
        size_t frame = w->frame_size - w->frame_at, left = room - done;
        if (frame > 0) {
            size_t size = frame < left ? frame : left;
            memcpy(ret_bytes + done, w->frame + w->frame_at, size);
            w->frame_at += size;
            done += size;
        } else if (w->chunk_left > 0) {
            size_t size = w->chunk_left < left ? (size_t)w->chunk_left : left;
            TRIB_TRY(read_body(w, ret_bytes + done, size));
            done += size;
        } else if (w->trailing && !w->ended) {
            TRIB_TRY(next_frame(w));
        } else {
            break;
        }
    }
    *ret_size = done;
    return TRIB_SUCCESS;
}

/* With chunks' sizes, and the checksum. */
static uint64_t framed_bytes(uint64_t size) {
    char text[32];
    uint64_t last = size % CHUNK, framed = size;
    framed += size / CHUNK * (uint64_t)(snprintf(text, sizeof text, "%x", (unsigned)CHUNK) + 4);
    if (last > 0) {
        framed += (uint64_t)(snprintf(text, sizeof text, "%llx", (unsigned long long)last) + 4);
    }
    return framed + strlen("0\r\n" TRAILER ":\r\n\r\n") + 44; /* base64 of 32 bytes */
}

static trib_status describe(http_request *request, const cloud_upload *upload, bool trailing) {
    http_header(request, "Content-Type: %s", upload->content_type);
    http_header(request, "x-amz-meta-tributaryput: %s", upload->put_id);
    if (trailing) {
        http_header(request, "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        http_header(request, "x-amz-decoded-content-length: %llu",
                    (unsigned long long)upload->body->size);
        http_header(request, "x-amz-trailer: " TRAILER);
        http_header(request, "Content-Encoding: aws-chunked");
    } else {
        http_header(request, "x-amz-content-sha256: %s", upload->sha256);
        http_header(request, "x-amz-meta-tributarysha256: %s", upload->sha256);
    }
    if (upload->if_absent) {
        http_header(request, "If-None-Match: *");
    }
    return TRIB_SUCCESS;
}

/* A server that knows no trailing checksums refuses the request, or says nothing of ours. */
static bool unchecked(const whole *w, const http_answer *answer) {
    long status = answer->status;
    return status < 300 ? strcmp(answer->checksum, w->checksum) != 0
                        : status == 400 || status == 403 || status == 411 || status == 501;
}

trib_status s3_put_one(cloud_remote *remote, const cloud_upload *upload, uint32_t *ret_tries,
                       bool *ret_unchecked) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_SCOPED(whole_deinit)
    whole w = {.body = upload->body, .trailing = upload->sha256[0] == '\0'};
    const http_source source = {.size = w.trailing ? framed_bytes(upload->body->size)
                                                   : upload->body->size,
                                .begin = begin,
                                .read = read,
                                .context = &w};
    TRIB_TRY(s3_request(remote, "PUT", upload->key, "", &request));
    TRIB_TRY(describe(request, upload, w.trailing));
    request->source = &source;
    trib_status status = cloud_remote_send(remote, upload->key, request, &answer);
    *ret_tries = answer.tries;
    /* Some take the word for a digest, which then never is the body's, however often it is tried.
     */
    *ret_unchecked =
        w.trailing && (trib_ok(status) ? unchecked(&w, &answer) : answer.status == 400);
    TRIB_TRY(status);
    return cloud_remote_judge(remote, upload->key, &answer);
}

trib_status s3_get_one(cloud_remote *remote, const char *key, const cloud_stat *found,
                       http_drain *drain) {
    TRIB_SCOPED(cloud_request_destroy) http_request *request = NULL;
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_TRY(s3_request(remote, "GET", key, "", &request));
    TRIB_TRY(s3_body(request, trib_bytes_of(NULL, 0)));
    if (found->version[0] != '\0') {
        http_header(request, "If-Match: %s", found->version);
    }
    request->drain = drain; /* signing adds the range of what is missing */
    return cloud_remote_do(remote, key, request, &answer);
}
