#include "edge/types/event.h"

#include <stdarg.h>
#include <stdio.h>

void edge_event_say(const edge_event_sink *sink, edge_event at, const char *format, ...) {
    if (sink->take == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(at.text, sizeof at.text, format, arguments);
    va_end(arguments);
    sink->take(sink->context, &at);
}

const char *edge_event_name(edge_event_kind kind) {
    switch (kind) {
    case EDGE_EVENT_SOURCE_STARTED:
        return "source-started";
    case EDGE_EVENT_SOURCE_ENDED:
        return "source-ended";
    case EDGE_EVENT_SOURCE_FINISHED:
        return "source-finished";
    case EDGE_EVENT_SOURCE_FAILED:
        return "source-failed";
    case EDGE_EVENT_LINE_REFUSED:
        return "line-refused";
    case EDGE_EVENT_BATCH_DROPPED:
        return "batch-dropped";
    case EDGE_EVENT_STORE_SET_ASIDE:
        return "store-set-aside";
    case EDGE_EVENT_STORE_CLEARED:
        return "store-cleared";
    case EDGE_EVENT_STORE_FAILED:
        return "store-failed";
    case EDGE_EVENT_MODEL_SET:
        return "model-set";
    case EDGE_EVENT_SENSE_FAILED:
        return "sense-failed";
    }
    return "unknown";
}
