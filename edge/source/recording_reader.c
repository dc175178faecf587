#include "edge/source/recording_reader.h"

#include <math.h>

void edge_recording_reader_init(edge_recording_reader *reader, const edge_source_plan *plan,
                                const char *name, bool restamped, bool silent) {
    *reader = (edge_recording_reader){.plan = plan,
                                      .name = name,
                                      .silent = silent,
                                      .restamped = restamped,
                                      .split_row = UINT64_MAX};
    trib_row_parser_init(&reader->parser, plan->spec, name, false);
}

static void say(const edge_recording_reader *reader, edge_event_kind kind, edge_event_level level,
                const char *text) {
    if (!reader->silent) {
        edge_event_say(
            &reader->plan->events,
            (edge_event){
                .kind = kind, .level = level, .room = "source", .count = reader->parser.lines},
            "%s", text);
    }
}

void edge_recording_reader_refuse(edge_recording_reader *reader) {
    if (reader->refused++ < EDGE_SAID_LINES) {
        say(reader, EDGE_EVENT_LINE_REFUSED, EDGE_EVENT_WARN, trib_message());
    }
}

/* A header without labels, targets or anomalies still serves predictions. */
static trib_status take_first_line(edge_recording_reader *reader, trib_bytes line,
                                   trib_source_row *row, bool *is_row) {
    trib_status status = trib_row_parser_line(&reader->parser, line, row, is_row);
    if (trib_ok(status) || line.size > TRIB_LINE_MAX_BYTES || line.data[0] == '{') {
        return status;
    }
    uint64_t lines = reader->parser.lines - 1;
    trib_row_parser_init(&reader->parser, reader->plan->spec, reader->name, true);
    reader->parser.lines = lines;
    status = trib_row_parser_line(&reader->parser, line, row, is_row);
    reader->hopeless = !trib_ok(status);
    if (reader->hopeless) {
        say(reader, EDGE_EVENT_SOURCE_FAILED, EDGE_EVENT_ERROR, trib_message());
    } else {
        say(reader, EDGE_EVENT_LINE_REFUSED, EDGE_EVENT_INFO,
            "the header lacks a label, target or anomaly column: rows are only predicted on");
    }
    return status;
}

/* The format that the agent's file promises, so that a stream joined in the middle of a line is not
 * taken for the other one. */
static trib_status check_format(const edge_recording_reader *reader, trib_bytes line) {
    bool blank = line.size == 0 || line.data[0] == '\n' || line.data[0] == '\r';
    bool json = !blank && line.data[0] == '{';
    bool wanted = reader->plan->config->format == EDGE_FORMAT_JSONL;
    if (blank || json == wanted) {
        return TRIB_SUCCESS;
    }
    return TRIB_FAIL(TRIB_E_ARGUMENT, "%s: expected %s, as source.format says", reader->name,
                     wanted ? "JSON lines that start with '{'" : "a CSV header, found '{'");
}

static trib_status take_line(edge_recording_reader *reader, trib_bytes line, trib_source_row *row,
                             bool *is_row) {
    if (reader->parser.format != TRIB_TABLE_UNKNOWN) {
        return trib_row_parser_line(&reader->parser, line, row, is_row);
    }
    TRIB_TRY(check_format(reader, line));
    return take_first_line(reader, line, row, is_row);
}

bool edge_recording_reader_line(edge_recording_reader *reader, trib_bytes line, edge_row *ret_row) {
    trib_source_row row;
    bool is_row = false;
    if (!trib_ok(take_line(reader, line, &row, &is_row))) {
        if (!reader->hopeless) {
            edge_recording_reader_refuse(reader);
        }
        return false;
    }
    if (!is_row) {
        return false;
    }
    if (reader->parser.signals_only) {
        row.label = -1;
        for (uint32_t i = 0; i < reader->plan->spec->target_count; i++) {
            row.targets[i] = NAN;
        }
    }
    if (reader->restamped) {
        if (reader->parser.rows == 1) {
            reader->offset_us = (int64_t)(trib_wall_ms(reader->plan->clock) * 1000) - row.time_us;
        }
        row.time_us += reader->offset_us;
    }
    *ret_row = (edge_row){.row = row, .train = reader->parser.rows - 1 < reader->split_row};
    return true;
}
