/* Lines of text to rows of a federation's source: CSV under a header line, or JSON lines.
 *
 * The first line that is not blank decides: one that starts with '{' is the first of JSON lines,
 * anything else is a CSV header. Columns are found by name and in any order; others are skipped.
 *
 *     CSV         cells in double quotes may hold the delimiter ("" is a quote), but no line break;
 *                 spaces around other cells and a byte-order mark are dropped; LF and CRLF
 *     missing     an empty cell, nan, na, n/a, null, none, -, or a key that is not there: NaN. A
 *                 label that is none of the classes is -1. A time must be there
 *     no time     rows are 1 / rate_hz apart from 0, counted since init
 *
 * One line in, at most one row out, so it serves files and endless streams. CSV allocates nothing;
 * jansson allocates while it looks at a JSON line. A refused line leaves the parser as it was: a
 * stream may log the message, count it and go on.
 *
 * limits   TRIB_LINE_MAX_BYTES a line, TRIB_TABLE_MAX_COLUMNS, TRIB_CELL_SIZE - 1 bytes a cell
 * errors   TRIB_E_ARGUMENT naming the source, line, column and what was expected and found
 * owns     nothing: the spec and the name outlive the parser
 * threads  one
 */
#ifndef TRIB_RECORDING_ROW_PARSER_H
#define TRIB_RECORDING_ROW_PARSER_H

#include "common/base/span.h"
#include "common/recording/source_spec.h"

enum {
    TRIB_LINE_MAX_BYTES = 64 * 1024,
    TRIB_TABLE_MAX_COLUMNS = 1024,
    TRIB_CELL_SIZE = 256,
    TRIB_MAX_WANTED = TRIB_MAX_SOURCES + TRIB_MAX_TARGETS + 3
};

/* A row as it was recorded. */
typedef struct trib_source_row {
    int64_t time_us;
    float values[TRIB_MAX_SOURCES];  /* [channel_count], as a pipeline takes them; NaN is missing */
    float targets[TRIB_MAX_TARGETS]; /* [target_count] */
    int32_t label;                   /* index of the class; -1 is none */
    bool anomaly;
} trib_source_row;

typedef enum trib_table_format {
    TRIB_TABLE_UNKNOWN, /* no line yet */
    TRIB_TABLE_CSV,
    TRIB_TABLE_JSON_LINES
} trib_table_format;

typedef enum trib_column_role {
    TRIB_ROLE_TIME,
    TRIB_ROLE_CHANNEL,
    TRIB_ROLE_TARGET,
    TRIB_ROLE_LABEL,
    TRIB_ROLE_ANOMALY
} trib_column_role;

typedef struct trib_wanted_column {
    trib_column_role role;
    uint32_t index;   /* of the channel or target */
    const char *name; /* the spec's */
    uint32_t column;  /* in the table; CSV only */
} trib_wanted_column;

typedef struct trib_row_parser {
    const trib_source_spec *spec;
    const char *name;
    bool signals_only; /* labels, targets and anomalies are neither needed nor read */
    trib_table_format format;
    uint64_t lines; /* seen */
    uint64_t rows;  /* given out */
    uint32_t column_count;
    uint32_t wanted_count;
    trib_wanted_column wanted[TRIB_MAX_WANTED]; /* CSV: in the order of the table's columns */
    char cell[TRIB_CELL_SIZE];
} trib_row_parser;

/* `name` stands in messages: a file's path, a topic. `signals_only` is for running a model on rows
 * that nobody has labelled. Start anew with another init. */
void trib_row_parser_init(trib_row_parser *parser, const trib_source_spec *spec, const char *name,
                          bool signals_only);

/* `line` with or without its line break. *ret_is_row is false for the header and for blank lines.
 */
TRIB_MUST_CHECK trib_status trib_row_parser_line(trib_row_parser *parser, trib_bytes line,
                                                 trib_source_row *ret_row, bool *ret_is_row);

#endif
