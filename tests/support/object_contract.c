/* What cloud/object/bucket.h promises, asked of a real server; tests/e2e/object.py starts those.
 *
 *     object_contract contract                    everything that needs no fault
 *     object_contract put KEY BYTES SEED [absent] [resume]
 *     object_contract get KEY BYTES SEED          compares
 *     object_contract read KEY                    throws away what it gets
 *     object_contract head|remove KEY
 *     object_contract list PREFIX AFTER           keys, one a line
 *     object_contract sweep OLDER_MS
 *     object_contract race KEY BYTES WRITERS      put-if-absent by all at once: one wins
 *
 * Single commands print "ok" or "CODE: message"; the exit status is 0 if the call went well, else 1
 * (2: the contract is broken). Contents are made of their seed.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/port/posix/workers.h"
#include "tests/support/object_settings.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition,      \
                          trib_message());                                                         \
            exit(2);                                                                               \
        }                                                                                          \
    } while (0)

/* ---- contents ---- */

static uint64_t word(uint64_t seed, uint64_t index) { /* splitmix64 */
    uint64_t z = (seed << 40) + (index + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void fill(uint64_t seed, uint64_t offset, uint8_t *ret_bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        ret_bytes[i] = (uint8_t)(word(seed, (offset + i) / 8) >> 8 * ((offset + i) % 8));
    }
}

typedef struct content {
    uint64_t size, seed;
    uint64_t seen; /* by the sink */
} content;

static trib_status content_read(void *context, uint64_t offset, uint8_t *ret_bytes, size_t size) {
    const content *c = context;
    MUST(offset + size <= c->size);
    fill(c->seed, offset, ret_bytes, size);
    return TRIB_SUCCESS;
}

static trib_status content_compare(void *context, trib_bytes part) {
    content *c = context;
    for (size_t at = 0; at < part.size;) {
        uint8_t expected[4096];
        size_t size = part.size - at < sizeof expected ? part.size - at : sizeof expected;
        fill(c->seed, c->seen + at, expected, size);
        if (memcmp(expected, part.data + at, size) != 0) {
            return TRIB_FAIL(TRIB_E_INTERNAL, "other bytes near %" PRIu64, c->seen + at);
        }
        at += size;
    }
    c->seen += part.size;
    return TRIB_SUCCESS;
}

static trib_status put(cloud_bucket *bucket, const char *key, uint64_t size, uint64_t seed,
                       const cloud_put_options *options) {
    content c = {.size = size, .seed = seed};
    cloud_body body = {.size = size, .read = content_read, .context = &c};
    return bucket->put(bucket, key, &body, options);
}

static trib_status get(cloud_bucket *bucket, const char *key, uint64_t size, uint64_t seed) {
    content c = {.size = size, .seed = seed};
    TRIB_TRY(bucket->get(bucket, key, &(cloud_sink){content_compare, &c}));
    return c.seen == size ? TRIB_SUCCESS
                          : TRIB_FAIL(TRIB_E_INTERNAL, "%" PRIu64 " bytes came", c.seen);
}

/* ---- the contract ---- */

static void sizes(cloud_bucket *bucket) {
    static const uint64_t all[] = {0,
                                   1,
                                   65537,
                                   CLOUD_BUCKET_PART_BYTES,
                                   CLOUD_BUCKET_PART_BYTES + 1,
                                   3 * CLOUD_BUCKET_PART_BYTES};
    for (uint64_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        cloud_object_info info;
        content c = {.size = all[i], .seed = i};
        uint8_t digest[TRIB_HASH_BYTES];
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer whole = {.ceiling = 64 << 20};
        MUST(trib_ok(trib_buffer_reserve(&whole, (size_t)all[i] + 1)));
        MUST(trib_ok(content_read(&c, 0, whole.data, (size_t)all[i])));
        MUST(
            trib_ok(trib_crypto_host()->sha256(trib_bytes_of(whole.data, (size_t)all[i]), digest)));
        MUST(trib_ok(put(bucket, "sizes/it", all[i], i, NULL))); /* over the one before */
        MUST(trib_ok(get(bucket, "sizes/it", all[i], i)));
        MUST(trib_ok(bucket->head(bucket, "sizes/it", &info)));
        MUST(info.size == all[i] && info.has_sha256 && strcmp(info.key, "sizes/it") == 0);
        MUST(memcmp(info.sha256, digest, sizeof digest) == 0);
        uint64_t now = trib_wall_ms(trib_posix_clock());
        MUST(info.modified_ms + 120000 > now && info.modified_ms < now + 120000);
    }
    MUST(trib_ok(bucket->remove(bucket, "sizes/it")));
}

static const char *const strange[] = {
    /* in bytewise order */
    "keys/ leading and trailing ",
    "keys/!'()*",
    "keys/\"quotes\" 'and' <xml> & more",
    "keys/#fragment",
    "keys/$HOME",
    "keys/%2F%25 %",
    "keys/+plus+",
    "keys/..three.dots",
    "keys/.hidden",
    "keys/1:2;3,4@5",
    "keys/?query=1&b=2",
    "keys/[brackets]{}",

    "keys/^`|",
    "keys/federation=plant/date=2026-01-31/gateway=press-1/part-0.avro",
    "keys/~tilde",
    "keys/\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f",
    "keys/\xe6\xb5\x81",
    "keys/\xef\xbc\xa1 wide",
    "keys/\xf0\x9f\x8c\x8a wave",
};
enum { STRANGE = sizeof strange / sizeof strange[0] };

typedef struct listing {
    size_t count;
    bool print;
    char last[CLOUD_KEY_SIZE];
} listing;

static trib_status expect_strange(void *context, const cloud_object_info *info) {
    listing *l = context;
    for (; l->count < STRANGE && strcmp(strange[l->count], info->key) != 0; l->count++) {
        (void)fprintf(stderr, "not listed: %s (but %s)\n", strange[l->count], info->key);
        return TRIB_FAIL(TRIB_E_INTERNAL, "'%s' is listed instead of '%s'", info->key,
                         strange[l->count]);
    }
    MUST(l->count < STRANGE && info->size == l->count + 1);
    l->count++;
    return TRIB_SUCCESS;
}

static void strange_keys(cloud_bucket *bucket) {
    listing l = {.count = 0};
    for (size_t i = STRANGE; i-- > 0;) {
        MUST(trib_ok(put(bucket, strange[i], i + 1, i, NULL)));
    }
    MUST(trib_ok(bucket->list(bucket, "keys/", "", expect_strange, &l)));
    MUST(l.count == STRANGE);
    l.count = 7;
    MUST(trib_ok(bucket->list(bucket, "keys/", strange[6], expect_strange, &l)));
    MUST(l.count == STRANGE);
    for (size_t i = 0; i < STRANGE; i++) {
        MUST(trib_ok(get(bucket, strange[i], i + 1, i)));
        MUST(trib_ok(bucket->remove(bucket, strange[i])));
        MUST(get(bucket, strange[i], i + 1, i).code == TRIB_E_NOT_FOUND);
    }
    char longest[CLOUD_KEY_SIZE];
    memset(longest, 'k', sizeof longest);
    for (size_t i = 200; i < sizeof longest; i += 201) {
        longest[i] = '/';
    }
    longest[sizeof longest - 1] = '\0';
    MUST(trib_ok(put(bucket, longest, 3, 3, NULL)));
    MUST(trib_ok(get(bucket, longest, 3, 3)));
    MUST(trib_ok(bucket->remove(bucket, longest)));
    MUST(put(bucket, "a//b", 1, 1, NULL).code == TRIB_E_ARGUMENT);
    MUST(put(bucket, "", 1, 1, NULL).code == TRIB_E_ARGUMENT);
}

static trib_status count_in_order(void *context, const cloud_object_info *info) {
    listing *l = context;
    MUST(strcmp(info->key, l->last) > 0);
    memcpy(l->last, info->key, sizeof l->last);
    l->count++;
    return l->count == 50 && l->print ? TRIB_FAIL(TRIB_E_STATE, "enough") : TRIB_SUCCESS;
}

typedef struct filling {
    cloud_bucket *bucket;
    unsigned first, step, end;
} filling;

static trib_status put_many(void *context) {
    const filling *f = context;
    for (unsigned i = f->first; i < f->end; i += f->step) {
        char key[64];
        (void)snprintf(key, sizeof key, "many/%02u/%05u", i % 7, i);
        TRIB_TRY(put(f->bucket, key, 2, i, NULL));
    }
    return TRIB_SUCCESS;
}

static trib_status remove_many(void *context) {
    const filling *f = context;
    for (unsigned i = f->first; i < f->end; i += f->step) {
        char key[64];
        (void)snprintf(key, sizeof key, "many/%02u/%05u", i % 7, i);
        TRIB_TRY(f->bucket->remove(f->bucket, key));
    }
    return TRIB_SUCCESS;
}

/* More than a page, so that markers are followed. */
static void many(cloud_bucket *bucket) {
    enum { OBJECTS = 1150, WORKERS = 4 };
    filling work[WORKERS];
    void *contexts[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        work[i] = (filling){bucket, i, WORKERS, OBJECTS};
        contexts[i] = &work[i];
    }
    MUST(trib_ok(trib_workers_run(put_many, contexts, WORKERS)));
    listing all = {.count = 0}, later = {.count = 0}, cut = {.print = true}, part = {.count = 0};
    MUST(trib_ok(bucket->list(bucket, "many/", "", count_in_order, &all)));
    MUST(all.count == OBJECTS);
    MUST(trib_ok(bucket->list(bucket, "many/0", "many/06", count_in_order, &later)));
    MUST(later.count == OBJECTS / 7);
    MUST(trib_ok(bucket->list(bucket, "many/03/0", "many/03/00003", count_in_order, &part)));
    MUST(part.count == OBJECTS / 7 - 1);
    MUST(bucket->list(bucket, "many/", "", count_in_order, &cut).code == TRIB_E_STATE);
    MUST(cut.count == 50 && strcmp(trib_message(), "enough") == 0);
    MUST(trib_ok(trib_workers_run(remove_many, contexts, WORKERS)));
    listing none = {.count = 0};
    MUST(trib_ok(bucket->list(bucket, "many/", "", count_in_order, &none)) && none.count == 0);
}

typedef struct writer {
    cloud_bucket *bucket;
    const char *key;
    uint64_t size, seed;
    trib_code code;
} writer;

static trib_status write_if_absent(void *context) {
    writer *w = context;
    w->code =
        put(w->bucket, w->key, w->size, w->seed, &(cloud_put_options){.if_absent = true}).code;
    return w->code == TRIB_OK || w->code == TRIB_E_STATE ? TRIB_SUCCESS : (trib_status){w->code};
}

static trib_status race(cloud_bucket *bucket, const char *key, uint64_t size, unsigned count) {
    writer writers[16];
    void *contexts[16] = {NULL};
    MUST(count >= 1 && count <= 16);
    for (unsigned i = 0; i < count; i++) {
        writers[i] = (writer){bucket, key, size, 100 + i, TRIB_OK};
        contexts[i] = &writers[i];
    }
    TRIB_TRY(trib_workers_run(write_if_absent, contexts, count));
    unsigned won = 0;
    for (unsigned i = 0; i < count; i++) {
        if (writers[i].code == TRIB_OK) {
            won++;
            TRIB_TRY(get(bucket, key, size, writers[i].seed));
        }
    }
    return won == 1 ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_INTERNAL, "%u writers have won", won);
}

