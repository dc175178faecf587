/* A federation document from whoever holds the token. What is accepted has a lineage and a model.
 */
#include "common/federation/federation.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static trib_federation federation; /* large */
    trib_lineage lineage;
    if (trib_ok(trib_federation_parse("f.yaml", trib_bytes_of(data, size), &federation))) {
        FUZZ_MUST(trib_ok(trib_federation_lineage(trib_crypto_host(), &federation, &lineage)));
        FUZZ_MUST(trib_federation_parameter_count(&federation) > 0);
        FUZZ_MUST(trib_federation_input_count(&federation) > 0);
    } else {
        FUZZ_MUST(trib_message()[0] != '\0');
    }
    return 0;
}
