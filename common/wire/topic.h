/* Topics: identity early, so that a broker's ACL can pin a gateway to its own.
 *
 *     tributary/v1/<federation>/<gateway>/up/{status,join,update,prediction,alert,telemetry}
 *     tributary/v1/<federation>/<gateway>/down/{welcome,receipt,command}
 *     tributary/v1/<federation>/all/{federation,round,release}      retained
 *     tributary/v1/<federation>/all/object/<id>/<n>                 retained
 *
 * threads  pure
 */
#ifndef TRIB_WIRE_TOPIC_H
#define TRIB_WIRE_TOPIC_H

#include "common/base/span.h"

enum { TRIB_NAME_SIZE = 64, TRIB_TOPIC_SIZE = 256 };

/* Numbers are part of the sealed frame: add at the end, never renumber. */
typedef enum trib_topic_kind {
    TRIB_TOPIC_UP_STATUS = 1,
    TRIB_TOPIC_UP_JOIN,
    TRIB_TOPIC_UP_UPDATE,
    TRIB_TOPIC_UP_PREDICTION,
    TRIB_TOPIC_UP_ALERT,
    TRIB_TOPIC_UP_TELEMETRY,
    TRIB_TOPIC_DOWN_WELCOME,
    TRIB_TOPIC_DOWN_RECEIPT,
    TRIB_TOPIC_DOWN_COMMAND,
    TRIB_TOPIC_ALL_FEDERATION,
    TRIB_TOPIC_ALL_ROUND,
    TRIB_TOPIC_ALL_RELEASE,
    TRIB_TOPIC_ALL_OBJECT,
    TRIB_TOPIC_KIND_END
} trib_topic_kind;

typedef struct trib_topic {
    trib_topic_kind kind;
    char federation[TRIB_NAME_SIZE];
    char gateway[TRIB_NAME_SIZE]; /* "" for all/ */
    uint8_t object_id[16];        /* all/object */
    uint32_t chunk;               /* all/object */
} trib_topic;

/* [a-z0-9-]{1,63}, and not "all". */
bool trib_topic_name_valid(const char *name);

/* Into ret_text [TRIB_TOPIC_SIZE]; names must be valid. */
void trib_topic_format(const trib_topic *topic, char *ret_text);
/* TRIB_E_CORRUPT for anything that trib_topic_format would not have written. */
TRIB_MUST_CHECK trib_status trib_topic_parse(const char *text, size_t length,
                                             trib_topic *ret_topic);

#endif
