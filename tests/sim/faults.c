#include "tests/sim/faults.h"

#include <string.h>

#include "tests/sim/keys.h"
#include "tests/sim/network.h"

enum { SECOND_US = 1000000, MILLION = 1000000 };

typedef struct fault_kind {
    const char *name;
    uint32_t rate; /* parts per million, where it is usual: of messages and the like; of chances a
                      second where `strike` is there */
    void (*strike)(sim_actor *victim); /* that comes by time */
} fault_kind;

/* ---- what comes by time -------------------------------------------------------------------- */

static uint64_t soon(sim_fault fault, uint32_t most_s) {
    return sim.now_us + SECOND_US / 10 + 1000ull * sim_pick(fault, most_s * 1000);
}

static void disconnect(sim_actor *victim) {
    sim_inject(SIM_DISCONNECTION);
    sim_network_cut(victim, false);
}

static void partition(sim_actor *victim) {
    sim_inject(SIM_PARTITION);
    sim_network_partition(victim, soon(SIM_PARTITION, 60));
}

static void half_open(sim_actor *victim) {
    sim_inject(SIM_HALF_OPEN);
    sim_network_cut(victim, true);
}

static void restart_broker(sim_actor *victim) {
    (void)victim;
    sim_inject(SIM_BROKER_RESTART);
    sim_broker_restart(soon(SIM_BROKER_RESTART, 10) - sim.now_us,
                       sim_pick(SIM_BROKER_RESTART, 2) == 0);
}

static void kill_it(sim_actor *victim) {
    if (victim->running) {
        sim_inject(SIM_KILLED);
        sim_actor_crash(victim, false);
    }
}

static void cut_power(sim_actor *victim) {
    if (victim->running) {
        sim_inject(SIM_POWER_CUT);
        sim_actor_crash(victim, true);
    }
}

/* Counted when it happens: it may be long until so much has been written. */
static void crash_in_step(sim_actor *victim) {
    sim_disk_die_after(victim->disk, sim_pick(SIM_CRASH_IN_STEP, 12));
}

static void crash_several(sim_actor *victim) {
    uint32_t count = 2 + sim_pick(SIM_CRASH_OF_SEVERAL, 4);
    (void)victim;
    sim_inject(SIM_CRASH_OF_SEVERAL);
    for (uint32_t i = 0; i < count; i++) {
        sim_actor_crash(&sim.actors[sim_pick(SIM_CRASH_OF_SEVERAL, sim.gateways + 1)],
                        sim_pick(SIM_CRASH_OF_SEVERAL, 2) == 0);
    }
}

static void jump(sim_actor *victim, sim_fault fault, int64_t sign) {
    if (!victim->is_cloud) { /* see docs/proof.md: the cloud's own clock only drifts */
        sim_inject(fault);
        victim->wall_offset_ms += sign * 1000 * (int64_t)(1 + sim_pick(fault, 4 * 86400));
    }
}

static void jump_forward(sim_actor *victim) {
    jump(victim, SIM_JUMP_FORWARD, 1);
}

static void jump_back(sim_actor *victim) {
    jump(victim, SIM_JUMP_BACK, -1);
}

static void rot(sim_actor *victim) {
    static const char *const parts[] = {".ledger", ".db",
                                        "model-"}; /* docs/proof.md: of objects, no */
    if (sim_disk_rot(victim->disk, parts[sim_pick(SIM_BIT_ROT, 3)])) {
        sim_trace("a bit of %s turns over", victim->place);
        victim->rotten = true;
    }
}

static void make_room(void *item) {
    sim_actor *actor = item;
    if (actor->disk != NULL) {
        actor->full = false;
        sim_faults_for_disk(actor->disk);
    }
}

/* Something else on it takes all there is, for a while. */
static void fill_disk(sim_actor *victim) {
    if (!victim->full) {
        victim->full = true;
        sim_faults_for_disk(victim->disk);
        sim_at(soon(SIM_FULL_DISK, 30), make_room, NULL, victim);
    }
}

