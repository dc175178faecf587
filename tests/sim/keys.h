/* Keys and certificates of the simulated world.
 *
 * In most worlds public-key operations are modelled: they take a hash instead of a curve. A shared
 * secret and a signature follow from keys and a secret of the world's that nobody's code gets at
 * but through the private key, so an adversary inside the world cannot forge them; symmetric
 * operations are the real ones. In the others keys are the real ones, and signatures repeat (RFC
 * 6979).
 *
 * Certificates are a line of text of this world's own, signed by its one authority.
 */
#ifndef SIM_KEYS_H
#define SIM_KEYS_H

#include "tests/sim/world.h"

void sim_keys_begin(void);
/* A new enrolment of the actor's, from its clock's now on. */
void sim_keys_enrol(sim_actor *actor);
/* A clone has the original's certificate and key. */
void sim_keys_copy(const sim_actor *copy, const sim_actor *original);
const trib_private_key *sim_stranger(void);

#endif