static void absent(cloud_bucket *bucket) {
    const cloud_put_options options = {.if_absent = true};
    MUST(trib_ok(put(bucket, "absent/a", 10, 1, &options)));
    MUST(put(bucket, "absent/a", 10, 2, &options).code == TRIB_E_STATE);
    MUST(trib_ok(get(bucket, "absent/a", 10, 1)));
    MUST(put(bucket, "absent/a", CLOUD_BUCKET_PART_BYTES + 9, 2, &options).code == TRIB_E_STATE);
    MUST(trib_ok(put(bucket, "absent/a", 11, 2, NULL)));
    MUST(trib_ok(get(bucket, "absent/a", 11, 2)));
    MUST(trib_ok(bucket->remove(bucket, "absent/a")));
    MUST(trib_ok(put(bucket, "absent/a", 12, 3, &options)));
    MUST(trib_ok(bucket->remove(bucket, "absent/a")));
    for (int i = 0; i < 5; i++) {
        MUST(trib_ok(race(bucket, "absent/race", 1000, 4)));
        MUST(trib_ok(bucket->remove(bucket, "absent/race")));
    }
    if (getenv("OBJECT_NO_COMPOSE_CONDITION") != NULL) { /* fake-gcs-server looks at none */
        return;
    }
    MUST(trib_ok(race(bucket, "absent/large", CLOUD_BUCKET_PART_BYTES + 7, 2)));
    MUST(trib_ok(bucket->remove(bucket, "absent/large")));
}

