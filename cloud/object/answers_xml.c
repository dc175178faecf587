/* Expat's events, as elements with their parents. */
#include <stdlib.h>
#include <string.h>

#include <expat.h>

#include "cloud/object/answers.h"

enum { NAME_SIZE = 64 };

typedef struct reading {
    XML_Parser parser;
    xml_each each;
    void *context;
    char names[ANSWER_MAX_DEPTH + 1][NAME_SIZE]; /* names[0]: above the root */
    size_t depth;
    bool inner; /* the last thing seen was the end of an element */
    char text[ANSWER_MAX_TEXT + 1];
    size_t text_size;
    trib_status status;
} reading;

static void stop(reading *r, trib_status status) {
    r->status = status;
    (void)XML_StopParser(r->parser, XML_FALSE);
}

static void on_start(void *context, const char *name, const char **attributes) {
    reading *r = context;
    (void)attributes;
    if (r->depth == ANSWER_MAX_DEPTH) {
        stop(r, TRIB_FAIL(TRIB_E_CORRUPT, "XML of more than %d levels", ANSWER_MAX_DEPTH));
        return;
    }
    r->depth++;
    size_t size = strnlen(name, NAME_SIZE - 1);
    memcpy(r->names[r->depth], name, size);
    r->names[r->depth][size] = '\0';
    r->text_size = 0;
    r->inner = false;
}

static void on_text(void *context, const char *text, int size) {
    reading *r = context;
    if ((size_t)size > ANSWER_MAX_TEXT - r->text_size) {
        stop(r, TRIB_FAIL(TRIB_E_CORRUPT, "XML: the text of %s is longer than %d bytes",
                          r->names[r->depth], ANSWER_MAX_TEXT));
        return;
    }
    memcpy(r->text + r->text_size, text, (size_t)size);
    r->text_size += (size_t)size;
}

static void on_end(void *context, const char *name) {
    reading *r = context;
    (void)name;
    r->text[r->text_size] = '\0';
    trib_status status =
        r->each(r->context, r->names[r->depth - 1], r->names[r->depth], r->inner ? NULL : r->text);
    r->depth--;
    r->inner = true;
    r->text_size = 0;
    if (!trib_ok(status)) {
        stop(r, status);
    }
}

/* Answers have none, and entities come with it. */
static void on_doctype(void *context, const char *name, const char *system_id,
                       const char *public_id, int internal) {
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)internal;
    stop(context, TRIB_FAIL(TRIB_E_CORRUPT, "XML with a document type"));
}

trib_status xml_read(trib_bytes document, xml_each each, void *context) {
    TRIB_SCOPED(trib_free_scoped) reading *r = trib_allocate(1, sizeof *r);
    XML_Parser parser = XML_ParserCreate(NULL);
    if (r == NULL || parser == NULL || document.size > INT32_MAX) {
        XML_ParserFree(parser);
        return TRIB_FAIL(TRIB_E_IO, "no memory for XML");
    }
    r->parser = parser;
    r->each = each;
    r->context = context;
    r->status = TRIB_SUCCESS;
    XML_SetUserData(parser, r);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    enum XML_Status result =
        XML_Parse(parser, (const char *)document.data, (int)document.size, XML_TRUE);
    trib_status status = r->status;
    if (result != XML_STATUS_OK && trib_ok(status)) {
        status =
            TRIB_FAIL(TRIB_E_CORRUPT, "malformed XML: line %lu: %s",
                      XML_GetCurrentLineNumber(parser), XML_ErrorString(XML_GetErrorCode(parser)));
    }
    XML_ParserFree(parser);
    return status;
}
