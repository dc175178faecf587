#include "cloud/bridge/cloudevents_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

void expect_header(const rd_kafka_headers_t *headers, const char *name, const char *value) {
    const void *found;
    size_t size;
    assert_int_equal(rd_kafka_header_get_last(headers, name, &found, &size),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(size, strlen(value));
    assert_memory_equal(found, value, size);
}