static void missing(cloud_bucket *bucket) {
    cloud_object_info info;
    MUST(get(bucket, "missing/a", 1, 1).code == TRIB_E_NOT_FOUND);
    MUST(strstr(trib_message(), "missing/a") != NULL &&
         strstr(trib_message(), bucket->backend) != NULL);
    MUST(bucket->head(bucket, "missing/a", &info).code == TRIB_E_NOT_FOUND);
    MUST(trib_ok(bucket->remove(bucket, "missing/a")));
    MUST(trib_ok(put(bucket, "missing/is/below", 1, 1, NULL)));
    MUST(bucket->head(bucket, "missing/is", &info).code == TRIB_E_NOT_FOUND);
    MUST(bucket->head(bucket, "missing/is/below/that", &info).code == TRIB_E_NOT_FOUND);
    MUST(trib_ok(bucket->remove(bucket, "missing/is")));
    MUST(trib_ok(get(bucket, "missing/is/below", 1, 1)));
    MUST(trib_ok(bucket->remove(bucket, "missing/is/below")));
}

static trib_status fail_to_read(void *context, uint64_t offset, uint8_t *ret_bytes, size_t size) {
    (void)context;
    (void)size;
    ret_bytes[0] = 0;
    return offset >= CLOUD_BUCKET_PART_BYTES ? TRIB_FAIL(TRIB_E_IO, "the body broke")
                                             : TRIB_SUCCESS;
}

