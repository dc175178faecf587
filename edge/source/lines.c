#include "edge/source/lines.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void edge_lines_init(edge_lines *lines, int input, int wake) {
    lines->input = input;
    lines->wake = wake;
    lines->from = 0;
    lines->to = 0;
    lines->ended = false;
    lines->skipping = false;
}

edge_line edge_lines_wait(int input, int wake, int timeout_ms) {
    struct pollfd watched[2] = {{.fd = wake, .events = POLLIN}, {.fd = input, .events = POLLIN}};
    int ready = poll(watched, 2, timeout_ms); /* a negative descriptor is passed over */
    if (ready < 0) {
        return errno == EINTR ? EDGE_LINE_TIMEOUT : EDGE_LINE_FAILED;
    }
    if (watched[0].revents != 0) {
        return EDGE_LINE_STOPPED;
    }
    return ready > 0 ? EDGE_LINE_READY : EDGE_LINE_TIMEOUT;
}

/* The next whole line of the buffer, or a cut one. */
static bool take_line(edge_lines *lines, trib_bytes *ret_line) {
    while (lines->from < lines->to) {
        const uint8_t *start = lines->buffer + lines->from;
        size_t held = lines->to - lines->from;
        const uint8_t *end = memchr(start, '\n', held);
        bool cut = end == NULL && held == EDGE_LINES_BUFFER;
        if (end == NULL && !cut && !lines->ended) {
            return false;
        }
        size_t size = end != NULL ? (size_t)(end - start) + 1 : held;
        bool rest_of_cut = lines->skipping;
        lines->from += size;
        lines->skipping = end == NULL;
        if (!rest_of_cut) {
            *ret_line = trib_bytes_of(start, size);
            return true;
        }
    }
    return false;
}

static edge_line fill(edge_lines *lines, int timeout_ms) {
    memmove(lines->buffer, lines->buffer + lines->from, lines->to - lines->from);
    lines->to -= lines->from;
    lines->from = 0;
    edge_line waited = edge_lines_wait(lines->input, lines->wake, timeout_ms);
    if (waited != EDGE_LINE_READY) {
        return waited;
    }
    ssize_t got = read(lines->input, lines->buffer + lines->to, EDGE_LINES_BUFFER - lines->to);
    if (got < 0) {
        /* a client that went away without a word has ended too */
        lines->ended = errno == ECONNRESET;
        return errno == EINTR || errno == EAGAIN ? EDGE_LINE_TIMEOUT
               : lines->ended                    ? EDGE_LINE_READY
                                                 : EDGE_LINE_FAILED;
    }
    lines->to += (size_t)got;
    lines->ended = got == 0;
    return EDGE_LINE_READY;
}

edge_line edge_lines_next(edge_lines *lines, int timeout_ms, trib_bytes *ret_line) {
    for (;;) {
        if (take_line(lines, ret_line)) {
            return EDGE_LINE_READY;
        }
        if (lines->ended) {
            return EDGE_LINE_END;
        }
        edge_line filled = fill(lines, timeout_ms);
        if (filled != EDGE_LINE_READY) {
            return filled;
        }
    }
}
