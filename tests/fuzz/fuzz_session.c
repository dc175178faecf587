/* A gateway's session, and the fuzzer as its cloud, with the cloud's own keys: what it says is
 * signed and sealed as it should be, whatever its fields say. It may also be noise, come again,
 * come changed, or not come; the gateway may be killed between any two actions, or lose power.
 *
 * The fixture of the session's own tests carries the actions out, and judges each of them: see
 * session_fixture.h for what must hold. Here is what must hold from one event to the next. */
#include "common/wire/wire.h"
#include "edge/session/session_fixture.h"
#include "tests/fuzz/program.h"
#include "tests/fuzz/steps.h"

enum {
    STEPS = 64,
    OUTBOX = 2 * STEPS,
    ROOM = 4096,
    UPDATE_BYTES = 2 * EDGE_UPDATE_CHUNK_BYTES + 1
};

typedef struct play {
    fixture *f;
    bool joined;             /* the cloud has heard a join of this gateway */
    uint64_t outbox[OUTBOX]; /* rounds without a verdict, oldest first */
    size_t waiting;
    trib_topic_kind last_kind; /* what the cloud published last */
    uint8_t last[2 * ROOM];
    size_t last_size;
} play;

static uint8_t update[UPDATE_BYTES];

/* ---- what must hold ------------------------------------------------------------------------ */

static void must_not_go_back(const edge_state_Session *before, const edge_state_Session *now) {
    FUZZ_MUST(now->generation >= before->generation);
    FUZZ_MUST(now->incarnation >= before->incarnation);
    FUZZ_MUST(now->incarnation > before->incarnation ||
              (now->boot >= before->boot && now->revision >= before->revision));
    FUZZ_MUST(now->round >= before->round && now->release >= before->release);
    FUZZ_MUST(now->trained_round >= before->trained_round);
    FUZZ_MUST(now->closed_through >= before->closed_through);
    FUZZ_MUST(now->session != before->session || (now->welcome_next >= before->welcome_next &&
                                                  now->receipt_next >= before->receipt_next));
}

static void put_into_outbox(play *p, uint64_t round) {
    FUZZ_MUST(p->waiting == 0 || p->outbox[p->waiting - 1] < round); /* none is trained twice */
    FUZZ_MUST(p->waiting < OUTBOX);
    p->outbox[p->waiting++] = round;
}

/* Only the update that is being sent can be judged; of others an acceptance can be taken back. */
static void take_verdict(play *p, uint64_t round, const char *text) {
    if ((p->waiting == 0 || p->outbox[0] != round) &&
        (strncmp(text, "discarded", 9) == 0 || strncmp(text, "abandoned", 9) == 0)) {
        return;
    }
    FUZZ_MUST(p->waiting > 0 && p->outbox[0] == round);
    memmove(p->outbox, p->outbox + 1, --p->waiting * sizeof *p->outbox);
}

/* What the last event led to, once: the cloud hears a join, unless it is lost on the way. */
static void look_at_actions(play *p, bool lost) {
    const edge_actions *actions = &p->f->actions;
    char topic[TRIB_TOPIC_SIZE];
    FUZZ_MUST(actions->count <= EDGE_MAX_ACTIONS);
    for (size_t i = 0; i < actions->count; i++) {
        const edge_action *action = &actions->items[i];
        FUZZ_MUST(memchr(action->text, 0, sizeof action->text) != NULL);
        FUZZ_MUST(memchr(action->topic, 0, sizeof action->topic) != NULL);
        if (action->kind == EDGE_ACTION_TRAIN) {
            put_into_outbox(p, action->number);
        } else if (action->kind == EDGE_ACTION_OUTBOX_VERDICT) {
            take_verdict(p, action->number, action->text);
        }
    }
    topic_of(TRIB_TOPIC_UP_JOIN, topic);
    if (!lost && acted_on(p->f, EDGE_ACTION_PUBLISH, topic)) {
        cloud_hears_join(p->f);
        p->joined = true;
    }
    edge_actions_clear(&p->f->actions);
}

/* ---- what the cloud says ------------------------------------------------------------------- */

static void publish(play *p, trib_topic_kind kind, trib_bytes payload) {
    FUZZ_MUST(payload.size <= sizeof p->last);
    p->last_kind = kind;
    p->last_size = payload.size;
    memmove(p->last, payload.data, payload.size);
    cloud_publishes(p->f, kind, trib_bytes_of(p->last, p->last_size));
}

