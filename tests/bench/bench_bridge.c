/* bridge: events a second from the outbox into Kafka, each once, against a bare librdkafka loop
 * with messages of the same size, the same acks and transactions of as many. Started by
 * bench_bridge.py, which has a Kafka.
 *
 *     bench_bridge --brokers HOST:PORT --folder DIR [--events N] [--pairs N]
 */
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <unistd.h>

#include "cloud/bridge/bridge.h"
#include "cloud/bridge/kafka.h"
#include "cloud/outbox/outbox.h"
#include "cloud/types/records.pb.h"
#include "common/port/posix/system.h"
#include "common/wire/wire.h"
#include "tests/bench/bench_line.h"

enum { GATEWAYS = 100, SIZE_OF_HEADERS = 330, MOST_PAIRS = 9, PATIENCE_S = 120 };

typedef struct load {
    cloud_bridge_settings settings;
    cloud_kafka_setting *brokers;
    char folders[CLOUD_LOGS][512];
    uint64_t events;
    atomic_uint_least64_t shown; /* events that the bridge may see */
    size_t body_bytes;           /* of an event */
} load;

static void stop_with(const char *what) {
    (void)fprintf(stderr, "bench_bridge: %s\n", what);
    exit(1);
}

/* ---- the outbox ---- */

static trib_status note_size(void *context, const cloud_bridge_event *event) {
    load *l = context;
    l->body_bytes = event->body.size;
    return TRIB_SUCCESS;
}

static void fill(load *l, const char *folder) {
    cloud_outbox *outbox = NULL;
    uint8_t message_room[128], record_room[512];
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer body = {.ceiling = 4096};
    bench_need(cloud_outbox_open(trib_posix_disk(), folder, 1, (uint64_t)1 << 32, &outbox));
    for (uint64_t i = 1; i <= l->events; i++) {
        trib_wire_Prediction prediction = trib_wire_Prediction_init_zero;
        cloud_record_Outgoing record = cloud_record_Outgoing_init_zero;
        trib_writer message = trib_writer_of(message_room, sizeof message_room);
        trib_writer whole = trib_writer_of(record_room, sizeof record_room);
        prediction.release = 4294967299;
        prediction.time_us = (int64_t)(1800000000000000 + i);
        prediction.label = (int32_t)(i % 4);
        (void)snprintf(prediction.label_name, sizeof prediction.label_name, "bearing_wear");
        prediction.confidence = 0.9375f;
        bench_need(TRIB_WIRE_ENCODE(Prediction, &prediction, &message));
        trib_bytes view = trib_written(&message);
        (void)snprintf(record.federation, sizeof record.federation, "bench");
        (void)snprintf(record.gateway, sizeof record.gateway, "gateway-%06u",
                       (unsigned)(i % GATEWAYS));
        record.time_ms = 1800000000000 + i;
        trib_wire_put(&record.message, &view);
        bench_need(trib_wire_encode(cloud_record_Outgoing_fields, &record, &whole));
        bench_need(cloud_outbox_append(outbox, CLOUD_OUTBOX_PREDICTION, record.gateway,
                                       trib_written(&whole)));
        if (i == 1) {
            const cloud_record first = {.position = 1, .type = 1, .payload = trib_written(&whole)};
            bench_need(cloud_bridge_tell(CLOUD_LOG_PREDICTION, &first, &body, note_size, l));
        }
    }
    bench_need(cloud_outbox_sync(outbox));
    cloud_outbox_close(outbox);
}

/* ---- ours ---- */

static uint64_t end_of(const void *context, cloud_bridge_log log) {
    const load *l = context;
    return log == CLOUD_LOG_PREDICTION ? atomic_load(&l->shown) : 0;
}

static void say(void *context, cloud_bridge_report report, const char *text) {
    (void)context;
    if (report != CLOUD_BRIDGE_CONNECTED) {
        (void)fprintf(stderr, "bench_bridge: %s\n", text);
    }
}

static void await_sent(const cloud_bridge *bridge, uint64_t count) {
    for (int waited_ms = 0; cloud_bridge_count(bridge).sent < count; waited_ms++) {
        if (waited_ms > PATIENCE_S * 1000) {
            stop_with("events do not arrive");
        }
        (void)usleep(1000);
    }
}

/* Seconds. The first transaction of a producer waits for Kafka's coordinator: not counted. */
static double bridge_all(load *l, int turn) {
    cloud_bridge *bridge = NULL;
    char id[32];
    (void)snprintf(id, sizeof id, "bench-%d", turn);
    cloud_bridge_options options = {
        .settings = &l->settings, .id = id, .disk = trib_posix_disk(), .report = say};
    for (int i = 0; i < CLOUD_LOGS; i++) {
        options.sources[i] =
            (cloud_bridge_source){.folder = l->folders[i], .seed = 1, .end = end_of, .context = l};
    }
    atomic_store(&l->shown, 1);
    bench_need(cloud_bridge_start(&options, &bridge));
    await_sent(bridge, 1);
    double began = bench_now_us();
    atomic_store(&l->shown, l->events);
    cloud_bridge_wake(bridge);
    await_sent(bridge, l->events);
    double seconds = (bench_now_us() - began) * 1e-6;
    cloud_bridge_stop(bridge);
    return seconds;
}

