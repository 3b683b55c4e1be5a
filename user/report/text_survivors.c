// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "report/text.h"

#define ROWS_SHOWN 8
#define PAUSES_SHOWN 4 /* processes */
#define FRAMES_SHOWN 6
#define THINGS_SHOWN 3 /* of each kind */
#define THING_SHARE_SHOWN 0.05
#define ONE_WINDOW_SAID 0.9 /* of what is there at the end, where windows were at least so many: */
#define WINDOWS_SAID 3
#define SHARE_SHOWN 0.01 /* of all that is kept: what keeps less is summed up */

static void head_print(struct text *t)
{
	text_left(t, TEXT_BOLD, 28, "WHO KEEPS MEMORY");
	text_right(t, TEXT_DIM, 12, "per request");
	text_right(t, TEXT_DIM, 20, "95 % interval");
	text_right(t, TEXT_DIM, 9, "blocks");
	text_right(t, TEXT_DIM, 10, "first at");
	text_right(t, TEXT_DIM, 9, "oldest");
	text_right(t, TEXT_DIM, 11, "gone later");
	text_end(t);
}

static void frames_print(struct text *t, const json_t *frames)
{
	struct buf line = {0};
	size_t n = json_array_size(frames);

	for (size_t i = 0; i < n && i < FRAMES_SHOWN; i++)
		buf_printf(&line, "%s%s", i ? " < " : "", json_string_value(json_array_get(frames, i)));
	if (n > FRAMES_SHOWN)
		buf_printf(&line, " < …");
	text_wrap(t, TEXT_DIM, "", 4, line.data ? line.data : "its stack could not be named");
	buf_fini(&line);
}

/* Of the blocks that were followed, what a search of the heap says. */
static void fates_print(struct text *t, const json_t *site)
{
	char lost[TEXT_CELL], reached[TEXT_CELL], lost_count[TEXT_CELL], reached_count[TEXT_CELL];
	bool any = text_number(site, "lost") > 0;
	struct buf line = {0};

	if (!json_object_get(site, "lost"))
		return;
	units_format_count(lost_count, sizeof(lost_count), text_u64(site, "lost"));
	units_format_count(reached_count, sizeof(reached_count), text_u64(site, "reached"));
	if (any)
		buf_printf(&line, "nothing points to %s blocks (%s): lost for certain; ", lost_count,
			   text_amount(lost, text_number(site, "lost_bytes"), true));
	buf_printf(&line, "%s (%s) can still be found by the program", reached_count,
		   text_amount(reached, text_number(site, "reached_bytes"), true));
	text_wrap(t, any ? TEXT_RED : TEXT_DIM, "", 4, line.data);
	buf_fini(&line);
}

static void row_print(struct text *t, const json_t *site, double windows)
{
	const json_t *pair = json_object_get(site, "interval");
	double carried = text_number(site, "carried");
	char cell[TEXT_CELL], low[TEXT_CELL], high[TEXT_CELL], interval[2 * TEXT_CELL + 32];

	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, 26, text_string(site, "site"));
	if (pair) {
		snprintf(interval, sizeof(interval), "%s to %s",
			 text_amount(low, json_number_value(json_array_get(pair, 0)), true),
			 text_amount(high, json_number_value(json_array_get(pair, 1)), true));
		text_right(t, TEXT_PLAIN, 12, text_amount(cell, text_number(site, "bytes_per_request"), true));
		text_right(t, TEXT_DIM, 20, interval);
	} else {
		text_right(t, TEXT_PLAIN, 12, "–");
		text_right(t, TEXT_DIM, 20, "–");
	}
	units_format_count(cell, sizeof(cell), (uint64_t)text_number(site, "alive"));
	text_right(t, TEXT_PLAIN, 9, cell);
	text_right(t, TEXT_PLAIN, 10, text_span(cell, text_number(site, "first_s")));
	text_right(t, TEXT_PLAIN, 9, json_object_get(site, "oldest_s") ? text_span(cell, text_number(site, "oldest_s")) : "–");
	if (carried > 0)
		snprintf(cell, sizeof(cell), "%.0f %%", 100 * text_number(site, "gone_later") / carried);
	text_right(t, TEXT_PLAIN, 11, carried > 0 ? cell : "–");
	text_end(t);
	frames_print(t, json_object_get(site, "frames"));
	if (windows >= WINDOWS_SAID && text_number(site, "one_window_share") > ONE_WINDOW_SAID) {
		snprintf(interval, sizeof(interval), "%.0f %% of it came in one of the windows, not with the requests of each",
			 100 * text_number(site, "one_window_share"));
		text_wrap(t, TEXT_DIM, "", 4, interval);
	}
	fates_print(t, site);
}

