/* A model file from anywhere. What is believed writes the same file again. */
#include "common/model/model.h"
#include "common/tensor/safetensors.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_safetensors *file = NULL;
    trib_model *model = NULL;
    trib_bytes bytes = trib_bytes_of(data, size);
    if (trib_ok(trib_safetensors_open(bytes, &file))) {
        for (size_t i = 0; i < trib_safetensors_count(file); i++) {
            fuzz_within(trib_safetensors_at(file, i)->bytes, data, size);
        }
        trib_safetensors_close(file);
    }
    if (trib_ok(trib_model_read(trib_crypto_host(), bytes, &model))) {
        TRIB_SCOPED(trib_buffer_deinit)
        trib_buffer again = {.ceiling = trib_model_file_ceiling(&model->meaning)};
        FUZZ_MUST(trib_ok(trib_model_write(model, &again)));
        trib_model_destroy(model);
    }
    return 0;
}
