/* Asking a tributary-cloud over HTTP.
 *
 * errors   TRIB_E_RETRY      nobody answers, or not in time
 *          TRIB_E_DENIED     the token is missing or wrong
 *          TRIB_E_NOT_FOUND  the cloud does not know what was named
 *          TRIB_E_ARGUMENT   the cloud refuses the request, with its reason
 *          TRIB_E_LIMIT      the answer is larger than its ceiling
 *          TRIB_E_CORRUPT    the answer is not what a tributary-cloud gives
 * threads  one
 */
#ifndef CLOUD_CTL_CLIENT_H
#define CLOUD_CTL_CLIENT_H

#include <getopt.h>
#include <jansson.h>

#include "common/base/heap.h"

enum {
    CTL_ANSWER_CEILING = 64 << 20, /* bytes of JSON */
    CTL_MODEL_CEILING = 1 << 30,   /* bytes of a model */
    CTL_CONNECT_MS = 5000,
    CTL_ANSWER_MS = 30000, /* of JSON */
    CTL_STALL_S = 30       /* without a byte, of a model */
};

/* Options that every command with a cloud takes; put these rows into its list for getopt_long and
 * give what it returns to ctl_connection_option. */
typedef struct ctl_connection {
    const char *cloud;      /* URL; NULL: TRIBUTARY_CLOUD, else http://127.0.0.1:8700 */
    const char *token_file; /* NULL: TRIBUTARY_TOKEN_FILE, else no token */
    bool json;
} ctl_connection;

#define CTL_CONNECTION_OPTIONS                                                                     \
    {"cloud", required_argument, NULL, 1}, {"token-file", required_argument, NULL, 2},             \
        {"json", no_argument, NULL, 3}, {                                                          \
        "help", no_argument, NULL, 'h'                                                             \
    }
#define CTL_CONNECTION_HELP                                                                        \
    "  --cloud URL        where the cloud answers (else $TRIBUTARY_CLOUD, else\n"                  \
    "                     http://127.0.0.1:8700)\n"                                                \
    "  --token-file FILE  holds its token (else $TRIBUTARY_TOKEN_FILE)\n"                          \
    "  --json             the answer as JSON\n"

/* True if it was one of these options. */
bool ctl_connection_option(int option, ctl_connection *connection);

typedef struct ctl_client ctl_client;
TRIB_MUST_CHECK trib_status ctl_client_create(const ctl_connection *connection,
                                              ctl_client **ret_client);
void ctl_client_destroy(ctl_client *client);
void ctl_client_destroy_scoped(ctl_client **client);

/* Paths are made of names that the command line gave: each is escaped.
 *     ctl_client_get(client, &answer, "federations", name, "rounds", NULL)  ->
 * /v1/federations/... The answer is a JSON object, the caller's to json_decref. */
TRIB_MUST_CHECK trib_status ctl_client_get(ctl_client *client, json_t **ret_answer, ...)
    __attribute__((sentinel));
/* The same with a query, such as "after=3". */
TRIB_MUST_CHECK trib_status ctl_client_get_query(ctl_client *client, const char *query,
                                                 json_t **ret_answer, ...)
    __attribute__((sentinel));
TRIB_MUST_CHECK trib_status ctl_client_post(ctl_client *client, const char *content_type,
                                            trib_bytes body, json_t **ret_answer, ...)
    __attribute__((sentinel));
/* Appends raw bytes, up to the buffer's ceiling. */
TRIB_MUST_CHECK trib_status ctl_client_fetch(ctl_client *client, trib_buffer *ret_bytes, ...)
    __attribute__((sentinel));

#endif
