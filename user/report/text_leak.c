// SPDX-License-Identifier: GPL-2.0-only
#include "report/text.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"

#define LABEL 12

static double item(const json_t *pair, size_t i)
{
	return json_number_value(json_array_get(pair, i));
}

static bool is_bytes(const json_t *gauge)
{
	return !strcmp(text_string(gauge, "unit"), "bytes");
}

static enum text_style style_of(const char *verdict)
{
	return !strcmp(verdict, "leak") ? TEXT_RED : !strcmp(verdict, "no_leak") ? TEXT_GREEN : TEXT_YELLOW;
}

/* "grows by 80 B a request (78.1 B to 81.9 B)" */
static void growth_say(struct buf *line, const json_t *gauge)
{
	const json_t *pair = json_object_get(gauge, "per_request_interval");
	bool bytes = is_bytes(gauge), by_request = pair != NULL;
	char mean[TEXT_CELL], low[TEXT_CELL], high[TEXT_CELL];

	if (!by_request)
		pair = json_object_get(gauge, "per_second_interval");
	buf_printf(line, "%s a %s (%s to %s)",
		   text_amount(mean, text_number(gauge, by_request ? "per_request" : "per_second"), bytes),
		   by_request ? "request" : "second", text_amount(low, item(pair, 0), bytes),
		   text_amount(high, item(pair, 1), bytes));
}

/* of: " of class chat", or "" */
static void reason_say(struct buf *line, const json_t *gauge, const char *of)
{
	const char *reason = text_string(gauge, "reason");
	char more[TEXT_CELL];

	if (!strcmp(reason, "grows_on")) {
		buf_printf(line, "grows by ");
		growth_say(line, gauge);
		buf_printf(line, "%s, in the second half %.0f %% as fast as in the first", of,
			   100 * text_number(gauge, "persistence"));
	} else if (!strcmp(reason, "levels_off")) {
		buf_printf(line, "grew, and has levelled off (judged from %s on)",
			   text_span(more, text_number(gauge, "judged_from_s")));
	} else if (!strcmp(reason, "no_new_high")) {
		buf_printf(line, "swings, but was in the second half never higher than in the first");
	} else if (!strcmp(reason, "not_measured")) {
		buf_printf(line, "could not be read: run as root, or as the gateway's user");
	} else if (!strcmp(reason, "flat")) {
		buf_printf(line, "does not grow");
	} else if (!strcmp(reason, "slows_down")) {
		buf_printf(line, "grows by ");
		growth_say(line, gauge);
		buf_printf(line, ", but ever more slowly");
	} else if (!strcmp(reason, "stepped")) {
		buf_printf(line, "grew by steps: a pool or a peak of load does that, too");
	} else if (!strcmp(reason, "too_noisy")) {
		buf_printf(line, "changes by ");
		growth_say(line, gauge);
		buf_printf(line, ": its swings hide more than that");
	} else {
		buf_printf(line, "was watched for too short a time");
	}
	if (text_number(gauge, "needs_s") > 0)
		buf_printf(line, "; needs %s more", text_span(more, text_number(gauge, "needs_s")));
}

/* Between two sentences of one line. */
static const char *then_of(const struct buf *line)
{
	return line->used ? "; " : "";
}

/* What else leaks. */
static void others_say(struct buf *line, const json_t *leak)
{
	const char *name;
	json_t *gauge;

	json_object_foreach (json_object_get(leak, "gauges"), name, gauge)
		if (json_is_true(json_object_get(gauge, "judged")) && strcmp(name, text_string(leak, "gauge")) != 0 &&
		    !strcmp(text_string(gauge, "verdict"), "leak"))
			buf_printf(line, "%s%s", line->used ? ", " : "a leak, too: ", text_string(gauge, "title"));
}

