/* Certificates, keys and joins from anyone that the broker lets in. Nothing made up is believed:
 * the authority's key is nobody's here. */
#include "cloud/ingest/join.h"
#include "common/base/heap.h"
#include "common/crypto/authority.h"
#include "common/crypto/pem.h"
#include "tests/fuzz/fuzz.h"

static trib_buffer authority = {.ceiling = TRIB_MAX_CHAIN_BYTES};

static void set_up(void) {
    trib_key_pair key;
    if (authority.size == 0) {
        FUZZ_MUST(trib_ok(trib_crypto_host()->generate(&key)));
        FUZZ_MUST(trib_ok(trib_authority_create("authority", &key, 1700000000, &authority)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    set_up();
    const cloud_join_rules rules = {.crypto = trib_crypto_host(),
                                    .authorities_pem = trib_buffer_view(&authority),
                                    .federation = "plant",
                                    .gateway = "press-1",
                                    .now_s = 1700000100};
    trib_bytes bytes = trib_bytes_of(data, size);
    trib_identity identity;
    trib_key_pair pair;
    trib_public_key key;
    cloud_join join;
    FUZZ_MUST(!trib_ok(
        trib_identity_verify(bytes, trib_buffer_view(&authority), rules.now_s, &identity)));
    FUZZ_MUST(!trib_ok(cloud_join_verify(&rules, bytes, &join)));
    trib_ignore(trib_identity_read(bytes, &identity));
    trib_ignore(trib_key_pair_from_pem(bytes, &pair));
    trib_ignore(trib_public_key_from_pem(bytes, &key));
    return 0;
}
