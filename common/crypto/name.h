/* What a gateway may be called: [a-z0-9-]{1,63}, and not "all", which is every gateway's topic.
 *
 * threads  pure
 */
#ifndef TRIB_CRYPTO_NAME_H
#define TRIB_CRYPTO_NAME_H

#include "common/base/span.h"

enum { TRIB_MAX_NAME_BYTES = 63 };

/* TRIB_E_DENIED with the reason. */
TRIB_MUST_CHECK trib_status trib_name_check(trib_bytes name);

#endif
