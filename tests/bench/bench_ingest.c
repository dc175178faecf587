/* Plays many gateways over a few connections, for fleet_ingest.py: each has its certificate, keys
 * and session, joins as an agent does, and sends one sealed update a round, as large as the model.
 *
 *     bench_ingest --uri URI --keys DIR --trust FILE --federation NAME --gateways N --rounds N
 *                  --parameters N [--window N] [--alone 1] [--last N]
 *
 * Before each round's updates go to the cloud, as many of the same size, sealed as well, go to a
 * process that throws them away as they come. Prints a JSON object for each round: the seconds from
 * the first one published until the last was thrown away, and until the cloud's last receipt.
 * A window bounds how many are on their way, in both. With --alone nothing is thrown away; with
 * --last one more round stays open, with the updates of N gateways. For fleet_recover.py.
 *
 * The broker must let the names bench-0, bench-1 .. write and read everything.
 */
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/heap.h"
#include "common/crypto/authority.h"
#include "common/crypto/posix/key_file.h"
#include "common/federation/federation.h"
#include "common/mqtt/mqtt.h"
#include "common/port/posix/system.h"
#include "common/seal/channel.h"
#include "common/seal/envelope.h"
#include "common/seal/object.h"
#include "common/seal/session_info.h"
#include "tests/bench/bench_line.h"

enum {
    LINKS = 3, /* two that send, one that throws away */
    THROWER = 2,
    PATH = 512,
    ROOM = 16 * 1024,
    FRAME = 160 * 1024,
    QUEUE = 1 << 16,
    JOINS_AT_ONCE = 64,
    PATIENCE_S = 60
};

typedef struct gateway {
    char name[TRIB_NAME_SIZE];
    char update_topic[TRIB_TOPIC_SIZE], bin_topic[TRIB_TOPIC_SIZE];
    trib_key_pair signing, agreement;
    trib_hpke context;
    uint64_t session;
    trib_channel update, welcome, receipt;
    bool welcomed;
} gateway;

struct bench;
typedef struct bench_link {
    trib_queue *queue;
    trib_mqtt *mqtt;
    char uri[PATH], name[32], ca[PATH], certificate[PATH], key[PATH];
} bench_link;

typedef struct bench_event {
    bench_link *from;
    trib_mqtt_event *event;
} bench_event;

/* What the process that throws away tells this one. */
typedef struct shared {
    atomic_ulong thrown;
    atomic_bool ready, stop;
} shared;

typedef struct bench {
    const trib_crypto *crypto;
    const char *keys, *uri, *federation;
    size_t window, gateway_count, rounds, last;
    bool alone;
    trib_trusted trusted;
    trib_key_pair authority_key;
    trib_buffer authority_pem;
    trib_queue *queue;
    bench_link links[LINKS];
    gateway *gateways; /* [gateway_count], in the order of their names */
    shared *shared;
    /* what the cloud has said */
    trib_public_key agreement_key;
    uint64_t boot, round_sent;
    bool known;
    trib_epoch_secret epoch;
    size_t welcomed;
    trib_wire_Round round; /* the open one; round.round 0: none */
    uint8_t base[TRIB_HASH_BYTES];
    size_t accepted;
    /* what goes up */
    uint8_t *payload, *plain, *frame;
    size_t payload_size;
} bench;

static void stop_with(const char *why) {
    (void)fprintf(stderr, "bench_ingest: %s\n", why);
    exit(1);
}

/* ---- links ---- */

static void drop_event(void *item) {
    bench_event *event = item;
    trib_mqtt_event_destroy(event->event);
    trib_free(event);
}

static bool push(void *context, trib_mqtt_event *event) {
    bench_link *from = context;
    bench_event *item = trib_allocate(1, sizeof *item);
    if (item == NULL) {
        return false;
    }
    *item = (bench_event){from, event};
    if (!trib_queue_push(from->queue, item)) {
        trib_free(item);
        return false;
    }
    return true;
}

