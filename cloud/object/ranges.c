/* Ranges of an object, got by several connections at once and handed on in their order. */
#include <pthread.h>
#include <string.h>

#include "cloud/object/remote.h"
#include "common/port/posix/workers.h"

/* Whoever has got the range whose turn it is hands it on; the others wait with theirs. */
typedef struct receiving {
    cloud_remote *remote;
    const char *key;
    const cloud_stat *stat;
    const cloud_sink *sink;
    size_t range_bytes;
    uint32_t count;
    pthread_mutex_t lock;
    pthread_cond_t turned;
    uint32_t taken; /* under lock: ranges that somebody has begun */
    uint32_t turn;  /* under lock */
    bool failed;    /* under lock */
    trib_hash hash; /* of whoever has the turn */
} receiving;

static trib_status hand_on(receiving *r, trib_bytes part) {
    TRIB_TRY(trib_crypto_host()->hash_update(&r->hash, part));
    return r->sink->write(r->sink->context, part);
}

/* False where another has failed. */
static bool wait_for_turn(receiving *r, uint32_t index) {
    (void)pthread_mutex_lock(&r->lock);
    while (r->turn != index && !r->failed) {
        (void)pthread_cond_wait(&r->turned, &r->lock);
    }
    bool go_on = !r->failed;
    (void)pthread_mutex_unlock(&r->lock);
    return go_on;
}

static void end_turn(receiving *r, bool failed) {
    (void)pthread_mutex_lock(&r->lock);
    r->turn += failed ? 0 : 1;
    r->failed = r->failed || failed;
    (void)pthread_cond_broadcast(&r->turned);
    (void)pthread_mutex_unlock(&r->lock);
}

static bool take(receiving *r, uint32_t *ret_index) {
    (void)pthread_mutex_lock(&r->lock);
    bool more = !r->failed && r->taken < r->count;
    if (more) {
        *ret_index = r->taken++;
    }
    (void)pthread_mutex_unlock(&r->lock);
    return more;
}

static trib_status receive_one(receiving *r, uint32_t index, http_answer *answer) {
    uint64_t offset = (uint64_t)index * r->range_bytes, left = r->stat->info.size - offset;
    size_t size = left < r->range_bytes ? (size_t)left : r->range_bytes;
    trib_status status =
        r->remote->service->range(r->remote, r->key, r->stat, offset, size, answer);
    if (status.code == TRIB_E_STATE) {
        return cloud_replaced(r->remote, r->key);
    }
    TRIB_TRY(status);
    if (answer->content.size != size) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s: key '%.300s': %zu bytes instead of %zu at %llu",
                         r->remote->interface.backend, r->key, answer->content.size, size,
                         (unsigned long long)offset);
    }
    return wait_for_turn(r, index) ? hand_on(r, trib_buffer_view(&answer->content)) : TRIB_SUCCESS;
}

static trib_status receive(void *context) {
    receiving *r = context;
    /* An error's text may be longer than a small object. */
    TRIB_SCOPED(http_answer_deinit)
    http_answer answer = {.content = {.ceiling = r->range_bytes + (64 << 10)}};
    for (uint32_t index; take(r, &index);) {
        trib_status status = receive_one(r, index, &answer);
        end_turn(r, !trib_ok(status));
        if (!trib_ok(status)) {
            return status;
        }
    }
    return TRIB_SUCCESS;
}

static trib_status run(receiving *r) {
    void *contexts[CLOUD_BUCKET_MAX_CONNECTIONS];
    size_t count =
        r->remote->retry.connections < r->count ? r->remote->retry.connections : r->count;
    for (size_t i = 0; i < count; i++) {
        contexts[i] = r;
    }
    return count == 0 ? TRIB_SUCCESS : trib_workers_run(receive, contexts, count);
}

trib_status cloud_replaced(const cloud_remote *remote, const char *key) {
    return TRIB_FAIL(TRIB_E_RETRY, "%s: key '%.300s' was replaced while it was read: try again",
                     remote->interface.backend, key);
}

trib_status cloud_digest_compare(const cloud_remote *remote, const char *key,
                                 const cloud_stat *stat, trib_hash *hash) {
    uint8_t found[TRIB_HASH_BYTES];
    TRIB_TRY(trib_crypto_host()->hash_finish(hash, found));
    if (stat->info.has_sha256 && memcmp(found, stat->info.sha256, sizeof found) != 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT,
                         "%s: %s '%.100s', key '%.300s' is damaged: its bytes are not those of its "
                         "SHA-256 (put it anew)",
                         remote->interface.backend, remote->service->bucket_word, remote->bucket,
                         key);
    }
    return TRIB_SUCCESS;
}

trib_status cloud_ranges_get(cloud_remote *remote, const char *key, const cloud_stat *stat,
                             const cloud_sink *sink) {
    receiving r = {.remote = remote,
                   .key = key,
                   .stat = stat,
                   .sink = sink,
                   .lock = PTHREAD_MUTEX_INITIALIZER,
                   .turned = PTHREAD_COND_INITIALIZER};
    TRIB_TRY(cloud_parts_plan(stat->info.size, &r.range_bytes, &r.count));
    if (stat->info.size < r.range_bytes) {
        r.range_bytes = (size_t)stat->info.size;
    }
    r.count = stat->info.size == 0 ? 0 : r.count;
    trib_status status = trib_crypto_host()->hash_init(&r.hash);
    if (trib_ok(status)) {
        status = run(&r);
    }
    if (trib_ok(status)) {
        status = cloud_digest_compare(remote, key, stat, &r.hash);
    }
    trib_crypto_host()->hash_deinit(&r.hash);
    (void)pthread_cond_destroy(&r.turned);
    (void)pthread_mutex_destroy(&r.lock);
    return status;
}
