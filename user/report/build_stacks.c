// SPDX-License-Identifier: GPL-2.0-only
/* Where in the code the gateway's time went: the top functions, and the heaviest stacks for a flame graph. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "report/build.h"

#define TOP_MAX 25 /* by self, and by total */
#define FOLDED_MAX 400 /* of each: all samples, and the phases */
#define EVERYWHERE 0.95
#define NO_STACK "[stack not taken]"

struct top {
	const char *frame;
	uint64_t cpu_self, cpu_total, toll_self, toll_total;
	uint64_t phase[PHASES];
	const struct stacks_row *last; /* a function that calls itself counts once for each row */
};

struct tops {
	struct top *at;
	size_t count, size;
	struct map *by_name; /* hash of the name -> index + 1 */
};

/* FNV-1a, 64 bits */
static uint64_t name_hash(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	while (*name)
		h = (h ^ (unsigned char)*name++) * UINT64_C(0x100000001b3);
	return h;
}

static struct top *top_get(struct tops *t, const char *frame)
{
	uint64_t key = name_hash(frame);
	size_t index = (size_t)(uintptr_t)map_get(t->by_name, key);
	struct top *moved;

	if (index)
		return &t->at[index - 1];
	if (t->count == t->size) {
		moved = realloc(t->at, (t->size ? t->size * 2 : 256) * sizeof(*moved));
		if (!moved)
			return NULL;
		t->at = moved;
		t->size = t->size ? t->size * 2 : 256;
	}
	if (map_put(t->by_name, key, (void *)(uintptr_t)(t->count + 1)))
		return NULL;
	t->at[t->count] = (struct top){.frame = frame};
	return &t->at[t->count++];
}

static void top_weigh(struct top *t, const struct stacks_row *row, bool innermost)
{
	bool all = row->phase == STACKS_ALL;

	if (innermost)
		*(all ? &t->cpu_self : &t->toll_self) += row->ns;
	if (t->last == row)
		return;
	t->last = row;
	*(all ? &t->cpu_total : &t->toll_total) += row->ns;
	if (!all)
		t->phase[row->phase] += row->ns;
}

/* In the toll only what is the gateway's work or wait for it; parked in epoll it is nobody's function. */
static bool row_is_told(const struct stacks_row *row)
{
	return row->name && (row->phase == STACKS_ALL || phase_is_toll((enum phase)row->phase));
}

static int tops_make(struct tops *t, const struct stacks_row *row, size_t rows)
{
	t->by_name = map_new();
	if (!t->by_name)
		return -1;
	for (size_t i = 0; i < rows; i++) {
		const char *name = row_is_told(&row[i]) ? row[i].name->text : NULL;

		for (unsigned k = 0; name && k < row[i].name->head.frames; k++, name += strlen(name) + 1) {
			struct top *top = top_get(t, name);

			if (!top)
				return -1;
			top_weigh(top, &row[i], k == 0);
		}
	}
	return 0;
}

static int compare(uint64_t x, uint64_t y, const struct top *a, const struct top *b)
{
	if (x != y)
		return x > y ? -1 : 1;
	return strcmp(a->frame, b->frame);
}

static int by_self(const void *a, const void *b)
{
	const struct top *x = a, *y = b;

	return compare(x->cpu_self + x->toll_self, y->cpu_self + y->toll_self, x, y);
}

static int by_total(const void *a, const void *b)
{
	const struct top *x = a, *y = b;

	return compare(x->cpu_total + x->toll_total, y->cpu_total + y->toll_total, x, y);
}

static void top_add(struct build *b, json_t *list, const struct top *t)
{
	json_t *row = json_object(), *phases;

	build_put(b, row, "frame", report_text(t->frame));
	build_put(b, row, "cpu_self_ns", build_u64(t->cpu_self));
	build_put(b, row, "cpu_total_ns", build_u64(t->cpu_total));
	build_put(b, row, "toll_self_ns", build_u64(t->toll_self));
	build_put(b, row, "toll_total_ns", build_u64(t->toll_total));
	phases = build_object(b, row, "phases");
	for (unsigned i = 0; i < PHASES; i++)
		if (t->phase[i])
			build_put(b, phases, phase_name((enum phase)i), build_u64(t->phase[i]));
	build_append(b, list, row);
}

/* main() is in every stack: it tells nothing. */
static bool is_everywhere(const struct build *b, const struct top *t)
{
	const struct stacks_stats *s = stacks_stats(b->in->stacks);

	return (double)(t->cpu_total + t->toll_total) >= EVERYWHERE * (double)(s->samples_ns + s->toll_ns);
}

