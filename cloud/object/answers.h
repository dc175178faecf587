/* Readers of what servers answer: foreign bytes, bounded, without recursion of ours. Private to the
 * room.
 *
 * errors   TRIB_E_CORRUPT malformed, too deep, with a document type, or not what was asked for;
 *          TRIB_E_LIMIT more than a page holds;  TRIB_E_IO no memory
 * owns     nothing of its input; a page its items
 * threads  a page: one
 */
#ifndef CLOUD_OBJECT_ANSWERS_H
#define CLOUD_OBJECT_ANSWERS_H

#include <jansson.h>

#include "cloud/object/bucket.h"

enum {
    ANSWER_MAX_DEPTH = 16,
    ANSWER_MAX_TEXT = 4096,   /* of one element */
    ANSWER_MAX_ITEMS = 10000, /* of one page; we ask for 1,000 */
    ANSWER_TOKEN_SIZE = 2048
};

/* For each element: with its text if it holds no elements, else with NULL at its end. */
typedef trib_status (*xml_each)(void *context, const char *parent, const char *name,
                                const char *text);
TRIB_MUST_CHECK trib_status xml_read(trib_bytes document, xml_each each, void *context);

/* What a server says of a failure; "" where it says nothing. Printable ASCII. */
typedef struct answer_error {
    char code[64];
    char message[256];
} answer_error;
/* Of XML or JSON; never fails: what cannot be read says nothing. */
void answer_error_read(trib_bytes content, answer_error *ret_error);

/* An item of a listing. */
typedef struct answer_item {
    char name[CLOUD_KEY_SIZE]; /* "" where it is longer than a key */
    char id[1024];             /* an upload's; a part's ETag or MD5 */
    uint64_t size;
    uint64_t modified_ms;
    uint64_t number; /* a part's */
} answer_item;

typedef struct answer_page {
    trib_buffer items; /* answer_item [count]; ceiling set by init */
    size_t count;
    char next[ANSWER_TOKEN_SIZE];     /* "" at the end */
    char next_too[ANSWER_TOKEN_SIZE]; /* S3's second marker */
} answer_page;
void answer_page_init(answer_page *page);
void answer_page_deinit(answer_page *page);
const answer_item *answer_page_at(const answer_page *page, size_t index);

typedef enum answer_kind {
    ANSWER_S3_OBJECTS,
    ANSWER_S3_PARTS,
    ANSWER_S3_UPLOADS,
    ANSWER_AZURE_BLOBS,
    ANSWER_AZURE_BLOCKS, /* uncommitted */
    ANSWER_GCS_OBJECTS,  /* JSON; id is the MD5 in base64 */
    ANSWER_KINDS
} answer_kind;
/* Fills the page anew. */
TRIB_MUST_CHECK trib_status answer_page_read(answer_kind kind, trib_bytes content,
                                             answer_page *page);
/* The text of the first element of this name. */
TRIB_MUST_CHECK trib_status answer_element(trib_bytes content, const char *name, char *ret_text,
                                           size_t size);
/* An object, or TRIB_E_CORRUPT. The caller gives it back with json_decref. */
TRIB_MUST_CHECK trib_status answer_json(trib_bytes content, json_t **ret_object);
/* "2024-01-31T10:00:00.000Z"; 0 if it is none. */
uint64_t answer_time_ms(const char *text);

#endif
