/* Fields of JSON that somebody else wrote, read without trust: a wrong type and an empty
 * text read as the fallback.
 *
 * threads  pure
 */
#ifndef CLOUD_CTL_JSON_VALUE_H
#define CLOUD_CTL_JSON_VALUE_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/status.h"

/* For TRIB_SCOPED. */
static inline void ctl_json_release(json_t **value) {
    json_decref(*value);
}
static inline void ctl_json_text_free(char **text) {
    free(*text);
}

static inline const char *ctl_json_text(const json_t *object, const char *key,
                                        const char *fallback) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL || *text == 0 ? fallback : text;
}
static inline long long ctl_json_integer(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}
static inline double ctl_json_number(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}
static inline bool ctl_json_flag(const json_t *object, const char *key) {
    return json_is_true(json_object_get(object, key));
}

/* One line on standard output; takes the value. */
static inline void ctl_json_print(json_t *ret_taken) {
    (void)json_dumpf(ret_taken, stdout, JSON_SORT_KEYS);
    (void)putchar('\n');
    json_decref(ret_taken);
}

#endif