static void tell(play *p, trib_cursor *program, trib_topic_kind kind, const char *purpose,
                 const pb_msgdesc_t *fields, const void *notice) {
    const fixture_cloud *cloud = &p->f->cloud;
    uint8_t body_bytes[ROOM], envelope_bytes[2 * ROOM];
    trib_writer body = trib_writer_of(body_bytes, sizeof body_bytes);
    trib_writer envelope = trib_writer_of(envelope_bytes, sizeof envelope_bytes);
    FUZZ_MUST(trib_ok(trib_wire_encode(fields, notice, &body)));
    fuzz_patch(program, &body);
    FUZZ_MUST(trib_ok(trib_envelope_seal(p->f->crypto, &cloud->signing.secret, cloud->key_id.text,
                                         purpose, trib_written(&body), &envelope)));
    publish(p, kind, trib_written(&envelope));
}

static void seal(play *p, trib_cursor *program, trib_channel *channel, const pb_msgdesc_t *fields,
                 const void *message) {
    uint8_t plain_bytes[ROOM], frame_bytes[ROOM + TRIB_FRAME_OVERHEAD_BYTES];
    char topic[TRIB_TOPIC_SIZE];
    trib_writer plain = trib_writer_of(plain_bytes, sizeof plain_bytes);
    trib_writer frame = trib_writer_of(frame_bytes, sizeof frame_bytes);
    topic_of(channel->kind, topic);
    FUZZ_MUST(trib_ok(trib_wire_encode(fields, message, &plain)));
    fuzz_patch(program, &plain);
    FUZZ_MUST(
        trib_ok(trib_channel_seal(p->f->crypto, channel, topic, trib_written(&plain), &frame)));
    publish(p, channel->kind, trib_written(&frame));
}

static void make_small_object(play *p, trib_cursor *program, fixture_object *ret_object) {
    static const size_t sizes[] = {1, 100, 5000, 3000};
    enum { CHUNK_BYTES = 1024 };
    uint8_t which = fuzz_u8(program);
    make_object(p->f, which, sizes[which % 4], CHUNK_BYTES, ret_object);
}

static void say_federation(play *p, trib_cursor *program) {
    fixture_cloud *cloud = &p->f->cloud;
    trib_bytes document;
    uint8_t raises = fuzz_u8(program);
    cloud->incarnation += raises & 1;
    cloud->revision += raises >> 1 & 1;
    cloud->epoch += raises >> 2 & 1;
    trib_wire_Federation notice = federation_notice(p->f, &document);
    tell(p, program, TRIB_TOPIC_ALL_FEDERATION, "federation", trib_wire_Federation_fields, &notice);
}

static void say_round(play *p, trib_cursor *program) {
    fixture_object object;
    uint64_t round = fuzz_u8(program);
    make_small_object(p, program, &object);
    p->f->cloud.closed_through += fuzz_u8(program) % 4;
    trib_wire_Round notice = round_notice(p->f, round, round % 3 == 0 ? NULL : &object.wire);
    tell(p, program, TRIB_TOPIC_ALL_ROUND, "round", trib_wire_Round_fields, &notice);
    drop_object(&object);
}

static void say_release(play *p, trib_cursor *program) {
    fixture_object object;
    uint64_t release = fuzz_u8(program);
    make_small_object(p, program, &object);
    trib_wire_Release notice = release_notice(release, &object.wire);
    tell(p, program, TRIB_TOPIC_ALL_RELEASE, "release", trib_wire_Release_fields, &notice);
    drop_object(&object);
}

/* All chunks, in order, but for those that the program keeps back or changes a bit of. */
static void say_object(play *p, trib_cursor *program) {
    fixture_object object;
    make_small_object(p, program, &object);
    uint8_t kept_back = fuzz_u8(program), changed = fuzz_u8(program);
    for (uint32_t i = 0; i < trib_object_chunk_count(&object.wire) && !p->f->dead; i++) {
        if (kept_back == 0 || i % kept_back != 0) {
            cloud_publishes_chunk(p->f, &object, i, changed == 0 ? SIZE_MAX : changed - 1u);
            look_at_actions(p, false);
        }
    }
    drop_object(&object);
}

static void say_welcome(play *p, trib_cursor *program) {
    if (p->joined) {
        trib_wire_Welcome welcome = welcome_of(p->f);
        seal(p, program, &p->f->cloud.welcome, trib_wire_Welcome_fields, &welcome);
    }
}

static void say_receipt(play *p, trib_cursor *program) {
    uint8_t digest[TRIB_HASH_BYTES];
    uint8_t verdict = fuzz_u8(program);
    trib_wire_Receipt receipt = {.round = p->waiting > 0 ? p->outbox[0] : verdict,
                                 .verdict = (trib_wire_Verdict)(verdict % 7)};
    FUZZ_MUST(trib_ok(p->f->crypto->sha256(trib_bytes_of(update, sizeof update), digest)));
    TRIB_WIRE_SET_BYTES(receipt.digest, digest, sizeof digest);
    if (p->joined) {
        seal(p, program, &p->f->cloud.receipt, trib_wire_Receipt_fields, &receipt);
    }
}

