#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "edge/source/places.h"

static trib_status failed(const edge_source_config *config, const char *what) {
    const char *reason = strerror(errno);
    return config->port != 0
               ? TRIB_FAIL(TRIB_E_IO, "source.path: 127.0.0.1:%u: %s: %s", (unsigned)config->port,
                           what, reason)
               : TRIB_FAIL(TRIB_E_IO, "source.path: %s: %s: %s", config->path, what, reason);
}

static int plain_socket(int family) {
    int handle = socket(family, SOCK_STREAM, 0);
    if (handle >= 0 && fcntl(handle, F_SETFD, FD_CLOEXEC) != 0) {
        (void)close(handle);
        return -1;
    }
    return handle;
}

static struct sockaddr_un path_address(const edge_source_config *config) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(config->path);
    TRIB_ASSERT(size < sizeof address.sun_path); /* the config's reader has seen to it */
    memcpy(address.sun_path, config->path, size + 1);
    return address;
}

/* A socket's file that nobody listens on is what a killed agent left behind. */
static void remove_left_over(const struct sockaddr_un *address) {
    struct stat info;
    if (stat(address->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) {
        return;
    }
    int probe = plain_socket(AF_UNIX);
    if (probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof *address) != 0 &&
        errno == ECONNREFUSED) {
        (void)unlink(address->sun_path);
    }
    if (probe >= 0) {
        (void)close(probe);
    }
}

static trib_status bind_path(const edge_source_config *config, int handle) {
    struct sockaddr_un address = path_address(config);
    remove_left_over(&address);
    return bind(handle, (const struct sockaddr *)&address, sizeof address) == 0
               ? TRIB_SUCCESS
               : failed(config, "cannot be bound");
}

static trib_status bind_port(const edge_source_config *config, int handle) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(config->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int yes = 1;
    (void)setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    return bind(handle, (const struct sockaddr *)&address, sizeof address) == 0
               ? TRIB_SUCCESS
               : failed(config, "cannot be bound");
}

trib_status edge_socket_listen(const edge_source_config *config, int *ret_listener) {
    bool port = config->port != 0;
    int handle = plain_socket(port ? AF_INET : AF_UNIX);
    if (handle < 0) {
        return failed(config, "cannot make a socket");
    }
    trib_status status = port ? bind_port(config, handle) : bind_path(config, handle);
    if (trib_ok(status) && listen(handle, 1) != 0) {
        status = failed(config, "cannot listen");
    }
    if (!trib_ok(status)) {
        (void)close(handle);
        return status;
    }
    *ret_listener = handle;
    return TRIB_SUCCESS;
}

void edge_socket_close(const edge_source_config *config, int listener) {
    if (listener >= 0) {
        (void)close(listener);
        if (config->port == 0) {
            (void)unlink(config->path);
        }
    }
}
