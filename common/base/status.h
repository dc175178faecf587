/* What a function says of how it went.
 *
 * A status is a struct, so it is never mistaken for an int, and it must be looked at. Callers
 * branch on the code; people read the message, which names the thing, the value and what to do.
 *
 * threads  the message of the last failure is kept per thread
 * firmware with TRIB_FREESTANDING defined, messages are compiled out and only codes remain
 */
#ifndef TRIB_BASE_STATUS_H
#define TRIB_BASE_STATUS_H

#include <stdbool.h>

#define TRIB_MUST_CHECK __attribute__((warn_unused_result))
#define TRIB_PRINTF(format_, first_) __attribute__((__format__(__printf__, format_, first_)))
/* Runs `destroy(&variable)` when the variable's scope ends. */
#define TRIB_SCOPED(destroy) __attribute__((cleanup(destroy)))

typedef enum trib_code {
    TRIB_OK = 0,
    TRIB_E_ARGUMENT,  /* the caller asked for something that cannot be */
    TRIB_E_LIMIT,     /* a ceiling of docs/limits.md was met */
    TRIB_E_CORRUPT,   /* bytes that should be ours are damaged or malformed */
    TRIB_E_DENIED,    /* a signature, key, name or permission does not allow it */
    TRIB_E_RETRY,     /* not now: the same call may succeed later */
    TRIB_E_NOT_FOUND, /* the thing named does not exist */
    TRIB_E_STATE,     /* the thing is not in the state that the call needs */
    TRIB_E_IO,        /* the system said no: disk, network, memory */
    TRIB_E_INTERNAL   /* a library did what its documentation rules out */
} trib_code;

typedef struct trib_status {
    trib_code code;
} trib_status;

#define TRIB_SUCCESS ((trib_status){TRIB_OK})

static inline bool trib_ok(trib_status status) {
    return status.code == TRIB_OK;
}

/* "ok", "limit", ... for logs and JSON. Static storage. */
const char *trib_code_name(trib_code code);

/* The message of this thread's last failure; "" if it never failed. Valid until the next one. */
const char *trib_message(void);

/* Keeps a message. Use TRIB_FAIL, which also is the status. */
void trib_fail(const char *format, ...) TRIB_PRINTF(1, 2);

/* Puts "context: " before the message of a status that failed; passes success through. */
TRIB_MUST_CHECK
trib_status trib_context(trib_status status, const char *format, ...) TRIB_PRINTF(2, 3);

#ifdef TRIB_FREESTANDING
int trib_message_arguments(const char *format, ...) TRIB_PRINTF(1, 2); /* never called */
#define TRIB_FAIL(code_, ...)                                                                      \
    ((void)sizeof(trib_message_arguments(__VA_ARGS__)), (trib_status){code_})
#else
#define TRIB_FAIL(code_, ...) (trib_fail(__VA_ARGS__), (trib_status){code_})
#endif

/* Returns from the calling function when the expression failed. */
#define TRIB_TRY(expression)                                                                       \
    do {                                                                                           \
        trib_status trib_try_status_ = (expression);                                               \
        if (trib_try_status_.code != TRIB_OK) {                                                    \
            return trib_try_status_;                                                               \
        }                                                                                          \
    } while (0)

/* For a failure that has been weighed and does not matter; say why beside it. */
static inline void trib_ignore(trib_status status) {
    (void)status;
}

/* A broken invariant ends the program; assertions stay on in release. */
#define TRIB_ASSERT(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            trib_panic(__FILE__, __LINE__, #condition);                                            \
        }                                                                                          \
    } while (0)
__attribute__((noreturn)) void trib_panic(const char *file, int line, const char *what);

#endif
