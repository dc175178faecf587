/* Inside this room: one recording, a file or a stream, from lines to rows.
 *
 * threads  one
 */
#ifndef EDGE_SOURCE_RECORDING_READER_H
#define EDGE_SOURCE_RECORDING_READER_H

#include "edge/source/source.h"

enum { EDGE_SAID_LINES = 5 }; /* malformed lines of a recording that are said */

typedef struct edge_recording_reader {
    const edge_source_plan *plan;
    const char *name;   /* for people: a path, "standard input" */
    bool silent;        /* only counts */
    bool restamped;     /* its first row is of now, whatever it says */
    bool hopeless;      /* its header lacks channels */
    uint64_t split_row; /* rows before it train */
    uint64_t refused;   /* lines */
    int64_t offset_us;  /* restamped: from the first row's time to the wall clock then */
    trib_row_parser parser;
} edge_recording_reader;

void edge_recording_reader_init(edge_recording_reader *reader, const edge_source_plan *plan,
                                const char *name, bool restamped, bool silent);
/* True when the line is a row. Malformed lines are counted and said. */
bool edge_recording_reader_line(edge_recording_reader *reader, trib_bytes line, edge_row *ret_row);
/* Counts and says, as of a malformed line, what this thread's last failure was. */
void edge_recording_reader_refuse(edge_recording_reader *reader);

#endif
