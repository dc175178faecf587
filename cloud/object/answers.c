#include "cloud/object/answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

/* ---- errors ---- */

static void copy_printable(const char *text, char *ret_text, size_t size) {
    size_t at = 0;
    for (; text[at] != '\0' && at + 1 < size; at++) {
        ret_text[at] = (char)(text[at] >= ' ' && text[at] <= '~' ? text[at] : ' ');
    }
    ret_text[at] = '\0';
}

static trib_status take_error(void *context, const char *parent, const char *name,
                              const char *text) {
    answer_error *error = context;
    if (text != NULL && strcmp(parent, "Error") == 0) {
        if (strcmp(name, "Code") == 0) {
            copy_printable(text, error->code, sizeof error->code);
        } else if (strcmp(name, "Message") == 0) {
            copy_printable(text, error->message, sizeof error->message);
        }
    }
    return TRIB_SUCCESS;
}

/* {"error": {"code": 404, "message": "...", "errors": [{"reason": "notFound"}]}} of the services,
 * {"error": "invalid_grant", "error_description": "..."} of a token endpoint. */
static void read_json_error(trib_bytes content, answer_error *ret_error) {
    json_t *object = json_loadb((const char *)content.data, content.size, 0, NULL);
    const json_t *error = json_object_get(object, "error");
    const char *code = json_string_value(error), *message = NULL;
    if (code != NULL) {
        message = json_string_value(json_object_get(object, "error_description"));
    } else {
        const json_t *first = json_array_get(json_object_get(error, "errors"), 0);
        code = json_string_value(json_object_get(first, "reason"));
        message = json_string_value(json_object_get(error, "message"));
    }
    copy_printable(code != NULL ? code : "", ret_error->code, sizeof ret_error->code);
    copy_printable(message != NULL ? message : "", ret_error->message, sizeof ret_error->message);
    json_decref(object);
}

void answer_error_read(trib_bytes content, answer_error *ret_error) {
    *ret_error = (answer_error){.code = ""};
    size_t at = 0;
    while (at < content.size && strchr(" \t\r\n", content.data[at]) != NULL &&
           content.data[at] != '\0') {
        at++;
    }
    if (at == content.size) {
        return;
    }
    if (content.data[at] == '{') {
        read_json_error(content, ret_error);
    } else {
        trib_ignore(xml_read(content, take_error, ret_error)); /* a proxy's HTML, maybe */
    }
}

/* ---- pages ---- */

void answer_page_init(answer_page *page) {
    *page = (answer_page){.items = {.ceiling = ANSWER_MAX_ITEMS * sizeof(answer_item)}};
}

void answer_page_deinit(answer_page *page) {
    trib_buffer_deinit(&page->items);
}

const answer_item *answer_page_at(const answer_page *page, size_t index) {
    const void *first = page->items.data; /* aligned to 64 */
    return (const answer_item *)first + index;
}

/* Which elements hold what, under the element of an item or anywhere below it. */
typedef struct shape {
    const char *item, *within; /* an item's element, and that around it */
    const char *name, *id, *size, *modified, *number;
    const char *next, *next_too, *more; /* more: "true" or "false"; NULL: unsaid */
} shape;

static const shape shapes[ANSWER_KINDS] = {
    [ANSWER_S3_OBJECTS] = {"Contents", "ListBucketResult", "Key", "ETag", "Size", "LastModified",
                           "", "NextContinuationToken", "", "IsTruncated"},
    [ANSWER_S3_PARTS] = {"Part", "ListPartsResult", "", "ETag", "Size", "LastModified",
                         "PartNumber", "NextPartNumberMarker", "", "IsTruncated"},
    [ANSWER_S3_UPLOADS] = {"Upload", "ListMultipartUploadsResult", "Key", "UploadId", "",
                           "Initiated", "", "NextKeyMarker", "NextUploadIdMarker", "IsTruncated"},
    [ANSWER_AZURE_BLOBS] = {"Blob", "Blobs", "Name", "", "Content-Length", "Last-Modified", "",
                            "NextMarker", "", NULL},
    [ANSWER_AZURE_BLOCKS] = {"Block", "UncommittedBlocks", "", "Name", "Size", "", "", "", "",
                             NULL},
};

typedef struct page_reading {
    const shape *shape;
    answer_page *page;
    answer_item item;
    char more[8];
    bool root_seen;
} page_reading;

static bool copy(const char *text, char *ret_text, size_t size) {
    size_t length = strlen(text);
    if (length >= size) {
        ret_text[0] = '\0';
        return false;
    }
    memcpy(ret_text, text, length + 1);
    return true;
}

static uint64_t number_of(const char *text) {
    return text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : 0;
}

uint64_t answer_time_ms(const char *text) {
    char date[64] = "";
    /* ISO 8601 becomes what curl_getdate knows: "20240131 10:00:00 GMT". */
    if (strlen(text) >= 19 && text[4] == '-' && text[7] == '-' && text[10] == 'T') {
        (void)snprintf(date, sizeof date, "%.4s%.2s%.2s %.8s GMT", text, text + 5, text + 8,
                       text + 11);
    } else if (!copy(text, date, sizeof date)) {
        return 0;
    }
    time_t seconds = curl_getdate(date, NULL);
    return seconds < 0 ? 0 : (uint64_t)seconds * 1000;
}

static trib_status add_item(answer_page *page, answer_item *item) {
    if (page->count == ANSWER_MAX_ITEMS) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a page of more than %d items", ANSWER_MAX_ITEMS);
    }
    TRIB_TRY(trib_buffer_append(&page->items, trib_bytes_of(item, sizeof *item)));
    page->count++;
    *item = (answer_item){.size = 0};
    return TRIB_SUCCESS;
}

