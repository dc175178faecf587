#include "tests/sim/oracle.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cloud/types/records.pb.h"
#include "common/wire/wire.h"
#include "tests/sim/sums.h"
#include "tests/sim/table.h"

enum { GRACE_S = 50 };

/* What a gateway has put into its outbox. */
typedef struct made_update {
    char gateway[64];
    uint64_t round, digest;
} made_update;

/* A receipt that a gateway has opened. */
typedef struct told_verdict {
    uint32_t actor;
    uint64_t round;
    trib_wire_Verdict verdict;
} told_verdict;

typedef struct record {
    uint32_t type;
    size_t size;
    uint8_t *payload; /* [size], owned */
    /* read once, since they are looked at often */
    char gateway[64];  /* of an update, a revocation */
    uint64_t round;    /* of an opening, an update, a closing */
    trib_bytes update; /* of an update: in the payload */
    uint64_t at_us;
    bool gives_up; /* a revocation that discards, a closing that abandons */
} record;

typedef struct genuine_release {
    uint64_t number, parameters; /* a hash of them */
} genuine_release;

#define LIST(type)                                                                                 \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count, capacity;                                                                    \
    }
#define PUSH(list, ...)                                                                            \
    do {                                                                                           \
        if ((list).count == (list).capacity) {                                                     \
            (list).capacity = (list).capacity > 0 ? 2 * (list).capacity : 64;                      \
            (list).items = realloc((list).items, (list).capacity * sizeof *(list).items);          \
            TRIB_ASSERT((list).items != NULL);                                                     \
        }                                                                                          \
        (list).items[(list).count++] = (__VA_ARGS__);                                              \
    } while (0)
#define EMPTY(list)                                                                                \
    do {                                                                                           \
        free((list).items);                                                                        \
        memset(&(list), 0, sizeof(list));                                                          \
    } while (0)

static LIST(made_update) made;
static LIST(told_verdict) told;
static LIST(record) records; /* the one at position p is records.items[p - 1] */
static LIST(genuine_release) genuine;
static uint64_t durable; /* position */
static uint64_t closed;
static sim_table sealed, used, accepted;

void sim_oracle_begin(void) {
    durable = closed = 0;
}

static void forget_records(size_t from) {
    while (records.count > from) {
        free(records.items[--records.count].payload);
    }
}

void sim_oracle_end(void) {
    forget_records(0);
    EMPTY(made);
    EMPTY(told);
    EMPTY(records);
    EMPTY(genuine);
    sim_table_clear(&sealed);
    sim_table_clear(&used);
    sim_table_clear(&accepted);
}

uint64_t sim_oracle_closed(void) {
    return closed;
}

/* ---- gateways ------------------------------------------------------------------------------ */

void sim_oracle_made(const sim_actor *actor, uint64_t round, trib_bytes update) {
    made_update next = {.round = round, .digest = XXH3_64bits(update.data, update.size)};
    memcpy(next.gateway, actor->name, sizeof next.gateway);
    PUSH(made, next);
}

void sim_oracle_told(const sim_actor *actor, trib_bytes receipt) {
    trib_wire_Receipt message = trib_wire_Receipt_init_zero;
    if (trib_ok(TRIB_WIRE_DECODE(Receipt, receipt, &message))) {
        sim_trace("is told of round %llu.%u: verdict %d %s",
                  (unsigned long long)(message.round >> 32), (unsigned)message.round,
                  (int)message.verdict, message.reason);
        PUSH(told, (told_verdict){(uint32_t)(actor - sim.actors), message.round, message.verdict});
    }
}

static bool was_told(const told_verdict *of, trib_wire_Verdict verdict) {
    for (size_t i = 0; i < told.count; i++) {
        if (told.items[i].actor == of->actor && told.items[i].round == of->round &&
            told.items[i].verdict == verdict) {
            return true;
        }
    }
    return false;
}

