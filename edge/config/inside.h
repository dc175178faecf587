/* Inside this room: what the readers of the file's parts share. */
#ifndef EDGE_CONFIG_INSIDE_H
#define EDGE_CONFIG_INSIDE_H

#include "edge/config/edge_config.h"

/* Where relative paths start. */
typedef struct edge_config_place {
    const char *folder;
    size_t size;
} edge_config_place;

TRIB_MUST_CHECK trib_status edge_config_take_path(trib_value value, edge_config_place below,
                                                  char ret_path[EDGE_PATH_SIZE]);
/* The part `source` of kind kafka. */
TRIB_MUST_CHECK trib_status edge_config_read_kafka(trib_value map, edge_config_place below,
                                                   edge_kafka_config *kafka);

#endif
