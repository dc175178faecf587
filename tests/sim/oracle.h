/* What must hold, checked by a simple model of its own: it hears what gateways make and are told,
 * what the cloud writes down, and what gateways run; it shares no code with what it checks.
 *
 * It listens where rooms meet, by wrappers that the linker puts between them (wrap.c).
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "cloud/ledger/ledger.h"
#include "common/model/model.h"
#include "common/seal/channel.h"
#include "tests/sim/world.h"

void sim_oracle_begin(void);
void sim_oracle_end(void);

/* A gateway has an update in its outbox (as it was stored, lies included). */
void sim_oracle_made(const sim_actor *actor, uint64_t round, trib_bytes update);
/* A gateway has opened a receipt. */
void sim_oracle_told(const sim_actor *actor, trib_bytes receipt);
/* A gateway has heard which of the newest rounds were given up. */
void sim_oracle_told_abandoned(const sim_actor *actor, uint64_t closed_through, uint64_t bits);
/* The ledger got a record; was synced; was opened anew and ends there. */
void sim_oracle_appended(uint64_t position, uint32_t type, const trib_bytes *parts, size_t count);
void sim_oracle_synced(uint64_t end);
void sim_oracle_reopened(uint64_t end);
void sim_oracle_sealed(const trib_channel *before, trib_bytes frame);
/* A living actor publishes that. */
void sim_oracle_sent(sim_actor *actor, trib_bytes payload);
/* What it had accepted since it published last, nobody has heard of: it may be accepted again. */
void sim_oracle_lost_power(sim_actor *actor);
void sim_oracle_accepted(const trib_channel *channel, trib_bytes frame);
void sim_oracle_runs(sim_actor *actor, uint64_t release, const trib_model *model);

/* Rounds that have closed with a model, ever. */
uint64_t sim_oracle_closed(void);
/* Whether all whose updates were receipted and given up with their rounds have heard of it. */
bool sim_oracle_settled(void);
/* Once nothing happens any more: each update that was receipted. */
void sim_oracle_check_end(void);

#endif
