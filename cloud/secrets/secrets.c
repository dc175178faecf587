#include "cloud/secrets/secrets.h"

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

static const char *const files[] = {"signing.pem", "agreement.pem", "master.key"};

trib_status cloud_secrets_find(const trib_crypto *crypto, trib_disk *disk, const char *folder,
                               cloud_secrets *ret_secrets) {
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[PATH_SIZE];
        int handle;
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        TRIB_TRY(disk->open(disk, path, TRIB_OPEN_READ, &handle));
        disk->close(disk, handle);
    }
    return cloud_secrets_load(crypto, disk, folder, ret_secrets);
}

trib_status cloud_secrets_copy(trib_disk *disk, const char *from, const char *into) {
    trib_status status = TRIB_SUCCESS;
    for (size_t i = 0; i < sizeof files / sizeof files[0] && trib_ok(status); i++) {
        char path[PATH_SIZE];
        trib_buffer file = {.ceiling = 4096};
        (void)snprintf(path, sizeof path, "%s/%s", from, files[i]);
        status = trib_disk_read(disk, path, &file);
        if (trib_ok(status)) {
            status = trib_disk_replace(disk, into, files[i], trib_buffer_view(&file));
            trib_wipe(file.data, file.size);
        }
        trib_buffer_deinit(&file);
    }
    return status;
}

uint64_t cloud_secrets_seed(const trib_crypto *crypto, const cloud_secrets *secrets,
                            const char *purpose) {
    uint8_t seed[8];
    trib_status status =
        crypto->hkdf_expand(secrets->master.bytes, trib_bytes_text(purpose), seed, sizeof seed);
    TRIB_ASSERT(trib_ok(status)); /* eight bytes can always be had */
    return trib_load_u64(seed);
}

void cloud_secrets_wipe(cloud_secrets *secrets) {
    trib_wipe(secrets, sizeof *secrets);
}
