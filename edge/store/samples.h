/* Inside this room: the database file that store and readers share. */
#ifndef EDGE_STORE_SAMPLES_H
#define EDGE_STORE_SAMPLES_H

#include "common/database/database.h"
#include "edge/store/block.h"
#include "edge/store/store.h"

enum { EDGE_SAMPLES_PATH_SIZE = 1100 };

/* FOLDER/samples.db */
TRIB_MUST_CHECK trib_status edge_samples_path(const char *folder,
                                              char ret_path[EDGE_SAMPLES_PATH_SIZE]);
TRIB_MUST_CHECK trib_status edge_samples_open(const char *path, trib_database **ret_database);
TRIB_MUST_CHECK trib_status edge_samples_range(trib_database *database,
                                               edge_store_range *ret_range);
/* One integer: 0 without a row. */
TRIB_MUST_CHECK trib_status edge_samples_integer(trib_database *database, const char *sql,
                                                 int64_t *ret_value);
edge_block_shape edge_samples_shape(const trib_source_spec *spec);

#endif
