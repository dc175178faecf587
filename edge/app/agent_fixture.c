#include "edge/app/agent_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/crypto/authority.h"
#include "common/crypto/posix/key_file.h"
#include "common/log/log.h"
#include "common/port/posix/system.h"

enum { ROOM = 8192, HOUR_S = 3600 };

char fixture_folder[64];
edge_config fixture_config;

void fixture_path(const char *name, char *ret_path, size_t size) {
    (void)snprintf(ret_path, size, "%s/%s", fixture_folder, name);
}

void fixture_write(const char *path, trib_bytes bytes) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}

/* A gateway that is enrolled, whose certificate began so many hours ago. */
static void enrol(int64_t hours) {
    const trib_crypto *crypto = trib_crypto_host();
    int64_t now_s = (int64_t)(trib_wall_ms(trib_posix_clock()) / 1000);
    trib_key_pair authority, own, cloud;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pem = {.ceiling = ROOM};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer request = {.ceiling = ROOM};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer chain = {.ceiling = ROOM};
    assert_true(trib_ok(crypto->generate(&authority)) && trib_ok(crypto->generate(&own)) &&
                trib_ok(crypto->generate(&cloud)));
    assert_true(
        trib_ok(trib_authority_create("Test authority", &authority, now_s - 9 * HOUR_S, &pem)));
    const trib_authority issuer = {trib_buffer_view(&pem), &authority};
    assert_true(trib_ok(trib_request_create("press-1", &own, &request)));
    assert_true(trib_ok(trib_authority_issue_gateway(&issuer, trib_buffer_view(&request), "press-1",
                                                     now_s - hours * HOUR_S, 30, &chain)));
    fixture_config = (edge_config){.federation = "plant", .store_limit_mb = 1, .trust_count = 1};
    (void)snprintf(fixture_config.broker.uri, sizeof fixture_config.broker.uri,
                   "tcp://127.0.0.1:1");
    fixture_path("state", fixture_config.state, sizeof fixture_config.state);
    fixture_path("own.crt", fixture_config.broker.certificate,
                 sizeof fixture_config.broker.certificate);
    fixture_path("own.key", fixture_config.broker.key, sizeof fixture_config.broker.key);
    fixture_path("cloud.pub", fixture_config.trust[0], sizeof fixture_config.trust[0]);
    fixture_write(fixture_config.broker.certificate, trib_buffer_view(&chain));
    assert_true(trib_ok(trib_key_file_save(fixture_config.broker.key, &own)));
    assert_true(trib_ok(trib_public_key_file_save(fixture_config.trust[0], &cloud.public)));
}

int fixture_set_up(void **state) {
    (void)state;
    (void)snprintf(fixture_folder, sizeof fixture_folder, "/tmp/agent-test-XXXXXX");
    trib_log_setup("agent-test", TRIB_LOG_TEXT, TRIB_LOG_ERROR);
    if (mkdtemp(fixture_folder) == NULL) {
        return -1;
    }
    enrol(1);
    return 0;
}

edge_agent *fixture_start(void) {
    edge_agent *agent = NULL;
    trib_kernels kernels = trib_kernels_reference();
    if (!trib_ok(edge_agent_create(&fixture_config, &kernels, &agent))) {
        fail_msg("start: %s", trib_message());
    }
    return agent;
}
