/* tributary backup, restore: a cloud's state into its bucket, and back. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cloud/archive/backup.h"
#include "cloud/ctl/command.h"
#include "cloud/ctl/json_value.h"
#include "cloud/object/settings.h"
#include "cloud/secrets/secrets.h"
#include "common/port/posix/system.h"

enum { PATH_SIZE = 1024, MOST_KEPT = 1000 };

typedef struct backup_options {
    const char *config, *keys, *name;
    bool json, list;
    uint64_t keep; /* 0: all */
} backup_options;

/* What both need of the cloud's config. */
typedef struct backup_scene {
    cloud_bucket *bucket;
    char state[PATH_SIZE];
    cloud_secrets secrets;
} backup_scene;

static void close_scene(backup_scene *scene) {
    if (scene->bucket != NULL) {
        scene->bucket->destroy(scene->bucket);
    }
    cloud_secrets_wipe(&scene->secrets);
}

static cloud_place place_of(const backup_scene *scene) {
    return (cloud_place){.disk = trib_posix_disk(),
                         .crypto = trib_crypto_host(),
                         .bucket = scene->bucket,
                         .signing = &scene->secrets.signing,
                         .id = scene->secrets.signing_id.text};
}

/* `keys`: the folder that has the cloud's; NULL: its state folder. */
static trib_status open_scene(const char *config, const char *keys, backup_scene *scene) {
    TRIB_SCOPED(trib_config_destroy_scoped) trib_config *document = NULL;
    trib_value state, object;
    TRIB_TRY(trib_config_load(config, &document));
    TRIB_TRY(trib_value_need(trib_config_root(document), "state", &state));
    TRIB_TRY(trib_value_path(state, config, scene->state, sizeof scene->state));
    TRIB_TRY(trib_value_need(trib_config_root(document), "object", &object));
    trib_status status = cloud_secrets_find(trib_crypto_host(), trib_posix_disk(),
                                            keys != NULL ? keys : scene->state, &scene->secrets);
    TRIB_TRY(trib_context(status, "the cloud's keys"));
    return cloud_bucket_open(object, config, trib_posix_disk(), trib_posix_clock(), &scene->bucket);
}

static uint64_t seed_of(const backup_scene *scene) {
    return cloud_secrets_seed(trib_crypto_host(), &scene->secrets, "tributary/v1 ledger");
}

/* ---- backup ---- */

static trib_status print_name(void *context, const char *name) {
    if (context != NULL) {
        (void)json_array_append_new(context, json_string(name));
    } else {
        (void)puts(name);
    }
    return TRIB_SUCCESS;
}

static trib_status list(const cloud_place *place, bool json) {
    TRIB_SCOPED(ctl_json_release) json_t *names = json ? json_array() : NULL;
    TRIB_TRY(cloud_backup_list(place, print_name, names));
    if (json) {
        ctl_json_print(json_incref(names));
    }
    return TRIB_SUCCESS;
}

static trib_status back_up(const backup_options *options) {
    TRIB_SCOPED(close_scene) backup_scene scene = {.bucket = NULL};
    cloud_backup backup;
    size_t removed = 0;
    TRIB_TRY(open_scene(options->config, NULL, &scene));
    const cloud_place place = place_of(&scene);
    if (options->list) {
        return list(&place, options->json);
    }
    TRIB_TRY(cloud_backup_make(&place, scene.state, seed_of(&scene),
                               trib_wall_ms(trib_posix_clock()), &backup));
    if (options->keep > 0) {
        TRIB_TRY(cloud_backup_expire(&place, (size_t)options->keep, &removed));
    }
    if (options->json) {
        ctl_json_print(json_pack("{s:s,s:I,s:I,s:I,s:I}", "name", backup.name, "position",
                                 (json_int_t)backup.position, "end", (json_int_t)backup.end,
                                 "objects", (json_int_t)backup.objects, "removed",
                                 (json_int_t)removed));
    } else {
        (void)printf("%s: up to record %" PRIu64 ", %" PRIu64 " objects; %zu older removed\n",
                     backup.name, backup.end, backup.objects, removed);
    }
    return TRIB_SUCCESS;
}

