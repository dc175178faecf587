#include "common/recording/recording.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/heap.h"

enum { CHUNK_BYTES = 2 * TRIB_LINE_MAX_BYTES };

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file); /* it was only read */
    }
}

static trib_status grow_one(void *array_pointer, size_t capacity, size_t larger,
                            size_t item_bytes) {
    void **array = array_pointer;
    void *grown = trib_resize(*array, capacity * item_bytes, larger * item_bytes);
    if (grown == NULL && item_bytes > 0) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu rows", larger);
    }
    *array = grown;
    return TRIB_SUCCESS;
}

/* Sizes cannot wrap: 2^27 rows of at most 128 bytes. */
static trib_status grow(trib_recording *recording) {
    size_t from = recording->capacity, to = from == 0 ? 4096 : 2 * from;
    TRIB_TRY(grow_one(&recording->times_us, from, to, sizeof(int64_t)));
    TRIB_TRY(grow_one(&recording->values, from, to, recording->channel_count * sizeof(float)));
    if (recording->target_count > 0) {
        TRIB_TRY(grow_one(&recording->targets, from, to, recording->target_count * sizeof(float)));
    }
    TRIB_TRY(grow_one(&recording->labels, from, to, sizeof(int32_t)));
    TRIB_TRY(grow_one(&recording->anomalies, from, to, sizeof(uint8_t)));
    recording->capacity = to;
    return TRIB_SUCCESS;
}

static trib_status append(trib_recording *recording, const trib_source_row *row) {
    if (recording->rows == recording->capacity) {
        TRIB_TRY(grow(recording));
    }
    size_t at = recording->rows++;
    recording->times_us[at] = row->time_us;
    memcpy(recording->values + at * recording->channel_count, row->values,
           recording->channel_count * sizeof(float));
    if (recording->target_count > 0) {
        memcpy(recording->targets + at * recording->target_count, row->targets,
               recording->target_count * sizeof(float));
    }
    recording->labels[at] = row->label;
    recording->anomalies[at] = row->anomaly;
    return TRIB_SUCCESS;
}

/* A file on its way into memory. */
typedef struct reading {
    trib_recording *recording;
    trib_row_parser parser;
    size_t most_rows;
    bool skipping; /* the rest of a line that was too long */
} reading;

static trib_status refuse_line(reading *at, trib_status why) {
    trib_recording *recording = at->recording;
    if (at->parser.format == TRIB_TABLE_UNKNOWN || why.code != TRIB_E_ARGUMENT) {
        return why; /* without a header there is no telling what is a row */
    }
    if (recording->refused++ == 0) {
        (void)snprintf(recording->complaint, sizeof recording->complaint, "%s", trib_message());
    }
    return TRIB_SUCCESS;
}

static trib_status take_line(reading *at, trib_bytes line) {
    trib_source_row row;
    bool is_row = false;
    trib_status status = trib_row_parser_line(&at->parser, line, &row, &is_row);
    if (!trib_ok(status)) {
        return refuse_line(at, status);
    }
    if (!is_row) {
        return TRIB_SUCCESS;
    }
    if (at->recording->rows == at->most_rows) {
        return TRIB_FAIL(TRIB_E_LIMIT, "%s: more than %zu rows; cut the recording into files",
                         at->parser.name, at->most_rows);
    }
    return append(at->recording, &row);
}

/* Whole lines of the chunk; *ret_used is where the rest starts. A line that fills the chunk is
 * handed on as it is, for the parser to refuse, and its rest is passed over. */
static trib_status take_lines(reading *at, trib_bytes chunk, bool last, size_t *ret_used) {
    size_t used = 0;
    while (used < chunk.size) {
        const uint8_t *from = chunk.data + used;
        const uint8_t *end = memchr(from, '\n', chunk.size - used);
        if (end == NULL && !last && (used > 0 || chunk.size < CHUNK_BYTES)) {
            break;
        }
        size_t size = end != NULL ? (size_t)(end - from) + 1 : chunk.size - used;
        if (!at->skipping) {
            TRIB_TRY(take_line(at, trib_bytes_of(from, size)));
        }
        at->skipping = end == NULL;
        used += size;
    }
    *ret_used = used;
    return TRIB_SUCCESS;
}

static trib_status read_rows(reading *at, FILE *file) {
    const char *name = at->parser.name;
    TRIB_SCOPED(trib_free_scoped) uint8_t *chunk = trib_allocate(CHUNK_BYTES, 1);
    if (chunk == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory to read %s", name);
    }
    size_t held = 0;
    for (bool last = false; !last;) {
        size_t got = fread(chunk + held, 1, CHUNK_BYTES - held, file);
        if (ferror(file)) {
            return TRIB_FAIL(TRIB_E_IO, "read %s: %s", name, strerror(errno));
        }
        held += got;
        last = feof(file) != 0;
        size_t used = 0;
        TRIB_TRY(take_lines(at, trib_bytes_of(chunk, held), last, &used));
        held -= used;
        memmove(chunk, chunk + used, held);
    }
    if (at->recording->rows == 0 && at->recording->refused > 0) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s (none of its %llu lines is a row)",
                         at->recording->complaint, (unsigned long long)at->recording->refused);
    }
    return TRIB_SUCCESS;
}

trib_status trib_recording_read(trib_recording *recording, const char *path,
                                const trib_source_spec *spec, bool signals_only, size_t most_rows) {
    if (recording->channel_count != spec->channel_count ||
        recording->target_count != spec->target_count) {
        trib_recording_deinit(recording);
        recording->channel_count = spec->channel_count;
        recording->target_count = spec->target_count;
    }
    recording->rows = 0;
    recording->refused = 0;
    recording->complaint[0] = '\0';
    TRIB_SCOPED(close_file) FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return TRIB_FAIL(errno == ENOENT ? TRIB_E_NOT_FOUND : TRIB_E_IO, "open %s: %s", path,
                         strerror(errno));
    }
    reading at = {.recording = recording,
                  .most_rows =
                      most_rows < TRIB_RECORDING_MAX_ROWS ? most_rows : TRIB_RECORDING_MAX_ROWS};
    trib_row_parser_init(&at.parser, spec, path, signals_only);
    trib_status status = read_rows(&at, file);
    if (!trib_ok(status)) {
        recording->rows = 0;
    }
    return status;
}

void trib_recording_deinit(trib_recording *recording) {
    trib_free(recording->times_us);
    trib_free(recording->values);
    trib_free(recording->targets);
    trib_free(recording->labels);
    trib_free(recording->anomalies);
    *recording = (trib_recording){0};
}
