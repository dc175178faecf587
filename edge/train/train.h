/* The training thread: rows from the store to what this gateway contributes to a round, and to the
 * detector that goes with a released model.
 *
 * Examples are made as common/recording makes them from a file, so a gateway and a simulation give
 * the same bytes for the same recordings. A range that starts or ends inside a recording is taken
 * as if the recording did.
 *
 * Jobs are done one after the other, at a lower priority than the rest of the process; each gives
 * exactly one result, also when it fails, is aborted, or is left over at the end.
 *
 * limits   EDGE_TRAIN_MAX_JOBS waiting jobs; plan.examples_bytes of examples: of a range that gives
 *          more, the newest rows are used, and the result says from which on
 * threads  one of its own; these functions are called from the one thread that owns it
 */
#ifndef EDGE_TRAIN_TRAIN_H
#define EDGE_TRAIN_TRAIN_H

#include "common/contribution/contribution.h"
#include "common/model/model.h"
#include "common/tensor/kernels.h"
#include "edge/types/detector.h"
#include "edge/types/event.h"

enum { EDGE_TRAIN_MAX_JOBS = 4, EDGE_TRAIN_EXAMPLES_BYTES = 64 * 1024 * 1024 };

typedef struct edge_train edge_train;

typedef enum edge_train_kind {
    EDGE_TRAIN_STATISTICS = 1, /* round 0 */
    EDGE_TRAIN_TRAINING,       /* a round of training; hotelling_t2: the moment */
    EDGE_TRAIN_DETECTOR        /* threshold or centre for a model, from this gateway's rows */
} edge_train_kind;

typedef struct edge_train_job {
    edge_train_kind kind;
    uint64_t round;     /* handed back; a detector's: the release */
    uint32_t ordinal;   /* of the round within its lineage, 1, 2, ...; keys the randomness */
    uint64_t first_row; /* of the store, both included; 0 and UINT64_MAX for all */
    uint64_t last_row;
    trib_model *base; /* owned; NULL for statistics */
} edge_train_job;

typedef struct edge_train_result {
    edge_train_kind kind;
    uint64_t round;
    uint32_t ordinal;
    trib_code code; /* TRIB_E_STATE no examples (yet), or training diverged; TRIB_E_RETRY aborted */
    char message[256];
    uint8_t *payload; /* [payload_size], owned; packed as the federation's codec has it */
    size_t payload_size;
    uint32_t weight;
    uint32_t examples;
    uint32_t unlabelled; /* windows of training rows that were left out */
    double loss;
    uint64_t steps;
    double seconds;
    uint64_t first_row; /* what was read */
    uint64_t last_row;
    trib_model *model;      /* detector: the job's, owned, also after a failure */
    edge_detector detector; /* owned */
} edge_train_result;

void edge_train_result_destroy(edge_train_result *result);

/* Federation outlives the trainer; the rest is copied. */
typedef struct edge_train_plan {
    const trib_federation *federation;
    const char *gateway;
    const char *store_folder; /* whose store is open, or was */
    const trib_kernels *kernels;
    size_t examples_bytes; /* 0: EDGE_TRAIN_EXAMPLES_BYTES */
    /* Called from the training thread: it only pushes. Takes the result. */
    void (*finished)(void *context, edge_train_result *result_take);
    void *context;
} edge_train_plan;

TRIB_MUST_CHECK trib_status edge_train_start(const edge_train_plan *plan, edge_train **ret_train);

/* Takes the job's base, also on failure. TRIB_E_RETRY with EDGE_TRAIN_MAX_JOBS waiting. */
TRIB_MUST_CHECK trib_status edge_train_offer(edge_train *train, const edge_train_job *job_take);
/* The running job and those that wait end soon, with TRIB_E_RETRY; jobs offered later are not
 * concerned. */
void edge_train_abort(edge_train *train);
/* Aborts, joins the thread. NULL is fine. */
void edge_train_stop(edge_train *train);

#endif