static trib_status fail_to_write(void *context, trib_bytes part) {
    (void)context;
    (void)part;
    return TRIB_FAIL(TRIB_E_LIMIT, "the sink is full");
}

static void caller_fails(cloud_bucket *bucket) {
    cloud_object_info info;
    cloud_body body = {.size = 2 * CLOUD_BUCKET_PART_BYTES, .read = fail_to_read};
    static const uint8_t known[TRIB_HASH_BYTES] = {1}; /* so that the parts are on their way */
    body.sha256 = known;
    MUST(bucket->put(bucket, "fails/a", &body, NULL).code == TRIB_E_IO);
    MUST(strstr(trib_message(), "the body broke") != NULL);
    MUST(bucket->head(bucket, "fails/a", &info).code == TRIB_E_NOT_FOUND);
    MUST(trib_ok(put(bucket, "fails/b", 3 * CLOUD_BUCKET_PART_BYTES, 1, NULL)));
    MUST(bucket->get(bucket, "fails/b", &(cloud_sink){fail_to_write, NULL}).code == TRIB_E_LIMIT);
    MUST(strstr(trib_message(), "the sink is full") != NULL);
    MUST(trib_ok(bucket->remove(bucket, "fails/b")));
    MUST(trib_ok(bucket->sweep(bucket, 0)));
}

