// SPDX-License-Identifier: GPL-2.0-only
#include "report/text.h"

#include <stdlib.h>
#include <string.h>

#include "base/units.h"

#define LABEL 12

static void untrusted_line(struct text *t, const json_t *doc)
{
	const json_t *check = text_at(doc, "trust.self_check");
	char hold[TEXT_CELL], end[TEXT_CELL], line[320];

	snprintf(line, sizeof(line),
		 "the kernel's marks and the ends' own clocks disagree at p50 (provider's hold by %s, the answer's end by %s; 50 "
		 "µs are "
		 "allowed): do not build on these figures",
		 text_ns(hold, check, "hold_difference_p50_ns"), text_ns(end, check, "end_difference_p50_ns"));
	text_wrap(t, TEXT_RED, "UNTRUSTED", LABEL, line);
}

/* More of the toll's p99 than this from CPUs that driver and provider held: the load generator measures itself. */
#define INTERFERENCE_MAX 0.1

static bool interference_line(struct text *t, const json_t *doc)
{
	const json_t *row = json_object_get(doc, "interference");
	char share[TEXT_CELL], ns[TEXT_CELL], line[320];

	if (text_number(row, "share_of_toll_p99") <= INTERFERENCE_MAX)
		return false;
	snprintf(line, sizeof(line),
		 "driver and provider held CPUs that the gateway wanted: %s of the toll at p99 (%s a request); give them CPUs of "
		 "their own, or offer less load",
		 text_percent(share, text_number(row, "share_of_toll_p99")), text_ns(ns, row, "per_request_p99_ns"));
	text_wrap(t, TEXT_YELLOW, "DISTURBED", LABEL, line);
	return true;
}

void text_problems(struct text *t, const json_t *doc)
{
	bool invalid = json_object_get(doc, "invalid"), cut = !json_is_true(json_object_get(doc, "complete"));
	bool untrusted = json_is_true(text_at(doc, "trust.untrusted")), died = json_is_true(text_at(doc, "gateway.died"));

	if (invalid)
		text_wrap(t, TEXT_RED, "INVALID", LABEL, text_string(doc, "invalid"));
	if (untrusted)
		untrusted_line(t, doc);
	if (cut)
		text_wrap(t, TEXT_YELLOW, "CUT SHORT", LABEL, text_string(doc, "cut_short_because"));
	if (died)
		text_wrap(t, TEXT_RED, "DIED", LABEL, "the gateway's process ended during the run");
	bool disturbed = interference_line(t, doc);
	if (invalid || untrusted || cut || died || disturbed)
		text_blank(t);
}

/* "rate 2000 · provider.service_time 20ms": nested values by their path. */
static void configuration_words(struct buf *b, const json_t *object, const char *prefix)
{
	for (void *it = json_object_iter((json_t *)object); it; it = json_object_iter_next((json_t *)object, it)) {
		const json_t *value = json_object_iter_value(it);
		const char *key = json_object_iter_key(it);
		char path[128];
		snprintf(path, sizeof(path), "%s%s%.60s", prefix, *prefix ? "." : "", key);
		if (json_is_object(value)) {
			if (!*prefix)
				configuration_words(b, value, path);
			continue;
		}
		char *text = json_is_string(value) ? strdup(json_string_value(value))
						   : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		buf_printf(b, "%s%s %s", b->used ? " · " : "", path, text ? text : "");
		free(text);
	}
}

static void head_line(struct text *t, const char *label, struct buf *b)
{
	if (b->used)
		text_wrap(t, TEXT_DIM, label, LABEL, b->data);
	buf_fini(b);
	*b = (struct buf){0};
}

