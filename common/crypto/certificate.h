/* Until when a certificate holds, whoever's it is and whatever its key: for words to people.
 *
 * errors   TRIB_E_CORRUPT: no PEM, or no time that can be read; TRIB_E_LIMIT: too long
 * threads  pure
 */
#ifndef TRIB_CRYPTO_CERTIFICATE_H
#define TRIB_CRYPTO_CERTIFICATE_H

#include "common/crypto/identity.h"

/* Of the first certificate of a PEM text, seconds since 1970. Verifies nothing. */
TRIB_MUST_CHECK trib_status trib_certificate_ends(trib_bytes pem, int64_t *ret_not_after_s);

#endif
