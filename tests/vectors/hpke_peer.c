/* The C end of hpke_independent.py: one HPKE step a run, everything in hexadecimal.
 *
 *     hpke_peer BACKEND seal INFO OWN-SECRET PEER-PUBLIC AAD TEXT LABEL
 *         prints: enc, sealed (sequence 0), sealed (sequence 1), exported
 *     hpke_peer BACKEND open INFO OWN-SECRET PEER-PUBLIC AAD ENC SEALED-0 SEALED-1 LABEL
 *         prints: text 0, text 1, exported
 *     hpke_peer BACKEND public SECRET
 *         prints: the public key
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto/hpke.h"

enum { ROOM_BYTES = 512, EXPORT_BYTES = 48 };

static void expect(trib_status status) {
    if (!trib_ok(status)) {
        fprintf(stderr, "hpke_peer: %s\n", trib_message());
        exit(1);
    }
}

static trib_bytes read_hex(const char *text, uint8_t room[ROOM_BYTES]) {
    size_t size = strlen(text) / 2;
    if (size > ROOM_BYTES) {
        fprintf(stderr, "hpke_peer: an argument is too long\n");
        exit(2);
    }
    expect(trib_unhex(text, room, size));
    return trib_bytes_of(room, size);
}

static void print_hex(trib_bytes bytes) {
    char text[2 * ROOM_BYTES + 1];
    trib_hex(bytes, text);
    puts(text);
}

static trib_key_pair read_pair(const trib_crypto *crypto, const char *secret) {
    trib_key_pair pair;
    expect(trib_unhex(secret, pair.secret.bytes, sizeof pair.secret.bytes));
    expect(crypto->public_of(&pair.secret, &pair.public));
    return pair;
}

static void print_export(const trib_crypto *crypto, const trib_hpke *context, const char *label) {
    uint8_t room[ROOM_BYTES];
    uint8_t exported[EXPORT_BYTES];
    expect(trib_hpke_export(crypto, context, read_hex(label, room), exported, sizeof exported));
    print_hex(trib_bytes_of(exported, sizeof exported));
}

static void seal(const trib_crypto *crypto, char **words) {
    uint8_t info[ROOM_BYTES];
    uint8_t aad_room[ROOM_BYTES];
    uint8_t text_room[ROOM_BYTES];
    trib_key_pair own = read_pair(crypto, words[1]);
    trib_public_key peer;
    expect(trib_unhex(words[2], peer.bytes, sizeof peer.bytes));
    trib_hpke_sender sender = {read_hex(words[0], info), &peer, &own, NULL};
    trib_public_key enc;
    trib_hpke context;
    expect(trib_hpke_setup_sender(crypto, &sender, &enc, &context));
    print_hex(trib_bytes_of(enc.bytes, sizeof enc.bytes));
    trib_bytes aad = read_hex(words[3], aad_room);
    trib_bytes text = read_hex(words[4], text_room);
    for (uint64_t sequence = 0; sequence < 2; sequence++) {
        uint8_t sealed[ROOM_BYTES + TRIB_AEAD_TAG_BYTES];
        expect(trib_hpke_seal(crypto, &context, sequence, aad, text, sealed));
        print_hex(trib_bytes_of(sealed, text.size + TRIB_AEAD_TAG_BYTES));
    }
    print_export(crypto, &context, words[5]);
}

static void open_sealed(const trib_crypto *crypto, char **words) {
    uint8_t info[ROOM_BYTES];
    uint8_t aad_room[ROOM_BYTES];
    trib_key_pair own = read_pair(crypto, words[1]);
    trib_public_key peer;
    trib_public_key enc;
    expect(trib_unhex(words[2], peer.bytes, sizeof peer.bytes));
    expect(trib_unhex(words[4], enc.bytes, sizeof enc.bytes));
    trib_hpke_receiver receiver = {read_hex(words[0], info), &own, &peer, &enc};
    trib_hpke context;
    expect(trib_hpke_setup_receiver(crypto, &receiver, &context));
    trib_bytes aad = read_hex(words[3], aad_room);
    for (uint64_t sequence = 0; sequence < 2; sequence++) {
        uint8_t room[ROOM_BYTES];
        uint8_t text[ROOM_BYTES];
        trib_bytes sealed = read_hex(words[5 + sequence], room);
        expect(trib_hpke_open(crypto, &context, sequence, aad, sealed, text));
        print_hex(trib_bytes_of(text, sealed.size - TRIB_AEAD_TAG_BYTES));
    }
    print_export(crypto, &context, words[7]);
}

int main(int count, char **words) {
    if (count < 4) {
        fprintf(stderr, "usage: see hpke_peer.c\n");
        return 2;
    }
    const trib_crypto *crypto =
        strcmp(words[1], "mbedtls") == 0 ? trib_crypto_mbedtls() : trib_crypto_openssl();
    if (strcmp(words[2], "public") == 0) {
        trib_key_pair pair = read_pair(crypto, words[3]);
        print_hex(trib_bytes_of(pair.public.bytes, sizeof pair.public.bytes));
    } else if (strcmp(words[2], "seal") == 0 && count == 9) {
        seal(crypto, words + 3);
    } else if (strcmp(words[2], "open") == 0 && count == 11) {
        open_sealed(crypto, words + 3);
    } else {
        fprintf(stderr, "usage: see hpke_peer.c\n");
        return 2;
    }
    return 0;
}
