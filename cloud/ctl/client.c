#include "cloud/ctl/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "cloud/ctl/json_value.h"
#include "common/base/file.h"

enum { TOKEN_CEILING = 4096, URL_SIZE = 2048 };

struct ctl_client {
    CURL *curl;
    struct curl_slist *authorization; /* NULL without a token */
    char url[URL_SIZE / 2];           /* without a slash at its end */
};

/* One request. */
typedef struct exchange {
    char url[URL_SIZE];
    const char *content_type; /* NULL: GET */
    trib_bytes body;
    trib_buffer *answer;
    bool large;    /* a model: no ceiling on its time, only on standing still */
    bool overflow; /* the answer did not fit */
    long status;
} exchange;

bool ctl_connection_option(int option, ctl_connection *connection) {
    switch (option) {
    case 1:
        connection->cloud = optarg;
        return true;
    case 2:
        connection->token_file = optarg;
        return true;
    case 3:
        connection->json = true;
        return true;
    default:
        return false;
    }
}

static trib_status token_read(const char *path, struct curl_slist **ret_header) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer token = {.ceiling = TOKEN_CEILING};
    TRIB_TRY(trib_context(trib_file_read(path, &token), "token file"));
    while (token.size > 0 && strchr(" \t\r\n", token.data[token.size - 1]) != NULL) {
        token.size--;
    }
    for (size_t i = 0; i < token.size; i++) {
        if (token.data[i] <= ' ' || token.data[i] > '~') {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "%s holds no token: byte %zu is not printable", path,
                             i + 1);
        }
    }
    if (token.size == 0) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s is empty: it should hold the cloud's token", path);
    }
    char header[TOKEN_CEILING + 32];
    (void)snprintf(header, sizeof header, "Authorization: Bearer %.*s", (int)token.size,
                   (const char *)token.data);
    *ret_header = curl_slist_append(NULL, header);
    return *ret_header == NULL ? TRIB_FAIL(TRIB_E_IO, "no memory for the token") : TRIB_SUCCESS;
}

static const char *setting(const char *given, const char *variable, const char *fallback) {
    const char *text = given != NULL ? given : getenv(variable);
    return text == NULL || *text == 0 ? fallback : text;
}

trib_status ctl_client_create(const ctl_connection *connection, ctl_client **ret_client) {
    const char *url = setting(connection->cloud, "TRIBUTARY_CLOUD", "http://127.0.0.1:8700");
    const char *token = setting(connection->token_file, "TRIBUTARY_TOKEN_FILE", NULL);
    TRIB_SCOPED(ctl_client_destroy_scoped)
    ctl_client *client = trib_allocate(1, sizeof *client);
    if (client == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a client");
    }
    size_t size = strlen(url);
    while (size > 0 && url[size - 1] == '/') {
        size--;
    }
    if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
        size >= sizeof client->url) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "--cloud %s: expected http://HOST:PORT or https://HOST",
                         url);
    }
    memcpy(client->url, url, size);
    if (token != NULL) {
        TRIB_TRY(token_read(token, &client->authorization));
    }
    client->curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    if (client->curl == NULL) {
        return TRIB_FAIL(TRIB_E_INTERNAL, "libcurl does not start");
    }
    *ret_client = client;
    client = NULL;
    return TRIB_SUCCESS;
}

void ctl_client_destroy(ctl_client *client) {
    if (client != NULL) {
        curl_slist_free_all(client->authorization);
        curl_easy_cleanup(client->curl);
        trib_free(client);
    }
}

void ctl_client_destroy_scoped(ctl_client **client) {
    ctl_client_destroy(*client);
}

/* URL/v1/part/part..., each part escaped; then ?query. */
static trib_status url_make(ctl_client *client, const char *query, va_list parts,
                            char ret_url[URL_SIZE]) {
    int at = snprintf(ret_url, URL_SIZE, "%s/v1", client->url);
    for (const char *part = va_arg(parts, const char *); part != NULL && at < URL_SIZE;
         part = va_arg(parts, const char *)) {
        char *escaped = curl_easy_escape(client->curl, part, 0);
        if (escaped == NULL || *escaped == 0 || strcmp(part, ".") == 0 || strcmp(part, "..") == 0) {
            curl_free(escaped);
            return TRIB_FAIL(TRIB_E_ARGUMENT, "'%s' is no name", part);
        }
        at += snprintf(ret_url + at, (size_t)(URL_SIZE - at), "/%s", escaped);
        curl_free(escaped);
    }
    if (query != NULL && at < URL_SIZE) {
        at += snprintf(ret_url + at, (size_t)(URL_SIZE - at), "?%s", query);
    }
    return at >= URL_SIZE ? TRIB_FAIL(TRIB_E_LIMIT, "the names are too long") : TRIB_SUCCESS;
}

static size_t answer_take(char *data, size_t size, size_t count, void *context) {
    exchange *e = context;
    if (!trib_ok(trib_buffer_append(e->answer, trib_bytes_of(data, size * count)))) {
        e->overflow = true;
        return 0; /* which ends the transfer */
    }
    return size * count;
}

static void curl_prepare(ctl_client *client, exchange *e, struct curl_slist *headers) {
    CURL *curl = client->curl;
    curl_easy_reset(curl); /* keeps the connection */
    (void)curl_easy_setopt(curl, CURLOPT_URL, e->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "tributary");
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "127.0.0.1,localhost,::1");
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CTL_CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)CTL_STALL_S);
    if (!e->large) {
        (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)CTL_ANSWER_MS);
    }
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, answer_take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, e);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (e->content_type != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)e->body.size);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                               e->body.size == 0 ? "" : (const char *)e->body.data);
    }
}