void sim_oracle_told_abandoned(const sim_actor *actor, uint64_t closed_through, uint64_t bits) {
    uint32_t index = (uint32_t)(actor - sim.actors);
    size_t count = bits != 0 ? told.count : 0;
    for (size_t i = 0; i < count; i++) {
        const told_verdict of = told.items[i];
        uint64_t since = closed_through - of.round;
        if (of.actor == index && of.verdict == trib_wire_Verdict_VERDICT_ACCEPTED && since < 64 &&
            (bits >> since & 1) != 0 && !was_told(&of, trib_wire_Verdict_VERDICT_ABANDONED)) {
            PUSH(told, (told_verdict){index, of.round, trib_wire_Verdict_VERDICT_ABANDONED});
        }
    }
}

static bool is_genuine(uint64_t release, uint64_t parameters) {
    for (size_t i = 0; i < genuine.count; i++) {
        if (genuine.items[i].number == release && genuine.items[i].parameters == parameters) {
            return true;
        }
    }
    return false;
}

void sim_oracle_runs(sim_actor *actor, uint64_t release, const trib_model *model) {
    if (sim_actor_dead(actor)) {
        return;
    }
    uint64_t hash = XXH3_64bits(model->parameters, model->parameter_count * sizeof(float));
    SIM_MUST(SIM_CHECK_RELEASE, release >= actor->release || actor->rotten,
             "%s goes back from release %llu to %llu", actor->place,
             (unsigned long long)actor->release, (unsigned long long)release);
    SIM_MUST(SIM_CHECK_ACTIVE, is_genuine(release, hash),
             "%s runs a model as release %llu that never was it", actor->place,
             (unsigned long long)release);
    sim_trace("runs release %llu.%u", (unsigned long long)(release >> 32), (unsigned)release);
    actor->release = release;
}

/* ---- frames -------------------------------------------------------------------------------- */

/* To a text for people: which number of which kind of topic. */
static void describe(trib_bytes frame, char ret_text[80]) {
    uint64_t sequence = 0;
    for (size_t i = TRIB_FRAME_HEADER_BYTES - 8; i < TRIB_FRAME_HEADER_BYTES; i++) {
        sequence = sequence << 8 | frame.data[i];
    }
    uint64_t little = trib_load_u64(frame.data + TRIB_FRAME_HEADER_BYTES - 8);
    sequence = little < sequence ? little : sequence; /* it is small, whichever way it is written */
    (void)snprintf(ret_text, 80, "%llu.%llu of kind %u", (unsigned long long)(sequence >> 32),
                   (unsigned long long)(sequence & 0xffffffff), frame.data[1]);
}

static uint64_t number_of(const trib_channel *channel, trib_bytes frame) {
    uint8_t text[sizeof channel->key + sizeof channel->base_nonce + 8];
    memcpy(text, channel->key, sizeof channel->key);
    memcpy(text + sizeof channel->key, channel->base_nonce, sizeof channel->base_nonce);
    memcpy(text + sizeof text - 8, frame.data + TRIB_FRAME_HEADER_BYTES - 8, 8);
    return XXH3_64bits(text, sizeof text);
}

void sim_oracle_sealed(const trib_channel *channel, trib_bytes frame) {
    *sim_table_at(&sealed, XXH3_64bits(frame.data, frame.size)) = number_of(channel, frame);
}

/* Whoever publishes has synced first; what was accepted since is in memory alone. */
void sim_oracle_sent(sim_actor *actor, trib_bytes payload) {
    actor->unsynced_count = 0;
    uint64_t frame = XXH3_64bits(payload.data, payload.size);
    uint64_t number = *sim_table_at(&sealed, frame);
    if (number != 0) {
        uint64_t *user = sim_table_at(&used, number);
        char text[80];
        describe(payload, text);
        SIM_MUST(SIM_CHECK_SEALED, *user == 0 || *user == frame,
                 "%s uses number %s twice under one key", actor->place, text);
        *user = frame;
    }
}

void sim_oracle_accepted(const trib_channel *channel, trib_bytes frame) {
    uint64_t *times = sim_table_at(&accepted, XXH3_64bits(frame.data, frame.size));
    bool forgot = sim.current->rotten && !sim.current->is_cloud; /* docs/proof.md */
    SIM_MUST(SIM_CHECK_ACCEPTED, *times == 0 || forgot, "%s accepts a frame of kind %d twice",
             sim.current->place, (int)channel->kind);
    *times = 1;
    if (sim.current->unsynced_count < SIM_UNSYNCED) {
        sim.current->unsynced[sim.current->unsynced_count++] = XXH3_64bits(frame.data, frame.size);
    }
}

