/* The network and the broker: what stands in for common/mqtt, and what may go wrong between.
 *
 * A connection keeps the order of its messages, as TCP does, unless a fault breaks it. Whatever a
 * dead actor still sends goes nowhere.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "tests/sim/world.h"

/* Bytes on their way, shared by all who get them. */
typedef struct sim_message {
    uint32_t owners;
    size_t size;
    char topic[256];
    uint8_t bytes[];
} sim_message;
sim_message *sim_message_make(const char *topic, trib_bytes payload);
sim_message *sim_message_share(sim_message *message);
void sim_message_drop(void *message);

typedef struct sim_client sim_client; /* a connection, as the broker knows it */

/* ---- network.c ---- */
void sim_network_begin(void);
void sim_network_end(void);
/* Ends the actor's connection: it hears of it at once, or once its keep-alive has passed. */
void sim_network_cut(const sim_actor *actor, bool silent);
/* Nobody reaches the broker from there until then. */
void sim_network_partition(const sim_actor *actor, uint64_t until_us);
/* The program is gone, without a word. */
void sim_network_lost(struct trib_mqtt *link);

/* ---- broker.c ---- */
void sim_broker_begin(void);
void sim_broker_end(void);
bool sim_broker_up(void);
/* Everybody is disconnected; what was retained is lost, too, if `forgets`. */
void sim_broker_restart(uint64_t down_us, bool forgets);
/* A client of that name is there now; an older one of the same name is taken over. */
sim_client *sim_broker_connect(sim_actor *actor, uint64_t serial, uint64_t epoch, const char *id,
                               const char *will_topic, const char *will_text);
sim_client *sim_broker_find(uint64_t serial, uint64_t epoch);
void sim_broker_leave(sim_client *client, bool with_will);
void sim_broker_subscribe(sim_client *client, const char *filter);
void sim_broker_unsubscribe(sim_client *client, const char *filter);
/* The reason code of MQTT v5 to answer with. */
int sim_broker_publish(sim_client *client, sim_message *message, bool retain);
/* To whoever has subscribed to it, whoever sent it. */
void sim_broker_route(sim_message *message);
bool sim_topic_matches(const char *filter, const char *topic);
size_t sim_broker_retained(void);

/* ---- hostile.c: a broker that means harm ---- */
void sim_hostile_begin(void);
void sim_hostile_end(void);
/* What is delivered instead of the message, if anything: a share. NULL: nothing. */
sim_message *sim_hostile_touch(const sim_actor *to, sim_message *message);
/* Puts a frame of another gateway's, or under its name, to the cloud: false if none was seen yet.
 */
bool sim_hostile_write_as(const sim_actor *liar);
void sim_hostile_see(sim_message *message);

/* ---- network.c, for the broker ---- */
struct sim_client {
    sim_actor *actor;
    uint64_t serial, epoch;
    char id[64];
    char will_topic[256], will_text[32];
    char **filters; /* [filter_count], owned */
    size_t filter_count;
    uint64_t up_us, down_us; /* when the last message arrives, each way */
    bool silent;             /* half open: nothing passes any more */
};
void sim_network_deliver(sim_client *client, sim_message *message, bool retained);
void sim_network_tell_lost(const sim_client *client, uint64_t at_us, int reason);

#endif
