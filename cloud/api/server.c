#include "cloud/api/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_BYTES = 32, CONNECTIONS = 64, TIMEOUT_S = 10, ANSWER_WAIT_MS = 1000 };

struct cloud_server {
    struct MHD_Daemon *daemon;
    cloud_core *core;
    char expected[2 * TOKEN_BYTES + 16]; /* "Bearer TOKEN" */
};

static trib_status load_token(cloud_server *server) {
    const char *path = server->core->config.api_token_file;
    char text[2 * TOKEN_BYTES + 2] = "";
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer stored = {.ceiling = 256};
    trib_status status = trib_disk_read(server->core->disk, path, &stored);
    if (status.code == TRIB_E_NOT_FOUND) {
        uint8_t bytes[TOKEN_BYTES];
        int handle;
        TRIB_TRY(server->core->crypto->random(bytes, sizeof bytes));
        trib_hex(trib_bytes_of(bytes, sizeof bytes), text);
        TRIB_TRY(server->core->disk->open(server->core->disk, path, TRIB_OPEN_APPEND, &handle));
        status = server->core->disk->append(server->core->disk, handle, trib_bytes_text(text));
        server->core->disk->close(server->core->disk, handle);
        TRIB_TRY(status);
    } else {
        TRIB_TRY(status);
        size_t length = stored.size;
        while (length > 0 && (stored.data[length - 1] == '\n' || stored.data[length - 1] == '\r')) {
            length--;
        }
        if (length < 16 || length >= sizeof text) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "%s: expected a token of 16 to %zu characters", path,
                             sizeof text - 1);
        }
        memcpy(text, stored.data, length);
        text[length] = '\0';
    }
    (void)snprintf(server->expected, sizeof server->expected, "Bearer %s", text);
    return TRIB_SUCCESS;
}

static bool needs_token(const char *url) {
    return strcmp(url, "/v1/health") != 0 && strcmp(url, "/metrics") != 0;
}

static bool allowed(const cloud_server *server, struct MHD_Connection *connection,
                    const char *url) {
    if (!needs_token(url)) {
        return true;
    }
    const char *given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    size_t length = strlen(server->expected);
    return given != NULL && strlen(given) == length &&
           trib_secret_equal(given, server->expected, length);
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const void *bytes,
                              size_t size, const char *type) {
    union {
        const void *read;
        void *any;
    } view = {.read = bytes}; /* copied by the library */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, view.any, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, "Content-Type", type);
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
                                   const char *text) {
    return answer(connection, status, text, strlen(text), "application/json");
}

static void drop_nothing(void *item) {
    (void)item;
}

static cloud_request *new_request(struct MHD_Connection *connection, const char *url,
                                  const char *method) {
    cloud_request *request = trib_allocate(1, sizeof *request);
    if (request == NULL || strlen(url) >= sizeof request->path ||
        strlen(method) >= sizeof request->method ||
        !trib_ok(trib_queue_create(1, drop_nothing, &request->answered))) {
        trib_free(request);
        return NULL;
    }
    memcpy(request->path, url, strlen(url) + 1);
    memcpy(request->method, method, strlen(method) + 1);
    const char *after = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "after");
    request->after = after != NULL ? strtoll(after, NULL, 10) : -1;
    request->body.ceiling = needs_token(url) ? CLOUD_BODY_CEILING : 0;
    request->answer.ceiling = 16 << 20;
    return request;
}

static void free_request(cloud_request *request) {
    if (request != NULL) {
        trib_queue_destroy(request->answered);
        trib_buffer_deinit(&request->body);
        trib_buffer_deinit(&request->answer);
        trib_free(request);
    }
}

static enum MHD_Result ask_core(cloud_server *server, struct MHD_Connection *connection,
                                cloud_request *request) {
    cloud_event *event = trib_allocate(1, sizeof *event);
    if (event == NULL) {
        return MHD_NO;
    }
    *event = (cloud_event){.kind = CLOUD_EVENT_REQUEST, .request = request};
    if (!cloud_core_push(server->core, event)) {
        trib_free(event);
        return answer_text(connection, 503, "{\"error\":\"busy\",\"code\":\"retry\"}");
    }
    /* The core answers each request it has taken, also when it stops. */
    while (trib_queue_pop(request->answered, ANSWER_WAIT_MS) == NULL) {
    }
    return answer(connection, request->status, request->answer.data, request->answer.size,
                  request->type != NULL ? request->type : "application/json");
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state) {
    cloud_server *server = context;
    (void)version;
    cloud_request *request = *state;
    if (request == NULL) {
        if (!allowed(server, connection, url)) { /* whoever has no token sends no body either */
            return answer_text(
                connection, 401,
                "{\"error\":\"a valid bearer token is needed\",\"code\":\"denied\"}");
        }
        *state = new_request(connection, url, method);
        return *state != NULL ? MHD_YES : MHD_NO;
    }
    if (*upload_size > 0) {
        bool fits =
            trib_ok(trib_buffer_append(&request->body, trib_bytes_of(upload, *upload_size)));
        request->status = fits ? request->status : 413;
        *upload_size = 0;
        return MHD_YES;
    }
    if (request->status == 413) {
        return answer_text(connection, 413,
                           "{\"error\":\"the body is too long\",\"code\":\"limit\"}");
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "POST") != 0) {
        return answer_text(connection, 405,
                           "{\"error\":\"only GET and POST\",\"code\":\"argument\"}");
    }
    return ask_core(server, connection, request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
    (void)context;
    (void)connection;
    (void)code;
    free_request(*state);
    *state = NULL;
}

trib_status cloud_server_start(cloud_core *core, cloud_server **ret_server) {
    cloud_server *server = trib_allocate(1, sizeof *server);
    if (server == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the API");
    }
    server->core = core;
    trib_status status = load_token(server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(core->config.api_port)};
    if (trib_ok(status) && inet_pton(AF_INET, core->config.api_host, &address.sin_addr) != 1) {
        status = TRIB_FAIL(TRIB_E_ARGUMENT, "api.listen: '%s' is no IPv4 address",
                           core->config.api_host);
    }
    if (trib_ok(status)) {
        server->daemon = MHD_start_daemon(
            MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL,
            on_request, server, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
            (unsigned)TIMEOUT_S, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
        if (server->daemon == NULL) {
            status = TRIB_FAIL(TRIB_E_IO, "the API cannot listen on %s:%u: is the port taken?",
                               core->config.api_host, core->config.api_port);
        }
    }
    if (!trib_ok(status)) {
        trib_free(server);
        return status;
    }
    *ret_server = server;
    return TRIB_SUCCESS;
}

void cloud_server_stop(cloud_server *server) {
    if (server != NULL) {
        MHD_stop_daemon(server->daemon);
        trib_wipe(server->expected, sizeof server->expected);
        trib_free(server);
    }
}
