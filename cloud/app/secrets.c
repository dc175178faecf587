#include "cloud/app/secrets.h"

#include <stdio.h>
#include <string.h>

#include "common/crypto/posix/key_file.h"

enum { PATH_SIZE = 1024 };

static trib_status load_or_make(const trib_crypto *crypto, const char *folder, const char *name,
                                trib_key_pair *ret_pair) {
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    trib_status status = trib_key_file_load(path, ret_pair);
    if (status.code != TRIB_E_NOT_FOUND) {
        return status;
    }
    TRIB_TRY(crypto->generate(ret_pair));
    return trib_key_file_save(path, ret_pair);
}

static trib_status load_master(const trib_crypto *crypto, trib_disk *disk, const char *folder,
                               trib_secret *ret_master) {
    char path[PATH_SIZE];
    char text[2 * sizeof ret_master->bytes + 1] = "";
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer stored = {.ceiling = 256};
    (void)snprintf(path, sizeof path, "%s/master.key", folder);
    trib_status status = trib_disk_read(disk, path, &stored);
    if (status.code == TRIB_E_NOT_FOUND) {
        TRIB_TRY(crypto->random(ret_master->bytes, sizeof ret_master->bytes));
        trib_hex(trib_bytes_of(ret_master->bytes, sizeof ret_master->bytes), text);
        status = trib_disk_replace(disk, folder, "master.key", trib_bytes_text(text));
        trib_wipe(text, sizeof text);
        return status;
    }
    TRIB_TRY(status);
    if (stored.size != sizeof text - 1) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s: expected %zu hexadecimal digits, found %zu bytes",
                         path, sizeof text - 1, stored.size);
    }
    memcpy(text, stored.data, stored.size);
    text[stored.size] = '\0';
    status = trib_unhex(text, ret_master->bytes, sizeof ret_master->bytes);
    trib_wipe(text, sizeof text);
    trib_wipe(stored.data, stored.size);
    return trib_context(status, "%s", path);
}

trib_status cloud_secrets_load(const trib_crypto *crypto, trib_disk *disk, const char *folder,
                               cloud_secrets *ret_secrets) {
    TRIB_SCOPED(cloud_secrets_wipe) cloud_secrets secrets;
    char path[PATH_SIZE];
    memset(&secrets, 0, sizeof secrets);
    TRIB_TRY(load_or_make(crypto, folder, "signing.pem", &secrets.signing));
    TRIB_TRY(load_or_make(crypto, folder, "agreement.pem", &secrets.agreement));
    TRIB_TRY(load_master(crypto, disk, folder, &secrets.master));
    TRIB_TRY(trib_key_id_of(crypto, &secrets.signing.public, &secrets.signing_id));
    (void)snprintf(path, sizeof path, "%s/signing.pub.pem", folder);
    trib_status status = trib_public_key_file_save(path, &secrets.signing.public);
    if (!trib_ok(status) && status.code != TRIB_E_STATE) {
        return status;
    }
    *ret_secrets = secrets;
    return TRIB_SUCCESS;
}

void cloud_secrets_wipe(cloud_secrets *secrets) {
    trib_wipe(secrets, sizeof *secrets);
}
