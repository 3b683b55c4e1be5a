// SPDX-License-Identifier: GPL-2.0-only
#include "session/peers.h"

#include <errno.h>
#include <stdio.h>

static void label_add(struct session_peers *p, const char *label, const char *address)
{
	struct run_meta_peer *l = &p->label[p->labels];

	peer_gauges_init(&p->gauges[p->labels++], address);
	snprintf(l->label, sizeof(l->label), "%s", label);
	snprintf(l->address, sizeof(l->address), "%s", address);
}

static int db_start(struct session_peers *p, const struct plan *plan, const char *log_path, struct err *err)
{
	struct postgres_key key[PLAN_TENANTS_MAX];

	if (!plan->tenants)
		return err_set(err, -EINVAL, "%s: peers.db: a database of API keys wants tenants:, whose keys it knows",
			       plan->path);
	for (uint32_t i = 0; i < plan->tenants; i++)
		key[i] = (struct postgres_key){
			.key = plan->tenant[i].key, .tenant = plan->tenant[i].name, .rate_per_s = plan->tenant[i].quota_per_s};
	return postgres_child_start(&p->db, key, plan->tenants, log_path, err);
}

static int peer_start(struct session_peers *p, const struct plan *plan, const struct plan_peer *peer, const char *log_path,
		      struct err *err)
{
	char address[sizeof(peer->address)];
	unsigned port;
	int ret;

	if (peer->kind == PLAN_PEER_REDIS) {
		ret = peer_child_start_redis(&p->redis, log_path, err);
		port = p->redis.port;
	} else if (peer->kind == PLAN_PEER_BILLING) {
		ret = peer_child_start_billing(&p->billing, log_path, err);
		port = p->billing.port;
	} else {
		ret = db_start(p, plan, log_path, err);
		port = p->db.port;
	}
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	if (!ret)
		label_add(p, peer->label, address);
	return ret;
}

int session_peers_start(struct session_peers *p, const struct plan *plan, bool embedded, const char *log_path, struct err *err)
{
	int ret = 0;

	for (uint32_t i = 0; i < plan->peers && !ret; i++) {
		const struct plan_peer *peer = &plan->peer[i];

		if (peer->kind == PLAN_PEER_ADDRESS)
			label_add(p, peer->label, peer->address);
		else if (embedded)
			ret = peer_start(p, plan, peer, log_path, err);
	}
	return ret;
}

void session_peers_sample(struct session_peers *p, uint64_t now_ns)
{
	for (unsigned i = 0; i < p->labels; i++) {
		peer_gauges_sample(&p->gauges[i], now_ns);
		p->label[i].process = p->gauges[i].seen;
	}
}

void session_peers_stop(struct session_peers *p)
{
	peer_child_stop(&p->redis);
	peer_child_stop(&p->billing);
	postgres_child_stop(&p->db);
}
