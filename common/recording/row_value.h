/* Inside this room: one cell or JSON value into its place in a row. */
#ifndef TRIB_RECORDING_ROW_VALUE_H
#define TRIB_RECORDING_ROW_VALUE_H

#include "common/recording/row_parser.h"

/* "NAME:LINE: column 'x': " and the text. */
TRIB_MUST_CHECK trib_status trib_row_refuse(const trib_row_parser *parser, const char *column,
                                            const char *format, ...) TRIB_PRINTF(3, 4);
TRIB_MUST_CHECK trib_status trib_row_set_text(const trib_row_parser *parser,
                                              const trib_wanted_column *wanted, const char *text,
                                              trib_source_row *row);
TRIB_MUST_CHECK trib_status trib_row_set_number(const trib_row_parser *parser,
                                                const trib_wanted_column *wanted, double value,
                                                trib_source_row *row);
TRIB_MUST_CHECK trib_status trib_row_set_missing(const trib_row_parser *parser,
                                                 const trib_wanted_column *wanted,
                                                 trib_source_row *row);
TRIB_MUST_CHECK trib_status trib_row_parse_json(const trib_row_parser *parser, trib_bytes line,
                                                trib_source_row *row);

#endif
