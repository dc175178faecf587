/* What tests of this room ask of a record's headers.
 *
 * errors   a test that fails
 * owns     nothing
 * threads  one
 */
#ifndef CLOUD_BRIDGE_CLOUDEVENTS_FIXTURE_H
#define CLOUD_BRIDGE_CLOUDEVENTS_FIXTURE_H

#include <librdkafka/rdkafka.h>

/* There is such a header, and it says that. */
void expect_header(const rd_kafka_headers_t *headers, const char *name, const char *value);

#endif
