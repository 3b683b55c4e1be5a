// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "report/text.h"

#define PROCESSES_SHOWN 12

static enum text_style style_of(const char *verdict)
{
	return !strcmp(verdict, "leak") ? TEXT_RED : !strcmp(verdict, "no_leak") ? TEXT_PLAIN : TEXT_YELLOW;
}

static void head_print(struct text *t, const char *title)
{
	text_left(t, TEXT_BOLD, 26, title);
	text_left(t, TEXT_DIM, 14, "");
	text_right(t, TEXT_DIM, 11, "first");
	text_right(t, TEXT_DIM, 11, "last");
	text_right(t, TEXT_DIM, 11, "most");
	text_right(t, TEXT_DIM, 13, "per request");
	text_right(t, TEXT_DIM, 14, "because it");
	text_end(t);
}

static void row_print(struct text *t, const char *name, const char *what, const json_t *row, bool bytes)
{
	char cell[TEXT_CELL], word[TEXT_CELL];

	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, 24, name);
	text_left(t, style_of(text_string(row, "verdict")), 14, what);
	text_right(t, TEXT_PLAIN, 11, text_amount(cell, text_number(row, "start"), bytes));
	text_right(t, TEXT_PLAIN, 11, text_amount(cell, text_number(row, "end"), bytes));
	text_right(t, TEXT_PLAIN, 11, text_amount(cell, text_number(row, "most"), bytes));
	text_right(t, TEXT_PLAIN, 13,
		   json_object_get(row, "per_request") ? text_amount(cell, text_number(row, "per_request"), bytes) : "–");
	text_right(t, TEXT_DIM, 14, text_spaced(word, text_string(row, "reason")));
	text_end(t);
}

static void sockets_print(struct text *t, const json_t *sockets)
{
	const char *label, *state;
	json_t *peer, *row;

	if (!json_object_size(sockets))
		return;
	head_print(t, "SOCKETS BY PEER");
	json_object_foreach ((json_t *)sockets, label, peer)
		json_object_foreach (peer, state, row)
			row_print(t, label, state, row, false);
	text_blank(t);
}

/* One process: the gauges are its own already. */
static void processes_print(struct text *t, const json_t *processes)
{
	const json_t *process;
	char name[64];
	size_t i;

	if (json_array_size(processes) < 2)
		return;
	head_print(t, "MEMORY BY PROCESS");
	json_array_foreach (processes, i, process) {
		if (i == PROCESSES_SHOWN) {
			snprintf(name, sizeof(name), "  ... and %zu more", json_array_size(processes) - i);
			text_put(t, TEXT_DIM, name);
			text_end(t);
			break;
		}
		const json_t *memory = json_object_get(json_object_get(process, "gauges"), "memory");
		snprintf(name, sizeof(name), "%.0f %s", text_number(process, "pid"), text_string(process, "comm"));
		if (memory)
			row_print(t, name, "", memory, true);
	}
	text_blank(t);
}

void text_leak_parts(struct text *t, const json_t *leak)
{
	sockets_print(t, json_object_get(leak, "sockets"));
	processes_print(t, json_object_get(leak, "processes"));
}

void text_leak_where(struct buf *line, const json_t *leak)
{
	const json_t *in = json_object_get(leak, "grows_in"), *towards = json_object_get(leak, "grows_towards");

	if (json_array_size(json_object_get(leak, "processes")) > 1 && in)
		buf_printf(line, "%s%.0f %% of the growth is in process %.0f (%s)", line->used ? "; " : "",
			   100 * text_number(in, "share"), text_number(in, "pid"), text_string(in, "comm"));
	if (towards)
		buf_printf(line, "%s%.0f %% of it towards %s", line->used ? "; " : "", 100 * text_number(towards, "share"),
			   text_string(towards, "peer"));
}
