/* A folder of recordings as clients with examples, ready to be federated.
 *
 * owns     its clients
 * errors   those of reading recordings, naming file and line; TRIB_E_IO for memory
 * threads  one while it loads; read-only afterwards
 */
#ifndef TRIB_SIMULATE_DATASET_H
#define TRIB_SIMULATE_DATASET_H

#include "common/recording/example_maker.h"
#include "common/recording/posix/client_list.h"

typedef struct trib_dataset {
    trib_client_data *clients; /* [count], in the order of their names */
    size_t count;
} trib_dataset;

/* Reads a folder: see client_list.h for what in it is a client. */
TRIB_MUST_CHECK trib_status trib_dataset_load(const trib_federation *federation, const char *folder,
                                              bool signals_only, trib_dataset *ret_dataset);
/* Empty examples of the federation's shape for `count` clients without names, for a caller that
 * fills them otherwise. */
TRIB_MUST_CHECK trib_status trib_dataset_create(const trib_federation *federation, size_t count,
                                                trib_dataset *ret_dataset);
void trib_dataset_deinit(trib_dataset *dataset);

#endif
