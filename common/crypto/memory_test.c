/* Verification without memory: OpenSSL's allocations fail in turn, each alone. Nothing may be
 * believed that would not be believed with memory, and what would be is refused, or believed all
 * the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <cmocka.h>

#include "common/crypto/authority.h"
#include "common/crypto/pem.h"
#include "common/crypto/signature.h"

enum { ROOM = 8192, MOST = 20000 };
static const int64_t now_s = 1800000000;

static size_t left = SIZE_MAX;
static bool failed;

static bool fails_now(void) {
    bool now = left == 0;
    left -= left != SIZE_MAX && !now;
    if (now) {
        left = SIZE_MAX;
        failed = true;
    }
    return now;
}

static void *take(size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    return fails_now() ? NULL : malloc(size);
}

static void *take_again(void *block, size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    return fails_now() ? NULL : realloc(block, size);
}

static void give_back(void *block, const char *file, int line) {
    (void)file;
    (void)line;
    free(block);
}

/* Whether there is another allocation to fail. */
static bool another(size_t at) {
    bool more = at == 0 || failed;
    failed = false;
    left = more ? at : SIZE_MAX;
    assert_true(at < MOST);
    return more;
}

static void there_is_memory(void) {
    left = SIZE_MAX;
    ERR_clear_error();
}

static trib_key_pair authority_key, gateway_key, other_key;
static trib_buffer authority_pem, gateway_pem, other_pem, foreign_pem, request_pem;

static void issue(const trib_buffer *issuer_pem, const trib_key_pair *issuer,
                  trib_buffer *ret_pem) {
    const trib_authority authority = {trib_buffer_view(issuer_pem), issuer};
    *ret_pem = (trib_buffer){.ceiling = ROOM};
    assert_true(trib_ok(trib_authority_issue_gateway(&authority, trib_buffer_view(&request_pem),
                                                     "press-1", now_s, 0, ret_pem)));
}

static trib_status make_all(void) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer root = {.ceiling = ROOM};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = ROOM};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer gateway = {.ceiling = ROOM};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer server = {.ceiling = ROOM};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer revoked = {.ceiling = ROOM};
    static const char *const dns[] = {"broker.example"}, *const ip[] = {"127.0.0.1"};
    const trib_server_request wanted = {.dns = dns,
                                        .dns_count = 1,
                                        .ip = ip,
                                        .ip_count = 1,
                                        .key = &other_key.public,
                                        .now_s = now_s};
    const trib_revocation one = {.serial = "0a0b", .revoked_s = now_s};
    const trib_revocation_list list = {&one, 1, 3, now_s, 30};
    TRIB_TRY(trib_authority_create("One", &authority_key, now_s, &root));
    TRIB_TRY(trib_request_create("press-1", &gateway_key, &request));
    const trib_authority authority = {trib_buffer_view(&root), &authority_key};
    TRIB_TRY(trib_authority_issue_gateway(&authority, trib_buffer_view(&request), "press-1", now_s,
                                          0, &gateway));
    TRIB_TRY(trib_authority_issue_server(&authority, &wanted, &server));
    return trib_authority_revoke(&authority, &list, &revoked);
}

static int set_up(void **state) {
    (void)state;
    const trib_crypto *crypto = trib_crypto_host();
    authority_pem = other_pem = request_pem = (trib_buffer){.ceiling = ROOM};
    assert_true(trib_ok(crypto->generate(&authority_key)) &&
                trib_ok(crypto->generate(&gateway_key)) && trib_ok(crypto->generate(&other_key)));
    assert_true(trib_ok(trib_authority_create("One", &authority_key, now_s, &authority_pem)));
    assert_true(trib_ok(trib_authority_create("Other", &other_key, now_s, &other_pem)));
    assert_true(trib_ok(trib_request_create("press-1", &gateway_key, &request_pem)));
    issue(&authority_pem, &authority_key, &gateway_pem);
    issue(&other_pem, &other_key, &foreign_pem);
    /* OpenSSL looks its algorithms up once. If that fails for memory, it remembers that, too. */
    return trib_ok(make_all()) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    trib_buffer *const all[] = {&authority_pem, &gateway_pem, &other_pem, &foreign_pem,
                                &request_pem};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        trib_buffer_deinit(all[i]);
    }
    return 0;
}

static void a_foreign_certificate_is_never_believed(void **state) {
    (void)state;
    trib_identity identity;
    for (size_t at = 0; another(at); at++) {
        trib_status status = trib_identity_verify(
            trib_buffer_view(&foreign_pem), trib_buffer_view(&authority_pem), now_s, &identity);
        there_is_memory();
        assert_false(trib_ok(status));
    }
}

static void ones_own_is_refused_or_believed_and_then_it_is_whole(void **state) {
    (void)state;
    trib_identity identity, whole;
    size_t refused = 0;
    assert_true(trib_ok(trib_identity_verify(trib_buffer_view(&gateway_pem),
                                             trib_buffer_view(&authority_pem), now_s, &whole)));
    for (size_t at = 0; another(at); at++) {
        memset(&identity, 0, sizeof identity);
        trib_status status = trib_identity_verify(
            trib_buffer_view(&gateway_pem), trib_buffer_view(&authority_pem), now_s, &identity);
        there_is_memory();
        if (trib_ok(status)) {
            assert_memory_equal(&identity, &whole, sizeof whole);
        }
        refused += !trib_ok(status);
    }
    assert_true(refused > 50);
}

static void no_signature_of_another_key_is_ever_right(void **state) {
    (void)state;
    const trib_crypto *crypto = trib_crypto_openssl();
    uint8_t digest[TRIB_HASH_BYTES];
    trib_signature signature;
    assert_true(trib_ok(crypto->sha256(trib_bytes_text("text"), digest)));
    assert_true(trib_ok(
        trib_sign(crypto, &gateway_key.secret, "test", trib_bytes_text("text"), &signature)));
    for (int own = 0; own < 2; own++) {
        const trib_public_key *key = own ? &gateway_key.public : &other_key.public;
        for (size_t at = 0; another(at); at++) {
            trib_status status =
                trib_verify(crypto, key, "test", trib_bytes_text("text"), &signature);
            there_is_memory();
            assert_true(own || !trib_ok(status));
        }
        assert_int_equal(
            trib_ok(trib_verify(crypto, key, "test", trib_bytes_text("text"), &signature)), own);
    }
}

static void what_an_authority_could_not_make_it_says(void **state) {
    (void)state;
    size_t refused = 0;
    if (!trib_ok(make_all())) {
        fail_msg("%s", trib_message());
    }
    for (size_t at = 0; another(at); at += 1 + at / 40) { /* there are thousands */
        trib_status status = make_all();
        there_is_memory();
        refused += !trib_ok(status);
    }
    assert_true(refused > 50);
    assert_true(trib_ok(make_all()));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_foreign_certificate_is_never_believed),
        cmocka_unit_test(ones_own_is_refused_or_believed_and_then_it_is_whole),
        cmocka_unit_test(no_signature_of_another_key_is_ever_right),
        cmocka_unit_test(what_an_authority_could_not_make_it_says),
    };
    /* Before OpenSSL's first allocation, or it keeps to its own. */
    if (CRYPTO_set_mem_functions(take, take_again, give_back) != 1) {
        return 1;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
