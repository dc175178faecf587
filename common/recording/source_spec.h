/* Where a federation's rows come from and what their columns mean: plain data, from the federation
 * file's `source` part.
 *
 * threads  plain data
 */
#ifndef TRIB_RECORDING_SOURCE_SPEC_H
#define TRIB_RECORDING_SOURCE_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/signal/spec.h"

enum {
    TRIB_COLUMN_SIZE = 64,
    TRIB_MAX_CLASSES = 64,
    TRIB_MAX_TARGETS = 8,
    TRIB_PATTERN_SIZE = 128
};

typedef enum trib_time_unit {
    TRIB_TIME_NONE, /* no timestamp column: rows are 1 / rate_hz apart */
    TRIB_TIME_S,
    TRIB_TIME_MS,
    TRIB_TIME_US,
    TRIB_TIME_ISO8601 /* 2020-03-09 10:34:33, with T or a space, fractions, Z or an offset */
} trib_time_unit;

typedef enum trib_split_kind {
    TRIB_SPLIT_NONE,    /* all rows train */
    TRIB_SPLIT_ROWS,    /* the first `rows` of each recording train, the rest test */
    TRIB_SPLIT_FRACTION /* the first `fraction` of each recording's rows train, the rest test */
} trib_split_kind;

typedef struct trib_source_spec {
    char files[TRIB_PATTERN_SIZE]; /* glob on the file's name; "*.csv" by default */
    bool client_per_file; /* of a folder of recordings: each file of a subfolder is a client; else
                           * the subfolder is. Files at the top are clients in any case */
    char delimiter;       /* ',' by default */
    double rate_hz;       /* of rows */
    trib_time_unit time_unit;
    char time_column[TRIB_COLUMN_SIZE];

    uint32_t channel_count;
    char channels[TRIB_MAX_SOURCES][TRIB_COLUMN_SIZE]; /* names of columns, in pipeline order */

    char label_column[TRIB_COLUMN_SIZE]; /* "": none */
    uint32_t class_count;
    char classes[TRIB_MAX_CLASSES][TRIB_COLUMN_SIZE]; /* the label column's words, in model order */

    uint32_t target_count; /* regression: mean over the window's rows of these columns */
    char targets[TRIB_MAX_TARGETS][TRIB_COLUMN_SIZE];

    char anomaly_column[TRIB_COLUMN_SIZE]; /* "": none. For scoring alone; non-zero is an anomaly */

    trib_split_kind split;
    uint32_t split_rows;
    double split_fraction; /* (0, 1) */
} trib_source_spec;

#endif
