#include "edge/session/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/telemetry/telemetry.h"
#include "edge/session/inside.h"

void edge_actions_clear(edge_actions *actions) {
    for (size_t i = 0; i < actions->count; i++) {
        trib_free(actions->items[i].owned);
    }
    actions->count = 0;
    actions->overflow = false;
}

void edge_actions_deinit(edge_actions *actions) {
    edge_actions_clear(actions);
    trib_free(actions->items);
    *actions = (edge_actions){.items = NULL};
}

edge_action *edge_add(edge_actions *actions, edge_action_kind kind) {
    if (actions->count == actions->capacity) {
        size_t capacity = actions->capacity > 0 ? 2 * actions->capacity : 16;
        edge_action *larger = capacity <= EDGE_MAX_ACTIONS
                                  ? trib_resize(actions->items, actions->count * sizeof *larger,
                                                capacity * sizeof *larger)
                                  : NULL;
        if (larger == NULL) {
            actions->overflow = true;
            return NULL;
        }
        actions->items = larger;
        actions->capacity = capacity;
    }
    edge_action *action = &actions->items[actions->count++];
    *action = (edge_action){.kind = kind};
    return action;
}

void edge_say(edge_actions *actions, bool warning, const char *format, ...) {
    edge_action *action = edge_add(actions, EDGE_ACTION_SAY);
    if (action != NULL) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(action->text, sizeof action->text, format, arguments);
        va_end(arguments);
        action->warning = warning;
    }
}

edge_action *edge_add_bytes(edge_actions *actions, edge_action_kind kind, uint64_t number,
                            trib_bytes bytes) {
    edge_action *action = edge_add(actions, kind);
    if (action == NULL) {
        return NULL;
    }
    action->number = number;
    action->owned = trib_allocate(bytes.size, 1);
    if (action->owned == NULL) {
        actions->overflow = true;
        actions->count--;
        return NULL;
    }
    if (bytes.size > 0) {
        memcpy(action->owned, bytes.data, bytes.size);
    }
    action->bytes = action->owned;
    action->size = bytes.size;
    return action;
}

edge_action *edge_add_view(edge_actions *actions, edge_action_kind kind, uint64_t number,
                           trib_bytes view) {
    edge_action *action = edge_add(actions, kind);
    if (action != NULL) {
        action->number = number;
        action->bytes = view.data;
        action->size = view.size;
    }
    return action;
}

bool edge_base_viewed(const edge_session *session, const edge_actions *actions) {
    for (size_t i = 0; i < actions->count; i++) {
        if (actions->items[i].kind == EDGE_ACTION_TRAIN && session->base_file != NULL &&
            actions->items[i].bytes == session->base_file) {
            return true;
        }
    }
    return false;
}

void edge_pending_anew(edge_session *session) {
    session->pending.sent_ms = 0;
    session->pending.next = 0;
    session->pending.on_its_way = false;
}

void edge_persist(edge_actions *actions) {
    (void)edge_add(actions, EDGE_ACTION_PERSIST);
}

void edge_topic(const edge_session *session, trib_topic_kind kind, char *ret_text) {
    trib_topic topic = {.kind = kind};
    memcpy(topic.federation, session->identity->federation, sizeof topic.federation);
    if (kind < TRIB_TOPIC_ALL_FEDERATION) {
        memcpy(topic.gateway, session->identity->gateway, sizeof topic.gateway);
    }
    trib_topic_format(&topic, ret_text);
}

trib_status edge_session_create(const trib_crypto *crypto, const edge_identity *identity,
                                const edge_state_Session *stored, edge_session **ret_session) {
    edge_session *session = trib_allocate(1, sizeof *session);
    if (session == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a session");
    }
    session->crypto = crypto;
    session->identity = identity;
    if (stored != NULL) {
        session->state = *stored;
    }
    *ret_session = session;
    return TRIB_SUCCESS;
}

void edge_session_destroy(edge_session *session) {
    if (session != NULL) {
        edge_session_drop_fetches(session);
        trib_free(session->join);
        trib_free(session->base_file);
        trib_wipe(session, sizeof *session);
        trib_free(session);
    }
}

const edge_state_Session *edge_session_state(const edge_session *session) {
    return &session->state;
}

