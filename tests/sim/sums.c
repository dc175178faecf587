#include "tests/sim/sums.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "common/wire/wire.h"

enum { MOST_PARAMETERS = 1 << 20 };

void sim_sum_add(sim_sum *sum, const char *gateway, trib_bytes update) {
    sum->parts = realloc(sum->parts, (sum->count + 1) * sizeof *sum->parts);
    TRIB_ASSERT(sum->parts != NULL);
    sim_part *next = &sum->parts[sum->count++];
    *next = (sim_part){.update = update};
    memcpy(next->gateway, gateway, strlen(gateway) + 1);
}

void sim_sum_take_out(sim_sum *sum, const char *gateway) {
    for (uint32_t i = 0; i < sum->count; i++) {
        if (strcmp(sum->parts[i].gateway, gateway) == 0) {
            sum->parts[i] = sum->parts[--sum->count];
            return;
        }
    }
}

void sim_sum_deinit(sim_sum *sum) {
    free(sum->parts);
    *sum = (sim_sum){.count = 0};
}

/* ---- model files --------------------------------------------------------------------------- */

static int by_name(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static size_t append_tensor(json_t *header, trib_bytes data, const char *layer, const char *what,
                            float *ret_values, size_t at) {
    char name[80];
    (void)snprintf(name, sizeof name, "%s.%s", layer, what);
    json_t *offsets = json_object_get(json_object_get(header, name), "data_offsets");
    size_t first = (size_t)json_integer_value(json_array_get(offsets, 0));
    size_t last = (size_t)json_integer_value(json_array_get(offsets, 1));
    if (last < first || last > data.size || at + (last - first) / 4 > MOST_PARAMETERS) {
        return at;
    }
    memcpy(ret_values + at, data.data + first, last - first);
    return at + (last - first) / 4;
}

/* In the order of layers, weights before biases; how many. */
static size_t read_parameters(trib_bytes file, float *ret_values) {
    if (file.size < 8 || trib_load_u64(file.data) > file.size - 8) {
        return 0;
    }
    size_t size = (size_t)trib_load_u64(file.data), count = 0, at = 0;
    json_t *header = json_loadb((const char *)file.data + 8, size, 0, NULL);
    trib_bytes data = trib_bytes_of(file.data + 8 + size, file.size - 8 - size);
    const char *key, *layers[64];
    char names[64][64];
    json_t *value;
    json_object_foreach(header, key, value) {
        const char *end = strstr(key, ".weight");
        if (strncmp(key, "layers.", 7) == 0 && end != NULL && count < 64) {
            (void)snprintf(names[count], sizeof names[count], "%.*s", (int)(end - key), key);
            layers[count] = names[count];
            count++;
        }
    }
    qsort(layers, count, sizeof layers[0], by_name);
    for (size_t i = 0; i < count; i++) {
        at = append_tensor(header, data, layers[i], "weight", ret_values, at);
        at = append_tensor(header, data, layers[i], "bias", ret_values, at);
    }
    json_decref(header);
    return at;
}

bool sim_model_hash(trib_bytes file, uint64_t *ret_hash) {
    float *values = malloc(MOST_PARAMETERS * sizeof *values);
    TRIB_ASSERT(values != NULL);
    size_t count = read_parameters(file, values);
    *ret_hash = XXH3_64bits(values, count * sizeof *values);
    free(values);
    return count > 0;
}

/* ---- sums ---------------------------------------------------------------------------------- */

/* The least power of two that is not below. */
static int exponent_of(double value) {
    int exponent;
    double fraction = frexp(value, &exponent);
    return fraction > 0.5 ? exponent : exponent - 1;
}

static int grid_of(const cloud_record_RoundOpened *opened) {
    int one = exponent_of((double)opened->max_weight * (double)opened->clip_norm);
    int most = one + exponent_of(opened->expected) - 62;
    return one - 46 > most ? one - 46 : most;
}

static float float_at(const uint8_t *at) {
    float value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Adds a packed update; its weight, or 0 if it does not have that many values. */
static uint32_t add_packed(const uint8_t *packed, size_t size, size_t count, int grid,
                           int64_t *sums) {
    if (size < 12 || trib_load_u32(packed + 4) != count) {
        return 0;
    }
    uint32_t block = packed[2] | (uint32_t)packed[3] << 8, weight = trib_load_u32(packed + 8);
    size_t blocks = block > 0 ? (count + block - 1) / block : 0;
    const uint8_t *steps = packed + 12 + 4 * blocks;
    for (size_t i = 0; i < count; i++) {
        double value = packed[1] == 1 ? (double)float_at(packed + 12 + 4 * i)
                                      : (double)(int8_t)steps[i] *
                                            (double)float_at(packed + 12 + i / block * 4);
        sums[i] += llrint(ldexp((double)weight * value, -grid));
    }
    return weight;
}

static uint32_t add_update(trib_bytes update, size_t count, int grid, int64_t *sums) {
    trib_wire_Update message = trib_wire_Update_init_zero;
    trib_bytes payload;
    trib_wire_catch(&message.payload, &payload);
    if (!trib_ok(TRIB_WIRE_DECODE(Update, update, &message))) {
        return 0;
    }
    if (!message.compressed) {
        return add_packed(payload.data, payload.size, count, grid, sums);
    }
    uint8_t *plain = malloc(message.payload_size);
    TRIB_ASSERT(plain != NULL);
    size_t size = ZSTD_decompress(plain, message.payload_size, payload.data, payload.size);
    uint32_t weight = ZSTD_isError(size) ? 0 : add_packed(plain, size, count, grid, sums);
    free(plain);
    return weight;
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

bool sim_sum_gives(const sim_sum *sum, const cloud_record_RoundOpened *opened, trib_bytes base,
                   trib_bytes model) {
    float *before = malloc(2 * MOST_PARAMETERS * sizeof *before), *after = before + MOST_PARAMETERS;
    TRIB_ASSERT(before != NULL);
    size_t count = read_parameters(base, before);
    bool same = count > 0 && read_parameters(model, after) == count;
    int64_t *sums = calloc(count + 1, sizeof *sums);
    TRIB_ASSERT(sums != NULL);
    int grid = grid_of(opened);
    uint64_t total = 0;
    for (uint32_t i = 0; i < sum->count && same; i++) {
        uint32_t weight = add_update(sum->parts[i].update, count, grid, sums);
        same = weight > 0;
        total += weight;
    }
    for (size_t i = 0; i < count && same; i++) {
        double mean = ldexp((double)sums[i] / (double)total, grid);
        float value = (float)((double)before[i] + mean);
        same = bits_of(value) == bits_of(after[i]);
    }
    free(sums);
    free(before);
    return same;
}
