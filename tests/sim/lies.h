/* What a lying gateway sends instead of what it made. */
#ifndef SIM_LIES_H
#define SIM_LIES_H

#include "tests/sim/world.h"

/* False: it tells the truth this time. */
bool sim_lie_about(const sim_actor *actor, trib_bytes update, trib_buffer *ret_lie);

#endif
