/* A broker: connections, filters, what is retained, and who may write where. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/network.h"

enum { MESSAGE_CAP = 128 * 1024, LOW_CAP = 2000 };
enum { NOT_AUTHORIZED = 0x87, PACKET_TOO_LARGE = 0x95, TAKEN_OVER = 0x8e };

static sim_client **clients; /* [client_count], owned */
static size_t client_count;
static sim_message **retained; /* [retained_count], shares */
static size_t retained_count;
static uint64_t down_until_us;

void sim_broker_begin(void) {
    down_until_us = 0;
}

static void free_client(sim_client *client) {
    for (size_t i = 0; i < client->filter_count; i++) {
        free(client->filters[i]);
    }
    free(client->filters);
    free(client);
}

void sim_broker_end(void) {
    for (size_t i = 0; i < client_count; i++) {
        free_client(clients[i]);
    }
    for (size_t i = 0; i < retained_count; i++) {
        sim_message_drop(retained[i]);
    }
    free(clients);
    free(retained);
    clients = NULL;
    retained = NULL;
    client_count = retained_count = 0;
}

bool sim_broker_up(void) {
    return sim.now_us >= down_until_us;
}

size_t sim_broker_retained(void) {
    return retained_count;
}

sim_client *sim_broker_find(uint64_t serial, uint64_t epoch) {
    for (size_t i = 0; i < client_count; i++) {
        if (clients[i]->serial == serial && clients[i]->epoch == epoch) {
            return clients[i];
        }
    }
    return NULL;
}

void sim_broker_leave(sim_client *client, bool with_will) {
    size_t at = 0;
    while (clients[at] != client) {
        at++;
    }
    clients[at] = clients[--client_count];
    if (with_will && client->will_topic[0] != '\0') {
        sim_message *will =
            sim_message_make(client->will_topic, trib_bytes_text(client->will_text));
        sim_broker_route(will);
        sim_message_drop(will);
    }
    free_client(client);
}

void sim_broker_restart(uint64_t down_us, bool forgets) {
    down_until_us = sim.now_us + down_us;
    while (client_count > 0) {
        sim_network_tell_lost(clients[0], sim.now_us, -1);
        sim_broker_leave(clients[0], false);
    }
    while (forgets && retained_count > 0) {
        sim_message_drop(retained[--retained_count]);
    }
}

sim_client *sim_broker_connect(sim_actor *actor, uint64_t serial, uint64_t epoch, const char *id,
                               const char *will_topic, const char *will_text) {
    for (size_t i = 0; i < client_count; i++) {
        if (strcmp(clients[i]->id, id) == 0) {
            if (clients[i]->actor != actor) {
                sim_inject(SIM_TAKEOVER); /* a clone's, or its original's */
            }
            sim_network_tell_lost(clients[i], sim.now_us, TAKEN_OVER);
            sim_broker_leave(clients[i], true);
            break;
        }
    }
    sim_client *client = calloc(1, sizeof *client);
    clients = realloc(clients, (client_count + 1) * sizeof *clients);
    TRIB_ASSERT(client != NULL && clients != NULL);
    *client = (sim_client){.actor = actor, .serial = serial, .epoch = epoch};
    (void)snprintf(client->id, sizeof client->id, "%s", id);
    (void)snprintf(client->will_topic, sizeof client->will_topic, "%s", will_topic);
    (void)snprintf(client->will_text, sizeof client->will_text, "%s", will_text);
    clients[client_count++] = client;
    return client;
}

bool sim_topic_matches(const char *filter, const char *topic) {
    while (*filter != '\0' && *topic != '\0') {
        if (*filter == '#') {
            return true;
        }
        if (*filter == '+') {
            while (*topic != '\0' && *topic != '/') {
                topic++;
            }
            filter++;
        } else if (*filter++ != *topic++) {
            return false;
        }
    }
    return *filter == *topic;
}

void sim_broker_subscribe(sim_client *client, const char *filter) {
    for (size_t i = 0; i < client->filter_count; i++) {
        if (strcmp(client->filters[i], filter) == 0) {
            sim_broker_unsubscribe(client, filter);
            break;
        }
    }
    size_t size = strlen(filter) + 1;
    client->filters = realloc(client->filters, (client->filter_count + 1) * sizeof(char *));
    TRIB_ASSERT(client->filters != NULL);
    char *copy = malloc(size);
    TRIB_ASSERT(copy != NULL);
    memcpy(copy, filter, size);
    client->filters[client->filter_count++] = copy;
    for (size_t i = 0; i < retained_count; i++) {
        if (sim_topic_matches(filter, retained[i]->topic)) {
            sim_network_deliver(client, retained[i], true);
        }
    }
}

void sim_broker_unsubscribe(sim_client *client, const char *filter) {
    for (size_t i = 0; i < client->filter_count; i++) {
        if (strcmp(client->filters[i], filter) == 0) {
            free(client->filters[i]);
            client->filters[i] = client->filters[--client->filter_count];
            return;
        }
    }
}

static void retain(sim_message *message) {
    size_t at = 0;
    while (at < retained_count && strcmp(retained[at]->topic, message->topic) != 0) {
        at++;
    }
    if (at < retained_count) {
        sim_message_drop(retained[at]);
        retained[at] = retained[--retained_count];
    }
    if (message->size > 0) {
        retained = realloc(retained, (retained_count + 1) * sizeof(sim_message *));
        TRIB_ASSERT(retained != NULL);
        retained[retained_count++] = sim_message_share(message);
    }
}

void sim_broker_route(sim_message *message) {
    for (size_t i = 0; i < client_count; i++) {
        for (size_t j = 0; j < clients[i]->filter_count; j++) {
            if (sim_topic_matches(clients[i]->filters[j], message->topic)) {
                sim_network_deliver(clients[i], message, false);
                break;
            }
        }
    }
}

/* deploy/broker's rules: a gateway writes below its own name, the cloud everywhere. */
static bool may_write(const sim_client *client, const char *topic) {
    char own[160];
    (void)snprintf(own, sizeof own, "tributary/v1/+/%s/up/#", client->id);
    return client->actor->is_cloud || sim_topic_matches(own, topic);
}

int sim_broker_publish(sim_client *client, sim_message *message, bool retains) {
    if (message->size > MESSAGE_CAP || (message->size > LOW_CAP && sim_draw(SIM_TOO_LARGE))) {
        return PACKET_TOO_LARGE;
    }
    if (!may_write(client, message->topic)) {
        return NOT_AUTHORIZED;
    }
    sim_hostile_see(message);
    if (retains) {
        retain(message);
    }
    sim_broker_route(message);
    return 0;
}
