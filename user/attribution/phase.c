// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/attribution.h"

#include <string.h>

struct phase_row {
	const char *name, *title, *owner;
	bool toll;
};

/*
 * The toll is what the gateway itself takes. The accept queue is in it: where a kernel does not show accepts that time is part of
 * "pick up request", and the toll must not depend on the kernel. Waiting for an upstream connection is the gateway's too, but is told
 * apart and stays out of the toll, as does the client's handshake (its round trips are the network's).
 */
static const struct phase_row row[PHASES] = {
	[PHASE_DRIVER_LAG] = {"driver_lag", "driver lag", "driver", false},
	[PHASE_CLIENT_CONNECT] = {"client_connect", "client connect", "network", false},
	[PHASE_CLIENT_TLS] = {"client_tls", "client TLS", "gateway", false},
	[PHASE_ACCEPT_QUEUE] = {"accept_queue", "accept queue", "gateway", true},
	[PHASE_NETWORK] = {"network", "network", "network", false},
	[PHASE_REQUEST_ARRIVAL] = {"request_arrival", "request arrival", "driver", false},
	[PHASE_PICK_UP_REQUEST] = {"pick_up_request", "pick up request", "gateway", true},
	[PHASE_PROCESS_REQUEST] = {"process_request", "process request", "gateway", true},
	[PHASE_UPSTREAM_DNS] = {"upstream_dns", "upstream DNS", "gateway", false},
	[PHASE_UPSTREAM_CONNECT] = {"upstream_connect", "upstream connect", "gateway", false},
	[PHASE_UPSTREAM_TLS] = {"upstream_tls", "upstream TLS", "gateway", false},
	[PHASE_PROVIDER] = {"provider", "provider", "provider", false},
	[PHASE_REST_OF_RESPONSE] = {"rest_of_response", "rest of response", "provider", false},
	[PHASE_PICK_UP_RESPONSE] = {"pick_up_response", "pick up response", "gateway", true},
	[PHASE_PROCESS_RESPONSE] = {"process_response", "process response", "gateway", true},
	[PHASE_BETWEEN_ATTEMPTS] = {"between_attempts", "between attempts", "gateway", true},
	[PHASE_LOCAL_ANSWER] = {"local_answer", "local answer", "gateway", true},
	[PHASE_STREAM] = {"stream", "stream", "provider", false},
};

const char *phase_name(enum phase phase)
{
	return (unsigned)phase < PHASES ? row[phase].name : "unknown";
}

const char *phase_title(enum phase phase)
{
	return (unsigned)phase < PHASES ? row[phase].title : "unknown";
}

bool phase_is_toll(enum phase phase)
{
	return (unsigned)phase < PHASES && row[phase].toll;
}

const char *phase_owner(enum phase phase)
{
	return (unsigned)phase < PHASES ? row[phase].owner : "unknown";
}

bool phase_is_gateway(enum phase phase)
{
	return (unsigned)phase < PHASES && !strcmp(row[phase].owner, "gateway");
}
