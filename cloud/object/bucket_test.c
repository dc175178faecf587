/* What of object storage needs no server: keys, encodings, signatures, schedules, readers of
 * answers, and files on a disk that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/object/answers.h"
#include "cloud/object/azure_sign.h"
#include "cloud/object/backends.h"
#include "cloud/object/order.h"
#include "cloud/object/remote.h"
#include "cloud/object/settings.h"
#include "tests/sim/disk/disk.h"

static void keys_are_checked(void **state) {
    (void)state;
    static const char *const good[] = {
        "a",         "a/b", ".hidden", "..a", "a b+%&=#?~\"'", "\xc3\xa4", "\xf0\x9f\x8c\x8a",
        ".tributary"};
    static const char *const bad[] = {"",
                                      "/a",
                                      "a/",
                                      "a//b",
                                      ".",
                                      "..",
                                      "a/../b",
                                      "a./b",
                                      "a\\b",
                                      "a\nb",
                                      "\x7f",
                                      "\xc3",
                                      "\xc0\xaf",
                                      "\xed\xa0\x80",
                                      "\xff",
                                      "\xc2\x85",
                                      "\xf4\x90\x80\x80",
                                      ".tributary/parts/x"};
    char longest[CLOUD_KEY_SIZE + 1];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(trib_ok(cloud_bucket_key_check(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(cloud_bucket_key_check(bad[i]).code, TRIB_E_ARGUMENT);
    }
    memset(longest, 'k', sizeof longest);
    longest[CLOUD_KEY_SIZE] = '\0';
    assert_int_equal(cloud_bucket_key_check(longest).code, TRIB_E_ARGUMENT);
    longest[CLOUD_KEY_SIZE - 1] = '\0';
    assert_true(trib_ok(cloud_bucket_key_check(longest)));
}

static void base64_and_percent_are_as_published(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    static const char *const broken[] = {"Zg=", "Z===", "Zg==Zg==", "Zm9%", "====", "Zg\n="};
    char text[64], bytes[64];
    size_t size;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        cloud_base64(trib_bytes_text(pairs[i][0]), text);
        assert_string_equal(text, pairs[i][1]);
        assert_true(trib_ok(cloud_unbase64(text, (uint8_t *)bytes, sizeof bytes, &size)));
        assert_int_equal(size, strlen(pairs[i][0]));
        assert_memory_equal(bytes, pairs[i][0], size);
    }
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_equal(cloud_unbase64(broken[i], (uint8_t *)bytes, sizeof bytes, &size).code,
                         TRIB_E_CORRUPT);
    }
    assert_int_equal(cloud_unbase64("Zm9vYmFy", (uint8_t *)bytes, 5, &size).code, TRIB_E_LIMIT);
    cloud_base64url(trib_bytes_of("\xfb\xff\xfe", 3), text);
    assert_string_equal(text, "-__-");
    assert_true(trib_ok(cloud_percent_text("a/b c+%~\xc3\xa4", true, text, sizeof text)));
    assert_string_equal(text, "a/b%20c%2B%25~%C3%A4");
    assert_true(trib_ok(cloud_percent_text("a/b", false, text, sizeof text)));
    assert_string_equal(text, "a%2Fb");
    assert_int_equal(cloud_percent_text("a/b", false, text, 5).code, TRIB_E_LIMIT);
}

/* Microsoft, "Authorize with Shared Key": the example of Get Container Metadata. */
static void azures_published_example_is_signed(void **state) {
    (void)state;
    TRIB_SCOPED(cloud_request_destroy) http_request *request = cloud_request_create("GET");
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = 4096};
    (void)snprintf(
        request->url, sizeof request->url, "%s",
        "https://myaccount.blob.core.windows.net/mycontainer?timeout=20&restype=container"
        "&comp=metadata");
    http_header(request, "x-ms-version: 2015-02-21");
    http_header(request, "x-ms-date: Fri, 26 Jun 2015 23:39:12 GMT");
    assert_true(trib_ok(azure_string_to_sign(request, "myaccount", &text)));
    static const char expected[] = "GET\n\n\n\n\n\n\n\n\n\n\n\n"
                                   "x-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
                                   "x-ms-version:2015-02-21\n"
                                   "/myaccount/mycontainer\ncomp:metadata\nrestype:container\n"
                                   "timeout:20";
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
    char date[32];
    azure_date(1435361952000, date);
    assert_string_equal(date, "Fri, 26 Jun 2015 23:39:12 GMT");
    (void)snprintf(request->url, sizeof request->url, "https://a/b?c=%%4");
    assert_int_equal(azure_string_to_sign(request, "a", &text).code, TRIB_E_CORRUPT);
}

