/* Inside this room: a model made ready to judge windows, one after the other.
 *
 * owns     the detector, and the model until it is prepared
 * threads  made in one, used in another: plain data
 */
#ifndef EDGE_SENSE_JUDGE_H
#define EDGE_SENSE_JUDGE_H

#include "common/nn/infer.h"
#include "common/signal/pipeline.h"
#include "edge/sense/sense.h"

typedef struct edge_judge {
    const trib_federation *federation;
    trib_model *model; /* owned; NULL: judges nothing, or what it needs is in the copies below */
    edge_detector detector;
    uint64_t release;
    trib_packed_model packed;
    bool ready;           /* prepared, and not for nothing */
    float *normalisation; /* [2 * columns], owned: mean and deviation */
    void *block;          /* owned: of the packed model */
    float *input;         /* [input_count], owned: normalised */
    float *output;        /* [output_count], owned */
    float *scratch;       /* owned */
} edge_judge;

/* Takes model (NULL is fine) and detector, also on failure. TRIB_E_ARGUMENT for a model that is not
 * of the federation. It judges once it is prepared. */
TRIB_MUST_CHECK trib_status edge_judge_create(const trib_federation *federation,
                                              trib_model *model_take, edge_detector detector_take,
                                              uint64_t release, edge_judge **ret_judge);
/* Lays the model out for inference; apart from creating, so that whoever uses one judge after the
 * other can let go of the last one before, and never holds two. TRIB_E_IO for memory. */
TRIB_MUST_CHECK trib_status edge_judge_prepare(edge_judge *judge);
void edge_judge_destroy(edge_judge *judge);
void edge_judge_destroy_scoped(edge_judge **judge);
void edge_judge_drop(void *judge);

/* False when this judge has nothing to say. */
bool edge_judge_window(edge_judge *judge, const trib_window *window,
                       edge_prediction *ret_prediction);

#endif
