#include "cloud/object/http.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

/* Idle handles keep their connections. Threads only meet to take one and to give it back. */
enum { IDLE = CLOUD_BUCKET_MAX_CONNECTIONS };
struct http_pool {
    pthread_mutex_t lock;
    CURL *idle[IDLE]; /* under lock */
    size_t idle_count;
    char *ca_file; /* owned; NULL: the system's */
    uint32_t timeout_ms;
};

typedef struct exchange {
    const http_request *request;
    http_answer *answer;
    size_t sent;
    long status;        /* of the answer that comes */
    uint64_t begun;     /* what the drain had taken before */
    trib_status kept;   /* why content was not taken */
    trib_status source; /* why there was none to send */
} exchange;

static pthread_once_t curl_started = PTHREAD_ONCE_INIT;
static void start_curl(void) {
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* curl_easy_init tells if it failed */
}

trib_status http_pool_create(const char *ca_file, uint32_t timeout_ms, http_pool **ret_pool) {
    http_pool *pool = trib_allocate(1, sizeof *pool);
    char *copy = ca_file != NULL ? trib_duplicate_text(ca_file) : NULL;
    if (pool == NULL || (ca_file != NULL && copy == NULL)) {
        trib_free(pool);
        trib_free(copy);
        return TRIB_FAIL(TRIB_E_IO, "no memory for connections");
    }
    (void)pthread_once(&curl_started, start_curl);
    int made = pthread_mutex_init(&pool->lock, NULL);
    TRIB_ASSERT(made == 0); /* the default kind cannot fail here */
    pool->ca_file = copy;
    pool->timeout_ms = timeout_ms;
    *ret_pool = pool;
    return TRIB_SUCCESS;
}

void http_pool_destroy(http_pool *pool) {
    if (pool == NULL) {
        return;
    }
    for (size_t i = 0; i < pool->idle_count; i++) {
        curl_easy_cleanup(pool->idle[i]);
    }
    (void)pthread_mutex_destroy(&pool->lock);
    trib_free(pool->ca_file);
    trib_free(pool);
}

