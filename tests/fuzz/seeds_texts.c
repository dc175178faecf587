#include "tests/fuzz/document.h"
#include "tests/fuzz/seeds.h"

static const char edge_config[] =
    "federation: plant\nstate: state\n"
    "broker: {uri: 'ssl://localhost:8883', ca: ca.pem, certificate: own.pem, key: own.key,"
    " keep_alive_s: 30}\n"
    "trust: [cloud.pub.pem]\n"
    "source: {kind: replay, path: rows.csv, format: csv, speed: 2, loop: live}\n"
    "store: {limit_mb: 8}\npredictions: {publish: true, every: 2}\n"
    "log: {format: json, level: warn}\n";
static const char socket_config[] =
    "federation: plant\nstate: /state\n"
    "broker: {uri: 'ssl://localhost:8883', ca: ca.pem, certificate: own.pem, key: own.key}\n"
    "trust: [a.pem, b.pem]\nsource: {kind: socket, path: '127.0.0.1:9000', format: jsonl}\n";
static const char cloud_config[] =
    "state: state\n"
    "broker: {uri: 'ssl://localhost:8883', ca: ca.pem, certificate: own.pem, key: own.key}\n"
    "authorities: ca.pem\napi: {listen: 127.0.0.1:8700, token_file: token}\n"
    "log: {format: text, level: debug}\n";

/* A config file behind the byte that says whose it is. */
static void put_config(const char *name, uint8_t whose, const char *text) {
    FILE *file = seed_create("config", name);
    FUZZ_MUST(fputc(whose, file) != EOF && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* Requests, each ended by a zero. */
static void put_requests(const char *name, const char *const *requests) {
    FILE *file = seed_create("http", name);
    for (; *requests != NULL; requests++) {
        FUZZ_MUST(fputs(*requests, file) >= 0 && fputc('\0', file) != EOF);
    }
    FUZZ_MUST(fclose(file) == 0);
}

static void put_all_requests(void) {
    static char document[2048];
    (void)snprintf(document, sizeof document, "POST /v1/federations\n%s", fuzz_document);
    const char *const ask[] = {"GET /v1/health\n",
                               "GET /v1/federations\n",
                               "GET /v1/federations/plant\n",
                               "GET /v1/federations/plant/gateways\n",
                               "GET /v1/federations/plant/gateways/press-1\n",
                               "GET /v1/federations/plant/rounds?after=3\n",
                               "GET /v1/federations/plant/models\n",
                               NULL};
    const char *const change[] = {document, "POST /v1/gateways/press-1/revoke\n{\"discard\": true}",
                                  "POST /v1/federations/plant/release\n{\"digest\": \"00\"}",
                                  "GET /v1/federations/f\n", NULL};
    const char *const without[] = {
        "POST /v1/federations\n", "POST /v1/federations/plant/release\n",
        "GET /v1/models/"
        "0000000000000000000000000000000000000000000000000000000000000000\n",
        NULL};
    put_requests("ask", ask);
    put_requests("change", change);
    put_requests("without", without);
}

void seed_texts(void) {
    seed_put("federation", "small", trib_bytes_text(fuzz_document));
    seed_put("rows", "csv",
             trib_bytes_text("t,a,b,s\n0,1,2,x\n100,1.5,2,y\n200,,nan,x\n300,1e9,-3,y\n"
                             "400,1,2,x\n500,3,4,x\n600,5,6,y\n700,7,8,y\n"));
    seed_put("rows", "json",
             trib_bytes_text("{\"t\": 0, \"a\": 1, \"b\": 2, \"s\": \"x\"}\n"
                             "{\"t\": 100, \"a\": null, \"b\": -2.5e3}\n"));
    put_config("edge", 0, edge_config);
    put_config("socket", 0, socket_config);
    put_config("cloud", 1, cloud_config);
    put_all_requests();
}
