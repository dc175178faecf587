/* What may go wrong, and what must hold all the same: each has a counter, and a swarm that has not
 * seen one of them has not looked.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/disk/disk.h"

typedef enum sim_fault {
    /* the network and an honest broker: of messages */
    SIM_LOSS, /* acknowledged, and then dropped */
    SIM_DUPLICATION,
    SIM_REORDERING,
    SIM_DELAY,
    SIM_TOO_LARGE, /* past the broker's cap */
    /* of time */
    SIM_DISCONNECTION,
    SIM_PARTITION,
    SIM_HALF_OPEN,
    SIM_TAKEOVER,
    SIM_BROKER_RESTART,
    /* a hostile broker: of messages */
    SIM_ALTERED,
    SIM_REPLAYED,
    SIM_CROSSED,
    SIM_TRUNCATED,
    SIM_WITHHELD,
    SIM_FORGED_RECEIPT,
    SIM_FORGED_RELEASE,
    /* disks */
    SIM_TORN_WRITE,
    SIM_REORDERED_WRITE,
    SIM_LOST_WRITE,
    SIM_SYNC_FAILED,
    SIM_WRITE_ERROR,
    SIM_READ_ERROR,
    SIM_BIT_ROT,
    SIM_FULL_DISK,
    SIM_SLOW_DISK,
    /* clocks */
    SIM_SKEW,
    SIM_JUMP_FORWARD,
    SIM_JUMP_BACK,
    SIM_BORN_1970,
    /* processes */
    SIM_KILLED,
    SIM_POWER_CUT,
    SIM_CRASH_IN_STEP, /* at a durable operation */
    SIM_CRASH_OF_SEVERAL,
    SIM_CRASH_RECOVERING,
    SIM_NO_MEMORY,
    /* gateways */
    SIM_STRAGGLER,
    SIM_DROP_OUT,
    SIM_LIE_SHAPE,
    SIM_LIE_NAN,
    SIM_LIE_HUGE,
    SIM_LIE_STALE,
    SIM_LIE_NAME,
    SIM_CLONE,
    SIM_REVOKED,
    SIM_REVOKED_DISCARDED,
    SIM_REENROLLED,
    SIM_FAULTS
} sim_fault;

typedef enum sim_lie {
    SIM_HONEST,
    SIM_LIES_SHAPE,
    SIM_LIES_NAN,
    SIM_LIES_HUGE,
    SIM_LIES_STALE,
    SIM_LIES_NAME
} sim_lie;

typedef enum sim_check {
    SIM_CHECK_DURABLE, /* what was synced of the ledger is there after a restart */
    SIM_CHECK_ONCE, /* an accepted update counts once, or was discarded, or its round abandoned */
    SIM_CHECK_TOLD, /* ... and its sender was told so */
    SIM_CHECK_GENUINE,  /* what counts is what its gateway made */
    SIM_CHECK_MODEL,    /* the model is the oracle's sum, bit for bit */
    SIM_CHECK_ACCEPTED, /* no frame is accepted twice */
    SIM_CHECK_SEALED,   /* no number serves two frames under one key */
    SIM_CHECK_RELEASE,  /* releases never go back */
    SIM_CHECK_ACTIVE,   /* what runs was released */
    SIM_CHECK_LIMITS,   /* queues and memory stay under their limits */
    SIM_CHECK_PROGRESS, /* once faults stop, rounds complete again */
    SIM_CHECKS
} sim_check;

const char *sim_fault_name(sim_fault fault);
const char *sim_check_name(sim_check check);

/* Whether it happens now, by its rate; and then it is counted. False once the world heals. */
bool sim_draw(sim_fault fault);
/* The same, but only counted by sim_inject, when it has had an effect. */
bool sim_would(sim_fault fault);
void sim_inject(sim_fault fault);
/* [0, bound), from the fault's own stream. */
uint32_t sim_pick(sim_fault fault, uint32_t bound);

/* Rates for this world, and the faults that come by time. */
void sim_faults_begin(void);
/* The power of a disk's faults, before an actor runs on it. */
void sim_faults_for_disk(sim_disk *disk);
/* Faults that disks have counted. */
void sim_faults_collect(void);
void sim_faults_heal(void);

#endif
