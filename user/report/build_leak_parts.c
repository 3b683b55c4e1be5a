// SPDX-License-Identifier: GPL-2.0-only
/* Where a soak's gauges grow: sockets by peer and TCP state, and by process. */
#include <math.h>
#include <string.h>

#include "report/build.h"

/* include/net/tcp_states.h; [0]: not TCP */
static const char *const tcp_state[RECORD_TCP_STATES] = {
	"none",      "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
	"TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING",
};
#define STATE_CLOSE_WAIT 8

/* The column of a process that is this gauge; -1: none. */
static int process_column(enum leak_gauge gauge)
{
	switch (gauge) {
	case LEAK_MEMORY:
		return LEAK_PROCESS_MEMORY;
	case LEAK_DESCRIPTORS:
		return LEAK_PROCESS_DESCRIPTORS;
	case LEAK_SOCKETS_CLOSE_WAIT:
		return LEAK_PROCESS_CLOSE_WAIT;
	case LEAK_SOCKETS_CLOSED:
		return LEAK_PROCESS_CLOSED;
	case LEAK_THREADS:
		return LEAK_PROCESS_THREADS;
	default:
		return -1;
	}
}

static void column_put(struct build *b, json_t *into, const char *key, const struct leak_column *c)
{
	const struct leak_judgement *j = &c->judgement;
	const struct fit_line *line = j->per_request.points ? &j->per_request : &j->per_second;
	json_t *row = build_object(b, into, key);

	build_put(b, row, "start", build_number(j->start_value));
	build_put(b, row, "end", build_number(j->end_value));
	build_put(b, row, "most", build_number(c->most));
	build_put(b, row, "verdict", json_string(leak_verdict_name(j->verdict)));
	build_put(b, row, "reason", json_string(build_leak_reason(j->reason)));
	if (line->points)
		build_put(b, row, line == &j->per_request ? "per_request" : "per_second", build_number(line->slope));
}

static void peer_put(struct build *b, json_t *sockets, const struct leak_part *part)
{
	json_t *peer = build_object(b, sockets, part->label);

	for (unsigned i = 1; i < RECORD_TCP_STATES; i++)
		if (part->column[i].seen)
			column_put(b, peer, tcp_state[i], &part->column[i]);
}

static void process_put(struct build *b, json_t *processes, const struct leak_part *part)
{
	static const enum leak_gauge gauge[] = {LEAK_MEMORY, LEAK_DESCRIPTORS, LEAK_SOCKETS_CLOSE_WAIT, LEAK_SOCKETS_CLOSED,
						LEAK_THREADS};
	json_t *row = json_object(), *gauges;

	build_append(b, processes, row);
	build_put(b, row, "pid", build_u64(part->pid));
	build_put(b, row, "comm", report_text(part->label));
	build_put(b, row, "from_s", build_number(part->from_s));
	build_put(b, row, "to_s", build_number(part->to_s));
	gauges = build_object(b, row, "gauges");
	for (unsigned i = 0; i < sizeof(gauge) / sizeof(gauge[0]); i++)
		if (part->column[process_column(gauge[i])].seen)
			column_put(b, gauges, leak_gauge_name(gauge[i]), &part->column[process_column(gauge[i])]);
}

/* Of all growth in a column, whose is the most. */
struct worst {
	struct leak_part part;
	double grown, all;
};

static void worst_look(struct worst *w, const struct leak_part *part, int column)
{
	double grown = column < 0 ? 0 : fmax(part->column[column].grown, 0);

	w->all += grown;
	if (grown <= w->grown)
		return;
	w->grown = grown;
	w->part = *part;
}

static void worst_put(struct build *b, json_t *out, const char *key, const struct worst *w)
{
	json_t *row;

	if (w->grown <= 0)
		return;
	row = build_object(b, out, key);
	if (w->part.kind == RECORD_PART_PROCESS) {
		build_put(b, row, "pid", build_u64(w->part.pid));
		build_put(b, row, "comm", report_text(w->part.label));
	} else {
		build_put(b, row, "peer", report_text(w->part.label));
	}
	build_put(b, row, "share", build_number(w->grown / w->all));
}

void build_leak_parts(struct build *b, json_t *out)
{
	const struct leak_result *leak = b->in->leak;
	const struct leak_parts *parts = b->in->leak_parts;
	struct worst process = {.grown = 0}, peer = {.grown = 0};
	json_t *sockets, *processes;
	struct leak_part part;

	if (!parts || !leak_parts_count(parts))
		return;
	sockets = build_object(b, out, "sockets");
	processes = build_array(b, out, "processes");
	for (unsigned i = 0; i < leak_parts_count(parts); i++) {
		if (!leak_parts_judge(parts, i, leak->life_from_s, leak->life_to_s, 0, &part))
			continue;
		if (part.kind == RECORD_PART_PEER) {
			peer_put(b, sockets, &part);
			worst_look(&peer, &part, leak->worst == LEAK_SOCKETS_CLOSE_WAIT ? STATE_CLOSE_WAIT : -1);
		} else {
			process_put(b, processes, &part);
			worst_look(&process, &part, process_column(leak->worst));
		}
	}
	if (leak_parts_dropped(parts))
		build_put(b, out, "parts_not_told_apart", build_u64(leak_parts_dropped(parts)));
	if (!leak_rises(&leak->gauge[leak->worst]))
		return;
	worst_put(b, out, "grows_in", &process);
	worst_put(b, out, "grows_towards", &peer);
}
