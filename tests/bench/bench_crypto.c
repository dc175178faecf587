/* How fast the primitives are on this machine: one JSON line for each backend and operation.
 *
 *     trib_bench_crypto [SECONDS-EACH]     default 0.3
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/crypto/hpke.h"

enum { BULK_BYTES = 1 << 20, SMALL_BYTES = 64, MAX_BATCH = 1 << 20 };

static struct {
    const trib_crypto *crypto;
    uint8_t bulk[BULK_BYTES + TRIB_AEAD_TAG_BYTES];
    uint8_t hash[TRIB_HASH_BYTES];
    trib_key_pair own;
    trib_key_pair other;
    trib_signature signature;
    trib_public_key enc;
    trib_hpke context;
} bench;

static const trib_bytes none = {NULL, 0};

static trib_status seal_bulk(void) {
    return bench.crypto->aead_seal(bench.hash, bench.hash, none,
                                   trib_bytes_of(bench.bulk, BULK_BYTES), bench.bulk);
}

static trib_status seal_small(void) {
    return bench.crypto->aead_seal(bench.hash, bench.hash, none,
                                   trib_bytes_of(bench.bulk, SMALL_BYTES), bench.bulk);
}

static trib_status hash_bulk(void) {
    return bench.crypto->sha256(trib_bytes_of(bench.bulk, BULK_BYTES), bench.hash);
}

static trib_status hash_small(void) {
    return bench.crypto->sha256(trib_bytes_of(bench.bulk, SMALL_BYTES), bench.hash);
}

static trib_status mac_small(void) {
    return bench.crypto->hmac(trib_bytes_of(bench.hash, sizeof bench.hash),
                              trib_bytes_of(bench.bulk, SMALL_BYTES), bench.hash);
}

static trib_status generate(void) {
    return bench.crypto->generate(&bench.own);
}

static trib_status agree(void) {
    return bench.crypto->agree(&bench.own.secret, &bench.other.public, bench.hash);
}

static trib_status sign(void) {
    return bench.crypto->sign(&bench.other.secret, bench.hash, &bench.signature);
}

static trib_status verify(void) {
    return bench.crypto->verify(&bench.other.public, bench.hash, &bench.signature);
}

static trib_status setup_sender(void) {
    trib_hpke_sender sender = {none, &bench.other.public, &bench.own, NULL};
    return trib_hpke_setup_sender(bench.crypto, &sender, &bench.enc, &bench.context);
}

static trib_status setup_receiver(void) {
    trib_hpke_receiver receiver = {none, &bench.other, &bench.own.public, &bench.enc};
    return trib_hpke_setup_receiver(bench.crypto, &receiver, &bench.context);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void measure(const char *name, trib_status (*operation)(void), double seconds,
                    size_t size_bytes) {
    size_t done = 0;
    double start = now_s();
    double spent = 0;
    for (size_t batch = 1; spent < seconds && batch < MAX_BATCH; batch *= 2) {
        for (size_t i = 0; i < batch; i++) {
            if (!trib_ok(operation())) {
                fprintf(stderr, "bench_crypto: %s: %s\n", name, trib_message());
                exit(1);
            }
        }
        done += batch;
        spent = now_s() - start;
    }
    printf("{\"backend\":\"%s\",\"operation\":\"%s\",\"per_second\":%.0f,\"microseconds\":%.2f",
           bench.crypto->name, name, (double)done / spent, spent / (double)done * 1e6);
    if (size_bytes > SMALL_BYTES) {
        printf(",\"megabytes_per_second\":%.0f", (double)done * (double)size_bytes / spent / 1e6);
    }
    puts("}");
}

int main(int count, char **words) {
    double seconds = count > 1 ? strtod(words[1], NULL) : 0.3;
    static const struct {
        const char *name;
        trib_status (*operation)(void);
        size_t size_bytes;
    } operations[] = {{"aead_seal_1M", seal_bulk, BULK_BYTES},
                      {"aead_seal_64", seal_small, 64},
                      {"sha256_1M", hash_bulk, BULK_BYTES},
                      {"sha256_64", hash_small, 64},
                      {"hmac_64", mac_small, 64},
                      {"p256_generate", generate, 0},
                      {"p256_agree", agree, 0},
                      {"p256_sign", sign, 0},
                      {"p256_verify", verify, 0},
                      {"hpke_auth_sender", setup_sender, 0},
                      {"hpke_auth_receiver", setup_receiver, 0}};
    const trib_crypto *const backends[] = {trib_crypto_openssl(), trib_crypto_mbedtls()};
    for (size_t b = 0; b < 2; b++) {
        bench.crypto = backends[b];
        if (!trib_ok(bench.crypto->generate(&bench.other))) {
            fprintf(stderr, "bench_crypto: %s\n", trib_message());
            return 1;
        }
        for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
            if (operations[i].operation == verify) { /* the hash has changed since it was signed */
                trib_ignore(sign());                 /* a failure shows in the next line */
            }
            measure(operations[i].name, operations[i].operation, seconds, operations[i].size_bytes);
        }
    }
    return 0;
}
