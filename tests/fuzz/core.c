#include "tests/fuzz/core.h"

#include <time.h>

#include "common/crypto/authority.h"
#include "common/port/posix/system.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

static cloud_core *core;
static trib_key_pair authority_key;
static trib_buffer authority = {.ceiling = TRIB_MAX_CHAIN_BYTES};
static uint64_t waited_ms;

static uint64_t wall_ms(void *context) {
    (void)context;
    return trib_wall_ms(trib_posix_clock()) + waited_ms;
}

static uint64_t monotonic_ms(void *context) {
    (void)context;
    return trib_monotonic_ms(trib_posix_clock()) + waited_ms;
}

void fuzz_core_wait(uint64_t ms) {
    waited_ms += ms;
}

static void set_up(void) {
    if (authority.size == 0) {
        FUZZ_MUST(trib_ok(trib_crypto_host()->generate(&authority_key)));
        FUZZ_MUST(trib_ok(
            trib_authority_create("authority", &authority_key, (int64_t)time(NULL), &authority)));
        fuzz_put_file("ca.pem", trib_buffer_view(&authority));
        trib_log_setup("fuzz", TRIB_LOG_TEXT, TRIB_LOG_ERROR);
    }
}

void fuzz_certify(const char *name, const trib_key_pair *key, trib_buffer *ret_chain) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    set_up();
    const trib_authority by = {trib_buffer_view(&authority), &authority_key};
    FUZZ_MUST(trib_ok(trib_request_create(name, key, &request)));
    FUZZ_MUST(trib_ok(trib_authority_issue_gateway(&by, trib_buffer_view(&request), name,
                                                   (int64_t)time(NULL), 0, ret_chain)));
}

void fuzz_apply_plant(cloud_core *to, bool normalise, int deadline_s) {
    char text[1024];
    cloud_applied applied;
    int length = snprintf(
        text, sizeof text,
        "federation: plant\n"
        "source: {rate_hz: 10, timestamp: {column: t, unit: ms}, channels: [x, y], targets: [z]}\n"
        "pipeline: {window: {rows: 4, hop: 2}, features: [mean, std], normalise: %s}\n"
        "model: {task: regress, layers: [{kind: dense, units: 1}]}\n"
        "training: {epochs: 1, batch: 8, optimiser: sgd, rate: 0.05}\n"
        "rounds: {maximum: 9, quorum: 2, gateways: 2, deadline_s: %d, max_weight: 100}\n"
        "strategy: {kind: fedavg}\nupdate: {codec: float32, clip_norm: 4}\ntelemetry: %s\n",
        normalise ? "{clip: 6}" : "false", deadline_s, trib_telemetry_words[deadline_s % 3]);
    FUZZ_MUST(length > 0 && (size_t)length < sizeof text);
    FUZZ_MUST(trib_ok(cloud_apply_document(to, "plant", trib_bytes_text(text), &applied)));
}

cloud_core *fuzz_core_restart(void) {
    static const trib_clock clock = {wall_ms, monotonic_ms, NULL};
    cloud_config config = {.broker_uri = "tcp://127.0.0.1:1"};
    set_up();
    cloud_core_destroy(core);
    fuzz_path("state", config.state);
    fuzz_path("ca.pem", config.authorities);
    FUZZ_MUST(trib_ok(cloud_core_create(&config, false, &core)));
    core->clock = &clock;
    return core;
}

cloud_core *fuzz_core_begin(void) {
    static const char *const parts[] = {
        "state/ledger",          "state/objects",     "state/registry.db", "state/registry.db-wal",
        "state/registry.db-shm", "state/incarnation", "state/boot"}; /* all but the keys */
    cloud_core_destroy(core);
    core = NULL;
    waited_ms = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        fuzz_remove(parts[i]);
    }
    (void)fuzz_core_restart();
    fuzz_apply_plant(core, false, 10);
    FUZZ_MUST(trib_ok(cloud_settle(core)));
    return core;
}
