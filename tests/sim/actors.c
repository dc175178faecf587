#include "cloud/app/core.h"
#include "common/port/posix/system.h"
#include "edge/app/agent.h"
#include "tests/sim/keys.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"

#include <stdlib.h>
#include <string.h>

enum { RESTART_FIRST_MS = 200, RESTART_SPREAD_MS = 4000, RETRY_MS = 2000 };

bool sim_actor_dead(const sim_actor *actor) {
    return actor->disk != NULL && sim_disk_dead(actor->disk);
}

/* ---- steps --------------------------------------------------------------------------------- */

typedef struct waking {
    sim_actor *actor;
    uint64_t number;
} waking;

static bool step_program(sim_actor *actor) {
    if (actor->is_cloud) {
        trib_status status = cloud_core_step(actor->core, 0);
        return trib_ok(status) && !actor->core->failed;
    }
    for (uint32_t events = actor->waiting > 0 ? actor->waiting : 1; events > 0; events--) {
        edge_agent_step(actor->agent, 0);
    }
    return true;
}

static uint64_t wait_ms(sim_actor *actor) {
    sim.current = actor; /* whose clock it is */
    uint64_t ms =
        actor->is_cloud ? cloud_core_wait_ms(actor->core) : edge_agent_wait_ms(actor->agent);
    sim.current = NULL;
    return ms;
}

/* After its code has run: what became of it? */
static void settle(sim_actor *actor, bool well) {
    actor->busy_us = sim.now_us + 1000 * sim_disk_take_delay_ms(actor->disk);
    if (sim_actor_dead(actor)) {
        sim_inject(SIM_CRASH_IN_STEP);
        sim_actor_crash(actor, sim_pick(SIM_CRASH_IN_STEP, 2) == 0);
    } else if (!well) {
        sim_trace("%s ends: %s", actor->place, trib_message());
        sim_actor_crash(actor, false); /* as its supervisor sees it */
    } else {
        uint64_t ms = wait_ms(actor);
        sim_actor_wake(actor, sim.now_us + 1000 * (ms > 0 ? ms : 1));
    }
}

static void step(void *item) {
    waking *at = item;
    sim_actor *actor = at->actor;
    bool stale = at->number != actor->wake || !actor->running;
    free(at);
    if (stale) {
        return;
    }
    if (actor->busy_us > sim.now_us) {
        sim_actor_wake(actor, actor->busy_us);
        return;
    }
    sim.current = actor;
    actor->steps++;
    bool well = step_program(actor);
    actor->waiting = 0;
    sim.current = NULL;
    settle(actor, well);
}

void sim_actor_wake(sim_actor *actor, uint64_t at_us) {
    waking *next = malloc(sizeof *next);
    TRIB_ASSERT(next != NULL);
    *next = (waking){actor, ++actor->wake};
    sim_at(at_us, step, free, next);
}

/* ---- starting ------------------------------------------------------------------------------ */

static void start_again(void *item) {
    sim_actor *actor = item;
    if (!actor->running && !actor->offline) {
        sim_actor_start(actor);
    }
}

static void start_later(sim_actor *actor, uint64_t ms) {
    sim_at(sim.now_us + ms * 1000, start_again, NULL, actor);
}

static trib_status create_cloud(sim_actor *actor) {
    cloud_config config = {.broker_uri = "ssl://broker", .authorities = "/site/authorities"};
    (void)snprintf(config.state, sizeof config.state, "/%s", actor->place);
    trib_status status = cloud_core_create(&config, actor->rebuild, &actor->core);
    actor->rebuild = status.code == TRIB_E_CORRUPT && !actor->rebuild; /* as the message says */
    return status;
}

static trib_status create_gateway(sim_actor *actor) {
    static edge_config config; /* large */
    config = (edge_config){.federation = "plant",
                           .trust_count = 1,
                           .trust = {"/site/cloud"},
                           .store_limit_mb = 1,
                           .predictions_publish = true,
                           .predictions_every = 1,
                           .source = {.kind = EDGE_SOURCE_STDIN}};
    (void)snprintf(config.state, sizeof config.state, "/%s", actor->place);
    (void)snprintf(config.broker.uri, sizeof config.broker.uri, "ssl://broker");
    (void)snprintf(config.broker.certificate, sizeof config.broker.certificate, "/site/%s.pem",
                   actor->place);
    (void)snprintf(config.broker.key, sizeof config.broker.key, "/site/%s.key", actor->place);
    const trib_kernels kernels = trib_kernels_reference();
    return edge_agent_create(&config, &kernels, &actor->agent);
}

static trib_status begin(sim_actor *actor) {
    if (actor->is_cloud) {
        TRIB_TRY(create_cloud(actor));
        return cloud_core_begin(actor->core);
    }
    TRIB_TRY(create_gateway(actor));
    edge_carry_out(actor->agent);
    return TRIB_SUCCESS;
}

