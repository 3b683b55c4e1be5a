/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/plan_data.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario/prompts.h"
#include "scenario/trace.h"

/* One of the two. */
struct plan_data {
	struct plan_data *next;
	char path[PATH_MAX];
	struct prompts *prompts;
	struct trace *trace;
};

static bool path_make(const struct place *at, const char *name, char *out, size_t size)
{
	const char *scenario = document_name(at->doc), *slash = strrchr(scenario, '/');
	int dir = slash && name[0] != '/' ? (int)(slash - scenario) + 1 : 0;

	return (size_t)snprintf(out, size, "%.*s%s", dir, scenario, name) < size;
}

/* The entry of this file, made if there is none yet: both forms of a scenario name the same files. */
static struct plan_data *entry(struct plan *plan, const char *path, bool trace)
{
	struct plan_data *d;

	for (d = plan->data; d; d = d->next)
		if (strcmp(d->path, path) == 0 && (trace ? (void *)d->trace : (void *)d->prompts))
			return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	memcpy(d->path, path, strlen(path) + 1);
	d->next = plan->data;
	plan->data = d;
	return d;
}

static int load(const struct place *at, struct plan *plan, const char *name, bool trace, struct plan_data **out)
{
	char path[PATH_MAX];
	struct err err = {0};
	int ret = 0;

	if (!path_make(at, name, path, sizeof(path)))
		return place_error(at, "expected a path of at most %d bytes", PATH_MAX - 1);
	*out = entry(plan, path, trace);
	if (!*out)
		return place_error(at, "out of memory");
	if (trace && !(*out)->trace)
		ret = trace_read(&(*out)->trace, path, &err);
	else if (!trace && !(*out)->prompts)
		ret = prompts_read(&(*out)->prompts, path, &err);
	return ret ? place_error(at, "%s", err.text) : 0;
}

int plan_prompts_load(const struct place *at, struct plan *plan, const char *name, const struct prompts **out)
{
	struct plan_data *d;
	int ret = load(at, plan, name, false, &d);

	*out = ret ? NULL : d->prompts;
	return ret;
}

int plan_trace_load(const struct place *at, struct plan *plan, const char *name, const struct trace **out)
{
	struct plan_data *d;
	int ret = load(at, plan, name, true, &d);

	*out = ret ? NULL : d->trace;
	return ret;
}

void plan_data_free(struct plan *plan)
{
	while (plan->data) {
		struct plan_data *d = plan->data;

		plan->data = d->next;
		prompts_free(d->prompts);
		trace_free(d->trace);
		free(d);
	}
}
