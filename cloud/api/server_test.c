/* What a stranger can make the API do: nothing, and before it has read what they send. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "cloud/api/server.h"
#include "common/port/posix/system.h"

static char folder[64];
static cloud_core core; /* nobody runs it: no request may come that far */
static cloud_server *server;

static uint16_t free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(probe >= 0);
    assert_int_equal(bind(probe, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&address, &size), 0);
    (void)close(probe);
    return ntohs(address.sin_port);
}

static int set_up(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/server-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    core = (cloud_core){.crypto = trib_crypto_host(), .disk = trib_posix_disk()};
    (void)snprintf(core.config.api_host, sizeof core.config.api_host, "127.0.0.1");
    (void)snprintf(core.config.api_token_file, sizeof core.config.api_token_file, "%s/token",
                   folder);
    core.config.api_port = free_port();
    return !trib_ok(cloud_server_start(&core, &server));
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    cloud_server_stop(server);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* Sends only what is given, and reads the answer's first line. */
static void answers(const char *request, const char *expected) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(core.config.api_port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char heard[256] = "";
    size_t size = 0;
    int link = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(link >= 0);
    assert_int_equal(connect(link, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(link, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    while (size < sizeof heard - 1 && strchr(heard, '\n') == NULL) {
        ssize_t got = recv(link, heard + size, sizeof heard - 1 - size, 0);
        if (got <= 0) {
            break; /* given up by the server */
        }
        size += (size_t)got;
        heard[size] = '\0';
    }
    (void)close(link);
    assert_memory_equal(heard, expected, strlen(expected));
}

static void without_a_token_the_answer_comes_before_the_body(void **state) {
    (void)state;
    static const char *const tokens[] = {"", "Authorization: Bearer 00000000000000000000\r\n",
                                         "Authorization: Basic YTpi\r\n"};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        char request[512];
        (void)snprintf(request, sizeof request,
                       "POST /v1/federations HTTP/1.1\r\nHost: x\r\n%sContent-Length: 1048576\r\n"
                       "\r\nfederation: ",
                       tokens[i]);
        answers(request, "HTTP/1.1 401 ");
    }
    answers("GET /v1/federations HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 401 ");
}

static void what_needs_no_token_takes_no_body(void **state) {
    (void)state;
    answers("POST /v1/health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 413 ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_token_the_answer_comes_before_the_body, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_needs_no_token_takes_no_body, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
