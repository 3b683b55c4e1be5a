// SPDX-License-Identifier: GPL-2.0-only
#include "report/build.h"

#include <arpa/inet.h>
#include <math.h>
#include <string.h>

#include "attribution/overhead_told.h"

#define EXEMPLAR_SPANS_MAX 64
#define TRACES_MAX 32

void build_address(const uint8_t addr[16], uint16_t port, char *out, size_t size)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char text[INET6_ADDRSTRLEN] = "?";

	if (!memcmp(addr, mapped, sizeof(mapped))) {
		inet_ntop(AF_INET, addr + 12, text, sizeof(text));
		snprintf(out, size, "%s:%u", text, port);
	} else {
		inet_ntop(AF_INET6, addr, text, sizeof(text));
		snprintf(out, size, "[%s]:%u", text, port);
	}
}

/* A provider of ours by its index, others by address; a second address of one provider by both. */
static void peer_name(const struct report_input *in, const json_t *upstreams, const struct attribution_peer *peer,
		      const char *address, char *out, size_t size)
{
	if (peer->index == UINT32_MAX)
		snprintf(out, size, "%s", address);
	else if (peer->index < in->upstreams)
		snprintf(out, size, "%s", in->upstream_label[peer->index]);
	else if (!peer->index)
		snprintf(out, size, "provider");
	else
		snprintf(out, size, "provider-%u", peer->index + 1);
	size_t used = strlen(out);
	if (json_object_get(upstreams, out))
		snprintf(out + used, size - used, " (%s)", address);
}

static void upstream_one(struct build *b, json_t *upstreams, const struct attribution_peer *peer)
{
	static const char *const hundreds[] = {"unknown", "1xx", "2xx", "3xx", "4xx", "5xx"};
	char address[64], name[96];

	build_address(peer->addr, peer->port, address, sizeof(address));
	peer_name(b->in, upstreams, peer, address, name, sizeof(name));
	json_t *row = build_object(b, upstreams, name);
	build_put(b, row, "address", json_string(address));
	build_put(b, row, "ours", json_boolean(peer->index != UINT32_MAX));
	build_put(b, row, "turns", build_u64(peer->turns));
	build_put(b, row, "answered", build_u64(peer->answered));
	build_put(b, row, "connections", build_u64(peer->new_connections));
	if (peer->new_connections)
		build_put(b, row, "turns_per_connection", build_number((double)peer->turns / (double)peer->new_connections));
	json_t *status = build_object(b, row, "status");
	for (size_t i = 0; i < sizeof(hundreds) / sizeof(*hundreds); i++)
		if (peer->status[i])
			build_put(b, status, hundreds[i], build_u64(peer->status[i]));
	build_dist(b, row, "wait", peer->wait);
}

void build_upstreams(struct build *b)
{
	const struct attribution_peer *peers = NULL;
	const char *why = build_no_probes(b->in);
	unsigned n = why ? 0 : attribution_peers(b->in->attribution, &peers);

	if (!n) {
		build_absent(b, "", "upstreams", why ? why : "no upstream turn was seen");
		return;
	}
	json_t *upstreams = build_object(b, b->doc, "upstreams");
	for (unsigned i = 0; i < n; i++)
		upstream_one(b, upstreams, &peers[i]);
}

static const char *overhead_header(const struct build *b, uint32_t index)
{
	const char *named = json_string_value(json_object_get(b->in->configuration, "overhead_header"));

	return index ? overhead_header_name(index) : named ? named : "the gateway's own";
}

/* What the gateway says that it took, beside what the kernel saw of the same requests. */
void build_overhead(struct build *b)
{
	const char *why = build_no_probes(b->in);
	json_t *headers = NULL;

	for (uint32_t i = 0; !why && i < OVERHEAD_HEADERS; i++) {
		const struct overhead_told *o = attribution_overhead(b->in->attribution, i);
		json_t *row;

		if (!o->requests)
			continue;
		headers = headers ? headers : build_object(b, b->doc, "overhead_headers");
		row = build_object(b, headers, overhead_header(b, i));
		build_put(b, row, "requests", build_u64(o->requests));
		build_put(b, row, "above", build_u64(o->above));
		build_dist(b, row, "told", o->told);
		build_dist(b, row, "toll", o->toll);
		build_dist(b, row, "beyond", o->beyond);
	}
	if (!headers)
		build_absent(b, "", "overhead_headers",
			     why ? why : "no answer told in a header what the gateway took (--overhead-header NAME)");
}

