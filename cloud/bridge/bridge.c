#include "cloud/bridge/bridge.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "cloud/bridge/kafka.h"
#include "cloud/bridge/parcel.h"
#include "common/port/posix/queue.h"

enum { IDLE_MS = 500, FIRST_PAUSE_MS = 500 };

struct cloud_bridge {
    cloud_bridge_options options;
    char id[64]; /* what options.id pointed to */
    pthread_t thread;
    trib_queue *wakes; /* tokens */
    atomic_bool stop;

    /* The thread's own. */
    cloud_kafka *kafka;
    cloud_packer packer;
    cloud_parcel parcels[2], *parcel; /* the one that is sent next, or now */
    cloud_bridge_progress committed;  /* what Kafka has for sure */
    uint64_t skips[2];                /* events that Kafka refuses, as their opaques; 0: none */
    bool troubled;                    /* and said so, since it last went well */
    bool open;                        /* a transaction */
    uint64_t events, claimed;         /* in it */
    uint64_t most_events; /* of a transaction: fewer and fewer while Kafka refuses one of them */
    uint64_t pause_ms;

    /* For whoever counts. */
    atomic_bool connected;
    atomic_uint_least64_t sent, claims, transactions, aborted, refused;
    atomic_uint_least64_t told[CLOUD_LOGS], missed[CLOUD_LOGS];
};

static int token;

static void drop_token(void *item) {
    (void)item;
}

static bool stops(const cloud_bridge *bridge) {
    return atomic_load(&bridge->stop);
}

static void report(cloud_bridge *bridge, cloud_bridge_report what, const char *text) {
    bridge->options.report(bridge->options.context, what, text);
}

/* ---- connecting ---- */

static void disconnect(cloud_bridge *bridge) {
    atomic_store(&bridge->connected, false);
    cloud_kafka_destroy(bridge->kafka);
    bridge->kafka = NULL;
    bridge->open = false;
}

/* Back to what Kafka has for sure. */
static void rewind_all(cloud_bridge *bridge) {
    bridge->open = false;
    bridge->events = 0;
    bridge->claimed = 0;
    cloud_parcel_begin(bridge->parcel, bridge->committed.positions);
    cloud_packer_seek(&bridge->packer, bridge->committed.positions);
}

static void acknowledge(cloud_bridge *bridge) {
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        const cloud_bridge_source *source = &bridge->options.sources[i];
        atomic_store(&bridge->told[i], bridge->committed.positions[i]);
        if (source->acknowledge != NULL) {
            source->acknowledge(source->context, (cloud_bridge_log)i,
                                bridge->committed.positions[i], atomic_load(&bridge->missed[i]));
        }
    }
}

/* A log that ends before what Kafka says to have is another one: its state folder was lost. */
static trib_status check_progress(const cloud_bridge *bridge,
                                  const cloud_bridge_progress *progress) {
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        const cloud_bridge_source *source = &bridge->options.sources[i];
        uint64_t end = source->end(source->context, (cloud_bridge_log)i);
        if (progress->positions[i] > end) {
            return TRIB_FAIL(TRIB_E_CORRUPT,
                             "kafka has the %s log up to record %llu, but ours ends at %llu: was "
                             "the state folder lost? Give this cloud another bridge.kafka.id",
                             cloud_bridge_log_names[i], (unsigned long long)progress->positions[i],
                             (unsigned long long)end);
        }
    }
    return TRIB_SUCCESS;
}

static trib_status connect_kafka(cloud_bridge *bridge) {
    cloud_bridge_progress progress;
    if (bridge->kafka == NULL) {
        TRIB_TRY(cloud_kafka_create(bridge->options.settings, bridge->id, &bridge->kafka));
    }
    TRIB_TRY(cloud_kafka_connect(bridge->kafka));
    TRIB_TRY(cloud_kafka_progress(bridge->kafka, &progress));
    TRIB_TRY(check_progress(bridge, &progress));
    bridge->committed = progress;
    rewind_all(bridge);
    acknowledge(bridge);
    atomic_store(&bridge->connected, true);
    bridge->troubled = false;
    report(bridge, CLOUD_BRIDGE_CONNECTED, "");
    return TRIB_SUCCESS;
}