/* A runtime frees by collections: its heap and what lies outside of it are judged apart. */
static void runtime_say(struct buf *line, const json_t *leak)
{
	const json_t *gauges = json_object_get(leak, "gauges"), *heap = json_object_get(gauges, "runtime_heap");

	if (!heap || strcmp(text_string(leak, "gauge"), "memory") != 0)
		return;
	buf_printf(line, "%sof it %s's heap ", then_of(line), text_string(leak, "runtime"));
	reason_say(line, heap, "");
	buf_printf(line, "; what lies outside of that heap (buffers, native code) ");
	reason_say(line, json_object_get(gauges, "native"), "");
}

static void verdict_print(struct text *t, const json_t *leak)
{
	const char *verdict = text_string(leak, "verdict");
	const json_t *gauge = json_object_get(json_object_get(leak, "gauges"), text_string(leak, "gauge"));
	const char *word = !strcmp(verdict, "leak") ? "LEAK" : !strcmp(verdict, "no_leak") ? "NO LEAK" : "INCONCLUSIVE";
	char cell[TEXT_CELL], low[TEXT_CELL], limit[TEXT_CELL];
	struct buf line = {0}, of = {0};
	json_t *name;
	size_t i;

	json_array_foreach (json_object_get(leak, "per_request_of"), i, name)
		buf_printf(&of, "%s %s", i ? "," : " of class", json_string_value(name));
	buf_printf(&line, "%s: %s ", word, text_string(gauge, "title"));
	reason_say(&line, gauge, of.data ? of.data : "");
	buf_fini(&of);
	text_wrap(t, style_of(verdict), "LEAKS", LABEL, line.data ? line.data : "");
	line.used = 0;
	others_say(&line, leak);
	if (text_number(leak, "lives") > 1) {
		const json_t *life = json_object_get(leak, "judged_life_s");
		buf_printf(&line, "%sthe gateway had %.0f lives; judged is the longest, from %s to %s of the soak",
			   then_of(&line), text_number(leak, "lives"), text_span(low, item(life, 0)),
			   text_span(cell, item(life, 1)));
	}
	if (json_object_get(leak, "smallest_visible_bytes_per_request"))
		buf_printf(&line, "%sthe smallest leak that this run could have seen: %s a request", then_of(&line),
			   text_amount(cell, text_number(leak, "smallest_visible_bytes_per_request"), true));
	if (json_object_get(leak, "limit_in_s"))
		buf_printf(&line, "%sat this rate its limit of %s is reached in %s (%s at the earliest)", then_of(&line),
			   text_amount(limit, text_number(leak, "limit_bytes"), true),
			   text_span(cell, text_number(leak, "limit_in_s")),
			   text_span(low, text_number(leak, "limit_in_at_least_s")));
	text_leak_where(&line, leak);
	runtime_say(&line, leak);
	if (line.used)
		text_wrap(t, TEXT_PLAIN, "", LABEL, line.data);
	buf_fini(&line);
}

static void gauge_row(struct text *t, const json_t *gauge)
{
	bool bytes = is_bytes(gauge), fitted = json_object_get(gauge, "per_second") != NULL;
	char cell[TEXT_CELL], word[TEXT_CELL];

	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, 24, text_string(gauge, "title"));
	if (json_is_true(json_object_get(gauge, "counter")))
		text_left(t, TEXT_DIM, 14, "counted");
	else
		text_left(t, style_of(text_string(gauge, "verdict")), 14, text_spaced(word, text_string(gauge, "verdict")));
	text_right(t, TEXT_PLAIN, 11, fitted ? text_amount(cell, text_number(gauge, "start"), bytes) : "–");
	text_right(t, TEXT_PLAIN, 11, fitted ? text_amount(cell, text_number(gauge, "end"), bytes) : "–");
	text_right(t, TEXT_PLAIN, 13,
		   json_object_get(gauge, "per_request") ? text_amount(cell, text_number(gauge, "per_request"), bytes) : "–");
	text_right(t, TEXT_PLAIN, 13, fitted ? text_amount(cell, 3600 * text_number(gauge, "per_second"), bytes) : "–");
	text_right(t, TEXT_DIM, 12,
		   json_is_true(json_object_get(gauge, "counter")) ? "" : text_spaced(word, text_string(gauge, "reason")));
	text_end(t);
}

