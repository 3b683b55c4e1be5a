// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/set.h"

void peers_fini(struct peers *p)
{
	for (unsigned i = 0; i < p->count; i++)
		hist_free(p->at[i].wait);
	free(p->at);
	*p = (struct peers){0};
}

static struct attribution_peer *peer_append(struct peers *p)
{
	struct attribution_peer *grown = realloc(p->at, (p->count + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	p->at = grown;
	p->at[p->count] = (struct attribution_peer){.index = UINT32_MAX, .wait = hist_new()};
	return p->at[p->count].wait ? &p->at[p->count++] : NULL;
}

static struct attribution_peer *peer_of(struct peers *p, const struct whole_upstream *u)
{
	for (unsigned i = 0; i < p->count; i++)
		if (p->at[i].port == u->peer_port && p->at[i].index == u->peer_index &&
		    memcmp(p->at[i].addr, u->peer_addr, sizeof(u->peer_addr)) == 0)
			return &p->at[i];
	if (p->count >= PEERS_MAX)
		return &p->at[PEERS_MAX - 1];
	struct attribution_peer *peer = peer_append(p);
	if (peer && p->count < PEERS_MAX) {
		peer->port = u->peer_port;
		peer->index = u->peer_index;
		memcpy(peer->addr, u->peer_addr, sizeof(peer->addr));
	}
	return peer;
}

int peers_add(struct peers *p, const struct whole_request *w)
{
	int rc = 0;

	for (uint32_t i = 0; i < w->upstreams; i++) {
		const struct whole_upstream *u = &w->upstream[i];
		struct attribution_peer *peer = peer_of(p, u);
		if (!peer)
			return -ENOMEM;
		peer->turns++;
		peer->new_connections += u->syn_ns != 0;
		peer->answered += u->answered;
		peer->status[u->http_status < 600 ? u->http_status / 100 : 0]++;
		if (u->t4_last && u->t7 >= u->t4_last)
			rc |= hist_record(peer->wait, u->t7 - u->t4_last);
	}
	return rc ? -ENOMEM : 0;
}
