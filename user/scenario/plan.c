/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "scenario/arrival.h"
#include "scenario/plan_data.h"
#include "scenario/plan_file.h"
#include "scenario/plan_source.h"

#define MODEL_DEFAULT "gpt-3.5-turbo"
#define MAX_TOKENS_DEFAULT 100
#define TEMPERATURE_DEFAULT 0.7
#define POISSON_COUNTED_MAX 2e7 /* they are counted one by one: about 1 s */

/* --- environment ---------------------------------------------------------------------------------------------------------- */

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int defaults_read(struct plan_defaults *out, struct err *err)
{
	const char *model = environment("MODEL"), *tokens = environment("MAX_TOKENS"), *temperature = environment("TEMPERATURE");
	uint64_t n = MAX_TOKENS_DEFAULT;

	out->model = model ? model : MODEL_DEFAULT;
	out->temperature = TEMPERATURE_DEFAULT;
	if (strlen(out->model) >= PLAN_NAME_MAX)
		return err_set(err, -EINVAL, "environment variable MODEL: expected a name of at most %d bytes",
			       PLAN_NAME_MAX - 1);
	if (tokens && (units_parse_u64(tokens, &n) != 0 || n < 1 || n > PLAN_TOKENS_MAX))
		return err_set(err, -EINVAL,
			       "environment variable MAX_TOKENS: expected a number of tokens from 1 to %d, found \"%.60s\"",
			       PLAN_TOKENS_MAX, tokens);
	out->max_tokens = (uint32_t)n;
	if (temperature &&
	    (!number_parse(temperature, &out->temperature) || out->temperature < 0.0 || out->temperature > PLAN_TEMPERATURE_MAX))
		return err_set(err, -EINVAL, "environment variable TEMPERATURE: expected a number from 0 to 2, found \"%.60s\"",
			       temperature);
	return 0;
}

/* --- overrides ------------------------------------------------------------------------------------------------------------ */

static int replace_load(struct plan *plan, enum plan_loop loop, double load, const char *option, struct err *err)
{
	unsigned replaced = 0;

	for (uint32_t i = 0; i < plan->stages; i++) {
		const struct plan_stage *stage = &plan->stage[i];

		if (stage->loop != loop || stage->trace || (stage->from <= 0 && stage->to <= 0)) /* a pause stays one */
			continue;
		plan->stage[i].from = plan->stage[i].to = load;
		replaced++;
	}
	if (replaced == 0)
		return err_set(err, -EINVAL, "%s: %s has only %s; use %s instead", option, plan->name,
			       loop == PLAN_OPEN ? "closed-loop stages (vus)" : "open-loop stages (rate)",
			       loop == PLAN_OPEN ? "--vus" : "--rate");
	return 0;
}

static bool same_metric(const char *text, const struct criterion *c, const struct plan *plan)
{
	struct criterion old;

	return plan_criterion_check(plan, text, &old, NULL) == 0 && strcmp(old.metric, c->metric) == 0 &&
	       strcmp(old.divisor, c->divisor) == 0;
}

static int add_criterion(struct plan *plan, const char *text, struct err *err)
{
	struct err why = {0};
	struct criterion c;
	uint32_t kept = 0;

	if (plan_criterion_check(plan, text, &c, &why) != 0)
		return err_set(err, -EINVAL, "--criterion: %s", why.text);
	for (uint32_t i = 0; i < plan->criteria; i++)
		if (!same_metric(plan->criterion[i], &c, plan))
			memmove(plan->criterion[kept++], plan->criterion[i], sizeof(plan->criterion[i]));
	if (kept == PLAN_CRITERIA_MAX)
		return err_set(err, -E2BIG, "--criterion: more than %d criteria", PLAN_CRITERIA_MAX);
	snprintf(plan->criterion[kept++], sizeof(plan->criterion[0]), "%s", c.text);
	plan->criteria = kept;
	return 0;
}