/* Its state is lost: an operator puts a new certificate there, and it begins from nothing. */
void sim_actor_enrol_again(sim_actor *actor) {
    if (actor->running) {
        sim_actor_crash(actor, true);
    }
    sim_faults_collect();
    sim_inject(SIM_REENROLLED);
    sim_disk_destroy(actor->disk);
    actor->disk = sim_disk_create(actor->place, sim.options.seed + ++actor->enrolments);
    sim_faults_for_disk(actor->disk);
    memset(actor->disk_faults, 0, sizeof actor->disk_faults);
    actor->enrolled_s = (int64_t)(trib_wall_ms(trib_posix_clock()) / 1000); /* the world's own */
    sim_keys_enrol(actor);
    actor->release = 0;
}

static void take_down(sim_actor *actor) {
    sim_disk_die(actor->disk); /* whatever it does from here on, nobody hears of it */
    sim.current = actor;
    struct trib_mqtt *link = actor->link;
    sim_network_lost(link);
    cloud_core_destroy(actor->core);
    edge_agent_destroy(actor->agent);
    sim.current = NULL;
    actor->core = NULL;
    actor->agent = NULL;
    actor->link = NULL;
    actor->running = false;
    actor->waiting = 0;
}

void sim_actor_start(sim_actor *actor) {
    actor->starts++;
    if (sim_would(SIM_CRASH_RECOVERING)) {
        sim_disk_die_after(actor->disk, sim_pick(SIM_CRASH_RECOVERING, 20));
    }
    sim.current = actor;
    trib_status status = begin(actor);
    sim.current = NULL;
    actor->running = true;
    if (trib_ok(status) && !sim_actor_dead(actor)) {
        sim_disk_die_after(actor->disk, UINT64_MAX);
        sim_trace("%s starts: %llu", actor->place,
                  (unsigned long long)(actor->is_cloud ? actor->core->boot
                                                       : actor->agent->identity.boot));
        settle(actor, true);
        return;
    }
    bool died = sim_actor_dead(actor);
    sim_trace("%s does not start: %s", actor->place, died ? "no power" : trib_message());
    if (died) {
        sim_inject(SIM_CRASH_RECOVERING);
    }
    take_down(actor);
    sim_disk_power_cycle(actor->disk);
    sim_disk_die_after(actor->disk, UINT64_MAX);
    if (!died && status.code == TRIB_E_CORRUPT && !actor->is_cloud) {
        sim_actor_enrol_again(actor);
    }
    start_later(actor, RETRY_MS);
}

void sim_actor_crash(sim_actor *actor, bool power) {
    if (!actor->running) {
        return;
    }
    sim_trace("%s %s", actor->place, power ? "loses power" : "is killed");
    actor->crashes++;
    take_down(actor);
    if (power) {
        sim_oracle_lost_power(actor);
        sim_disk_power_cycle(actor->disk);
        actor->booted_us = sim.now_us;
    } else {
        sim_disk_process_killed(actor->disk);
    }
    sim_disk_die_after(actor->disk, UINT64_MAX);
    start_later(actor, RESTART_FIRST_MS + trib_random_below(&sim.random, RESTART_SPREAD_MS));
}

void sim_actor_stop_all(void) {
    for (uint32_t i = sim.actor_count; i-- > 0;) {
        sim_actor *actor = &sim.actors[i];
        if (actor->running) {
            take_down(actor);
        }
        sim_disk_destroy(actor->disk);
        actor->disk = NULL;
    }
}

/* ---- the operator -------------------------------------------------------------------------- */

unsigned sim_ask(const char *method, const char *path, const char *body) {
    sim_actor *cloud = &sim.actors[0];
    cloud_request request = {.after = -1,
                             .body = {.ceiling = CLOUD_BODY_CEILING},
                             .answer = {.ceiling = CLOUD_BODY_CEILING}};
    cloud_event *event = trib_allocate(1, sizeof *event);
    if (!cloud->running || event == NULL ||
        !trib_ok(trib_queue_create(1, NULL, &request.answered))) {
        trib_free(event);
        return 0;
    }
    (void)snprintf(request.method, sizeof request.method, "%s", method);
    (void)snprintf(request.path, sizeof request.path, "%s", path);
    trib_ignore(trib_buffer_append(&request.body, trib_bytes_text(body)));
    *event = (cloud_event){.kind = CLOUD_EVENT_REQUEST, .request = &request};
    bool asked = cloud_core_push(cloud->core, event);
    bool well = true;
    if (asked) {
        sim.current = cloud;
        well = step_program(cloud);
        sim.current = NULL;
        settle(cloud, well);
    } else {
        cloud_event_destroy(event);
    }
    bool answered = asked && trib_queue_pop(request.answered, 0) != NULL;
    trib_queue_destroy(request.answered);
    sim_trace("asked %s %s: %u %.*s", method, path, answered ? request.status : 0,
              (int)(request.answer.size < 200 ? request.answer.size : 200),
              (const char *)request.answer.data);
    trib_buffer_deinit(&request.body);
    trib_buffer_deinit(&request.answer);
    return answered ? request.status : 0;
}
