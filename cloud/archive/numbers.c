#include "cloud/archive/numbers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_SIZE = 4096 };

trib_status cloud_number_find(trib_disk *disk, const char *state, const char *name,
                              uint64_t *ret_number) {
    char path[PATH_SIZE];
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = 64};
    int length = snprintf(path, sizeof path, "%s/%s", state, name);
    if (length <= 0 || (size_t)length >= sizeof path) {
        return TRIB_FAIL(TRIB_E_LIMIT, "%.200s: too long a path", state);
    }
    TRIB_TRY(trib_disk_read(disk, path, &text));
    TRIB_TRY(trib_buffer_append(&text, trib_bytes_of((const uint8_t *)"", 1)));
    *ret_number = strtoull((const char *)text.data, NULL, 10);
    return *ret_number > 0 ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_CORRUPT, "%s: no number", path);
}

trib_status cloud_number_keep(trib_disk *disk, const char *state, const char *name,
                              uint64_t number) {
    char text[32];
    int length = snprintf(text, sizeof text, "%" PRIu64 "\n", number);
    return trib_disk_replace(disk, state, name,
                             trib_bytes_of((const uint8_t *)text, (size_t)length));
}
