/* The simulated world: one cloud, its gateways, a broker, a network, disks and clocks, in one
 * thread and from one seed.
 *
 * The programs are the real ones: cloud/app and edge/app with all their rooms but those that wait
 * for the outside (source, stream, store and trainer of a gateway: rooms.c stands in). What they
 * reach the outside through is linked from here instead: the MQTT adapter (network.c), clock, disk,
 * files, keys and certificates (ports.c), SQLite's file system (vfs.c).
 *
 * Time passes only between events. Whatever is drawn comes from a stream of its own for each
 * purpose, so that a fault which is left out changes none of the others' draws.
 *
 * threads  one; there is one world at a time
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdio.h>

#include "common/base/random.h"
#include "common/crypto/crypto.h"
#include "tests/sim/disk/disk.h"
#include "tests/sim/faults.h"

enum {
    SIM_UNSYNCED = 64, /* more than a gateway accepts without publishing anything */
    SIM_MAX_GATEWAYS = 200,
    SIM_MAX_ACTORS = SIM_MAX_GATEWAYS + 2, /* the cloud first, a clone last */
    SIM_FEDERATION_MAX = 1 << 14
};

typedef struct sim_actor {
    char name[64];  /* the certificate's: a clone has its original's */
    char place[16]; /* its disk and state folder */
    bool is_cloud;
    bool there;   /* takes part in this world at all */
    bool running; /* else its restart is due, or it is gone for good */
    struct cloud_core *core;
    struct edge_agent *agent;
    struct trib_mqtt *link;
    sim_disk *disk;
    uint64_t booted_us;     /* monotonic time counts from here */
    int64_t wall_offset_ms; /* of its clock */
    int64_t enrolled_s;     /* from when its certificate holds */
    uint32_t enrolments;
    uint64_t busy_us; /* a slow disk: nothing happens before */
    uint32_t waiting; /* events pushed to it */
    bool rebuild;     /* the cloud: from its ledger, at the next start */
    uint64_t wake;    /* number of the newest wake-up; others are stale */
    uint64_t starts, crashes, steps;
    uint32_t slowness; /* of its training, in per cent */
    sim_lie lie;       /* what it lies about; 0: honest */
    bool revoked;
    uint64_t release;                /* that its stream runs */
    bool full;                       /* its disk has no room for now */
    uint64_t unsynced[SIM_UNSYNCED]; /* frames accepted since it published last, by their hash */
    size_t unsynced_count;
    bool rotten;  /* a bit on its disk has turned over: its newest state may be lost */
    bool offline; /* dropped out for now */
    uint64_t disk_faults[SIM_DISK_FAULTS]; /* counted so far */
} sim_actor;

typedef struct sim_options {
    uint64_t seed;
    FILE *trace;            /* NULL: none */
    uint64_t without;       /* faults that are left out: bit sim_fault */
    uint32_t most_gateways; /* 0: as drawn */
    uint32_t most_faults;   /* 0: no limit; after so many, no more */
    bool real_keys;         /* also where the draw says otherwise */
} sim_options;

typedef struct sim_world {
    sim_options options;
    uint64_t now_us;
    uint64_t events;
    uint64_t healed_us; /* no fault begins after this */
    bool healing;
    sim_actor actors[SIM_MAX_ACTORS];
    uint32_t actor_count;       /* the clone's place included */
    sim_actor *current;         /* whose code runs; NULL: the world's own */
    uint32_t rates[SIM_FAULTS]; /* parts per million: of messages, or of chances a second */
    trib_random draws[SIM_FAULTS];
    trib_random random; /* the world's, for what is no fault */
    uint64_t faults;    /* injected, of whatever kind */
    uint64_t injected[SIM_FAULTS];
    uint64_t checked[SIM_CHECKS];
    bool failed;
    char failure[600];
    uint32_t gateways; /* drawn */
    uint32_t spare;    /* of them, that may lie or be revoked, and rounds still complete */
    uint32_t parameters;
    char document[SIM_FEDERATION_MAX];
    bool real_keys;
} sim_world;

extern sim_world sim;

/* ---- world.c ---- */
/* One run from its seed to its end. False: something that must hold did not (sim.failure). */
bool sim_run(const sim_options *options);
/* Something that must hold does not. Only the first counts. */
void sim_fail(const char *format, ...) TRIB_PRINTF(1, 2);
void sim_trace(const char *format, ...) TRIB_PRINTF(1, 2);
#define SIM_MUST(check, condition, ...)                                                            \
    do {                                                                                           \
        sim.checked[check]++;                                                                      \
        if (!(condition)) {                                                                        \
            sim_fail(__VA_ARGS__);                                                                 \
        }                                                                                          \
    } while (0)

/* ---- time.c: what happens next ---- */
/* `run` at that time, after what was asked for earlier for the same time. `drop` instead, if the
 * world ends before; it may be NULL. */
void sim_at(uint64_t at_us, void (*run)(void *context), void (*drop)(void *context), void *context);
/* False: nothing is left. */
bool sim_next(void);
void sim_forget_all(void);

/* ---- actors.c: programs that start, run, crash and start again ---- */
void sim_actor_start(sim_actor *actor);
/* Soon, and not before its disk is done. */
void sim_actor_wake(sim_actor *actor, uint64_t at_us);
/* Its program ends without a word. The disk loses what was not synced, if the power went too. */
void sim_actor_crash(sim_actor *actor, bool power);
void sim_actor_stop_all(void);
/* It loses its state, and is put back under a new certificate. */
void sim_actor_enrol_again(sim_actor *actor);
bool sim_actor_dead(const sim_actor *actor); /* it runs on without anybody noticing */
/* A request of the operator's to the cloud: status of the answer, 0 if there is no cloud now. */
unsigned sim_ask(const char *method, const char *path, const char *body);

#endif
