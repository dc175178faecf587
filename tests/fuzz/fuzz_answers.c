/* What servers of object storage answer: the first byte says as what it is read. Whoever answers
 * may be anyone on the way; a page that was read is bounded, and its texts end. */
#include "cloud/object/answers.h"
#include "tests/fuzz/fuzz.h"

static void must_end(const char *text, size_t room) {
    FUZZ_MUST(memchr(text, 0, room) != NULL);
}

static void must_be_printable(const char *text, size_t room) {
    must_end(text, room);
    for (; *text != '\0'; text++) {
        FUZZ_MUST(*text >= ' ' && *text <= '~');
    }
}

static void must_be_known(trib_status status) {
    FUZZ_MUST(trib_ok(status) || status.code == TRIB_E_CORRUPT || status.code == TRIB_E_LIMIT);
    FUZZ_MUST(trib_ok(status) || trib_message()[0] != '\0');
}

static void read_page(answer_kind kind, trib_bytes content) {
    answer_page page;
    answer_page_init(&page);
    trib_status status = answer_page_read(kind, content, &page);
    must_be_known(status);
    FUZZ_MUST(page.count <= ANSWER_MAX_ITEMS);
    FUZZ_MUST(page.items.size == page.count * sizeof(answer_item));
    must_end(page.next, sizeof page.next);
    must_end(page.next_too, sizeof page.next_too);
    for (size_t i = 0; i < page.count; i++) {
        const answer_item *item = answer_page_at(&page, i);
        must_end(item->name, sizeof item->name);
        must_end(item->id, sizeof item->id);
    }
    answer_page again; /* a page is filled anew, whatever was in it */
    answer_page_init(&again);
    FUZZ_MUST(answer_page_read(kind, content, &page).code == status.code);
    FUZZ_MUST(answer_page_read(kind, content, &again).code == status.code);
    FUZZ_MUST(page.count == again.count && strcmp(page.next, again.next) == 0);
    answer_page_deinit(&again);
    answer_page_deinit(&page);
}

static void read_element(trib_bytes content) {
    char text[64];
    memset(text, 0x5a, sizeof text);
    trib_status status = answer_element(content, "UploadId", text, sizeof text);
    must_be_known(status);
    if (trib_ok(status)) {
        must_end(text, sizeof text);
    }
}

static void read_error(trib_bytes content) {
    answer_error error;
    answer_error_read(content, &error);
    must_be_printable(error.code, sizeof error.code);
    must_be_printable(error.message, sizeof error.message);
}

static void read_time(trib_bytes content) {
    char text[128];
    size_t size = content.size < sizeof text - 1 ? content.size : sizeof text - 1;
    if (size > 0) {
        memcpy(text, content.data, size);
    }
    text[size] = '\0';
    FUZZ_MUST(answer_time_ms(text) % 1000 == 0);
}

static void read_json(trib_bytes content) {
    json_t *object = NULL;
    trib_status status = answer_json(content, &object);
    must_be_known(status);
    FUZZ_MUST(trib_ok(status) == (object != NULL));
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    trib_bytes content = trib_bytes_of(data + 1, size - 1);
    unsigned how = data[0] % (ANSWER_KINDS + 4);
    if (how < ANSWER_KINDS) {
        read_page((answer_kind)how, content);
    } else if (how == ANSWER_KINDS) {
        read_element(content);
    } else if (how == ANSWER_KINDS + 1) {
        read_error(content);
    } else if (how == ANSWER_KINDS + 2) {
        read_time(content);
    } else {
        read_json(content);
    }
    return 0;
}
