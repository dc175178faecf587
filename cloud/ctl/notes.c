/* What is noteworthy about recordings. */
#include <inttypes.h>
#include <stdio.h>

#include "cloud/ctl/report.h"

enum { SAID = 8 }; /* lines of a kind; the rest is counted */

/* Why a client has too few examples to train on. */
static void reason_of(const trib_federation *federation, const trib_client_data *client,
                      char *ret_text, size_t size) {
    if (client->rows == 0) {
        (void)snprintf(ret_text, size, "its recordings have no rows");
    } else if (client->unlabelled > 0 && client->train.count == 0) {
        (void)snprintf(ret_text, size, "%" PRIu64 " rows, but none of %" PRIu64 " windows has a %s",
                       client->rows, client->unlabelled,
                       federation->task == TRIB_TASK_CLASSIFY ? "label among source.label.classes"
                                                              : "value of every target");
    } else {
        (void)snprintf(ret_text, size, "%" PRIu64 " rows give %zu examples to train on",
                       client->rows, client->train.count);
    }
}

void ctl_print_malformed(const trib_dataset *data) {
    size_t damaged = 0;
    for (size_t i = 0; i < data->count; i++) {
        const trib_client_data *client = &data->clients[i];
        if (client->refused > 0 && damaged++ < SAID) {
            (void)fprintf(stderr,
                          "note: %s: %" PRIu64 " malformed lines are left out, the first: %s\n",
                          client->name, client->refused, client->complaint);
        }
    }
    if (damaged > SAID) {
        (void)fprintf(stderr, "note: %zu more have malformed lines\n", damaged - SAID);
    }
}

void ctl_print_notes(const trib_federation *federation, const trib_dataset *data) {
    size_t idle = 0;
    ctl_print_malformed(data);
    for (size_t i = 0; i < data->count; i++) {
        const trib_client_data *client = &data->clients[i];
        if (!trib_takes_part(federation, client) && idle++ < SAID) {
            char why[160];
            reason_of(federation, client, why, sizeof why);
            (void)fprintf(stderr, "note: %s takes no part in training: %s\n", client->name, why);
        }
    }
    if (idle > SAID) {
        (void)fprintf(stderr, "note: %zu more take no part in training\n", idle - SAID);
    }
}

json_t *ctl_notes_json(const trib_federation *federation, const trib_dataset *data) {
    json_t *list = json_array();
    for (size_t i = 0; i < data->count; i++) {
        const trib_client_data *client = &data->clients[i];
        bool idle = !trib_takes_part(federation, client);
        if (!idle && client->refused == 0) {
            continue;
        }
        json_t *map = json_pack("{s:s, s:I, s:b}", "client", client->name, "rows",
                                (json_int_t)client->rows, "takes_part", idle ? 0 : 1);
        if (idle) {
            char why[160];
            reason_of(federation, client, why, sizeof why);
            json_object_set_new(map, "why", json_string(why));
        }
        if (client->refused > 0) {
            json_object_set_new(map, "malformed_lines", json_integer((json_int_t)client->refused));
            json_object_set_new(map, "first_malformed", json_string(client->complaint));
        }
        json_array_append_new(list, map);
    }
    return list;
}