static void gauges_print(struct text *t, const json_t *leak)
{
	const char *name;
	json_t *gauge;

	text_left(t, TEXT_BOLD, 26, "GAUGES");
	text_left(t, TEXT_DIM, 14, "verdict");
	text_right(t, TEXT_DIM, 11, "first");
	text_right(t, TEXT_DIM, 11, "last");
	text_right(t, TEXT_DIM, 13, "per request");
	text_right(t, TEXT_DIM, 13, "per hour");
	text_right(t, TEXT_DIM, 12, "because it");
	text_end(t);
	/* evidence that is flat says nothing */
	json_object_foreach (json_object_get(leak, "gauges"), name, gauge)
		if (json_is_true(json_object_get(gauge, "judged")) || strcmp(text_string(gauge, "reason"), "flat") != 0)
			gauge_row(t, gauge);
	text_blank(t);
}

static void class_row(struct text *t, const char *name, const json_t *row, bool bytes)
{
	const json_t *pair = json_object_get(row, "interval");
	char cell[TEXT_CELL], low[TEXT_CELL], high[TEXT_CELL], interval[2 * TEXT_CELL];

	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, 24, name);
	if (pair) {
		snprintf(interval, sizeof(interval), "%s to %s", text_amount(low, item(pair, 0), bytes),
			 text_amount(high, item(pair, 1), bytes));
		text_right(t, item(pair, 0) > 0 ? TEXT_RED : TEXT_PLAIN, 14,
			   text_amount(cell, json_number_value(json_object_get(row, "per_request")), bytes));
		text_right(t, TEXT_DIM, 30, interval);
	} else {
		text_put(t, TEXT_DIM, text_string(row, "not_told"));
	}
	text_end(t);
}

static void classes_print(struct text *t, const json_t *leak)
{
	const json_t *gauge = json_object_get(json_object_get(leak, "gauges"), text_string(leak, "gauge"));
	const json_t *classes = json_object_get(leak, "classes"), *idle = json_object_get(leak, "idle_interval");
	const char *name;
	json_t *row;

	if (!json_object_size(classes))
		return;
	text_left(t, TEXT_BOLD, 26, "GROWTH BY CLASS");
	text_right(t, TEXT_DIM, 14, "per request");
	text_right(t, TEXT_DIM, 30, "99.5 % interval");
	text_end(t);
	json_object_foreach ((json_t *)classes, name, row)
		class_row(t, name, row, is_bytes(gauge));
	if (idle) {
		char cell[TEXT_CELL], low[TEXT_CELL], high[TEXT_CELL], interval[2 * TEXT_CELL];
		snprintf(interval, sizeof(interval), "%s to %s", text_amount(low, item(idle, 0), is_bytes(gauge)),
			 text_amount(high, item(idle, 1), is_bytes(gauge)));
		text_put(t, TEXT_PLAIN, "  ");
		text_left(t, TEXT_PLAIN, 24, "time alone, per second");
		text_right(t, TEXT_PLAIN, 14, text_amount(cell, text_number(leak, "idle_per_second"), is_bytes(gauge)));
		text_right(t, TEXT_DIM, 30, interval);
		text_end(t);
	}
	text_blank(t);
}

void text_leak(struct text *t, const json_t *doc)
{
	const json_t *leak = json_object_get(doc, "leak");

	if (!leak)
		return;
	verdict_print(t, leak);
	text_blank(t);
	text_reachability(t, leak);
	text_survivors(t, leak);
	text_growth_stacks(t, leak);
	gauges_print(t, leak);
	text_leak_parts(t, leak);
	classes_print(t, leak);
}
