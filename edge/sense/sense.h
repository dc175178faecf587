/* The stream: takes batches, stores their rows unless they only pass by, cuts windows and has the
 * model judge each.
 *
 * One thread. It waits for nothing but the next batch: the model comes ready through a queue, the
 * store commits at most once a second, training happens elsewhere.
 *
 * What may leave of rows and windows is gathered in passing: see edge/telemetry.
 *
 * The pipeline starts anew at the start of each recording. Each window is judged, whether its rows
 * train or not.
 *
 * threads  one of its own; these functions are called from the one thread that owns it
 */
#ifndef EDGE_SENSE_SENSE_H
#define EDGE_SENSE_SENSE_H

#include "common/model/model.h"
#include "common/port/posix/queue.h"
#include "edge/store/store.h"
#include "edge/telemetry/telemetry.h"
#include "edge/types/detector.h"
#include "edge/types/event.h"
#include "edge/types/prediction.h"

typedef struct edge_sense edge_sense;

/* The queue outlives the stream; the federation is copied. */
typedef struct edge_sense_plan {
    const trib_federation *federation;
    trib_queue *batches; /* of edge_batch; the stream is its one reader */
    edge_prediction_sink predictions;
    edge_event_sink events;
    edge_telemetry *telemetry; /* or NULL; outlives the stream, which alone gathers into it */
} edge_sense_plan;

typedef struct edge_sense_counts {
    uint64_t rows;     /* taken, to be stored */
    uint64_t passing;  /* rows taken that only passed by */
    uint64_t unstored; /* rows that the store refused */
    uint64_t windows;
    uint64_t predictions;
    uint64_t anomalies;
    uint64_t gaps; /* see trib_pipeline_counts */
    uint64_t late;
    uint64_t sparse;
    int64_t time_us;  /* of the newest row */
    uint64_t release; /* of the model in use; 0: none */
    edge_store_range stored;
    bool halted; /* see edge_store_halted */
} edge_sense_counts;

/* Takes the store (also on failure), and closes it at the end. */
TRIB_MUST_CHECK trib_status edge_sense_start(const edge_sense_plan *plan, edge_store *store_take,
                                             edge_sense **ret_sense);

/* From the next batch on, this model judges: of the federation's pipeline and task. A detector may
 * come later, with another copy of the model; without one, reconstruct and hotelling_t2 give no
 * predictions (hotelling_t2) or only errors (reconstruct). Model and detector are taken either way.
 * A model that the stream has not come to yet gives way to this one. TRIB_E_ARGUMENT for a model of
 * another pipeline, columns or shape. */
TRIB_MUST_CHECK trib_status edge_sense_offer_model(edge_sense *sense, trib_model *model_take,
                                                   edge_detector detector_take, uint64_t release);
/* Lets go of a model that the stream has not come to yet: another is about to be read into memory.
 */
void edge_sense_forget_waiting(edge_sense *sense);
/* No predictions from the next batch on (a release was withdrawn). */
TRIB_MUST_CHECK trib_status edge_sense_drop_model(edge_sense *sense);

/* A snapshot, from any thread; numbers may be of slightly different moments. */
edge_sense_counts edge_sense_counted(const edge_sense *sense);

/* Works off the batches that wait in the queue if `drain`, writes the store, joins the thread. */
void edge_sense_stop(edge_sense *sense, bool drain);

#endif
