/* For this room's tests: a gateway that is enrolled in a folder of its own, and its agent, without
 * a broker. */
#ifndef EDGE_APP_AGENT_FIXTURE_H
#define EDGE_APP_AGENT_FIXTURE_H

#include "edge/app/agent.h"

extern edge_config fixture_config; /* of the agents that start */

/* For cmocka, before each test; afterwards the test removes the folder. */
int fixture_set_up(void **state);
extern char fixture_folder[64];

/* Below it. */
void fixture_path(const char *name, char *ret_path, size_t size);
void fixture_write(const char *path, trib_bytes bytes);
edge_agent *fixture_start(void);

#endif
