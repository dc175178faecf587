/* Clients that are made up when they are needed, and forgotten again: machines of common/generate,
 * their rows through the federation's own pipeline. The same seed and number give the same examples
 * each time, so a fleet of any size takes the memory of one client.
 *
 * owns     the examples are the caller's; they keep their storage from one client to the next
 * threads  one a maker
 */
#ifndef TRIB_SIMULATE_MADE_UP_H
#define TRIB_SIMULATE_MADE_UP_H

#include "common/federation/federation.h"
#include "common/train/examples.h"

enum { TRIB_MADE_UP_MOST_SAMPLES = 4096, TRIB_MADE_UP_NAME_SIZE = 20 };

typedef struct trib_made_up trib_made_up;

/* `federation` outlives it.
 * errors   TRIB_E_ARGUMENT for a federation that a made-up machine cannot feed: channels, label or
 *          classes that it has not, another rate, targets */
TRIB_MUST_CHECK trib_status trib_made_up_create(const trib_federation *federation,
                                                trib_made_up **ret_maker);
void trib_made_up_destroy(trib_made_up *maker);

/* "machine-00000001" for the first: in the order of their names they are in that of their numbers.
 */
void trib_made_up_name(uint32_t number, char ret_name[TRIB_MADE_UP_NAME_SIZE]);

/* The first `samples` examples of this client, raw, in place of what `examples` held. A machine
 * sees two or three states, as `tributary generate` has it.
 * errors   TRIB_E_STATE when its rows give too few: no window, or states that are no class */
TRIB_MUST_CHECK trib_status trib_made_up_examples(trib_made_up *maker, const char *name,
                                                  uint32_t number, uint32_t samples,
                                                  trib_examples *examples);

#endif
