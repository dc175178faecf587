#include "cloud/bridge/bridge.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "cloud/bridge/kafka.h"
#include "cloud/ledger/follower.h"
#include "common/port/posix/queue.h"

enum { IDLE_MS = 500, FIRST_PAUSE_MS = 500, POSITION_BITS = 56 };

struct cloud_bridge {
    cloud_bridge_options options;
    char id[64]; /* what options.id pointed to */
    pthread_t thread;
    trib_queue *wakes; /* tokens */
    atomic_bool stop;

    /* The thread's own. */
    cloud_kafka *kafka;
    cloud_follower *followers[CLOUD_LOGS];
    cloud_bridge_progress committed; /* what Kafka has for sure */
    cloud_bridge_progress read;      /* what this transaction goes up to */
    uint64_t passed[CLOUD_LOGS];     /* records of it that were gone */
    uint64_t skip;                   /* an event that Kafka refuses; as its opaque */
    trib_buffer body;
    bool open;                       /* a transaction */
    uint64_t events, bytes, claimed; /* of it */
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
    bridge->bytes = 0;
    bridge->claimed = 0;
    bridge->read = bridge->committed;
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        bridge->passed[i] = 0;
        cloud_follower_seek(bridge->followers[i], bridge->committed.positions[i] + 1);
    }
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
    report(bridge, CLOUD_BRIDGE_CONNECTED, "");
    return TRIB_SUCCESS;
}

/* ---- sending ---- */

/* What a call-back of cloud_bridge_tell sends. */
typedef struct sending {
    cloud_bridge *bridge;
    uint64_t opaque; /* of the record's next event: it has two at most */
} sending;

/* A body that is too large for Kafka goes where consumers fetch it. */
static trib_status send_or_claim(cloud_bridge *bridge, const cloud_bridge_event *event,
                                 uint64_t opaque) {
    const cloud_bridge_options *options = &bridge->options;
    char reference[CLOUD_CLAIM_SIZE];
    if (options->claim == NULL || event->body.size <= options->settings->claim_bytes) {
        return cloud_kafka_send(bridge->kafka, event, opaque);
    }
    TRIB_TRY(options->claim(options->context, event, reference));
    cloud_bridge_event claim = *event;
    claim.claim = reference;
    bridge->claimed++;
    return cloud_kafka_send(bridge->kafka, &claim, opaque);
}

static trib_status send_event(void *context, const cloud_bridge_event *event) {
    sending *what = context;
    uint64_t opaque = what->opaque++;
    cloud_bridge *bridge = what->bridge;
    if (!bridge->open) {
        TRIB_TRY(cloud_kafka_begin(bridge->kafka));
        bridge->open = true;
    }
    trib_status status =
        opaque == bridge->skip
            ? TRIB_FAIL(TRIB_E_LIMIT, "%s: past max.message.bytes of its topic", event->id)
            : send_or_claim(bridge, event, opaque);
    if (status.code == TRIB_E_LIMIT) {
        char why[400];
        (void)snprintf(why, sizeof why, "%s of %s: %s (bridge.kafka.settings: message.max.bytes)",
                       event->type, event->key, trib_message());
        atomic_fetch_add(&bridge->refused, 1);
        report(bridge, CLOUD_BRIDGE_REFUSED, why);
        return TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    bridge->events++;
    bridge->bytes += event->body.size;
    return TRIB_SUCCESS;
}

static bool is_full(const cloud_bridge *bridge) {
    return bridge->events >= bridge->most_events || bridge->bytes >= CLOUD_BRIDGE_BATCH_BYTES;
}

/* TRIB_E_NOT_FOUND: the log has nothing more. */
static trib_status read_one(cloud_bridge *bridge, cloud_bridge_log log) {
    const cloud_bridge_source *source = &bridge->options.sources[log];
    cloud_record record;
    TRIB_TRY(
        cloud_follower_next(bridge->followers[log], source->end(source->context, log), &record));
    uint64_t last = record.type == 0 ? record.gap_end : record.position;
    sending what = {bridge, (uint64_t)log << POSITION_BITS | record.position * 2};
    trib_status status = cloud_bridge_tell(log, &record, &bridge->body, send_event, &what);
    /* Of a version that wrote it otherwise, or with a body past its ceiling: told, and left. */
    if (status.code == TRIB_E_CORRUPT || status.code == TRIB_E_LIMIT) {
        atomic_fetch_add(&bridge->refused, 1);
        report(bridge, CLOUD_BRIDGE_REFUSED, trib_message());
        status = TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    if (record.type == 0) {
        bridge->passed[log] += record.gap_end - record.position + 1;
    }
    bridge->read.positions[log] = last;
    return TRIB_SUCCESS;
}

static trib_status read_all(cloud_bridge *bridge) {
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        trib_status status = TRIB_SUCCESS;
        while (trib_ok(status) && !is_full(bridge) && !stops(bridge)) {
            status = read_one(bridge, (cloud_bridge_log)i);
        }
        if (!trib_ok(status) && status.code != TRIB_E_NOT_FOUND) {
            return status;
        }
        /* A missing topic fails as TRIB_E_NOT_FOUND, too, but with more to read. */
        const cloud_bridge_source *source = &bridge->options.sources[i];
        if (status.code == TRIB_E_NOT_FOUND &&
            bridge->read.positions[i] < source->end(source->context, (cloud_bridge_log)i) &&
            !is_full(bridge)) {
            return status;
        }
    }
    return TRIB_SUCCESS;
}

static trib_status commit(cloud_bridge *bridge) {
    trib_status status = cloud_kafka_commit(bridge->kafka, &bridge->read);
    while (status.code == TRIB_E_RETRY && !stops(bridge)) {
        status = cloud_kafka_commit(bridge->kafka, &bridge->read);
    }
    TRIB_TRY(status);
    atomic_fetch_add(&bridge->sent, bridge->events);
    atomic_fetch_add(&bridge->claims, bridge->claimed);
    atomic_fetch_add(&bridge->transactions, 1);
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        atomic_fetch_add(&bridge->missed[i], bridge->passed[i]);
        bridge->passed[i] = 0;
    }
    bridge->committed = bridge->read;
    bridge->skip = 0;
    bridge->most_events *= 2;
    if (bridge->most_events > CLOUD_BRIDGE_BATCH) {
        bridge->most_events = CLOUD_BRIDGE_BATCH;
    }
    bridge->open = false;
    bridge->events = 0;
    bridge->bytes = 0;
    bridge->claimed = 0;
    acknowledge(bridge);
    return TRIB_SUCCESS;
}

