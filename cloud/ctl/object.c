/* tributary object: what lies in a bucket, by hand. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cloud/ctl/command.h"
#include "cloud/ctl/expire.h"
#include "cloud/ctl/json_value.h"
#include "cloud/object/settings.h"
#include "common/port/posix/system.h"

enum { MOST_KEPT = 1000000, MOST_DAYS = 36500 };

typedef struct object_options {
    const char *config;
    bool json, if_absent;
    ctl_expire expire;
    const char *verb, *key, *path; /* key: or a prefix */
} object_options;

typedef struct object_list {
    cloud_bucket *bucket;
    json_t *rows; /* NULL: text */
    bool verify;
    size_t count, damaged, unproven;
    uint64_t bytes;
} object_list;

static void destroy_bucket(cloud_bucket **bucket) {
    if (*bucket != NULL) {
        (*bucket)->destroy(*bucket);
    }
}

static void close_file(int *file) {
    if (*file >= 0) {
        (void)close(*file);
    }
}

/* ---- put and get ---- */

/* From several threads: parts go by several connections. */
static trib_status read_part(void *context, uint64_t offset, uint8_t *ret_bytes, size_t size) {
    const int *file = context;
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(*file, ret_bytes + done, size - done, (off_t)(offset + done));
        if (got <= 0) {
            return TRIB_FAIL(TRIB_E_IO, "the file cannot be read at byte %" PRIu64, offset);
        }
        done += (size_t)got;
    }
    return TRIB_SUCCESS;
}

static trib_status put(cloud_bucket *bucket, const object_options *options) {
    struct stat found;
    TRIB_SCOPED(close_file) int file = open(options->path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &found) != 0) {
        return TRIB_FAIL(TRIB_E_IO, "%s: %s", options->path, strerror(errno));
    }
    const cloud_put_options how = {.if_absent = options->if_absent, .resume = true};
    const cloud_body body = {.size = (uint64_t)found.st_size, .read = read_part, .context = &file};
    TRIB_TRY(bucket->put(bucket, options->key, &body, &how));
    (void)printf("%s: %" PRIu64 " bytes\n", options->key, body.size);
    return TRIB_SUCCESS;
}

static trib_status write_part(void *context, trib_bytes part) {
    return fwrite(part.data, 1, part.size, context) == part.size
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_IO, "the file cannot be written: %s", strerror(errno));
}

/* Into a file beside it first: what cannot be got whole leaves nothing. */
static trib_status get(cloud_bucket *bucket, const object_options *options) {
    char fresh[4096];
    int length = snprintf(fresh, sizeof fresh, "%s.part", options->path);
    FILE *file = length > 0 && (size_t)length < sizeof fresh ? fopen(fresh, "wb") : NULL;
    if (file == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "%s.part: %s", options->path, strerror(errno));
    }
    const cloud_sink sink = {write_part, file};
    trib_status status = bucket->get(bucket, options->key, &sink);
    bool closed = fclose(file) == 0;
    if (trib_ok(status) && (!closed || rename(fresh, options->path) != 0)) {
        status = TRIB_FAIL(TRIB_E_IO, "%s: %s", options->path, strerror(errno));
    }
    if (!trib_ok(status)) {
        (void)remove(fresh);
    }
    return status;
}

/* ---- list and verify ---- */

static trib_status throw_away(void *context, trib_bytes part) {
    (void)context, (void)part;
    return TRIB_SUCCESS;
}

/* "whole", "unproven" (nobody said what it should be), or what is wrong with it. */
static trib_status check(object_list *list, const char *key, char ret_word[512]) {
    cloud_object_info info;
    const cloud_sink nowhere = {throw_away, NULL};
    trib_status status = list->bucket->head(list->bucket, key, &info);
    if (trib_ok(status)) {
        status = list->bucket->get(list->bucket, key, &nowhere);
    }
    bool damaged = status.code == TRIB_E_CORRUPT || status.code == TRIB_E_NOT_FOUND;
    if (!trib_ok(status) && !damaged) {
        return status;
    }
    list->damaged += damaged;
    list->unproven += !damaged && !info.has_sha256;
    (void)snprintf(ret_word, 512, "%s",
                   damaged           ? trib_message()
                   : info.has_sha256 ? "whole"
                                     : "unproven");
    return TRIB_SUCCESS;
}

static trib_status take_object(void *context, const cloud_object_info *info) {
    object_list *list = context;
    char word[512] = "";
    if (list->verify) {
        TRIB_TRY(check(list, info->key, word));
    }
    list->count++;
    list->bytes += info->size;
    if (list->rows != NULL) {
        json_t *row = json_pack("{s:s,s:I,s:I}", "key", info->key, "size", (json_int_t)info->size,
                                "modified_ms", (json_int_t)info->modified_ms);
        if (list->verify) {
            (void)json_object_set_new(row, "state", json_string(word));
        }
        (void)json_array_append_new(list->rows, row);
    } else {
        (void)printf("%12" PRIu64 "  %s%s%s\n", info->size, info->key, list->verify ? "  " : "",
                     word);
    }
    return TRIB_SUCCESS;
}

static trib_status list_all(cloud_bucket *bucket, const object_options *options) {
    TRIB_SCOPED(ctl_json_release) json_t *rows = options->json ? json_array() : NULL;
    object_list list = {
        .bucket = bucket, .rows = rows, .verify = strcmp(options->verb, "verify") == 0};
    TRIB_TRY(
        bucket->list(bucket, options->key != NULL ? options->key : "", "", take_object, &list));
    if (options->json) {
        ctl_json_print(json_incref(rows));
    } else {
        (void)printf("%zu objects, %" PRIu64 " bytes\n", list.count, list.bytes);
    }
    if (list.unproven > 0) {
        (void)fprintf(stderr, "%zu have no SHA-256 of ours to be compared with\n", list.unproven);
    }
    return list.damaged == 0 ? TRIB_SUCCESS
                             : TRIB_FAIL(TRIB_E_CORRUPT, "%zu of %zu objects are damaged",
                                         list.damaged, list.count);
}