static void say_noise(play *p, trib_cursor *program) {
    trib_topic_kind kind = (trib_topic_kind)(1 + fuzz_u8(program) % (TRIB_TOPIC_KIND_END - 1));
    publish(p, kind, fuzz_bytes(program));
}

/* What was said last once more, with some bits changed; with none, it is a replay. */
static void say_again(play *p, trib_cursor *program) {
    uint16_t at = fuzz_u16(program);
    uint8_t bits = fuzz_u8(program);
    if (p->last_size > 0) {
        p->last[at % p->last_size] ^= bits;
        publish(p, p->last_kind, trib_bytes_of(p->last, p->last_size));
    }
}

/* ---- what the gateway and the world do ----------------------------------------------------- */

static void hand_out(play *p) {
    if (p->waiting > 0) {
        gateway_hands_out(p->f, p->outbox[0], trib_bytes_of(update, sizeof update));
    }
}

static void start(play *p, bool power_lost) {
    if (power_lost) {
        gateway_loses_power(p->f);
    }
    gateway_starts(p->f);
    p->waiting = 0; /* whatever it had: a round may be trained again that was not kept */
}

/* What is said once two have seen each other, in one step: programs need not find it. */
static void become_ready(play *p) {
    start(p, false);
    gateway_connects(p->f);
    look_at_actions(p, false);
    cloud_tells_federation(p->f);
    look_at_actions(p, false);
    if (p->joined) {
        cloud_welcomes(p->f);
    }
}

static void happen(play *p, trib_cursor *program, session_step step) {
    fixture *f = p->f;
    switch (step) {
    case SESSION_READY:
        become_ready(p);
        break;
    case SESSION_FEDERATION:
        say_federation(p, program);
        break;
    case SESSION_ROUND:
        say_round(p, program);
        break;
    case SESSION_RELEASE:
        say_release(p, program);
        break;
    case SESSION_OBJECT:
        say_object(p, program);
        break;
    case SESSION_WELCOME:
        say_welcome(p, program);
        break;
    case SESSION_RECEIPT:
        say_receipt(p, program);
        break;
    case SESSION_NOISE:
        say_noise(p, program);
        break;
    case SESSION_AGAIN:
        say_again(p, program);
        break;
    case SESSION_HAND_OUT:
        hand_out(p);
        break;
    case SESSION_DRAIN:
        gateway_link_drains(f);
        break;
    case SESSION_WAIT:
        gateway_waits(f, 64u * fuzz_u16(program));
        break;
    case SESSION_RECONNECT:
        edge_session_disconnected(f->session);
        gateway_connects(f);
        break;
    case SESSION_DIE:
        f->dies_after = fuzz_u8(program) % 8; /* of the next event */
        break;
    case SESSION_FULL_DISK:
        f->disk_is_full = !f->disk_is_full;
        gateway_installs_again(f);
        break;
    case SESSION_TELL:
        gateway_tells(
            f, fuzz_u8(program) % 2 == 0 ? TRIB_TOPIC_UP_PREDICTION : TRIB_TOPIC_UP_TELEMETRY,
            fuzz_bytes(program));
        break;
    case SESSION_CLOUD_RESTART:
        if (p->joined) {
            cloud_starts_again(f);
        }
        break;
    case SESSION_STEPS:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static play played;
    play *p = &played;
    void *created = NULL;
    trib_cursor program = trib_cursor_of(trib_bytes_of(data, size));
    FUZZ_MUST(setenv("CMOCKA_TEST_ABORT", "1", 1) == 0); /* the fixture's findings are crashes */
    FUZZ_MUST(fixture_create(&created) == 0);
    *p = (play){.f = created};
    become_ready(p);
    for (int i = 0; i < STEPS && program.left > 0; i++) {
        const edge_state_Session before = *edge_session_state(p->f->session);
        uint8_t step = fuzz_u8(&program);
        bool lost = (step & FUZZ_LOST) != 0;
        happen(p, &program, (session_step)(step % FUZZ_LOST % SESSION_STEPS));
        if (p->f->dead) {
            start(p, lost);
            continue;
        }
        look_at_actions(p, lost);
        must_not_go_back(&before, edge_session_state(p->f->session));
    }
    FUZZ_MUST(fixture_destroy(&created) == 0);
    return 0;
}
