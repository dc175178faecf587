#include "cloud/ingest/revoked.h"

#include <string.h>

/* Where the name stands, or would. */
static size_t place_of(const cloud_revoked *revoked, const char *name) {
    size_t low = 0, high = revoked->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(revoked->names[middle], name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool cloud_revoked_has(const cloud_revoked *revoked, const char *name) {
    size_t place = place_of(revoked, name);
    return place < revoked->count && strcmp(revoked->names[place], name) == 0;
}

trib_status cloud_revoked_add(cloud_revoked *revoked, const char *name) {
    if (cloud_revoked_has(revoked, name)) {
        return TRIB_SUCCESS;
    }
    if (strlen(name) >= TRIB_NAME_SIZE) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the revoked name '%.63s..' is too long", name);
    }
    if (revoked->count == CLOUD_MAX_REVOKED) {
        return TRIB_FAIL(TRIB_E_LIMIT, "%d gateways are revoked already", CLOUD_MAX_REVOKED);
    }
    if (revoked->count == revoked->capacity) {
        size_t capacity = revoked->capacity > 0 ? 2 * revoked->capacity : 16;
        char(*larger)[TRIB_NAME_SIZE] =
            trib_resize(revoked->names, revoked->count * sizeof *larger, capacity * sizeof *larger);
        if (larger == NULL) {
            return TRIB_FAIL(TRIB_E_IO, "no memory for %zu revoked names", capacity);
        }
        revoked->names = larger;
        revoked->capacity = capacity;
    }
    size_t place = place_of(revoked, name);
    memmove(revoked->names + place + 1, revoked->names + place,
            (revoked->count - place) * sizeof *revoked->names);
    memcpy(revoked->names[place], name, strlen(name) + 1);
    revoked->count++;
    return TRIB_SUCCESS;
}

void cloud_revoked_deinit(cloud_revoked *revoked) {
    trib_free(revoked->names);
    *revoked = (cloud_revoked){.names = NULL};
}
