/* Two slots for models: a release is verified, written to the spare one, and switched to in one
 * step.
 *
 * A crash leaves the old model or the new one active, never half of either.
 *
 * errors   TRIB_E_DENIED a model of another pipeline or meaning; TRIB_E_CORRUPT; TRIB_E_IO
 * owns     nothing; what it gives as ret_model is the caller's
 * threads  one
 */
#ifndef EDGE_MODEL_SLOTS_H
#define EDGE_MODEL_SLOTS_H

#include "common/model/model.h"
#include "common/port/disk.h"
#include "edge/model/newest.h"
#include "edge/outbox/outbox.h"

typedef struct edge_slots {
    trib_disk *disk;
    const trib_crypto *crypto;
    edge_outbox *outbox;
    edge_newest *newest; /* models are read through it */
    const char *folder;  /* of the agent's state; outlives the slots */
} edge_slots;

/* `lineage` is the federation's, here and below. */
TRIB_MUST_CHECK trib_status edge_slots_check(const trib_lineage *lineage, const trib_model *model);
/* Verifies a release's file against what this gateway runs, writes and switches. */
TRIB_MUST_CHECK trib_status edge_slots_install(edge_slots *slots, const trib_lineage *lineage,
                                               uint64_t release, trib_bytes file,
                                               trib_model **ret_model);
/* The active model's file, checked against its digest. Errors as edge_slots_load. */
TRIB_MUST_CHECK trib_status edge_slots_read(edge_slots *slots, trib_buffer *ret_file,
                                            edge_slot *ret_active);
/* The active model, after a restart. TRIB_E_NOT_FOUND before the first; TRIB_E_CORRUPT when the
 * file is not what was installed. */
TRIB_MUST_CHECK trib_status edge_slots_load(edge_slots *slots, const trib_federation *federation,
                                            const trib_lineage *lineage, uint64_t *ret_release,
                                            trib_model **ret_model);

#endif