void sim_oracle_lost_power(sim_actor *actor) {
    for (size_t i = 0; i < actor->unsynced_count; i++) {
        *sim_table_at(&accepted, actor->unsynced[i]) = 0;
    }
    actor->unsynced_count = 0;
}

/* ---- the ledger ---------------------------------------------------------------------------- */

void sim_oracle_synced(uint64_t end) {
    if (!sim_actor_dead(sim.current)) {
        durable = end;
    }
}

void sim_oracle_reopened(uint64_t end) {
    if (sim_actor_dead(sim.current)) {
        return;
    }
    SIM_MUST(SIM_CHECK_DURABLE, end >= durable || sim.injected[SIM_BIT_ROT] > 0,
             "the ledger ends at %llu after a restart, and %llu were durable",
             (unsigned long long)end, (unsigned long long)durable);
    SIM_MUST(SIM_CHECK_DURABLE, end <= records.count,
             "the ledger ends at %llu, and only %zu were ever appended", (unsigned long long)end,
             records.count);
    forget_records(end);
    durable = end; /* opening makes all that is there durable */
}

static void read_update(record *at) {
    cloud_record_Update message = cloud_record_Update_init_zero;
    trib_wire_Update inner = trib_wire_Update_init_zero;
    trib_bytes payload;
    trib_wire_catch(&message.update, &at->update);
    trib_wire_catch(&inner.payload, &payload);
    if (trib_ok(trib_wire_decode(cloud_record_Update_fields, trib_bytes_of(at->payload, at->size),
                                 &message)) &&
        trib_ok(TRIB_WIRE_DECODE(Update, at->update, &inner))) {
        memcpy(at->gateway, message.gateway, sizeof at->gateway);
        at->round = inner.round;
    } else {
        sim_fail("an update's record cannot be read");
    }
}

static void read_revoked(record *at) {
    cloud_record_Revoked message = cloud_record_Revoked_init_zero;
    if (trib_ok(trib_wire_decode(cloud_record_Revoked_fields, trib_bytes_of(at->payload, at->size),
                                 &message))) {
        memcpy(at->gateway, message.gateway, sizeof at->gateway);
        at->gives_up = message.discard;
    }
}

static bool read_opened(const record *at, cloud_record_RoundOpened *ret_opened) {
    *ret_opened = (cloud_record_RoundOpened)cloud_record_RoundOpened_init_zero;
    return trib_ok(trib_wire_decode(cloud_record_RoundOpened_fields,
                                    trib_bytes_of(at->payload, at->size), ret_opened));
}

static void check_update(const record *from) {
    uint64_t digest = XXH3_64bits(from->update.data, from->update.size);
    bool found = false;
    for (size_t i = made.count; i-- > 0 && !found;) {
        found = made.items[i].round == from->round && made.items[i].digest == digest &&
                strcmp(made.items[i].gateway, from->gateway) == 0;
    }
    SIM_MUST(SIM_CHECK_GENUINE, found, "an update of round %llu counts that %s never made",
             (unsigned long long)from->round, from->gateway);
    /* Back to the opening of a round: before it, that round was not there. */
    for (size_t i = records.count - 1;
         i-- > 0 && records.items[i].type != (uint32_t)cloud_record_Type_TYPE_ROUND_OPENED;) {
        const record *other = &records.items[i];
        bool same = other->type == from->type && other->round == from->round &&
                    strcmp(other->gateway, from->gateway) == 0;
        SIM_MUST(SIM_CHECK_ONCE, !same, "%s counts twice in round %llu", from->gateway,
                 (unsigned long long)from->round);
    }
}

/* A round's updates that still count, to what they sum up to. */
static void add_up(uint64_t round, size_t from, size_t to, sim_sum *sum) {
    for (size_t i = from; i < to; i++) {
        const record *at = &records.items[i];
        if (at->type == (uint32_t)cloud_record_Type_TYPE_UPDATE && at->round == round) {
            sim_sum_add(sum, at->gateway, at->update);
        } else if (at->type == (uint32_t)cloud_record_Type_TYPE_REVOKED && at->gives_up) {
            sim_sum_take_out(sum, at->gateway);
        }
    }
}