edge_session_counts edge_session_counted(const edge_session *session) {
    return session->counts;
}

bool edge_session_ready(const edge_session *session) {
    return session->connected && session->federation_known && session->state.welcomed &&
           session->keyed;
}

void edge_session_hold(edge_session *session, bool held) {
    session->held = held;
}

void edge_session_untrained(edge_session *session, uint64_t round, edge_actions *ret_actions) {
    if (session->state.trained_round == round && round > session->state.closed_through) {
        session->state.trained_round = round - 1;
        session->round_wanted = session->round.open && session->round.round == round;
        edge_persist(ret_actions);
        edge_session_resume(session, ret_actions); /* no notice may come before the deadline */
    }
}

static void subscribe(edge_session *session, trib_topic_kind kind, edge_actions *actions) {
    edge_action *action = edge_add(actions, EDGE_ACTION_SUBSCRIBE);
    if (action != NULL) {
        edge_topic(session, kind, action->topic);
    }
}

/* They are retained: a broker sends them anew to whoever subscribes, again or for the first time.
 */
static void ask_for_notices(edge_session *session, edge_actions *actions) {
    subscribe(session, TRIB_TOPIC_ALL_FEDERATION, actions);
    subscribe(session, TRIB_TOPIC_ALL_ROUND, actions);
    subscribe(session, TRIB_TOPIC_ALL_RELEASE, actions);
    session->asked_ms = session->now_ms;
    session->in_doubt = false;
    session->ask_due_ms = session->now_ms + session->ask_delay_ms;
    session->ask_delay_ms = 2 * session->ask_delay_ms < EDGE_ASK_LONGEST_MS
                                ? 2 * session->ask_delay_ms
                                : EDGE_ASK_LONGEST_MS;
}

/* Something of the cloud's has come, and was its own. Without the federation's notice, all else is
 * no reason not to ask. */
void edge_session_heard(edge_session *session) {
    if (session->federation_known && !session->in_doubt) {
        session->ask_delay_ms = EDGE_ASK_LATER_MS;
        session->ask_due_ms = session->now_ms + session->ask_delay_ms;
    }
}

void edge_session_doubt(edge_session *session) {
    session->in_doubt = true;
    session->ask_delay_ms = EDGE_ASK_LATER_MS;
    session->ask_due_ms = session->asked_ms + EDGE_ASK_FIRST_MS; /* or at once, if that is over */
}

void edge_session_document_lost(edge_session *session) {
    session->state.revision = 0;
    session->federation_known = false; /* so that it is asked for, whatever else comes */
    session->ask_due_ms = session->now_ms + EDGE_ASK_FIRST_MS; /* a full disk stays full a while */
}

void edge_session_connected(edge_session *session, uint64_t now_ms, edge_actions *ret_actions) {
    session->connected = true;
    session->now_ms = now_ms;
    session->federation_known = false;
    edge_pending_anew(session);
    session->ask_delay_ms = EDGE_ASK_FIRST_MS;
    subscribe(session, TRIB_TOPIC_DOWN_WELCOME, ret_actions);
    subscribe(session, TRIB_TOPIC_DOWN_RECEIPT, ret_actions);
    ask_for_notices(session, ret_actions);
    edge_session_refetch(session, ret_actions);
    edge_action *status =
        edge_add_bytes(ret_actions, EDGE_ACTION_PUBLISH, 0, trib_bytes_text("online"));
    if (status != NULL) {
        edge_topic(session, TRIB_TOPIC_UP_STATUS, status->topic);
        status->retain = true;
    }
}

void edge_session_disconnected(edge_session *session) {
    session->connected = false;
    session->federation_known = false;
}

void edge_forget_closed(const edge_session *session, edge_actions *actions) {
    edge_action *action = edge_add(actions, EDGE_ACTION_OUTBOX_DELETE);
    if (action != NULL) {
        action->number = session->state.closed_through;
        action->abandoned = session->state.abandoned;
    }
}

