/* Inside this room: lines from a file descriptor, with time limits and a way to stop.
 *
 * A line that is longer than a parser takes comes out cut, one byte past its limit, so that the
 * parser refuses it; the rest of it is skipped.
 *
 * owns     nothing: the descriptors are the caller's
 * threads  one
 */
#ifndef EDGE_SOURCE_LINES_H
#define EDGE_SOURCE_LINES_H

#include "common/recording/row_parser.h"

enum { EDGE_LINES_BUFFER = TRIB_LINE_MAX_BYTES + 1 };

typedef enum edge_line {
    EDGE_LINE_READY,
    EDGE_LINE_TIMEOUT,
    EDGE_LINE_END,
    EDGE_LINE_STOPPED, /* something is in the wake pipe */
    EDGE_LINE_FAILED   /* errno says why */
} edge_line;

typedef struct edge_lines {
    int input;
    int wake;
    size_t from; /* of what is not handed out yet */
    size_t to;
    bool ended;
    bool skipping;
    uint8_t buffer[EDGE_LINES_BUFFER];
} edge_lines;

void edge_lines_init(edge_lines *lines, int input, int wake);
/* timeout_ms: -1 waits for ever. The line, valid until the next call, ends in its line break, but
 * for the last one of all and cut ones. */
edge_line edge_lines_next(edge_lines *lines, int timeout_ms, trib_bytes *ret_line);
/* Waits for the descriptor (-1: only for the wake pipe). */
edge_line edge_lines_wait(int input, int wake, int timeout_ms);

#endif
