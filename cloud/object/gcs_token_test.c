/* Tokens of a Google service account: the claim that is signed, and how long an access token is
 * kept. Whoever gives tokens is a thread that answers one request after the other with what the
 * test has laid out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "cloud/object/answers.h"
#include "cloud/object/gcs_token.h"
#include "cloud/object/sign.h"

static EVP_PKEY *key;
static char pem[4096];

static int make_key(void **state) {
    (void)state;
    key = EVP_RSA_gen(2048);
    BIO *text = BIO_new(BIO_s_mem());
    assert_true(key != NULL && text != NULL);
    assert_int_equal(PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL), 1);
    int size = BIO_read(text, pem, sizeof pem - 1);
    assert_true(size > 0);
    pem[size] = '\0';
    BIO_free(text);
    return 0;
}

static int drop_key(void **state) {
    (void)state;
    EVP_PKEY_free(key);
    return 0;
}

/* ---- the claim ---- */

/* RFC 7515: base64url without padding; appends a zero as well. */
static size_t decode(const char *begin, const char *end, uint8_t *ret_bytes, size_t capacity) {
    char text[2048];
    size_t size = (size_t)(end - begin), got = 0;
    assert_true(size + 4 < sizeof text && memchr(begin, '=', size) == NULL);
    for (size_t i = 0; i < size; i++) {
        text[i] = begin[i] == '-' ? '+' : begin[i] == '_' ? '/' : begin[i];
        assert_true(begin[i] != '+' && begin[i] != '/');
    }
    for (; size % 4 != 0; size++) {
        text[size] = '=';
    }
    text[size] = '\0';
    assert_true(trib_ok(cloud_unbase64(text, ret_bytes, capacity - 1, &got)));
    ret_bytes[got] = '\0';
    return got;
}

static json_t *decode_json(const char *begin, const char *end) {
    uint8_t text[2048];
    json_t *object = NULL;
    size_t size = decode(begin, end, text, sizeof text);
    assert_true(trib_ok(answer_json(trib_bytes_of(text, size), &object)));
    return object;
}

static void holds(const json_t *object, const char *name, const char *text) {
    const char *found = json_string_value(json_object_get(object, name));
    assert_non_null(found);
    assert_string_equal(found, text);
}

static bool verifies(const char *jwt, size_t size, const uint8_t *signature, size_t bytes) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
    int result = EVP_DigestVerify(context, signature, bytes, (const uint8_t *)jwt, size);
    EVP_MD_CTX_free(context);
    return result == 1;
}

static void a_claim_says_who_asks_whom_for_how_long_and_is_signed(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer jwt = {.ceiling = 8192};
    uint8_t signature[600];
    assert_true(trib_ok(trib_buffer_append(&jwt, trib_bytes_text("before&"))));
    assert_true(trib_ok(
        gcs_jwt("robot@example.test", "k1", pem, "https://example.test/token", 1700000000, &jwt)));
    assert_true(trib_ok(trib_buffer_append(&jwt, trib_bytes_of("", 1))));
    char *begin = (char *)jwt.data + strlen("before&"), *claims = strchr(begin, '.');
    assert_non_null(claims);
    char *signed_end = strchr(claims + 1, '.');
    assert_non_null(signed_end);
    assert_null(strchr(signed_end + 1, '.'));
    json_t *head = decode_json(begin, claims), *said = decode_json(claims + 1, signed_end);
    holds(head, "alg", "RS256");
    holds(head, "typ", "JWT");
    holds(head, "kid", "k1");
    assert_int_equal(json_object_size(head), 3);
    holds(said, "iss", "robot@example.test");
    holds(said, "aud", "https://example.test/token");
    holds(said, "scope", "https://www.googleapis.com/auth/devstorage.read_write");
    assert_int_equal(json_integer_value(json_object_get(said, "iat")), 1700000000);
    assert_int_equal(json_integer_value(json_object_get(said, "exp")), 1700003600);
    assert_int_equal(json_object_size(said), 5);
    json_decref(head);
    json_decref(said);
    size_t size = decode(signed_end + 1, begin + strlen(begin), signature, sizeof signature);
    assert_true(verifies(begin, (size_t)(signed_end - begin), signature, size));
    *(claims + 1) ^= 1;
    assert_false(verifies(begin, (size_t)(signed_end - begin), signature, size));
}

static void a_key_without_an_id_says_none(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer jwt = {.ceiling = 8192};
    assert_true(trib_ok(gcs_jwt("a@b", NULL, pem, "https://t/", 1, &jwt)));
    json_t *head = decode_json((const char *)jwt.data, memchr(jwt.data, '.', jwt.size));
    assert_null(json_object_get(head, "kid"));
    json_decref(head);
}

/* ---- service accounts ---- */

static uint64_t now(void *context) {
    return *(uint64_t *)context;
}

