// SPDX-License-Identifier: GPL-2.0-only
#include "report/text.h"

#include <string.h>

#include "base/units.h"

#define LABEL 12

/* "median   id 12 (chat)   20.1 ms, toll 38.4 µs:  driver lag 20.0 µs → network 2.80 µs → ..." in timeline order. */
static void exemplar_line(struct text *t, const char *key, const json_t *e)
{
	struct buf line = {0};
	char cell[TEXT_CELL], name[TEXT_CELL], piece[2 * TEXT_CELL];
	json_t *phase;
	size_t i;

	buf_printf(&line, "%s", text_ns(cell, e, "total_ns"));
	buf_printf(&line, ", toll %s", text_ns(cell, e, "toll_ns"));
	if (json_object_get(e, "id"))
		buf_printf(&line, " (request %s%s%s)", text_string(e, "id"), json_object_get(e, "class") ? ", " : "",
			   text_string(e, "class"));
	json_array_foreach (json_object_get(e, "phases"), i, phase) {
		text_spaced(name, text_string(phase, "phase"));
		snprintf(piece, sizeof(piece), "%s %s", name, text_ns(cell, phase, "ns"));
		for (char *c = piece; *c; c++)
			*c = *c == ' ' ? TEXT_GLUE : *c;
		buf_printf(&line, "%s%s", i ? " → " : ": ", piece);
	}
	snprintf(name, sizeof(name), "  %s", key);
	text_wrap(t, TEXT_PLAIN, name, LABEL, line.data ? line.data : "");
	buf_fini(&line);
}

void text_exemplars(struct text *t, const json_t *doc)
{
	const json_t *exemplars = json_object_get(doc, "exemplars");

	if (!json_object_size(exemplars))
		return;
	text_put(t, TEXT_BOLD, "REQUESTS ONE BY ONE");
	text_put(t, TEXT_DIM, "  (median, p99 and worst by toll)");
	text_end(t);
	for (void *it = json_object_iter((json_t *)exemplars); it; it = json_object_iter_next((json_t *)exemplars, it))
		exemplar_line(t, json_object_iter_key(it), json_object_iter_value(it));
	text_blank(t);
}

static void gateway_cpu(struct text *t, const json_t *g)
{
	const json_t *cores = json_object_get(g, "cpu_cores");
	double usable = text_number(cores, "usable");
	char cell[TEXT_CELL], line[256];
	size_t used;

	if (!cores)
		return;
	used = (size_t)snprintf(line, sizeof(line), "CPU mean %.2f of %.3g cores", text_number(cores, "mean"), usable);
	if (usable > 0)
		used += (size_t)snprintf(line + used, sizeof(line) - used, " (%s)",
					 text_percent(cell, text_number(cores, "mean") / usable));
	used += (size_t)snprintf(line + used, sizeof(line) - used, ", max %.2f", text_number(cores, "max"));
	if (json_object_get(g, "cpu_ns_per_request"))
		snprintf(line + used, sizeof(line) - used, " · %s of CPU per request", text_ns(cell, g, "cpu_ns_per_request"));
	text_wrap(t, TEXT_BOLD, "GATEWAY", LABEL, line);
}

static void gateway_memory(struct text *t, const json_t *g, bool labelled)
{
	const json_t *m = json_object_get(g, "memory_bytes");
	char initial[TEXT_CELL], mean[TEXT_CELL], peak[TEXT_CELL], final[TEXT_CELL], growth[TEXT_CELL], line[320];
	double first = text_number(m, "initial");

	if (!m)
		return;
	units_format_bytes(initial, sizeof(initial), text_u64(m, "initial"));
	units_format_bytes(mean, sizeof(mean), text_u64(m, "mean"));
	units_format_bytes(peak, sizeof(peak), text_u64(m, "peak"));
	units_format_bytes(final, sizeof(final), text_u64(m, "final"));
	text_percent(growth, first > 0 ? (text_number(m, "final") - first) / first : 0);
	snprintf(line, sizeof(line), "memory initial %s, mean %s, peak %s, final %s (growth %s)", initial, mean, peak, final,
		 first > 0 ? growth : "–");
	text_wrap(t, TEXT_BOLD, labelled ? "" : "GATEWAY", LABEL, line);
}

