/* Reads the vector files of this folder: words separated by spaces, "-" for empty, "#" comments.
 *
 * For tests: a file that is missing or malformed fails the test that reads it. The caller has
 * included cmocka.h.
 */
#ifndef TRIB_VECTORS_READER_H
#define TRIB_VECTORS_READER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/span.h"

enum { VECTOR_LINE_BYTES = 4096, VECTOR_MAX_WORDS = 8, VECTOR_MAX_BYTES = 512 };

typedef struct vector_reader {
    FILE *file;
    char line[VECTOR_LINE_BYTES];
    char *words[VECTOR_MAX_WORDS];
    size_t count;
} vector_reader;

/* TRIB_SOURCE is set by ctest; without it the test runs from the repository's root. */
static inline void vector_open(vector_reader *reader, const char *name) {
    const char *source = getenv("TRIB_SOURCE");
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/vectors/%s", source != NULL ? source : ".", name);
    reader->file = fopen(path, "r");
    if (reader->file == NULL) {
        fail_msg("cannot open %s: set TRIB_SOURCE to the repository", path);
    }
}

/* The next line that says something; false at the end, when the file is closed. */
static inline bool vector_next(vector_reader *reader) {
    while (fgets(reader->line, sizeof reader->line, reader->file) != NULL) {
        assert_non_null(strchr(reader->line, '\n')); /* else the line is too long for us */
        reader->count = 0;
        char *at = strtok(reader->line, " \n");
        while (at != NULL && at[0] != '#') {
            assert_true(reader->count < VECTOR_MAX_WORDS);
            reader->words[reader->count++] = at;
            at = strtok(NULL, " \n");
        }
        if (reader->count > 0) {
            return true;
        }
    }
    fclose(reader->file);
    return false;
}

/* Word `index` as bytes in `storage` of VECTOR_MAX_BYTES. */
static inline trib_bytes vector_bytes(const vector_reader *reader, size_t index, uint8_t *storage) {
    assert_true(index < reader->count);
    const char *word = reader->words[index];
    if (strcmp(word, "-") == 0) {
        return trib_bytes_of(storage, 0);
    }
    size_t digits = strlen(word);
    assert_true(digits % 2 == 0 && digits / 2 <= VECTOR_MAX_BYTES);
    assert_true(trib_ok(trib_unhex(word, storage, digits / 2)));
    return trib_bytes_of(storage, digits / 2);
}

/* The same for a value of known size. */
static inline void vector_exactly(const vector_reader *reader, size_t index, uint8_t *ret,
                                  size_t size) {
    assert_true(index < reader->count);
    assert_true(trib_ok(trib_unhex(reader->words[index], ret, size)));
}

#endif
