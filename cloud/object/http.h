/* One HTTP exchange through libcurl: bytes in memory both ways, bounded. Private to the room.
 *
 * errors   TRIB_E_RETRY the connection failed, was cut, or stood still;  TRIB_E_LIMIT an answer
 * past its ceiling;  TRIB_E_DENIED the server's certificate;  TRIB_E_IO the rest. A status of any
 * kind that came whole is success owns     the pool its idle connections; answers their content
 * threads  the pool: any; an exchange: one
 */
#ifndef CLOUD_OBJECT_HTTP_H
#define CLOUD_OBJECT_HTTP_H

#include "cloud/object/bucket.h"

enum {
    HTTP_URL_SIZE = 8192,
    HTTP_MAX_HEADERS = 16,
    HTTP_HEADER_SIZE = 4224, /* a token of CLOUD_SETTING_MAX_BYTES, and its name */
    HTTP_MAX_PIECES = 3,
    HTTP_MAX_ANSWER_BYTES = 8 << 20, /* of what is not an object's content: a page of a listing */
};

typedef struct http_pool http_pool;
/* `ca_file` may be NULL; it is copied. */
TRIB_MUST_CHECK trib_status http_pool_create(const char *ca_file, uint32_t timeout_ms,
                                             http_pool **ret_pool);
void http_pool_destroy(http_pool *pool);

/* A body that is made while it is sent. A failure ends the exchange with it. */
typedef struct http_source {
    uint64_t size; /* bytes */
    /* From its first byte on: before each try, and where libcurl must send it again. */
    TRIB_MUST_CHECK trib_status (*begin)(void *context);
    TRIB_MUST_CHECK trib_status (*read)(void *context, uint8_t *ret_bytes, size_t room,
                                        size_t *ret_size);
    void *context;
} http_source;

/* Where the content of a success (200, or 206 once bytes were taken) goes instead of into the
 * answer, while it comes. A failure ends the exchange with it. */
typedef struct http_drain {
    TRIB_MUST_CHECK trib_status (*write)(void *context, trib_bytes part);
    void *context;
    uint64_t taken; /* bytes, by all tries: another one asks for what comes after them */
} http_drain;

typedef struct http_request {
    const char *method;
    char url[HTTP_URL_SIZE];
    char headers[HTTP_MAX_HEADERS][HTTP_HEADER_SIZE]; /* "Name: value" */
    size_t header_count;
    bool overflow;                      /* a header or the URL did not fit */
    trib_bytes pieces[HTTP_MAX_PIECES]; /* the body, one after the other; views */
    size_t piece_count;
    const http_source *source; /* of a PUT: instead of pieces; NULL: none */
    http_drain *drain;         /* NULL: none */
    const char *sigv4;         /* "aws:amz:REGION:s3", or NULL */
    const char *user_key;      /* "ACCESS:SECRET" with sigv4 */
    bool error_in_success;     /* an error may come with status 200 */
} http_request;

void http_header(http_request *request, const char *format, ...) TRIB_PRINTF(2, 3);
size_t http_body_bytes(const http_request *request);

typedef struct http_answer {
    long status;
    char etag[256];      /* with its quotes */
    char error_code[64]; /* Azure's, of a header */
    char sha256[65];     /* our metadata; "" without */
    char checksum[48];   /* S3's own SHA-256 of the whole, in base64; "" without */
    char put_id[33];
    char generation[32];  /* Google's */
    uint64_t length;      /* Content-Length */
    uint64_t modified_ms; /* since 1970; 0 if unsaid */
    uint64_t date_ms;
    uint32_t retry_after_ms;
    uint32_t tries;      /* that it took: more than one may have done the work twice */
    trib_buffer content; /* ceiling set by the caller */
} http_answer;

void http_answer_deinit(http_answer *answer);

/* `ret_answer` is as after a memset but for its content's ceiling and storage, which are kept. */
TRIB_MUST_CHECK trib_status http_exchange(http_pool *pool, const http_request *request,
                                          http_answer *ret_answer);

#endif
