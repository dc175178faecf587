/* Of the agent's file, what a source of kind kafka needs. docs/edge-config.md is the reference.
 *
 * Settings are librdkafka's own, by its names. Those that are secrets never stand here: only where
 * they are read from, each time a client is made.
 *
 * errors   TRIB_E_NOT_FOUND, TRIB_E_IO, TRIB_E_LIMIT, TRIB_E_ARGUMENT naming the setting, never a
 *          value
 * threads  plain data
 */
#ifndef EDGE_CONFIG_KAFKA_CONFIG_H
#define EDGE_CONFIG_KAFKA_CONFIG_H

#include "common/base/heap.h"

enum {
    EDGE_KAFKA_BROKERS_SIZE = 1024,
    EDGE_KAFKA_TOPIC_SIZE = 250, /* 249 letters are the most that Kafka takes */
    EDGE_KAFKA_GROUP_SIZE = 256,
    EDGE_KAFKA_HEADER_SIZE = 2048,
    EDGE_KAFKA_SETTINGS_SIZE = 4096,
    EDGE_KAFKA_SECRET_MOST_BYTES = 16384, /* a private key in PEM among them */
    EDGE_KAFKA_MAX_PARTITIONS = 256,
    EDGE_KAFKA_MAX_PARTITION = 99999 /* the highest number */
};

typedef struct edge_kafka_config {
    char brokers[EDGE_KAFKA_BROKERS_SIZE]; /* HOST:PORT,... */
    char topic[EDGE_KAFKA_TOPIC_SIZE];
    char group[EDGE_KAFKA_GROUP_SIZE];   /* told how far rows are stored; "": nobody is told */
    char header[EDGE_KAFKA_HEADER_SIZE]; /* csv: the line that would stand above the rows */
    bool latest;                         /* where the store knows nothing: only what comes anew */
    uint32_t partition_count;            /* 0: all of the topic */
    int32_t partitions[EDGE_KAFKA_MAX_PARTITIONS];
    size_t settings_size;
    char settings[EDGE_KAFKA_SETTINGS_SIZE]; /* see edge_kafka_next_setting */
} edge_kafka_config;

typedef enum edge_kafka_origin {
    EDGE_KAFKA_PLAIN = '=',
    EDGE_KAFKA_FILE = '<',
    EDGE_KAFKA_ENVIRONMENT = '$'
} edge_kafka_origin;

typedef struct edge_kafka_setting {
    edge_kafka_origin origin;
    const char *name;  /* librdkafka's */
    const char *value; /* plain: itself; else the file or variable that holds it */
} edge_kafka_setting;

/* The next of the settings, in the order of the file; *cursor starts at 0. */
bool edge_kafka_next_setting(const edge_kafka_config *config, size_t *cursor,
                             edge_kafka_setting *ret_setting);
/* The setting's value, ended by a NUL that counts in its size. Of a file, a last line break is left
 * out. Wipe it: edge_kafka_wipe_value. */
TRIB_MUST_CHECK trib_status edge_kafka_read_value(const edge_kafka_setting *setting,
                                                  trib_buffer *ret_value);
/* For TRIB_SCOPED: overwrites the value and frees it. */
void edge_kafka_wipe_value(trib_buffer *value);

#endif