static void headers_free(struct curl_slist **headers) {
    curl_slist_free_all(*headers);
}

/* Content type and authorization; NULL only for lack of memory. */
static struct curl_slist *headers_make(const ctl_client *client, const exchange *e) {
    char text[128];
    (void)snprintf(text, sizeof text, "Content-Type: %s",
                   e->content_type == NULL ? "application/json" : e->content_type);
    struct curl_slist *headers = curl_slist_append(NULL, text);
    if (headers != NULL && client->authorization != NULL) {
        struct curl_slist *more = curl_slist_append(headers, client->authorization->data);
        if (more == NULL) {
            curl_slist_free_all(headers);
        }
        headers = more;
    }
    return headers;
}

static trib_status exchange_failed(const ctl_client *client, const exchange *e, CURLcode code) {
    if (e->overflow) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the answer of %s is larger than %zu bytes", e->url,
                         e->answer->ceiling);
    }
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) {
        return TRIB_FAIL(TRIB_E_RETRY,
                         "no tributary-cloud answers at %s: start it, or name another with --cloud",
                         client->url);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return TRIB_FAIL(TRIB_E_RETRY, "%s did not answer in time", client->url);
    }
    return TRIB_FAIL(TRIB_E_RETRY, "%s: %s", client->url, curl_easy_strerror(code));
}

/* What the cloud says of an error, or "". Control characters are not for a terminal. */
static void error_text(const exchange *e, char *ret_text, size_t size) {
    TRIB_SCOPED(ctl_json_release)
    json_t *answer = json_loadb((const char *)e->answer->data, e->answer->size, 0, NULL);
    (void)snprintf(ret_text, size, "%s", ctl_json_text(answer, "error", ""));
    for (char *c = ret_text; *c != 0; c++) {
        *c = (unsigned char)*c < ' ' || *c == 127 ? ' ' : *c;
    }
}

static trib_status exchange_refused(const ctl_client *client, const exchange *e) {
    char text[400];
    error_text(e, text, sizeof text);
    const char *colon = text[0] == 0 ? "" : ": ";
    if (e->status == 401 || e->status == 403) {
        return TRIB_FAIL(TRIB_E_DENIED, "%s refuses the token%s%s (see --token-file)", client->url,
                         colon, text);
    }
    if (text[0] == 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s answers %ld: is that a tributary-cloud?", e->url,
                         e->status);
    }
    return TRIB_FAIL(e->status == 404                       ? TRIB_E_NOT_FOUND
                     : e->status == 429 || e->status >= 500 ? TRIB_E_RETRY
                                                            : TRIB_E_ARGUMENT,
                     "%s", text);
}

static trib_status exchange_run(ctl_client *client, exchange *e) {
    TRIB_SCOPED(headers_free) struct curl_slist *headers = headers_make(client, e);
    if (headers == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a request");
    }
    curl_prepare(client, e, headers);
    CURLcode code = curl_easy_perform(client->curl);
    if (code != CURLE_OK) {
        return exchange_failed(client, e, code);
    }
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &e->status);
    return e->status == 200 ? TRIB_SUCCESS : exchange_refused(client, e);
}

static trib_status exchange_json(ctl_client *client, const exchange *request, json_t **ret_answer) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = CTL_ANSWER_CEILING};
    exchange e = *request;
    json_error_t error;
    e.answer = &text;
    TRIB_TRY(exchange_run(client, &e));
    json_t *answer = json_loadb((const char *)text.data, text.size, 0, &error);
    if (!json_is_object(answer)) {
        json_decref(answer);
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s does not answer in JSON: is that a tributary-cloud?",
                         e.url);
    }
    *ret_answer = answer;
    return TRIB_SUCCESS;
}

trib_status ctl_client_get(ctl_client *client, json_t **ret_answer, ...) {
    exchange e = {0};
    va_list parts;
    va_start(parts, ret_answer);
    trib_status status = url_make(client, NULL, parts, e.url);
    va_end(parts);
    TRIB_TRY(status);
    return exchange_json(client, &e, ret_answer);
}

trib_status ctl_client_get_query(ctl_client *client, const char *query, json_t **ret_answer, ...) {
    exchange e = {0};
    va_list parts;
    va_start(parts, ret_answer);
    trib_status status = url_make(client, query, parts, e.url);
    va_end(parts);
    TRIB_TRY(status);
    return exchange_json(client, &e, ret_answer);
}

trib_status ctl_client_post(ctl_client *client, const char *content_type, trib_bytes body,
                            json_t **ret_answer, ...) {
    exchange e = {.content_type = content_type, .body = body};
    va_list parts;
    va_start(parts, ret_answer);
    trib_status status = url_make(client, NULL, parts, e.url);
    va_end(parts);
    TRIB_TRY(status);
    return exchange_json(client, &e, ret_answer);
}

trib_status ctl_client_fetch(ctl_client *client, trib_buffer *ret_bytes, ...) {
    exchange e = {.answer = ret_bytes, .large = true};
    size_t before = ret_bytes->size;
    va_list parts;
    va_start(parts, ret_bytes);
    trib_status status = url_make(client, NULL, parts, e.url);
    va_end(parts);
    TRIB_TRY(status);
    status = exchange_run(client, &e);
    if (!trib_ok(status)) {
        ret_bytes->size = before;
    }
    return status;
}
