/* A walk through the folders in the order of keys: depth first, without recursion, the names of
 * each open folder sorted in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/object/files.h"

enum { MOST_LEVELS = CLOUD_KEY_SIZE, LEVEL_CEILING = 256 << 20 };

/* A name as the text that it adds to the key: "text", "text/" of a folder, a piece without. */
typedef struct entry {
    char text[258];
    bool folder;
} entry;

typedef struct level {
    trib_buffer entries; /* entry [count] */
    size_t count, next;
    size_t key_size; /* of the key up to here */
} level;

typedef struct walk {
    const file_bucket *files;
    const char *prefix, *after;
    char key[2 * CLOUD_KEY_SIZE]; /* of the folder that is open */
    level *levels;                /* [MOST_LEVELS] */
    size_t depth;
} walk;

static int compare(const void *left, const void *right) {
    return strcmp(((const entry *)left)->text, ((const entry *)right)->text);
}

typedef struct reading {
    walk *walk;
    level *level;
    char path[FILES_PATH_SIZE];
} reading;

/* Whether keys that begin with `text` may begin with the prefix, and come after `after`. */
static bool wanted(const walk *w, const char *text, bool folder) {
    char key[2 * CLOUD_KEY_SIZE + 258];
    (void)snprintf(key, sizeof key, "%s%s", w->key, text);
    size_t size = strlen(key), prefix = strlen(w->prefix);
    if (strncmp(key, w->prefix, size < prefix ? size : prefix) != 0) {
        return false;
    }
    return folder ? strncmp(key, w->after, size) >= 0 : size >= prefix && strcmp(key, w->after) > 0;
}

static trib_status add(void *context, const char *name) {
    reading *r = context;
    entry found = {.folder = false};
    char text[256], path[FILES_PATH_SIZE];
    bool goes_on;
    if (!files_name_read(name, text, &goes_on)) {
        return TRIB_SUCCESS; /* others' */
    }
    int length = snprintf(path, sizeof path, "%s/%s", r->path, name);
    if (length < 0 || (size_t)length >= sizeof path) {
        return TRIB_SUCCESS; /* deeper than any key */
    }
    found.folder = files_is_folder(r->walk->files, path);
    if (goes_on && !found.folder) {
        return TRIB_SUCCESS;
    }
    (void)snprintf(found.text, sizeof found.text, "%s%s", text,
                   found.folder && !goes_on ? "/" : "");
    if (!wanted(r->walk, found.text, found.folder)) {
        return TRIB_SUCCESS;
    }
    r->level->count++;
    return trib_buffer_append(&r->level->entries, trib_bytes_of(&found, sizeof found));
}

/* The folder of the key so far, as names: its last part is not written to its end. */
static trib_status folder_path(const walk *w, char ret_path[FILES_PATH_SIZE]) {
    if (w->key[0] == '\0') {
        TRIB_TRY(files_path(w->files, "", ret_path));
    } else {
        TRIB_TRY(files_object_path(w->files, w->key, ret_path));
    }
    size_t size = strlen(ret_path);
    if (size > 2 && strcmp(ret_path + size - 2, "%e") == 0) { /* a piece, and nothing inside yet */
        size -= 2;
    }
    ret_path[size - 1] = '\0'; /* the slash */
    return TRIB_SUCCESS;
}

static trib_status enter(walk *w) {
    TRIB_SCOPED(trib_free_scoped) reading *r = trib_allocate(1, sizeof *r);
    if (r == NULL || w->depth == MOST_LEVELS) {
        return TRIB_FAIL(TRIB_E_LIMIT, "file: folders are too deep, or there is no memory");
    }
    level *l = &w->levels[w->depth++];
    *l = (level){.entries = {.ceiling = LEVEL_CEILING}, .key_size = strlen(w->key)};
    r->walk = w;
    r->level = l;
    TRIB_TRY(folder_path(w, r->path));
    TRIB_TRY(trib_context(w->files->disk->list(w->files->disk, r->path, add, r), "file: list"));
    if (l->count > 0) {
        qsort(l->entries.data, l->count, sizeof(entry), compare);
    }
    return TRIB_SUCCESS;
}

static trib_status tell(const walk *w,
                        trib_status (*each)(void *context, const cloud_object_info *info),
                        void *context) {
    cloud_object_info info;
    if (!trib_ok(cloud_bucket_key_check(w->key))) {
        return TRIB_SUCCESS;
    }
    trib_status status = files_info_listed(w->files, w->key, &info);
    if (status.code == TRIB_E_NOT_FOUND) {
        return TRIB_SUCCESS; /* removed meanwhile */
    }
    TRIB_TRY(trib_context(status, "file: key '%.300s'", w->key));
    return each(context, &info);
}

static trib_status step(walk *w, trib_status (*each)(void *context, const cloud_object_info *info),
                        void *context) {
    level *l = &w->levels[w->depth - 1];
    w->key[l->key_size] = '\0';
    if (l->next == l->count) {
        trib_buffer_deinit(&l->entries);
        w->depth--;
        return TRIB_SUCCESS;
    }
    const void *first = l->entries.data;
    const entry *e = (const entry *)first + l->next++;
    if (l->key_size + strlen(e->text) >= CLOUD_KEY_SIZE) {
        return TRIB_SUCCESS; /* no key is so long */
    }
    memcpy(w->key + l->key_size, e->text, strlen(e->text) + 1);
    return e->folder ? enter(w) : tell(w, each, context);
}

trib_status files_list(cloud_bucket *bucket, const char *prefix, const char *after,
                       trib_status (*each)(void *context, const cloud_object_info *info),
                       void *context) {
    TRIB_SCOPED(trib_free_scoped) level *levels = trib_allocate(MOST_LEVELS, sizeof *levels);
    TRIB_SCOPED(trib_free_scoped) walk *w = trib_allocate(1, sizeof *w);
    if (levels == NULL || w == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a listing");
    }
    w->files = (const file_bucket *)bucket;
    w->prefix = prefix;
    w->after = after;
    w->levels = levels;
    trib_status status = enter(w);
    while (trib_ok(status) && w->depth > 0) {
        status = step(w, each, context);
    }
    while (w->depth > 0) {
        trib_buffer_deinit(&levels[--w->depth].entries);
    }
    return status;
}
