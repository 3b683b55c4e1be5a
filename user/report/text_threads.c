// SPDX-License-Identifier: GPL-2.0-only
#include "base/units.h"
#include "report/text.h"

#define NAME 18
#define CELL 10
#define ROWS_MAX 12

static void threads_header(struct text *t)
{
	static const char *const names[] = {"threads", "on CPU", "run queue", "throttled"};

	text_left(t, TEXT_BOLD, 2 + NAME, "THREADS, BY NAME");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		text_right(t, TEXT_DIM, CELL, names[i]);
	text_put(t, TEXT_DIM, "  blocked in");
	text_end(t);
}

static void thread_row(struct text *t, const json_t *row)
{
	const json_t *blocked = json_object_get(row, "blocked_ns");
	char cell[TEXT_CELL], name[TEXT_CELL];
	struct buf words = {0};

	for (void *it = json_object_iter((json_t *)blocked); it; it = json_object_iter_next((json_t *)blocked, it))
		buf_printf(&words, "%s%s %s", words.used ? ", " : "", text_spaced(name, json_object_iter_key(it)),
			   text_ns(cell, blocked, json_object_iter_key(it)));
	if (*text_string(row, "purpose"))
		buf_printf(&words, "%s%s", words.used ? " · " : "", text_string(row, "purpose"));
	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, NAME, text_string(row, "name"));
	text_right(t, TEXT_PLAIN, CELL, text_count(cell, row, "threads"));
	text_right(t, TEXT_PLAIN, CELL, text_ns(cell, row, "on_cpu_ns"));
	text_right(t, TEXT_PLAIN, CELL, text_ns(cell, row, "run_queue_ns"));
	text_right(t, TEXT_PLAIN, CELL, text_u64(row, "throttled_ns") ? text_ns(cell, row, "throttled_ns") : "–");
	text_put(t, TEXT_PLAIN, "  ");
	text_put(t, TEXT_PLAIN, words.data ? words.data : "–");
	text_end(t);
	buf_fini(&words);
}

/* Their times are sums of what was watched. */
static void watched_line(struct text *t, const json_t *doc)
{
	const json_t *on = text_at(doc, "probes.groups.threads.on_share");
	char share[TEXT_CELL], line[160];

	if (!on || json_number_value(on) >= 1)
		return;
	snprintf(line, sizeof(line), "in %s of the time: their probes were on in windows (see PROBES)",
		 text_percent(share, json_number_value(on)));
	text_wrap(t, TEXT_DIM, "", 2, line);
}

void text_threads(struct text *t, const json_t *doc)
{
	const json_t *threads = json_object_get(doc, "threads");
	char line[96];
	json_t *row;
	size_t i;

	if (!json_array_size(threads))
		return;
	threads_header(t);
	json_array_foreach (threads, i, row) {
		if (i < ROWS_MAX)
			thread_row(t, row);
	}
	if (json_array_size(threads) > ROWS_MAX) {
		snprintf(line, sizeof(line), "  … and %zu other names", json_array_size(threads) - ROWS_MAX);
		text_put(t, TEXT_DIM, line);
		text_end(t);
	}
	watched_line(t, doc);
	text_blank(t);
}
