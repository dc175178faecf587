/* The course of a lineage: from its first model through its rounds, as the cloud (or a simulation)
 * makes it. The same updates give the same models, bit for bit.
 *
 * threads  one
 */
#ifndef TRIB_COURSE_COURSE_H
#define TRIB_COURSE_COURSE_H

#include "common/fold/fold.h"
#include "common/model/model.h"
#include "common/strategy/strategy.h"

typedef enum trib_stage {
    TRIB_STAGE_STATISTICS, /* round 0: normalisation is not known yet */
    TRIB_STAGE_TRAINING,
    TRIB_STAGE_DONE /* the maximum of rounds is reached */
} trib_stage;

typedef struct trib_course {
    trib_federation federation;
    trib_model *model; /* owned: the base of the next round */
    trib_strategy strategy;
    trib_stage stage;
} trib_course;

/* A new lineage: parameters drawn from the federation's seed. */
TRIB_MUST_CHECK trib_status trib_course_init(trib_course *course, const trib_crypto *crypto,
                                             const trib_federation *federation);
/* Goes on where a stored model and strategy state left off (of the same lineage: TRIB_E_STATE). */
TRIB_MUST_CHECK trib_status trib_course_restore(trib_course *course, const trib_crypto *crypto,
                                                const trib_federation *federation,
                                                trib_bytes model_file, trib_bytes strategy_file);
/* Goes on under another document of the same lineage. A strategy that keeps other state than the
 * one before starts afresh from the model as it is. */
TRIB_MUST_CHECK trib_status trib_course_change(trib_course *course,
                                               const trib_federation *federation);
void trib_course_deinit(trib_course *course);

/* N, W, C and grid for a round in which at most `updates` are counted. */
trib_fold_bounds trib_course_bounds(const trib_course *course, uint32_t updates);

/* Round 0, an update at a time: it takes the memory of the columns, not of the fleet. Gateways'
 * statistics are added in the order of their names. */
typedef struct trib_course_statistics trib_course_statistics;
TRIB_MUST_CHECK trib_status trib_course_statistics_create(const trib_course *course,
                                                          trib_course_statistics **ret_statistics);
void trib_course_statistics_destroy(trib_course_statistics *statistics);
void trib_course_statistics_destroy_scoped(trib_course_statistics **statistics);
/* TRIB_E_CORRUPT for statistics that trib_statistics_open refuses. */
TRIB_MUST_CHECK trib_status trib_course_statistics_add(trib_course_statistics *statistics,
                                                       trib_bytes packed);
TRIB_MUST_CHECK trib_status trib_course_statistics_close(trib_course *course,
                                                         const trib_course_statistics *statistics);

/* The same at once: closes round 0. `packed` holds each gateway's statistics in the order of their
 * names, which is the order of combination. TRIB_E_CORRUPT for statistics that trib_statistics_open
 * refuses. */
TRIB_MUST_CHECK trib_status trib_course_close_statistics(trib_course *course,
                                                         const trib_bytes *packed, size_t count);

/* Closes a round of training with its exact sum. TRIB_E_STATE when the sum is empty or the model
 * would not stay finite; nothing has changed then. */
TRIB_MUST_CHECK trib_status trib_course_close_training(trib_course *course, trib_fold *sum);

/* Writes what gateways are to run: the model, or its average where the strategy serves one. */
TRIB_MUST_CHECK trib_status trib_course_write_served(const trib_course *course,
                                                     trib_buffer *ret_file);

#endif
