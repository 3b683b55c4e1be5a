// SPDX-License-Identifier: GPL-2.0-only
#include "base/units.h"
#include "report/text.h"

static void row_print(struct text *t, const char *name, const json_t *row)
{
	const json_t *connect = json_object_get(row, "connect"), *unread = json_object_get(row, "unread");
	bool each = json_object_get(row, "turns_per_connection") != NULL;
	char cell[TEXT_CELL];

	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, 24, name);
	text_right(t, TEXT_PLAIN, 10, text_count(cell, row, "turns"));
	text_right(t, TEXT_PLAIN, 9, text_count(cell, row, "opened"));
	text_right(t, TEXT_PLAIN, 11, each ? text_rate(cell, text_number(row, "turns_per_connection")) : "–");
	text_right(t, TEXT_PLAIN, 12, text_dist(cell, connect, "p50_ns"));
	text_right(t, TEXT_PLAIN, 9, text_dist(cell, connect, "p99_ns"));
	text_right(t, TEXT_PLAIN, 12, text_dist(cell, unread, "p50_ns"));
	text_right(t, TEXT_PLAIN, 9, text_dist(cell, unread, "p99_ns"));
	text_end(t);
}

static void pool_print(struct text *t, const char *name, const json_t *pool)
{
	const json_t *wait = json_object_get(pool, "wait");
	char cell[TEXT_CELL];

	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, 24, name);
	text_right(t, TEXT_PLAIN, 10, text_count(cell, pool, "open_max"));
	text_right(t, TEXT_PLAIN, 9, text_count(cell, pool, "open_end"));
	text_right(t, TEXT_PLAIN, 11, text_count(cell, pool, "busy_max"));
	text_right(t, TEXT_PLAIN, 12,
		   json_object_get(pool, "exhausted") ? text_share(cell, text_number(pool, "exhausted")) : "–");
	text_right(t, TEXT_PLAIN, 9, text_count(cell, pool, "abandoned"));
	text_right(t, TEXT_PLAIN, 12, text_dist(cell, wait, "p50_ns"));
	text_right(t, TEXT_PLAIN, 9, text_dist(cell, wait, "p99_ns"));
	text_end(t);
}

static void process_print(struct text *t, const char *name, const json_t *process)
{
	const json_t *memory = json_object_get(process, "memory_bytes");
	char initial[TEXT_CELL], peak[TEXT_CELL], final[TEXT_CELL], count[TEXT_CELL], cores[24] = "", line[280];

	if (!process)
		return;
	units_format_bytes(initial, sizeof(initial), text_u64(memory, "initial"));
	units_format_bytes(peak, sizeof(peak), text_u64(memory, "peak"));
	units_format_bytes(final, sizeof(final), text_u64(memory, "final"));
	if (json_object_get(process, "cpu_cores"))
		snprintf(cores, sizeof(cores), "%.2f cores, ", text_number(process, "cpu_cores"));
	snprintf(line, sizeof(line), "%s: %sat most %s processes, memory initial %s, peak %s, final %s", name, cores,
		 text_count(count, process, "processes_max"), initial, peak, final);
	text_wrap(t, TEXT_DIM, "", 4, line);
}

static void pools_print(struct text *t, const json_t *upstream)
{
	static const struct {
		const char *name;
		unsigned width;
	} heads[] = {{"open max", 10}, {"at end", 9},      {"in use max", 11}, {"exhausted", 12},
		     {"unused", 9},    {"answer p50", 12}, {"p99", 9}};
	bool headed = false;

	for (void *it = json_object_iter((json_t *)(uintptr_t)upstream); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)upstream, it)) {
		const json_t *pool = json_object_get(json_object_iter_value(it), "pool");

		if (!pool)
			continue;
		if (!headed)
			text_left(t, TEXT_BOLD, 26, "… CONNECTIONS KEPT");
		for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]) && !headed; i++)
			text_right(t, TEXT_DIM, heads[i].width, heads[i].name);
		if (!headed)
			text_end(t);
		headed = true;
		pool_print(t, json_object_iter_key(it), pool);
		process_print(t, json_object_iter_key(it), json_object_get(json_object_iter_value(it), "process"));
	}
}

static void accept_queue_print(struct text *t, const json_t *accepted)
{
	const json_t *queue = json_object_get(accepted, "accept_queue");
	char p50[TEXT_CELL], p99[TEXT_CELL], line[160];

	if (!queue)
		return;
	snprintf(line, sizeof(line), "  clients waited %s at p50, %s at p99 until they were accepted",
		 text_dist(p50, queue, "p50_ns"), text_dist(p99, queue, "p99_ns"));
	text_put(t, TEXT_DIM, line);
	text_end(t);
}

void text_sockets(struct text *t, const json_t *doc)
{
	const json_t *sockets = json_object_get(doc, "sockets"), *accepted = json_object_get(sockets, "accepted");
	json_t *upstream = json_object_get(sockets, "upstream"), *finding;
	size_t i;

	if (!text_u64(accepted, "turns") && !json_object_size(upstream))
		return;
	text_left(t, TEXT_BOLD, 26, "SOCKETS");
	text_right(t, TEXT_DIM, 10, "turns");
	text_right(t, TEXT_DIM, 9, "opened");
	text_right(t, TEXT_DIM, 11, "turns each");
	text_right(t, TEXT_DIM, 12, "connect p50");
	text_right(t, TEXT_DIM, 9, "p99");
	text_right(t, TEXT_DIM, 12, "unread p50");
	text_right(t, TEXT_DIM, 9, "p99");
	text_end(t);
	row_print(t, "from clients", accepted);
	for (void *it = json_object_iter(upstream); it; it = json_object_iter_next(upstream, it))
		row_print(t, json_object_iter_key(it), json_object_iter_value(it));
	pools_print(t, upstream);
	accept_queue_print(t, accepted);
	json_array_foreach (json_object_get(sockets, "findings"), i, finding)
		text_wrap(t, TEXT_PLAIN, "", 2, json_string_value(finding));
	text_blank(t);
}