static uint64_t scaled(uint64_t ns, double factor)
{
	double x = (double)ns * factor;

	return ns > 0 && x < 1.0 ? 1 : (uint64_t)(x + 0.5);
}

/* Their times are the run's; how long a fault makes an answer wait is not. */
static void scale_faults(struct plan_provider *provider, double factor)
{
	for (uint32_t i = 0; i < provider->faults; i++) {
		struct fault *fault = &provider->fault[i];

		fault->from_ns = scaled(fault->from_ns, factor);
		if (fault->until_ns != UINT64_MAX)
			fault->until_ns = scaled(fault->until_ns, factor);
		fault->every_ns = scaled(fault->every_ns, factor);
	}
}

/* Durations, the times of faults and the warm-up; never think, service and time-out times: the shape stays. */
static int scale_time(struct plan *plan, const struct plan_overrides *over, struct err *err)
{
	uint64_t before = plan_duration_ns(plan);
	double factor;

	if (over->time_scale > 0.0)
		plan->time_scale = over->time_scale;
	if (over->duration_ns > 0) {
		if (before == 0)
			return err_set(err, -EINVAL,
				       "--duration: the stages of %s end after a number of requests, not after a time",
				       plan->name);
		plan->time_scale = (double)over->duration_ns / (double)before;
	}
	factor = plan->time_scale;
	if ((double)before * factor > (double)PLAN_STAGES_MAX * (double)FIELD_DURATION_MAX_NS)
		return err_set(err, -ERANGE, "%s: a time scale of %g makes the run longer than %u years; expected a smaller one",
			       plan->name, factor, PLAN_STAGES_MAX / 12);
	for (uint32_t i = 0; i < plan->stages; i++) {
		uint64_t whole_ns = plan->stage[i].duration_ns;

		plan->stage[i].duration_ns = scaled(whole_ns, factor);
		if (plan->stage[i].trace && factor > 1.0)
			plan->stage[i].duration_ns = whole_ns; /* behind its end it has nothing more */
	}
	plan->warmup_ns = scaled(plan->warmup_ns, factor);
	for (uint32_t i = 0; i < plan->providers; i++)
		scale_faults(&plan->provider[i], factor);
	return 0;
}

static int apply_overrides(struct plan *plan, const struct plan_overrides *over, struct err *err)
{
	int ret = 0;

	if (over->seed)
		plan->seed = over->seed;
	if (over->rate_per_s > PLAN_RATE_MAX || over->vus > PLAN_VUS_MAX)
		return err_set(err, -ERANGE, "--rate and --vus: expected at most %g requests/s and %d users", PLAN_RATE_MAX,
			       PLAN_VUS_MAX);
	if (over->rate_per_s > 0.0)
		ret = replace_load(plan, PLAN_OPEN, over->rate_per_s, "--rate", err);
	if (!ret && over->vus > 0)
		ret = replace_load(plan, PLAN_CLOSED, over->vus, "--vus", err);
	if (!ret)
		ret = scale_time(plan, over, err);
	for (unsigned i = 0; !ret && i < over->criteria; i++)
		ret = add_criterion(plan, over->criterion[i], err);
	return ret;
}

/* --- loading -------------------------------------------------------------------------------------------------------------- */

/* "scenarios/gateway/smoke.yaml" -> "smoke", for files without a name. */
static void name_from_path(const char *path, char *name, size_t size)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t n = strcspn(base, ".");

	snprintf(name, size, "%.*s", (int)(n < size ? n : size - 1), strcmp(path, "-") == 0 ? "stdin" : base);
}

/* Both forms of the file are checked whichever is wanted, so that a broken quick: block does not wait for its first use. */
static int read_both(struct document *doc, const struct plan_defaults *defaults, bool quick, struct plan *plan, struct err *err)
{
	int ret = plan_file_read(doc, defaults, false, plan);

	if (ret || !plan_file_has_quick(doc)) {
		if (!ret && quick)
			ret = err_set(err, -EINVAL, "--quick: %s has no quick: block; use --time-scale or --duration",
				      plan->name);
		return ret;
	}
	document_note(doc, " (with the quick: block applied)");
	ret = plan_file_read(doc, defaults, true, plan);
	document_note(doc, "");
	return ret || quick ? ret : plan_file_read(doc, defaults, false, plan);
}