static int run_backup(const ctl_command *command, int count, char **words) {
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'}, {"keep", required_argument, NULL, 'k'},
        {"list", no_argument, NULL, 'l'},         {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    backup_options options = {.config = "/etc/tributary/tributary-cloud.yaml"};
    for (int option; (option = getopt_long(count, words, "c:h", known, NULL)) != -1;) {
        switch (option) {
        case 'c':
            options.config = optarg;
            break;
        case 'k':
            if (!ctl_read_number(optarg, 1, MOST_KEPT, &options.keep)) {
                return ctl_misused(command, "--keep %s: expected 1 to %d", optarg, MOST_KEPT);
            }
            break;
        case 'l':
            options.list = true;
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
    if (optind < count) {
        return ctl_misused(command, "unexpected '%s'", words[optind]);
    }
    return ctl_finish(command->name, back_up(&options));
}

const ctl_command ctl_backup = {
    .name = "backup",
    .summary = "put a cloud's state into its bucket, while it runs",
    .help =
        "Usage: tributary backup [OPTION...]\n\n"
        "Puts the view, the ledger and the models that the cloud goes on from into the bucket\n"
        "of its config's `object`. Run it where the cloud runs, as its user; the cloud goes on\n"
        "meanwhile. Keys are not put: copy signing.pem, agreement.pem and master.key from the\n"
        "state folder once, to a safe place.\n\n"
        "  --config FILE      the cloud's (/etc/tributary/tributary-cloud.yaml)\n"
        "  --keep N           afterwards, remove all but the N newest backups\n"
        "  --list             only the names of those that there are, oldest first\n"
        "  --json             {\"name\", \"position\", \"end\", \"objects\", \"removed\"}, or a "
        "list\n"
        "\nExamples:\n"
        "  tributary backup --keep 30\n"
        "  tributary backup --list\n",
    .run = run_backup,
};

/* ---- restore ---- */

static trib_status refuse_name(void *context, const char *name) {
    return TRIB_FAIL(TRIB_E_STATE, "%s is not empty (%.100s): a restore is into an empty one",
                     (const char *)context, name);
}

/* Beside the state folder, which it becomes at once when it is whole. */
static trib_status restore_into(const backup_scene *scene, const char *keys, const char *fresh,
                                const char *name, cloud_backup *ret_backup) {
    trib_disk *disk = trib_posix_disk();
    const cloud_place place = place_of(scene);
    TRIB_TRY(disk->make_folder(disk, fresh));
    TRIB_TRY(trib_context(disk->list(disk, fresh, refuse_name, (void *)(uintptr_t)fresh),
                          "what a restore that was cut off has left is in the way: remove it"));
    TRIB_TRY(cloud_secrets_copy(disk, keys, fresh));
    TRIB_TRY(cloud_backup_restore(&place, fresh, seed_of(scene), name, ret_backup));
    if (rmdir(scene->state) != 0 && errno != ENOENT) {
        return TRIB_FAIL(TRIB_E_IO, "%s: %s", scene->state, strerror(errno));
    }
    return disk->rename(disk, fresh, scene->state);
}

static trib_status restore(const backup_options *options) {
    TRIB_SCOPED(close_scene) backup_scene scene = {.bucket = NULL};
    char fresh[PATH_SIZE + 16];
    cloud_backup backup;
    trib_disk *disk = trib_posix_disk();
    TRIB_TRY(open_scene(options->config, options->keys, &scene));
    trib_status status = disk->list(disk, scene.state, refuse_name, scene.state);
    if (status.code != TRIB_E_NOT_FOUND) {
        TRIB_TRY(status);
    }
    (void)snprintf(fresh, sizeof fresh, "%s.restoring", scene.state);
    TRIB_TRY(restore_into(&scene, options->keys, fresh, options->name, &backup));
    if (options->json) {
        ctl_json_print(json_pack("{s:s,s:I,s:I,s:I,s:I}", "name", backup.name, "position",
                                 (json_int_t)backup.position, "end", (json_int_t)backup.end,
                                 "objects", (json_int_t)backup.objects, "incarnation",
                                 (json_int_t)backup.incarnation));
    } else {
        (void)printf("%s: the ledger goes on after record %" PRIu64 ", in incarnation %" PRIu64
                     ". Start the cloud; gateways join again by themselves.\n",
                     backup.name, backup.end, backup.incarnation);
    }
    return TRIB_SUCCESS;
}

static int run_restore(const ctl_command *command, int count, char **words) {
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'}, {"keys", required_argument, NULL, 'k'},
        {"backup", required_argument, NULL, 'b'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    backup_options options = {.config = "/etc/tributary/tributary-cloud.yaml"};
    for (int option; (option = getopt_long(count, words, "c:h", known, NULL)) != -1;) {
        switch (option) {
        case 'c':
            options.config = optarg;
            break;
        case 'k':
            options.keys = optarg;
            break;
        case 'b':
            options.name = optarg;
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
    if (optind < count || options.keys == NULL) {
        return ctl_misused(command, "expected --keys FOLDER, and nothing else");
    }
    return ctl_finish(command->name, restore(&options));
}

const ctl_command ctl_restore = {
    .name = "restore",
    .summary = "make an empty cloud go on where a backup and the archive end",
    .help = "Usage: tributary restore --keys FOLDER [OPTION...]\n\n"
            "Makes the state folder of the cloud's config, which must be empty or not there, from\n"
            "a backup and from what the archive has of the ledger since then. The cloud that it\n"
            "was made of must never run again. It goes on under another incarnation: gateways\n"
            "join again, and no number is used twice.\n\n"
            "  --keys FOLDER      signing.pem, agreement.pem and master.key of the lost cloud\n"
            "  --config FILE      the cloud's (/etc/tributary/tributary-cloud.yaml)\n"
            "  --backup NAME      this one, not the newest (see `tributary backup --list`)\n"
            "  --json             {\"name\", \"position\", \"end\", \"objects\", \"incarnation\"}\n"
            "\nExamples:\n"
            "  tributary restore --keys /root/tributary-keys\n",
    .run = run_restore,
};
