/* The two programs' own files: the first byte says whose. Whoever writes them is a person, and what
 * is refused is refused with a place and a reason; an output that was not filled is as it was. */
#include "cloud/app/config.h"
#include "edge/config/edge_config.h"
#include "tests/fuzz/fuzz.h"

enum { FILLING = 0xa5 };

static void must_be_text(const char *text, size_t room) {
    FUZZ_MUST(memchr(text, 0, room) != NULL && text[0] != '\0');
}

static void must_be_untouched(const void *config, size_t size) {
    const uint8_t *bytes = config;
    for (size_t i = 0; i < size; i++) {
        FUZZ_MUST(bytes[i] == FILLING);
    }
    FUZZ_MUST(strncmp(trib_message(), "etc/f.yaml:", 11) == 0);
}

static void read_edge(trib_bytes text) {
    static edge_config config;
    memset(&config, FILLING, sizeof config);
    if (!trib_ok(edge_config_parse("etc/f.yaml", text, &config))) {
        must_be_untouched(&config, sizeof config);
        return;
    }
    must_be_text(config.federation, sizeof config.federation);
    must_be_text(config.state, sizeof config.state);
    must_be_text(config.broker.uri, sizeof config.broker.uri);
    FUZZ_MUST(config.trust_count > 0 && config.trust_count <= EDGE_MAX_TRUSTED);
    for (uint32_t i = 0; i < config.trust_count; i++) {
        must_be_text(config.trust[i], sizeof config.trust[i]);
    }
    FUZZ_MUST(config.store_limit_mb > 0 && config.predictions_every > 0);
    FUZZ_MUST(config.source.speed >= 0);
}

static void read_cloud(trib_bytes text) {
    static cloud_config config;
    memset(&config, FILLING, sizeof config);
    if (!trib_ok(cloud_config_parse("etc/f.yaml", text, &config))) {
        must_be_untouched(&config, sizeof config);
        return;
    }
    must_be_text(config.state, sizeof config.state);
    must_be_text(config.broker_uri, sizeof config.broker_uri);
    must_be_text(config.authorities, sizeof config.authorities);
    must_be_text(config.api_token_file, sizeof config.api_token_file);
    must_be_text(config.api_host, sizeof config.api_host);
    FUZZ_MUST(config.api_port > 0);
    cloud_config_deinit(&config);
}

/* A bucket of files makes its folder, wherever that is: not here. Nor are secrets read from files:
 * from some, reading does not come back. ("token_file" and "ca_file" only name theirs.) */
static bool reaches_out(trib_bytes text) {
    for (size_t at = 0; at < text.size; at++) {
        size_t left = text.size - at;
        const uint8_t *here = text.data + at;
        if (*here == '\\' || (left >= 6 && memcmp(here, "folder", 6) == 0) ||
            (left >= 4 && memcmp(here, "file", 4) == 0 && (at == 0 || here[-1] != '_'))) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0) {
        trib_bytes text = trib_bytes_of(data + 1, size - 1);
        if (data[0] % 2 == 0) {
            read_edge(text);
        } else if (!reaches_out(text)) {
            read_cloud(text);
        }
    }
    return 0;
}