/* ---- sending ---- */

/* Bodies that are too large for Kafka go where consumers fetch them, before the transaction: its
 * time runs from the first event on. Whatever fails there is waited for. */
static trib_status put_claims(cloud_bridge *bridge) {
    const cloud_bridge_options *options = &bridge->options;
    char reference[CLOUD_CLAIM_SIZE];
    if (options->claim == NULL) {
        return TRIB_SUCCESS;
    }
    for (size_t i = 0; i < bridge->parcel->count && !stops(bridge); i++) {
        const cloud_bridge_event event = cloud_parcel_event(bridge->parcel, i);
        if (event.body.size <= options->settings->claim_bytes) {
            continue;
        }
        trib_status status = options->claim(options->context, &event, reference);
        if (trib_ok(status)) {
            status = cloud_parcel_claim(bridge->parcel, i, reference);
        }
        if (!trib_ok(status)) {
            return (trib_status){TRIB_E_RETRY};
        }
    }
    return TRIB_SUCCESS;
}

static bool is_skipped(const cloud_bridge *bridge, uint64_t opaque) {
    return opaque == bridge->skips[0] || opaque == bridge->skips[1];
}

static trib_status send_event(cloud_bridge *bridge, size_t which) {
    const cloud_bridge_event event = cloud_parcel_event(bridge->parcel, which);
    uint64_t opaque = cloud_parcel_opaque(bridge->parcel, which);
    trib_status status =
        is_skipped(bridge, opaque)
            ? TRIB_FAIL(TRIB_E_LIMIT, "%s: past max.message.bytes of its topic", event.id)
            : cloud_kafka_send(bridge->kafka, &event,
                               cloud_parcel_take_headers(bridge->parcel, which), opaque);
    if (status.code == TRIB_E_LIMIT) {
        char why[400];
        (void)snprintf(why, sizeof why, "%s of %s: %s (bridge.kafka.settings: message.max.bytes)",
                       event.type, event.key, trib_message());
        bridge->parcel->refused++;
        report(bridge, CLOUD_BRIDGE_REFUSED, why);
        return TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    bridge->events++;
    bridge->claimed += event.claim != NULL;
    return TRIB_SUCCESS;
}

static cloud_bridge_progress progress_of(const cloud_parcel *parcel) {
    cloud_bridge_progress progress = {.known = true};
    memcpy(progress.positions, parcel->positions, sizeof progress.positions);
    return progress;
}

static trib_status send_parcel(cloud_bridge *bridge) {
    TRIB_TRY(cloud_kafka_begin(bridge->kafka));
    bridge->open = true;
    const cloud_bridge_progress progress = progress_of(bridge->parcel);
    TRIB_TRY(cloud_kafka_send_progress(bridge->kafka, &progress));
    for (size_t i = 0; i < bridge->parcel->count && !stops(bridge); i++) {
        TRIB_TRY(send_event(bridge, i));
    }
    return TRIB_SUCCESS;
}

static void note_refused(void *context) {
    report(context, CLOUD_BRIDGE_REFUSED, trib_message());
}

static trib_status commit(cloud_bridge *bridge) {
    trib_status status = cloud_kafka_commit(bridge->kafka);
    while (status.code == TRIB_E_RETRY && !stops(bridge)) {
        status = cloud_kafka_commit(bridge->kafka);
    }
    TRIB_TRY(status);
    bridge->committed = progress_of(bridge->parcel);
    return TRIB_SUCCESS;
}

/* The transaction is committed: `next` is the parcel to send. */
static void settle(cloud_bridge *bridge, cloud_parcel *next) {
    atomic_fetch_add(&bridge->sent, bridge->events);
    atomic_fetch_add(&bridge->claims, bridge->claimed);
    atomic_fetch_add(&bridge->refused, bridge->parcel->refused);
    atomic_fetch_add(&bridge->transactions, 1);
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        atomic_fetch_add(&bridge->missed[i], bridge->parcel->passed[i]);
    }
    memset(bridge->skips, 0, sizeof bridge->skips);
    bridge->most_events *= 2;
    if (bridge->most_events > CLOUD_BRIDGE_BATCH) {
        bridge->most_events = CLOUD_BRIDGE_BATCH;
    }
    bridge->open = false;
    bridge->events = 0;
    bridge->claimed = 0;
    bridge->parcel = next;
    acknowledge(bridge);
    if (bridge->troubled) {
        bridge->troubled = false;
        report(bridge, CLOUD_BRIDGE_CONNECTED, "");
    }
}

