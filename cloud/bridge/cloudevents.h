/* Inside this room: an event in the words of CloudEvents 1.0, by the Kafka protocol binding 1.0.2.
 *
 * Binary mode (section 3.2): the attributes are headers of the record, the body is its value.
 * Structured mode (3.3): both are its value. "partitionkey" is the record's key (3.1). A claim's
 * body is elsewhere; where, the extension "Dataref (Claim Check)" says.
 *
 * errors   those of trib_buffer_append; librdkafka ends the program without memory for headers
 * owns     nothing: headers are the caller's, who destroys them or gives them to librdkafka
 * threads  one
 */
#ifndef CLOUD_BRIDGE_CLOUDEVENTS_H
#define CLOUD_BRIDGE_CLOUDEVENTS_H

#include <librdkafka/rdkafka.h>

#include "cloud/bridge/event.h"

/* What most events share with the one before. */
typedef struct cloud_cloudevents {
    char source[80];
    char schema[80];
    cloud_bridge_topic topic; /* that the schema is of, if there is one */
    char date[32];            /* up to seconds, of time_s; "": none */
    uint64_t time_s;
} cloud_cloudevents;

/* Of the cloud that events come from: bridge.kafka.id. */
void cloud_cloudevents_init(cloud_cloudevents *shared, const char *id);
rd_kafka_headers_t *cloud_cloudevents_binary(cloud_cloudevents *shared,
                                             const cloud_bridge_event *event);
/* To what _binary has made: the body is there. */
void cloud_cloudevents_claim(rd_kafka_headers_t *headers, const char *reference);
/* NULL is fine. */
void cloud_cloudevents_destroy(rd_kafka_headers_t *headers);
/* The record's value, and its one header. */
TRIB_MUST_CHECK trib_status cloud_cloudevents_structured(cloud_cloudevents *shared,
                                                         const cloud_bridge_event *event,
                                                         trib_buffer *ret_value,
                                                         rd_kafka_headers_t **ret_headers);

#endif