/* ---- retries ---- */

typedef struct fake_time {
    uint64_t now_ms, slept_ms;
    uint32_t sleeps;
} fake_time;

static uint64_t fake_now(void *context) {
    return ((fake_time *)context)->now_ms;
}
static uint32_t draw_most(void *context, uint32_t bound) {
    (void)context;
    return bound - 1;
}
static void fake_sleep(void *context, uint32_t ms) {
    fake_time *time = context;
    time->now_ms += ms;
    time->slept_ms = ms;
    time->sleeps++;
}

static void pauses_double_up_to_the_longest_and_tries_end(void **state) {
    (void)state;
    fake_time time = {.now_ms = 1000};
    trib_clock clock = {fake_now, fake_now, &time};
    cloud_wait wait = {&clock, draw_most, fake_sleep, &time};
    cloud_retry retry = {.tries = 6, .first_ms = 100, .most_ms = 500};
    static const uint64_t pauses[] = {99, 199, 399, 499, 499};
    cloud_schedule schedule;
    assert_true(trib_ok(cloud_retry_fill(&retry)));
    cloud_schedule_init(&schedule, &retry, &wait);
    for (size_t i = 0; i < 5; i++) {
        assert_true(cloud_schedule_again(&schedule, 0));
        assert_int_equal(time.slept_ms, pauses[i]);
    }
    assert_false(cloud_schedule_again(&schedule, 0));
    assert_int_equal(time.sleeps, 5);
}

static void the_budget_ends_tries_and_servers_may_ask_for_pauses(void **state) {
    (void)state;
    fake_time time = {.now_ms = 0};
    trib_clock clock = {fake_now, fake_now, &time};
    cloud_wait wait = {&clock, draw_most, fake_sleep, &time};
    cloud_retry retry = {.tries = 1000, .first_ms = 10, .most_ms = 2000, .budget_ms = 5000};
    cloud_schedule schedule;
    assert_true(trib_ok(cloud_retry_fill(&retry)));
    cloud_schedule_init(&schedule, &retry, &wait);
    assert_true(cloud_schedule_again(&schedule, 1500));
    assert_int_equal(time.slept_ms, 1500);
    assert_true(cloud_schedule_again(&schedule, 999999)); /* no more than the longest */
    assert_int_equal(time.slept_ms, 2000);
    assert_false(cloud_schedule_again(&schedule, 1600)); /* would end past the budget */
    time.now_ms = 5000;
    assert_false(cloud_schedule_again(&schedule, 0));
    cloud_retry many = {.connections = CLOUD_BUCKET_MAX_CONNECTIONS + 1};
    assert_int_equal(cloud_retry_fill(&many).code, TRIB_E_ARGUMENT);
}

static void parts_are_planned_within_their_limits(void **state) {
    (void)state;
    size_t part;
    uint32_t count;
    assert_true(trib_ok(cloud_parts_plan(0, &part, &count)) && count == 1);
    assert_true(trib_ok(cloud_parts_plan(CLOUD_BUCKET_PART_BYTES, &part, &count)) && count == 1);
    assert_true(trib_ok(cloud_parts_plan(CLOUD_BUCKET_PART_BYTES + 1, &part, &count)));
    assert_int_equal(count, 2);
    for (uint64_t size = 1ULL << 30; size < 1ULL << 40; size = size * 3 + 1) {
        assert_true(trib_ok(cloud_parts_plan(size, &part, &count)));
        assert_true(count <= CLOUD_BUCKET_MAX_PARTS && (uint64_t)count * part >= size &&
                    (uint64_t)(count - 1) * part < size);
    }
    assert_int_equal(cloud_parts_plan(1ULL << 42, &part, &count).code, TRIB_E_LIMIT);
}

/* ---- answers ---- */

static trib_status read_page(answer_kind kind, const char *text, answer_page *page) {
    return answer_page_read(kind, trib_bytes_text(text), page);
}