static void head_gateway(struct text *t, const json_t *doc)
{
	const json_t *g = json_object_get(doc, "gateway");
	const char *exe = text_string(g, "exe"), *recipe = text_string(g, "recipe"), *how = text_string(g, "how");
	struct buf b = {0};

	buf_printf(&b, "%s", text_string(g, "url"));
	if (*exe)
		buf_printf(&b, "%s%s", b.used ? " · " : "", exe);
	if (*recipe)
		buf_printf(&b, "%srecipe %s", b.used ? " · " : "", recipe);
	if (*how)
		buf_printf(&b, "%s%s", b.used ? " · " : "", how);
	head_line(t, "gateway", &b);
}

static void head_machine(struct text *t, const json_t *doc)
{
	const json_t *m = json_object_get(doc, "machine");
	struct buf b = {0};

	if (!json_object_get(m, "hostname") && !json_object_get(m, "kernel"))
		return;
	buf_printf(&b, "%s · %s", text_string(m, "hostname"), text_string(m, "kernel"));
	if (text_u64(m, "cores"))
		buf_printf(&b, " · %llu cores", (unsigned long long)text_u64(m, "cores"));
	if (*text_string(m, "cpu"))
		buf_printf(&b, " · %s", text_string(m, "cpu"));
	head_line(t, "machine", &b);
}

static void head_load(struct text *t, const json_t *doc)
{
	const json_t *r = json_object_get(doc, "requests"), *errors = json_object_get(r, "errors");
	char n[TEXT_CELL], kind[TEXT_CELL];
	struct buf b = {0};

	if (!r)
		return;
	double ended = (double)(text_u64(r, "ok") + text_u64(r, "failed"));
	buf_printf(&b, "%s requests sent", text_count(n, r, "sent"));
	if (json_object_get(r, "rate_per_s"))
		buf_printf(&b, " · %s/s", text_rate(n, text_number(r, "rate_per_s")));
	buf_printf(&b, " · %s of them ok", text_percent(n, ended > 0 ? (double)text_u64(r, "ok") / ended : 0));
	if (text_u64(r, "left"))
		buf_printf(&b, " · %s left as they are meant to", text_count(n, r, "left"));
	if (text_u64(r, "tokens"))
		buf_printf(&b, " · %s tokens, %s/s", text_count(n, r, "tokens"), text_rate(kind, text_number(r, "tokens_per_s")));
	for (void *it = json_object_iter((json_t *)errors); it; it = json_object_iter_next((json_t *)errors, it)) {
		units_format_count(n, sizeof(n), (uint64_t)json_integer_value(json_object_iter_value(it)));
		buf_printf(&b, " · %s %s", text_spaced(kind, json_object_iter_key(it)), n);
	}
	if (text_u64(json_object_get(doc, "warmup"), "requests"))
		buf_printf(&b, " · %s in the warm-up (not in the figures)",
			   text_count(n, json_object_get(doc, "warmup"), "requests"));
	head_line(t, "load", &b);
}

void text_title(struct text *t, const json_t *doc)
{
	char right[96], length[TEXT_CELL];
	const char *scenario = text_string(doc, "scenario");
	double duration_s = text_number(doc, "duration_s");
	text_left(t, TEXT_BOLD, LABEL, "toll");
	text_left(t, TEXT_BOLD, 50, *scenario ? scenario : text_string(doc, "command"));
	units_format_ns(length, sizeof(length), duration_s > 0 && duration_s < 1e9 ? (uint64_t)(duration_s * 1e9) : 0);
	snprintf(right, sizeof(right), "%s · %s", *text_string(doc, "date") ? text_string(doc, "date") : "date not known",
		 length);
	text_right(t, TEXT_PLAIN, TEXT_COLUMNS - t->columns, right);
	text_end(t);
}

void text_head(struct text *t, const json_t *doc)
{
	struct buf b = {0};
	json_t *note;
	size_t i;

	head_gateway(t, doc);
	head_machine(t, doc);
	configuration_words(&b, json_object_get(doc, "configuration"), "");
	head_line(t, "settings", &b);
	head_load(t, doc);
	json_array_foreach (json_object_get(doc, "notes"), i, note) {
		text_wrap(t, TEXT_YELLOW, "note", LABEL, json_string_value(note));
	}
	text_blank(t);
}
