#include "common/recording/posix/client_list.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool trib_glob_matches(const char *pattern, const char *name) {
    return fnmatch(pattern, name, 0) == 0;
}

void trib_client_list_deinit(trib_client_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        for (size_t j = 0; j < list->clients[i].count; j++) {
            trib_free(list->clients[i].paths[j]);
        }
        trib_free(list->clients[i].paths);
        trib_free(list->clients[i].place);
    }
    trib_free(list->clients);
    *list = (trib_client_list){0};
}

static void free_entries(struct dirent ***entries) {
    free(*entries);
}

/* Names in the folder, sorted by bytes, whatever the locale. */
static int by_bytes(const struct dirent **left, const struct dirent **right) {
    return strcmp((*left)->d_name, (*right)->d_name);
}

static trib_status join(const char *folder, const char *name, char ret_path[PATH_MAX]) {
    int size = snprintf(ret_path, PATH_MAX, "%s/%s", folder, name);
    if (size < 0 || size >= PATH_MAX) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the path %s/%s is too long", folder, name);
    }
    return TRIB_SUCCESS;
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* "Valve 1/0.csv" -> "valve-1-0" */
static trib_status name_client(const char *text, char ret_name[64]) {
    const char *dot = strrchr(text, '.');
    size_t size = dot != NULL && dot != text ? (size_t)(dot - text) : strlen(text), used = 0;
    for (size_t i = 0; i < size; i++) {
        int letter = tolower((unsigned char)text[i]);
        bool plain = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
        if (!plain && (used == 0 || ret_name[used - 1] == '-')) {
            continue;
        }
        if (used == 63) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "'%s' is too long for a client's name: at most 63",
                             text);
        }
        ret_name[used++] = plain ? (char)letter : '-';
    }
    while (used > 0 && ret_name[used - 1] == '-') {
        used--;
    }
    ret_name[used] = '\0';
    if (used == 0 || strcmp(ret_name, "all") == 0) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "'%s' gives no name for a client: rename it", text);
    }
    return TRIB_SUCCESS;
}

static trib_status add_path(trib_client_files *client, const char *path) {
    char **paths = trib_resize(client->paths, client->count * sizeof *paths,
                               (client->count + 1) * sizeof *paths);
    char *copy = trib_duplicate_text(path);
    if (paths != NULL) {
        client->paths = paths;
    }
    if (paths == NULL || copy == NULL) {
        trib_free(copy);
        return TRIB_FAIL(TRIB_E_IO, "no memory for a list of files");
    }
    paths[client->count++] = copy;
    return TRIB_SUCCESS;
}

static trib_status add_client(trib_client_list *list, const char *text, const char *place,
                              trib_client_files **ret_client) {
    char name[64];
    TRIB_TRY(name_client(text, name));
    if (list->count == TRIB_CLIENT_LIST_MAX) {
        return TRIB_FAIL(TRIB_E_LIMIT, "more than %d clients", TRIB_CLIENT_LIST_MAX);
    }
    if (list->count == list->capacity) {
        size_t larger = list->capacity == 0 ? 64 : 2 * list->capacity;
        trib_client_files *clients =
            trib_resize(list->clients, list->capacity * sizeof *clients, larger * sizeof *clients);
        if (clients == NULL) {
            return TRIB_FAIL(TRIB_E_IO, "no memory for %zu clients", larger);
        }
        list->clients = clients;
        list->capacity = larger;
    }
    trib_client_files *client = &list->clients[list->count++];
    *client = (trib_client_files){.place = trib_duplicate_text(place)};
    memcpy(client->name, name, sizeof name);
    if (client->place == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a list of clients");
    }
    *ret_client = client;
    return TRIB_SUCCESS;
}

typedef struct walk {
    const trib_source_spec *source;
    trib_client_list *list;
    const char *folder;
    const char *below; /* NULL at the top */
} walk;

static trib_status scan_folder(const walk *at);

static trib_status take_file(const walk *at, const char *path, const char *name,
                             trib_client_files **client) {
    char text[2 * NAME_MAX + 2];
    if (at->below == NULL || at->source->client_per_file) {
        (void)snprintf(text, sizeof text, "%s%s%s", at->below != NULL ? at->below : "",
                       at->below != NULL ? "-" : "", name);
        TRIB_TRY(add_client(at->list, text, path, client));
    } else if (*client == NULL) {
        /* a dot in a folder's name is not the start of an extension */
        (void)snprintf(text, sizeof text, "%s.", at->below);
        TRIB_TRY(add_client(at->list, text, at->folder, client));
    }
    return add_path(*client, path);
}

static trib_status take_entry(const walk *at, const char *name, trib_client_files **client) {
    char path[PATH_MAX];
    TRIB_TRY(join(at->folder, name, path));
    if (is_folder(path)) {
        walk deeper = {at->source, at->list, path, name};
        return at->below == NULL ? scan_folder(&deeper) : TRIB_SUCCESS;
    }
    return trib_glob_matches(at->source->files, name) ? take_file(at, path, name, client)
                                                      : TRIB_SUCCESS;
}

static trib_status scan_folder(const walk *at) {
    TRIB_SCOPED(free_entries) struct dirent **entries = NULL;
    int count = scandir(at->folder, &entries, NULL, by_bytes);
    if (count < 0) {
        return TRIB_FAIL(errno == ENOENT ? TRIB_E_NOT_FOUND : TRIB_E_IO, "list %s: %s", at->folder,
                         strerror(errno));
    }
    trib_status status = TRIB_SUCCESS;
    trib_client_files *client = NULL;
    for (int i = 0; i < count; i++) {
        if (trib_ok(status) && entries[i]->d_name[0] != '.') {
            status = take_entry(at, entries[i]->d_name, &client);
        }
        free(entries[i]);
    }
    return status;
}

static int by_name(const void *left, const void *right) {
    return strcmp(((const trib_client_files *)left)->name,
                  ((const trib_client_files *)right)->name);
}

static trib_status check_list(const trib_client_list *list, const walk *at) {
    if (list->count == 0) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND,
                         "%s has no file that matches '%s', nor a folder with one", at->folder,
                         at->source->files);
    }
    for (size_t i = 1; i < list->count; i++) {
        if (strcmp(list->clients[i - 1].name, list->clients[i].name) == 0) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "%s and %s would both be client '%s': rename one",
                             list->clients[i - 1].paths[0], list->clients[i].paths[0],
                             list->clients[i].name);
        }
    }
    return TRIB_SUCCESS;
}

trib_status trib_client_list_read(const char *folder, const trib_source_spec *source,
                                  trib_client_list *ret_list) {
    TRIB_SCOPED(trib_client_list_deinit) trib_client_list list = {0};
    const walk at = {source, &list, folder, NULL};
    TRIB_TRY(scan_folder(&at));
    if (list.count > 0) {
        qsort(list.clients, list.count, sizeof *list.clients, by_name);
    }
    TRIB_TRY(check_list(&list, &at));
    *ret_list = list;
    list = (trib_client_list){0};
    return TRIB_SUCCESS;
}
