/* Models of a running tributary-cloud.
 *
 * errors   those of client.h;  TRIB_E_CORRUPT for a file that is not its digest
 * threads  one
 */
#ifndef CLOUD_CTL_REMOTE_MODEL_H
#define CLOUD_CTL_REMOTE_MODEL_H

#include "cloud/ctl/client.h"

/* Appends the model of this digest (64 hexadecimal digits), checked against it. */
TRIB_MUST_CHECK trib_status ctl_remote_model_fetch(ctl_client *client, const char *digest,
                                                   trib_buffer *ret_file);
/* What gateways predict with, of a row of a model or round list: "served", else the other key. */
const char *ctl_remote_model_served(const json_t *row, const char *other);

#endif
