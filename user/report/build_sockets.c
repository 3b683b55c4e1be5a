// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "base/units.h"
#include "report/build.h"

#define SENTENCE_MAX 320

const struct report_peer *build_labelled(const struct report_input *in, const struct sockets_peer *p)
{
	for (unsigned i = 0; i < in->peers; i++)
		if (in->peer[i].port == p->port && !memcmp(in->peer[i].addr, p->addr, sizeof(p->addr)))
			return &in->peer[i];
	return NULL;
}

/* By its label, or as the table of upstreams names it. */
static void peer_name(const struct build *b, const struct sockets_peer *p, const char *address, char *out, size_t size)
{
	const struct report_input *in = b->in;
	const struct report_peer *labelled = build_labelled(in, p);
	const struct attribution_peer *peers = NULL;
	unsigned n = in->attribution ? attribution_peers(in->attribution, &peers) : 0;

	snprintf(out, size, "%s", labelled ? labelled->label : address);
	for (unsigned i = 0; i < n; i++) {
		if (peers[i].port != p->port || memcmp(peers[i].addr, p->addr, sizeof(p->addr)) || peers[i].index == UINT32_MAX)
			continue;
		if (peers[i].index < in->upstreams)
			snprintf(out, size, "%s", in->upstream_label[peers[i].index]);
		else
			snprintf(out, size, peers[i].index ? "provider-%u" : "provider", peers[i].index + 1);
		return;
	}
}

/* --- sentences -------------------------------------------------------------------------------------------------------------- */

static void find_opens_per_request(struct build *b, json_t *findings, const struct sockets_peer *p, const char *name)
{
	uint64_t requests = p->requests ? p->requests : p->turns;
	char text[SENTENCE_MAX], opened[32], served[32], p50[32], p99[32];

	if (p->inner || !sockets_opens_per_request(p))
		return;
	snprintf(text, sizeof(text),
		 "the gateway opens a connection to %s for each request: %s opened for %s %s; a connect takes %s at p50, %s at "
		 "p99",
		 name, units_format_count(opened, sizeof(opened), p->opened),
		 units_format_count(served, sizeof(served), requests), p->requests ? "requests" : "turns",
		 units_format_ns(p50, sizeof(p50), hist_percentile(p->connect, 50)),
		 units_format_ns(p99, sizeof(p99), hist_percentile(p->connect, 99)));
	build_append(b, findings, report_text(text));
}

static const char *error_name(uint32_t err)
{
	const char *name = err ? strerrorname_np((int)err) : NULL;

	return name ? name : "other";
}

static void find_failed(struct build *b, json_t *findings, const struct sockets_peer *p, const char *name)
{
	char text[SENTENCE_MAX], count[32];
	size_t used;

	if (!p->failed)
		return;
	used = (size_t)snprintf(text, sizeof(text), "connects to %s that failed:", name);
	for (unsigned i = 0; i < SOCKETS_ERRORS_MAX && p->error[i].count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s %s", i ? "," : "", error_name(p->error[i].err),
					 units_format_count(count, sizeof(count), p->error[i].count));
	build_append(b, findings, report_text(text));
}

static void find_retransmits(struct build *b, json_t *findings, const struct sockets_peer *p, const char *name)
{
	char text[SENTENCE_MAX], count[32];

	if (!p->retransmits)
		return;
	snprintf(text, sizeof(text), "segments that had to be sent again to %s: %s", name,
		 units_format_count(count, sizeof(count), p->retransmits));
	build_append(b, findings, report_text(text));
}

void build_peer_findings(struct build *b, json_t *findings, const struct sockets_peer *p, const char *name)
{
	if (strcmp(name, "clients") != 0)
		find_opens_per_request(b, findings, p, name);
	find_failed(b, findings, p, name);
	find_retransmits(b, findings, p, name);
}

void build_send_findings(struct build *b, json_t *findings, const struct sockets_sends *s)
{
	uint64_t full = s->short_ + s->would_block, blocked = hist_count(s->blocked);
	char text[SENTENCE_MAX], count[32], times[32], p99[32];
	size_t used = 0;

	if (!full && !blocked)
		return;
	if (full)
		used = (size_t)snprintf(text, sizeof(text), "sends that found a full buffer: %s",
					units_format_count(count, sizeof(count), full));
	if (blocked && used < sizeof(text))
		snprintf(text + used, sizeof(text) - used, "%ssends that slept: %s, %s at p99", used ? "; " : "",
			 units_format_count(times, sizeof(times), blocked),
			 units_format_ns(p99, sizeof(p99), hist_percentile(s->blocked, 99)));
	build_append(b, findings, report_text(text));
}

