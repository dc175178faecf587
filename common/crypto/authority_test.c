#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/crypto/authority.h"
#include "common/crypto/pem.h"

static const int64_t now_s = 1800000000;
static char folder[64];

static const trib_crypto *host(void) {
    return trib_crypto_host();
}

typedef struct authority_files {
    trib_key_pair key;
    trib_buffer pem;
    trib_authority authority;
} authority_files;

static void make_authority(authority_files *ret, int64_t when_s) {
    *ret = (authority_files){.pem = {.ceiling = 8192}};
    assert_true(trib_ok(host()->generate(&ret->key)));
    assert_true(trib_ok(trib_authority_create("Test authority", &ret->key, when_s, &ret->pem)));
    ret->authority = (trib_authority){trib_buffer_view(&ret->pem), &ret->key};
}

static void drop_authority(authority_files *made) {
    trib_buffer_deinit(&made->pem);
    trib_key_pair_wipe(&made->key);
}

static void write_file(const char *name, trib_bytes text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
    assert_int_equal(fclose(file), 0);
}

/* Runs the openssl program in the folder; its exit code. */
static int openssl(const char *arguments) {
    char command[512];
    snprintf(command, sizeof command, "cd %s && openssl %s >out.txt 2>&1", folder, arguments);
    return system(command);
}

static void issue_gateway(const authority_files *made, const char *name, int64_t when_s,
                          trib_key_pair *ret_key, trib_buffer *ret_pem) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = 8192};
    assert_true(trib_ok(host()->generate(ret_key)));
    assert_true(trib_ok(trib_request_create(name, ret_key, &request)));
    assert_true(trib_ok(trib_authority_issue_gateway(&made->authority, trib_buffer_view(&request),
                                                     name, when_s, 30, ret_pem)));
}

static void the_openssl_program_believes_what_the_authority_issues(void **state) {
    (void)state;
    if (system("openssl version >/dev/null 2>&1") != 0) {
        skip();
    }
    int64_t today_s = (int64_t)time(NULL);
    TRIB_SCOPED(drop_authority) authority_files made;
    make_authority(&made, today_s);
    write_file("ca.pem", made.authority.certificate_pem);
    trib_key_pair key;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer gateway = {.ceiling = 8192};
    issue_gateway(&made, "press-17", today_s, &key, &gateway);
    write_file("gateway.pem", trib_buffer_view(&gateway));
    trib_key_pem pem;
    assert_true(trib_ok(trib_key_pair_to_pem(&key, &pem)));
    write_file("gateway.key", trib_bytes_of(pem.text, pem.size));
    const char *const dns[] = {"broker.example", "localhost"};
    const char *const ip[] = {"127.0.0.1", "::1"};
    trib_server_request request = {
        .dns = dns, .dns_count = 2, .ip = ip, .ip_count = 2, .key = &key.public, .now_s = today_s};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer server = {.ceiling = 8192};
    assert_true(trib_ok(trib_authority_issue_server(&made.authority, &request, &server)));
    write_file("server.pem", trib_buffer_view(&server));
    static const char *const good[] = {
        "verify -x509_strict -CAfile ca.pem -purpose sslclient gateway.pem",
        "verify -x509_strict -CAfile ca.pem -verify_hostname broker.example server.pem",
        "verify -x509_strict -CAfile ca.pem -verify_hostname localhost server.pem",
        "verify -x509_strict -CAfile ca.pem -purpose sslserver -verify_ip ::1 server.pem",
        "pkey -in gateway.key -check -noout"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(openssl(good[i]), 0);
    }
    static const char *const bad[] = {
        "verify -CAfile ca.pem -purpose sslserver gateway.pem",
        "verify -CAfile ca.pem -purpose sslclient server.pem",
        "verify -CAfile ca.pem -purpose sslserver -verify_hostname other.example server.pem"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_not_equal(openssl(bad[i]), 0);
    }
}

static void the_openssl_program_refuses_who_is_on_the_revocation_list(void **state) {
    (void)state;
    if (system("openssl version >/dev/null 2>&1") != 0) {
        skip();
    }
    int64_t today_s = (int64_t)time(NULL);
    TRIB_SCOPED(drop_authority) authority_files made;
    make_authority(&made, today_s);
    write_file("ca.pem", made.authority.certificate_pem);
    trib_key_pair key;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer kept = {.ceiling = 8192};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer lost = {.ceiling = 8192};
    issue_gateway(&made, "kept", today_s, &key, &kept);
    issue_gateway(&made, "lost", today_s, &key, &lost);
    write_file("kept.pem", trib_buffer_view(&kept));
    write_file("lost.pem", trib_buffer_view(&lost));
    trib_identity identity;
    assert_true(trib_ok(trib_identity_read(trib_buffer_view(&lost), &identity)));
    trib_revocation revocation = {.revoked_s = today_s};
    memcpy(revocation.serial, identity.serial, sizeof revocation.serial);
    for (size_t count = 0; count < 2; count++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer list = {.ceiling = 8192};
        trib_revocation_list of = {&revocation, count, count + 1, today_s, 30};
        assert_true(trib_ok(trib_authority_revoke(&made.authority, &of, &list)));
        write_file("crl.pem", trib_buffer_view(&list));
        assert_int_equal(openssl("verify -CAfile ca.pem -crl_check -CRLfile crl.pem kept.pem"), 0);
        int revoked = openssl("verify -CAfile ca.pem -crl_check -CRLfile crl.pem lost.pem");
        assert_true((revoked != 0) == (count == 1));
        assert_int_equal(openssl("crl -in crl.pem -CAfile ca.pem -noout"), 0);
    }
}

