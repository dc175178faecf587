#include "cloud/bridge/kafka_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/file.h"
#include "common/crypto/certificate.h"
#include "common/port/posix/system.h"

enum { LIST_MS = 5000 };

static bool is_denial(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
           code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED || code == RD_KAFKA_RESP_ERR__SSL ||
           code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

/* Within a call of ours that serves the client. An alert of TLS comes after the handshake, and so
 * as a failure to receive: it is Kafka that does not take our certificate. */
static void keep_words(rd_kafka_t *client, int code, const char *reason, void *opaque) {
    (void)client;
    cloud_kafka_words *words = opaque;
    bool denied = is_denial((rd_kafka_resp_err_t)code) || strstr(reason, "SSL alert") != NULL;
    if (!words->denied || denied) { /* "all brokers are down" comes after why they are */
        (void)snprintf(words->text, sizeof words->text, "%s", reason);
        words->denied = denied;
    }
}

static void say_nothing(const rd_kafka_t *client, int level, const char *facility,
                        const char *text) {
    (void)client, (void)level, (void)facility, (void)text;
}

static trib_status set(rd_kafka_conf_t *conf, const char *key, const char *value) {
    char why[256];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "bridge.kafka.settings: librdkafka refuses '%s'", key);
    }
    return TRIB_SUCCESS;
}

static trib_status set_all(rd_kafka_conf_t *conf, const cloud_bridge_settings *settings,
                           const cloud_kafka_pair *defaults, const cloud_kafka_pair *musts) {
    for (; defaults->key != NULL; defaults++) {
        TRIB_TRY(set(conf, defaults->key, defaults->value));
    }
    for (size_t i = 0; i < settings->setting_count; i++) {
        TRIB_TRY(set(conf, settings->settings[i].key, settings->settings[i].value));
    }
    for (; musts->key != NULL; musts++) {
        TRIB_TRY(set(conf, musts->key, musts->value));
    }
    return TRIB_SUCCESS;
}

static const char *setting_of(const cloud_bridge_settings *settings, const char *key) {
    for (size_t i = 0; i < settings->setting_count; i++) {
        if (strcmp(settings->settings[i].key, key) == 0) {
            return settings->settings[i].value;
        }
    }
    return NULL;
}

/* Kafka's alert rarely says what is wrong with a certificate. That it has expired we can see. */
static void look_at_certificate(const cloud_bridge_settings *settings, cloud_kafka_words *words) {
    const char *path = setting_of(settings, "ssl.certificate.location");
    const char *text = setting_of(settings, "ssl.certificate.pem");
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    int64_t ends_s = 0;
    struct tm when;
    char date[32];
    if ((path == NULL || !trib_ok(trib_file_read(path, &file))) && text == NULL) {
        return;
    }
    trib_bytes pem = file.size > 0 ? trib_buffer_view(&file) : trib_bytes_text(text);
    if (!trib_ok(trib_certificate_ends(pem, &ends_s)) ||
        ends_s > (int64_t)(trib_wall_ms(trib_posix_clock()) / 1000)) {
        return;
    }
    time_t ends = (time_t)ends_s;
    if (gmtime_r(&ends, &when) == NULL || strftime(date, sizeof date, "%Y-%m-%d", &when) == 0) {
        (void)snprintf(date, sizeof date, "second %" PRId64, ends_s);
    }
    (void)snprintf(words->expired, sizeof words->expired,
                   ": the certificate of ssl.certificate.%s has expired on %s: renew it",
                   file.size > 0 ? "location" : "pem", date);
}

