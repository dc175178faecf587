#include "common/seal/channel.h"

#include <string.h>

enum { VERSION = 1, ASSOCIATED_SIZE = TRIB_TOPIC_SIZE + TRIB_FRAME_HEADER_BYTES + 8 };

trib_status trib_channel_init(const trib_crypto *crypto, const trib_hpke *context, uint64_t session,
                              trib_topic_kind kind, uint64_t boot, trib_channel *ret_channel) {
    trib_channel channel = {.session = session, .boot = boot, .kind = kind};
    if (kind == TRIB_TOPIC_UP_UPDATE) {
        memcpy(channel.key, context->key, sizeof channel.key);
        memcpy(channel.base_nonce, context->base_nonce, sizeof channel.base_nonce);
    } else {
        const char digits[2] = {(char)('0' + kind / 10), (char)('0' + kind % 10)};
        uint8_t storage[32], bytes[TRIB_AEAD_KEY_BYTES + TRIB_AEAD_NONCE_BYTES];
        trib_writer label = trib_writer_of(storage, sizeof storage);
        trib_write_bytes(&label, trib_bytes_text("tributary/v1 "));
        trib_write_bytes(&label, trib_bytes_of(digits, sizeof digits));
        TRIB_TRY(trib_hpke_export(crypto, context, trib_written(&label), bytes, sizeof bytes));
        memcpy(channel.key, bytes, sizeof channel.key);
        memcpy(channel.base_nonce, bytes + TRIB_AEAD_KEY_BYTES, sizeof channel.base_nonce);
        trib_wipe(bytes, sizeof bytes);
    }
    *ret_channel = channel;
    trib_channel_wipe(&channel);
    return TRIB_SUCCESS;
}

void trib_channel_wipe(trib_channel *channel) {
    trib_wipe(channel, sizeof *channel);
}

static void make_nonce(const trib_channel *channel, uint64_t sequence,
                       uint8_t ret_nonce[TRIB_AEAD_NONCE_BYTES]) {
    memcpy(ret_nonce, channel->base_nonce, TRIB_AEAD_NONCE_BYTES);
    for (int i = 0; i < 8; i++) {
        ret_nonce[TRIB_AEAD_NONCE_BYTES - 1 - i] ^= (uint8_t)(sequence >> (8 * i));
    }
}

static trib_bytes associated(const trib_channel *channel, const char *topic, trib_bytes header,
                             uint8_t storage[ASSOCIATED_SIZE]) {
    trib_writer writer = trib_writer_of(storage, ASSOCIATED_SIZE);
    trib_write_bytes(&writer, trib_bytes_text(topic));
    trib_write_u8(&writer, 0);
    trib_write_bytes(&writer, header);
    trib_write_u64(&writer, channel->boot);
    TRIB_ASSERT(!writer.overflow);
    return trib_written(&writer);
}

trib_status trib_channel_seal(const trib_crypto *crypto, trib_channel *channel, const char *topic,
                              trib_bytes text, trib_writer *ret_frame) {
    size_t size = text.size + TRIB_FRAME_OVERHEAD_BYTES;
    if (ret_frame->overflow || size > ret_frame->capacity - ret_frame->size) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a sealed frame needs %zu bytes", size);
    }
    if (channel->next == UINT64_MAX) {
        return TRIB_FAIL(TRIB_E_STATE, "the session's numbers are used up: join again");
    }
    uint64_t sequence = channel->next++;
    uint8_t *header = ret_frame->data + ret_frame->size;
    trib_write_u8(ret_frame, VERSION);
    trib_write_u8(ret_frame, (uint8_t)channel->kind);
    trib_write_u64(ret_frame, channel->session);
    trib_write_u64(ret_frame, sequence);
    uint8_t nonce[TRIB_AEAD_NONCE_BYTES], storage[ASSOCIATED_SIZE];
    make_nonce(channel, sequence, nonce);
    trib_bytes data =
        associated(channel, topic, trib_bytes_of(header, TRIB_FRAME_HEADER_BYTES), storage);
    trib_status status =
        crypto->aead_seal(channel->key, nonce, data, text, ret_frame->data + ret_frame->size);
    if (!trib_ok(status)) {
        ret_frame->size -= TRIB_FRAME_HEADER_BYTES;
        return status;
    }
    ret_frame->size += text.size + TRIB_AEAD_TAG_BYTES;
    return TRIB_SUCCESS;
}

trib_status trib_frame_parse(trib_bytes bytes, trib_frame *ret_frame) {
    trib_cursor cursor = trib_cursor_of(bytes);
    uint8_t version, kind;
    uint64_t session, sequence;
    TRIB_TRY(trib_read_u8(&cursor, &version));
    TRIB_TRY(trib_read_u8(&cursor, &kind));
    TRIB_TRY(trib_read_u64(&cursor, &session));
    TRIB_TRY(trib_read_u64(&cursor, &sequence));
    if (version != VERSION || kind == 0 || kind >= TRIB_TOPIC_KIND_END ||
        cursor.left < TRIB_AEAD_TAG_BYTES || sequence == UINT64_MAX) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a frame of version %u and kind %u, %zu bytes", version,
                         kind, bytes.size);
    }
    *ret_frame = (trib_frame){(trib_topic_kind)kind, session, sequence,
                              trib_bytes_of(cursor.at, cursor.left)};
    return TRIB_SUCCESS;
}

trib_status trib_channel_open(const trib_crypto *crypto, trib_channel *channel, const char *topic,
                              trib_bytes frame, trib_writer *ret_text) {
    trib_frame parsed;
    TRIB_TRY(trib_frame_parse(frame, &parsed));
    if (parsed.kind != channel->kind || parsed.session != channel->session) {
        return TRIB_FAIL(TRIB_E_DENIED, "a frame of another session or topic");
    }
    if (parsed.sequence < channel->next) {
        return TRIB_FAIL(TRIB_E_STATE, "number %llu again; %llu or later is awaited",
                         (unsigned long long)parsed.sequence, (unsigned long long)channel->next);
    }
    size_t size = parsed.sealed.size - TRIB_AEAD_TAG_BYTES;
    if (ret_text->overflow || size > ret_text->capacity - ret_text->size) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a frame of %zu bytes is longer than its topic allows",
                         size);
    }
    uint8_t nonce[TRIB_AEAD_NONCE_BYTES], storage[ASSOCIATED_SIZE];
    make_nonce(channel, parsed.sequence, nonce);
    trib_bytes data =
        associated(channel, topic, trib_bytes_of(frame.data, TRIB_FRAME_HEADER_BYTES), storage);
    TRIB_TRY(crypto->aead_open(channel->key, nonce, data, parsed.sealed,
                               ret_text->data + ret_text->size));
    ret_text->size += size;
    channel->next = parsed.sequence + 1;
    return TRIB_SUCCESS;
}
