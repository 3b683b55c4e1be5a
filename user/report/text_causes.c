// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "report/text.h"

#define NAME 20
#define BAR 14
#define SHARE 9
#define CELL 11
/* Less of a phase than this is not worth a word. */
#define WORTH 0.005

static void cause_header(struct text *t)
{
	text_left(t, TEXT_BOLD, 2 + NAME + BAR, "WHY THE TOLL TAKES ITS TIME");
	text_right(t, TEXT_DIM, SHARE, "of toll");
	text_right(t, TEXT_DIM, CELL + 1, "per request");
	text_right(t, TEXT_DIM, CELL - 1, "p50");
	text_right(t, TEXT_DIM, CELL, "p99");
	text_right(t, TEXT_DIM, CELL, "max");
	text_right(t, TEXT_DIM, CELL, "requests");
	text_end(t);
}

static void cause_row(struct text *t, const json_t *row)
{
	char cell[TEXT_CELL], bar[BAR * 4 + 8];
	double share = text_number(row, "share_of_toll"), all = (double)text_u64(row, "count");

	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, NAME, text_string(row, "title"));
	text_left(t, TEXT_CYAN, BAR, text_bar(bar, sizeof(bar), BAR, share));
	text_right(t, TEXT_PLAIN, SHARE, text_share(cell, share));
	text_right(t, TEXT_PLAIN, CELL + 1, text_ns(cell, row, "per_request_ns"));
	text_right(t, TEXT_PLAIN, CELL - 1, text_dist(cell, row, "p50_ns"));
	text_right(t, TEXT_PLAIN, CELL, text_dist(cell, row, "p99_ns"));
	text_right(t, TEXT_PLAIN, CELL, text_dist(cell, row, "max_ns"));
	text_right(t, TEXT_PLAIN, CELL, text_share(cell, all > 0 ? (double)text_u64(row, "occurred") / all : 0));
	text_end(t);
}

static const json_t *largest_below(const json_t *rows, const char *share, double below, const json_t *last)
{
	const json_t *best = NULL;
	bool passed = !last;

	/* equal shares come in the order of the document */
	for (void *it = json_object_iter((json_t *)rows); it; it = json_object_iter_next((json_t *)rows, it)) {
		const json_t *row = json_object_iter_value(it);
		double s = text_number(row, share);
		bool open = s < below || (s <= below && passed);
		passed |= row == last;
		if (open && row != last && s > 0 && (!best || s > text_number(best, share)))
			best = row;
	}
	return best;
}

static void phase_words(struct text *t, const char *name, const json_t *causes)
{
	char cell[TEXT_CELL], title[TEXT_CELL], label[TEXT_CELL + 2];
	double below = 2;
	const json_t *row = NULL;
	struct buf b = {0};

	while ((row = largest_below(causes, "share_of_phase", below, row))) {
		below = text_number(row, "share_of_phase");
		if (below < WORTH && b.used)
			break;
		buf_printf(&b, "%s%s %s", b.used ? ", " : "", text_string(row, "title"), text_share(cell, below));
	}
	snprintf(label, sizeof(label), "  %s", text_spaced(title, name));
	text_wrap(t, TEXT_PLAIN, label, 22, b.data ? b.data : "");
	buf_fini(&b);
}

/* Of how many requests, where it is not all. */
static void told_line(struct text *t, const json_t *doc)
{
	const json_t *threads = json_object_get(json_object_get(doc, "trust"), "threads");
	char told[TEXT_CELL], untold[TEXT_CELL], line[160];

	if (!text_u64(threads, "requests_untold"))
		return;
	snprintf(line, sizeof(line), "of %s requests; %s others had probes off at some time of them (see PROBES)",
		 text_count(told, threads, "requests_told"), text_count(untold, threads, "requests_untold"));
	text_wrap(t, TEXT_DIM, "", 2, line);
}

void text_causes(struct text *t, const json_t *doc)
{
	const json_t *causes = json_object_get(doc, "causes"), *by_phase = json_object_get(doc, "causes_by_phase");
	const json_t *row = NULL;
	double below = 2;

	if (!json_object_size(causes))
		return;
	cause_header(t);
	while ((row = largest_below(causes, "share_of_toll", below, row))) {
		below = text_number(row, "share_of_toll");
		cause_row(t, row);
	}
	told_line(t, doc);
	text_blank(t);
	text_put(t, TEXT_BOLD, "… PHASE BY PHASE");
	text_end(t);
	for (void *it = json_object_iter((json_t *)by_phase); it; it = json_object_iter_next((json_t *)by_phase, it))
		phase_words(t, json_object_iter_key(it), json_object_iter_value(it));
	text_blank(t);
}

void text_findings(struct text *t, const json_t *doc)
{
	const json_t *findings = json_object_get(doc, "findings");
	json_t *row;
	size_t i;

	if (!json_array_size(findings))
		return;
	json_array_foreach (findings, i, row) {
		text_wrap(t, TEXT_BOLD, i ? "" : "COSTS MOST", 12, text_string(row, "text"));
	}
	text_blank(t);
}
