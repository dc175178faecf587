/* What the files of the backend `file` share: names of keys, notes of digests. Private to the room.
 *
 * A key's part is a folder's or a file's name as it stands, but for "%" (%25) and a leading "."
 * (%2E). A part whose name would have 200 bytes or more is cut there: the piece is a folder whose
 * name ends in "%", and what is left goes on inside it ("%e" where nothing is left). So no piece
 * begins with another, and the order of names is that of keys.
 *
 * errors   as bucket.h
 * owns     a handle that was opened is the caller's to close
 * threads  any; who writes holds the lock
 */
#ifndef CLOUD_OBJECT_FILES_H
#define CLOUD_OBJECT_FILES_H

#include "cloud/object/backends.h"

enum {
    FILES_PATH_SIZE = 8192,
    FILES_FOLDER_SIZE = 3072,
    FILES_PIECE_BYTES = 200,
    FILES_STATES = 2
};

typedef struct file_bucket {
    cloud_bucket interface; /* first */
    trib_disk *disk;
    const trib_clock *clock;
    char *folder; /* owned */
    bool shared;
} file_bucket;

typedef struct file_state {
    uint8_t sha256[TRIB_HASH_BYTES];
    uint64_t size;
    uint64_t modified_ms;
} file_state;

/* Of a key: what its content is, or was before a put that may not have come to its end. */
typedef struct file_note {
    file_state states[FILES_STATES]; /* the newer first */
    size_t count;                    /* 0: others have put it there */
} file_note;

TRIB_MUST_CHECK trib_status files_path(const file_bucket *files, const char *relative,
                                       char ret_path[FILES_PATH_SIZE]);
TRIB_MUST_CHECK trib_status files_object_path(const file_bucket *files, const char *key,
                                              char ret_path[FILES_PATH_SIZE]);
/* The text that a name stands for; false if it is none of ours. `ret_goes_on`: a piece. */
TRIB_MUST_CHECK bool files_name_read(const char *name, char ret_text[256], bool *ret_goes_on);
bool files_is_folder(const file_bucket *files, const char *path);

TRIB_MUST_CHECK trib_status files_note_read(const file_bucket *files, const char *key,
                                            file_note *ret_note);
/* Before a content gets its name. */
TRIB_MUST_CHECK trib_status files_note_add(const file_bucket *files, const char *key,
                                           const file_state *state);
TRIB_MUST_CHECK trib_status files_note_remove(const file_bucket *files, const char *key);
/* The state of that size and digest, or NULL. */
const file_state *files_note_find(const file_note *note, const file_state *state);

/* The content, and a note that was there both before and after it was opened. */
TRIB_MUST_CHECK trib_status files_open(const file_bucket *files, const char *key,
                                       file_note *ret_note, int *ret_handle);
TRIB_MUST_CHECK trib_status files_digest(const file_bucket *files, int handle,
                                         file_state *ret_state);
TRIB_MUST_CHECK trib_status files_info(const file_bucket *files, const char *key,
                                       cloud_object_info *ret_info);
/* Without digests, and so without reading contents. */
TRIB_MUST_CHECK trib_status files_info_listed(const file_bucket *files, const char *key,
                                              cloud_object_info *ret_info);

TRIB_MUST_CHECK trib_status files_list(cloud_bucket *bucket, const char *prefix, const char *after,
                                       trib_status (*each)(void *context,
                                                           const cloud_object_info *info),
                                       void *context);

#endif