static CURL *take_idle(http_pool *pool) {
    CURL *curl = NULL;
    (void)pthread_mutex_lock(&pool->lock);
    if (pool->idle_count > 0) {
        curl = pool->idle[--pool->idle_count];
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return curl != NULL ? curl : curl_easy_init();
}

static void give_back(http_pool *pool, CURL *curl) {
    curl_easy_reset(curl); /* forgets secrets too, keeps connections */
    (void)pthread_mutex_lock(&pool->lock);
    bool room = pool->idle_count < IDLE;
    if (room) {
        pool->idle[pool->idle_count++] = curl;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (!room) {
        curl_easy_cleanup(curl);
    }
}

void http_header(http_request *request, const char *format, ...) {
    if (request->header_count == HTTP_MAX_HEADERS) {
        request->overflow = true;
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int length =
        vsnprintf(request->headers[request->header_count++], HTTP_HEADER_SIZE, format, arguments);
    va_end(arguments);
    request->overflow = request->overflow || length < 0 || length >= HTTP_HEADER_SIZE;
}

size_t http_body_bytes(const http_request *request) {
    size_t size = 0;
    for (size_t i = 0; i < request->piece_count; i++) {
        size += request->pieces[i].size; /* of memory that is there: no overflow */
    }
    return size;
}

void http_answer_deinit(http_answer *answer) {
    trib_buffer_deinit(&answer->content);
}

/* ---- libcurl's callbacks ---- */

static size_t read_source(exchange *e, uint8_t *to, size_t room) {
    size_t size = 0;
    e->source = e->request->source->read(e->request->source->context, to, room, &size);
    return trib_ok(e->source) ? size : CURL_READFUNC_ABORT;
}

static size_t on_read(char *to, size_t size, size_t count, void *context) {
    exchange *e = context;
    if (e->request->source != NULL) {
        return read_source(e, (uint8_t *)to, size * count);
    }
    size_t room = size * count, done = 0, begin = 0;
    for (size_t i = 0; i < e->request->piece_count && done < room; i++) {
        trib_bytes piece = e->request->pieces[i];
        if (e->sent < begin + piece.size) {
            size_t from = e->sent - begin;
            size_t part = piece.size - from < room - done ? piece.size - from : room - done;
            memcpy(to + done, piece.data + from, part);
            done += part;
            e->sent += part;
        }
        begin += piece.size;
    }
    return done;
}

static int on_seek(void *context, curl_off_t offset, int origin) {
    exchange *e = context;
    if (origin != SEEK_SET || offset < 0) {
        return CURL_SEEKFUNC_FAIL;
    }
    if (e->request->source != NULL) {
        e->source = offset == 0 ? e->request->source->begin(e->request->source->context)
                                : TRIB_FAIL(TRIB_E_RETRY, "the body is asked for in the middle");
        return trib_ok(e->source) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
    }
    e->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t on_write(char *from, size_t size, size_t count, void *context) {
    exchange *e = context;
    trib_bytes part = trib_bytes_of(from, size * count);
    http_drain *drain = e->request->drain;
    if (drain != NULL && e->status == (e->begun > 0 ? 206 : 200)) {
        e->kept = drain->write(drain->context, part);
        drain->taken += part.size;
    } else {
        e->kept = trib_buffer_append(&e->answer->content, part);
    }
    return trib_ok(e->kept) ? size * count : 0;
}

/* The value of the header if it has that name; its end is cut. */
static bool header_is(const char *line, size_t size, const char *name, char *ret_value,
                      size_t value_size) {
    size_t length = strlen(name);
    if (size <= length || strncasecmp(line, name, length) != 0 || line[length] != ':') {
        return false;
    }
    size_t begin = length + 1, end = size;
    while (begin < end && strchr(" \t", line[begin]) != NULL) {
        begin++;
    }
    while (end > begin && (unsigned char)line[end - 1] <= ' ') {
        end--;
    }
    size_t take = end - begin < value_size ? end - begin : value_size - 1;
    memcpy(ret_value, line + begin, take);
    ret_value[take] = '\0';
    return true;
}

static uint64_t date_of(const char *text) {
    time_t seconds = curl_getdate(text, NULL);
    return seconds < 0 ? 0 : (uint64_t)seconds * 1000;
}

static void keep_header(http_answer *answer, const char *line, size_t size) {
    char value[64];
    if (header_is(line, size, "etag", answer->etag, sizeof answer->etag) ||
        header_is(line, size, "x-ms-error-code", answer->error_code, sizeof answer->error_code) ||
        header_is(line, size, "x-goog-generation", answer->generation, sizeof answer->generation) ||
        header_is(line, size, "x-amz-checksum-sha256", answer->checksum, sizeof answer->checksum) ||
        header_is(line, size, "x-amz-meta-tributarysha256", answer->sha256,
                  sizeof answer->sha256) ||
        header_is(line, size, "x-ms-meta-tributarysha256", answer->sha256, sizeof answer->sha256) ||
        header_is(line, size, "x-amz-meta-tributaryput", answer->put_id, sizeof answer->put_id) ||
        header_is(line, size, "x-ms-meta-tributaryput", answer->put_id, sizeof answer->put_id)) {
        return;
    }
    if (header_is(line, size, "content-length", value, sizeof value)) {
        answer->length = strtoull(value, NULL, 10);
        /* A hint: the content comes without the buffer growing on the way. */
        if (answer->length <= answer->content.ceiling) {
            trib_ignore(trib_buffer_reserve(&answer->content, (size_t)answer->length));
        }
    } else if (header_is(line, size, "last-modified", value, sizeof value)) {
        answer->modified_ms = date_of(value);
    } else if (header_is(line, size, "date", value, sizeof value)) {
        answer->date_ms = date_of(value);
    } else if (header_is(line, size, "retry-after", value, sizeof value)) {
        unsigned long seconds = strtoul(value, NULL, 10);
        answer->retry_after_ms = seconds > 3600 ? 3600000 : (uint32_t)seconds * 1000;
    }
}

static void answer_begin(http_answer *answer) {
    trib_buffer content = answer->content;
    content.size = 0;
    *answer = (http_answer){.content = content};
}

/* "HTTP/1.1 200 OK", "HTTP/2 200" */
static long status_of(const char *line, size_t size) {
    long status = 0;
    const char *at = memchr(line, ' ', size), *end = line + size;
    for (at = at != NULL ? at + 1 : end; at < end && *at >= '0' && *at <= '9' && status < 1000;
         at++) {
        status = 10 * status + (*at - '0');
    }
    return status;
}

static size_t on_header(char *line, size_t size, size_t count, void *context) {
    exchange *e = context;
    if (size * count > 5 && memcmp(line, "HTTP/", 5) == 0) {
        answer_begin(e->answer); /* after "100 Continue" comes the answer itself */
        e->status = status_of(line, size * count);
    } else {
        keep_header(e->answer, line, size * count);
    }
    return size * count;
}

/* ---- an exchange ---- */

static void set_limits(CURL *curl, const http_pool *pool) {
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)pool->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)(pool->timeout_ms + 999) / 1000);
    (void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 512L << 10);
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 1024L << 10);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "tributary");
    if (pool->ca_file != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, pool->ca_file);
    }
}

