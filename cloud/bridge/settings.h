/* The `bridge` map of the cloud's config file: docs/bridge.md is the reference.
 *
 * errors   TRIB_E_ARGUMENT with file, line, key and what librdkafka says of a setting of its own
 * owns     plain data. Values may be secrets, which are never printed
 * threads  pure
 */
#ifndef CLOUD_BRIDGE_SETTINGS_H
#define CLOUD_BRIDGE_SETTINGS_H

#include "common/config/config.h"

enum {
    CLOUD_KAFKA_MAX_SETTINGS = 64,
    CLOUD_KAFKA_KEY_SIZE = 80,
    CLOUD_KAFKA_VALUE_SIZE = 4096, /* a key in PEM, say */
    CLOUD_TOPIC_SIZE = 250         /* Kafka's own limit is 249 characters */
};

typedef struct cloud_kafka_setting {
    char key[CLOUD_KAFKA_KEY_SIZE];
    char *value; /* owned */
} cloud_kafka_setting;

typedef struct cloud_bridge_settings {
    bool kafka;      /* there is something to bridge to */
    char id[64];     /* of this cloud among those that share a Kafka; "": from its signing key */
    char prefix[64]; /* of topics: tributary */
    uint32_t partitions, replication; /* of topics that setup makes: 6, 1 */
    bool structured;                  /* CloudEvents in structured mode, not binary */
    uint64_t outbox_bytes;            /* 1 GiB */
    uint64_t claim_bytes; /* a larger body goes to the bucket, where there is one: 512 KiB */
    bool claims_wanted;   /* the config says claim_check_kib: there must be a bucket */
    cloud_kafka_setting settings[CLOUD_KAFKA_MAX_SETTINGS]; /* librdkafka's */
    size_t setting_count;
} cloud_bridge_settings;

/* `map` may be absent. Secrets are read from where the config says: relative paths are below the
 * folder of `file`. Free with _deinit, also after a failure. */
TRIB_MUST_CHECK trib_status cloud_bridge_settings_read(trib_value map, const char *file,
                                                       cloud_bridge_settings *ret_settings);
void cloud_bridge_settings_deinit(cloud_bridge_settings *settings);

#endif
