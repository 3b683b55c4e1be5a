// SPDX-License-Identifier: GPL-2.0-only
#include "report/text.h"

#define FRAME 56
#define CELL 10
#define ROWS 8 /* of each kind */

static void header(struct text *t, const char *title, bool phases)
{
	text_left(t, TEXT_BOLD, FRAME + 2, title);
	text_right(t, TEXT_DIM, CELL, "CPU self");
	text_right(t, TEXT_DIM, CELL, "total");
	if (phases) {
		text_right(t, TEXT_DIM, CELL, "toll self");
		text_right(t, TEXT_DIM, CELL, "total");
	}
	text_end(t);
}

static void share_cell(struct text *t, const json_t *row, const char *key, double whole)
{
	char cell[TEXT_CELL];
	double part = text_number(row, key);

	text_right(t, TEXT_PLAIN, CELL, part > 0 && whole > 0 ? text_share(cell, part / whole) : "–");
}

static void rows_print(struct text *t, const json_t *stacks, const char *key, bool phases)
{
	double cpu = text_number(stacks, "cpu_ns"), toll = text_number(stacks, "toll_ns");
	const json_t *row;
	size_t i;

	json_array_foreach (json_object_get(stacks, key), i, row) {
		if (i == ROWS)
			break;
		text_put(t, TEXT_PLAIN, "  ");
		text_left(t, TEXT_PLAIN, FRAME, text_string(row, "frame"));
		share_cell(t, row, "cpu_self_ns", cpu);
		share_cell(t, row, "cpu_total_ns", cpu);
		if (phases) {
			share_cell(t, row, "toll_self_ns", toll);
			share_cell(t, row, "toll_total_ns", toll);
		}
		text_end(t);
	}
}

/* How far the table can be trusted. */
static void trust_print(struct text *t, const json_t *stacks)
{
	double named = text_number(stacks, "stacks"), frames = text_number(stacks, "frames");
	char samples[TEXT_CELL], inside[TEXT_CELL], whole[TEXT_CELL], copied[TEXT_CELL], unnamed[TEXT_CELL], lost[TEXT_CELL];
	struct buf line = {0};

	buf_printf(&line, "%s samples", text_count(samples, stacks, "samples"));
	if (json_object_get(stacks, "samples_in_requests"))
		buf_printf(&line, " (%s within requests)", text_count(inside, stacks, "samples_in_requests"));
	if (named > 0 && frames > 0)
		buf_printf(&line, " · %s of the stacks unwound to their end, %s from copies · %s of the frames without a symbol",
			   text_percent(whole, text_number(stacks, "unwound") / named),
			   text_percent(copied, text_number(stacks, "copied") / named),
			   text_percent(unnamed, text_number(stacks, "frames_unnamed") / frames));
	if (text_u64(stacks, "samples_without_stack"))
		buf_printf(&line, " · %s samples without a stack", text_count(lost, stacks, "samples_without_stack"));
	text_wrap(t, TEXT_DIM, "", 2, line.data ? line.data : "");
	buf_fini(&line);
}

void text_stacks(struct text *t, const json_t *doc)
{
	const json_t *stacks = json_object_get(doc, "stacks");
	bool phases = text_u64(stacks, "toll_ns") > 0;

	if (!stacks)
		return;
	header(t, "WHERE IN THE CODE, innermost", phases);
	rows_print(t, stacks, "top_self", phases);
	header(t, "… and what called it", phases);
	rows_print(t, stacks, "top_total", phases);
	trust_print(t, stacks);
	text_blank(t);
}
