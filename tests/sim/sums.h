/* The oracle's sum of a round, from the encoded updates: docs/protocol.md in the plainest C, with
 * integers of 64 bits, apart from everything that it checks.
 */
#ifndef SIM_SUMS_H
#define SIM_SUMS_H

#include "cloud/types/records.pb.h"
#include "common/base/span.h"

typedef struct sim_part {
    char gateway[64];
    trib_bytes update; /* a view of the record's */
} sim_part;

typedef struct sim_sum {
    sim_part *parts; /* [count], owned */
    uint32_t count;
} sim_sum;

void sim_sum_add(sim_sum *sum, const char *gateway, trib_bytes update);
void sim_sum_take_out(sim_sum *sum, const char *gateway);
/* Whether base and sum give that model, to the last bit. */
bool sim_sum_gives(const sim_sum *sum, const cloud_record_RoundOpened *opened, trib_bytes base,
                   trib_bytes model);
void sim_sum_deinit(sim_sum *sum);

/* Of the parameters in a model's file. False: it cannot be read. */
bool sim_model_hash(trib_bytes file, uint64_t *ret_hash);

#endif
