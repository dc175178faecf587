/* Reads a ledger while another thread appends to it, from files of its own.
 *
 * What is damaged is reported as a gap, as the ledger's own reader does, and so is what was removed
 * before it was read: the last good record's position stands for all before it.
 *
 * errors   TRIB_E_NOT_FOUND nothing more up to `through` yet; TRIB_E_IO from the disk
 * owns     its record, whose payload is valid until the next call
 * threads  one, which may be another than the ledger's
 */
#ifndef CLOUD_LEDGER_FOLLOWER_H
#define CLOUD_LEDGER_FOLLOWER_H

#include "cloud/ledger/ledger.h"

typedef struct cloud_follower cloud_follower;

/* From position `from` on (1: the first). Folder and seed are the ledger's. */
TRIB_MUST_CHECK trib_status cloud_follower_create(trib_disk *disk, const char *folder,
                                                  uint64_t seed, uint64_t from,
                                                  cloud_follower **ret_follower);
void cloud_follower_destroy(cloud_follower *follower);

/* The next record at or before `through`, which must be durable: cloud_ledger_durable. */
TRIB_MUST_CHECK trib_status cloud_follower_next(cloud_follower *follower, uint64_t through,
                                                cloud_record *ret_record);
/* Goes back, or ahead, to `position`. */
void cloud_follower_seek(cloud_follower *follower, uint64_t position);

#endif