static void listings_are_read(void **state) {
    (void)state;
    TRIB_SCOPED(answer_page_deinit) answer_page page;
    answer_page_init(&page);
    assert_true(trib_ok(read_page(
        ANSWER_S3_OBJECTS,
        "<ListBucketResult xmlns=\"x\"><IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;"
        "</NextContinuationToken><Contents><Key>a &lt;b</Key><Size>12</Size><LastModified>"
        "1970-01-02T00:00:00.000Z</LastModified><Owner><ID>9</ID></Owner></Contents>"
        "</ListBucketResult>",
        &page)));
    assert_int_equal(page.count, 1);
    assert_string_equal(answer_page_at(&page, 0)->name, "a <b");
    assert_int_equal(answer_page_at(&page, 0)->size, 12);
    assert_int_equal(answer_page_at(&page, 0)->modified_ms, 86400000);
    assert_string_equal(page.next, "t&");
    assert_true(trib_ok(read_page(ANSWER_GCS_OBJECTS,
                                  "{\"items\":[{\"name\":\"k\",\"size\":\"5\",\"updated\":"
                                  "\"1970-01-01T00:00:01Z\"}],\"nextPageToken\":\"n\"}",
                                  &page)));
    assert_int_equal(answer_page_at(&page, 0)->size, 5);
    assert_int_equal(answer_page_at(&page, 0)->modified_ms, 1000);
    assert_string_equal(page.next, "n");
}

static void hostile_answers_are_corrupt_and_nothing_else(void **state) {
    (void)state;
    TRIB_SCOPED(answer_page_deinit) answer_page page;
    answer_page_init(&page);
    static const char *const bad[] = {
        "",
        "<",
        "no xml",
        "<html></html>",
        "<ListBucketResult>",
        "<ListBucketResult></Other>",
        ("<!DOCTYPE a [<!ENTITY b \"c\">]><ListBucketResult><Contents><Key>&b;</Key></Contents>"
         "</ListBucketResult>"),
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult>\x01</ListBucketResult>"};
    static const char *const bad_json[] = {"", "[]", "{", "{\"items\":[{}]}", "{\"items\":[1]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(read_page(ANSWER_S3_OBJECTS, bad[i], &page).code, TRIB_E_CORRUPT);
    }
    for (size_t i = 0; i < sizeof bad_json / sizeof bad_json[0]; i++) {
        assert_int_equal(read_page(ANSWER_GCS_OBJECTS, bad_json[i], &page).code, TRIB_E_CORRUPT);
    }
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer deep = {.ceiling = 1 << 20};
    for (int i = 0; i < 1000; i++) {
        assert_true(trib_ok(trib_buffer_print(&deep, "<a>")));
    }
    assert_int_equal(answer_page_read(ANSWER_S3_OBJECTS, trib_buffer_view(&deep), &page).code,
                     TRIB_E_CORRUPT);
    trib_buffer_clear(&deep);
    assert_true(trib_ok(trib_buffer_print(&deep, "<ListBucketResult><Contents><Key>")));
    for (int i = 0; i < ANSWER_MAX_TEXT + 1; i++) {
        assert_true(trib_ok(trib_buffer_print(&deep, "k")));
    }
    assert_int_equal(answer_page_read(ANSWER_S3_OBJECTS, trib_buffer_view(&deep), &page).code,
                     TRIB_E_CORRUPT);
}

static void errors_are_read_printable_and_bounded(void **state) {
    (void)state;
    answer_error error;
    answer_error_read(trib_bytes_text("<Error><Code>Slow\xc3\xa4</Code><Message>a\nb</Message>"
                                      "</Error>"),
                      &error);
    assert_string_equal(error.code, "Slow  ");
    assert_string_equal(error.message, "a b");
    answer_error_read(trib_bytes_text("{\"error\":{\"code\":404,\"message\":\"No\",\"errors\":"
                                      "[{\"reason\":\"notFound\"}]}}"),
                      &error);
    assert_string_equal(error.code, "notFound");
    answer_error_read(trib_bytes_text("{\"error\":\"invalid_grant\",\"error_description\":\"x\"}"),
                      &error);
    assert_string_equal(error.code, "invalid_grant");
    answer_error_read(trib_bytes_text("<html>503"), &error);
    assert_string_equal(error.code, "");
}

/* ---- order ---- */

static trib_status join(void *context, const cloud_object_info *info) {
    return trib_buffer_print(context, "%s,", info->key);
}

static void keys_in_the_order_of_utf16_come_in_that_of_utf8(void **state) {
    (void)state;
    static const char *const given[] = {"a", "b\xf0\x9f\x8c\x8a",
                                        ("b\xf0\x9f\x8c\x8a"
                                         "c"),
                                        "b\xef\xbc\xa1", "c"};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer seen = {.ceiling = 4096};
    TRIB_SCOPED(order_deinit) cloud_order order;
    order_init(&order, join, &seen);
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        cloud_object_info info = {.size = 0};
        (void)snprintf(info.key, sizeof info.key, "%s", given[i]);
        assert_true(trib_ok(order_take(&order, &info)));
    }
    cloud_object_info again = {.key = "b"};
    assert_int_equal(order_take(&order, &again).code, TRIB_E_CORRUPT);
    assert_true(trib_ok(order_end(&order)));
    assert_true(
        trib_bytes_equal(trib_buffer_view(&seen),
                         trib_bytes_text("a,b\xef\xbc\xa1,b\xf0\x9f\x8c\x8a,b\xf0\x9f\x8c\x8a"
                                         "c,c,")));
}

