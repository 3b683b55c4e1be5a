// SPDX-License-Identifier: GPL-2.0-only
#include "report/text.h"

#include <string.h>

#define NAME 20
#define OWNER 10
#define BAR 14
#define SHARE 9
#define CELL 11

void text_charge(struct text *t, const json_t *doc)
{
	const json_t *toll = json_object_get(doc, "toll");
	char p50[TEXT_CELL], p99[TEXT_CELL], share[TEXT_CELL], line[320];

	if (!toll)
		return;
	snprintf(line, sizeof(line), "The gateway charges each request %s at p50, %s at p99", text_dist(p50, toll, "p50_ns"),
		 text_dist(p99, toll, "p99_ns"));
	text_put(t, TEXT_BOLD, line);
	/* without a load of ours the time begins at the gateway, and a share of it says nothing */
	if (json_object_get(doc, "latency")) {
		snprintf(line, sizeof(line), " (%s of latency)", text_percent(share, text_number(toll, "share_of_time")));
		text_put(t, TEXT_BOLD, line);
	}
	text_end(t);
	text_blank(t);
}

static void phase_header(struct text *t, const char *title, const char *share)
{
	text_left(t, TEXT_BOLD, 2 + NAME + OWNER + BAR - 2, title);
	text_right(t, TEXT_DIM, SHARE + 2, share);
	text_right(t, TEXT_DIM, CELL + 1, "per request");
	text_right(t, TEXT_DIM, CELL - 1, "p50");
	text_right(t, TEXT_DIM, CELL, "p99");
	text_right(t, TEXT_DIM, CELL, "max");
	text_end(t);
}

static void phase_row(struct text *t, const char *name, const char *owner, const json_t *row, double share, enum text_style style)
{
	char cell[TEXT_CELL], bar[BAR * 4 + 8];

	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, style, NAME, name);
	text_left(t, TEXT_DIM, OWNER, owner);
	text_left(t, TEXT_CYAN, BAR, text_bar(bar, sizeof(bar), BAR, share));
	text_right(t, style, SHARE, text_share(cell, share));
	text_right(t, style, CELL + 1, text_ns(cell, row, json_object_get(row, "per_request_ns") ? "per_request_ns" : "mean_ns"));
	text_right(t, style, CELL - 1, text_dist(cell, row, "p50_ns"));
	text_right(t, style, CELL, text_dist(cell, row, "p99_ns"));
	text_right(t, style, CELL, text_dist(cell, row, "max_ns"));
	text_end(t);
}

/* The document holds the phases in timeline order. */
static unsigned phase_rows(struct text *t, const json_t *phases, bool toll, const char *share_key)
{
	unsigned rows = 0;

	for (void *it = json_object_iter((json_t *)phases); it; it = json_object_iter_next((json_t *)phases, it)) {
		const json_t *row = json_object_iter_value(it);
		if (json_is_true(json_object_get(row, "toll")) != toll)
			continue;
		phase_row(t, text_string(row, "title"), text_string(row, "owner"), row, text_number(row, share_key), TEXT_PLAIN);
		rows++;
	}
	return rows;
}

/* The gateway's own figures, under the kernel's. */
static void overhead_print(struct text *t, const json_t *doc)
{
	const json_t *headers = json_object_get(doc, "overhead_headers");
	char told[2][TEXT_CELL], toll[2][TEXT_CELL], beyond[2][TEXT_CELL], count[TEXT_CELL], above[TEXT_CELL], line[480];
	const char *name;
	json_t *row;

	json_object_foreach ((json_t *)headers, name, row) {
		const json_t *of[] = {json_object_get(row, "told"), json_object_get(row, "toll"), json_object_get(row, "beyond")};

		snprintf(line, sizeof(line),
			 "%.64s tells %s at p50, %s at p99, in %s answers; the kernel saw %s and %s of the same requests: %s at "
			 "p50, %s at p99 that the header does not tell (%s told more than was seen)",
			 name, text_dist(told[0], of[0], "p50_ns"), text_dist(told[1], of[0], "p99_ns"),
			 text_count(count, row, "requests"), text_dist(toll[0], of[1], "p50_ns"),
			 text_dist(toll[1], of[1], "p99_ns"), text_dist(beyond[0], of[2], "p50_ns"),
			 text_dist(beyond[1], of[2], "p99_ns"), text_count(above, row, "above"));
		text_wrap(t, TEXT_PLAIN, "", 2, line);
	}
}

void text_phases(struct text *t, const json_t *doc)
{
	const json_t *phases = json_object_get(doc, "phases"), *toll = json_object_get(doc, "toll"), *turns;
	char line[160], cell[TEXT_CELL];

	if (!phases || !toll)
		return;
	phase_header(t, "THE TOLL, phase by phase", "of toll");
	phase_rows(t, phases, true, "share_of_toll");
	phase_row(t, "toll", "", toll, 1.0, TEXT_BOLD);
	overhead_print(t, doc);
	text_blank(t);
	phase_header(t, "THE REST OF THE TIME", "of all");
	phase_rows(t, phases, false, "share_of_time");
	phase_row(t, "all, as joined", "", json_object_get(doc, "joined_latency"), 1.0, TEXT_BOLD);
	turns = json_object_get(doc, "upstream_turns_per_request");
	if (turns) {
		snprintf(line, sizeof(line), "  upstream turns per request: %.3f; cache hits: %s; early answers: %s",
			 json_number_value(turns), text_count(cell, json_object_get(doc, "trust"), "cache_hits"),
			 text_u64(json_object_get(doc, "trust"), "early_answers") ? "seen" : "none");
		text_put(t, TEXT_DIM, line);
		text_end(t);
	}
	text_blank(t);
}
