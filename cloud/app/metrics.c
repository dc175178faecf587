/* What Prometheus scrapes: GET /metrics, in its text format 0.0.4. docs/metrics.md lists the names.
 * The format is lines; names and labels are ours, or names that were checked: nothing to escape. */
#include <inttypes.h>
#include <stdio.h>

#include "cloud/app/core.h"

typedef struct family {
    const char *name, *type, *help;
} family;

static family counter_of(const char *name, const char *help) {
    return (family){name, "counter", help};
}

static family gauge_of(const char *name, const char *help) {
    return (family){name, "gauge", help};
}

typedef struct printing {
    trib_buffer *text;
    trib_status status; /* the first failure */
} printing;

static void print_head(printing *p, family of) {
    if (trib_ok(p->status)) {
        p->status = trib_buffer_print(p->text, "# HELP tributary_%s %s\n# TYPE tributary_%s %s\n",
                                      of.name, of.help, of.name, of.type);
    }
}

/* One of a family's, told apart by a label. */
static void print_labelled(printing *p, family of, const char *label, const char *which,
                           uint64_t value) {
    if (trib_ok(p->status)) {
        p->status = trib_buffer_print(p->text, "tributary_%s{%s=\"%s\"} %" PRIu64 "\n", of.name,
                                      label, which, value);
    }
}

static void print_one(printing *p, family of, uint64_t value) {
    print_head(p, of);
    if (trib_ok(p->status)) {
        p->status = trib_buffer_print(p->text, "tributary_%s %" PRIu64 "\n", of.name, value);
    }
}

static void print_core(printing *p, cloud_core *core) {
    family build = gauge_of("build_info", "The version that runs.");
    print_head(p, build);
    print_labelled(p, build, "version", TRIB_VERSION, 1);
    print_one(p, gauge_of("broker_connected", "Whether the MQTT broker can be reached."),
              trib_mqtt_connected(core->mqtt));
    print_one(p, counter_of("mqtt_messages_total", "Messages that came from the broker."),
              trib_mqtt_counted(core->mqtt).received);
    print_one(p, counter_of("queue_dropped_total", "Messages that found the cloud's queue full."),
              trib_queue_dropped(core->queue));
    print_one(p, gauge_of("ledger_records", "The position of the ledger's last record."),
              cloud_ledger_end(core->ledger));
    print_one(p, counter_of("ledger_fsyncs_total", "Times that the ledger was made durable."),
              cloud_ledger_syncs(core->ledger));
    print_one(p, gauge_of("ledger_gap_records", "Records that the start found damaged."),
              core->gap_records);
    print_one(p, counter_of("signatures_total", "Signatures that were made."), core->signatures);
}

static void print_messages(printing *p, cloud_core *core) {
    const struct {
        const char *verdict;
        uint64_t count;
    } updates[] = {{"accepted", core->counts.accepted}, {"duplicate", core->counts.duplicates},
                   {"late", core->counts.late},         {"refused", core->counts.refused},
                   {"replayed", core->counts.replayed}, {"garbage", core->counts.garbage}};
    family of =
        counter_of("messages_total", "Sealed messages of gateways, by what became of them.");
    print_head(p, of);
    for (size_t i = 0; i < sizeof updates / sizeof updates[0]; i++) {
        print_labelled(p, of, "verdict", updates[i].verdict, updates[i].count);
    }
    of = counter_of("joins_total", "Gateways that asked to join.");
    print_head(p, of);
    print_labelled(p, of, "verdict", "accepted", core->counts.joins);
    print_labelled(p, of, "verdict", "refused", core->counts.joins_refused);
    print_one(p, counter_of("predictions_total", "Predictions that gateways published."),
              core->counts.predictions);
    of = counter_of("telemetry_total", "Telemetry: rows and windows taken, messages refused or "
                                       "dropped.");
    print_head(p, of);
    print_labelled(p, of, "verdict", "accepted", core->counts.telemetry);
    print_labelled(p, of, "verdict", "refused", core->counts.telemetry_refused);
    print_labelled(p, of, "verdict", "dropped", atomic_load(&core->telemetry_dropped));
}

