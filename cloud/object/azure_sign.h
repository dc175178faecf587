/* Azure's Shared Key: what is signed, and how. Private to the room.
 *
 * source   Microsoft, "Authorize with Shared Key", Blob service, 2009-09-19 and later
 * errors   TRIB_E_LIMIT what is signed is too long;  TRIB_E_CORRUPT a parameter that cannot be read
 * owns     nothing
 * threads  pure
 */
#ifndef CLOUD_OBJECT_AZURE_SIGN_H
#define CLOUD_OBJECT_AZURE_SIGN_H

#include "cloud/object/http.h"

/* Appends the string to sign of a request that has all its headers, the date among them. */
TRIB_MUST_CHECK trib_status azure_string_to_sign(const http_request *request, const char *account,
                                                 trib_buffer *ret_text);
/* "Fri, 26 Jun 2015 23:39:12 GMT" */
void azure_date(uint64_t wall_ms, char ret_text[32]);

#endif
