/* The model that was read last, for whoever reads the same file while somebody has it still: a
 * round's base and the release of the round before are usually one file, and then one model.
 *
 * owns     a share of that model, until it is forgotten
 * errors   those of trib_model_read
 * threads  one; what it hands out may go to others
 */
#ifndef EDGE_MODEL_NEWEST_H
#define EDGE_MODEL_NEWEST_H

#include "common/model/model.h"

typedef struct edge_newest {
    trib_model *model; /* NULL: none */
    uint8_t digest[TRIB_HASH_BYTES];
} edge_newest;

/* The file's model, checked and read-only; the caller destroys it. Also the file's digest. Errors
 * as trib_model_read. */
TRIB_MUST_CHECK trib_status edge_newest_read(edge_newest *newest, const trib_crypto *crypto,
                                             trib_bytes file, trib_model **ret_model,
                                             uint8_t ret_digest[TRIB_HASH_BYTES]);
void edge_newest_forget(edge_newest *newest);

#endif