static void come_back(void *item) {
    sim_actor *actor = item;
    actor->offline = false;
    if (!actor->running) {
        sim_actor_start(actor);
    }
}

static void drop_out(sim_actor *victim) {
    if (!victim->is_cloud && victim->running) {
        sim_inject(SIM_DROP_OUT);
        victim->offline = true;
        sim_actor_crash(victim, sim_pick(SIM_DROP_OUT, 2) == 0);
        sim_at(soon(SIM_DROP_OUT, 60), come_back, NULL, victim);
    }
}

static void revoke(sim_actor *victim, sim_fault fault, bool discard) {
    char path[128];
    if (victim->is_cloud || victim->revoked || sim.spare == 0) {
        return;
    }
    (void)snprintf(path, sizeof path, "/v1/gateways/%s/revoke", victim->name);
    if (sim_ask("POST", path, discard ? "{\"discard\": true}" : "{}") == 200) {
        victim->revoked = true;
        sim.spare--;
        sim_inject(fault);
        sim_trace("%s is revoked%s", victim->name, discard ? ", what it sent is discarded" : "");
    }
}

static void revoke_plain(sim_actor *victim) {
    revoke(victim, SIM_REVOKED, false);
}

static void revoke_discarding(sim_actor *victim) {
    revoke(victim, SIM_REVOKED_DISCARDED, true);
}

/* Somebody copied a gateway's key, and starts from nothing with it. */
static void clone(sim_actor *victim) {
    sim_actor *copy = &sim.actors[sim.actor_count - 1];
    if (victim->is_cloud || copy->running || copy->starts > 0) {
        return;
    }
    sim_inject(SIM_CLONE);
    memcpy(copy->name, victim->name, sizeof copy->name);
    sim_keys_copy(copy, victim);
    copy->there = true;
    sim_actor_start(copy);
}

static void reenrol(sim_actor *victim) {
    if (!victim->is_cloud && victim->running && !victim->revoked) {
        sim_actor_enrol_again(victim);
    }
}

static void write_as_another(sim_actor *victim) {
    if (victim->lie == SIM_LIES_NAME && sim_hostile_write_as(victim)) {
        sim_inject(SIM_LIE_NAME);
    }
}

/* ---- all of them --------------------------------------------------------------------------- */