static int load(const char *path, const struct plan_overrides *over, struct plan *plan, struct err *err)
{
	char name[PLAN_NAME_MAX];
	struct plan_defaults defaults = {.name = name};
	struct document *doc;
	int ret;

	name_from_path(path, name, sizeof(name));
	ret = defaults_read(&defaults, err);
	if (!ret)
		ret = document_read(&doc, path, err);
	if (ret)
		return ret;
	ret = read_both(doc, &defaults, over->quick, plan, err);
	document_free(doc);
	snprintf(plan->path, sizeof(plan->path), "%s", path);
	return ret ? ret : apply_overrides(plan, over, err);
}

int plan_load(const char *source, const struct plan_overrides *over, struct plan **out, struct err *err)
{
	static const struct plan_overrides none;
	char path[sizeof(((struct plan *)0)->path)];
	struct err why = {0};
	struct plan *plan;
	int ret = plan_source_path(source, path, sizeof(path), err);

	if (ret)
		return ret;
	plan = calloc(1, sizeof(*plan));
	if (!plan)
		return err_set(err, -ENOMEM, "out of memory while loading the scenario %s", path);
	ret = load(path, over ? over : &none, plan, &why);
	if (ret) {
		plan_free(plan);
		return err_set(err, ret, "%s", why.text);
	}
	*out = plan;
	return 0;
}

void plan_free(struct plan *plan)
{
	if (plan)
		plan_data_free(plan);
	free(plan);
}

uint64_t plan_duration_ns(const struct plan *plan)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < plan->stages; i++)
		sum += plan->stage[i].duration_ns;
	return sum;
}

uint64_t plan_request_count(const struct plan *plan)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < plan->stages; i++) {
		const struct plan_stage *stage = &plan->stage[i];

		if (stage->arrival == PLAN_POISSON &&
		    (stage->from + stage->to) / 2 * (double)stage->duration_ns / 1e9 > POISSON_COUNTED_MAX)
			return 0;
		if (stage->loop == PLAN_OPEN)
			sum += arrival_count(plan, i);
		else if (stage->duration_ns == 0)
			sum += stage->requests;
		else if (stage->from > 0.0 || stage->to > 0.0)
			return 0; /* as many as the users get through */
	}
	return sum;
}

int plan_family(const char *family, int (*fn)(void *ctx, const char *name), void *ctx, struct err *err)
{
	struct plan_names names;
	unsigned found = 0;
	int ret = plan_names_read(&names, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < names.count && !ret; i++) {
		if (strncmp(names.name[i], family, strlen(family)) != 0)
			continue;
		found++;
		ret = fn(ctx, names.name[i]);
	}
	plan_names_free(&names);
	if (!ret && !found)
		ret = err_set(err, -ENOENT, "no scenarios under \"%.60s\"; `toll scenarios` lists the built-in ones", family);
	return ret;
}

int plan_list(int (*fn)(void *ctx, const struct plan *plan), void *ctx, struct err *err)
{
	struct plan_names names;
	unsigned broken = 0;
	struct err first = {0};
	int ret = plan_names_read(&names, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < names.count && !ret; i++) {
		struct plan *plan;

		if (plan_load(names.name[i], NULL, &plan, &first) != 0) {
			broken++;
			continue;
		}
		ret = fn(ctx, plan);
		plan_free(plan);
	}
	plan_names_free(&names);
	if (!ret && broken)
		ret = err_set(err, -EINVAL, "%u scenario%s cannot be read, the first: %s", broken, broken == 1 ? "" : "s",
			      first.text);
	return ret;
}
