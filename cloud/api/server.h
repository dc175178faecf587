/* The small HTTP API: libmicrohttpd in front of the core's queue.
 *
 * A connection's thread only reads the request, pushes it, and waits for the answer. Every path but
 * /v1/health and /metrics needs "Authorization: Bearer TOKEN".
 *
 * limits   1 MiB of body, 64 connections, 10 s for a request
 * errors   TRIB_E_IO naming address or token file
 * threads  start and stop from main; it has threads of its own
 */
#ifndef CLOUD_API_SERVER_H
#define CLOUD_API_SERVER_H

#include "cloud/app/core.h"

typedef struct cloud_server cloud_server;

/* Makes the token file with a random token if it is not there. The core outlives the server. */
TRIB_MUST_CHECK trib_status cloud_server_start(cloud_core *core, cloud_server **ret_server);
void cloud_server_stop(cloud_server *server);

#endif
