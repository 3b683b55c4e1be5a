// SPDX-License-Identifier: GPL-2.0-only
#include "report/survivors.h"

#include <string.h>

#include "base/clock.h"
#include "report/build.h"

/* What hands out memory for others: the frame behind it is who wanted it. */
static bool is_wrapper(const char *name)
{
	static const char *const prefix[] = {
		"operator new", "__strdup", "strdup",   "__strndup", "strndup", "std::",    "__gnu_cxx::", "g_malloc", "g_strdup",
		"xmalloc",      "xcalloc",  "xrealloc", "xstrdup",   "alloc::", "<alloc::", "__rust_",     "__rdl_"};

	for (size_t i = 0; i < sizeof(prefix) / sizeof(*prefix); i++)
		if (!strncmp(name, prefix[i], strlen(prefix[i])))
			return true;
	return false;
}

static void names_put(struct build *b, json_t *out, const struct survivor_row *row)
{
	json_t *frames = build_array(b, out, "frames");
	const char *at = row->text, *site = NULL;

	for (unsigned i = 0; i < row->frames; i++, at += strlen(at) + 1) {
		build_append(b, frames, report_text(at));
		if (!site && !is_wrapper(at))
			site = at;
	}
	build_put(b, out, "site", report_text(site ? site : row->frames ? row->text : "[no stack]"));
}

static double since_s(const struct report_survivors *s, uint64_t ns)
{
	return ns > s->start_ns ? (double)(ns - s->start_ns) / (double)NS_PER_S : 0;
}

static void row_put(struct build *b, json_t *sites, const struct report_survivors *s, const struct survivor_row *row)
{
	json_t *out = json_object();

	build_append(b, sites, out);
	names_put(b, out, row);
	build_put(b, out, "taken", build_u64(row->taken));
	build_put(b, out, "taken_bytes", build_u64(row->taken_bytes));
	build_put(b, out, "asked_bytes", build_u64(row->asked_bytes));
	build_put(b, out, "freed", build_u64(row->freed));
	build_put(b, out, "carried", build_u64(row->carried));
	build_put(b, out, "gone_later", build_u64(row->gone));
	build_put(b, out, "survival", build_number(row->survival));
	build_put(b, out, "watched_s", build_number(row->until_s));
	build_put(b, out, "kept", build_number(row->kept));
	build_put(b, out, "kept_bytes", build_number(row->kept_bytes));
	build_put(b, out, "kept_error_bytes", build_number(row->kept_error_bytes));
	build_put(b, out, "alive", build_u64(row->alive));
	build_put(b, out, "alive_bytes", build_u64(row->alive_bytes));
	build_put(b, out, "first_s", build_number(since_s(s, row->first_ns)));
	build_put(b, out, "last_s", build_number(since_s(s, row->last_ns)));
	if (!row->alive)
		return;
	build_put(b, out, "youngest_s", build_number((double)row->youngest_ns / (double)NS_PER_S));
	build_put(b, out, "oldest_s", build_number((double)row->oldest_ns / (double)NS_PER_S));
}

static void sites_put(struct build *b, json_t *out, const struct report_survivors *s)
{
	json_t *sites = build_array(b, out, "sites");
	double rest_bytes = 0, all_bytes = 0;

	for (size_t i = 0; i < s->rows; i++) {
		all_bytes += s->row[i].kept_bytes;
		if (i < REPORT_SURVIVORS_MAX && s->row[i].kept_bytes > 0)
			row_put(b, sites, s, &s->row[i]);
		else
			rest_bytes += s->row[i].kept_bytes;
	}
	build_put(b, out, "kept_bytes", build_number(all_bytes));
	build_put(b, out, "sites_seen", build_u64(s->rows));
	build_put(b, out, "rest_kept_bytes", build_number(rest_bytes));
}

json_t *report_survivors(const struct report_survivors *s)
{
	struct build b = {.in = NULL};
	json_t *out = json_object();
	json_t *requests = build_object(&b, out, "requests");

	build_put(&b, out, "because", report_text(s->because));
	build_put(&b, out, "started_s", build_number(s->started_s));
	build_put(&b, out, "windows", build_u64(s->windows));
	build_put(&b, out, "on_s", build_number(s->on_s));
	if (s->cpu_share >= 0)
		build_put(&b, out, "cpu_share", build_number(s->cpu_share));
	build_put(&b, out, "one_address_in", build_u64(s->weight));
	build_put(&b, out, "refused", build_u64(s->refused));
	build_put(&b, out, "strangers", build_u64(s->strangers));
	build_put(&b, out, "stacks_lost", build_u64(s->stacks_lost));
	for (unsigned i = 0; i < s->classes; i++)
		build_put(&b, requests, s->class_name[i], build_u64(s->requests[i]));
	sites_put(&b, out, s);
	json_t *notes = build_array(&b, out, "notes");
	for (unsigned i = 0; s->note && s->note[i]; i++)
		build_append(&b, notes, report_text(s->note[i]));
	if (!b.failed)
		return out;
	json_decref(out);
	return NULL;
}