/* A digest that is not the content's stands for a content that was changed in the bucket. */
static void damaged(cloud_bucket *bucket) {
    static const uint8_t wrong[TRIB_HASH_BYTES] = {7};
    for (uint64_t size = 10; size <= CLOUD_BUCKET_PART_BYTES + 10;
         size += CLOUD_BUCKET_PART_BYTES) {
        content c = {.size = size, .seed = 5};
        cloud_body body = {size, content_read, &c, "text/plain", wrong};
        trib_status status = bucket->put(bucket, "damaged", &body, NULL);
        if (strcmp(bucket->backend, "file") == 0) { /* sees every byte before it gives the name */
            MUST(status.code == TRIB_E_CORRUPT);
            continue;
        }
        if (status.code == TRIB_E_RETRY) { /* in one request, of which the server compares it */
            MUST(size > CLOUD_BUCKET_PART_BYTES && strcmp(bucket->backend, "s3") == 0 &&
                 strstr(trib_message(), "SHA256") != NULL);
            continue;
        }
        MUST(trib_ok(status));
        MUST(get(bucket, "damaged", size, 5).code == TRIB_E_CORRUPT);
        MUST(strstr(trib_message(), "damaged") != NULL);
    }
    MUST(trib_ok(bucket->remove(bucket, "damaged")));
}

static void contract(cloud_bucket *bucket) {
    sizes(bucket);
    strange_keys(bucket);
    absent(bucket);
    missing(bucket);
    caller_fails(bucket);
    damaged(bucket);
    many(bucket);
}

/* ---- single commands ---- */

static trib_status print_key(void *context, const cloud_object_info *info) {
    (void)context;
    (void)printf("%s\n", info->key);
    return TRIB_SUCCESS;
}

static bool has(int argc, char **argv, const char *word_) {
    for (int i = 5; i < argc; i++) {
        if (strcmp(argv[i], word_) == 0) {
            return true;
        }
    }
    return false;
}

static trib_status throw_away(void *context, trib_bytes part) {
    (void)context;
    (void)part;
    return TRIB_SUCCESS;
}

static trib_status command(cloud_bucket *bucket, int argc, char **argv) {
    const char *what = argv[1], *key = argc > 2 ? argv[2] : "";
    uint64_t number = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    cloud_object_info info;
    if (strcmp(what, "put") == 0) {
        return put(bucket, key, number, seed,
                   &(cloud_put_options){has(argc, argv, "absent"), has(argc, argv, "resume")});
    }
    if (strcmp(what, "get") == 0) {
        return get(bucket, key, number, seed);
    }
    if (strcmp(what, "read") == 0) {
        return bucket->get(bucket, key, &(cloud_sink){throw_away, NULL});
    }
    if (strcmp(what, "head") == 0) {
        return bucket->head(bucket, key, &info);
    }
    if (strcmp(what, "remove") == 0) {
        return bucket->remove(bucket, key);
    }
    if (strcmp(what, "list") == 0) {
        return bucket->list(bucket, key, argc > 3 ? argv[3] : "", print_key, NULL);
    }
    if (strcmp(what, "sweep") == 0) {
        return bucket->sweep(bucket, strtoull(key, NULL, 10));
    }
    if (strcmp(what, "race") == 0) {
        return race(bucket, key, number, (unsigned)seed);
    }
    return TRIB_FAIL(TRIB_E_ARGUMENT, "no command '%s'", what);
}

int main(int argc, char **argv) {
    cloud_bucket *bucket = NULL;
    if (argc < 2) {
        return 64;
    }
    trib_status status = object_open(&bucket);
    if (trib_ok(status) && strcmp(argv[1], "contract") == 0) {
        contract(bucket);
    } else if (trib_ok(status)) {
        status = command(bucket, argc, argv);
    }
    if (trib_ok(status)) {
        (void)printf("ok\n");
    } else {
        (void)printf("%s: %s\n", trib_code_name(status.code), trib_message());
    }
    if (bucket != NULL) {
        bucket->destroy(bucket);
    }
    return trib_ok(status) ? 0 : 1;
}