/* What both parts lack, and what else there is to say of them. */
static void loss_say(struct buf *line, const json_t *s, const char *things)
{
	json_t *note;
	size_t i;

	if (text_number(s, "refused") > 0 || text_number(s, "stacks_lost") > 0)
		buf_printf(line, " · LOST: %.0f %sfound no room, %.0f stacks could not be taken", text_number(s, "refused"),
			   things, text_number(s, "stacks_lost"));
	json_array_foreach (json_object_get(s, "notes"), i, note)
		buf_printf(line, " · %s", json_string_value(note));
}

static void foot_print(struct text *t, const json_t *s, size_t shown)
{
	char on[TEXT_CELL], from[TEXT_CELL], count[TEXT_CELL];
	const json_t *of = json_object_get(s, "per_request_of");
	struct buf line = {0};
	json_t *name;
	size_t i;

	units_format_count(count, sizeof(count), (uint64_t)text_number(s, "strangers"));
	buf_printf(&line, "looked for because %s: %.0f %s, %s in all, from %s on", text_string(s, "because"),
		   text_number(s, "windows"), text_number(s, "windows") > 1 ? "windows" : "window",
		   text_span(on, text_number(s, "on_s")), text_span(from, fmax(text_number(s, "started_s"), 0)));
	if (json_array_size(of))
		buf_printf(&line, " · per request of class");
	json_array_foreach (of, i, name)
		buf_printf(&line, "%s %s", i ? "," : "", json_string_value(name));
	if (json_object_get(s, "cpu_share"))
		buf_printf(&line, " · %.2g %% of the gateway's CPU while on", 100 * text_number(s, "cpu_share"));
	buf_printf(&line,
		   " · %zu of %.0f sites shown · blocks from before a window: %s were given back, the others are not judged",
		   shown, text_number(s, "sites_seen"), count);
	if (text_number(s, "one_address_in") > 1)
		buf_printf(&line, " · one address in %.0f followed in the end", text_number(s, "one_address_in"));
	loss_say(&line, s, "blocks ");
	text_wrap(t, TEXT_DIM, "", 2, line.data);
	buf_fini(&line);
}

void text_reachability(struct text *t, const json_t *leak)
{
	const json_t *r = json_object_get(leak, "reachability"), *processes = json_object_get(r, "processes"), *process, *note;
	char lost[TEXT_CELL], bytes[TEXT_CELL], count[TEXT_CELL], all[TEXT_CELL], span[TEXT_CELL], followed[TEXT_CELL];
	struct buf line = {0};
	double parts = 0;
	size_t i;

	if (!r)
		return;
	units_format_count(count, sizeof(count), text_u64(r, "lost"));
	units_format_count(all, sizeof(all), text_u64(r, "blocks"));
	units_format_count(followed, sizeof(followed), text_u64(r, "followed_lost"));
	buf_printf(&line,
		   "of %s blocks in use (%s) nothing points to %s (%s): lost for certain, unless the program hides its pointers; "
		   "%s of these were seen to be taken, the others before or between the windows",
		   all, text_amount(bytes, text_number(r, "bytes"), true), count,
		   text_amount(lost, text_number(r, "lost_bytes"), true), followed);
	json_array_foreach (processes, i, process) {
		units_format_ns(span, sizeof(span), text_u64(process, "pause_ns"));
		if (i < PAUSES_SHOWN)
			buf_printf(&line, "%s process %.0f stood still for %s", i ? "," : " ·", text_number(process, "pid"),
				   span);
		parts += text_number(process, "parts_not_followed");
	}
	units_format_ns(span, sizeof(span), text_u64(r, "longest_pause_ns"));
	if (json_array_size(processes) > PAUSES_SHOWN)
		buf_printf(&line, " … %zu in all, none for longer than %s", json_array_size(processes), span);
	if (parts > 0)
		buf_printf(&line, " · %.0f parts of the heap could not be followed: blocks there are not judged", parts);
	json_array_foreach (json_object_get(r, "notes"), i, note)
		buf_printf(&line, " · not searched: %s", json_string_value(note));
	text_wrap(t, text_number(r, "lost") > 0 ? TEXT_RED : TEXT_PLAIN, "LOST", 12, line.data);
	buf_fini(&line);
	text_blank(t);
}