static void planted_row(struct build *b, json_t *rows, const struct report_plant *p)
{
	double truth = (double)p->truth_p50_ns, difference = (double)p->measured_p50_ns - truth;
	json_t *row = json_object();

	build_put(b, row, "text", report_text(p->text));
	build_put(b, row, "phase", report_text(p->phase));
	if (p->cause[0])
		build_put(b, row, "cause", report_text(p->cause));
	build_put(b, row, "truth_p50_ns", build_u64(p->truth_p50_ns));
	build_put(b, row, "measured_p50_ns", build_u64(p->measured_p50_ns));
	build_put(b, row, "difference_ns", json_integer((json_int_t)llround(difference)));
	build_put(b, row, "difference_share", build_number(build_ratio(difference, truth)));
	build_append(b, rows, row);
}

static void planted_rows(struct build *b, const char *key, const struct report_plant *plant, unsigned plants)
{
	json_t *rows = plants ? build_array(b, b->doc, key) : NULL;

	for (unsigned i = 0; i < plants && i < 16; i++)
		planted_row(b, rows, &plant[i]);
}

void build_planted(struct build *b)
{
	planted_rows(b, "planted", b->in->plant, b->in->plants);
	planted_rows(b, "planted_causes", b->in->plant_cause, b->in->plant_causes);
}

static void exemplar_phases(struct build *b, json_t *row, const struct phase_cut *cut)
{
	json_t *phases = build_array(b, row, "phases");

	for (unsigned i = 0; i < PHASES; i++) {
		if (!cut->ns[i])
			continue;
		json_t *phase = json_object();
		build_put(b, phase, "phase", json_string(phase_name((enum phase)i)));
		build_put(b, phase, "ns", build_u64(cut->ns[i]));
		build_append(b, phases, phase);
	}
}

/* Where each phase lay; the phases above are their sums. */
static void exemplar_spans(struct build *b, json_t *row, const struct whole_request *w)
{
	struct phase_span span[EXEMPLAR_SPANS_MAX];
	unsigned n = attribution_spans(w, span, EXEMPLAR_SPANS_MAX);
	json_t *spans = build_array(b, row, "spans");

	for (unsigned i = 0; i < n; i++) {
		json_t *one = json_object();
		build_put(b, one, "phase", json_string(phase_name(span[i].phase)));
		build_put(b, one, "from_ns", build_u64(span[i].from_ns - w->driver.due_ns));
		build_put(b, one, "to_ns", build_u64(span[i].to_ns - w->driver.due_ns));
		build_append(b, spans, one);
	}
}

static void exemplar_fill(struct build *b, json_t *row, const struct attribution_exemplar *e)
{
	const struct record_request *r = &e->request.driver;
	char id[17];

	if (r->id) {
		/* as the tag writes it; JSON readers lose integers beyond 2^53 */
		snprintf(id, sizeof(id), "%016llx", (unsigned long long)r->id);
		build_put(b, row, "id", json_string(id));
		if (r->class_index < b->in->classes)
			build_put(b, row, "class", report_text(b->in->class_[r->class_index].name));
		build_put(b, row, "status", json_integer(r->http_status));
	}
	if (b->in->start_ns && r->due_ns >= b->in->start_ns)
		build_put(b, row, "at_s", build_number((double)(r->due_ns - b->in->start_ns) / 1e9));
	build_put(b, row, "total_ns", build_u64(e->cut.total_ns));
	build_put(b, row, "toll_ns", build_u64(e->cut.toll_ns));
	build_put(b, row, "upstream_turns", json_integer(e->request.upstreams));
	exemplar_spans(b, row, &e->request);
}

static void exemplar_one(struct build *b, json_t *exemplars, const char *key, const struct attribution_exemplar *e)
{
	json_t *row = build_object(b, exemplars, key);

	exemplar_fill(b, row, e);
	exemplar_phases(b, row, &e->cut);
}

/* A sample for the formats that hold traces. */
static void traces_add(struct build *b)
{
	struct attribution_exemplar e;
	json_t *traces = build_array(b, b->doc, "traces");

	for (unsigned i = 0; i < TRACES_MAX && attribution_sample(b->in->attribution, i, &e); i++) {
		json_t *row = json_object();
		exemplar_fill(b, row, &e);
		build_append(b, traces, row);
	}
}

void build_exemplars(struct build *b)
{
	static const struct {
		const char *key;
		unsigned which;
	} rows[] = {{"median", 50}, {"p99", 99}, {"worst", 100}};
	struct attribution_exemplar e;
	const char *why = build_no_probes(b->in);

	if (why || !attribution_exemplar(b->in->attribution, 50, &e)) {
		build_absent(b, "", "exemplars", why ? why : "no request was joined");
		return;
	}
	json_t *exemplars = build_object(b, b->doc, "exemplars");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (attribution_exemplar(b->in->attribution, rows[i].which, &e))
			exemplar_one(b, exemplars, rows[i].key, &e);
	traces_add(b);
}
