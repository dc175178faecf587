/* An object got in one request: one thread receives, another digests and hands on. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "cloud/object/remote.h"

/* Small enough for what was received to be in a cache still when it is digested. */
enum { SLOTS = 4, SLOT_BYTES = 512 << 10 };

typedef struct stream {
    const cloud_sink *sink;
    trib_hash hash;
    uint8_t *room; /* [SLOTS][SLOT_BYTES] */
    size_t filled; /* of the slot that is being received */
    size_t next;   /* its index */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t sizes[SLOTS]; /* under lock */
    size_t first, count; /* under lock: slots that wait to be handed on */
    bool ended;          /* under lock */
    trib_status status;  /* under lock: of handing on */
    char message[512];   /* under lock: a thread's ends with it */
} stream;

static trib_status hand_on(stream *s, trib_bytes part) {
    TRIB_TRY(trib_crypto_host()->hash_update(&s->hash, part));
    return s->sink->write(s->sink->context, part);
}

static void *hand_on_all(void *context) {
    stream *s = context;
    (void)pthread_mutex_lock(&s->lock);
    while (trib_ok(s->status) && (s->count > 0 || !s->ended)) {
        if (s->count == 0) {
            (void)pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        trib_bytes part = trib_bytes_of(s->room + s->first * SLOT_BYTES, s->sizes[s->first]);
        (void)pthread_mutex_unlock(&s->lock);
        trib_status status = hand_on(s, part);
        (void)pthread_mutex_lock(&s->lock);
        s->first = (s->first + 1) % SLOTS;
        s->count--;
        if (!trib_ok(status)) {
            s->status = status;
            (void)snprintf(s->message, sizeof s->message, "%s", trib_message());
        }
        (void)pthread_cond_signal(&s->changed);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* The slot that was filled waits to be handed on; then one is free again, or handing on failed. */
static trib_status push(stream *s) {
    (void)pthread_mutex_lock(&s->lock);
    s->sizes[s->next] = s->filled;
    s->count++;
    s->next = (s->next + 1) % SLOTS;
    s->filled = 0;
    (void)pthread_cond_signal(&s->changed);
    while (s->count == SLOTS && trib_ok(s->status)) {
        (void)pthread_cond_wait(&s->changed, &s->lock);
    }
    trib_status status = s->status;
    (void)pthread_mutex_unlock(&s->lock);
    return trib_ok(status) ? status : TRIB_FAIL(status.code, "%s", s->message);
}

static trib_status take(void *context, trib_bytes part) {
    stream *s = context;
    while (part.size > 0) {
        size_t room = SLOT_BYTES - s->filled;
        size_t size = part.size < room ? part.size : room;
        memcpy(s->room + s->next * SLOT_BYTES + s->filled, part.data, size);
        s->filled += size;
        part = trib_bytes_of(part.data + size, part.size - size);
        if (s->filled == SLOT_BYTES) {
            TRIB_TRY(push(s));
        }
    }
    return TRIB_SUCCESS;
}

static trib_status take_at_once(void *context, trib_bytes part) {
    return hand_on(context, part);
}

static trib_status receive(cloud_remote *remote, const char *key, const cloud_stat *stat,
                           http_drain *drain) {
    trib_status status = remote->service->get_one(remote, key, stat, drain);
    if (status.code == TRIB_E_STATE) {
        return cloud_replaced(remote, key);
    }
    TRIB_TRY(status);
    return drain->taken == stat->info.size
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_CORRUPT, "%s: key '%.300s': %llu bytes instead of %llu",
                           remote->interface.backend, key, (unsigned long long)drain->taken,
                           (unsigned long long)stat->info.size);
}

/* The thread that hands on has ended when this returns. */
static trib_status receive_by_two(cloud_remote *remote, const char *key, const cloud_stat *stat,
                                  stream *s) {
    pthread_t other;
    http_drain drain = {.write = take, .context = s};
    if (pthread_create(&other, NULL, hand_on_all, s) != 0) { /* the system gives none */
        drain.write = take_at_once;
        return receive(remote, key, stat, &drain);
    }
    char message[1024] = "";
    trib_status status = receive(remote, key, stat, &drain);
    if (trib_ok(status) && s->filled > 0) {
        status = push(s);
    }
    if (!trib_ok(status)) {
        (void)snprintf(message, sizeof message, "%s", trib_message());
    }
    (void)pthread_mutex_lock(&s->lock);
    s->ended = true;
    (void)pthread_cond_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    int joined = pthread_join(other, NULL);
    TRIB_ASSERT(joined == 0);
    if (!trib_ok(status)) {
        return TRIB_FAIL(status.code, "%s", message);
    }
    return trib_ok(s->status) ? TRIB_SUCCESS : TRIB_FAIL(s->status.code, "%s", s->message);
}

trib_status cloud_stream_get(cloud_remote *remote, const char *key, const cloud_stat *stat,
                             const cloud_sink *sink) {
    bool small = stat->info.size <= SLOT_BYTES;
    stream s = {.sink = sink,
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .changed = PTHREAD_COND_INITIALIZER,
                .status = TRIB_SUCCESS};
    TRIB_SCOPED(trib_free_scoped) uint8_t *room = small ? NULL : trib_allocate(SLOTS, SLOT_BYTES);
    if (!small && room == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for an object");
    }
    s.room = room;
    trib_status status = trib_crypto_host()->hash_init(&s.hash);
    if (trib_ok(status) && small) {
        http_drain drain = {.write = take_at_once, .context = &s};
        status = receive(remote, key, stat, &drain);
    } else if (trib_ok(status)) {
        status = receive_by_two(remote, key, stat, &s);
    }
    if (trib_ok(status)) {
        status = cloud_digest_compare(remote, key, stat, &s.hash);
    }
    trib_crypto_host()->hash_deinit(&s.hash);
    (void)pthread_cond_destroy(&s.changed);
    (void)pthread_mutex_destroy(&s.lock);
    return status;
}
