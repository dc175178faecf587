/* Objects: exactly the chunks that are lacking, each opened by itself, the whole verified. */
#include <string.h>

#include "edge/session/inside.h"

static void drop(edge_fetch *fetch) {
    trib_free(fetch->bytes);
    trib_free(fetch->have);
    trib_wipe(fetch, sizeof *fetch);
}

void edge_session_drop_fetches(edge_session *session) {
    for (int i = 0; i < EDGE_FETCHES; i++) {
        drop(&session->fetches[i]);
    }
}

static void chunk_topic(const edge_session *session, const edge_fetch *fetch, uint32_t chunk,
                        char *ret_text) {
    trib_topic topic = {.kind = TRIB_TOPIC_ALL_OBJECT, .chunk = chunk};
    memcpy(topic.federation, session->identity->federation, sizeof topic.federation);
    memcpy(topic.object_id, fetch->object.id.bytes, sizeof topic.object_id);
    trib_topic_format(&topic, ret_text);
}

/* Asks for missing chunks: as many as fit one list of actions; the next come when these have. */
enum { ASK_AT_ONCE = 32 };
static void ask(const edge_session *session, edge_fetch *fetch, uint32_t from,
                edge_actions *actions) {
    fetch->asked_ms = session->now_ms;
    uint32_t count = trib_object_chunk_count(&fetch->object), asked = 0;
    for (uint32_t i = from; i < count && asked < ASK_AT_ONCE; i++) {
        if (!fetch->have[i]) {
            edge_action *action = edge_add(actions, EDGE_ACTION_SUBSCRIBE);
            if (action != NULL) {
                chunk_topic(session, fetch, i, action->topic);
            }
            asked++;
        }
    }
}

void edge_session_refetch(edge_session *session, edge_actions *actions) {
    for (int i = 0; i < EDGE_FETCHES; i++) {
        if (session->fetches[i].active) {
            ask(session, &session->fetches[i], 0, actions);
        }
    }
}

void edge_session_chase(edge_session *session, edge_actions *actions) {
    for (int i = 0; i < EDGE_FETCHES; i++) {
        edge_fetch *fetch = &session->fetches[i];
        if (fetch->active && session->now_ms - fetch->asked_ms >= EDGE_RESEND_MS) {
            ask(session, fetch, 0, actions);
        }
    }
}

static trib_status begin(const trib_wire_Object *object, const trib_object_key *key,
                         edge_fetch *fetch) {
    fetch->object = *object;
    fetch->key = *key;
    fetch->missing = trib_object_chunk_count(object);
    fetch->bytes = trib_allocate((size_t)object->size, 1);
    fetch->have = trib_allocate(fetch->missing, 1);
    if (fetch->bytes == NULL || fetch->have == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for an object of %llu bytes",
                         (unsigned long long)object->size);
    }
    fetch->active = true;
    return TRIB_SUCCESS;
}

static edge_fetch *find(edge_session *session, const uint8_t *id) {
    for (int i = 0; i < EDGE_FETCHES; i++) {
        if (session->fetches[i].active &&
            memcmp(session->fetches[i].object.id.bytes, id, 16) == 0) {
            return &session->fetches[i];
        }
    }
    return NULL;
}

/* A newer epoch than our welcome's: its welcome was lost. Join anew to hear it. */
static void catch_up(edge_session *session, uint64_t epoch, edge_actions *actions) {
    if (epoch > session->state.epoch && session->state.welcomed) {
        edge_say(actions, false, "a new epoch of keys: joining again");
        session->state.welcomed = false;
        trib_free(session->join);
        session->join = NULL;
        edge_session_join(session, actions);
    }
}

