#include "common/recording/row_parser.h"

#include <math.h>
#include <string.h>

#include "common/recording/row_value.h"

static void want(trib_row_parser *parser, trib_column_role role, uint32_t index, const char *name) {
    parser->wanted[parser->wanted_count++] =
        (trib_wanted_column){.role = role, .index = index, .name = name};
}

void trib_row_parser_init(trib_row_parser *parser, const trib_source_spec *spec, const char *name,
                          bool signals_only) {
    *parser = (trib_row_parser){.spec = spec, .name = name, .signals_only = signals_only};
    if (spec->time_unit != TRIB_TIME_NONE) {
        want(parser, TRIB_ROLE_TIME, 0, spec->time_column);
    }
    for (uint32_t i = 0; i < spec->channel_count; i++) {
        want(parser, TRIB_ROLE_CHANNEL, i, spec->channels[i]);
    }
    if (signals_only) {
        return;
    }
    for (uint32_t i = 0; i < spec->target_count; i++) {
        want(parser, TRIB_ROLE_TARGET, i, spec->targets[i]);
    }
    if (spec->class_count > 0) {
        want(parser, TRIB_ROLE_LABEL, 0, spec->label_column);
    }
    if (spec->anomaly_column[0] != '\0') {
        want(parser, TRIB_ROLE_ANOMALY, 0, spec->anomaly_column);
    }
}

/* Where the next cell starts; NULL after the last one. */
typedef struct cell_list {
    const char *at;
    const char *end;
} cell_list;

static trib_status keep(trib_row_parser *parser, const char *from, size_t size) {
    if (size >= TRIB_CELL_SIZE) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s:%llu: a cell of %zu bytes, at most %d are read",
                         parser->name, (unsigned long long)parser->lines, size, TRIB_CELL_SIZE - 1);
    }
    memcpy(parser->cell, from, size);
    parser->cell[size] = '\0';
    return TRIB_SUCCESS;
}

static trib_status next_plain(trib_row_parser *parser, cell_list *cells, bool kept) {
    const char *from = cells->at;
    size_t left = (size_t)(cells->end - from);
    const char *to = memchr(from, parser->spec->delimiter, left);
    cells->at = to != NULL ? to + 1 : NULL;
    to = to != NULL ? to : cells->end;
    if (!kept) {
        return TRIB_SUCCESS;
    }
    while (from < to && *from == ' ') {
        from++;
    }
    while (to > from && to[-1] == ' ') {
        to--;
    }
    return keep(parser, from, (size_t)(to - from));
}

/* RFC 4180, 2.5 to 2.7, without line breaks. */
static trib_status next_quoted(trib_row_parser *parser, cell_list *cells, bool kept) {
    size_t size = 0;
    const char *at = cells->at + 1;
    for (;; at++) {
        if (at == cells->end) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "%s:%llu: a quote is not closed on its line",
                             parser->name, (unsigned long long)parser->lines);
        }
        if (*at == '"' && ++at < cells->end && *at != '"') {
            break;
        }
        if (at == cells->end) {
            break;
        }
        if (kept && size == TRIB_CELL_SIZE - 1) {
            return keep(parser, cells->at, TRIB_CELL_SIZE); /* says that it is too long */
        }
        if (kept) {
            parser->cell[size++] = *at;
        }
    }
    parser->cell[size] = '\0';
    if (at < cells->end && *at != parser->spec->delimiter) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "%s:%llu: expected '%c' after a closing quote, found '%c'", parser->name,
                         (unsigned long long)parser->lines, parser->spec->delimiter, *at);
    }
    cells->at = at < cells->end ? at + 1 : NULL;
    return TRIB_SUCCESS;
}

/* Moves past a cell; leaves its text in parser->cell if it is kept. */
static trib_status next_cell(trib_row_parser *parser, cell_list *cells, bool kept) {
    bool quoted = cells->at < cells->end && *cells->at == '"';
    return quoted ? next_quoted(parser, cells, kept) : next_plain(parser, cells, kept);
}

static void sort_wanted(trib_row_parser *parser) {
    for (uint32_t i = 1; i < parser->wanted_count; i++) {
        trib_wanted_column one = parser->wanted[i];
        uint32_t j = i;
        for (; j > 0 && parser->wanted[j - 1].column > one.column; j--) {
            parser->wanted[j] = parser->wanted[j - 1];
        }
        parser->wanted[j] = one;
    }
}

static trib_status note_column(trib_row_parser *parser, uint32_t column) {
    for (uint32_t i = 0; i < parser->wanted_count; i++) {
        trib_wanted_column *wanted = &parser->wanted[i];
        if (strcmp(wanted->name, parser->cell) != 0) {
            continue;
        }
        if (wanted->column != UINT32_MAX) {
            return trib_row_refuse(parser, wanted->name, "stands in the header twice");
        }
        wanted->column = column;
    }
    return TRIB_SUCCESS;
}

/* What is most often wrong with a header that lacks a column, as a hint; "" if nothing shows. */
static const char *header_hint(const trib_row_parser *parser, trib_bytes line, uint32_t count) {
    static const struct {
        char delimiter;
        const char *hint;
    } others[] = {{';', ": its cells look parted by ';'"},
                  {'\t', ": its cells look parted by tabs"},
                  {'|', ": its cells look parted by '|'"},
                  {',', ": its cells look parted by ','"}};
    for (size_t i = 0; count == 1 && i < sizeof others / sizeof others[0]; i++) {
        if (others[i].delimiter != parser->spec->delimiter &&
            memchr(line.data, others[i].delimiter, line.size) != NULL) {
            return others[i].hint;
        }
    }
    for (uint32_t i = 0; i < parser->wanted_count; i++) {
        if (parser->wanted[i].column != UINT32_MAX) {
            return "";
        }
    }
    return ": the first line must name the columns";
}

