/* Requests: tried again while that may help, and their failures put into words. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cloud/object/remote.h"

enum { MESSAGE_SIZE = 1024, CLOCK_OFF_MS = 5 * 60 * 1000 };

http_request *cloud_request_create(const char *method) {
    http_request *request = trib_allocate(1, sizeof *request);
    if (request != NULL) {
        request->method = method;
    }
    return request;
}

void cloud_request_destroy(http_request **request) {
    if (*request != NULL) {
        trib_wipe(*request, sizeof **request);
        trib_free(*request);
    }
}

void cloud_request_url(const cloud_remote *remote, http_request *request, const char *format, ...) {
    size_t size = strlen(remote->base);
    memcpy(request->url, remote->base, size);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(request->url + size, HTTP_URL_SIZE - size, format, arguments);
    va_end(arguments);
    request->overflow = request->overflow || length < 0 || (size_t)length >= HTTP_URL_SIZE - size;
}

/* ---- failures ---- */

typedef struct verdict {
    trib_code code;
    const char *look;
} verdict;

static verdict by_status(long status) {
    if (status == 401 || status == 403) {
        return (verdict){TRIB_E_DENIED, "the credentials, or what they may do"};
    }
    if (status == 404) {
        return (verdict){TRIB_E_NOT_FOUND, "the key, or the bucket's name"};
    }
    if (status == 409 || status == 412) {
        return (verdict){TRIB_E_STATE, "the object that is there"};
    }
    if (status >= 300 && status < 400) {
        return (verdict){TRIB_E_IO, "endpoint and region"};
    }
    return (verdict){TRIB_E_IO, "endpoint"};
}

static verdict judge(const cloud_remote *remote, long status, const char *code) {
    for (const service_error *e = remote->service->errors; e->code != NULL; e++) {
        if (strcmp(e->code, code) == 0) {
            return (verdict){e->status, e->look};
        }
    }
    return by_status(status);
}

/* How far this machine's clock is from the server's; "" where that is no reason. */
static void clock_text(const cloud_remote *remote, const http_answer *answer, const char *code,
                       char *ret_text, size_t size) {
    uint64_t now = trib_wall_ms(remote->wait.clock), theirs = answer->date_ms;
    bool said = strcmp(code, "RequestTimeTooSkewed") == 0 || strcmp(code, "invalid_grant") == 0;
    uint64_t off = theirs == 0 ? 0 : now > theirs ? now - theirs : theirs - now;
    bool denied = answer->status == 400 || answer->status == 401 || answer->status == 403;
    ret_text[0] = '\0';
    if (denied && off > CLOCK_OFF_MS) {
        (void)snprintf(ret_text, size,
                       "; this machine's clock is %llu s %s the server's: set the clock",
                       (unsigned long long)off / 1000, now > theirs ? "ahead of" : "behind");
    } else if (said && strcmp(code, "invalid_grant") != 0) {
        (void)snprintf(ret_text, size, "; this machine's clock is wrong: set the clock");
    }
}

static trib_status fail(const cloud_remote *remote, const char *key, trib_code code,
                        const char *what) {
    return key != NULL
               ? TRIB_FAIL(code, "%s: %s '%.100s', key '%.300s': %s", remote->interface.backend,
                           remote->service->bucket_word, remote->bucket, key, what)
               : TRIB_FAIL(code, "%s: %s '%.100s': %s", remote->interface.backend,
                           remote->service->bucket_word, remote->bucket, what);
}

static void describe(const http_answer *answer, answer_error *ret_error) {
    answer_error_read(trib_buffer_view(&answer->content), ret_error);
    if (ret_error->code[0] == '\0') {
        (void)snprintf(ret_error->code, sizeof ret_error->code, "%s", answer->error_code);
    }
}

trib_status cloud_remote_judge(const cloud_remote *remote, const char *key,
                               const http_answer *answer) {
    if (answer->status >= 200 && answer->status < 300) {
        return TRIB_SUCCESS;
    }
    char what[MESSAGE_SIZE], off[128];
    answer_error error;
    describe(answer, &error);
    verdict found = judge(remote, answer->status, error.code);
    clock_text(remote, answer, error.code, off, sizeof off);
    (void)snprintf(what, sizeof what, "the server said %ld%s%s%s%s (see %s)%s", answer->status,
                   error.code[0] != '\0' ? " " : "", error.code,
                   error.message[0] != '\0' ? ": " : "", error.message, found.look, off);
    return fail(remote, key, found.code, what);
}