static void take_leaf(page_reading *r, const char *name, const char *text) {
    const shape *s = r->shape;
    if (strcmp(name, s->name) == 0) {
        (void)copy(text, r->item.name, sizeof r->item.name);
    } else if (strcmp(name, s->id) == 0) {
        (void)copy(text, r->item.id, sizeof r->item.id);
    } else if (strcmp(name, s->size) == 0) {
        r->item.size = number_of(text);
    } else if (strcmp(name, s->modified) == 0) {
        r->item.modified_ms = answer_time_ms(text);
    } else if (strcmp(name, s->number) == 0) {
        r->item.number = number_of(text);
    }
}

static trib_status take_element(void *context, const char *parent, const char *name,
                                const char *text) {
    page_reading *r = context;
    const shape *s = r->shape;
    if (strcmp(name, s->item) == 0 && strcmp(parent, s->within) == 0) {
        return text == NULL ? add_item(r->page, &r->item) : TRIB_SUCCESS;
    }
    if (strcmp(name, s->within) == 0 || (parent[0] == '\0' && strstr(name, "List") != NULL) ||
        strcmp(name, "EnumerationResults") == 0) {
        r->root_seen = true;
    }
    if (text == NULL) {
        return TRIB_SUCCESS;
    }
    bool fits = true;
    if (s->next[0] != '\0' && strcmp(name, s->next) == 0) {
        fits = copy(text, r->page->next, sizeof r->page->next);
    } else if (s->next_too[0] != '\0' && strcmp(name, s->next_too) == 0) {
        fits = copy(text, r->page->next_too, sizeof r->page->next_too);
    } else if (s->more != NULL && strcmp(name, s->more) == 0) {
        (void)copy(text, r->more, sizeof r->more);
    } else if (strcmp(parent, s->item) == 0 || strcmp(parent, "Properties") == 0) {
        take_leaf(r, name, text);
    }
    return fits ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_CORRUPT, "a marker of the next page is too long");
}

static trib_status read_xml_page(const shape *s, trib_bytes content, answer_page *page) {
    TRIB_SCOPED(trib_free_scoped) page_reading *r = trib_allocate(1, sizeof *r);
    if (r == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a page");
    }
    r->shape = s;
    r->page = page;
    TRIB_TRY(xml_read(content, take_element, r));
    if (!r->root_seen) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "XML, but no listing");
    }
    if (s->more != NULL && strcmp(r->more, "true") != 0) {
        page->next[0] = page->next_too[0] = '\0';
    } else if (s->more != NULL && page->next[0] == '\0') {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a listing that goes on, without a marker");
    }
    return TRIB_SUCCESS;
}

static trib_status read_gcs_page(trib_bytes content, answer_page *page) {
    json_t *object = NULL;
    TRIB_TRY(answer_json(content, &object));
    const char *next = json_string_value(json_object_get(object, "nextPageToken"));
    trib_status status = next == NULL || copy(next, page->next, sizeof page->next)
                             ? TRIB_SUCCESS
                             : TRIB_FAIL(TRIB_E_CORRUPT, "nextPageToken is too long");
    const json_t *items = json_object_get(object, "items");
    for (size_t i = 0; trib_ok(status) && i < json_array_size(items); i++) {
        const json_t *from = json_array_get(items, i);
        const char *name = json_string_value(json_object_get(from, "name"));
        const char *size = json_string_value(json_object_get(from, "size"));
        const char *updated = json_string_value(json_object_get(from, "updated"));
        const char *md5 = json_string_value(json_object_get(from, "md5Hash"));
        answer_item item = {.size = size != NULL ? number_of(size) : 0,
                            .modified_ms = updated != NULL ? answer_time_ms(updated) : 0};
        if (name == NULL) {
            status = TRIB_FAIL(TRIB_E_CORRUPT, "an object without a name");
            break;
        }
        (void)copy(name, item.name, sizeof item.name);
        (void)copy(md5 != NULL ? md5 : "", item.id, sizeof item.id);
        status = add_item(page, &item);
    }
    json_decref(object);
    return status;
}

trib_status answer_page_read(answer_kind kind, trib_bytes content, answer_page *page) {
    trib_buffer_clear(&page->items);
    page->count = 0;
    page->next[0] = page->next_too[0] = '\0';
    return kind == ANSWER_GCS_OBJECTS ? read_gcs_page(content, page)
                                      : read_xml_page(&shapes[kind], content, page);
}

typedef struct wanted {
    const char *name;
    char *text;
    size_t size;
    bool found;
} wanted;

static trib_status take_wanted(void *context, const char *parent, const char *name,
                               const char *text) {
    wanted *w = context;
    (void)parent;
    if (text != NULL && !w->found && strcmp(name, w->name) == 0) {
        w->found = copy(text, w->text, w->size);
    }
    return TRIB_SUCCESS;
}

trib_status answer_element(trib_bytes content, const char *name, char *ret_text, size_t size) {
    wanted w = {name, ret_text, size, false};
    TRIB_TRY(xml_read(content, take_wanted, &w));
    return w.found ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_CORRUPT, "XML without a fitting %s", name);
}

trib_status answer_json(trib_bytes content, json_t **ret_object) {
    json_error_t error;
    json_t *object = json_loadb((const char *)content.data, content.size, 0, &error);
    if (!json_is_object(object)) {
        json_decref(object);
        return TRIB_FAIL(TRIB_E_CORRUPT, "the answer is no JSON object: line %d", error.line);
    }
    *ret_object = object;
    return TRIB_SUCCESS;
}