bool edge_session_fetch(edge_session *session, const trib_wire_Object *object, bool for_round,
                        trib_bytes *ret_file, edge_actions *actions) {
    edge_fetch *fetch = object->id.size == 16 ? find(session, object->id.bytes) : NULL;
    if (fetch != NULL) {
        return false; /* its chunks have been asked for */
    }
    if (object->epoch != session->state.epoch) {
        catch_up(session, object->epoch, actions);
        return false;
    }
    trib_epoch_secret epoch_key;
    trib_object_key key;
    memcpy(epoch_key.bytes, session->state.epoch_key.bytes, sizeof epoch_key.bytes);
    trib_status status = trib_object_unwrap(session->crypto, &epoch_key, object, &key);
    trib_wipe(&epoch_key, sizeof epoch_key);
    if (trib_ok(status) && session->base_file != NULL &&
        memcmp(key.digest, session->base_digest, TRIB_HASH_BYTES) == 0) {
        *ret_file = trib_bytes_of(session->base_file, session->base_size);
        return true;
    }
    if (trib_ok(status) && session->installed_known &&
        memcmp(key.digest, session->installed, TRIB_HASH_BYTES) == 0) {
        trib_wipe(&key, sizeof key);
        if (!session->load_asked) {
            session->load_asked = edge_add(actions, EDGE_ACTION_LOAD) != NULL;
        }
        return false;
    }
    fetch = &session->fetches[for_round ? 0 : 1];
    drop(fetch); /* what was wanted there is superseded */
    if (trib_ok(status)) {
        status = begin(object, &key, fetch);
    }
    trib_wipe(&key, sizeof key);
    if (!trib_ok(status)) {
        session->counts.refused_objects++;
        edge_say(actions, true, "object refused: %s", trib_message());
        drop(fetch);
        return false;
    }
    if (!edge_base_viewed(session, actions)) {
        trib_free(session->base_file); /* what comes supersedes it */
        session->base_file = NULL;
    }
    ask(session, fetch, 0, actions);
    return false;
}

void edge_session_installed(edge_session *session, uint64_t release,
                            const uint8_t digest[TRIB_HASH_BYTES]) {
    session->installed_release = release;
    memcpy(session->installed, digest, TRIB_HASH_BYTES);
    session->installed_known = true;
}

void edge_session_not_installed(edge_session *session, edge_actions *ret_actions) {
    session->release_wanted = session->release.release > session->installed_release;
    edge_session_resume(session, ret_actions);
}

void edge_session_supply(edge_session *session, uint8_t *file_take, size_t size,
                         edge_actions *ret_actions) {
    uint8_t digest[TRIB_HASH_BYTES];
    session->load_asked = false;
    if (file_take == NULL ||
        !trib_ok(session->crypto->sha256(trib_bytes_of(file_take, size), digest)) ||
        memcmp(digest, session->installed, TRIB_HASH_BYTES) != 0) {
        trib_free(file_take);
        session->installed_known = false; /* whatever is there, it is not what was installed */
        session->installed_release = 0;
        session->release_wanted = session->release.release != 0;
    } else {
        trib_free(session->base_file);
        session->base_file = file_take;
        session->base_size = size;
        memcpy(session->base_digest, digest, TRIB_HASH_BYTES);
    }
    edge_session_resume(session, ret_actions);
}

static void finish(edge_session *session, edge_fetch *fetch, edge_actions *actions) {
    trib_bytes whole = trib_bytes_of(fetch->bytes, (size_t)fetch->object.size);
    if (!trib_ok(trib_object_verify(session->crypto, &fetch->key, whole))) {
        session->counts.refused_objects++;
        edge_say(actions, true, "object refused: %s", trib_message());
        drop(fetch);
        return;
    }
    trib_free(session->base_file);
    session->base_file = fetch->bytes;
    session->base_size = whole.size;
    memcpy(session->base_digest, fetch->key.digest, TRIB_HASH_BYTES);
    fetch->bytes = NULL;
    drop(fetch);
    edge_session_resume(session, actions);
}

void edge_session_on_chunk(edge_session *session, const trib_topic *topic, trib_bytes payload,
                           edge_actions *actions) {
    edge_fetch *fetch = find(session, topic->object_id);
    if (fetch == NULL || topic->chunk >= trib_object_chunk_count(&fetch->object) ||
        fetch->have[topic->chunk]) {
        return; /* not asked for, or here already */
    }
    trib_status status = trib_object_open_chunk(session->crypto, &fetch->key, &fetch->object,
                                                topic->chunk, payload, fetch->bytes);
    if (!trib_ok(status)) {
        session->counts.forged++;
        edge_say(actions, true, "chunk %u refused: %s", topic->chunk, trib_message());
        return;
    }
    fetch->have[topic->chunk] = 1;
    fetch->asked_ms = session->now_ms;
    fetch->missing--;
    edge_action *action = edge_add(actions, EDGE_ACTION_UNSUBSCRIBE);
    if (action != NULL) {
        chunk_topic(session, fetch, topic->chunk, action->topic);
    }
    if (fetch->missing == 0) {
        finish(session, fetch, actions);
    } else {
        uint32_t count = trib_object_chunk_count(&fetch->object);
        if (topic->chunk + ASK_AT_ONCE < count && !fetch->have[topic->chunk + ASK_AT_ONCE]) {
            edge_action *next = edge_add(actions, EDGE_ACTION_SUBSCRIBE);
            if (next != NULL) {
                chunk_topic(session, fetch, topic->chunk + ASK_AT_ONCE, next->topic);
            }
        }
    }
}
