#include "common/signal/median.h"

#include <string.h>

/* Negative floats order the other way round: flipping their magnitude bits mends that. */
static int32_t flip(int32_t bits) {
    return bits < 0 ? bits ^ INT32_MAX : bits;
}

static float value_of(int32_t key) {
    int32_t bits = flip(key);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t count_up_to(const int32_t *keys, uint32_t count, int32_t limit) {
    int32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        found += keys[i] <= limit;
    }
    return (uint32_t)found;
}

float trib_median(const float *values, uint32_t count, int32_t *keys) {
    memcpy(keys, values, count * sizeof *keys);
    int32_t low = INT32_MAX;
    int32_t high = INT32_MIN;
    for (uint32_t i = 0; i < count; i++) {
        int32_t key = flip(keys[i]);
        keys[i] = key;
        low = key < low ? key : low;
        high = key > high ? key : high;
    }
    int32_t largest = high;
    uint32_t rank = (count + 1) / 2; /* from 1: the lower middle */
    uint32_t below = count;          /* how many are <= high */
    while (low < high) {
        int32_t middle = (int32_t)(low + ((int64_t)high - low) / 2);
        uint32_t found = count_up_to(keys, count, middle);
        if (found >= rank) {
            high = middle;
            below = found;
        } else {
            low = middle + 1;
        }
    }
    if (count % 2 || below > rank) {
        return value_of(low);
    }
    int32_t next = largest;
    for (uint32_t i = 0; i < count; i++) {
        next = keys[i] > low && keys[i] < next ? keys[i] : next;
    }
    return 0.5f * value_of(low) + 0.5f * value_of(next);
}