static void a_digest_is_ours_or_the_services_of_a_whole(void **state) {
    (void)state;
    static const char ours[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    static const struct {
        const char *sha256, *checksum;
        bool known;
        uint8_t first;
    } all[] = {
        {"", "", false, 0},
        {ours, "", true, 0xe3},
        {"", "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=", true, 0x9f},
        {ours, "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=", true, 0xe3},
        {"", "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=-3", false, 0}, /* of parts' digests */
        {"", "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgh", false, 0},
        {"", "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwC===", false, 0},
        {"00", "", false, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        http_answer answer = {.length = 5};
        cloud_stat stat;
        (void)snprintf(answer.sha256, sizeof answer.sha256, "%s", all[i].sha256);
        (void)snprintf(answer.checksum, sizeof answer.checksum, "%s", all[i].checksum);
        cloud_stat_fill("k", &answer, &stat);
        assert_int_equal(stat.info.has_sha256, all[i].known);
        assert_true(!all[i].known || stat.info.sha256[0] == all[i].first);
    }
}

/* ---- files ---- */

static trib_status put_text(cloud_bucket *bucket, const char *text) {
    const trib_bytes bytes = trib_bytes_text(text);
    cloud_body body = cloud_body_of(&bytes, NULL);
    return bucket->put(bucket, "folder/key", &body, NULL);
}

static void open_files(sim_disk *disk, const trib_clock *clock, cloud_bucket **ret_bucket) {
    cloud_files_config config = {.disk = sim_disk_port(disk), .clock = clock, .folder = "/cloud/o"};
    assert_true(trib_ok(cloud_bucket_files(&config, ret_bucket)));
}

/* At any operation of a put over another object: afterwards it is the old or the new one. */
static void an_object_is_old_or_new_wherever_the_power_goes(void **state) {
    (void)state;
    fake_time time = {.now_ms = 5};
    trib_clock clock = {fake_now, fake_now, &time};
    unsigned old = 0, fresh = 0;
    for (uint64_t operations = 1; operations < 60; operations++) {
        cloud_bucket *bucket = NULL;
        cloud_object_info info;
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer found = {.ceiling = 100};
        sim_disk *disk = sim_disk_create("cloud", operations);
        open_files(disk, &clock, &bucket);
        assert_true(trib_ok(put_text(bucket, "the old one")));
        sim_disk_die_after(disk, operations);
        trib_ignore(put_text(bucket, "the new one"));
        bucket->destroy(bucket);
        sim_disk_power_cycle(disk);
        open_files(disk, &clock, &bucket);
        cloud_sink sink = cloud_sink_of(&found);
        trib_status got = bucket->get(bucket, "folder/key", &sink);
        if (!trib_ok(got)) {
            fail_msg("after operation %u: %s", (unsigned)operations, trib_message());
        }
        bool is_old = trib_bytes_equal(trib_buffer_view(&found), trib_bytes_text("the old one"));
        assert_true(is_old ||
                    trib_bytes_equal(trib_buffer_view(&found), trib_bytes_text("the new one")));
        old += is_old;
        fresh += !is_old;
        uint8_t digest[TRIB_HASH_BYTES];
        assert_true(trib_ok(trib_crypto_host()->sha256(trib_buffer_view(&found), digest)));
        assert_true(trib_ok(bucket->head(bucket, "folder/key", &info)));
        assert_true(info.has_sha256 && memcmp(info.sha256, digest, sizeof digest) == 0);
        assert_true(trib_ok(put_text(bucket, "a third")));
        trib_buffer_clear(&found);
        assert_true(trib_ok(bucket->get(bucket, "folder/key", &sink)));
        assert_true(trib_ok(bucket->sweep(bucket, 0)));
        bucket->destroy(bucket);
        sim_disk_destroy(disk);
    }
    assert_true(old > 3 && fresh > 3);
}

static void settings_that_cannot_be_are_named(void **state) {
    (void)state;
    cloud_bucket *bucket = NULL;
    cloud_s3_config s3 = {.endpoint = "ftp://x", .bucket = "bucket"};
    assert_int_equal(cloud_bucket_s3(&s3, &bucket).code, TRIB_E_ARGUMENT);
    assert_non_null(strstr(trib_message(), "endpoint"));
    s3 = (cloud_s3_config){.bucket = "bucket", .access_key = "a", .secret_key = "top secret"};
    assert_int_equal(cloud_bucket_s3(&s3, &bucket).code, TRIB_E_ARGUMENT);
    assert_non_null(strstr(trib_message(), "secret_key"));
    assert_null(strstr(trib_message(), "top"));
    cloud_azure_config azure = {.account = "account", .container = "container"};
    assert_int_equal(cloud_bucket_azure(&azure, &bucket).code, TRIB_E_ARGUMENT);
    assert_non_null(strstr(trib_message(), "account_key and sas"));
    cloud_gcs_config gcs = {.bucket = "bucket", .service_account = "{\"private_key\": \"x\"}"};
    assert_int_equal(cloud_bucket_gcs(&gcs, &bucket).code, TRIB_E_ARGUMENT);
    assert_non_null(strstr(trib_message(), "client_email"));
}

static void a_setting_that_quotes_the_file_has_its_place_all_the_same(void **state) {
    (void)state;
    static const char *const all[] = {
        "\ngcs: {bucket: etc/f.yaml}\n",
        "\ns3: {bucket: plants, access_key: etc/f.yaml, secret_key: s, endpoint: 'etc/f.yaml:2'}\n",
        "\ns3: {bucket: plants, access_key: a, secret_key: s, one_request_mb: 5121}\n",
        "\nretry: {connections: 17}\ngcs: {bucket: plants}\n",
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        TRIB_SCOPED(trib_config_destroy_scoped) trib_config *document = NULL;
        cloud_bucket *bucket = NULL;
        assert_true(trib_ok(trib_config_parse("etc/f.yaml", trib_bytes_text(all[i]), &document)));
        assert_int_equal(
            cloud_bucket_open(trib_config_root(document), "etc/f.yaml", NULL, NULL, &bucket).code,
            TRIB_E_ARGUMENT);
        assert_null(bucket);
        assert_memory_equal(trib_message(), "etc/f.yaml:2:", 13);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_checked),
        cmocka_unit_test(base64_and_percent_are_as_published),
        cmocka_unit_test(azures_published_example_is_signed),
        cmocka_unit_test(pauses_double_up_to_the_longest_and_tries_end),
        cmocka_unit_test(the_budget_ends_tries_and_servers_may_ask_for_pauses),
        cmocka_unit_test(parts_are_planned_within_their_limits),
        cmocka_unit_test(listings_are_read),
        cmocka_unit_test(hostile_answers_are_corrupt_and_nothing_else),
        cmocka_unit_test(errors_are_read_printable_and_bounded),
        cmocka_unit_test(a_digest_is_ours_or_the_services_of_a_whole),
        cmocka_unit_test(keys_in_the_order_of_utf16_come_in_that_of_utf8),
        cmocka_unit_test(an_object_is_old_or_new_wherever_the_power_goes),
        cmocka_unit_test(settings_that_cannot_be_are_named),
        cmocka_unit_test(a_setting_that_quotes_the_file_has_its_place_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
