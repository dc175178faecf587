#include "cloud/object/gcs_token.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/object/answers.h"
#include "cloud/object/sign.h"

enum { LIFE_S = 3600, EARLY_MS = 120000, JWT_CEILING = 16 << 10 };

struct gcs_tokens {
    const trib_clock *clock;
    json_t *account; /* owned: of it are the texts below */
    const char *email, *key_id, *private_pem, *uri;
    pthread_mutex_t lock;
    char token[GCS_TOKEN_SIZE]; /* under lock; "": none */
    uint64_t until_ms;          /* under lock; monotonic */
};

static trib_status append_part(trib_buffer *jwt, const json_t *object) {
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    size_t size = text != NULL ? strlen(text) : 0;
    TRIB_SCOPED(trib_free_scoped) char *encoded = trib_allocate(1, 4 * ((size + 2) / 3) + 1);
    trib_status status = TRIB_FAIL(TRIB_E_IO, "no memory for a token");
    if (text != NULL && encoded != NULL) {
        cloud_base64url(trib_bytes_text(text), encoded);
        status = trib_buffer_append(jwt, trib_bytes_text(encoded));
    }
    free(text);
    return status;
}

static trib_status append_signature(trib_buffer *jwt, size_t begin, const char *private_pem) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer signature = {.ceiling = 2048};
    TRIB_TRY(
        cloud_rs256(private_pem, trib_bytes_of(jwt->data + begin, jwt->size - begin), &signature));
    TRIB_SCOPED(trib_free_scoped)
    char *encoded = trib_allocate(1, 4 * ((signature.size + 2) / 3) + 1);
    if (encoded == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a token");
    }
    cloud_base64url(trib_buffer_view(&signature), encoded);
    TRIB_TRY(trib_buffer_append(jwt, trib_bytes_text(".")));
    return trib_buffer_append(jwt, trib_bytes_text(encoded));
}

trib_status gcs_jwt(const char *email, const char *key_id, const char *private_pem,
                    const char *audience, uint64_t now_s, trib_buffer *ret_jwt) {
    size_t begin = ret_jwt->size;
    json_t *header = json_pack("{s:s, s:s, s:s*}", "alg", "RS256", "typ", "JWT", "kid", key_id);
    json_t *claims =
        json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", email, "scope",
                  "https://www.googleapis.com/auth/devstorage.read_write", "aud", audience, "iat",
                  (json_int_t)now_s, "exp", (json_int_t)now_s + LIFE_S);
    trib_status status = header != NULL && claims != NULL
                             ? append_part(ret_jwt, header)
                             : TRIB_FAIL(TRIB_E_IO, "no memory for a token");
    if (trib_ok(status)) {
        status = trib_buffer_append(ret_jwt, trib_bytes_text("."));
    }
    if (trib_ok(status)) {
        status = append_part(ret_jwt, claims);
    }
    json_decref(header);
    json_decref(claims);
    TRIB_TRY(status);
    return append_signature(ret_jwt, begin, private_pem);
}

static const char *text_of(const json_t *account, const char *name) {
    const char *text = json_string_value(json_object_get(account, name));
    return text != NULL && text[0] != '\0' ? text : NULL;
}

trib_status gcs_tokens_create(const char *service_account, const trib_clock *clock,
                              gcs_tokens **ret_tokens) {
    json_error_t error;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer probe = {.ceiling = JWT_CEILING};
    gcs_tokens *tokens = trib_allocate(1, sizeof *tokens);
    if (tokens == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for tokens");
    }
    int made = pthread_mutex_init(&tokens->lock, NULL);
    TRIB_ASSERT(made == 0);
    tokens->clock = clock;
    tokens->account = json_loads(service_account, 0, &error);
    tokens->email = text_of(tokens->account, "client_email");
    tokens->private_pem = text_of(tokens->account, "private_key");
    tokens->uri = text_of(tokens->account, "token_uri");
    tokens->key_id = text_of(tokens->account, "private_key_id");
    bool complete = tokens->email != NULL && tokens->private_pem != NULL && tokens->uri != NULL &&
                    strlen(tokens->uri) < HTTP_URL_SIZE;
    trib_status status =
        complete ? gcs_jwt(tokens->email, tokens->key_id, tokens->private_pem, tokens->uri,
                           trib_wall_ms(clock) / 1000, &probe)
                 : TRIB_FAIL(TRIB_E_ARGUMENT, "expected the JSON of a service account's key, with "
                                              "client_email, private_key and token_uri");
    if (!trib_ok(status)) {
        gcs_tokens_destroy(tokens);
        return trib_context(status, "service_account");
    }
    *ret_tokens = tokens;
    return TRIB_SUCCESS;
}