/* ---- the command ---- */

static trib_status run_verb(const object_options *options) {
    TRIB_SCOPED(trib_config_destroy_scoped) trib_config *document = NULL;
    TRIB_SCOPED(destroy_bucket) cloud_bucket *bucket = NULL;
    trib_value map;
    TRIB_TRY(trib_config_load(options->config, &document));
    TRIB_TRY(trib_value_need(trib_config_root(document), "object", &map));
    TRIB_TRY(
        cloud_bucket_open(map, options->config, trib_posix_disk(), trib_posix_clock(), &bucket));
    if (strcmp(options->verb, "put") == 0) {
        return put(bucket, options);
    }
    if (strcmp(options->verb, "get") == 0) {
        return get(bucket, options);
    }
    if (strcmp(options->verb, "expire") == 0) {
        ctl_expire wanted = options->expire;
        wanted.prefix = options->key;
        wanted.json = options->json;
        wanted.now_ms = trib_wall_ms(trib_posix_clock());
        return ctl_expire_run(bucket, &wanted);
    }
    return strcmp(options->verb, "remove") == 0 ? bucket->remove(bucket, options->key)
                                                : list_all(bucket, options);
}

/* What follows the verb; false if that is too little or too much. */
static bool take_words(object_options *options, char **words, int count) {
    static const struct {
        const char *verb;
        int least, most;
        bool path_first;
    } verbs[] = {{"list", 0, 1, false},   {"verify", 0, 1, false}, {"remove", 1, 1, false},
                 {"expire", 1, 1, false}, {"get", 2, 2, false},    {"put", 2, 2, true}};
    for (size_t i = 0; count > 0 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(words[0], verbs[i].verb) == 0) {
            options->verb = verbs[i].verb;
            options->key = count > 1 ? words[verbs[i].path_first ? count - 1 : 1] : NULL;
            options->path = count > 2 ? words[verbs[i].path_first ? 1 : 2] : NULL;
            return count - 1 >= verbs[i].least && count - 1 <= verbs[i].most;
        }
    }
    return false;
}

static int run(const ctl_command *command, int count, char **words) {
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'}, {"if-absent", no_argument, NULL, 'a'},
        {"keep", required_argument, NULL, 'k'},   {"older-than", required_argument, NULL, 'o'},
        {"dry-run", no_argument, NULL, 'd'},      {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    object_options options = {.config = "/etc/tributary/tributary-cloud.yaml"};
    bool counted = false;
    for (int option; (option = getopt_long(count, words, "c:h", known, NULL)) != -1;) {
        switch (option) {
        case 'c':
            options.config = optarg;
            break;
        case 'a':
            options.if_absent = true;
            break;
        case 'k':
            counted = true;
            if (!ctl_read_number(optarg, 0, MOST_KEPT, &options.expire.keep)) {
                return ctl_misused(command, "--keep %s: expected 0 to %d", optarg, MOST_KEPT);
            }
            break;
        case 'o':
            options.expire.by_age = true;
            if (!ctl_read_number(optarg, 0, MOST_DAYS, &options.expire.older_days)) {
                return ctl_misused(command, "--older-than %s: expected 0 to %d days", optarg,
                                   MOST_DAYS);
            }
            break;
        case 'd':
            options.expire.dry_run = true;
            break;
        case 'j':
            options.json = true;
            break;
        case 'h':
            return ctl_help(command);
        default:
            return ctl_misused(command, NULL);
        }
    }
    if (!take_words(&options, words + optind, count - optind)) {
        return ctl_misused(command, "expected list, verify, put, get, remove or expire, and what "
                                    "it takes");
    }
    if (strcmp(options.verb, "expire") == 0 && !counted && !options.expire.by_age) {
        return ctl_misused(command, "expire: expected --keep N, --older-than DAYS or both");
    }
    return ctl_finish(command->name, run_verb(&options));
}

const ctl_command ctl_object = {
    .name = "object",
    .summary = "look into a bucket, and verify what is there",
    .help =
        "Usage: tributary object [OPTION...] list [PREFIX]\n"
        "       tributary object [OPTION...] verify [PREFIX]\n"
        "       tributary object [OPTION...] put FILE KEY\n"
        "       tributary object [OPTION...] get KEY FILE\n"
        "       tributary object [OPTION...] remove KEY\n"
        "       tributary object [OPTION...] expire PREFIX\n\n"
        "Files, S3, Azure or Google Cloud Storage, as the config's `object` says\n"
        "(docs/object-storage.md). verify reads every object and compares it with the SHA-256\n"
        "that it was put with: exit status 1 if one is damaged. expire removes what is neither\n"
        "among the newest nor new enough, and names it: from cron, it is what retention is.\n\n"
        "  --config FILE      the cloud's, or any with an `object`\n"
        "                     (/etc/tributary/tributary-cloud.yaml)\n"
        "  --if-absent        put: fail if the key is there\n"
        "  --keep N           expire: the N newest stay\n"
        "  --older-than DAYS  expire: what is newer stays\n"
        "  --dry-run          expire: only say what would go\n"
        "  --json             list, verify, expire: one list of objects\n"
        "\nExamples:\n"
        "  tributary object list models/\n"
        "  tributary object --config bucket.yaml verify\n"
        "  tributary object put plant.safetensors models/plant.safetensors\n"
        "  tributary object expire events/prediction/ --older-than 90\n"
        "  tributary object expire federations/plant/models/ --keep 200 --older-than 30\n",
    .run = run,
};
