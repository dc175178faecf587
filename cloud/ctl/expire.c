/* tributary object expire: what is old, or more than is wanted, leaves the bucket. */
#include "cloud/ctl/expire.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/ctl/json_value.h"

enum { DAY_MS = 24 * 3600 * 1000 };

typedef struct expire_entry {
    uint64_t modified_ms, size;
    size_t key; /* its first byte, in `keys` */
} expire_entry;

typedef struct expire_list {
    trib_buffer entries; /* expire_entry */
    trib_buffer keys;    /* texts with their zeros */
} expire_list;

static void forget(expire_list *list) {
    trib_buffer_deinit(&list->entries);
    trib_buffer_deinit(&list->keys);
}

static trib_status note(void *context, const cloud_object_info *info) {
    expire_list *list = context;
    const expire_entry entry = {info->modified_ms, info->size, list->keys.size};
    TRIB_TRY(trib_buffer_append(&list->keys,
                                trib_bytes_of((const uint8_t *)info->key, strlen(info->key) + 1)));
    return trib_buffer_append(&list->entries, trib_bytes_of((const uint8_t *)&entry, sizeof entry));
}

/* The newest first. */
static int by_age(const void *left, const void *right) {
    const expire_entry *a = left, *b = right;
    int order = (a->modified_ms < b->modified_ms) - (a->modified_ms > b->modified_ms);
    return order != 0 ? order : (a->key > b->key) - (a->key < b->key);
}

static trib_status remove_one(cloud_bucket *bucket, const ctl_expire *wanted, const char *key,
                              json_t *rows) {
    if (rows != NULL) {
        (void)json_array_append_new(rows, json_string(key));
    } else {
        (void)printf("%s\n", key);
    }
    return wanted->dry_run ? TRIB_SUCCESS : bucket->remove(bucket, key);
}

trib_status ctl_expire_run(cloud_bucket *bucket, const ctl_expire *wanted) {
    TRIB_SCOPED(ctl_json_release) json_t *rows = wanted->json ? json_array() : NULL;
    TRIB_SCOPED(forget)
    expire_list list = {
        .entries = {.ceiling = (size_t)CTL_EXPIRE_MOST_OBJECTS * sizeof(expire_entry)},
        .keys = {.ceiling = (size_t)1 << 30}};
    uint64_t removed = 0, bytes = 0;
    TRIB_TRY(trib_context(bucket->list(bucket, wanted->prefix, "", note, &list),
                          "objects below '%s'", wanted->prefix));
    size_t count = list.entries.size / sizeof(expire_entry);
    expire_entry *entries = (expire_entry *)(void *)list.entries.data;
    if (count > 0) {
        qsort(entries, count, sizeof *entries, by_age);
    }
    for (size_t i = (size_t)wanted->keep; i < count; i++) {
        bool old = entries[i].modified_ms + wanted->older_days * DAY_MS <= wanted->now_ms;
        if (!wanted->by_age || old) {
            TRIB_TRY(
                remove_one(bucket, wanted, (const char *)list.keys.data + entries[i].key, rows));
            removed++;
            bytes += entries[i].size;
        }
    }
    if (wanted->json) {
        ctl_json_print(json_incref(rows));
    } else {
        (void)printf("%" PRIu64 " of %zu objects%s removed, %" PRIu64 " bytes\n", removed, count,
                     wanted->dry_run ? " would be" : "", bytes);
    }
    return TRIB_SUCCESS;
}
