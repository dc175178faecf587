#include "cloud/object/order.h"

#include <stdlib.h>
#include <string.h>

void order_init(cloud_order *order,
                trib_status (*each)(void *context, const cloud_object_info *info), void *context) {
    memset(order, 0, sizeof *order);
    order->each = each;
    order->context = context;
    order->kept.ceiling = ORDER_MAX_KEPT * sizeof(cloud_object_info);
}

void order_deinit(cloud_order *order) {
    trib_buffer_deinit(&order->kept);
}

static trib_status hand_on(cloud_order *order, const cloud_object_info *info) {
    if (strcmp(info->key, order->last) <= 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "listed out of order: '%.200s' after '%.200s'", info->key,
                         order->last);
    }
    memcpy(order->last, info->key, sizeof order->last);
    return order->each(order->context, info);
}

static int compare(const void *left, const void *right) {
    return strcmp(((const cloud_object_info *)left)->key, ((const cloud_object_info *)right)->key);
}

trib_status order_end(cloud_order *order) {
    const void *first = order->kept.data; /* aligned to 64 */
    const cloud_object_info *infos = first;
    size_t count = order->count;
    order->count = 0;
    if (count > 1) {
        qsort(order->kept.data, count, sizeof *infos, compare);
    }
    for (size_t i = 0; i < count; i++) {
        TRIB_TRY(hand_on(order, &infos[i]));
    }
    trib_buffer_clear(&order->kept);
    return TRIB_SUCCESS;
}

/* Where the first character beyond U+FFFF begins; the text's size without one. */
static size_t first_beyond(const char *key) {
    size_t at = 0;
    while (key[at] != '\0' && (unsigned char)key[at] < 0xf0) {
        at++;
    }
    return at;
}

trib_status order_take(cloud_order *order, const cloud_object_info *info) {
    const void *first = order->kept.data;
    const cloud_object_info *infos = first;
    if (order->count > 0 && strncmp(infos[0].key, info->key, order->shared) != 0) {
        TRIB_TRY(order_end(order));
    }
    size_t beyond = first_beyond(info->key);
    if (order->count == 0 && info->key[beyond] == '\0') {
        return hand_on(order, info);
    }
    if (order->count == 0) {
        order->shared = beyond;
    }
    TRIB_TRY(trib_context(trib_buffer_append(&order->kept, trib_bytes_of(info, sizeof *info)),
                          "more than %d keys to sort that share a beginning", ORDER_MAX_KEPT));
    order->count++;
    return TRIB_SUCCESS;
}
