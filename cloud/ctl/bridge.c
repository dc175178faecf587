/* tributary bridge: the topics that the cloud's bridge writes to. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cloud/bridge/kafka.h"
#include "cloud/ctl/command.h"
#include "cloud/ctl/json_value.h"

enum { MOST_FEDERATIONS = 64 };

typedef struct bridge_options {
    const char *config;
    bool json, count_events;
    const char *const *federations;
    size_t count;
} bridge_options;

typedef struct bridge_told {
    bool json;
    json_t *topics;
    size_t made;
} bridge_told;

static void tell_topic(void *context, const char *topic, bool made) {
    bridge_told *told = context;
    told->made += made;
    if (told->json) {
        (void)json_array_append_new(told->topics,
                                    json_pack("{s:s,s:b}", "topic", topic, "made", made));
    } else {
        (void)printf("%-40s %s\n", topic, made ? "made" : "is there");
    }
}

static void tell_count(void *context, const char *topic, uint64_t events) {
    bridge_told *told = context;
    if (told->json) {
        (void)json_array_append_new(
            told->topics, json_pack("{s:s,s:I}", "topic", topic, "events", (json_int_t)events));
    } else {
        (void)printf("%-40s %10" PRIu64 "\n", topic, events);
    }
}

static trib_status carry_out(const bridge_options *options, cloud_bridge_settings *settings) {
    TRIB_SCOPED(trib_config_destroy_scoped) trib_config *document = NULL;
    TRIB_SCOPED(ctl_json_release) json_t *topics = json_array();
    trib_value bridge;
    TRIB_TRY(trib_config_load(options->config, &document));
    TRIB_TRY(trib_value_need(trib_config_root(document), "bridge", &bridge));
    TRIB_TRY(cloud_bridge_settings_read(bridge, options->config, settings));
    bridge_told told = {options->json, topics, 0};
    if (options->count_events) {
        TRIB_TRY(cloud_kafka_count(settings, tell_count, &told));
    } else {
        TRIB_TRY(
            cloud_kafka_setup(settings, options->federations, options->count, tell_topic, &told));
    }
    if (options->json) {
        ctl_json_print(json_incref(topics));
    } else if (!options->count_events) {
        (void)printf("%zu made, with %u partitions and %u replicas\n", told.made,
                     settings->partitions, settings->replication);
    }
    return TRIB_SUCCESS;
}

static int run(const ctl_command *command, int count, char **words) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    bridge_options wanted = {.config = "/etc/tributary/tributary-cloud.yaml"};
    cloud_bridge_settings settings = {.kafka = false};
    for (int option; (option = getopt_long(count, words, "c:h", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            wanted.config = optarg;
            break;
        case 'j':
            wanted.json = true;
            break;
        case 'h':
            return ctl_help(command);
        default:
            return ctl_misused(command, NULL);
        }
    }
    wanted.count_events = optind + 1 == count && strcmp(words[optind], "count") == 0;
    if (!wanted.count_events && (optind >= count || strcmp(words[optind], "setup") != 0)) {
        return ctl_misused(command, "expected 'count', or 'setup' and the names of federations");
    }
    wanted.federations = (const char *const *)words + optind + 1;
    wanted.count = (size_t)(count - optind - 1);
    if (!wanted.count_events && (wanted.count == 0 || wanted.count > MOST_FEDERATIONS)) {
        return ctl_misused(command, "expected the names of 1 to %d federations", MOST_FEDERATIONS);
    }
    trib_status status = carry_out(&wanted, &settings);
    cloud_bridge_settings_deinit(&settings);
    if (!trib_ok(status)) {
        (void)fprintf(stderr, "tributary bridge: %s\n", trib_message());
        return CTL_FAILED;
    }
    return CTL_DONE;
}

const ctl_command ctl_bridge = {
    .name = "bridge",
    .summary = "make the Kafka topics that a cloud writes to, and count what is in them",
    .help =
        "Usage: tributary bridge setup [OPTION...] FEDERATION...\n"
        "       tributary bridge count [OPTION...]\n\n"
        "setup makes the topics of these federations, and those of the bridge itself, with the\n"
        "partitions and replicas of the cloud's config. What is there is left as it is.\n"
        "The cloud never makes a topic.\n\n"
        "count reads every topic under the cloud's prefix to its end, and says how many\n"
        "committed events there are: more than a look where there are millions.\n\n"
        "  --config FILE      the cloud's (/etc/tributary/tributary-cloud.yaml)\n"
        "  --json             one list of {\"topic\", \"made\"}, or of {\"topic\", \"events\"}\n"
        "\nExamples:\n"
        "  tributary bridge setup --config cloud.yaml plant\n"
        "  tributary bridge setup press-line paint-line\n"
        "  tributary bridge count --config cloud.yaml\n",
    .run = run,
};
