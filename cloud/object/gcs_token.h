/* Tokens of a Google service account: a claim signed with its key (RS256), given to its token
 * endpoint for an access token, which is kept until shortly before it expires. Private to the room.
 *
 * source   RFC 7519, RFC 7523; Google, "Using OAuth 2.0 for Server to Server Applications"
 * errors   TRIB_E_ARGUMENT a service account that cannot be read;  TRIB_E_DENIED the endpoint
 *          refuses;  TRIB_E_RETRY it does not answer;  TRIB_E_CORRUPT its answer cannot be read
 * owns     a source its copies; secrets are wiped
 * threads  any
 */
#ifndef CLOUD_OBJECT_GCS_TOKEN_H
#define CLOUD_OBJECT_GCS_TOKEN_H

#include "cloud/object/http.h"
#include "common/port/clock.h"

enum { GCS_TOKEN_SIZE = 4096 };

typedef struct gcs_tokens gcs_tokens;
TRIB_MUST_CHECK trib_status gcs_tokens_create(const char *service_account, const trib_clock *clock,
                                              gcs_tokens **ret_tokens);
void gcs_tokens_destroy(gcs_tokens *tokens);
/* Asks the endpoint where there is none yet; others wait meanwhile. */
TRIB_MUST_CHECK trib_status gcs_token_get(gcs_tokens *tokens, http_pool *pool,
                                          char ret_token[GCS_TOKEN_SIZE]);
/* The service has refused it: the next get asks for another. */
void gcs_token_refused(gcs_tokens *tokens);

/* Appends header.claims.signature. For tests as well. */
TRIB_MUST_CHECK trib_status gcs_jwt(const char *email, const char *key_id, const char *private_pem,
                                    const char *audience, uint64_t now_s, trib_buffer *ret_jwt);

#endif
