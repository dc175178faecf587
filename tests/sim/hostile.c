/* A broker that reads every byte and changes what it likes; it has no key of anybody's. */
#include <stdlib.h>
#include <string.h>

#include "common/seal/envelope.h"
#include "tests/sim/keys.h"
#include "tests/sim/network.h"

enum { SEEN = 256, WITHHOLD_MS = 20000 };

static sim_message *seen[SEEN]; /* shares: what ever passed, the newest over the oldest */
static size_t seen_count;
static uint64_t withheld_us[SIM_MAX_ACTORS];
static bool mischief; /* what the broker itself makes is not touched again */

void sim_hostile_begin(void) {
    memset(withheld_us, 0, sizeof withheld_us);
    mischief = false;
}

void sim_hostile_end(void) {
    for (size_t i = 0; i < SEEN; i++) {
        sim_message_drop(seen[i]);
        seen[i] = NULL;
    }
    seen_count = 0;
}

static sim_message *any_seen(sim_fault fault) {
    size_t there = seen_count < SEEN ? seen_count : SEEN;
    return there > 0 ? seen[sim_pick(fault, (uint32_t)there)] : NULL;
}

static void route(sim_message *message) {
    mischief = true;
    sim_broker_route(message);
    mischief = false;
}

static void route_later(void *message) {
    if (!sim.healing) {
        sim_inject(SIM_REPLAYED);
        route(message);
    }
    sim_message_drop(message);
}

/* A release of its own making, signed with a key that it says is the cloud's. */
static void forge_release(void) {
    sim_message *like = any_seen(SIM_FORGED_RELEASE);
    uint8_t body_bytes[512], bytes[1024];
    trib_writer body = trib_writer_of(body_bytes, sizeof body_bytes);
    trib_writer envelope = trib_writer_of(bytes, sizeof bytes);
    trib_wire_Release release = trib_wire_Release_init_zero;
    trib_envelope parsed;
    if (like == NULL || strstr(like->topic, "/all/release") == NULL ||
        !trib_ok(trib_envelope_parse(trib_bytes_of(like->bytes, like->size), &parsed)) ||
        !trib_ok(TRIB_WIRE_DECODE(Release, parsed.body, &release))) {
        return;
    }
    release.release += 1 + sim_pick(SIM_FORGED_RELEASE, 9);
    if (trib_ok(TRIB_WIRE_ENCODE(Release, &release, &body)) &&
        trib_ok(trib_envelope_seal(trib_crypto_host(), sim_stranger(), parsed.key_id, "release",
                                   trib_written(&body), &envelope))) {
        sim_inject(SIM_FORGED_RELEASE);
        sim_message *forged = sim_message_make(like->topic, trib_written(&envelope));
        route(forged);
        sim_message_drop(forged);
    }
}

/* A frame with a header that could be the next one's. */
static void forge_receipt(void) {
    sim_message *like = any_seen(SIM_FORGED_RECEIPT);
    if (like == NULL || strstr(like->topic, "/down/receipt") == NULL || like->size < 40) {
        return;
    }
    sim_message *forged = sim_message_make(like->topic, trib_bytes_of(like->bytes, like->size));
    forged->bytes[17] = (uint8_t)(forged->bytes[17] + 1 + sim_pick(SIM_FORGED_RECEIPT, 3));
    for (size_t i = 18; i < forged->size; i++) {
        forged->bytes[i] = (uint8_t)sim_pick(SIM_FORGED_RECEIPT, 256);
    }
    sim_inject(SIM_FORGED_RECEIPT);
    route(forged);
    sim_message_drop(forged);
}

void sim_hostile_see(sim_message *message) {
    sim_message **place = &seen[seen_count++ % SEEN];
    sim_message_drop(*place);
    *place = sim_message_share(message);
    if (sim_would(SIM_REPLAYED)) {
        sim_message *old = any_seen(SIM_REPLAYED);
        sim_at(sim.now_us + 1000ull * sim_pick(SIM_REPLAYED, 30000), route_later, sim_message_drop,
               sim_message_share(old));
    }
    if (sim_would(SIM_FORGED_RELEASE)) {
        forge_release();
    }
    if (sim_would(SIM_FORGED_RECEIPT)) {
        forge_receipt();
    }
}

/* An honest broker refuses it by its rules (broker.c); this one passes it on. */
bool sim_hostile_write_as(const sim_actor *liar) {
    for (int i = 0; i < 8; i++) {
        sim_message *like = any_seen(SIM_LIE_NAME);
        const char *kind = like != NULL ? strstr(like->topic, "/up/update") : NULL;
        sim_actor *other = &sim.actors[1 + sim_pick(SIM_LIE_NAME, sim.gateways)];
        if (kind != NULL && strcmp(other->name, liar->name) != 0) {
            char topic[256];
            (void)snprintf(topic, sizeof topic, "tributary/v1/plant/%s/up/update", other->name);
            sim_message *lie = sim_message_make(topic, trib_bytes_of(like->bytes, like->size));
            route(lie);
            sim_message_drop(lie);
            return true;
        }
    }
    return false;
}

static bool withholds(const sim_actor *to) {
    uint64_t *until_us = &withheld_us[to - sim.actors];
    if (sim_draw(SIM_WITHHELD)) {
        *until_us = sim.now_us + 1000ull * (1000 + sim_pick(SIM_WITHHELD, WITHHOLD_MS));
    }
    return *until_us > sim.now_us && !sim.healing;
}

sim_message *sim_hostile_touch(const sim_actor *to, sim_message *message) {
    if (mischief) {
        return sim_message_share(message);
    }
    if (withholds(to)) {
        return NULL;
    }
    trib_bytes bytes = trib_bytes_of(message->bytes, message->size);
    if (bytes.size > 0 && sim_draw(SIM_ALTERED)) {
        sim_message *altered = sim_message_make(message->topic, bytes);
        altered->bytes[sim_pick(SIM_ALTERED, (uint32_t)bytes.size)] ^=
            (uint8_t)(1u << sim_pick(SIM_ALTERED, 8));
        return altered;
    }
    if (bytes.size > 1 && sim_draw(SIM_TRUNCATED)) {
        bytes.size = sim_pick(SIM_TRUNCATED, (uint32_t)bytes.size);
        return sim_message_make(message->topic, bytes);
    }
    if (sim_would(SIM_CROSSED)) {
        sim_message *other = any_seen(SIM_CROSSED);
        if (other != NULL && strcmp(other->topic, message->topic) != 0) {
            sim_inject(SIM_CROSSED);
            return sim_message_make(other->topic, bytes);
        }
    }
    return sim_message_share(message);
}