static gcs_tokens *account(const trib_clock *clock, const char *uri) {
    gcs_tokens *tokens = NULL;
    json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "client_email", "robot@example.test",
                               "private_key_id", "k1", "private_key", pem, "token_uri", uri);
    char *text = json_dumps(object, 0);
    assert_non_null(text);
    assert_true(trib_ok(gcs_tokens_create(text, clock, &tokens)));
    free(text);
    json_decref(object);
    return tokens;
}

static void an_account_that_cannot_be_read_is_refused_without_its_key(void **state) {
    (void)state;
    uint64_t time = 1;
    const trib_clock clock = {now, now, &time};
    static const struct {
        const char *text, *said;
    } all[] = {
        {"", "client_email, private_key and token_uri"},
        {"no JSON", "client_email, private_key and token_uri"},
        {"[]", "client_email, private_key and token_uri"},
        {"{\"client_email\": \"a@b\", \"private_key\": 7, \"token_uri\": \"http://t\"}",
         "client_email, private_key and token_uri"},
        {"{\"client_email\": \"\", \"private_key\": \"k\", \"token_uri\": \"http://t\"}",
         "client_email, private_key and token_uri"},
        {"{\"client_email\": \"a@b\", \"private_key\": \"hush\", \"token_uri\": \"http://t\"}",
         "private_key is no RSA key in PEM"},
        {"{\"client_email\": \"a@b\", \"private_key\": \"-----BEGIN PRIVATE KEY-----\\nhush\\n"
         "-----END PRIVATE KEY-----\\n\", \"token_uri\": \"http://t\"}",
         "private_key is no RSA key in PEM"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        gcs_tokens *tokens = NULL;
        assert_int_equal(gcs_tokens_create(all[i].text, &clock, &tokens).code, TRIB_E_ARGUMENT);
        assert_null(tokens);
        assert_non_null(strstr(trib_message(), "service_account"));
        assert_non_null(strstr(trib_message(), all[i].said));
        assert_null(strstr(trib_message(), "hush"));
    }
}

static void a_key_that_is_not_rsa_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer jwt = {.ceiling = 8192};
    char other[1024];
    EVP_PKEY *curve = EVP_EC_gen("P-256");
    BIO *text = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(text, curve, NULL, NULL, 0, NULL, NULL), 1);
    int size = BIO_read(text, other, sizeof other - 1);
    other[size > 0 ? size : 0] = '\0';
    assert_int_equal(gcs_jwt("a@b", NULL, other, "https://t/", 1, &jwt).code, TRIB_E_ARGUMENT);
    assert_non_null(strstr(trib_message(), "private_key is no RSA key"));
    BIO_free(text);
    EVP_PKEY_free(curve);
}

/* ---- whoever gives tokens ---- */

typedef struct giver {
    int listening;
    char uri[64];
    pthread_t thread;
    const char *const *answers; /* one after the other; ended by NULL */
    unsigned asked;             /* read once the thread is joined */
} giver;

/* Headers and as many bytes as they say; forms are small. */
static void read_request(int connection) {
    char text[16384];
    size_t size = 0, whole = sizeof text - 1;
    while (size < whole) {
        ssize_t got = recv(connection, text + size, whole - size, 0);
        if (got <= 0) {
            return;
        }
        size += (size_t)got;
        text[size] = '\0';
        const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
        if (end != NULL && length != NULL) {
            whole = (size_t)(end + 4 - text) + strtoul(length + 16, NULL, 10);
        }
    }
}

static void *give(void *context) {
    giver *g = context;
    for (const char *const *answer = g->answers; *answer != NULL; answer++) {
        int connection = accept(g->listening, NULL, NULL);
        if (connection < 0) {
            return NULL;
        }
        read_request(connection);
        const char *body = strchr(*answer, '{');
        char head[256];
        int size = snprintf(head, sizeof head,
                            "HTTP/1.1 %.3s x\r\nConnection: close\r\n"
                            "Content-Length: %zu\r\n\r\n",
                            *answer, strlen(body));
        g->asked++;
        if (send(connection, head, (size_t)size, MSG_NOSIGNAL) != size ||
            send(connection, body, strlen(body), MSG_NOSIGNAL) < 0) {
            g->asked = 0;
        }
        (void)close(connection);
    }
    return NULL;
}

static void giver_start(giver *g, const char *const *answers) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    void *where = &address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *g = (giver){.listening = socket(AF_INET, SOCK_STREAM, 0), .answers = answers};
    assert_int_equal(bind(g->listening, where, size), 0);
    assert_int_equal(listen(g->listening, 8), 0);
    assert_int_equal(getsockname(g->listening, where, &size), 0);
    (void)snprintf(g->uri, sizeof g->uri, "http://127.0.0.1:%u/token", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&g->thread, NULL, give, g), 0);
}

static unsigned giver_stop(giver *g) {
    (void)shutdown(g->listening, SHUT_RDWR);
    (void)pthread_join(g->thread, NULL);
    (void)close(g->listening);
    return g->asked;
}