static void gateway_queue(struct text *t, const json_t *doc)
{
	const json_t *q = json_object_get(doc, "queue"), *w = json_object_get(doc, "workers");
	char requests[TEXT_CELL], unread[TEXT_CELL], began[TEXT_CELL], ended[TEXT_CELL], line[320];

	if (!q)
		return;
	snprintf(line, sizeof(line), "queue: at most %s requests inside at once, at most %s unread in its sockets (mean %.2f)",
		 text_count(requests, q, "requests_max"), text_count(unread, q, "unread_max"), text_number(q, "unread_mean"));
	text_wrap(t, TEXT_PLAIN, "", LABEL, line);
	if (text_u64(w, "processes_began") + text_u64(w, "processes_ended") + text_u64(w, "threads_began") +
		    text_u64(w, "threads_ended") ==
	    0)
		return;
	snprintf(line, sizeof(line), "workers: %s processes began, %s ended", text_count(began, w, "processes_began"),
		 text_count(ended, w, "processes_ended"));
	text_wrap(t, TEXT_PLAIN, "", LABEL, line);
	if (!json_object_get(w, "threads_began"))
		return;
	snprintf(line, sizeof(line), "threads: %s began, %s ended", text_count(began, w, "threads_began"),
		 text_count(ended, w, "threads_ended"));
	text_wrap(t, TEXT_PLAIN, "", LABEL, line);
}

void text_gateway(struct text *t, const json_t *doc)
{
	const json_t *g = json_object_get(doc, "gateway");

	gateway_cpu(t, g);
	gateway_memory(t, g, json_object_get(g, "cpu_cores") != NULL);
	gateway_queue(t, doc);
}

void text_driver(struct text *t, const json_t *doc)
{
	const json_t *d = json_object_get(doc, "driver");
	char due[TEXT_CELL], queue[TEXT_CELL], flight[TEXT_CELL], conns[TEXT_CELL], cpu[TEXT_CELL], line[320];

	if (!d)
		return;
	snprintf(line, sizeof(line),
		 "%s loop, threads %llu, due %s, in flight at most %s, queued at most %s, connections %s, CPU %s",
		 json_is_true(json_object_get(d, "open_loop")) ? "open" : "closed", (unsigned long long)text_u64(d, "threads"),
		 text_count(due, d, "due"), text_count(flight, d, "in_flight_max"), text_count(queue, d, "queue_max"),
		 text_count(conns, d, "connections"), text_ns(cpu, d, "cpu_ns"));
	text_wrap(t, TEXT_BOLD, "DRIVER", LABEL, line);
}

void text_capture(struct text *t, const json_t *doc)
{
	const json_t *c = json_object_get(doc, "capture");
	char share[TEXT_CELL], written[TEXT_CELL], seen[TEXT_CELL], line[256];

	if (!c)
		return;
	snprintf(line, sizeof(line), "holds %s of the requests (%s of %s); the figures above count %s",
		 text_percent(share, text_number(c, "share")), text_count(written, c, "requests_written"),
		 text_count(seen, c, "requests_seen"),
		 strcmp(text_string(doc, "command"), "replay") ? "all of them" : "those that it holds");
	text_wrap(t, TEXT_BOLD, "CAPTURE", LABEL, line);
}

/* All paths of one reason in a line; what lies inside classes and stages is told by the document only. */
static void not_measured_reason(struct text *t, const json_t *absent, const char *reason)
{
	struct buf line = {0};
	char name[TEXT_CELL];

	for (void *it = json_object_iter((json_t *)absent); it; it = json_object_iter_next((json_t *)absent, it)) {
		const char *path = json_object_iter_key(it), *why = json_string_value(json_object_iter_value(it));
		if (!why || strcmp(why, reason) || !strncmp(path, "classes.", 8) || !strncmp(path, "stages.", 7))
			continue;
		path += strncmp(path, "phases.", 7) ? 0 : 7;
		text_spaced(name, path);
		size_t n = strlen(name);
		if (n > 3 && !strcmp(name + n - 3, " ns"))
			name[n - 3] = 0;
		buf_printf(&line, "%s%s", line.used ? ", " : "", name);
	}
	if (line.used) {
		buf_printf(&line, ": %s", reason);
		text_wrap(t, TEXT_PLAIN, "", 2, line.data);
	}
	buf_fini(&line);
}

/* Is this entry the first one with its reason? */
static bool is_first(const json_t *absent, const void *entry, const char *reason)
{
	for (void *it = json_object_iter((json_t *)absent); it && it != entry; it = json_object_iter_next((json_t *)absent, it)) {
		const char *why = json_string_value(json_object_iter_value(it));
		if (why && !strcmp(why, reason))
			return false;
	}
	return true;
}

void text_not_measured(struct text *t, const json_t *doc)
{
	const json_t *absent = json_object_get(doc, "not_measured");

	if (!json_object_size(absent))
		return;
	text_blank(t);
	text_put(t, TEXT_BOLD, "NOT MEASURED");
	text_end(t);
	for (void *it = json_object_iter((json_t *)absent); it; it = json_object_iter_next((json_t *)absent, it)) {
		const char *why = json_string_value(json_object_iter_value(it));
		if (why && is_first(absent, it, why))
			not_measured_reason(t, absent, why);
	}
}
