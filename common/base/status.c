#include "common/base/status.h"

#ifndef TRIB_FREESTANDING
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#endif

const char *trib_code_name(trib_code code) {
    switch (code) {
    case TRIB_OK:
        return "ok";
    case TRIB_E_ARGUMENT:
        return "argument";
    case TRIB_E_LIMIT:
        return "limit";
    case TRIB_E_CORRUPT:
        return "corrupt";
    case TRIB_E_DENIED:
        return "denied";
    case TRIB_E_RETRY:
        return "retry";
    case TRIB_E_NOT_FOUND:
        return "not_found";
    case TRIB_E_STATE:
        return "state";
    case TRIB_E_IO:
        return "io";
    case TRIB_E_INTERNAL:
        return "internal";
    }
    return "unknown";
}

#ifdef TRIB_FREESTANDING

const char *trib_message(void) {
    return "";
}

void trib_panic(const char *file, int line, const char *what) {
    (void)file;
    (void)line;
    (void)what;
    __builtin_trap();
}

#else

enum { MESSAGE_SIZE = 1024 };

static _Thread_local char last_message[MESSAGE_SIZE];

const char *trib_message(void) {
    return last_message;
}

void trib_fail(const char *format, ...) {
    char text[MESSAGE_SIZE]; /* apart, since an argument may be the last message itself */
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(last_message, text, sizeof last_message);
}

trib_status trib_context(trib_status status, const char *format, ...) {
    if (trib_ok(status)) {
        return status;
    }
    char text[2 * MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, MESSAGE_SIZE, format, arguments);
    va_end(arguments);
    size_t used = length < 0 ? 0 : (size_t)length;
    if (used > MESSAGE_SIZE - 1) {
        used = MESSAGE_SIZE - 1;
    }
    (void)snprintf(text + used, sizeof text - used, ": %s", last_message);
    memcpy(last_message, text, sizeof last_message - 1);
    last_message[sizeof last_message - 1] = '\0';
    return status;
}

void trib_panic(const char *file, int line, const char *what) {
    (void)fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, what);
    abort();
}

#endif