trib_status cloud_kafka_client(rd_kafka_type_t type, const cloud_bridge_settings *settings,
                               const cloud_kafka_pair *defaults, const cloud_kafka_pair *musts,
                               cloud_kafka_words *words,
                               void (*delivered)(rd_kafka_t *client,
                                                 const rd_kafka_message_t *message, void *words),
                               rd_kafka_t **ret_client) {
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    trib_status status = set_all(conf, settings, defaults, musts);
    if (!trib_ok(status)) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    look_at_certificate(settings, words);
    rd_kafka_conf_set_opaque(conf, words);
    rd_kafka_conf_set_error_cb(conf, keep_words);
    rd_kafka_conf_set_log_cb(conf, say_nothing);
    if (delivered != NULL) {
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    }
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (client == NULL) {
        rd_kafka_conf_destroy(conf);
        return TRIB_FAIL(TRIB_E_ARGUMENT, "bridge.kafka: %s", why);
    }
    *ret_client = client;
    return TRIB_SUCCESS;
}

static trib_status fail(trib_code code, const char *what, const char *why,
                        const cloud_kafka_words *words) {
    bool more = words->text[0] != '\0' && strcmp(words->text, why) != 0;
    return TRIB_FAIL(code, "kafka: %s: %s%s%s%s%s%s", what, why, more ? " (" : "",
                     more ? words->text : "", more ? ")" : "",
                     words->denied ? ": look at bridge.kafka.settings" : "",
                     words->denied ? words->expired : "");
}

trib_status cloud_kafka_code_status(rd_kafka_resp_err_t code, const char *what,
                                    const cloud_kafka_words *words) {
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return TRIB_SUCCESS;
    }
    trib_code kind = TRIB_E_RETRY;
    if (is_denial(code) || words->denied) {
        kind = TRIB_E_DENIED;
    } else if (code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR__FENCED ||
               code == RD_KAFKA_RESP_ERR__STATE) {
        kind = TRIB_E_IO;
    } else if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        kind = TRIB_E_LIMIT;
    } else if (code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
               code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        kind = TRIB_E_NOT_FOUND;
    }
    return fail(kind, what, rd_kafka_err2str(code), words);
}

trib_status cloud_kafka_status(rd_kafka_error_t *error, const char *what,
                               const cloud_kafka_words *words) {
    if (error == NULL) {
        return TRIB_SUCCESS;
    }
    trib_code code = TRIB_E_IO;
    if (rd_kafka_error_is_fatal(error)) {
        code = TRIB_E_IO;
    } else if (rd_kafka_error_txn_requires_abort(error)) {
        code = TRIB_E_STATE;
    } else if (is_denial(rd_kafka_error_code(error)) || words->denied) {
        code = TRIB_E_DENIED;
    } else if (rd_kafka_error_is_retriable(error)) {
        code = TRIB_E_RETRY;
    }
    trib_status status = fail(code, what, rd_kafka_error_string(error), words);
    rd_kafka_error_destroy(error);
    return status;
}

void cloud_kafka_progress_topic(const cloud_bridge_settings *settings,
                                char ret_topic[CLOUD_TOPIC_SIZE]) {
    (void)snprintf(ret_topic, CLOUD_TOPIC_SIZE, "%s.bridge", settings->prefix);
}

void cloud_kafka_topic(const cloud_bridge_settings *settings, const char *federation,
                       cloud_bridge_topic topic, char ret_topic[CLOUD_TOPIC_SIZE]) {
    (void)snprintf(ret_topic, CLOUD_TOPIC_SIZE, "%s.%s.%s", settings->prefix, federation,
                   cloud_bridge_topic_names[topic]);
}

trib_status cloud_kafka_list(rd_kafka_t *client, const cloud_kafka_words *words,
                             void (*each)(void *context, const char *topic), void *context) {
    const struct rd_kafka_metadata *metadata = NULL;
    (void)rd_kafka_poll(client, 0); /* for words */
    TRIB_TRY(cloud_kafka_code_status(rd_kafka_metadata(client, 1, NULL, &metadata, LIST_MS),
                                     "listing topics", words));
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (metadata->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            each(context, metadata->topics[i].topic);
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return TRIB_SUCCESS;
}
