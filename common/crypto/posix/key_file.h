/* Keys in PEM files. Private ones are written for their owner alone (0600).
 *
 * errors   TRIB_E_NOT_FOUND: no such file;  TRIB_E_STATE: save found a file there already
 *          TRIB_E_DENIED: a private key that others may read;  TRIB_E_IO;  and those of pem.h
 * threads  safe
 */
#ifndef TRIB_CRYPTO_POSIX_KEY_FILE_H
#define TRIB_CRYPTO_POSIX_KEY_FILE_H

#include "common/crypto/crypto.h"

/* Saving never replaces a file, and is durable when it returns: a lost key locks a site out.
 * Whoever is killed meanwhile leaves the whole key or none (path.new beside it, which the next one
 * removes).
 */
TRIB_MUST_CHECK trib_status trib_key_file_save(const char *path, const trib_key_pair *pair);
TRIB_MUST_CHECK trib_status trib_key_file_load(const char *path, trib_key_pair *ret_pair);
TRIB_MUST_CHECK trib_status trib_public_key_file_save(const char *path, const trib_public_key *key);
TRIB_MUST_CHECK trib_status trib_public_key_file_load(const char *path, trib_public_key *ret_key);

#endif