void gcs_tokens_destroy(gcs_tokens *tokens) {
    if (tokens != NULL) {
        /* jansson's copy of the private key is freed, not wiped: it offers no way to. */
        json_decref(tokens->account);
        (void)pthread_mutex_destroy(&tokens->lock);
        trib_wipe(tokens->token, sizeof tokens->token);
        trib_free(tokens);
    }
}

static trib_status take_token(gcs_tokens *tokens, const http_answer *answer) {
    json_t *object = NULL;
    TRIB_TRY(answer_json(trib_buffer_view(&answer->content), &object));
    const char *token = json_string_value(json_object_get(object, "access_token"));
    json_int_t life = json_integer_value(json_object_get(object, "expires_in"));
    size_t size = token != NULL ? strlen(token) : 0;
    trib_status status = TRIB_FAIL(TRIB_E_CORRUPT, "no access_token of 1 to %d printable bytes",
                                   GCS_TOKEN_SIZE - 100);
    bool printable = size > 0 && size < GCS_TOKEN_SIZE - 100;
    for (size_t i = 0; printable && i < size; i++) {
        printable = token[i] > ' ' && token[i] <= '~';
    }
    if (printable) {
        memcpy(tokens->token, token, size + 1);
        uint64_t life_ms = life > 0 && life < 86400 ? (uint64_t)life * 1000 : 0;
        tokens->until_ms = trib_monotonic_ms(tokens->clock) +
                           (life_ms > 2 * EARLY_MS ? life_ms - EARLY_MS : life_ms / 2);
        status = TRIB_SUCCESS;
    }
    json_decref(object);
    return status;
}

static trib_status judge(const gcs_tokens *tokens, const http_answer *answer) {
    answer_error error;
    answer_error_read(trib_buffer_view(&answer->content), &error);
    if (answer->status == 429 || answer->status >= 500) {
        return TRIB_FAIL(TRIB_E_RETRY, "the token endpoint said %ld %s", answer->status,
                         error.code);
    }
    uint64_t now = trib_wall_ms(tokens->clock);
    uint64_t off = answer->date_ms == 0    ? 0
                   : now > answer->date_ms ? now - answer->date_ms
                                           : answer->date_ms - now;
    return TRIB_FAIL(TRIB_E_DENIED, "the token endpoint said %ld %s%s%s (see service_account%s)",
                     answer->status, error.code, error.message[0] != '\0' ? ": " : "",
                     error.message,
                     off > 300000 ? "; this machine's clock is wrong: set the clock" : "");
}

static trib_status ask(gcs_tokens *tokens, http_pool *pool) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer form = {.ceiling = JWT_CEILING};
    TRIB_SCOPED(http_answer_deinit) http_answer answer = {.content = {.ceiling = 64 << 10}};
    TRIB_SCOPED(trib_free_scoped) http_request *request = trib_allocate(1, sizeof *request);
    if (request == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a request");
    }
    TRIB_TRY(trib_buffer_print(
        &form, "grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Ajwt-bearer&assertion="));
    TRIB_TRY(gcs_jwt(tokens->email, tokens->key_id, tokens->private_pem, tokens->uri,
                     trib_wall_ms(tokens->clock) / 1000, &form));
    request->method = "POST";
    memcpy(request->url, tokens->uri, strlen(tokens->uri) + 1);
    http_header(request, "Content-Type: application/x-www-form-urlencoded");
    request->pieces[0] = trib_buffer_view(&form);
    request->piece_count = 1;
    trib_status status = http_exchange(pool, request, &answer);
    if (trib_ok(status)) {
        status = answer.status == 200 ? take_token(tokens, &answer) : judge(tokens, &answer);
    }
    if (answer.content.data != NULL) {
        trib_wipe(answer.content.data, answer.content.capacity);
    }
    return trib_context(status, "token_uri");
}

trib_status gcs_token_get(gcs_tokens *tokens, http_pool *pool, char ret_token[GCS_TOKEN_SIZE]) {
    trib_status status = TRIB_SUCCESS;
    (void)pthread_mutex_lock(&tokens->lock);
    if (tokens->token[0] == '\0' || trib_monotonic_ms(tokens->clock) >= tokens->until_ms) {
        status = ask(tokens, pool);
    }
    if (trib_ok(status)) {
        memcpy(ret_token, tokens->token, GCS_TOKEN_SIZE);
    }
    (void)pthread_mutex_unlock(&tokens->lock);
    return status;
}

void gcs_token_refused(gcs_tokens *tokens) {
    (void)pthread_mutex_lock(&tokens->lock);
    tokens->until_ms = 0;
    (void)pthread_mutex_unlock(&tokens->lock);
}