/* ---- the bare loop ---- */

static void must(rd_kafka_error_t *error) {
    if (error != NULL) {
        stop_with(rd_kafka_error_string(error));
    }
}

static rd_kafka_t *bare_producer(const load *l) {
    const char *const pairs[][2] = {{"bootstrap.servers", l->settings.settings[0].value},
                                    {"transactional.id", "bare"},
                                    {"acks", "all"},
                                    {"linger.ms", "5"},
                                    {"partitioner", "murmur2_random"}};
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (rd_kafka_conf_set(conf, pairs[i][0], pairs[i][1], why, sizeof why) !=
            RD_KAFKA_CONF_OK) {
            stop_with(why);
        }
    }
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (producer == NULL) {
        stop_with(why);
    }
    must(rd_kafka_init_transactions(producer, PATIENCE_S * 1000));
    return producer;
}

static void send_bare(rd_kafka_t *producer, uint64_t first, uint64_t count, size_t size) {
    static char bytes[4096];
    must(rd_kafka_begin_transaction(producer));
    for (uint64_t i = first; i < first + count; i++) {
        char key[32];
        int length = snprintf(key, sizeof key, "gateway-%06u", (unsigned)(i % GATEWAYS));
        memcpy(bytes, &i, sizeof i);
        rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__QUEUE_FULL;
        while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_vu_t what[] = {
                {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = "tributary.bare.prediction"},
                {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key, (size_t)length}},
                {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {bytes, size}},
                {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY}};
            rd_kafka_error_t *error =
                rd_kafka_produceva(producer, what, sizeof what / sizeof what[0]);
            code = error == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);
            rd_kafka_error_destroy(error);
            (void)rd_kafka_poll(producer, code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 10 : 0);
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            stop_with(rd_kafka_err2str(code));
        }
    }
    must(rd_kafka_commit_transaction(producer, PATIENCE_S * 1000));
}

static double send_all_bare(const load *l) {
    rd_kafka_t *producer = bare_producer(l);
    size_t size = l->body_bytes + SIZE_OF_HEADERS;
    send_bare(producer, 0, 1, size);
    double began = bench_now_us();
    for (uint64_t sent = 1; sent < l->events; sent += CLOUD_BRIDGE_BATCH) {
        uint64_t rest = l->events - sent;
        send_bare(producer, sent, rest < CLOUD_BRIDGE_BATCH ? rest : CLOUD_BRIDGE_BATCH, size);
    }
    double seconds = (bench_now_us() - began) * 1e-6;
    rd_kafka_destroy(producer);
    return seconds;
}

static void ignore_topic(void *context, const char *topic, bool made) {
    (void)context, (void)topic, (void)made;
}

int main(int argc, char **argv) {
    static load l;
    static const char *const names[] = {"ledger", "alert", "prediction", "telemetry"};
    static const char *const federations[] = {"bench", "bare"};
    double ours[MOST_PAIRS], bare[MOST_PAIRS], ratios[MOST_PAIRS];
    const char *brokers = bench_word(argc, argv, "--brokers");
    const char *folder = bench_word(argc, argv, "--folder");
    const char *events = bench_word(argc, argv, "--events"),
               *turns = bench_word(argc, argv, "--pairs");
    if (brokers == NULL || folder == NULL) {
        stop_with("--brokers and --folder are needed");
    }
    long pairs = turns != NULL ? strtol(turns, NULL, 10) : 5;
    l.events = events != NULL ? strtoull(events, NULL, 10) : 200000;
    if (pairs < 1 || pairs > MOST_PAIRS || l.events < 2) {
        stop_with("1 to 9 pairs of 2 events or more");
    }
    l.settings = (cloud_bridge_settings){.kafka = true,
                                         .prefix = "tributary",
                                         .partitions = 3,
                                         .replication = 1,
                                         .setting_count = 1};
    l.brokers = &l.settings.settings[0];
    (void)snprintf(l.brokers->key, sizeof l.brokers->key, "bootstrap.servers");
    l.brokers->value = trib_duplicate_text(brokers);
    for (int i = 0; i < CLOUD_LOGS; i++) {
        (void)snprintf(l.folders[i], sizeof l.folders[i], "%s/%s", folder, names[i]);
    }
    bench_need(cloud_kafka_setup(&l.settings, federations, 2, ignore_topic, NULL));
    fill(&l, folder);
    for (int i = 0; i < (int)pairs; i++) {
        bare[i] = (double)l.events / send_all_bare(&l);
        ours[i] = (double)l.events / bridge_all(&l, i);
        ratios[i] = ours[i] / bare[i];
    }
    char unit[80];
    (void)snprintf(unit, sizeof unit, "events/s of %zu B", l.body_bytes + SIZE_OF_HEADERS);
    bench_print_beside("bridge.events_per_s", bench_median(ours, (size_t)pairs), unit,
                       bench_median(bare, (size_t)pairs), bench_median(ratios, (size_t)pairs));
    cloud_bridge_settings_deinit(&l.settings);
    return 0;
}
