/* A whole file of rows in memory, column by kind, to be cut into examples.
 *
 * A malformed line is left out and counted, as a gateway leaves it out; so a simulation over a file
 * learns from the rows that a gateway replaying it would learn from. A file whose header is wrong,
 * or without a single row among its malformed lines, is refused.
 *
 * limits   `most_rows` rows; a row parser's limits on lines
 * errors   TRIB_E_NOT_FOUND, TRIB_E_IO with the path; TRIB_E_LIMIT; else as the row parser says
 * owns     its arrays, which are kept from one file to the next
 * threads  one
 */
#ifndef TRIB_RECORDING_RECORDING_H
#define TRIB_RECORDING_RECORDING_H

#include "common/recording/row_parser.h"

enum { TRIB_RECORDING_MAX_ROWS = 64 * 1024 * 1024, TRIB_COMPLAINT_SIZE = 400 };

typedef struct trib_recording {
    size_t rows;
    size_t capacity;
    uint32_t channel_count;
    uint32_t target_count;
    int64_t *times_us;                   /* [rows] */
    float *values;                       /* [rows, channel_count] */
    float *targets;                      /* [rows, target_count] */
    int32_t *labels;                     /* [rows] */
    uint8_t *anomalies;                  /* [rows] 0 or 1 */
    uint64_t refused;                    /* malformed lines */
    char complaint[TRIB_COMPLAINT_SIZE]; /* about the first of them */
} trib_recording;

/* Zero-initialise before the first read. What was there is replaced; on failure it is empty. */
TRIB_MUST_CHECK trib_status trib_recording_read(trib_recording *recording, const char *path,
                                                const trib_source_spec *spec, bool signals_only,
                                                size_t most_rows);
void trib_recording_deinit(trib_recording *recording);

#endif
