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

static const char s3_config[] =
    "state: state\n"
    "broker: {uri: 'ssl://localhost:8883', ca: ca.pem, certificate: own.pem, key: own.key}\n"
    "authorities: ca.pem\napi: {listen: 127.0.0.1:8700, token_file: token}\n"
    "object:\n  s3: {endpoint: 'https://o.example.net', bucket: plants, access_key: a,"
    " secret_key: s, session_token: t, region: us-east-1, path_style: true, one_request_mb: 64}\n"
    "  retry: {tries: 2, first_ms: 1, most_ms: 9, budget_ms: 60000, timeout_ms: 1000,"
    " connections: 2}\n"
    "bridge: {kafka: {bootstrap.servers: 'localhost:9092', enable.idempotence: true}}\n";
static const char azure_config[] =
    "state: state\n"
    "broker: {uri: 'ssl://localhost:8883', ca: ca.pem, certificate: own.pem, key: own.key}\n"
    "authorities: ca.pem\napi: {listen: 127.0.0.1:8700, token_file: token}\n"
    "object: {azure: {account: plant, container: plants, account_key: 'a2V5'}}\n";
static const char gcs_config[] =
    "state: state\n"
    "broker: {uri: 'ssl://localhost:8883', ca: ca.pem, certificate: own.pem, key: own.key}\n"
    "authorities: ca.pem\napi: {listen: 127.0.0.1:8700, token_file: token}\n"
    "object: {gcs: {bucket: plants, endpoint: 'http://localhost:1', ca_file: ca.pem}}\n";

/* What servers answer, behind the byte that says as what it is read: fuzz_answers.c. */
static void put_answers(void) {
    static const struct {
        const char *name, *text;
    } all[] = {
        {"s3_objects",
         "\x00<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>true</IsTruncated>"
         "<Contents><Key>a/b</Key><LastModified>2024-01-31T10:00:00.000Z"
         "</LastModified><ETag>&quot;e&quot;</ETag><Size>5</Size></Contents>"
         "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>"},
        {"s3_parts", "\x01<ListPartsResult><Part><PartNumber>1</PartNumber><ETag>e</ETag>"
                     "<Size>9</Size></Part><IsTruncated>false</IsTruncated></ListPartsResult>"},
        {"s3_uploads", "\x02<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u</UploadId>"
                       "<Initiated>2024-01-31T10:00:00.000Z</Initiated></Upload><IsTruncated>true"
                       "</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u"
                       "</NextUploadIdMarker></ListMultipartUploadsResult>"},
        {"azure_blobs", "\x03<EnumerationResults><Blobs><Blob><Name>a</Name><Properties>"
                        "<Last-Modified>Fri, 26 Jun 2015 23:39:12 GMT</Last-Modified>"
                        "<Content-Length>5</Content-Length></Properties></Blob></Blobs>"
                        "<NextMarker>m</NextMarker></EnumerationResults>"},
        {"azure_blocks", "\x04<BlockList><UncommittedBlocks><Block><Name>aaaa</Name><Size>5</Size>"
                         "</Block></UncommittedBlocks></BlockList>"},
        {"gcs_objects", "\x05{\"nextPageToken\": \"n\", \"items\": [{\"name\": \"a\", \"size\":"
                        " \"5\", \"updated\": \"2024-01-31T10:00:00.000Z\", \"md5Hash\": \"x\"}]}"},
        {"element", "\x06<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                    "</InitiateMultipartUploadResult>"},
        {"xml_error", "\x07<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"},
        {"json_error", "\x07{\"error\": {\"code\": 404, \"message\": \"none\","
                       " \"errors\": [{\"reason\": \"notFound\"}]}}"},
        {"token_error", "\x07{\"error\": \"invalid_grant\", \"error_description\": \"no\"}"},
        {"time", "\x08Fri, 26 Jun 2015 23:39:12 GMT"},
        {"json", "\x09{\"access_token\": \"t\", \"expires_in\": 3600}"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        /* The first byte may be a zero, and ends no text. */
        seed_put("answers", all[i].name, trib_bytes_of(all[i].text, 1 + strlen(all[i].text + 1)));
    }
}

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
                               "GET /metrics\n",
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
    put_config("s3", 1, s3_config);
    put_config("azure", 1, azure_config);
    put_config("gcs", 1, gcs_config);
    put_answers();
    put_all_requests();
}
