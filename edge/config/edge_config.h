/* The agent's own file (tributary-edge --config FILE): where it runs, what it trusts, where its
 * rows come from. What is learned is the federation's business. docs/edge-config.md is the
 * reference.
 *
 * Paths that are not absolute are below the config file's folder.
 *
 * errors   TRIB_E_ARGUMENT with file, line, column, key, what was expected and what was found;
 *          TRIB_E_NOT_FOUND, TRIB_E_IO for the file itself
 * threads  plain data
 */
#ifndef EDGE_CONFIG_EDGE_CONFIG_H
#define EDGE_CONFIG_EDGE_CONFIG_H

#include "common/config/config.h"
#include "common/telemetry/telemetry.h"
#include "edge/config/kafka_config.h"

enum { EDGE_PATH_SIZE = 1024, EDGE_URI_SIZE = 256, EDGE_MAX_TRUSTED = 8 };

typedef struct edge_broker_config {
    char uri[EDGE_URI_SIZE]; /* ssl://host:port */
    char ca[EDGE_PATH_SIZE]; /* PEM files, all of them */
    char certificate[EDGE_PATH_SIZE];
    char key[EDGE_PATH_SIZE];
    uint32_t keep_alive_s; /* 60 */
} edge_broker_config;

typedef enum edge_source_kind {
    EDGE_SOURCE_REPLAY, /* a recording, or a folder of them */
    EDGE_SOURCE_STDIN,
    EDGE_SOURCE_SOCKET, /* a local stream socket that one client at a time writes lines to */
    EDGE_SOURCE_KAFKA   /* a topic, from where the store left off */
} edge_source_kind;

typedef enum edge_source_format {
    EDGE_FORMAT_CSV, /* under a header line */
    EDGE_FORMAT_JSONL
} edge_source_format;

typedef enum edge_source_loop {
    EDGE_LOOP_NEVER,
    EDGE_LOOP_ALWAYS, /* start again at the end; every pass is stored and trained on */
    EDGE_LOOP_LIVE    /* after the first pass, as a live stream: judged, never stored */
} edge_source_loop;

typedef struct edge_source_config {
    edge_source_kind kind;
    char path[EDGE_PATH_SIZE]; /* replay: file or folder; socket: the socket's path, or "" */
    uint16_t port;             /* socket: on 127.0.0.1; 0: `path` it is */
    edge_source_format format; /* csv */
    double speed;              /* replay: times real time; 0 is as fast as possible. 1 */
    edge_source_loop loop;     /* replay: what comes after the last recording. never */
    edge_kafka_config kafka;
} edge_source_config;

/* Whether what was read cannot be read again. */
static inline bool edge_source_comes_once(const edge_source_config *config) {
    return config->kind == EDGE_SOURCE_STDIN || config->kind == EDGE_SOURCE_SOCKET;
}

typedef enum edge_log_format { EDGE_LOG_TEXT, EDGE_LOG_JSON } edge_log_format;
typedef enum edge_log_level {
    EDGE_LOG_DEBUG,
    EDGE_LOG_INFO,
    EDGE_LOG_WARN,
    EDGE_LOG_ERROR
} edge_log_level;

typedef struct edge_config {
    char federation[64];
    char state[EDGE_PATH_SIZE]; /* folder */
    edge_broker_config broker;
    uint32_t trust_count;
    char trust[EDGE_MAX_TRUSTED][EDGE_PATH_SIZE]; /* the cloud's public signing keys, PEM files */
    edge_source_config source;
    uint32_t store_limit_mb;        /* 64 */
    bool predictions_publish;       /* false */
    uint32_t predictions_every;     /* publish each Nth; 1 */
    trib_telemetry_level telemetry; /* the most that may leave, whatever is asked; none */
    edge_log_format log_format;     /* text */
    edge_log_level log_level;       /* info */
} edge_config;

/* Some 22 kB: keep it off small stacks. */
TRIB_MUST_CHECK trib_status edge_config_load(const char *path, edge_config *ret_config);
/* The same from text; `path` stands in complaints, and its folder before relative paths. */
TRIB_MUST_CHECK trib_status edge_config_parse(const char *path, trib_bytes text,
                                              edge_config *ret_config);

#endif