/* Tables that are not in lines, or not in bytes that can be compared with names. */
static trib_status check_header(const trib_row_parser *parser, trib_bytes line) {
    const char *found = NULL;
    if (line.size >= 2 && ((line.data[0] == 0xff && line.data[1] == 0xfe) ||
                           (line.data[0] == 0xfe && line.data[1] == 0xff))) {
        found = "UTF-16: save it as UTF-8";
    } else if (memchr(line.data, '\r', line.size) != NULL) {
        found = "carriage returns alone: save it with LF or CRLF at the end of each line";
    }
    return found == NULL ? TRIB_SUCCESS
                         : TRIB_FAIL(TRIB_E_ARGUMENT, "%s:%llu: expected a header line, found %s",
                                     parser->name, (unsigned long long)parser->lines, found);
}

static trib_status take_header(trib_row_parser *parser, trib_bytes line) {
    cell_list cells = {(const char *)line.data, (const char *)line.data + line.size};
    for (uint32_t i = 0; i < parser->wanted_count; i++) {
        parser->wanted[i].column = UINT32_MAX;
    }
    uint32_t count = 0;
    TRIB_TRY(check_header(parser, line));
    while (cells.at != NULL) {
        if (count == TRIB_TABLE_MAX_COLUMNS) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "%s:%llu: more than %d columns", parser->name,
                             (unsigned long long)parser->lines, TRIB_TABLE_MAX_COLUMNS);
        }
        TRIB_TRY(next_cell(parser, &cells, true));
        TRIB_TRY(note_column(parser, count++));
    }
    for (uint32_t i = 0; i < parser->wanted_count; i++) {
        if (parser->wanted[i].column == UINT32_MAX) {
            return trib_row_refuse(
                parser, parser->wanted[i].name, "is not in the header '%.*s' (delimiter '%c')%s",
                (int)(line.size < 200 ? line.size : 200), (const char *)line.data,
                parser->spec->delimiter, header_hint(parser, line, count));
        }
    }
    parser->column_count = count;
    parser->format = TRIB_TABLE_CSV;
    sort_wanted(parser);
    return TRIB_SUCCESS;
}

static trib_status parse_csv(trib_row_parser *parser, trib_bytes line, trib_source_row *row) {
    cell_list cells = {(const char *)line.data, (const char *)line.data + line.size};
    uint32_t column = 0;
    for (uint32_t i = 0; i < parser->wanted_count; i++) {
        const trib_wanted_column *wanted = &parser->wanted[i];
        for (; column <= wanted->column; column++) { /* not at all if two roles share a column */
            if (cells.at == NULL) {
                return TRIB_FAIL(TRIB_E_ARGUMENT, "%s:%llu: expected %u cells, found %u",
                                 parser->name, (unsigned long long)parser->lines,
                                 parser->column_count, column);
            }
            TRIB_TRY(next_cell(parser, &cells, column == wanted->column));
        }
        TRIB_TRY(parser->cell[0] == '\0' ? trib_row_set_missing(parser, wanted, row)
                                         : trib_row_set_text(parser, wanted, parser->cell, row));
    }
    return TRIB_SUCCESS;
}

static trib_bytes trimmed(trib_bytes line) {
    while (line.size > 0 && strchr("\r\n \t", line.data[line.size - 1]) != NULL &&
           line.data[line.size - 1] != '\0') {
        line.size--;
    }
    return line;
}

static trib_bytes without_line_break(trib_bytes line) {
    if (line.size > 0 && line.data[line.size - 1] == '\n') {
        line.size--;
    }
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    return line;
}

static trib_status parse_row(trib_row_parser *parser, trib_bytes line, trib_source_row *ret_row) {
    trib_source_row row = {.label = -1};
    if (parser->spec->time_unit == TRIB_TIME_NONE) {
        row.time_us = llround((double)parser->rows * 1e6 / parser->spec->rate_hz);
    }
    TRIB_TRY(parser->format == TRIB_TABLE_CSV ? parse_csv(parser, line, &row)
                                              : trib_row_parse_json(parser, line, &row));
    parser->rows++;
    *ret_row = row;
    return TRIB_SUCCESS;
}

trib_status trib_row_parser_line(trib_row_parser *parser, trib_bytes line, trib_source_row *ret_row,
                                 bool *ret_is_row) {
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    parser->lines++;
    if (line.size > TRIB_LINE_MAX_BYTES) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s:%llu: a line of more than %d bytes", parser->name,
                         (unsigned long long)parser->lines, TRIB_LINE_MAX_BYTES);
    }
    if (parser->lines == 1 && line.size >= sizeof mark &&
        memcmp(line.data, mark, sizeof mark) == 0) {
        line = trib_bytes_of(line.data + sizeof mark, line.size - sizeof mark);
    }
    line = without_line_break(line);
    bool is_row = trimmed(line).size > 0;
    if (is_row && parser->format == TRIB_TABLE_UNKNOWN) {
        is_row = line.data[0] == '{';
        if (is_row) {
            parser->format = TRIB_TABLE_JSON_LINES;
        } else {
            TRIB_TRY(take_header(parser, line));
        }
    }
    if (is_row) {
        TRIB_TRY(parse_row(parser, line, ret_row));
    }
    *ret_is_row = is_row;
    return TRIB_SUCCESS;
}
