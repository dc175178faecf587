/* Sealed frames between one gateway and the cloud.
 *
 * A session is one HPKE context, set up by a join. Each kind of topic has its own channel: a key
 * and a sequence of its own. Updates use the context itself; every other kind uses 28 bytes
 * exported from it under "tributary/v1 <nn>": nn is the kind's number in two digits; the bytes are
 * 16 of key, 12 of base nonce.
 *
 *     frame = u8 version = 1, u8 kind, u64 session, u64 sequence, ciphertext, tag
 *     nonce = base nonce XOR sequence (big-endian, as RFC 9180, 5.2)
 *     associated data = topic, 0x00, the 18 bytes before the ciphertext, u64 boot
 *
 * `boot` is the cloud's start number for what goes up, so that what was sealed for one start of the
 * cloud cannot be opened in another, whatever numbers that one has seen; 0 for what goes down.
 *
 * A sender never uses a number twice and a receiver never accepts one twice: `next` only rises, and
 * whoever persists a channel persists a `next` beyond any that was used (docs/protocol.md).
 *
 * errors   TRIB_E_CORRUPT a malformed frame; TRIB_E_DENIED not sealed by that channel for that
 *          topic; TRIB_E_STATE a number that was accepted before, or is older than one that was
 * owns     secrets: trib_channel_wipe
 * threads  one
 */
#ifndef TRIB_SEAL_CHANNEL_H
#define TRIB_SEAL_CHANNEL_H

#include "common/crypto/hpke.h"
#include "common/wire/topic.h"

enum { TRIB_FRAME_HEADER_BYTES = 18, TRIB_FRAME_OVERHEAD_BYTES = 18 + TRIB_AEAD_TAG_BYTES };

typedef struct trib_channel {
    uint8_t key[TRIB_AEAD_KEY_BYTES];
    uint8_t base_nonce[TRIB_AEAD_NONCE_BYTES];
    uint64_t session;
    uint64_t boot;
    uint64_t next;
    trib_topic_kind kind;
} trib_channel;

TRIB_MUST_CHECK trib_status trib_channel_init(const trib_crypto *crypto, const trib_hpke *context,
                                              uint64_t session, trib_topic_kind kind, uint64_t boot,
                                              trib_channel *ret_channel);
void trib_channel_wipe(trib_channel *channel);

/* Seals with the number `next` and raises it, whatever comes of the frame afterwards. `topic` is
 * the text it will be published under. Takes text.size + TRIB_FRAME_OVERHEAD_BYTES of ret_frame. */
TRIB_MUST_CHECK trib_status trib_channel_seal(const trib_crypto *crypto, trib_channel *channel,
                                              const char *topic, trib_bytes text,
                                              trib_writer *ret_frame);

typedef struct trib_frame {
    trib_topic_kind kind;
    uint64_t session;
    uint64_t sequence;
    trib_bytes sealed;
} trib_frame;
/* Reads the header: who to ask for a channel. Nothing is believed yet. */
TRIB_MUST_CHECK trib_status trib_frame_parse(trib_bytes bytes, trib_frame *ret_frame);

/* Opens into ret_text, which has room for frame.size - TRIB_FRAME_OVERHEAD_BYTES, and raises `next`
 * past its number. */
TRIB_MUST_CHECK trib_status trib_channel_open(const trib_crypto *crypto, trib_channel *channel,
                                              const char *topic, trib_bytes frame,
                                              trib_writer *ret_text);

#endif