static void add_verdict(const trib_wire_Receipt *receipt, edge_actions *actions) {
    static const char *const words[] = {"none",    "accepted",  "duplicate", "late",
                                        "refused", "discarded", "abandoned"};
    unsigned verdict =
        receipt->verdict < sizeof words / sizeof words[0] ? (unsigned)receipt->verdict : 0;
    edge_action *action = edge_add(actions, EDGE_ACTION_OUTBOX_VERDICT);
    if (action != NULL) {
        action->number = receipt->round;
        (void)snprintf(action->text, sizeof action->text, "%s%s%s", words[verdict],
                       receipt->reason[0] != '\0' ? ": " : "", receipt->reason);
    }
}

/* A receipt: what became of the update in the outbox. */
static void on_receipt(edge_session *session, const char *topic, trib_bytes payload,
                       edge_actions *actions) {
    uint8_t storage[1024];
    trib_writer plain = trib_writer_of(storage, sizeof storage);
    trib_wire_Receipt receipt = trib_wire_Receipt_init_zero;
    if (!session->keyed) {
        return;
    }
    trib_status status =
        trib_channel_open(session->crypto, &session->receipt, topic, payload, &plain);
    if (trib_ok(status)) {
        status = TRIB_WIRE_DECODE(Receipt, trib_written(&plain), &receipt);
    }
    if (!trib_ok(status)) {
        session->counts.replayed += status.code == TRIB_E_STATE;
        session->counts.forged += status.code == TRIB_E_DENIED;
        session->counts.garbage += status.code == TRIB_E_CORRUPT;
        edge_say(actions, true, "receipt refused: %s", trib_message());
        return;
    }
    session->state.receipt_next = session->receipt.next;
    edge_session_heard(session);
    edge_persist(actions);
    if (receipt.round != session->pending.round || receipt.digest.size != TRIB_HASH_BYTES ||
        memcmp(receipt.digest.bytes, session->pending.digest, TRIB_HASH_BYTES) != 0) {
        if (receipt.verdict == trib_wire_Verdict_VERDICT_DISCARDED ||
            receipt.verdict == trib_wire_Verdict_VERDICT_ABANDONED) {
            add_verdict(&receipt, actions); /* it was accepted before */
        }
        return; /* of an update that has its verdict */
    }
    session->pending = (edge_pending){.round = 0};
    add_verdict(&receipt, actions);
    edge_forget_closed(session, actions);
    (void)edge_add(actions, EDGE_ACTION_OUTBOX_SEND); /* the next one, if there is one */
}

/* What the owner has in its slot need not be held here too, once actions of before are done. */
static void let_go(edge_session *session, const edge_actions *actions) {
    if (session->installed_known && !session->round_wanted && !session->release_wanted &&
        memcmp(session->base_digest, session->installed, TRIB_HASH_BYTES) == 0 &&
        !edge_base_viewed(session, actions)) {
        trib_free(session->base_file);
        session->base_file = NULL;
    }
}

void edge_session_message(edge_session *session, const char *text, trib_bytes payload,
                          uint64_t now_ms, edge_actions *ret_actions) {
    trib_topic topic;
    session->now_ms = now_ms;
    let_go(session, ret_actions);
    if (!trib_ok(trib_topic_parse(text, strlen(text), &topic)) ||
        strcmp(topic.federation, session->identity->federation) != 0 ||
        (topic.gateway[0] != '\0' && strcmp(topic.gateway, session->identity->gateway) != 0)) {
        session->counts.garbage++;
        return;
    }
    if (payload.size == 0) {
        return; /* a retained message that was cleared */
    }
    if (topic.kind == TRIB_TOPIC_ALL_FEDERATION) {
        edge_session_on_federation(session, payload, ret_actions);
    } else if (topic.kind == TRIB_TOPIC_ALL_ROUND) {
        edge_session_on_round(session, payload, ret_actions);
    } else if (topic.kind == TRIB_TOPIC_ALL_RELEASE) {
        edge_session_on_release(session, payload, ret_actions);
    } else if (topic.kind == TRIB_TOPIC_ALL_OBJECT) {
        edge_session_on_chunk(session, &topic, payload, ret_actions);
    } else if (topic.kind == TRIB_TOPIC_DOWN_WELCOME) {
        edge_session_on_welcome(session, text, payload, ret_actions);
    } else if (topic.kind == TRIB_TOPIC_DOWN_RECEIPT) {
        on_receipt(session, text, payload, ret_actions);
    }
}

