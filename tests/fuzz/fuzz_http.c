/* What whoever holds the token may ask of the cloud: requests as libmicrohttpd hands them on, one
 * after the other to one core. A request is a line and a body, as in
 *
 *     POST /v1/federations
 *     federation: plant ...
 *
 * and a zero byte ends it. Whatever is asked is answered, with JSON or a model. */
#include <jansson.h>

#include "tests/fuzz/core.h"
#include "tests/fuzz/fuzz.h"

static cloud_core *core;
static uint64_t records; /* in the ledger of a core that nothing has changed yet */

static bool known(unsigned status) {
    static const unsigned all[] = {200, 400, 403, 404, 409, 413};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] == status) {
            return true;
        }
    }
    return false;
}

static void must_be_json(const cloud_request *request) {
    json_error_t error;
    json_t *answer =
        json_loadb((const char *)request->answer.data, request->answer.size, 0, &error);
    FUZZ_MUST(json_is_object(answer));
    const char *why = json_string_value(json_object_get(answer, "error"));
    FUZZ_MUST((request->status == 200) == (why == NULL));
    FUZZ_MUST(why == NULL || why[0] != '\0');
    json_decref(answer);
}

static void ask(cloud_request *request) {
    cloud_handle_request(core, request);
    FUZZ_MUST(trib_ok(cloud_settle(core)) && !core->failed);
    FUZZ_MUST(known(request->status));
    FUZZ_MUST(request->type == NULL || request->status == 200);
    if (request->type == NULL) { /* JSON */
        must_be_json(request);
    }
}

/* As the server takes a request apart; what it turns away itself is left out. */
static bool take_apart(trib_bytes text, cloud_request *ret_request) {
    char line[sizeof ret_request->path + sizeof ret_request->method] = "";
    const uint8_t *end = memchr(text.data, '\n', text.size);
    size_t length = end != NULL ? (size_t)(end - text.data) : text.size;
    if (length >= sizeof line) {
        return false;
    }
    memcpy(line, text.data, length);
    char *path = strchr(line, ' ');
    if (path == NULL) {
        return false;
    }
    *path++ = '\0';
    if ((strcmp(line, "GET") != 0 && strcmp(line, "POST") != 0) ||
        strlen(path) >= sizeof ret_request->path) {
        return false;
    }
    *ret_request = (cloud_request){
        .after = -1, .body.ceiling = CLOUD_BODY_CEILING, .answer.ceiling = 16 << 20};
    memcpy(ret_request->method, line, strlen(line));
    char *query = strstr(path, "?after=");
    if (query != NULL) {
        ret_request->after = strtoll(query + strlen("?after="), NULL, 10);
        *query = '\0';
    }
    (void)snprintf(ret_request->path, sizeof ret_request->path, "%s", path);
    if (end != NULL) {
        FUZZ_MUST(trib_ok(trib_buffer_append(&ret_request->body,
                                             trib_bytes_of(end + 1, text.size - length - 1))));
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (core == NULL || cloud_ledger_end(core->ledger) != records) {
        core = fuzz_core_begin();
        records = cloud_ledger_end(core->ledger);
    }
    while (size > 0) {
        const uint8_t *end = memchr(data, 0, size);
        size_t length = end != NULL ? (size_t)(end - data) : size;
        cloud_request request;
        if (take_apart(trib_bytes_of(data, length), &request)) {
            ask(&request);
            trib_buffer_deinit(&request.body);
            trib_buffer_deinit(&request.answer);
        }
        data += length;
        size -= length;
        if (size > 0) {
            data++;
            size--;
        }
    }
    return 0;
}