/* ---- tries ---- */

static bool worth_another(const http_answer *answer, const char *code) {
    /* The last three: bytes that were changed on the way. */
    static const char *const codes[] = {"RequestTimeout",
                                        "SlowDown",
                                        "InternalError",
                                        "ServerBusy",
                                        "OperationTimedOut",
                                        "BadDigest",
                                        "XAmzContentSHA256Mismatch",
                                        "Md5Mismatch"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(codes[i], code) == 0) {
            return true;
        }
    }
    return answer->status == 408 || answer->status == 429 || answer->status == 500 ||
           answer->status == 502 || answer->status == 503 || answer->status == 504;
}

/* One try; the answer's status becomes the error's, where a success holds one. */
static trib_status try_once(cloud_remote *remote, http_request *request, http_answer *answer,
                            answer_error *ret_error) {
    size_t headers = request->header_count, url = strlen(request->url);
    *ret_error = (answer_error){.code = ""};
    trib_status status = remote->service->sign(remote, request);
    if (trib_ok(status)) {
        status = http_exchange(remote->pool, request, answer);
    }
    request->header_count = headers; /* the next try is signed anew */
    request->url[url] = '\0';
    if (trib_ok(status) && (answer->status >= 300 || request->error_in_success)) {
        describe(answer, ret_error);
        if (answer->status < 300 && ret_error->code[0] != '\0') {
            answer->status = 500;
        }
    }
    return status;
}

trib_status cloud_remote_send(cloud_remote *remote, const char *key, http_request *request,
                              http_answer *ret_answer) {
    cloud_schedule schedule;
    cloud_schedule_init(&schedule, &remote->retry, &remote->wait);
    for (bool refused = false;;) {
        answer_error error;
        uint64_t taken = request->drain != NULL ? request->drain->taken : 0;
        trib_status status = try_once(remote, request, ret_answer, &error);
        if (request->drain != NULL && request->drain->taken > taken + CLOUD_BUCKET_PART_BYTES) {
            cloud_schedule_init(&schedule, &remote->retry, &remote->wait); /* it gets on */
        }
        ret_answer->tries = schedule.tried + 1;
        if (!trib_ok(status) && status.code != TRIB_E_RETRY) {
            return fail(remote, key, status.code, trib_message());
        }
        if (trib_ok(status)) {
            if (!refused && remote->service->refused != NULL &&
                remote->service->refused(remote, ret_answer)) {
                refused = true;
                continue;
            }
            if (!worth_another(ret_answer, error.code)) {
                return TRIB_SUCCESS;
            }
        }
        char what[MESSAGE_SIZE];
        if (trib_ok(status)) {
            (void)snprintf(what, sizeof what, "the server said %ld %s: %s", ret_answer->status,
                           error.code, error.message);
        } else {
            (void)snprintf(what, sizeof what, "%s", trib_message());
        }
        if (!cloud_schedule_again(&schedule, ret_answer->retry_after_ms)) {
            char all[MESSAGE_SIZE + 64];
            (void)snprintf(all, sizeof all, "given up after %u tries: %s (see endpoint, retry)",
                           schedule.tried, what);
            return fail(remote, key, TRIB_E_RETRY, all);
        }
    }
}

trib_status cloud_remote_do(cloud_remote *remote, const char *key, http_request *request,
                            http_answer *ret_answer) {
    TRIB_TRY(cloud_remote_send(remote, key, request, ret_answer));
    return cloud_remote_judge(remote, key, ret_answer);
}

trib_status cloud_remote_do_removal(cloud_remote *remote, const char *key, http_request *request,
                                    const char *missing) {
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    answer_error error;
    TRIB_TRY(cloud_remote_send(remote, key, request, &answer));
    describe(&answer, &error);
    return answer.status == 404 && strcmp(error.code, missing) == 0
               ? TRIB_SUCCESS
               : cloud_remote_judge(remote, key, &answer);
}

trib_status cloud_remote_page(cloud_remote *remote, http_request *request, answer_kind kind,
                              answer_page *page) {
    TRIB_SCOPED(http_answer_deinit)
    http_answer answer = {.content = {.ceiling = HTTP_MAX_ANSWER_BYTES}};
    TRIB_TRY(cloud_remote_do(remote, NULL, request, &answer));
    trib_status status = answer_page_read(kind, trib_buffer_view(&answer.content), page);
    return trib_context(status, "%s: %s '%.100s': listing", remote->interface.backend,
                        remote->service->bucket_word, remote->bucket);
}
