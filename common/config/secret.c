#include "common/config/secret.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"

enum { PATH_SIZE = 1024 };

static trib_status append_zero(trib_buffer *text) {
    return trib_buffer_append(text, trib_bytes_of((const uint8_t *)"", 1));
}

static trib_status read_file(trib_value value, const char *file, trib_buffer *ret_text) {
    char path[PATH_SIZE];
    TRIB_TRY(trib_value_path(value, file, path, sizeof path));
    if (!trib_ok(trib_file_read(path, ret_text)) || !trib_ok(append_zero(ret_text))) {
        return trib_value_refuse(value, "%s", trib_message());
    }
    char *text = (char *)ret_text->data;
    if (strncmp(text, "-----BEGIN", 10) != 0 && text[0] != '{') {
        text[strcspn(text, "\r\n")] = '\0';
    }
    return TRIB_SUCCESS;
}

static trib_status read_environment(trib_value value, trib_buffer *ret_text) {
    const char *name = trib_value_text(value);
    const char *text = name != NULL ? getenv(name) : NULL;
    if (text == NULL) {
        return trib_value_refuse(value, "the environment has no %s",
                                 name != NULL ? name : "such variable");
    }
    TRIB_TRY(trib_buffer_append(ret_text, trib_bytes_text(text)));
    return append_zero(ret_text);
}

trib_status trib_value_secret(trib_value value, const char *file, trib_buffer *ret_text) {
    static const char *const keys[] = {"file", "environment", NULL};
    trib_value from_file, from_environment;
    if (trib_value_text(value) != NULL) {
        TRIB_TRY(trib_buffer_append(ret_text, trib_bytes_text(trib_value_text(value))));
        return append_zero(ret_text);
    }
    TRIB_TRY(trib_config_only(value, keys));
    TRIB_TRY(trib_value_find(value, "file", &from_file));
    TRIB_TRY(trib_value_find(value, "environment", &from_environment));
    if (trib_value_present(from_file) == trib_value_present(from_environment)) {
        return trib_value_expect(value, "a text, {file: PATH} or {environment: NAME}");
    }
    return trib_value_present(from_file) ? read_file(from_file, file, ret_text)
                                         : read_environment(from_environment, ret_text);
}
