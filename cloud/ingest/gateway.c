#include "cloud/ingest/gateway.h"

#include <string.h>

static size_t place_of(const cloud_gateway_table *table, const char *name, bool *ret_found) {
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(table->gateways[middle]->name, name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_found = false;
    return low;
}

cloud_gateway *cloud_gateway_find(const cloud_gateway_table *table, const char *name) {
    bool found;
    size_t place = place_of(table, name, &found);
    return found ? table->gateways[place] : NULL;
}

trib_status cloud_gateway_add(cloud_gateway_table *table, const char *name,
                              cloud_gateway **ret_gateway) {
    bool found;
    size_t place = place_of(table, name, &found);
    if (found) {
        *ret_gateway = table->gateways[place];
        return TRIB_SUCCESS;
    }
    if (table->count >= table->ceiling || !trib_topic_name_valid(name)) {
        return TRIB_FAIL(TRIB_E_LIMIT, "no room for a gateway '%s': %zu of %zu", name, table->count,
                         table->ceiling);
    }
    if (table->count == table->capacity) {
        size_t capacity = table->capacity > 0 ? 2 * table->capacity : 16;
        cloud_gateway **larger =
            trib_resize(table->gateways, table->count * sizeof *larger, capacity * sizeof *larger);
        if (larger == NULL) {
            return TRIB_FAIL(TRIB_E_IO, "no memory for %zu gateways", capacity);
        }
        table->gateways = larger;
        table->capacity = capacity;
    }
    cloud_gateway *gateway = trib_allocate(1, sizeof *gateway);
    if (gateway == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a gateway");
    }
    memcpy(gateway->name, name, strlen(name) + 1);
    memmove(&table->gateways[place + 1], &table->gateways[place],
            (table->count - place) * sizeof *table->gateways);
    table->gateways[place] = gateway;
    table->count++;
    *ret_gateway = gateway;
    return TRIB_SUCCESS;
}

void cloud_gateway_forget_assembly(cloud_gateway *gateway) {
    trib_free(gateway->assembly.bytes);
    gateway->assembly = (cloud_assembly){.bytes = NULL};
}

void cloud_gateway_table_deinit(cloud_gateway_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        cloud_gateway *gateway = table->gateways[i];
        cloud_gateway_forget_assembly(gateway);
        trib_free(gateway->join);
        trib_free(gateway->statistics);
        trib_wipe(gateway, sizeof *gateway);
        trib_free(gateway);
    }
    trib_free(table->gateways);
    *table = (cloud_gateway_table){.ceiling = table->ceiling};
}

static trib_status begin(cloud_assembly *assembly, const trib_wire_UpdateChunk *chunk) {
    uint8_t *bytes = trib_allocate(chunk->size, 1);
    if (bytes == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for an update of %u bytes", chunk->size);
    }
    *assembly = (cloud_assembly){
        .round = chunk->round, .count = chunk->count, .size = chunk->size, .bytes = bytes};
    memcpy(assembly->digest, chunk->digest.bytes, sizeof assembly->digest);
    return TRIB_SUCCESS;
}

trib_status cloud_gateway_chunk(const trib_crypto *crypto, cloud_gateway *gateway, trib_bytes bytes,
                                size_t most_bytes, trib_bytes *ret_whole) {
    trib_wire_UpdateChunk chunk = trib_wire_UpdateChunk_init_zero;
    trib_bytes data;
    trib_wire_catch(&chunk.data, &data);
    TRIB_TRY(TRIB_WIRE_DECODE(UpdateChunk, bytes, &chunk));
    if (chunk.digest.size != TRIB_HASH_BYTES || chunk.size == 0 || chunk.size > most_bytes ||
        chunk.count == 0 || chunk.index >= chunk.count || data.size == 0 ||
        data.size > chunk.size) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "chunk %u of %u of an update of %u bytes; at most %zu",
                         chunk.index, chunk.count, chunk.size, most_bytes);
    }
    cloud_assembly *assembly = &gateway->assembly;
    *ret_whole = (trib_bytes){NULL, 0};
    if (chunk.index == 0) {
        cloud_gateway_forget_assembly(gateway);
        TRIB_TRY(begin(assembly, &chunk));
    }
    if (assembly->bytes == NULL || chunk.index != assembly->next ||
        chunk.round != assembly->round || chunk.count != assembly->count ||
        chunk.size != assembly->size ||
        memcmp(chunk.digest.bytes, assembly->digest, TRIB_HASH_BYTES) != 0 ||
        data.size > assembly->size - assembly->filled) {
        cloud_gateway_forget_assembly(gateway);
        return TRIB_FAIL(TRIB_E_CORRUPT, "chunk %u of %u does not follow", chunk.index,
                         chunk.count);
    }
    memcpy(assembly->bytes + assembly->filled, data.data, data.size);
    assembly->filled += (uint32_t)data.size;
    assembly->next++;
    if (assembly->next < assembly->count) {
        return TRIB_SUCCESS;
    }
    uint8_t digest[TRIB_HASH_BYTES];
    trib_bytes whole = trib_bytes_of(assembly->bytes, assembly->filled);
    TRIB_TRY(crypto->sha256(whole, digest));
    if (assembly->filled != assembly->size ||
        memcmp(digest, assembly->digest, sizeof digest) != 0) {
        cloud_gateway_forget_assembly(gateway);
        return TRIB_FAIL(TRIB_E_CORRUPT, "the update is not what its chunks promised");
    }
    *ret_whole = whole;
    return TRIB_SUCCESS;
}