/* Fewer events at once, until it is known which one Kafka does not take: of a record with two,
 * perhaps both. */
static void narrow_down(cloud_bridge *bridge, uint64_t refused) {
    if (bridge->most_events > 1) {
        bridge->most_events = bridge->parcel->count > 1 ? bridge->parcel->count / 2 : 1;
    } else {
        bridge->skips[bridge->skips[0] != 0] = refused;
    }
}

static void tell_trouble(cloud_bridge *bridge, const char *text) {
    bridge->troubled = true;
    report(bridge, CLOUD_BRIDGE_TROUBLE, text);
}

/* After a failure within a transaction: again from what is committed, or with another producer.
 * Whether it was for an event that is too large, of which librdkafka may tell no sooner than with
 * the abort; anything else is told, while Kafka is away before the abort has ended. */
static bool give_up(cloud_bridge *bridge, trib_status why, const char *text) {
    bool told = false;
    atomic_fetch_add(&bridge->aborted, bridge->open);
    trib_status status = TRIB_SUCCESS;
    if (bridge->open && why.code != TRIB_E_IO) {
        do {
            status = cloud_kafka_abort(bridge->kafka);
            if (status.code == TRIB_E_RETRY && !told) {
                tell_trouble(bridge, text);
                told = true;
            }
        } while (status.code == TRIB_E_RETRY && !stops(bridge));
    }
    uint64_t refused = why.code == TRIB_E_STATE ? cloud_kafka_refused(bridge->kafka) : 0;
    if (refused != 0) {
        narrow_down(bridge, refused);
    } else if (!told) {
        tell_trouble(bridge, text);
    }
    if (why.code == TRIB_E_IO || !trib_ok(status)) {
        disconnect(bridge);
    } else {
        rewind_all(bridge);
    }
    return refused != 0;
}

/* Sends what there is, while what comes next is packed; waits where there is nothing. */
static trib_status step(cloud_bridge *bridge) {
    cloud_parcel *next = &bridge->parcels[bridge->parcel == &bridge->parcels[0]];
    TRIB_TRY(cloud_packer_pack(&bridge->packer, bridge->parcel, bridge->most_events));
    if (bridge->parcel->count == 0) {
        (void)trib_queue_pop(bridge->wakes, IDLE_MS);
        return TRIB_SUCCESS;
    }
    TRIB_TRY(put_claims(bridge));
    cloud_parcel_begin(next, bridge->parcel->positions);
    cloud_packer_start(&bridge->packer, next, bridge->most_events);
    trib_status status = send_parcel(bridge);
    if (trib_ok(status) && !stops(bridge)) { /* or it will be sent again */
        status = commit(bridge);
    }
    cloud_packer_join(&bridge->packer);
    TRIB_TRY(status);
    if (!stops(bridge)) {
        settle(bridge, next);
    }
    return TRIB_SUCCESS;
}

static void pause_for_a_while(cloud_bridge *bridge) {
    uint64_t rest = bridge->pause_ms;
    while (rest > 0 && !stops(bridge)) { /* wake-ups come in between: there is more to read */
        uint64_t part = rest < IDLE_MS ? rest : IDLE_MS;
        (void)trib_queue_pop(bridge->wakes, part);
        rest -= part;
    }
    bridge->pause_ms *= 2;
    if (bridge->pause_ms > CLOUD_BRIDGE_MOST_PAUSE_MS) {
        bridge->pause_ms = CLOUD_BRIDGE_MOST_PAUSE_MS;
    }
}

