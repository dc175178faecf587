#include "cloud/outbox/shares.h"

#include <string.h>
#include <xxhash.h>

/* What gateways wrote at successive positions, forgotten as one. */
typedef struct portion {
    struct portion *next; /* the younger one */
    uint64_t last;        /* position */
    uint64_t bytes;
    uint64_t held[CLOUD_SHARE_LANES];
} portion;

struct cloud_shares {
    uint64_t seed;
    uint64_t most_bytes; /* of a portion */
    portion *oldest, *youngest;
    uint64_t bytes; /* of all lanes */
    uint64_t lanes; /* that hold anything */
    uint64_t held[CLOUD_SHARE_LANES];
};

cloud_shares *cloud_shares_create(uint64_t seed, uint64_t portion_bytes) {
    cloud_shares *shares = trib_allocate(1, sizeof *shares);
    if (shares != NULL) {
        shares->seed = seed;
        shares->most_bytes = portion_bytes;
    }
    return shares;
}

void cloud_shares_destroy(cloud_shares *shares) {
    if (shares != NULL) {
        cloud_shares_trim(shares, UINT64_MAX);
        trib_free(shares);
    }
}

static size_t lane_of(const cloud_shares *shares, const char *gateway) {
    return XXH3_64bits_withSeed(gateway, strlen(gateway), shares->seed) % CLOUD_SHARE_LANES;
}

/* The portion that is being filled; NULL for want of memory. */
static portion *open_portion(cloud_shares *shares) {
    portion *youngest = shares->youngest;
    if (youngest != NULL && youngest->bytes < shares->most_bytes) {
        return youngest;
    }
    portion *made = trib_allocate(1, sizeof *made);
    if (made == NULL) {
        return youngest;
    }
    if (youngest != NULL) {
        youngest->next = made;
    } else {
        shares->oldest = made;
    }
    shares->youngest = made;
    return made;
}

void cloud_shares_add(cloud_shares *shares, const char *gateway, uint64_t position,
                      uint64_t bytes) {
    size_t lane = lane_of(shares, gateway);
    portion *into = open_portion(shares);
    if (into == NULL) {
        return; /* it is nobody's */
    }
    into->last = position;
    into->bytes += bytes;
    into->held[lane] += bytes;
    shares->lanes += shares->held[lane] == 0 && bytes > 0;
    shares->held[lane] += bytes;
    shares->bytes += bytes;
}

static void forget_oldest(cloud_shares *shares) {
    portion *oldest = shares->oldest;
    for (size_t i = 0; i < CLOUD_SHARE_LANES; i++) {
        shares->lanes -= oldest->held[i] > 0 && shares->held[i] == oldest->held[i];
        shares->held[i] -= oldest->held[i];
    }
    shares->bytes -= oldest->bytes;
    shares->oldest = oldest->next;
    if (shares->oldest == NULL) {
        shares->youngest = NULL;
    }
    trib_free(oldest);
}

void cloud_shares_trim(cloud_shares *shares, uint64_t first) {
    while (shares->oldest != NULL && shares->oldest->last < first) {
        forget_oldest(shares);
    }
}

bool cloud_shares_is_hog(const cloud_shares *shares, const char *gateway) {
    uint64_t held = shares->held[lane_of(shares, gateway)];
    bool most = held / 5 > shares->bytes / 8, far_above = held / 4 * shares->lanes > shares->bytes;
    return shares->lanes > 1 && (most || far_above);
}
