#include "cloud/object/sign.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

trib_status cloud_md5(trib_bytes bytes, uint8_t ret_md5[CLOUD_MD5_BYTES]) {
    unsigned size = 0;
    return EVP_Digest(bytes.data != NULL ? bytes.data : (const uint8_t *)"", bytes.size, ret_md5,
                      &size, EVP_md5(), NULL) == 1
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_INTERNAL, "OpenSSL computes no MD5, which object storage needs");
}

trib_status cloud_digest_all(const cloud_digest_source *source, uint8_t ret_sha256[TRIB_HASH_BYTES],
                             uint64_t *ret_size) {
    enum { CHUNK = 256 << 10 }; /* in a cache still when it is digested */
    const trib_crypto *crypto = trib_crypto_host();
    TRIB_SCOPED(trib_free_scoped) uint8_t *chunk = trib_allocate(1, CHUNK);
    TRIB_SCOPED(cloud_hash_drop) trib_hash hash = {.state = {.context = NULL}};
    uint64_t size = 0;
    if (chunk == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a digest");
    }
    TRIB_TRY(crypto->hash_init(&hash));
    for (size_t got = CHUNK; got == CHUNK; size += got) {
        TRIB_TRY(source->read(source->context, size, chunk, CHUNK, &got));
        TRIB_TRY(crypto->hash_update(&hash, trib_bytes_of(chunk, got)));
    }
    *ret_size = size;
    return crypto->hash_finish(&hash, ret_sha256);
}

static void encode(trib_bytes bytes, const char *alphabet, bool padded, char *ret_text) {
    size_t out = 0;
    for (size_t at = 0; at < bytes.size; at += 3) {
        size_t left = bytes.size - at;
        uint32_t word = (uint32_t)bytes.data[at] << 16 |
                        (left > 1 ? (uint32_t)bytes.data[at + 1] << 8 : 0) |
                        (left > 2 ? (uint32_t)bytes.data[at + 2] : 0);
        for (size_t i = 0; i < 4; i++) {
            if (i <= left) {
                ret_text[out++] = alphabet[word >> (18 - 6 * i) & 63];
            } else if (padded) {
                ret_text[out++] = '=';
            }
        }
    }
    ret_text[out] = '\0';
}

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void cloud_base64(trib_bytes bytes, char *ret_text) {
    encode(bytes, plain, true, ret_text);
}

void cloud_base64url(trib_bytes bytes, char *ret_text) {
    encode(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false,
           ret_text);
}

trib_status cloud_unbase64(const char *text, uint8_t *ret_bytes, size_t capacity,
                           size_t *ret_size) {
    size_t length = strlen(text), out = 0;
    if (length % 4 != 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "not base64: its length is no multiple of 4");
    }
    for (size_t at = 0; at < length; at += 4) {
        bool last = at + 4 == length;
        size_t padding = last && text[at + 3] == '=' ? (text[at + 2] == '=' ? 2 : 1) : 0;
        uint32_t word = 0;
        for (size_t i = 0; i < 4; i++) {
            const char *found = i < 4 - padding ? strchr(plain, text[at + i]) : plain;
            if (found == NULL || text[at + i] == '\0') {
                return TRIB_FAIL(TRIB_E_CORRUPT, "not base64: byte %zu", at + i + 1);
            }
            word = word << 6 | (uint32_t)(found - plain);
        }
        for (size_t i = 0; i < 3 - padding; i++) {
            if (out == capacity) {
                return TRIB_FAIL(TRIB_E_LIMIT, "base64 of more than %zu bytes", capacity);
            }
            ret_bytes[out++] = (uint8_t)(word >> (16 - 8 * i));
        }
    }
    *ret_size = out;
    return TRIB_SUCCESS;
}

static trib_status sign_with(EVP_PKEY *key, trib_bytes message, trib_buffer *ret_signature) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = 0;
    trib_status status = TRIB_FAIL(TRIB_E_INTERNAL, "OpenSSL does not sign");
    if (context != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(context, NULL, &size, message.data, message.size) == 1) {
        status = trib_buffer_reserve(ret_signature, size);
        if (trib_ok(status)) {
            if (EVP_DigestSign(context, ret_signature->data + ret_signature->size, &size,
                               message.data, message.size) == 1) {
                ret_signature->size += size;
            } else {
                status = TRIB_FAIL(TRIB_E_INTERNAL, "OpenSSL does not sign");
            }
        }
    }
    EVP_MD_CTX_free(context);
    return status;
}

/* Without it OpenSSL would ask whoever sits at the terminal. */
static int no_password(char *buffer, int size, int writing, void *context) {
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

trib_status cloud_rs256(const char *private_pem, trib_bytes message, trib_buffer *ret_signature) {
    BIO *text = BIO_new_mem_buf(private_pem, -1);
    EVP_PKEY *key = text != NULL ? PEM_read_bio_PrivateKey(text, NULL, no_password, NULL) : NULL;
    BIO_free(text);
    trib_status status = key == NULL || EVP_PKEY_base_id(key) != EVP_PKEY_RSA
                             ? TRIB_FAIL(TRIB_E_ARGUMENT, "private_key is no RSA key in PEM")
                             : sign_with(key, message, ret_signature);
    EVP_PKEY_free(key);
    return status;
}

static bool unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

trib_status cloud_percent(const char *text, bool slashes, trib_buffer *ret_text) {
    static const char digits[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};
        bool as_is = unreserved(*text) || (slashes && *text == '/');
        TRIB_TRY(trib_buffer_append(ret_text, as_is ? trib_bytes_of(text, 1)
                                                    : trib_bytes_of(escaped, sizeof escaped)));
    }
    return TRIB_SUCCESS;
}

trib_status cloud_percent_text(const char *text, bool slashes, char *ret_text, size_t size) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer escaped = {.ceiling = size - 1};
    TRIB_TRY(cloud_percent(text, slashes, &escaped));
    if (escaped.size > 0) {
        memcpy(ret_text, escaped.data, escaped.size);
    }
    ret_text[escaped.size] = '\0';
    return TRIB_SUCCESS;
}
