/* A folder of recordings as a list of clients.
 *
 * Directly below the folder, each file whose name matches source.files is a client (x.csv is client
 * x), and so is each subfolder with such files in it, which are its recordings in the order of
 * their names. With `clients: file` each of these files is a client of its own (valve1/0.csv:
 * valve1-0). Names are lower-cased and squeezed to [a-z0-9-]. Hidden files are passed over.
 *
 * errors   TRIB_E_NOT_FOUND for a folder that is not there, or without a single client;
 *          TRIB_E_ARGUMENT for two clients of one name; TRIB_E_LIMIT past TRIB_CLIENT_LIST_MAX
 * threads  plain data once read
 */
#ifndef TRIB_RECORDING_POSIX_CLIENT_LIST_H
#define TRIB_RECORDING_POSIX_CLIENT_LIST_H

#include "common/base/heap.h"
#include "common/recording/source_spec.h"

enum { TRIB_CLIENT_LIST_MAX = 100000 };

typedef struct trib_client_files {
    char name[64];
    char *place;  /* what a gateway replays for it: its file, or the folder of its files; owned */
    char **paths; /* [count], owned */
    size_t count;
} trib_client_files;

typedef struct trib_client_list {
    trib_client_files *clients; /* [count], owned; in the order of their names */
    size_t count;
    size_t capacity;
} trib_client_list;

TRIB_MUST_CHECK trib_status trib_client_list_read(const char *folder,
                                                  const trib_source_spec *source,
                                                  trib_client_list *ret_list);
void trib_client_list_deinit(trib_client_list *list);

/* A shell's glob (fnmatch) over a whole name. */
bool trib_glob_matches(const char *pattern, const char *name);

#endif
