#include "cloud/object/azure_sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { MOST_PARAMETERS = 16, PARAMETER_SIZE = 4096 };

/* The value of a header, or NULL. */
static const char *header_value(const http_request *request, const char *name) {
    size_t size = strlen(name);
    for (size_t i = 0; i < request->header_count; i++) {
        const char *header = request->headers[i];
        if (strncasecmp(header, name, size) == 0 && header[size] == ':') {
            return header + size + 1 + strspn(header + size + 1, " ");
        }
    }
    return NULL;
}

static int compare_headers(const void *left, const void *right) {
    const char *a = *(const char *const *)left, *b = *(const char *const *)right;
    size_t a_size = strcspn(a, ":"), b_size = strcspn(b, ":");
    int order = strncasecmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

/* Our names are lower-case already, and our values have no spaces at their ends. */
static trib_status sign_headers(const http_request *request, trib_buffer *ret_text) {
    const char *found[HTTP_MAX_HEADERS];
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        if (strncmp(request->headers[i], "x-ms-", 5) == 0) {
            found[count++] = request->headers[i];
        }
    }
    if (count > 1) {
        qsort(found, count, sizeof found[0], compare_headers);
    }
    for (size_t i = 0; i < count; i++) {
        size_t name = strcspn(found[i], ":");
        const char *value = found[i] + name + 1;
        TRIB_TRY(trib_buffer_print(ret_text, "%.*s:%s\n", (int)name, found[i],
                                   value + strspn(value, " ")));
    }
    return TRIB_SUCCESS;
}

static int digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

static trib_status decode(const char *text, size_t size, trib_buffer *ret_text) {
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '%') {
            if (i + 2 >= size || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) {
                return TRIB_FAIL(TRIB_E_CORRUPT, "a parameter that is not percent-encoded");
            }
            c = (char)(digit(text[i + 1]) * 16 + digit(text[i + 2]));
            i += 2;
        }
        TRIB_TRY(trib_buffer_append(ret_text, trib_bytes_of(&c, 1)));
    }
    return TRIB_SUCCESS;
}

static int compare_parameters(const void *left, const void *right) {
    return compare_headers(left, right); /* of each the text up to ":" below */
}

/* "\nname:value" of each parameter, sorted by name; no name stands there twice in ours. */
static trib_status sign_query(const char *query, trib_buffer *ret_text) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer texts = {.ceiling = HTTP_URL_SIZE};
    size_t begins[MOST_PARAMETERS], count = 0;
    const char *sorted[MOST_PARAMETERS];
    for (const char *at = query; *at != '\0';) {
        size_t size = strcspn(at, "&"), name = strcspn(at, "=&");
        if (count == MOST_PARAMETERS) {
            return TRIB_FAIL(TRIB_E_LIMIT, "more than %d parameters", MOST_PARAMETERS);
        }
        begins[count++] = texts.size;
        TRIB_TRY(decode(at, name, &texts));
        TRIB_TRY(trib_buffer_append(&texts, trib_bytes_of(":", 1)));
        TRIB_TRY(decode(at + name + (name < size), size - name - (name < size), &texts));
        TRIB_TRY(trib_buffer_append(&texts, trib_bytes_of("", 1)));
        at += size + (at[size] == '&');
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (const char *)texts.data + begins[i];
    }
    if (count > 1) {
        qsort(sorted, count, sizeof sorted[0], compare_parameters);
    }
    for (size_t i = 0; i < count; i++) {
        TRIB_TRY(trib_buffer_print(ret_text, "\n%s", sorted[i]));
    }
    return TRIB_SUCCESS;
}

trib_status azure_string_to_sign(const http_request *request, const char *account,
                                 trib_buffer *ret_text) {
    /* In this order after the method; the date stands in x-ms-date. */
    static const char *const names[] = {"content-encoding",
                                        "content-language",
                                        "content-length",
                                        "content-md5",
                                        "content-type",
                                        "date",
                                        "if-modified-since",
                                        "if-match",
                                        "if-none-match",
                                        "if-unmodified-since",
                                        "range"};
    size_t body = http_body_bytes(request);
    TRIB_TRY(trib_buffer_print(ret_text, "%s\n", request->method));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = header_value(request, names[i]);
        if (strcmp(names[i], "content-length") == 0 && body > 0) {
            TRIB_TRY(trib_buffer_print(ret_text, "%zu\n", body));
        } else {
            TRIB_TRY(trib_buffer_print(ret_text, "%s\n", value != NULL ? value : ""));
        }
    }
    TRIB_TRY(sign_headers(request, ret_text));
    const char *host = strstr(request->url, "://");
    const char *path = host != NULL ? strchr(host + 3, '/') : NULL;
    size_t size = path != NULL ? strcspn(path, "?") : 0;
    TRIB_TRY(trib_buffer_print(ret_text, "/%s%.*s", account, (int)size, path != NULL ? path : ""));
    return path != NULL && path[size] == '?' ? sign_query(path + size + 1, ret_text) : TRIB_SUCCESS;
}

void azure_date(uint64_t wall_ms, char ret_text[32]) {
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm when = {.tm_mday = 1};
    (void)gmtime_r(&seconds, &when);
    (void)snprintf(ret_text, 32, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
                   days + 3 * (when.tm_wday % 7), (unsigned)when.tm_mday % 100,
                   months + 3 * (when.tm_mon % 12), (unsigned)(when.tm_year + 1900) % 10000,
                   (unsigned)when.tm_hour % 100, (unsigned)when.tm_min % 100,
                   (unsigned)when.tm_sec % 100);
}
