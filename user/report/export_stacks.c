// SPDX-License-Identifier: GPL-2.0-only
/* Stacks, and the sites of a soak, as Brendan Gregg's folded lines; stacks as a speedscope file. */
#include "report/export.h"

#include <errno.h>

#include "report/stacks.h"
#include "report/text.h"

/* In "a;b;c" a frame's own semicolons become commas, for the lines have no escape. */
static void frame_write(const char *frame, FILE *out)
{
	for (; frame && *frame; frame++)
		fputc(*frame == ';' ? ',' : *frame == '\n' ? ' ' : *frame, out);
}

static void folded(const struct stack_tree *t, const char *kind, FILE *out)
{
	for (uint32_t i = 1; i < t->nodes; i++) {
		uint32_t path[512];
		unsigned n = 0;

		if (!t->node[i].self_ns)
			continue;
		for (uint32_t at = i; at && n < sizeof(path) / sizeof(*path); at = t->node[at].parent)
			path[n++] = at;
		fputs(kind, out);
		while (n) {
			fputc(';', out);
			frame_write(t->node[path[--n]].name, out);
		}
		fprintf(out, " %llu\n", (unsigned long long)t->node[i].self_ns);
	}
}

static const struct {
	enum stacks_which which;
	const char *kind, *title;
} kinds[] = {{STACKS_OF_TOLL, "toll", "inside the toll"}, {STACKS_OF_CPU, "cpu", "all of the gateway's CPU"}};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

int export_folded(const json_t *doc, FILE *out)
{
	unsigned any = 0;
	int rc = 0;

	for (size_t k = 0; k < KINDS && !rc; k++) {
		struct stack_tree t;
		rc = stacks_read(&t, doc, kinds[k].which);
		any += !rc;
		if (!rc)
			folded(&t, kinds[k].kind, out);
		stacks_fini(&t);
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc ? rc : any ? export_end(out) : -ENODATA;
}

/* By the bytes that they keep. */
int export_survivors(const json_t *doc, FILE *out)
{
	const json_t *sites = text_at(doc, "leak.survivors.sites"), *site;
	size_t i;

	if (!sites)
		return -ENODATA;
	json_array_foreach (sites, i, site) {
		const json_t *frames = json_object_get(site, "frames");

		for (size_t f = json_array_size(frames); f-- > 0;) {
			frame_write(json_string_value(json_array_get(frames, f)), out);
			fputc(f ? ';' : ' ', out);
		}
		if (!json_array_size(frames))
			fputs("[no stack] ", out);
		fprintf(out, "%.0f\n", text_number(site, "kept_bytes"));
	}
	return export_end(out);
}

/* Where a frame is in the file's list of names, which is shared by its profiles. */
static json_t *frame_index(json_t *frames, json_t *by_name, const char *name)
{
	json_t *index = json_object_get(by_name, name);

	if (index)
		return json_incref(index);
	index = json_integer((json_int_t)json_array_size(frames));
	json_array_append_new(frames, json_pack("{s:s}", "name", name));
	json_object_set(by_name, name, index);
	return index;
}

static json_t *profile_of(const struct stack_tree *t, const char *title, json_t *frames, json_t *by_name)
{
	json_t *samples = json_array(), *weights = json_array();

	for (uint32_t i = 1; i < t->nodes; i++) {
		if (!t->node[i].self_ns)
			continue;
		json_t *stack = json_array();
		for (uint32_t at = i; at; at = t->node[at].parent)
			json_array_insert_new(stack, 0, frame_index(frames, by_name, t->node[at].name));
		json_array_append_new(samples, stack);
		json_array_append_new(weights, json_integer((json_int_t)t->node[i].self_ns));
	}
	return json_pack("{s:s, s:s, s:s, s:i, s:I, s:o, s:o}", "type", "sampled", "name", title, "unit", "nanoseconds",
			 "startValue", 0, "endValue", (json_int_t)t->node[0].ns, "samples", samples, "weights", weights);
}

int export_speedscope(const json_t *doc, FILE *out)
{
	json_t *frames = json_array(), *by_name = json_object(), *profiles = json_array();
	int rc = 0;

	for (size_t k = 0; k < KINDS && !rc; k++) {
		struct stack_tree t;
		rc = stacks_read(&t, doc, kinds[k].which);
		if (!rc)
			json_array_append_new(profiles, profile_of(&t, kinds[k].title, frames, by_name));
		stacks_fini(&t);
		rc = rc == -ENOENT ? 0 : rc;
	}
	json_decref(by_name);
	if (!rc && !json_array_size(profiles))
		rc = -ENODATA;
	json_t *file = json_pack("{s:s, s:s, s:s, s:{s:o}, s:o}", "$schema", "https://www.speedscope.app/file-format-schema.json",
				 "exporter", "toll", "name", text_string(doc, "scenario"), "shared", "frames", frames, "profiles",
				 profiles);
	if (!rc && (!file || json_dumpf(file, out, JSON_COMPACT)))
		rc = -ENOMEM;
	json_decref(file);
	return rc ? rc : export_end(out);
}