static void path_of(const bench *b, const char *name, const char *end, char ret_path[PATH]) {
    int size = snprintf(ret_path, PATH, "%s/%s%s", b->keys, name, end);
    if (size < 0 || size >= PATH) {
        stop_with("a path is too long");
    }
}

static void open_link(bench *b, size_t number, trib_queue *queue) {
    bench_link *link = &b->links[number];
    link->queue = queue;
    (void)snprintf(link->uri, sizeof link->uri, "%s", b->uri);
    (void)snprintf(link->name, sizeof link->name, "bench-%zu", number);
    path_of(b, "ca", ".pem", link->ca);
    path_of(b, link->name, ".pem", link->certificate);
    path_of(b, link->name, ".key", link->key);
    const trib_mqtt_options options = {.uri = link->uri,
                                       .client_id = link->name,
                                       .ca_file = link->ca,
                                       .certificate_file = link->certificate,
                                       .key_file = link->key,
                                       .keep_alive_s = 60,
                                       .window = 32,
                                       .waiting = 1024,
                                       .clock = trib_posix_clock()};
    const trib_mqtt_sink sink = {push, link};
    bench_need(trib_mqtt_create(&options, &sink, &link->mqtt));
    trib_mqtt_run(link->mqtt);
}

/* ---- the process that throws away ---- */

static void throw_away(bench *b, pid_t parent) {
    trib_queue *queue;
    bench_need(trib_queue_create(QUEUE, drop_event, &queue));
    open_link(b, THROWER, queue);
    bench_link *link = &b->links[THROWER];
    while (!atomic_load(&b->shared->stop) && getppid() == parent) {
        bench_event *item = trib_queue_pop(queue, 50);
        trib_mqtt_run(link->mqtt);
        if (item == NULL) {
            continue;
        }
        if (trib_mqtt_handle(link->mqtt, item->event)) {
            if (item->event->kind == TRIB_MQTT_CONNECTED) {
                bench_need(trib_mqtt_subscribe(link->mqtt, "bench/+"));
            } else if (item->event->kind == TRIB_MQTT_SUBSCRIBED) {
                atomic_store(&b->shared->ready, true);
            } else if (item->event->kind == TRIB_MQTT_DISCONNECTED) {
                stop_with(trib_mqtt_problem(link->mqtt));
            } else if (item->event->kind == TRIB_MQTT_MESSAGE) {
                atomic_fetch_add(&b->shared->thrown, 1);
            }
        }
        drop_event(item);
    }
    trib_mqtt_destroy(link->mqtt, true);
    trib_queue_destroy(queue);
    _exit(0);
}

/* ---- what the cloud says ---- */

static void on_federation(bench *b, trib_bytes payload) {
    trib_bytes body;
    trib_wire_Federation notice = trib_wire_Federation_init_zero;
    bench_need(trib_envelope_open(b->crypto, &b->trusted, "federation", payload, &body));
    bench_need(TRIB_WIRE_DECODE(Federation, body, &notice));
    memcpy(b->agreement_key.bytes, notice.agreement_key.bytes, sizeof b->agreement_key.bytes);
    b->boot = notice.boot;
    b->known = true;
}

static void on_round(bench *b, trib_bytes payload) {
    trib_bytes body;
    bench_need(trib_envelope_open(b->crypto, &b->trusted, "round", payload, &body));
    b->round = (trib_wire_Round)trib_wire_Round_init_zero;
    bench_need(TRIB_WIRE_DECODE(Round, body, &b->round));
    if (!b->round.open || b->welcomed < b->gateway_count) {
        b->round.round = 0; /* before the first, it is told again */
        return;
    }
    trib_object_key key;
    bench_need(trib_object_unwrap(b->crypto, &b->epoch, &b->round.base, &key));
    memcpy(b->base, key.digest, sizeof b->base);
}