static void a_token_is_kept_until_two_minutes_before_its_end(void **state) {
    (void)state;
    static const char *const answers[] = {"200 {\"access_token\": \"one\", \"expires_in\": 3600}",
                                          "200 {\"access_token\": \"two\", \"expires_in\": 3600}",
                                          "200 {\"access_token\": \"three\", \"expires_in\": 100}",
                                          "200 {\"access_token\": \"four\"}",
                                          "200 {\"access_token\": \"five\", \"expires_in\": -9}",
                                          NULL};
    static const struct {
        uint64_t at_s; /* when it is asked for */
        const char *token;
    } gets[] = {{0, "one"},     {3479, "one"},   {3480, "two"},
                {6959, "two"},  {6960, "three"}, {7009, "three"}, /* half of what is short */
                {7010, "four"}, {7010, "five"}}; /* without a life: for this once */
    uint64_t time = 5000000;
    const trib_clock clock = {now, now, &time};
    http_pool *pool = NULL;
    giver g;
    giver_start(&g, answers);
    assert_true(trib_ok(http_pool_create(NULL, 10000, &pool)));
    gcs_tokens *tokens = account(&clock, g.uri);
    for (size_t i = 0; i < sizeof gets / sizeof gets[0]; i++) {
        char token[GCS_TOKEN_SIZE];
        time = 5000000 + gets[i].at_s * 1000;
        assert_true(trib_ok(gcs_token_get(tokens, pool, token)));
        assert_string_equal(token, gets[i].token);
    }
    gcs_tokens_destroy(tokens);
    http_pool_destroy(pool);
    assert_int_equal(giver_stop(&g), 5);
}

static void a_token_that_was_refused_is_asked_for_anew(void **state) {
    (void)state;
    static const char *const answers[] = {"200 {\"access_token\": \"one\", \"expires_in\": 3600}",
                                          "200 {\"access_token\": \"two\", \"expires_in\": 3600}",
                                          NULL};
    uint64_t time = 5000000;
    const trib_clock clock = {now, now, &time};
    char token[GCS_TOKEN_SIZE];
    http_pool *pool = NULL;
    giver g;
    giver_start(&g, answers);
    assert_true(trib_ok(http_pool_create(NULL, 10000, &pool)));
    gcs_tokens *tokens = account(&clock, g.uri);
    assert_true(trib_ok(gcs_token_get(tokens, pool, token)));
    gcs_token_refused(tokens);
    assert_true(trib_ok(gcs_token_get(tokens, pool, token)));
    assert_string_equal(token, "two");
    gcs_tokens_destroy(tokens);
    http_pool_destroy(pool);
    assert_int_equal(giver_stop(&g), 2);
}

static void answers_that_hold_no_token_are_told_apart(void **state) {
    (void)state;
    static const char *const answers[] = {
        "500 {}",
        "400 {\"error\": \"invalid_grant\", \"error_description\": \"no such account\"}",
        "200 {}",
        "200 {\"access_token\": \"\"}",
        "200 {\"access_token\": \"two words\", \"expires_in\": 3600}",
        "200 {\"access_token\": ",
        NULL};
    static const struct {
        trib_code code;
        const char *said;
    } expected[] = {{TRIB_E_RETRY, "said 500"},          {TRIB_E_DENIED, "no such account"},
                    {TRIB_E_CORRUPT, "no access_token"}, {TRIB_E_CORRUPT, "no access_token"},
                    {TRIB_E_CORRUPT, "no access_token"}, {TRIB_E_CORRUPT, "no JSON object"}};
    uint64_t time = 5000000;
    const trib_clock clock = {now, now, &time};
    http_pool *pool = NULL;
    giver g;
    giver_start(&g, answers);
    assert_true(trib_ok(http_pool_create(NULL, 10000, &pool)));
    gcs_tokens *tokens = account(&clock, g.uri);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char token[GCS_TOKEN_SIZE] = "as it was";
        assert_int_equal(gcs_token_get(tokens, pool, token).code, expected[i].code);
        assert_string_equal(token, "as it was");
        assert_non_null(strstr(trib_message(), "token_uri"));
        assert_non_null(strstr(trib_message(), expected[i].said));
    }
    assert_int_equal(giver_stop(&g), 6);
    char token[GCS_TOKEN_SIZE];
    assert_int_equal(gcs_token_get(tokens, pool, token).code, TRIB_E_RETRY); /* nobody listens */
    gcs_tokens_destroy(tokens);
    http_pool_destroy(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_says_who_asks_whom_for_how_long_and_is_signed),
        cmocka_unit_test(a_key_without_an_id_says_none),
        cmocka_unit_test(an_account_that_cannot_be_read_is_refused_without_its_key),
        cmocka_unit_test(a_key_that_is_not_rsa_is_refused),
        cmocka_unit_test(a_token_is_kept_until_two_minutes_before_its_end),
        cmocka_unit_test(a_token_that_was_refused_is_asked_for_anew),
        cmocka_unit_test(answers_that_hold_no_token_are_told_apart),
    };
    return cmocka_run_group_tests(tests, make_key, drop_key);
}