static const fault_kind kinds[SIM_FAULTS] = {
    [SIM_LOSS] = {"loss", 20000, NULL},
    [SIM_DUPLICATION] = {"duplication", 20000, NULL},
    [SIM_REORDERING] = {"reordering", 20000, NULL},
    [SIM_DELAY] = {"delay", 20000, NULL},
    [SIM_TOO_LARGE] = {"past the size cap", 20000, NULL},
    [SIM_DISCONNECTION] = {"disconnection", 50000, disconnect},
    [SIM_PARTITION] = {"partition", 10000, partition},
    [SIM_HALF_OPEN] = {"half-open connection", 10000, half_open},
    [SIM_TAKEOVER] = {"session taken over", 0, NULL},
    [SIM_BROKER_RESTART] = {"broker restart", 10000, restart_broker},
    [SIM_ALTERED] = {"altered by the broker", 10000, NULL},
    [SIM_REPLAYED] = {"replayed by the broker", 20000, NULL},
    [SIM_CROSSED] = {"another topic", 10000, NULL},
    [SIM_TRUNCATED] = {"truncated by the broker", 10000, NULL},
    [SIM_WITHHELD] = {"withheld by the broker", 1000, NULL},
    [SIM_FORGED_RECEIPT] = {"forged receipt", 50000, NULL},
    [SIM_FORGED_RELEASE] = {"forged release", 50000, NULL},
    [SIM_TORN_WRITE] = {"torn write", 300000, NULL},
    [SIM_REORDERED_WRITE] = {"reordered writes", 500000, NULL},
    [SIM_LOST_WRITE] = {"write lost before its sync", 500000, NULL},
    [SIM_SYNC_FAILED] = {"sync that fails once", 500, NULL},
    [SIM_WRITE_ERROR] = {"write error", 500, NULL},
    [SIM_READ_ERROR] = {"read error", 500, NULL},
    [SIM_BIT_ROT] = {"bit rot", 5000, rot},
    [SIM_FULL_DISK] = {"full disk", 10000, fill_disk},
    [SIM_SLOW_DISK] = {"slow disk", 2000, NULL},
    [SIM_SKEW] = {"clock skew", 200000, NULL},
    [SIM_JUMP_FORWARD] = {"clock jumps forward", 20000, jump_forward},
    [SIM_JUMP_BACK] = {"clock jumps back", 20000, jump_back},
    [SIM_BORN_1970] = {"born in 1970", 50000, NULL},
    [SIM_KILLED] = {"killed", 20000, kill_it},
    [SIM_POWER_CUT] = {"power cut", 20000, cut_power},
    [SIM_CRASH_IN_STEP] = {"crash within a step", 50000, crash_in_step},
    [SIM_CRASH_OF_SEVERAL] = {"crash of several", 5000, crash_several},
    [SIM_CRASH_RECOVERING] = {"crash while recovering", 200000, NULL},
    [SIM_NO_MEMORY] = {"no memory", 100, NULL},
    [SIM_STRAGGLER] = {"straggler", 50000, NULL},
    [SIM_DROP_OUT] = {"drop-out", 20000, drop_out},
    [SIM_LIE_SHAPE] = {"lie: shape", 500000, NULL},
    [SIM_LIE_NAN] = {"lie: not a number", 500000, NULL},
    [SIM_LIE_HUGE] = {"lie: past the bound", 500000, NULL},
    [SIM_LIE_STALE] = {"lie: stale base", 500000, NULL},
    [SIM_LIE_NAME] = {"lie: another's name", 100000, write_as_another},
    [SIM_CLONE] = {"cloned identity", 10000, clone},
    [SIM_REVOKED] = {"revoked", 5000, revoke_plain},
    [SIM_REVOKED_DISCARDED] = {"revoked, discarding", 5000, revoke_discarding},
    [SIM_REENROLLED] = {"enrolled again", 5000, reenrol},
};

static const char *const checks[SIM_CHECKS] = {
    [SIM_CHECK_DURABLE] = "what was synced is there",
    [SIM_CHECK_ONCE] = "counted exactly once",
    [SIM_CHECK_TOLD] = "told when it does not count",
    [SIM_CHECK_GENUINE] = "made by its gateway",
    [SIM_CHECK_MODEL] = "model is the oracle's sum",
    [SIM_CHECK_ACCEPTED] = "no frame accepted twice",
    [SIM_CHECK_SEALED] = "no number used twice",
    [SIM_CHECK_RELEASE] = "releases never go back",
    [SIM_CHECK_ACTIVE] = "what runs was released",
    [SIM_CHECK_LIMITS] = "under the limits",
    [SIM_CHECK_PROGRESS] = "progress once faults stop",
};

const char *sim_fault_name(sim_fault fault) {
    return kinds[fault].name;
}

const char *sim_check_name(sim_check check) {
    return checks[check];
}

uint32_t sim_pick(sim_fault fault, uint32_t bound) {
    return trib_random_below(&sim.draws[fault], bound > 0 ? bound : 1);
}

bool sim_would(sim_fault fault) {
    if (sim.rates[fault] == 0 || sim.healing) {
        return false;
    }
    return trib_random_below(&sim.draws[fault], MILLION) < sim.rates[fault] &&
           (sim.options.most_faults == 0 || sim.faults < sim.options.most_faults);
}

void sim_inject(sim_fault fault) {
    sim.injected[fault]++;
    sim.faults++;
    sim_trace("FAULT %s", kinds[fault].name);
}

bool sim_draw(sim_fault fault) {
    bool now = sim_would(fault);
    if (now) {
        sim_inject(fault);
    }
    return now;
}

static void each_second(void *context) {
    (void)context;
    if (sim.healing) {
        return;
    }
    for (int i = 0; i < SIM_FAULTS; i++) {
        if (kinds[i].strike != NULL && sim_would((sim_fault)i)) {
            kinds[i].strike(&sim.actors[sim_pick((sim_fault)i, sim.gateways + 1)]);
        }
    }
    sim_at(sim.now_us + SECOND_US, each_second, NULL, NULL);
}

