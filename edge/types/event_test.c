#include "edge/types/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "edge/types/batch.h"
#include "edge/types/detector.h"

static edge_event last;
static int taken;

static void take(void *context, const edge_event *event) {
    assert_ptr_equal(context, &taken);
    last = *event;
    taken++;
}

static void an_event_reaches_its_sink_with_its_text(void **state) {
    (void)state;
    const edge_event_sink sink = {take, &taken};
    taken = 0;
    edge_event_say(&sink,
                   (edge_event){.kind = EDGE_EVENT_LINE_REFUSED,
                                .level = EDGE_EVENT_WARN,
                                .room = "source",
                                .count = 3},
                   "%s:%d: bad", "a.csv", 7);
    assert_int_equal(taken, 1);
    assert_string_equal(last.text, "a.csv:7: bad");
    assert_string_equal(last.room, "source");
    assert_int_equal(last.count, 3);
    assert_int_equal(last.kind, EDGE_EVENT_LINE_REFUSED);
}

static void a_long_text_is_cut(void **state) {
    (void)state;
    char text[2 * EDGE_EVENT_TEXT_SIZE];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const edge_event_sink sink = {take, &taken};
    edge_event_say(&sink, (edge_event){.kind = EDGE_EVENT_SOURCE_ENDED}, "%s", text);
    assert_int_equal(strlen(last.text), EDGE_EVENT_TEXT_SIZE - 1);
}

static void without_a_sink_nothing_happens(void **state) {
    (void)state;
    taken = 0;
    const edge_event_sink none = {NULL, NULL};
    edge_event_say(&none, (edge_event){.kind = EDGE_EVENT_SOURCE_ENDED}, "unheard");
    assert_int_equal(taken, 0);
}

static void every_kind_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int i = EDGE_EVENT_SOURCE_STARTED; i <= EDGE_EVENT_SENSE_FAILED; i++) {
        assert_string_not_equal(edge_event_name((edge_event_kind)i), "unknown");
        for (int j = EDGE_EVENT_SOURCE_STARTED; j < i; j++) {
            assert_string_not_equal(edge_event_name((edge_event_kind)i),
                                    edge_event_name((edge_event_kind)j));
        }
    }
}

static void destructors_take_nothing(void **state) {
    (void)state;
    edge_batch_destroy(NULL);
    edge_batch *batch = edge_batch_create();
    assert_non_null(batch);
    assert_int_equal(batch->count, 0);
    edge_batch_drop(batch);
    edge_detector none = {.threshold = 3};
    edge_detector_deinit(&none);
    assert_true(none.threshold == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_reaches_its_sink_with_its_text),
        cmocka_unit_test(a_long_text_is_cut),
        cmocka_unit_test(without_a_sink_nothing_happens),
        cmocka_unit_test(every_kind_has_a_name_of_its_own),
        cmocka_unit_test(destructors_take_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