static void *run(void *context) {
    cloud_bridge *bridge = context;
    bridge->pause_ms = FIRST_PAUSE_MS;
    bridge->most_events = CLOUD_BRIDGE_BATCH;
    while (!stops(bridge)) {
        bool connected = atomic_load(&bridge->connected);
        trib_status status = connected ? step(bridge) : connect_kafka(bridge);
        if (trib_ok(status)) {
            bridge->pause_ms = FIRST_PAUSE_MS;
            continue;
        }
        if (stops(bridge)) {
            break;
        }
        char why[512];
        (void)snprintf(why, sizeof why, "%s", trib_message());
        if (connected && give_up(bridge, status, why)) {
            continue; /* at once, with fewer */
        }
        if (!connected) {
            tell_trouble(bridge, why);
            if (status.code != TRIB_E_RETRY) {
                disconnect(bridge);
            }
        }
        pause_for_a_while(bridge);
    }
    disconnect(bridge);
    return NULL;
}

/* ---- the owner's side ---- */

static void destroy(cloud_bridge *bridge) {
    cloud_packer_deinit(&bridge->packer);
    cloud_parcel_deinit(&bridge->parcels[0]);
    cloud_parcel_deinit(&bridge->parcels[1]);
    trib_queue_destroy(bridge->wakes);
    trib_free(bridge);
}

static trib_status prepare(cloud_bridge *bridge) {
    TRIB_TRY(trib_queue_create(1, drop_token, &bridge->wakes));
    bridge->packer.stop = &bridge->stop;
    bridge->packer.refuse = note_refused;
    bridge->packer.context = bridge;
    TRIB_TRY(cloud_packer_init(&bridge->packer, &bridge->options));
    return pthread_create(&bridge->thread, NULL, run, bridge) == 0
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_IO, "no thread for the bridge");
}

trib_status cloud_bridge_start(const cloud_bridge_options *options, cloud_bridge **ret_bridge) {
    cloud_bridge *bridge = trib_allocate(1, sizeof *bridge);
    if (bridge == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the bridge");
    }
    bridge->options = *options;
    (void)snprintf(bridge->id, sizeof bridge->id, "%s", options->id);
    bridge->options.id = bridge->id;
    cloud_parcel_init(&bridge->parcels[0]);
    cloud_parcel_init(&bridge->parcels[1]);
    bridge->parcel = &bridge->parcels[0];
    trib_status status = prepare(bridge);
    if (!trib_ok(status)) {
        destroy(bridge);
        return status;
    }
    *ret_bridge = bridge;
    return TRIB_SUCCESS;
}

void cloud_bridge_wake(cloud_bridge *bridge) {
    bool pushed = trib_queue_push(bridge->wakes, &token);
    (void)pushed; /* one that waits already is enough */
}

cloud_bridge_counts cloud_bridge_count(const cloud_bridge *bridge) {
    cloud_bridge_counts counts = {
        .connected = atomic_load(&bridge->connected),
        .sent = atomic_load(&bridge->sent),
        .claims = atomic_load(&bridge->claims),
        .transactions = atomic_load(&bridge->transactions),
        .aborted = atomic_load(&bridge->aborted),
        .refused = atomic_load(&bridge->refused),
    };
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        const cloud_bridge_source *source = &bridge->options.sources[i];
        uint64_t end = source->end(source->context, (cloud_bridge_log)i);
        uint64_t told = atomic_load(&bridge->told[i]);
        counts.missed += atomic_load(&bridge->missed[i]);
        counts.ends[i] = end;
        counts.backlog[i] = end > told ? end - told : 0;
    }
    return counts;
}

void cloud_bridge_stop(cloud_bridge *bridge) {
    if (bridge != NULL) {
        atomic_store(&bridge->stop, true);
        cloud_bridge_wake(bridge);
        (void)pthread_join(bridge->thread, NULL);
        destroy(bridge);
    }
}