static void a_request_gets_only_the_name_that_was_meant(void **state) {
    (void)state;
    TRIB_SCOPED(drop_authority) authority_files made;
    make_authority(&made, now_s);
    trib_key_pair key;
    assert_true(trib_ok(host()->generate(&key)));
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = 8192};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer out = {.ceiling = 8192};
    assert_int_equal(trib_request_create("Upper", &key, &request).code, TRIB_E_DENIED);
    assert_int_equal(trib_request_create("all", &key, &request).code, TRIB_E_DENIED);
    assert_int_equal(request.size, 0);
    assert_true(trib_ok(trib_request_create("press-17", &key, &request)));
    assert_int_equal(trib_authority_issue_gateway(&made.authority, trib_buffer_view(&request),
                                                  "press-18", now_s, 0, &out)
                         .code,
                     TRIB_E_DENIED);
    assert_int_equal(out.size, 0);
}

/* Stops before the last group of four letters, whose spare bits and padding carry nothing. */
static void a_tampered_request_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(drop_authority) authority_files made;
    make_authority(&made, now_s);
    trib_key_pair key;
    assert_true(trib_ok(host()->generate(&key)));
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = 8192};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer out = {.ceiling = 8192};
    assert_true(trib_ok(trib_request_create("press-17", &key, &request)));
    size_t start = strlen("-----BEGIN CERTIFICATE REQUEST-----\n");
    size_t end = request.size - strlen("\n-----END CERTIFICATE REQUEST-----\n") - 4;
    for (size_t i = start; i < end; i++) {
        if (request.data[i] == '\n') {
            continue;
        }
        uint8_t before = request.data[i];
        request.data[i] = before == 'A' ? 'B' : 'A';
        trib_code code = trib_authority_issue_gateway(&made.authority, trib_buffer_view(&request),
                                                      "press-17", now_s, 0, &out)
                             .code;
        assert_true(code == TRIB_E_DENIED || code == TRIB_E_CORRUPT);
        request.data[i] = before;
    }
    assert_int_equal(out.size, 0);
    assert_true(trib_ok(trib_authority_issue_gateway(&made.authority, trib_buffer_view(&request),
                                                     "press-17", now_s, 0, &out)));
}

static void an_authority_needs_its_own_key_and_its_own_certificate(void **state) {
    (void)state;
    TRIB_SCOPED(drop_authority) authority_files made;
    make_authority(&made, now_s);
    trib_key_pair key;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer gateway = {.ceiling = 8192};
    issue_gateway(&made, "press-17", now_s, &key, &gateway);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer out = {.ceiling = 8192};
    trib_revocation_list list = {.now_s = now_s, .days = 1};
    trib_authority wrong_key = {made.authority.certificate_pem, &key};
    assert_int_equal(trib_authority_revoke(&wrong_key, &list, &out).code, TRIB_E_DENIED);
    trib_authority no_authority = {trib_buffer_view(&gateway), &key};
    assert_int_equal(trib_authority_revoke(&no_authority, &list, &out).code, TRIB_E_DENIED);
    list.days = 0;
    assert_int_equal(trib_authority_revoke(&made.authority, &list, &out).code, TRIB_E_LIMIT);
    trib_revocation bad = {.serial = "xyz1"};
    list = (trib_revocation_list){&bad, 1, 1, now_s, 1};
    assert_int_equal(trib_authority_revoke(&made.authority, &list, &out).code, TRIB_E_CORRUPT);
    bad.serial[0] = 0;
    assert_int_equal(trib_authority_revoke(&made.authority, &list, &out).code, TRIB_E_ARGUMENT);
    assert_int_equal(out.size, 0);
}

static void server_names_and_addresses_are_checked(void **state) {
    (void)state;
    TRIB_SCOPED(drop_authority) authority_files made;
    make_authority(&made, now_s);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer out = {.ceiling = 8192};
    static const char *const bad_dns[] = {"", "a b", "x,IP:1.2.3.4", "caf\xc3\xa9"};
    for (size_t i = 0; i < 4; i++) {
        const char *const dns[] = {"good", bad_dns[i]};
        trib_server_request request = {
            .dns = dns, .dns_count = 2, .key = &made.key.public, .now_s = now_s};
        assert_int_equal(trib_authority_issue_server(&made.authority, &request, &out).code,
                         TRIB_E_ARGUMENT);
    }
    static const char *const bad_ip[] = {"", "1.2.3", "1.2.3.256", "::g"};
    for (size_t i = 0; i < 4; i++) {
        const char *const ip[] = {"127.0.0.1", bad_ip[i]};
        trib_server_request request = {
            .ip = ip, .ip_count = 2, .key = &made.key.public, .now_s = now_s};
        assert_int_equal(trib_authority_issue_server(&made.authority, &request, &out).code,
                         TRIB_E_ARGUMENT);
    }
    trib_server_request none = {.key = &made.key.public, .now_s = now_s};
    assert_int_equal(trib_authority_issue_server(&made.authority, &none, &out).code, TRIB_E_LIMIT);
    assert_int_equal(out.size, 0);
}

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/trib-authority-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int drop_folder(void **state) {
    (void)state;
    static const char *const names[] = {"ca.pem",   "gateway.pem", "gateway.key", "server.pem",
                                        "kept.pem", "lost.pem",    "crl.pem",     "out.txt"};
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_openssl_program_believes_what_the_authority_issues),
        cmocka_unit_test(the_openssl_program_refuses_who_is_on_the_revocation_list),
        cmocka_unit_test(a_request_gets_only_the_name_that_was_meant),
        cmocka_unit_test(a_tampered_request_is_refused),
        cmocka_unit_test(an_authority_needs_its_own_key_and_its_own_certificate),
        cmocka_unit_test(server_names_and_addresses_are_checked),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
