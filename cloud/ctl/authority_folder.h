/* An authority kept in a folder, for development and small sites.
 *
 *     ca.pem, ca.key        its certificate and private key (0600)
 *     crl.pem               whom the broker refuses: mosquitto's crlfile
 *     revoked.json          the same with names and times, and the list's number
 *     issued/NAME-SERIAL.pem   every certificate it made, so that revoking by name finds them all
 *     NAME.pem, NAME.key    what was made here; an enrolled gateway's key never is
 *
 * Nothing here replaces a key, nor a certificate unless told to renew it.
 *
 * errors   TRIB_E_STATE: a file is there already;  TRIB_E_NOT_FOUND;  TRIB_E_DENIED: a name that is
 *          not one (common/crypto/name.h) or is taken by the folder itself;  those of authority.h
 * threads  one
 */
#ifndef CLOUD_CTL_AUTHORITY_FOLDER_H
#define CLOUD_CTL_AUTHORITY_FOLDER_H

#include "common/crypto/authority.h"
#include "common/port/clock.h"

enum { CTL_PATH_SIZE = 4096, CTL_LIST_DAYS = 3650 };

typedef struct ctl_authority {
    char folder[CTL_PATH_SIZE / 2];
    trib_buffer certificate_pem;
    trib_key_pair key;
    int64_t now_s;
} ctl_authority;

/* Paths and identity of what was just made. */
typedef struct ctl_issued {
    char certificate[CTL_PATH_SIZE];
    char key[CTL_PATH_SIZE]; /* "" when the key is elsewhere */
} ctl_issued;

/* Makes the folder (0700) if it is not there, the authority, and an empty list of the revoked. */
TRIB_MUST_CHECK trib_status ctl_authority_init(const char *folder, const char *common_name,
                                               int64_t now_s);
TRIB_MUST_CHECK trib_status ctl_authority_open(const char *folder, int64_t now_s,
                                               ctl_authority *ret_authority);
void ctl_authority_close(ctl_authority *authority);

/* A server's key and certificate, as NAME.key and NAME.pem. */
TRIB_MUST_CHECK trib_status ctl_authority_server(ctl_authority *authority, const char *name,
                                                 const char *const *dns, size_t dns_count,
                                                 const char *const *ip, size_t ip_count,
                                                 uint32_t days, ctl_issued *ret_issued);
/* A gateway's key and certificate in one go. A key that is there without a certificate is used. */
TRIB_MUST_CHECK trib_status ctl_authority_gateway(ctl_authority *authority, const char *name,
                                                  uint32_t days, ctl_issued *ret_issued);
/* A certificate for a request made elsewhere. `renew` allows another one for the same name. */
TRIB_MUST_CHECK trib_status ctl_authority_enrol(ctl_authority *authority, const char *request_path,
                                                const char *name, uint32_t days, bool renew,
                                                ctl_issued *ret_issued);

/* Every certificate of this name, or the one certificate in this file, is refused from now on.
 * Revoking again changes nothing, but writes the list anew. *ret_count: certificates it names. */
TRIB_MUST_CHECK trib_status ctl_authority_revoke(ctl_authority *authority, const char *who,
                                                 uint32_t list_days, size_t *ret_count);

/* Whether the authority's folder that a CA's file lies in lists this certificate as revoked. False
 * where there is no such list: a CA's file alone does not know. */
TRIB_MUST_CHECK trib_status ctl_revoked_beside(const char *ca_path, const char *serial,
                                               bool *ret_revoked);

/* On a gateway: NAME.key and NAME.csr in a folder. */
TRIB_MUST_CHECK trib_status ctl_request_make(const char *folder, const char *name,
                                             ctl_issued *ret_issued);

/* For the files of this room. */
TRIB_MUST_CHECK trib_status ctl_path_join(const char *folder, const char *name, const char *suffix,
                                          char *ret_path, size_t size);
/* A public file (0644), durable. */
TRIB_MUST_CHECK trib_status ctl_public_file_write(const char *folder, const char *name,
                                                  trib_bytes bytes, bool replace);
bool ctl_file_exists(const char *path);
/* Writes crl.pem and revoked.json with nobody in them: the list that init starts with. */
TRIB_MUST_CHECK trib_status ctl_authority_first_list(ctl_authority *authority);

#endif
