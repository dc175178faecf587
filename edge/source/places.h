/* Inside this room: the files of a replay, and the socket that clients write to.
 *
 * errors   TRIB_E_NOT_FOUND, TRIB_E_IO, TRIB_E_LIMIT, naming path or port
 */
#ifndef EDGE_SOURCE_PLACES_H
#define EDGE_SOURCE_PLACES_H

#include "common/recording/source_spec.h"
#include "edge/config/edge_config.h"

typedef struct edge_files {
    char folder[EDGE_PATH_SIZE]; /* ends in '/', or is empty */
    char **names;                /* [count], owned, in the order of their bytes */
    size_t count;
} edge_files;

/* The file itself, or a folder's files that match spec->files. */
TRIB_MUST_CHECK trib_status edge_files_list(const char *path, const trib_source_spec *spec,
                                            edge_files *ret_files);
void edge_files_deinit(edge_files *files);

/* A listening socket, not inherited by programs that are run. */
TRIB_MUST_CHECK trib_status edge_socket_listen(const edge_source_config *config, int *ret_listener);
/* The socket's file goes too. */
void edge_socket_close(const edge_source_config *config, int listener);

#endif
