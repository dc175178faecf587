/* Who holds how much of a log that has a bound, so that one gateway that floods it does not push
 * out what others have to say.
 *
 * Gateways are told apart by lane, a seeded hash of their names (stochastic fairness queueing:
 * McKenney, INFOCOM 1990, section 3): memory is fixed, and gateways that share a lane share its
 * part. What was in the log before a start is nobody's.
 *
 * A lane holds too much when it has over five eighths of what all lanes hold, or four times the
 * average of those that hold anything: of two gateways none while they are alike, and none that is
 * alone.
 *
 * errors   none: create returns NULL for want of memory
 * threads  one
 */
#ifndef CLOUD_OUTBOX_SHARES_H
#define CLOUD_OUTBOX_SHARES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/heap.h"

enum { CLOUD_SHARE_LANES = 4096 };

typedef struct cloud_shares cloud_shares;

/* Forgets in portions of `portion` bytes. */
cloud_shares *cloud_shares_create(uint64_t seed, uint64_t portion);
void cloud_shares_destroy(cloud_shares *shares);

/* `gateway` wrote so many bytes at this position; positions rise. */
void cloud_shares_add(cloud_shares *shares, const char *gateway, uint64_t position, uint64_t bytes);
/* What is before `first` is gone. */
void cloud_shares_trim(cloud_shares *shares, uint64_t first);

bool cloud_shares_is_hog(const cloud_shares *shares, const char *gateway);

#endif
