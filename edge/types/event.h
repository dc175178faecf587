/* What a room of the agent has to say: rooms do not log, they hand events to whoever does.
 *
 * threads  a sink is called from the thread of the room that speaks; it must not wait, so it only
 *          pushes into a queue or counts
 */
#ifndef EDGE_TYPES_EVENT_H
#define EDGE_TYPES_EVENT_H

#include <stdint.h>

#include "common/base/status.h"

typedef enum edge_event_level {
    EDGE_EVENT_DEBUG,
    EDGE_EVENT_INFO,
    EDGE_EVENT_WARN,
    EDGE_EVENT_ERROR
} edge_event_level;

typedef enum edge_event_kind {
    EDGE_EVENT_SOURCE_STARTED = 1, /* a file was opened, a client connected */
    EDGE_EVENT_SOURCE_ENDED,       /* a file or connection ended */
    EDGE_EVENT_SOURCE_FINISHED,    /* nothing more will come: all files replayed, standard input
                                    * closed */
    EDGE_EVENT_SOURCE_FAILED,      /* a file or connection could not be read */
    EDGE_EVENT_LINE_REFUSED,       /* the first few malformed lines of a recording */
    EDGE_EVENT_BATCH_DROPPED,      /* the queue was full */
    EDGE_EVENT_STORE_SET_ASIDE,    /* the database was damaged: renamed, a new one begun */
    EDGE_EVENT_STORE_CLEARED,      /* its rows had other columns than the federation's */
    EDGE_EVENT_STORE_FAILED,       /* rows could not be stored; sensing goes on */
    EDGE_EVENT_MODEL_SET,          /* predictions come from another model from now on */
    EDGE_EVENT_SENSE_FAILED        /* rows or windows that could not be worked on */
} edge_event_kind;

enum { EDGE_EVENT_TEXT_SIZE = 320 };

typedef struct edge_event {
    edge_event_kind kind;
    edge_event_level level;
    const char *room; /* "source"; static storage */
    uint64_t count;   /* lines, rows or releases, as the kind has it */
    char text[EDGE_EVENT_TEXT_SIZE];
} edge_event;

typedef struct edge_event_sink {
    void (*take)(void *context, const edge_event *event); /* valid during the call; may be NULL */
    void *context;
} edge_event_sink;

/* Fills an event and hands it over; does nothing without a sink. `at` has kind, level, room, count.
 */
void edge_event_say(const edge_event_sink *sink, edge_event at, const char *format, ...)
    TRIB_PRINTF(3, 4);

/* "source-started", ... for logs. Static storage. */
const char *edge_event_name(edge_event_kind kind);

#endif
