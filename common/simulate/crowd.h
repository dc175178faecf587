/* Inside this room: rounds of clients that are made up as they are needed. Each client's examples
 * are made, contribute, and are forgotten, so memory is that of the model for each thread, whatever
 * the number of clients. Sums of the threads are merged: they are exact, so the model is the same,
 * bit for bit, for any number of threads, and the same as of a folder with the same examples.
 */
#ifndef TRIB_SIMULATE_CROWD_H
#define TRIB_SIMULATE_CROWD_H

#include "common/round/round.h"
#include "common/simulate/run.h"

typedef struct trib_crowd trib_crowd;

/* For run->setup->crowd. errors as trib_made_up_create, and TRIB_E_ARGUMENT for counts past what a
 * round or the program can hold. The run outlives it. */
TRIB_MUST_CHECK trib_status trib_crowd_create(trib_run *run, trib_crowd **ret_crowd);
void trib_crowd_destroy(trib_crowd *crowd);

/* Round 0: combines everybody's statistics in the order of their names. */
TRIB_MUST_CHECK trib_status trib_crowd_statistics(trib_crowd *crowd);
/* Who takes part in the round of this plan, and how many that are: as select_cohort has it. */
TRIB_MUST_CHECK trib_status trib_crowd_select(trib_crowd *crowd, const trib_round_plan *plan,
                                              uint32_t *ret_count);
/* The contributions of those selected, into sum and round. */
TRIB_MUST_CHECK trib_status trib_crowd_contribute(trib_crowd *crowd, trib_fold *sum,
                                                  trib_simulation_round *round);

#endif