/* --- figures ---------------------------------------------------------------------------------------------------------------- */

static void build_errors(struct build *b, json_t *row, const struct sockets_peer *p)
{
	json_t *errors = build_object(b, row, "failed");

	for (unsigned i = 0; i < SOCKETS_ERRORS_MAX && p->error[i].count; i++)
		build_put(b, errors, error_name(p->error[i].err), build_u64(p->error[i].count));
}

static void build_connections(struct build *b, json_t *row, const struct sockets_peer *p)
{
	build_put(b, row, "opened", build_u64(p->opened));
	build_put(b, row, "connections", build_u64(p->used));
	build_put(b, row, "turns", build_u64(p->turns));
	build_put(b, row, "requests", build_u64(p->requests));
	if (p->used)
		build_put(b, row, "turns_per_connection", build_number(sockets_turns_per_connection(p)));
	if (p->requests)
		build_put(b, row, "opened_per_request", build_number((double)p->opened / (double)p->requests));
	build_put(b, row, "retransmits", build_u64(p->retransmits));
	build_dist(b, row, "unread", p->unread);
	if (p->unread_untold)
		build_put(b, row, "unread_untold", build_u64(p->unread_untold));
}

static void build_peer(struct build *b, json_t *upstream, json_t *findings, const struct sockets_peer *p)
{
	char address[64], name[96];

	build_address(p->addr, p->port, address, sizeof(address));
	peer_name(b, p, address, name, sizeof(name));
	if (json_object_get(upstream, name))
		snprintf(name, sizeof(name), "%s", address); /* a second address of one provider */
	json_t *row = build_object(b, upstream, name);
	build_put(b, row, "address", json_string(address));
	if (p->inner)
		build_put(b, row, "inner", json_true());
	build_connections(b, row, p);
	build_put(b, row, "opens_per_request", json_boolean(!p->inner && sockets_opens_per_request(p)));
	build_dist(b, row, "connect", p->connect);
	build_errors(b, row, p);
	build_pool(b, row, findings, p, name);
	build_peer_findings(b, findings, p, name);
}

static void build_sends(struct build *b, json_t *sockets, json_t *findings, const struct sockets_sends *s)
{
	if (!s->calls_seen && !s->waits_seen) {
		build_absent(b, "", "sockets.sends",
			     "the probes of threads and system calls were off: a full send buffer shows only in them");
		return;
	}
	json_t *sends = build_object(b, sockets, "sends");
	if (s->calls_seen) {
		build_put(b, sends, "short", build_u64(s->short_));
		build_put(b, sends, "would_block", build_u64(s->would_block));
	} else {
		build_absent(b, "", "sockets.sends.short", "the probes of system calls were off");
	}
	if (!s->waits_seen)
		build_absent(b, "", "sockets.sends.blocked", "the probes of threads were off");
	else if (!build_dist(b, sends, "blocked", s->blocked))
		build_absent(b, "", "sockets.sends.blocked", "no send of the gateway slept");
	build_send_findings(b, findings, s);
}

void build_sockets(struct build *b)
{
	const struct sockets *s = b->in->sockets;
	const struct sockets_peer *peers = NULL;
	const char *why = build_no_probes(b->in);

	if (why || !s) {
		build_absent(b, "", "sockets", why ? why : "the gateway's sockets were not followed");
		return;
	}
	json_t *sockets = build_object(b, b->doc, "sockets"), *findings = json_array();
	const struct sockets_peer *in = sockets_inbound(s);
	json_t *accepted = build_object(b, sockets, "accepted");
	build_connections(b, accepted, in);
	if (!build_dist(b, accepted, "accept_queue", in->connect))
		build_absent(b, "", "sockets.accepted.accept_queue",
			     in->opened ? "this kernel does not show accepts" : "no connection came in the measured part");
	build_peer_findings(b, findings, in, "clients");
	json_t *upstream = build_object(b, sockets, "upstream");
	unsigned n = sockets_peers(s, &peers);
	for (unsigned i = 0; i < n; i++)
		if (peers[i].opened || peers[i].turns || peers[i].failed || peers[i].requests)
			build_peer(b, upstream, findings, &peers[i]);
	build_sends(b, sockets, findings, sockets_sends(s));
	build_put(b, sockets, "findings", findings);
}
