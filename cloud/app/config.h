/* tributary-cloud's own config file. docs/cloud-config.md is the reference.
 *
 * errors   TRIB_E_ARGUMENT with file, line and key
 * owns     the bridge's settings and the bucket; a copy shares them
 * threads  one
 */
#ifndef CLOUD_APP_CONFIG_H
#define CLOUD_APP_CONFIG_H

#include <stdint.h>

#include "cloud/bridge/settings.h"
#include "common/base/span.h"
#include "common/log/log.h"

enum { CLOUD_PATH_SIZE = 512 };

typedef struct cloud_config {
    char state[CLOUD_PATH_SIZE]; /* folder */
    char broker_uri[CLOUD_PATH_SIZE];
    char broker_ca[CLOUD_PATH_SIZE];
    char broker_certificate[CLOUD_PATH_SIZE];
    char broker_key[CLOUD_PATH_SIZE];
    char authorities[CLOUD_PATH_SIZE]; /* PEM: who may vouch for gateways */
    char api_host[64];
    uint16_t api_port;
    char api_token_file[CLOUD_PATH_SIZE];
    trib_log_format log_format;
    trib_log_level log_level;
    cloud_bridge_settings bridge;
    struct cloud_bucket *bucket; /* where models go as well; NULL: nowhere */
    bool archive_ledger;         /* and closed segments of the ledger */
    uint64_t segment_bytes;      /* after which one is closed */
    bool archive_events;         /* and what gateways said, in batches */
    uint32_t batch_s;            /* after whose first event one is put */
    uint64_t keep_bytes;         /* of the ledger on this disk, what is in the bucket; 0: all */
} cloud_config;

TRIB_MUST_CHECK trib_status cloud_config_load(const char *path, cloud_config *ret_config);
/* The same from text; `path` stands in complaints, and its folder before relative paths. */
TRIB_MUST_CHECK trib_status cloud_config_parse(const char *path, trib_bytes text,
                                               cloud_config *ret_config);
void cloud_config_deinit(cloud_config *config); /* of what was loaded; secrets are wiped */

#endif