/* How long it is until the update is asked for: UINT64_MAX for not at all. */
static uint64_t until_send_ms(const edge_session *session, uint64_t now_ms) {
    const edge_pending *pending = &session->pending;
    if (!edge_session_ready(session) || pending->round == 0) {
        return UINT64_MAX;
    }
    uint64_t due = pending->sent_ms + (pending->on_its_way ? EDGE_ANSWER_MS : EDGE_RESEND_MS);
    return pending->sent_ms == 0 || due <= now_ms ? 0 : due - now_ms;
}

/* It was sent, and no receipt has come. */
static void unanswered(edge_session *session, edge_actions *actions) {
    edge_pending *pending = &session->pending;
    edge_session_doubt(session);
    pending->resends++;
    if (pending->resends >= EDGE_RESENDS && (pending->resends & (pending->resends - 1)) == 0) {
        edge_say(actions, true, "no receipt after %u times: joining anew", pending->resends);
        session->state.welcomed = false; /* the cloud may not know this session any more */
        session->join_due_ms = session->now_ms;
    }
}

/* An answer that the owner never heard of must not hold the rest back for ever. The next chunks
 * follow, since starting again would never get past those; what the cloud then still lacks is sent
 * again with the whole. */
static void send_due(edge_session *session, edge_actions *actions) {
    edge_pending *pending = &session->pending;
    if (pending->on_its_way) {
        edge_say(actions, true, "update not answered for %d s: going on", EDGE_ANSWER_MS / 1000);
    }
    if (pending->sent_ms != 0) {
        unanswered(session, actions);
    }
    pending->on_its_way = false;
    pending->sent_ms = session->now_ms;
    (void)edge_add(actions, EDGE_ACTION_OUTBOX_SEND);
}

void edge_session_tick(edge_session *session, uint64_t now_ms, edge_actions *ret_actions) {
    session->now_ms = now_ms;
    let_go(session, ret_actions);
    if (session->connected && session->federation_known && !session->state.welcomed &&
        !session->held && now_ms >= session->join_due_ms) {
        edge_session_join(session, ret_actions);
    }
    if (session->connected && now_ms >= session->ask_due_ms) {
        ask_for_notices(session, ret_actions);
    }
    if (session->connected) {
        edge_session_chase(session, ret_actions);
    }
    if (until_send_ms(session, now_ms) == 0) {
        send_due(session, ret_actions);
    }
}

uint64_t edge_session_wait_ms(const edge_session *session, uint64_t now_ms) {
    uint64_t wait = until_send_ms(session, now_ms);
    if (session->connected && session->federation_known && !session->state.welcomed &&
        !session->held) {
        wait = session->join_due_ms > now_ms ? session->join_due_ms - now_ms : 0; /* not ready */
    }
    return wait;
}

static trib_status send_chunk(edge_session *session, const trib_wire_UpdateChunk *chunk,
                              const char *topic, edge_actions *actions) {
    size_t room = EDGE_UPDATE_CHUNK_BYTES + 512;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer storage = {.ceiling = 2 * room};
    TRIB_TRY(trib_buffer_reserve(&storage, 2 * room));
    trib_writer plain = trib_writer_of(storage.data, room);
    trib_writer frame = trib_writer_of(storage.data + room, room);
    TRIB_TRY(TRIB_WIRE_ENCODE(UpdateChunk, chunk, &plain));
    TRIB_TRY(
        trib_channel_seal(session->crypto, &session->update, topic, trib_written(&plain), &frame));
    edge_action *action = edge_add_bytes(actions, EDGE_ACTION_PUBLISH, 0, trib_written(&frame));
    if (action == NULL) {
        return TRIB_FAIL(TRIB_E_LIMIT, "too much at once");
    }
    memcpy(action->topic, topic, TRIB_TOPIC_SIZE);
    return TRIB_SUCCESS;
}

