#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/log/log.h"
#include "common/port/posix/system.h"
#include "tests/sim/keys.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"
#include "tests/sim/disk/vfs.h"

enum {
    SECOND_US = 1000000,
    HEAL_ROUNDS = 2,
    HEAL_S = 900,
    CHECK_S = 1,
    SETTLE_LEAST_S = 10,
    SETTLE_MOST_S = 60
};

sim_world sim;

void sim_fail(const char *format, ...) {
    va_list arguments;
    if (sim.failed) {
        return;
    }
    sim.failed = true;
    va_start(arguments, format);
    (void)vsnprintf(sim.failure, sizeof sim.failure, format, arguments);
    va_end(arguments);
    sim_trace("FAILED: %s", sim.failure);
}

void sim_trace(const char *format, ...) {
    va_list arguments;
    if (sim.options.trace == NULL) {
        return;
    }
    (void)fprintf(sim.options.trace, "%4llu.%03llu %-8s ",
                  (unsigned long long)(sim.now_us / SECOND_US),
                  (unsigned long long)(sim.now_us / 1000 % 1000),
                  sim.current != NULL ? sim.current->place : "-");
    va_start(arguments, format);
    (void)vfprintf(sim.options.trace, format, arguments);
    va_end(arguments);
    (void)fputc('\n', sim.options.trace);
}

/* ---- what this world is like --------------------------------------------------------------- */

static uint32_t draw(uint32_t bound) {
    return trib_random_below(&sim.random, bound);
}

/* Mostly few gateways, since each fault is rarer among many; now and then as many as there may be.
 */
static uint32_t draw_gateways(void) {
    uint32_t kind = draw(100);
    uint32_t count = kind < 85 ? 1 + draw(6) : kind < 99 ? 2 + draw(20) : 20 + draw(181);
    uint32_t most = sim.options.most_gateways;
    return most > 0 && count > most ? most : count;
}

static void write_document(uint64_t revision) {
    uint32_t quorum = 1 + draw((sim.gateways + 1) / 2);
    sim.spare = (sim.gateways - quorum) / 2;
    uint32_t units = draw(20) == 0 && sim.gateways < 8 ? 4000 + draw(4000) : 1 + draw(30);
    (void)snprintf(
        sim.document, sizeof sim.document,
        "federation: plant\nseed: %u\n"
        "source: {rate_hz: 10, timestamp: {column: t, unit: ms}, channels: [x, y], targets: "
        "[load]}\n"
        "pipeline: {window: {rows: 4, hop: 2}, features: [mean, std], normalise: %s}\n"
        "model: {task: regress, layers: [{kind: dense, units: %u}, {kind: tanh}, {kind: dense, "
        "units: 1}]}\n"
        "training: {epochs: 1, batch: 8, optimiser: sgd, rate: 0.05}\n"
        "rounds: {maximum: 100000, fraction: %s, quorum: %u, gateways: %u, deadline_s: %u}\n"
        "strategy: {kind: fedavg}\nupdate: {codec: %s, clip_norm: 4}\n# revision %llu\n",
        draw(1000), draw(2) == 0 ? "false" : "{clip: 8}", units, draw(3) == 0 ? "0.7" : "1", quorum,
        quorum + draw(sim.gateways - sim.spare - quorum + 1), 5 + draw(20),
        draw(2) == 0 ? "float32" : "int8", (unsigned long long)revision);
}

static void draw_lie(sim_actor *actor) {
    static const sim_fault lies[] = {[SIM_LIES_SHAPE] = SIM_LIE_SHAPE,
                                     [SIM_LIES_NAN] = SIM_LIE_NAN,
                                     [SIM_LIES_HUGE] = SIM_LIE_HUGE,
                                     [SIM_LIES_STALE] = SIM_LIE_STALE,
                                     [SIM_LIES_NAME] = SIM_LIE_NAME};
    sim_lie lie = (sim_lie)(1 + draw(SIM_LIES_NAME));
    bool lies_here = draw(4) == 0 && sim.rates[lies[lie]] > 0 && sim.spare > 0;
    actor->lie = lies_here ? lie : SIM_HONEST;
    sim.spare -= lies_here;
}

static void make_actor(uint32_t index) {
    sim_actor *actor = &sim.actors[index];
    actor->is_cloud = index == 0;
    actor->there = index <= sim.gateways;
    (void)snprintf(actor->place, sizeof actor->place, index == 0 ? "cloud" : "g%u", index);
    (void)snprintf(actor->name, sizeof actor->name, index == 0 ? "cloud" : "gateway-%u", index);
    actor->disk = sim_disk_create(actor->place, sim.options.seed * 1000 + index);
    sim_faults_for_disk(actor->disk);
    if (!actor->is_cloud) {
        actor->enrolled_s = (int64_t)(trib_wall_ms(trib_posix_clock()) / 1000);
        sim_keys_enrol(actor);
        draw_lie(actor);
        if (sim_draw(SIM_SKEW)) {
            actor->wall_offset_ms = 1000 * ((int64_t)sim_pick(SIM_SKEW, 7200) - 3600);
        }
        if (sim_draw(SIM_BORN_1970)) {
            actor->wall_offset_ms = -(int64_t)trib_wall_ms(trib_posix_clock());
        }
    }
}