void text_survivors(struct text *t, const json_t *leak)
{
	const json_t *s = json_object_get(leak, "survivors"), *sites = json_object_get(s, "sites"), *site;
	size_t i, shown = 0;

	if (!s)
		return;
	head_print(t);
	json_array_foreach (sites, i, site) {
		if (i >= ROWS_SHOWN || text_number(site, "kept_bytes") < SHARE_SHOWN * text_number(s, "kept_bytes"))
			break;
		row_print(t, site, text_number(s, "windows"));
		shown++;
	}
	foot_print(t, s, shown);
	text_blank(t);
}

/* --- descriptors, mappings, threads ---------------------------------------------------------------------------------------------- */

static void thing_row(struct text *t, const json_t *site, bool bytes)
{
	char cell[TEXT_CELL];

	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, 42, text_string(site, "site"));
	text_right(t, TEXT_PLAIN, 12,
		   json_object_get(site, "bytes_per_request") ? text_amount(cell, text_number(site, "bytes_per_request"), bytes)
							      : "–");
	text_right(t, TEXT_PLAIN, 12, text_amount(cell, text_number(site, "kept_bytes"), bytes));
	text_right(t, TEXT_PLAIN, 11, text_amount(cell, text_number(site, "taken_bytes"), bytes));
	text_right(t, TEXT_PLAIN, 10, text_span(cell, text_number(site, "first_s")));
	text_right(t, TEXT_PLAIN, 10, json_object_get(site, "oldest_s") ? text_span(cell, text_number(site, "oldest_s")) : "–");
	text_end(t);
	frames_print(t, json_object_get(site, "frames"));
}

static void kind_print(struct text *t, const char *kind, const json_t *list)
{
	static const struct {
		const char *kind, *title;
		bool bytes;
	} rows[] = {
		{"descriptors", "WHO KEEPS DESCRIPTORS", false},
		{"mappings", "WHO KEEPS MAPPINGS", true},
		{"threads", "WHO KEEPS THREADS", false},
		{"heap", "WHO MAKES THE HEAP GROW", true},
		{"first_touches", "WHO WRITES TO NEW PAGES", true},
	};
	size_t at = 0, i;
	json_t *site;

	while (at + 1 < sizeof(rows) / sizeof(*rows) && strcmp(rows[at].kind, kind) != 0)
		at++;
	text_left(t, TEXT_BOLD, 44, rows[at].title);
	text_right(t, TEXT_DIM, 12, "per request");
	text_right(t, TEXT_DIM, 12, "kept");
	text_right(t, TEXT_DIM, 11, "taken");
	text_right(t, TEXT_DIM, 10, "first at");
	text_right(t, TEXT_DIM, 10, "oldest");
	text_end(t);
	json_array_foreach (json_object_get(list, "sites"), i, site) {
		if (i >= THINGS_SHOWN || text_number(site, "kept_bytes") < THING_SHARE_SHOWN * text_number(list, "kept_bytes"))
			break;
		thing_row(t, site, rows[at].bytes);
	}
}

void text_growth_stacks(struct text *t, const json_t *leak)
{
	const json_t *s = json_object_get(leak, "growth_stacks");
	bool any = false;
	const char *kind;
	json_t *list;

	json_object_foreach (json_object_get(s, "kinds"), kind, list) {
		if (!json_is_true(json_object_get(list, "grows")) || text_number(list, "kept_bytes") <= 0)
			continue;
		kind_print(t, kind, list);
		any = true;
	}
	if (!any)
		return;
	struct buf line = {0};
	char on[TEXT_CELL];
	buf_printf(&line, "looked at for %s, for these rose: %s", text_span(on, text_number(s, "on_s")),
		   text_string(s, "because"));
	loss_say(&line, s, "");
	text_wrap(t, TEXT_DIM, "", 2, line.data);
	buf_fini(&line);
	text_blank(t);
}