/* After a failure within a transaction: again from what is committed, or with another producer. */
static void give_up(cloud_bridge *bridge, trib_status why) {
    uint64_t refused = cloud_kafka_refused(bridge->kafka);
    if (refused != 0 && bridge->most_events <= 1) { /* of one record */
        bridge->skip = refused;
    } else if (refused != 0) {
        bridge->most_events = bridge->events > 1 ? bridge->events / 2 : 1;
    }
    atomic_fetch_add(&bridge->aborted, bridge->open);
    trib_status status = TRIB_SUCCESS;
    if (bridge->open && why.code != TRIB_E_IO) {
        do {
            status = cloud_kafka_abort(bridge->kafka);
        } while (status.code == TRIB_E_RETRY && !stops(bridge));
    }
    if (why.code == TRIB_E_IO || !trib_ok(status)) {
        disconnect(bridge);
    } else {
        rewind_all(bridge);
    }
}

/* Sends what there is; waits where there is nothing. */
static trib_status step(cloud_bridge *bridge) {
    TRIB_TRY(read_all(bridge));
    if (bridge->open) {
        return commit(bridge);
    }
    (void)trib_queue_pop(bridge->wakes, IDLE_MS);
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
        bool for_size =
            connected && status.code == TRIB_E_STATE && cloud_kafka_refused(bridge->kafka) != 0;
        if (!for_size) {
            report(bridge, CLOUD_BRIDGE_TROUBLE, trib_message());
        }
        if (connected) {
            give_up(bridge, status);
        } else if (status.code != TRIB_E_RETRY) {
            disconnect(bridge);
        }
        if (!for_size) {
            pause_for_a_while(bridge);
        }
    }
    disconnect(bridge);
    return NULL;
}

/* ---- the owner's side ---- */

static void destroy(cloud_bridge *bridge) {
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        cloud_follower_destroy(bridge->followers[i]);
    }
    trib_queue_destroy(bridge->wakes);
    trib_buffer_deinit(&bridge->body);
    trib_free(bridge);
}

static trib_status prepare(cloud_bridge *bridge) {
    TRIB_TRY(trib_queue_create(1, drop_token, &bridge->wakes));
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        const cloud_bridge_source *source = &bridge->options.sources[i];
        TRIB_TRY(cloud_follower_create(bridge->options.disk, source->folder, source->seed, 1,
                                       &bridge->followers[i]));
    }
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
    bridge->body.ceiling = CLOUD_EVENT_MOST_BYTES;
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