/* ---- the operator -------------------------------------------------------------------------- */

static void apply_document(void *context) {
    unsigned status = sim_ask("POST", "/v1/federations", sim.document);
    (void)context;
    if (status != 200 && status != 201) {
        sim_at(sim.now_us + SECOND_US, apply_document, NULL, NULL);
    }
}

/* Its document may be lost where the ledger and its view are both damaged. */
static void watch_document(void *context) {
    (void)context;
    if (sim_ask("GET", "/v1/federations/plant", "") == 404) {
        apply_document(NULL);
    }
    sim_at(sim.now_us + 30 * SECOND_US, watch_document, NULL, NULL);
}

static void first_start(void *item) {
    sim_actor *actor = item;
    if (actor->is_cloud || sim.actors[0].starts > 0) {
        sim_actor_start(actor);
    }
}

/* What must hold at any time, and is cheap to look at. */
static void look(void *context) {
    (void)context;
    size_t most = 20 + sim.actor_count + 8 * 64; /* objects have few chunks here */
    SIM_MUST(SIM_CHECK_LIMITS, sim_broker_retained() <= most, "%zu messages are retained",
             sim_broker_retained());
    sim_faults_collect();
    sim_at(sim.now_us + CHECK_S * SECOND_US, look, NULL, NULL);
}

/* ---- a run --------------------------------------------------------------------------------- */

static void begin(const sim_options *options) {
    memset(&sim, 0, sizeof sim);
    sim.options = *options;
    trib_random_init(&sim.random, options->seed, "world", 0, TRIB_PURPOSE_TEST);
    sim.real_keys = draw(100) == 0 || options->real_keys;
    sim.gateways = draw_gateways();
    sim.actor_count = sim.gateways + 2;
    sim.healed_us = (20 + draw(100)) * (uint64_t)SECOND_US / (1 + sim.gateways / 10);
    write_document(1);
    sim_oracle_begin();
    sim_network_begin();
    sim_keys_begin();
    sim_faults_begin();
    for (uint32_t i = 0; i < sim.actor_count; i++) {
        make_actor(i);
    }
    sim_at(0, first_start, NULL, &sim.actors[0]);
    for (uint32_t i = 1; i <= sim.gateways; i++) {
        sim_at(SECOND_US + draw(5000) * 1000ull, first_start, NULL, &sim.actors[i]);
    }
    sim_at(SECOND_US / 2, apply_document, NULL, NULL);
    sim_at(30 * SECOND_US, watch_document, NULL, NULL);
    sim_at(SECOND_US, look, NULL, NULL);
}

static void end(void) {
    sim_faults_collect();
    sim_actor_stop_all();
    sim_forget_all();
    sim_network_end();
    sim_oracle_end();
}

static void run_until(uint64_t end_us) {
    while (!sim.failed && sim.now_us < end_us && sim_next()) {
    }
}

static void heal(void) {
    uint64_t before = sim_oracle_closed();
    sim_faults_heal();
    uint64_t last_us = sim.now_us + HEAL_S * (uint64_t)SECOND_US;
    while (!sim.failed && sim.now_us < last_us && sim_oracle_closed() < before + HEAL_ROUNDS &&
           sim_next()) {
    }
    SIM_MUST(SIM_CHECK_PROGRESS, sim_oracle_closed() >= before + HEAL_ROUNDS,
             "%llu rounds have closed in %d seconds without faults",
             (unsigned long long)(sim_oracle_closed() - before), HEAL_S);
    run_until(sim.now_us + SETTLE_LEAST_S * SECOND_US); /* receipts come, outboxes empty */
    for (int i = SETTLE_LEAST_S; i < SETTLE_MOST_S && !sim_oracle_settled(); i++) {
        run_until(sim.now_us + SECOND_US);
    }
}

bool sim_run(const sim_options *options) {
    sim_vfs_register(trib_posix_clock(), options->seed);
    begin(options);
    sim_trace("seed %llu: %u gateways, %s keys\n%s", (unsigned long long)options->seed,
              sim.gateways, sim.real_keys ? "real" : "modelled", sim.document);
    run_until(sim.healed_us);
    heal();
    if (!sim.failed) {
        sim_oracle_check_end();
    }
    sim_trace("%llu events, %llu rounds closed", (unsigned long long)sim.events,
              (unsigned long long)sim_oracle_closed());
    for (uint32_t i = 0; i < sim.actor_count; i++) {
        sim_trace("%s: %llu steps, %llu starts", sim.actors[i].place,
                  (unsigned long long)sim.actors[i].steps,
                  (unsigned long long)sim.actors[i].starts);
    }
    end();
    return !sim.failed;
}
