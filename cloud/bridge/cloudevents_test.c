#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <jansson.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/bridge/cloudevents.h"
#include "cloud/bridge/cloudevents_fixture.h"

static cloud_cloudevents shared;

static int begin(void **state) {
    (void)state;
    cloud_cloudevents_init(&shared, "east");
    return 0;
}

static cloud_bridge_event event_at(uint64_t time_ms) {
    static const char body[] = "{\"gateway\":\"press-1\",\"label\":\"a \\\"b\\\"\"}";
    return (cloud_bridge_event){.topic = CLOUD_TOPIC_PREDICTION,
                                .time_ms = time_ms,
                                .federation = "plant",
                                .key = "press-1",
                                .type = "tributary.prediction.made",
                                .id = "prediction-7",
                                .body = trib_bytes_text(body)};
}

/* What the event says in structured mode, parsed. */
static json_t *structured(const cloud_bridge_event *event) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer value = {.ceiling = 4096};
    rd_kafka_headers_t *headers = NULL;
    json_error_t why;
    assert_true(trib_ok(cloud_cloudevents_structured(&shared, event, &value, &headers)));
    expect_header(headers, "content-type", "application/cloudevents+json; charset=UTF-8");
    assert_int_equal(rd_kafka_header_cnt(headers), 1);
    cloud_cloudevents_destroy(headers);
    json_t *map = json_loadb((const char *)value.data, value.size, JSON_REJECT_DUPLICATES, &why);
    assert_true(json_is_object(map));
    return map;
}

static void expect_attribute(const json_t *map, const char *name, const char *value) {
    const char *found = json_string_value(json_object_get(map, name));
    assert_non_null(found);
    assert_string_equal(found, value);
}

/* "ce_" before the names in binary mode. */
static const char *const attributes[][2] = {{"specversion", "1.0"},
                                            {"id", "prediction-7"},
                                            {"source", "/tributary/east"},
                                            {"type", "tributary.prediction.made"},
                                            {"time", "2027-01-15T08:00:00.003Z"},
                                            {"subject", "press-1"},
                                            {"dataschema", "urn:tributary:schemas:prediction:1"}};

enum { ATTRIBUTES = sizeof attributes / sizeof attributes[0] };

static void attributes_are_headers_in_binary_mode(void **state) {
    (void)state;
    cloud_bridge_event event = event_at(1800000000003);
    rd_kafka_headers_t *headers = cloud_cloudevents_binary(&shared, &event);
    expect_header(headers, "content-type", "application/json");
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "ce_%s", attributes[i][0]);
        expect_header(headers, name, attributes[i][1]);
    }
    assert_int_equal(rd_kafka_header_cnt(headers), ATTRIBUTES + 1);
    cloud_cloudevents_claim(headers, "claims/a");
    expect_header(headers, "ce_dataref", "claims/a");
    cloud_cloudevents_destroy(headers);
    cloud_cloudevents_destroy(NULL);
}

static void attributes_and_body_are_the_value_in_structured_mode(void **state) {
    (void)state;
    cloud_bridge_event event = event_at(1800000000003);
    json_t *map = structured(&event);
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        expect_attribute(map, attributes[i][0], attributes[i][1]);
    }
    expect_attribute(map, "datacontenttype", "application/json");
    expect_attribute(json_object_get(map, "data"), "label", "a \"b\"");
    assert_int_equal(json_object_size(map), ATTRIBUTES + 2);
    json_decref(map);
}

static void a_claim_has_no_data_in_structured_mode(void **state) {
    (void)state;
    cloud_bridge_event event = event_at(1);
    event.claim = "claims/a";
    json_t *map = structured(&event);
    expect_attribute(map, "dataref", "claims/a");
    assert_null(json_object_get(map, "data"));
    json_decref(map);
}

/* What is kept of the event before is not told of the next. */
static void each_event_has_its_own_time_and_schema(void **state) {
    static const uint64_t times[] = {1800000000003, 1800000000999, 1800000001000, 5};
    static const char *const said[] = {"2027-01-15T08:00:00.003Z", "2027-01-15T08:00:00.999Z",
                                       "2027-01-15T08:00:01.000Z", "1970-01-01T00:00:00.005Z"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        cloud_bridge_event event = event_at(times[i]);
        event.topic = i % 2 == 0 ? CLOUD_TOPIC_AUDIT : CLOUD_TOPIC_ALERT;
        rd_kafka_headers_t *headers = cloud_cloudevents_binary(&shared, &event);
        expect_header(headers, "ce_time", said[i]);
        expect_header(headers, "ce_dataschema",
                      i % 2 == 0 ? "urn:tributary:schemas:audit:1"
                                 : "urn:tributary:schemas:alert:1");
        cloud_cloudevents_destroy(headers);
    }
}

static void a_value_past_its_ceiling_is_an_error(void **state) {
    (void)state;
    cloud_bridge_event event = event_at(1);
    rd_kafka_headers_t *headers = NULL;
    for (size_t most = 0; most < 200; most += 20) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer value = {.ceiling = most};
        assert_int_equal(cloud_cloudevents_structured(&shared, &event, &value, &headers).code,
                         TRIB_E_LIMIT);
        assert_null(headers);
    }
}

#define CASE(test) cmocka_unit_test_setup(test, begin)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(attributes_are_headers_in_binary_mode),
        CASE(attributes_and_body_are_the_value_in_structured_mode),
        CASE(a_claim_has_no_data_in_structured_mode),
        CASE(each_event_has_its_own_time_and_schema),
        CASE(a_value_past_its_ceiling_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