static bool look_at_object(const uint8_t digest[32], trib_buffer *ret_file) {
    char hex[65], path[128];
    trib_hex(trib_bytes_of(digest, 32), hex);
    (void)snprintf(path, sizeof path, "/cloud/objects/%s", hex);
    return sim_disk_look(sim.actors[0].disk, path, ret_file);
}

static bool find_opening(uint64_t round, size_t *ret_at, cloud_record_RoundOpened *ret_opened) {
    for (size_t i = records.count; i-- > 0;) {
        if (records.items[i].type == (uint32_t)cloud_record_Type_TYPE_ROUND_OPENED &&
            records.items[i].round == round) {
            *ret_at = i;
            return read_opened(&records.items[i], ret_opened);
        }
    }
    return false;
}

static void check_model(const cloud_record_RoundClosed *message) {
    cloud_record_RoundOpened opened;
    size_t at = 0;
    sim_sum sum = {.count = 0};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer base = {.ceiling = 1 << 24};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer model = {.ceiling = 1 << 24};
    if (!find_opening(message->round, &at, &opened)) {
        sim_fail("round %llu closes and never opened", (unsigned long long)message->round);
        return;
    }
    add_up(message->round, at, records.count - 1, &sum);
    SIM_MUST(SIM_CHECK_ONCE, sum.count == message->updates,
             "round %llu closes with %u updates, and %u count", (unsigned long long)message->round,
             message->updates, sum.count);
    if (!opened.statistics) {
        bool there = look_at_object(opened.base_digest.bytes, &base) &&
                     look_at_object(message->model_digest.bytes, &model);
        SIM_MUST(SIM_CHECK_MODEL,
                 there && sim_sum_gives(&sum, &opened, trib_buffer_view(&base),
                                        trib_buffer_view(&model)),
                 "the model of round %llu is not what its %u updates give",
                 (unsigned long long)message->round, sum.count);
    }
    sim_sum_deinit(&sum);
}

static void take_closed(record *from) {
    cloud_record_RoundClosed message = cloud_record_RoundClosed_init_zero;
    if (!trib_ok(trib_wire_decode(cloud_record_RoundClosed_fields,
                                  trib_bytes_of(from->payload, from->size), &message))) {
        sim_fail("a closing's record cannot be read");
        return;
    }
    from->round = message.round;
    from->gives_up = message.abandoned;
    sim_trace("round %llu.%u %s: %u updates %s", (unsigned long long)(message.round >> 32),
              (unsigned)message.round, message.abandoned ? "is given up" : "closes",
              message.updates, message.reason);
    if (!message.abandoned) {
        closed++;
        check_model(&message);
    }
}

static void take_release(const record *from) {
    cloud_record_Release message = cloud_record_Release_init_zero;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer model = {.ceiling = 1 << 24};
    uint64_t hash = 0;
    if (trib_ok(trib_wire_decode(cloud_record_Release_fields,
                                 trib_bytes_of(from->payload, from->size), &message)) &&
        look_at_object(message.model_digest.bytes, &model) &&
        sim_model_hash(trib_buffer_view(&model), &hash)) {
        PUSH(genuine, (genuine_release){message.release, hash});
    } else {
        sim_fail("release %llu is of a model that is not there",
                 (unsigned long long)message.release);
    }
}

static void take(record *at) {
    cloud_record_RoundOpened opened;
    switch ((cloud_record_Type)at->type) {
    case cloud_record_Type_TYPE_ROUND_OPENED:
        at->round = read_opened(at, &opened) ? opened.round : 0;
        break;
    case cloud_record_Type_TYPE_UPDATE:
        read_update(at);
        check_update(at);
        break;
    case cloud_record_Type_TYPE_ROUND_CLOSED:
        take_closed(at);
        break;
    case cloud_record_Type_TYPE_REVOKED:
        read_revoked(at);
        break;
    case cloud_record_Type_TYPE_RELEASE:
        take_release(at);
        break;
    case cloud_record_Type_TYPE_NONE:
    case cloud_record_Type_TYPE_FEDERATION:
    case cloud_record_Type_TYPE_JOIN:
    case cloud_record_Type_TYPE_PENDING:
        break;
    }
}

