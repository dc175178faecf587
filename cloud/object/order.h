/* Listings in bytewise order of UTF-8, from services that sort by UTF-16. Private to the room.
 *
 * The two differ in one thing: characters beyond U+FFFF (surrogates, D800 to DFFF) come before
 * U+E000 to U+FFFF there, and after them here. So from the first such character on, what shares the
 * text before it is kept and sorted; all else goes straight on.
 *
 * errors   TRIB_E_LIMIT more than ORDER_MAX_KEPT to sort;  TRIB_E_CORRUPT the service is in neither
 *          order;  what `each` says
 * owns     what it keeps
 * threads  one
 */
#ifndef CLOUD_OBJECT_ORDER_H
#define CLOUD_OBJECT_ORDER_H

#include "cloud/object/bucket.h"

enum { ORDER_MAX_KEPT = 20000 };

typedef struct cloud_order {
    trib_status (*each)(void *context, const cloud_object_info *info);
    void *context;
    char last[CLOUD_KEY_SIZE]; /* that was handed on */
    trib_buffer kept;          /* cloud_object_info [count] */
    size_t count;
    size_t shared; /* bytes before the character for which they are kept */
} cloud_order;

void order_init(cloud_order *order,
                trib_status (*each)(void *context, const cloud_object_info *info), void *context);
void order_deinit(cloud_order *order);
TRIB_MUST_CHECK trib_status order_take(cloud_order *order, const cloud_object_info *info);
/* At the end: what is kept. */
TRIB_MUST_CHECK trib_status order_end(cloud_order *order);

#endif
