/* What a gateway may send inside good seals: a row of chunks, put together and taken apart. Each
 * record of the input is two bytes of length and an encoded UpdateChunk. */
#include "cloud/ingest/gateway.h"
#include "cloud/round/live.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_BYTES = 1 << 16 };

static void take_apart(trib_bytes whole) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer storage = {.ceiling = MOST_BYTES};
    cloud_update update;
    trib_ignore(cloud_update_open(whole, MOST_BYTES, &storage, &update));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static cloud_gateway gateway;
    take_apart(trib_bytes_of(data, size));
    while (size >= 2) {
        size_t length = (size_t)(data[0] | data[1] << 8);
        trib_bytes whole = {NULL, 0};
        data += 2;
        size -= 2;
        length = length < size ? length : size;
        trib_status status = cloud_gateway_chunk(trib_crypto_host(), &gateway,
                                                 trib_bytes_of(data, length), MOST_BYTES, &whole);
        if (trib_ok(status) && whole.size > 0) {
            FUZZ_MUST(whole.size <= MOST_BYTES);
            take_apart(whole);
            cloud_gateway_forget_assembly(&gateway);
        }
        data += length;
        size -= length;
    }
    cloud_gateway_forget_assembly(&gateway);
    return 0;
}