static gateway *find(bench *b, const char *name) {
    size_t low = 0, high = b->gateway_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(b->gateways[middle].name, name);
        if (order == 0) {
            return &b->gateways[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

static void on_down(bench *b, const trib_topic *topic, const trib_mqtt_event *event) {
    gateway *to = find(b, topic->gateway);
    uint8_t room[1024];
    trib_writer text = trib_writer_of(room, sizeof room);
    bool welcome = topic->kind == TRIB_TOPIC_DOWN_WELCOME;
    if (to == NULL || (!welcome && topic->kind != TRIB_TOPIC_DOWN_RECEIPT)) {
        return;
    }
    bench_need(trib_channel_open(b->crypto, welcome ? &to->welcome : &to->receipt, event->topic,
                                 trib_bytes_of(event->payload, event->size), &text));
    if (welcome) {
        trib_wire_Welcome message = trib_wire_Welcome_init_zero;
        bench_need(TRIB_WIRE_DECODE(Welcome, trib_written(&text), &message));
        memcpy(b->epoch.bytes, message.epochs[0].key.bytes, sizeof b->epoch.bytes);
        b->welcomed += !to->welcomed;
        to->welcomed = true;
        return;
    }
    trib_wire_Receipt message = trib_wire_Receipt_init_zero;
    bench_need(TRIB_WIRE_DECODE(Receipt, trib_written(&text), &message));
    if (message.verdict != trib_wire_Verdict_VERDICT_ACCEPTED) {
        (void)fprintf(stderr, "%s: verdict %d: %s\n", to->name, (int)message.verdict,
                      message.reason);
        stop_with("an update was not accepted");
    }
    b->accepted++;
}

static void on_message(bench *b, const trib_mqtt_event *event) {
    trib_topic topic;
    trib_bytes payload = trib_bytes_of(event->payload, event->size);
    bench_need(trib_topic_parse(event->topic, strlen(event->topic), &topic));
    if (topic.kind == TRIB_TOPIC_ALL_FEDERATION) {
        on_federation(b, payload);
    } else if (topic.kind == TRIB_TOPIC_ALL_ROUND) {
        on_round(b, payload);
    } else {
        on_down(b, &topic, event);
    }
}

static void subscribe(const bench *b) {
    static const char *const ends[] = {"all/federation", "all/round", "+/down/welcome",
                                       "+/down/receipt"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char filter[TRIB_TOPIC_SIZE];
        (void)snprintf(filter, sizeof filter, "tributary/v1/%s/%s", b->federation, ends[i]);
        bench_need(trib_mqtt_subscribe(b->links[0].mqtt, filter));
    }
}

/* Handles what has come, and waits a little for the first of it. */
static void pump(bench *b, uint64_t most_ms) {
    bench_event *item = trib_queue_pop(b->queue, most_ms);
    for (; item != NULL; item = trib_queue_pop(b->queue, 0)) {
        if (trib_mqtt_handle(item->from->mqtt, item->event)) {
            if (item->event->kind == TRIB_MQTT_CONNECTED && item->from == &b->links[0]) {
                subscribe(b);
            } else if (item->event->kind == TRIB_MQTT_DISCONNECTED ||
                       item->event->kind == TRIB_MQTT_NOT_SENT) {
                stop_with(trib_mqtt_problem(item->from->mqtt));
            } else if (item->event->kind == TRIB_MQTT_MESSAGE) {
                on_message(b, item->event);
            }
        }
        drop_event(item);
    }
}

typedef bool (*condition)(const bench *b);
static void await(bench *b, const char *what, condition holds) {
    for (double end = bench_now_us() + PATIENCE_S * 1e6; !holds(b);) {
        pump(b, 20);
        if (bench_now_us() > end) {
            (void)fprintf(stderr, "never came: %s\n", what);
            exit(1);
        }
    }
}

/* ---- joining ---- */

static void make_chain(const bench *b, const gateway *who, int64_t now_s, trib_buffer *ret_chain) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = ROOM};
    const trib_authority issuer = {trib_buffer_view(&b->authority_pem), &b->authority_key};
    bench_need(trib_request_create(who->name, &who->signing, &request));
    bench_need(trib_authority_issue_gateway(&issuer, trib_buffer_view(&request), who->name, now_s,
                                            0, ret_chain));
}

static void key_channels(const bench *b, gateway *who) {
    bench_need(trib_channel_init(b->crypto, &who->context, who->session, TRIB_TOPIC_UP_UPDATE,
                                 b->boot, &who->update));
    bench_need(trib_channel_init(b->crypto, &who->context, who->session, TRIB_TOPIC_DOWN_WELCOME, 0,
                                 &who->welcome));
    bench_need(trib_channel_init(b->crypto, &who->context, who->session, TRIB_TOPIC_DOWN_RECEIPT, 0,
                                 &who->receipt));
}

static void join(bench *b, gateway *who) {
    static uint8_t body_room[ROOM], envelope_room[ROOM];
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer chain = {.ceiling = ROOM};
    trib_wire_Join message = trib_wire_Join_init_zero;
    trib_session_info info;
    trib_public_key enc;
    make_chain(b, who, (int64_t)(trib_wall_ms(trib_posix_clock()) / 1000), &chain);
    trib_session_info_make(b->federation, who->name, 1, &info);
    const trib_hpke_sender sender = {.info = trib_bytes_of(info.bytes, info.size),
                                     .recipient = &b->agreement_key,
                                     .own = &who->agreement};
    bench_need(trib_hpke_setup_sender(b->crypto, &sender, &enc, &who->context));
    memcpy(message.federation, b->federation, strlen(b->federation));
    memcpy(message.gateway, who->name, sizeof message.gateway);
    message.generation = 1;
    TRIB_WIRE_SET_BYTES(message.enc, enc.bytes, sizeof enc.bytes);
    TRIB_WIRE_SET_BYTES(message.agreement_key, who->agreement.public.bytes, TRIB_PUBLIC_KEY_BYTES);
    trib_bytes view = trib_buffer_view(&chain);
    trib_wire_put(&message.chain, &view);
    message.has_capabilities = true;
    message.capabilities = (trib_wire_Capabilities){
        .agent_version = "bench", .codecs = ~0u, .layers = ~0u, .max_parameters = 1u << 24};
    trib_writer body = trib_writer_of(body_room, sizeof body_room);
    trib_writer envelope = trib_writer_of(envelope_room, sizeof envelope_room);
    bench_need(TRIB_WIRE_ENCODE(Join, &message, &body));
    bench_need(trib_session_number(b->crypto, trib_written(&body), &who->session));
    bench_need(trib_envelope_seal(b->crypto, &who->signing.secret, "", "join", trib_written(&body),
                                  &envelope));
    key_channels(b, who);
    char topic[TRIB_TOPIC_SIZE];
    (void)snprintf(topic, sizeof topic, "tributary/v1/%s/%s/up/join", b->federation, who->name);
    bench_need(trib_mqtt_publish(b->links[0].mqtt, topic, trib_written(&envelope), false));
}

static void join_all(bench *b) {
    for (size_t i = 0; i < b->gateway_count; i++) {
        double end = bench_now_us() + PATIENCE_S * 1e6;
        while (i - b->welcomed >= JOINS_AT_ONCE) {
            pump(b, 10);
            if (bench_now_us() > end) {
                stop_with("no welcomes come any more");
            }
        }
        join(b, &b->gateways[i]);
    }
}

static bool is_known(const bench *b) {
    return b->known;
}
static bool all_welcomed(const bench *b) {
    return b->welcomed == b->gateway_count;
}
static bool is_open(const bench *b) {
    return b->round.round > b->round_sent;
}
static bool throws_away(const bench *b) {
    return atomic_load(&b->shared->ready);
}

/* ---- updates ---- */

/* The encoded chunk that holds the whole update of this round: the same for every gateway, since a
 * digest for each would be the load's work and not the cloud's. */
static trib_bytes make_plain(bench *b) {
    static uint8_t whole_room[FRAME];
    trib_wire_Update update = trib_wire_Update_init_zero;
    trib_wire_UpdateChunk chunk = trib_wire_UpdateChunk_init_zero;
    trib_bytes payload = trib_bytes_of(b->payload, b->payload_size);
    update.round = b->round.round;
    update.kind = trib_wire_RoundKind_ROUND_KIND_TRAINING;
    TRIB_WIRE_SET_BYTES(update.base_digest, b->base, sizeof b->base);
    trib_wire_put(&update.payload, &payload);
    update.payload_size = (uint32_t)b->payload_size;
    update.loss = 1;
    update.examples = 8;
    trib_writer whole = trib_writer_of(whole_room, sizeof whole_room);
    bench_need(TRIB_WIRE_ENCODE(Update, &update, &whole));
    trib_bytes data = trib_written(&whole);
    uint8_t digest[TRIB_HASH_BYTES];
    bench_need(b->crypto->sha256(data, digest));
    chunk.round = update.round;
    chunk.count = 1;
    chunk.size = (uint32_t)data.size;
    TRIB_WIRE_SET_BYTES(chunk.digest, digest, sizeof digest);
    trib_wire_put(&chunk.data, &data);
    trib_writer plain = trib_writer_of(b->plain, FRAME);
    bench_need(TRIB_WIRE_ENCODE(UpdateChunk, &chunk, &plain));
    return trib_written(&plain);
}

static size_t done_of(const bench *b, bool cloud) {
    return cloud ? b->accepted : (size_t)atomic_load(&b->shared->thrown);
}

/* One update of each of the first gateways, to the cloud or into the bin. Seconds until the last
 * has arrived. */
static double send_all(bench *b, size_t count, trib_bytes plain, bool cloud) {
    double began = bench_now_us();
    size_t before = done_of(b, cloud), sent = 0, done = 0;
    while (done < count) {
        while (sent < count && sent - done < b->window) {
            gateway *who = &b->gateways[sent];
            trib_writer frame = trib_writer_of(b->frame, FRAME);
            bench_need(
                trib_channel_seal(b->crypto, &who->update, who->update_topic, plain, &frame));
            bench_need(trib_mqtt_publish(b->links[sent % 2].mqtt,
                                         cloud ? who->update_topic : who->bin_topic,
                                         trib_written(&frame), false));
            sent++;
            pump(b, 0);
        }
        pump(b, 1);
        done = done_of(b, cloud) - before;
        if (bench_now_us() - began > PATIENCE_S * 1e6) {
            (void)fprintf(stderr, "%zu of %zu updates arrived %s; %zu and %zu wait to be sent\n",
                          done, sent, cloud ? "at the cloud" : "in the bin",
                          trib_mqtt_backlog(b->links[0].mqtt), trib_mqtt_backlog(b->links[1].mqtt));
            stop_with("updates were lost");
        }
    }
    return (bench_now_us() - began) * 1e-6;
}

static void run_round(bench *b, size_t count) {
    await(b, "an open round", is_open);
    b->round_sent = b->round.round;
    trib_bytes plain = make_plain(b);
    double thrown = b->alone ? 0 : send_all(b, count, plain, false);
    double cloud = send_all(b, count, plain, true);
    (void)printf("{\"updates\":%zu,\"bytes\":%zu,\"thrown_s\":%.6f,\"cloud_s\":%.6f}\n", count,
                 plain.size, thrown, cloud);
    (void)fflush(stdout);
}

/* ---- setting up ---- */

static void load_authority(bench *b) {
    char path[PATH];
    b->authority_pem = (trib_buffer){.ceiling = ROOM};
    path_of(b, "ca", ".key", path);
    bench_need(trib_key_file_load(path, &b->authority_key));
    path_of(b, "ca", ".pem", path);
    FILE *file = fopen(path, "rb");
    uint8_t bytes[ROOM];
    size_t size = file == NULL ? 0 : fread(bytes, 1, sizeof bytes, file);
    if (size == 0) {
        stop_with("ca.pem cannot be read");
    }
    (void)fclose(file);
    bench_need(trib_buffer_append(&b->authority_pem, trib_bytes_of(bytes, size)));
}

static void make_gateways(bench *b) {
    b->gateways = trib_allocate(b->gateway_count, sizeof *b->gateways);
    TRIB_ASSERT(b->gateways != NULL);
    for (size_t i = 0; i < b->gateway_count; i++) {
        gateway *who = &b->gateways[i];
        (void)snprintf(who->name, sizeof who->name, "gateway-%06zu", i);
        (void)snprintf(who->update_topic, sizeof who->update_topic, "tributary/v1/%s/%s/up/update",
                       b->federation, who->name);
        (void)snprintf(who->bin_topic, sizeof who->bin_topic, "bench/%s", who->name);
        bench_need(b->crypto->generate(&who->signing));
        bench_need(b->crypto->generate(&who->agreement));
    }
}

/* A float32 update of as many parameters as the federation's model has, well within its norm. */
static void make_payload(bench *b, uint32_t parameters) {
    b->payload_size = trib_update_packed_size(TRIB_CODEC_FLOAT32, parameters);
    b->payload = trib_allocate(b->payload_size, 1);
    b->plain = trib_allocate(FRAME, 1);
    b->frame = trib_allocate(FRAME, 1);
    float *delta = trib_allocate(parameters, sizeof *delta);
    TRIB_ASSERT(b->payload != NULL && b->plain != NULL && b->frame != NULL && delta != NULL);
    trib_random random;
    trib_random_init(&random, 1, "", 0, TRIB_PURPOSE_TEST);
    for (uint32_t i = 0; i < parameters; i++) {
        delta[i] = 1e-3f * trib_random_normal(&random);
    }
    trib_writer writer = trib_writer_of(b->payload, b->payload_size);
    bench_need(trib_update_pack(TRIB_CODEC_FLOAT32, delta, parameters, 8, 10, NULL, &writer));
    trib_free(delta);
}

static const char *need_word(int argc, char **argv, const char *option) {
    const char *word = bench_word(argc, argv, option);
    if (word == NULL) {
        (void)fprintf(stderr, "bench_ingest: %s is missing\n", option);
        exit(2);
    }
    return word;
}

int main(int argc, char **argv) {
    static bench b;
    const char *window = bench_word(argc, argv, "--window");
    trib_public_key trusted;
    b.crypto = trib_crypto_host();
    b.uri = need_word(argc, argv, "--uri");
    b.keys = need_word(argc, argv, "--keys");
    b.federation = need_word(argc, argv, "--federation");
    b.gateway_count = strtoul(need_word(argc, argv, "--gateways"), NULL, 10);
    b.rounds = strtoul(need_word(argc, argv, "--rounds"), NULL, 10);
    b.window = window != NULL ? strtoul(window, NULL, 10) : 256;
    const char *last = bench_word(argc, argv, "--last");
    b.last = last != NULL ? strtoul(last, NULL, 10) : 0;
    b.alone = bench_word(argc, argv, "--alone") != NULL;
    make_payload(&b, (uint32_t)strtoul(need_word(argc, argv, "--parameters"), NULL, 10));
    bench_need(trib_public_key_file_load(need_word(argc, argv, "--trust"), &trusted));
    bench_need(trib_trusted_add(b.crypto, &b.trusted, &trusted));
    load_authority(&b);
    b.shared =
        mmap(NULL, sizeof *b.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    TRIB_ASSERT(b.shared != MAP_FAILED);
    pid_t parent = getpid(), child = fork(); /* before there are threads */
    if (child == 0) {
        throw_away(&b, parent);
    }
    make_gateways(&b);
    bench_need(trib_queue_create(QUEUE, drop_event, &b.queue));
    open_link(&b, 0, b.queue);
    open_link(&b, 1, b.queue);
    await(&b, "the federation's notice", is_known);
    await(&b, "the one that throws away", throws_away);
    join_all(&b);
    await(&b, "all welcomes", all_welcomed);
    for (size_t i = 0; i < b.rounds; i++) {
        run_round(&b, b.gateway_count);
    }
    if (b.last > 0) {
        run_round(&b, b.last);
    }
    atomic_store(&b.shared->stop, true);
    (void)waitpid(child, NULL, 0);
    trib_mqtt_destroy(b.links[0].mqtt, true);
    trib_mqtt_destroy(b.links[1].mqtt, true);
    return 0;
}