static void tops_add(struct build *b, json_t *out, struct tops *t)
{
	json_t *self = build_array(b, out, "top_self"), *total = build_array(b, out, "top_total");

	if (t->count)
		qsort(t->at, t->count, sizeof(*t->at), by_self);
	for (size_t i = 0; i < t->count && i < TOP_MAX && t->at[i].cpu_self + t->at[i].toll_self; i++)
		top_add(b, self, &t->at[i]);
	if (t->count)
		qsort(t->at, t->count, sizeof(*t->at), by_total);
	for (size_t i = 0, added = 0; i < t->count && added < TOP_MAX; i++) {
		if (is_everywhere(b, &t->at[i]))
			continue;
		top_add(b, total, &t->at[i]);
		added++;
	}
}

static void frames_add(struct build *b, json_t *entry, const struct stacks_name *name)
{
	const char *frame[RECORD_STACK_FRAMES_MAX] = {NO_STACK};
	const char *text = name ? name->text : NULL;
	unsigned frames = name ? name->head.frames : 1;
	json_t *list = build_array(b, entry, "frames");

	for (unsigned i = 0; text && i < frames; i++, text += strlen(text) + 1)
		frame[i] = text;
	for (unsigned i = frames; i-- > 0;)
		build_append(b, list, report_text(frame[i]));
}

static void folded_add(struct build *b, json_t *list, const struct stacks_row *row)
{
	json_t *entry = json_object();

	if (row->phase != STACKS_ALL) {
		build_put(b, entry, "phase", json_string(phase_name((enum phase)row->phase)));
		build_put(b, entry, "cause", json_string(cause_name((enum cause)row->cause)));
		if (row->class_index < b->in->classes)
			build_put(b, entry, "class", report_text(b->in->class_[row->class_index].name));
	}
	frames_add(b, entry, row->name);
	build_put(b, entry, "ns", build_u64(row->ns));
	build_append(b, list, entry);
}

static void foldeds_add(struct build *b, json_t *out, const struct stacks_row *row, size_t rows)
{
	json_t *list = build_array(b, out, "folded");
	unsigned all = 0, phases = 0;
	uint64_t rest_ns = 0;

	for (size_t i = 0; i < rows; i++) {
		unsigned *used = row[i].phase == STACKS_ALL ? &all : &phases;

		if (*used < FOLDED_MAX)
			folded_add(b, list, &row[i]);
		else
			rest_ns += row[i].ns;
		(*used)++;
	}
	build_put(b, out, "folded_rest_ns", build_u64(rest_ns));
}

static void counts_add(struct build *b, json_t *out)
{
	const struct stacks_stats *s = stacks_stats(b->in->stacks);

	build_put(b, out, "samples", build_u64(s->samples));
	build_put(b, out, "samples_without_stack", build_u64(s->samples_without_stack));
	build_put(b, out, "cpu_ns", build_u64(s->samples_ns));
	if (s->in_requests || s->toll_ns) {
		build_put(b, out, "samples_in_requests", build_u64(s->in_requests));
		build_put(b, out, "samples_outside_requests",
			  build_u64(s->samples > s->in_requests ? s->samples - s->in_requests : 0));
		build_put(b, out, "toll_ns", build_u64(s->toll_ns));
		build_put(b, out, "waits_ns", build_u64(s->waits_ns));
		build_put(b, out, "waits_without_stack_ns", build_u64(s->waits_without_stack_ns));
	} else {
		build_absent(b, "", "stacks.toll_ns",
			     "no thread of the gateway has an account, so samples cannot be laid into phases");
	}
	build_put(b, out, "stacks", build_u64(s->named));
	build_put(b, out, "unwound", build_u64(s->whole));
	build_put(b, out, "cut", build_u64(s->named - s->whole));
	build_put(b, out, "copied", build_u64(s->copied));
	build_put(b, out, "lost", build_u64(b->in->counters[WIRE_COUNT_STACKS_LOST]));
	build_put(b, out, "dropped", build_u64(s->dropped));
	build_put(b, out, "frames", build_u64(s->frames));
	build_put(b, out, "frames_unnamed", build_u64(s->frames_unnamed));
}

static const char *absent_because(const struct report_input *in)
{
	if (build_no_probes(in))
		return build_no_probes(in);
	if (in->stacks && stacks_stats(in->stacks)->samples)
		return NULL;
	if (in->no_stacks_because)
		return in->no_stacks_because;
	return "no thread of the gateway was found on a CPU by a sample";
}

void build_stacks(struct build *b)
{
	const char *why = absent_because(b->in);
	struct stacks_row *row = NULL;
	struct tops tops = {0};
	size_t rows = 0;
	json_t *out;

	if (why) {
		build_absent(b, "", "stacks", why);
		return;
	}
	out = build_object(b, b->doc, "stacks");
	counts_add(b, out);
	if (stacks_rows(b->in->stacks, &row, &rows) || tops_make(&tops, row, rows))
		b->failed = true;
	tops_add(b, out, &tops);
	foldeds_add(b, out, row, rows);
	map_free(tops.by_name);
	free(tops.at);
	free(row);
}
