// SPDX-License-Identifier: GPL-2.0-only
#include "compare/compare.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static json_t *head_of(const json_t *doc)
{
	static const char *const keys[] = {"scenario", "command", "date", "duration_s", "machine", "configuration", "verdict"};
	json_t *head = json_object();

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (json_object_get(doc, keys[i]))
			json_object_set(head, keys[i], json_object_get(doc, keys[i]));
	return head;
}

/* One figure a run: no block tells how it wanders. */
static void memory_add(struct comparison *c, const json_t *const doc[2])
{
	static const char *const stat[] = {"peak", "final"};

	for (size_t k = 0; k < 2 && c->figures < COMPARE_FIGURES_MAX; k++) {
		struct figure f = {.unit = FIGURE_BYTES};
		double value[2];

		for (unsigned side = 0; side < 2; side++)
			value[side] = json_number_value(
				json_object_get(json_object_get(json_object_get(doc[side], "gateway"), "memory_bytes"), stat[k]));
		if (value[0] <= 0 || value[1] <= 0)
			continue;
		snprintf(f.name, sizeof(f.name), "gateway.memory.%s", stat[k]);
		f.base = value[0];
		f.new_ = value[1];
		f.change = value[1] / value[0] - 1;
		snprintf(f.reason, sizeof(f.reason), "one figure a run has no interval");
		c->figure[c->figures++] = f;
	}
}

static void control_read(const json_t *doc, struct compare_control *out)
{
	static const char *const keys[] = {"mean_ns", "p50_ns", "p95_ns", "p99_ns"};
	const json_t *lag = json_object_get(json_object_get(doc, "phases"), "driver_lag");

	/* without probes: the driver's own account of the same */
	if (!lag)
		lag = json_object_get(doc, "lateness");
	out->known = lag;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		out->ns[i] = json_number_value(json_object_get(lag, keys[i]));
}

static int gates_read(struct comparison *c, const struct compare_options *o, struct err *err)
{
	int rc = 0;

	if (o->gates > COMPARE_GATES_MAX)
		return err_set(err, -E2BIG, "at most %u gates", COMPARE_GATES_MAX);
	for (unsigned i = 0; i < o->gates && !rc; i++)
		rc = gate_parse(o->gate[i], &c->gate[c->gates++], err);
	return rc;
}

static int sides_compare(const json_t *const doc[2], struct comparison *c, struct err *err)
{
	static const char *const who[] = {"the base", "the new run"};
	struct sample *sample[2] = {NULL, NULL};
	struct err why = {0};
	int rc = 0;

	for (unsigned side = 0; side < 2 && !rc; side++) {
		const json_t *blocks = json_object_get(doc[side], "blocks");

		if (!blocks)
			rc = err_set(err, -ENODATA, "%s has no blocks of time: it measured no request, or an older toll wrote it",
				     who[side]);
		else if (sample_new(&sample[side], blocks, &why))
			rc = err_set(err, why.code, "%s: %s", who[side], why.text);
	}
	if (!rc && compare_samples(sample[0], sample[1], c))
		rc = err_set(err, -ENOMEM, "no memory to compare");
	sample_free(sample[0]);
	sample_free(sample[1]);
	return rc;
}

int compare_documents(const json_t *base, const json_t *new_, const struct compare_options *options, struct comparison *c,
		      struct err *err)
{
	const json_t *const doc[2] = {base, new_};
	int rc;

	memset(c, 0, sizeof(*c));
	c->options = *options;
	c->head[0] = head_of(base);
	c->head[1] = head_of(new_);
	rc = gates_read(c, options, err);
	if (rc)
		return rc;
	control_read(base, &c->control[0]);
	control_read(new_, &c->control[1]);
	compare_issues(base, new_, c);
	if (c->refusals && !options->anyway)
		return 0;
	rc = sides_compare(doc, c, err);
	if (rc)
		return rc;
	memory_add(c, doc);
	gates_judge(c);
	return 0;
}

void compare_fini(struct comparison *c)
{
	json_decref(c->head[0]);
	json_decref(c->head[1]);
	c->head[0] = c->head[1] = NULL;
}

static bool is_refused(const struct comparison *c)
{
	return c->refusals && !c->options.anyway;
}

int compare_exit_code(const struct comparison *c)
{
	int code = is_refused(c) ? EXIT_CODE_CANNOT_RUN : EXIT_CODE_OK;

	for (unsigned i = 0; i < c->gates && !is_refused(c); i++) {
		if (c->gate[i].verdict == GATE_FAILED)
			return EXIT_CODE_CRITERIA;
		if (c->gate[i].verdict == GATE_CANNOT_TELL)
			code = EXIT_CODE_CANNOT_RUN;
	}
	return code;
}

static bool counts(const struct figure *f, bool toll)
{
	return !f->is_part && !strncmp(f->name, toll ? "toll." : "latency.", toll ? 5 : 8);
}

/* Which way the toll's own parts went, all but waiting for a CPU: +1 worse, -1 better; 0: none moved, or they moved both ways. */
static int parts_moved(const struct comparison *c)
{
	bool worse = false, better = false;

	for (unsigned i = 0; i < c->figures; i++) {
		const struct figure *f = &c->figure[i];

		if (!f->is_part || !f->is_toll || !strcmp(f->name, "cause.run_queue.mean") ||
		    !strcmp(f->name, "cause.steal.mean"))
			continue;
		worse = worse || f->verdict == FIGURE_WORSE;
		better = better || f->verdict == FIGURE_BETTER;
	}
	return worse - better;
}

const char *compare_verdict(const struct comparison *c)
{
	unsigned seen[4] = {0}, all = 0;
	bool toll = false;
	int moved;

	for (unsigned i = 0; i < c->figures; i++)
		toll = toll || counts(&c->figure[i], true);
	for (unsigned i = 0; i < c->figures; i++) {
		if (!counts(&c->figure[i], toll))
			continue;
		seen[c->figure[i].verdict]++;
		all++;
	}
	moved = toll ? parts_moved(c) : 0;
	seen[FIGURE_WORSE] += moved > 0;
	seen[FIGURE_BETTER] += moved < 0;
	if (seen[FIGURE_WORSE])
		return seen[FIGURE_BETTER] ? "mixed" : "slower";
	if (seen[FIGURE_BETTER])
		return "faster";
	/* the 99th percentile of a short run is often out of reach: the others speak for it */
	return all && seen[FIGURE_NO_DIFFERENCE] * 2 >= all ? "no_difference" : "cannot_tell";
}

const char *figure_verdict_word(const struct figure *f)
{
	bool is_time = f->unit == FIGURE_NS && strcmp(f->name, "gateway.cpu_per_request");

	switch (f->verdict) {
	case FIGURE_WORSE:
		return f->more_is_better ? "less" : is_time ? "slower" : "more";
	case FIGURE_BETTER:
		return f->more_is_better ? "more" : is_time ? "faster" : "less";
	case FIGURE_NO_DIFFERENCE:
		return "no difference seen";
	case FIGURE_CANNOT_TELL:
		break;
	}
	return "cannot tell";
}