void sim_oracle_appended(uint64_t position, uint32_t type, const trib_bytes *parts, size_t count) {
    if (sim_actor_dead(sim.current)) {
        return;
    }
    record next = {.type = type, .at_us = sim.now_us};
    for (size_t i = 0; i < count; i++) {
        next.size += parts[i].size;
    }
    next.payload = malloc(next.size + 1);
    TRIB_ASSERT(next.payload != NULL);
    size_t at = 0;
    for (size_t i = 0; i < count; at += parts[i].size, i++) {
        memcpy(next.payload + at, parts[i].data, parts[i].size);
    }
    SIM_MUST(SIM_CHECK_DURABLE, position == records.count + 1,
             "a record is appended at %llu after %zu", (unsigned long long)position, records.count);
    forget_records(position - 1);
    PUSH(records, next);
    take(&records.items[records.count - 1]);
}

/* ---- at the end ---------------------------------------------------------------------------- */

typedef enum fate { FATE_NONE, FATE_COUNTED, FATE_DISCARDED, FATE_ABANDONED } fate;

/* What became of an update; and when its round ended, if it has. */
static fate fate_of(const char *gateway, uint64_t round, uint64_t *ret_since_us) {
    fate now = FATE_NONE;
    for (size_t i = 0; i < records.count; i++) {
        const record *at = &records.items[i];
        bool of_gateway = strcmp(at->gateway, gateway) == 0;
        if (at->type == (uint32_t)cloud_record_Type_TYPE_UPDATE && of_gateway &&
            at->round == round) {
            now = FATE_COUNTED;
        } else if (at->type == (uint32_t)cloud_record_Type_TYPE_REVOKED && of_gateway &&
                   at->gives_up && now == FATE_COUNTED) {
            now = FATE_DISCARDED;
        } else if (at->type == (uint32_t)cloud_record_Type_TYPE_ROUND_CLOSED &&
                   at->round == round) {
            *ret_since_us = at->at_us;
            return at->gives_up && now == FATE_COUNTED ? FATE_ABANDONED : now;
        }
    }
    return now;
}

bool sim_oracle_settled(void) {
    for (size_t i = 0; i < told.count; i++) {
        const told_verdict *of = &told.items[i];
        uint64_t since_us = 0;
        if (of->verdict == trib_wire_Verdict_VERDICT_ACCEPTED &&
            fate_of(sim.actors[of->actor].name, of->round, &since_us) == FATE_ABANDONED &&
            !was_told(of, trib_wire_Verdict_VERDICT_ABANDONED)) {
            return false;
        }
    }
    return true;
}

void sim_oracle_check_end(void) {
    for (size_t i = 0; i < told.count; i++) {
        const told_verdict *of = &told.items[i];
        const char *gateway = sim.actors[of->actor].name;
        if (of->verdict != trib_wire_Verdict_VERDICT_ACCEPTED) {
            continue;
        }
        uint64_t since_us = 0;
        fate became = fate_of(gateway, of->round, &since_us);
        SIM_MUST(SIM_CHECK_ONCE, became != FATE_NONE || sim.injected[SIM_BIT_ROT] > 0,
                 "%s has a receipt for round %llu, and no record has its update", gateway,
                 (unsigned long long)of->round);
        if (became == FATE_ABANDONED) {
            bool heard = was_told(of, trib_wire_Verdict_VERDICT_ABANDONED);
            if (!heard && since_us + GRACE_S * 1000000ull >= sim.now_us) {
                continue; /* word may be on its way */
            }
            SIM_MUST(SIM_CHECK_TOLD, heard, "%s was never told that round %llu was abandoned",
                     gateway, (unsigned long long)of->round);
        } else if (became == FATE_DISCARDED) {
            sim.checked[SIM_CHECK_TOLD]++; /* it may be out of reach for good by then */
        }
    }
}