static void print_bridge(printing *p, const cloud_core *core) {
    if (core->bridge == NULL) {
        return;
    }
    cloud_bridge_counts counts = cloud_bridge_count(core->bridge);
    print_one(p, gauge_of("bridge_connected", "Whether Kafka can be reached."), counts.connected);
    print_one(p, counter_of("bridge_events_total", "Events in transactions that were committed."),
              counts.sent);
    print_one(p,
              counter_of("bridge_claims_total", "Of these, events with their body in the bucket."),
              counts.claims);
    family of = counter_of("bridge_transactions_total", "Transactions of Kafka's, by their end.");
    print_head(p, of);
    print_labelled(p, of, "result", "committed", counts.transactions);
    print_labelled(p, of, "result", "aborted", counts.aborted);
    print_one(p, counter_of("bridge_refused_total", "Events that Kafka does not take."),
              counts.refused);
    print_one(p, counter_of("bridge_missed_total", "Records that were gone before they were read."),
              counts.missed);
    of = gauge_of("bridge_backlog_records", "Records that Kafka does not have yet.");
    print_head(p, of);
    for (int i = 0; i < CLOUD_LOGS; i++) {
        print_labelled(p, of, "log", cloud_bridge_log_names[i], counts.backlog[i]);
    }
}

static void print_outbox(printing *p, const cloud_core *core) {
    if (core->outbox == NULL) {
        return;
    }
    cloud_outbox_counts outbox = cloud_outbox_count_all(core->outbox);
    print_one(p, gauge_of("outbox_bytes", "What the outbox takes on the disk, at most."),
              outbox.bytes);
    print_one(p,
              gauge_of("outbox_dropped", "Events that the outbox dropped, since the start; what "
                                         "was read before it went counts no more."),
              outbox.dropped);
    print_one(p,
              counter_of("outbox_over_share_total", "Of these, those of gateways that hold too "
                                                    "much of it."),
              outbox.over_share);
}

static void print_archive(printing *p, const cloud_core *core) {
    if (core->archive == NULL) {
        return;
    }
    cloud_archive_counts counts = cloud_archive_count(core->archive);
    print_one(p, gauge_of("archive_trouble", "Whether the bucket cannot be written to."),
              core->archive_trouble[0] != '\0');
    family of = counter_of("archive_objects_total", "Objects put into the bucket, or found there.");
    print_head(p, of);
    print_labelled(p, of, "kind", "model", counts.models);
    print_labelled(p, of, "kind", "segment", counts.segments);
    print_labelled(p, of, "kind", "batch", counts.batches);
    print_one(
        p,
        counter_of("archive_models_missing_total", "Models that were gone before they were put."),
        counts.missing);
    print_one(p,
              counter_of("archive_events_missed_total",
                         "Records of the outbox that were gone before they were put."),
              counts.missed);
    print_one(p, gauge_of("archive_position", "Models of all records up to it are in the bucket."),
              counts.position);
}

static uint64_t value_of(const cloud_live *live, size_t which) {
    const uint64_t values[] = {cloud_live_members(live), cloud_live_online(live),
                               live->round.plan.ordinal, live->round_open,
                               live->round.accepted,     live->round.plan.expected,
                               live->release.ordinal};
    return values[which];
}

static void print_federations(printing *p, const cloud_core *core) {
    const family families[] = {
        gauge_of("gateways", "Gateways that joined, are not revoked, and can take part."),
        gauge_of("gateways_online", "Gateways that say they are online."),
        gauge_of("round", "The newest round's ordinal."),
        gauge_of("round_open", "Whether it is open."),
        gauge_of("round_accepted", "Updates that it has counted."),
        gauge_of("round_expected", "Gateways that were asked for one."),
        gauge_of("release_round", "The round that the released model is of; 0: none.")};
    for (size_t which = 0; which < sizeof families / sizeof families[0]; which++) {
        print_head(p, families[which]);
        for (size_t i = 0; i < core->member_count; i++) {
            const cloud_live *live = core->members[i].live;
            print_labelled(p, families[which], "federation", live->name, value_of(live, which));
        }
    }
}

trib_status cloud_print_metrics(cloud_core *core, trib_buffer *text) {
    printing p = {.text = text, .status = TRIB_SUCCESS};
    print_core(&p, core);
    print_messages(&p, core);
    print_outbox(&p, core);
    print_bridge(&p, core);
    print_archive(&p, core);
    print_federations(&p, core);
    return p.status;
}