/* Where sending starts: a new update, or one that is sent again, at its first chunk. */
static trib_status find_place(edge_session *session, uint64_t round, trib_bytes update,
                              edge_actions *actions) {
    edge_pending *pending = &session->pending;
    if (pending->round == round && pending->size == update.size && pending->next > 0 &&
        pending->next < pending->count) {
        return TRIB_SUCCESS;
    }
    if (pending->round != round) {
        if (pending->round != 0 && pending->sent_ms != 0) { /* and its round is over */
            unanswered(session, actions);
        }
        *pending = (edge_pending){.round = round, .resends = pending->resends};
    }
    pending->size = update.size;
    pending->next = 0;
    pending->count =
        (uint32_t)((update.size + EDGE_UPDATE_CHUNK_BYTES - 1) / EDGE_UPDATE_CHUNK_BYTES);
    return session->crypto->sha256(update, pending->digest);
}

void edge_session_send(edge_session *session, uint64_t round, trib_bytes update, uint64_t now_ms,
                       edge_actions *ret_actions) {
    session->now_ms = now_ms;
    edge_pending *pending = &session->pending;
    if ((pending->round == round && pending->on_its_way) ||
        !trib_ok(find_place(session, round, update, ret_actions)) || !edge_session_ready(session)) {
        return;
    }
    pending->sent_ms = now_ms > 0 ? now_ms : 1;
    pending->on_its_way = true;
    char topic[TRIB_TOPIC_SIZE];
    edge_topic(session, TRIB_TOPIC_UP_UPDATE, topic);
    trib_wire_UpdateChunk chunk = trib_wire_UpdateChunk_init_zero;
    chunk.round = round;
    chunk.count = pending->count;
    chunk.size = (uint32_t)update.size;
    TRIB_WIRE_SET_BYTES(chunk.digest, pending->digest, TRIB_HASH_BYTES);
    for (int i = 0; i < EDGE_SEND_AT_ONCE && pending->next < pending->count; i++) {
        chunk.index = pending->next;
        size_t first = (size_t)chunk.index * EDGE_UPDATE_CHUNK_BYTES;
        size_t left = update.size - first;
        trib_bytes data = trib_bytes_of(
            update.data + first, left < EDGE_UPDATE_CHUNK_BYTES ? left : EDGE_UPDATE_CHUNK_BYTES);
        trib_wire_put(&chunk.data, &data);
        if (!trib_ok(send_chunk(session, &chunk, topic, ret_actions))) {
            edge_say(ret_actions, true, "update not sent yet: %s", trib_message());
            return;
        }
        pending->next++;
    }
}

void edge_session_drained(edge_session *session, uint64_t now_ms, edge_actions *ret_actions) {
    edge_pending *pending = &session->pending;
    session->now_ms = now_ms;
    if (!pending->on_its_way) {
        return;
    }
    pending->on_its_way = false;
    pending->sent_ms = now_ms > 0 ? now_ms : 1;
    if (pending->next < pending->count && edge_session_ready(session)) {
        (void)edge_add(ret_actions, EDGE_ACTION_OUTBOX_SEND);
    }
}

void edge_session_tell(edge_session *session, trib_topic_kind kind, trib_bytes plain,
                       edge_actions *ret_actions) {
    char topic[TRIB_TOPIC_SIZE];
    size_t most = kind == TRIB_TOPIC_UP_TELEMETRY
                      ? TRIB_TELEMETRY_MAX_BYTES + (size_t)TRIB_FRAME_OVERHEAD_BYTES
                      : EDGE_SHORT_BYTES;
    size_t size = plain.size + TRIB_FRAME_OVERHEAD_BYTES;
    trib_channel *channel = kind == TRIB_TOPIC_UP_PREDICTION ? &session->prediction
                            : kind == TRIB_TOPIC_UP_ALERT    ? &session->alert
                                                             : &session->telemetry;
    if (!edge_session_ready(session) || size > most) {
        return;
    }
    TRIB_SCOPED(trib_free_scoped) uint8_t *storage = trib_allocate(size, 1);
    if (storage == NULL) {
        return; /* whoever tells this can do without */
    }
    trib_writer frame = trib_writer_of(storage, size);
    edge_topic(session, kind, topic);
    if (trib_ok(trib_channel_seal(session->crypto, channel, topic, plain, &frame))) {
        edge_action *action =
            edge_add_bytes(ret_actions, EDGE_ACTION_PUBLISH, 0, trib_written(&frame));
        if (action != NULL) {
            memcpy(action->topic, topic, sizeof topic);
        }
    }
}