/* Each world has its own mix: some faults are absent, some usual, some frequent. */
void sim_faults_begin(void) {
    trib_random mix;
    trib_random_init(&mix, sim.options.seed, "mix", 0, TRIB_PURPOSE_TEST);
    uint32_t absent = 1 + trib_random_below(&mix, 10); /* out of 10 */
    for (int i = 0; i < SIM_FAULTS; i++) {
        trib_random_init(&sim.draws[i], sim.options.seed, kinds[i].name, 0, TRIB_PURPOSE_TEST);
        bool here = trib_random_below(&mix, 10) >= absent;
        uint32_t strength = trib_random_below(&mix, 4);
        uint32_t rate = kinds[i].rate * (1u << strength) / 4;
        sim.rates[i] = here && (sim.options.without >> i & 1) == 0 ? rate : 0;
    }
    sim_at(sim.now_us + SECOND_US, each_second, NULL, NULL);
}

void sim_faults_for_disk(sim_disk *disk) {
    const uint32_t *rates = sim.rates;
    bool cuts = rates[SIM_LOST_WRITE] > 0;
    bool whole = sim.healing, full = false;
    for (uint32_t i = 0; i < sim.actor_count; i++) {
        full = full || (sim.actors[i].disk == disk && sim.actors[i].full);
    }
    sim_disk_set_rates(disk,
                       &(sim_disk_rates){.sync_failed = whole ? 0 : rates[SIM_SYNC_FAILED],
                                         .write_error = whole ? 0 : rates[SIM_WRITE_ERROR],
                                         .read_error = whole ? 0 : rates[SIM_READ_ERROR],
                                         .slow = whole ? 0 : rates[SIM_SLOW_DISK],
                                         .slow_ms = 2000,
                                         .capacity = full && !whole ? sim_disk_bytes(disk) + 1 : 0,
                                         .kept = cuts ? MILLION - rates[SIM_LOST_WRITE] : MILLION,
                                         .torn = rates[SIM_TORN_WRITE],
                                         .in_order = rates[SIM_REORDERED_WRITE] == 0});
}

/* Disks count their own. */
void sim_faults_collect(void) {
    for (uint32_t i = 0; i < sim.actor_count; i++) {
        static const sim_fault faults[SIM_DISK_FAULTS] = {
            [SIM_DISK_TORN_WRITE] = SIM_TORN_WRITE,
            [SIM_DISK_REORDERED_WRITE] = SIM_REORDERED_WRITE,
            [SIM_DISK_LOST_WRITE] = SIM_LOST_WRITE,
            [SIM_DISK_SYNC_FAILED] = SIM_SYNC_FAILED,
            [SIM_DISK_WRITE_ERROR] = SIM_WRITE_ERROR,
            [SIM_DISK_READ_ERROR] = SIM_READ_ERROR,
            [SIM_DISK_BIT_ROT] = SIM_BIT_ROT,
            [SIM_DISK_FULL] = SIM_FULL_DISK,
            [SIM_DISK_SLOW] = SIM_SLOW_DISK};
        sim_actor *actor = &sim.actors[i];
        for (int j = 0; actor->disk != NULL && j < SIM_DISK_FAULTS; j++) {
            uint64_t now = sim_disk_injected(actor->disk, (sim_disk_fault)j);
            sim.injected[faults[j]] += now - actor->disk_faults[j];
            sim.faults += now - actor->disk_faults[j];
            actor->disk_faults[j] = now;
        }
    }
}

void sim_faults_heal(void) {
    sim_trace("faults stop");
    sim_faults_collect();
    sim.healing = true;
    for (uint32_t i = 0; i < sim.actor_count; i++) {
        sim_actor *actor = &sim.actors[i];
        if (actor->disk != NULL) {
            sim_faults_for_disk(actor->disk);
            sim_disk_die_after(actor->disk, UINT64_MAX);
        }
        actor->wall_offset_ms = 0;
    }
}
