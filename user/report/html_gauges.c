// SPDX-License-Identifier: GPL-2.0-only
/* A soak's gauges as they were: begin, end and peak of each, sockets by peer and TCP state, and what each process held. */
#include "report/html.h"

#include <stdio.h>
#include <string.h>

#include "report/text.h"

static const struct {
	const char *gauge, *title;
	bool bytes;
} held[] = {{"memory", "anonymous memory", true},
	    {"descriptors", "file descriptors", false},
	    {"sockets_close_wait", "CLOSE_WAIT", false},
	    {"sockets_closed", "CLOSE", false},
	    {"threads", "threads", false}};
#define HELD (sizeof(held) / sizeof(held[0]))

/* In the order of include/net/tcp_states.h, as the kernel's own tools have them. */
static const char *const states[] = {"ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
				     "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING"};
#define STATES (sizeof(states) / sizeof(states[0]))

static void table_open(struct html *h, const char *title)
{
	html_raw(h, "<div class=\"scroll\"><table><thead><tr><th class=\"title\">");
	html_text(h, title);
	html_raw(h, "</th>");
}

static void heading(struct html *h, const char *title)
{
	html_raw(h, "<th class=\"r\">");
	html_text(h, title);
	html_raw(h, "</th>");
}

static void table_close(struct html *h)
{
	html_raw(h, "</tbody></table></div>\n");
}

static void name_put(struct html *h, const char *name)
{
	html_raw(h, "<tr><td>");
	html_text(h, name);
	html_raw(h, "</td>");
}

/* style: of the words, "" for none */
static void amount_put(struct html *h, const json_t *row, const char *key, const char *style, bool bytes)
{
	char cell[TEXT_CELL];

	html_fmt(h, "<td class=\"r %s\">", style);
	html_text(h, json_object_get(row, key) ? text_amount(cell, text_number(row, key), bytes) : "–");
	html_raw(h, "</td>");
}

static const char *style_of(const json_t *row)
{
	const char *verdict = text_string(row, "verdict");

	return !strcmp(verdict, "leak") ? "bad" : !strcmp(verdict, "inconclusive") ? "warn" : "";
}

/* "12 → 14, peak 15" in one cell. */
static void span_put(struct html *h, const json_t *row, bool bytes)
{
	char cell[TEXT_CELL];

	if (!row) {
		html_raw(h, "<td class=\"r dim\">–</td>");
		return;
	}
	html_raw(h, "<td class=\"r\">");
	html_text(h, text_amount(cell, text_number(row, "start"), bytes));
	html_fmt(h, " → <span class=\"%s\">", style_of(row));
	html_text(h, text_amount(cell, text_number(row, "end"), bytes));
	html_raw(h, "</span> <span class=\"dim\">peak ");
	html_text(h, text_amount(cell, text_number(row, "most"), bytes));
	html_raw(h, "</span></td>");
}

/* The end as a share of the peak. A counter has none but its end. */
static void gauge_put(struct html *h, const json_t *gauge)
{
	bool bytes = !strcmp(text_string(gauge, "unit"), "bytes"), counter = json_is_true(json_object_get(gauge, "counter"));
	double most = text_number(gauge, "most"), share = most > 0 ? text_number(gauge, "end") / most : 0;

	name_put(h, text_string(gauge, "title"));
	amount_put(h, gauge, "start", "", bytes);
	amount_put(h, gauge, "end", json_is_true(json_object_get(gauge, "judged")) ? style_of(gauge) : "", bytes);
	amount_put(h, gauge, "most", "", bytes);
	html_raw(h, "<td class=\"bar\">");
	if (!counter && share > 0)
		html_fmt(h, "<i class=\"o-gateway\" style=\"width:%.1f%%\"></i>", 100 * (share < 1 ? share : 1));
	html_raw(h, "</td>");
	amount_put(h, gauge, "per_request", "", bytes);
	html_raw(h, "</tr>\n");
}

static void gauges_put(struct html *h, const json_t *gauges)
{
	const char *name;
	json_t *gauge;

	table_open(h, "The gateway");
	heading(h, "begin");
	heading(h, "end");
	heading(h, "peak");
	html_raw(h, "<th>end of peak</th>");
	heading(h, "per request");
	html_raw(h, "</tr></thead><tbody>\n");
	json_object_foreach ((json_t *)gauges, name, gauge)
		if (json_object_get(gauge, "most"))
			gauge_put(h, gauge);
	table_close(h);
}

static bool is_seen(const json_t *sockets, const char *state)
{
	const char *label;
	json_t *peer;

	json_object_foreach ((json_t *)sockets, label, peer)
		if (json_object_get(peer, state))
			return true;
	return false;
}

static void sockets_put(struct html *h, const json_t *sockets)
{
	const char *label;
	json_t *peer;

	if (!json_object_size(sockets))
		return;
	table_open(h, "Sockets by peer");
	for (size_t i = 0; i < STATES; i++)
		if (is_seen(sockets, states[i]))
			heading(h, states[i]);
	html_raw(h, "</tr></thead><tbody>\n");
	json_object_foreach ((json_t *)sockets, label, peer) {
		name_put(h, label);
		for (size_t i = 0; i < STATES; i++)
			if (is_seen(sockets, states[i]))
				span_put(h, json_object_get(peer, states[i]), false);
		html_raw(h, "</tr>\n");
	}
	table_close(h);
}

static void processes_put(struct html *h, const json_t *processes)
{
	const json_t *process;
	char name[64];
	size_t i;

	if (!json_array_size(processes))
		return;
	table_open(h, "By process");
	for (i = 0; i < HELD; i++)
		heading(h, held[i].title);
	html_raw(h, "</tr></thead><tbody>\n");
	json_array_foreach (processes, i, process) {
		const json_t *gauges = json_object_get(process, "gauges");

		snprintf(name, sizeof(name), "%.0f %.40s", text_number(process, "pid"), text_string(process, "comm"));
		name_put(h, name);
		for (size_t g = 0; g < HELD; g++)
			span_put(h, json_object_get(gauges, held[g].gauge), held[g].bytes);
		html_raw(h, "</tr>\n");
	}
	table_close(h);
}

void html_gauges(struct html *h, const json_t *doc)
{
	const json_t *leak = json_object_get(doc, "leak"), *gauges = json_object_get(leak, "gauges");

	if (!json_object_get(json_object_get(gauges, "memory"), "most"))
		return;
	gauges_put(h, gauges);
	sockets_put(h, json_object_get(leak, "sockets"));
	processes_put(h, json_object_get(leak, "processes"));
	html_raw(h, "<p class=\"note\">Begin and end are those of the floor, the lowest of each window of time that was judged; "
		    "the peak is the "
		    "highest of any second.</p>\n");
}
