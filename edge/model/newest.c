#include "edge/model/newest.h"

#include <string.h>

trib_status edge_newest_read(edge_newest *newest, const trib_crypto *crypto, trib_bytes file,
                             trib_model **ret_model, uint8_t ret_digest[TRIB_HASH_BYTES]) {
    uint8_t digest[TRIB_HASH_BYTES];
    TRIB_TRY(crypto->sha256(file, digest));
    if (newest->model == NULL || memcmp(newest->digest, digest, sizeof digest) != 0) {
        edge_newest_forget(newest); /* before as much is taken again */
        TRIB_TRY(trib_model_read(crypto, file, &newest->model));
        memcpy(newest->digest, digest, sizeof digest);
    }
    memcpy(ret_digest, digest, sizeof digest);
    *ret_model = trib_model_share(newest->model);
    return TRIB_SUCCESS;
}

void edge_newest_forget(edge_newest *newest) {
    trib_model_destroy(newest->model);
    newest->model = NULL;
}