static void set_method(CURL *curl, const http_request *request) {
    uint64_t size = request->source != NULL ? request->source->size : http_body_bytes(request);
    if (strcmp(request->method, "HEAD") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (strcmp(request->method, "PUT") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
    } else if (strcmp(request->method, "POST") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    } else if (strcmp(request->method, "GET") != 0) {
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    }
}

static bool set_headers(CURL *curl, const http_request *request, struct curl_slist **list) {
    for (size_t i = 0; i < request->header_count; i++) {
        struct curl_slist *longer = curl_slist_append(*list, request->headers[i]);
        if (longer == NULL) {
            return false;
        }
        *list = longer;
    }
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *list);
    return true;
}

static bool set_request(CURL *curl, const http_pool *pool, exchange *e, struct curl_slist **list) {
    const http_request *request = e->request;
    set_limits(curl, pool);
    set_method(curl, request);
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, e);
    (void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
    (void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, e);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, e);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, e);
    if (request->sigv4 != NULL) {
        if (curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, request->sigv4) != CURLE_OK ||
            curl_easy_setopt(curl, CURLOPT_USERPWD, request->user_key) != CURLE_OK) {
            return false;
        }
    }
    return curl_easy_setopt(curl, CURLOPT_URL, request->url) == CURLE_OK &&
           set_headers(curl, request, list);
}

static trib_status judge(CURLcode result, const exchange *e, const http_pool *pool,
                         const char *detail) {
    const char *why = *detail != '\0' ? detail : curl_easy_strerror(result);
    trib_code code = TRIB_E_IO;
    const char *look = "";
    if (!trib_ok(e->source)) {
        return e->source;
    }
    switch ((int)result) {
    case CURLE_OK:
        return TRIB_SUCCESS;
    case CURLE_WRITE_ERROR:
        return TRIB_FAIL(trib_ok(e->kept) ? TRIB_E_IO : e->kept.code, "the answer: %s",
                         trib_ok(e->kept) ? why : trib_message());
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        code = TRIB_E_RETRY;
        look = " (see endpoint)";
        break;
    case CURLE_OPERATION_TIMEDOUT:
        return TRIB_FAIL(TRIB_E_RETRY, "%s (a try without a byte ends after %u ms: see timeout_ms)",
                         why, pool->timeout_ms);
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_WEIRD_SERVER_REPLY:
        code = TRIB_E_RETRY;
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        code = TRIB_E_DENIED;
        look = " (see ca_file)";
        break;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        code = TRIB_E_ARGUMENT;
        look = " (see endpoint)";
        break;
    default:
        break;
    }
    return TRIB_FAIL(code, "%s%s", why, look);
}

trib_status http_exchange(http_pool *pool, const http_request *request, http_answer *ret_answer) {
    exchange e = {.request = request,
                  .answer = ret_answer,
                  .begun = request->drain != NULL ? request->drain->taken : 0};
    char detail[CURL_ERROR_SIZE] = "";
    struct curl_slist *list = NULL;
    if (request->overflow) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a header or the address is too long");
    }
    if (request->source != NULL) {
        TRIB_TRY(request->source->begin(request->source->context));
    }
    CURL *curl = take_idle(pool);
    if (curl == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "libcurl does not start");
    }
    answer_begin(ret_answer);
    trib_status status = TRIB_FAIL(TRIB_E_IO, "no memory for a request");
    if (set_request(curl, pool, &e, &list)) {
        (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
        CURLcode result = curl_easy_perform(curl);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret_answer->status);
        status = judge(result, &e, pool, detail);
    }
    curl_slist_free_all(list);
    give_back(pool, curl);
    return status;
}
