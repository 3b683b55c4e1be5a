/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/plan_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

#define CLASS_PROMPT_BYTES 200
#define CLASS_TIMEOUT_NS (UINT64_C(60) * 1000000000)

/* --- criteria of a plan --------------------------------------------------------------------------------------------------- */

/* What may stand before a metric, as criterion_parse wants it. */
struct prefixes {
	const char *name[PLAN_CLASSES_MAX + PLAN_STAGES_MAX + 2 * PLAN_TENANTS_MAX + PLAN_PROVIDERS_MAX + PLAN_PEERS_MAX + 1];
	char text[PLAN_STAGES_MAX + 2 * PLAN_TENANTS_MAX + PLAN_PROVIDERS_MAX + PLAN_PEERS_MAX]
		 [PLAN_NAME_MAX + sizeof("tenant..alone")];
	unsigned count, texts;
};

static void prefixes_add(struct prefixes *p, const char *kind, const char *name, const char *rest)
{
	char *text = p->text[p->texts++];

	snprintf(text, sizeof(p->text[0]), "%s.%s%s", kind, name, rest);
	p->name[p->count++] = text;
}

static void prefixes_fill(struct prefixes *p, const struct plan *plan)
{
	p->count = p->texts = 0;
	for (uint32_t i = 0; i < plan->classes; i++)
		p->name[p->count++] = plan->class_[i].name;
	for (uint32_t i = 0; i < plan->stages; i++)
		prefixes_add(p, "stage", plan->stage[i].name, "");
	for (uint32_t i = 0; i < plan->tenants; i++) {
		prefixes_add(p, "tenant", plan->tenant[i].name, ".alone");
		prefixes_add(p, "tenant", plan->tenant[i].name, "");
	}
	for (uint32_t i = 0; i < plan->providers; i++)
		prefixes_add(p, "upstream", plan->provider[i].label, "");
	for (uint32_t i = 0; i < plan->peers; i++)
		prefixes_add(p, "peer", plan->peer[i].label, "");
	p->name[p->count] = NULL;
}

static bool class_has_check(const struct plan_class *c, const char *name)
{
	for (uint32_t i = 0; i < c->checks; i++)
		if (strcmp(c->check[i].name, name) == 0)
			return true;
	return false;
}

/* "check.NAME", "CLASS.check.NAME", "stage.NAME.check.NAME": some class that it speaks of must make that check. */
static bool check_exists(const struct plan *plan, const char *metric)
{
	const char *check = strncmp(metric, "check.", 6) == 0 ? metric : strstr(metric, ".check.");

	if (!check)
		return true;
	check = strchr(check, 'c') + strlen("check.");
	for (uint32_t i = 0; i < plan->classes; i++) {
		const struct plan_class *c = &plan->class_[i];
		size_t n = strlen(c->name);
		bool named = strncmp(metric, c->name, n) == 0 && strncmp(metric + n, ".check.", 7) == 0;
		bool any = strncmp(metric, "check.", 6) == 0 || strncmp(metric, "stage.", 6) == 0;

		if ((named || any) && class_has_check(c, check))
			return true;
	}
	return false;
}

int plan_criterion_check(const struct plan *plan, const char *text, struct criterion *out, struct err *err)
{
	struct prefixes prefixes;
	int ret;

	prefixes_fill(&prefixes, plan);
	ret = criterion_parse(text, prefixes.name, out, err);
	if (ret)
		return ret;
	if (!check_exists(plan, out->metric) || !check_exists(plan, out->divisor))
		return err_set(err, -EINVAL,
			       "\"%s\" names a check that no class makes; expected the name of a check under checks:", text);
	return 0;
}

/* --- top-level keys ------------------------------------------------------------------------------------------------------- */

static int read_classes(const struct place *at, const struct field *f, void *out)
{
	struct plan *plan = out;
	const struct plan_class defaults = plan->class_[0]; /* where plan_file_read put them */
	struct place member;

	if (at->node->type != YAML_MAPPING_NODE)
		return field_error(at, f->expected);
	for (unsigned i = 0; place_member(at, i, &member); i++) {
		int ret;

		if (i == PLAN_CLASSES_MAX)
			return place_error(&member, "expected at most %d classes", PLAN_CLASSES_MAX);
		plan->class_[i] = defaults;
		ret = plan_class_read(&member, plan, &plan->class_[i]);
		if (ret)
			return ret;
		for (unsigned k = 0; k < i; k++)
			if (strcmp(plan->class_[k].name, plan->class_[i].name) == 0)
				return place_error(&member, "given twice; expected one class of this name");
		plan->classes = i + 1;
	}
	return plan->classes ? 0 : place_error(at, "expected at least one class");
}

static int check_stage_names(const struct place *at, const struct plan *plan, unsigned first)
{
	for (unsigned i = first; i < plan->stages; i++)
		for (unsigned k = 0; k < i; k++)
			if (strcmp(plan->stage[k].name, plan->stage[i].name) == 0)
				return place_error(at, "a second stage named %s; expected names of their own",
						   plan->stage[i].name);
	return 0;
}

static int read_stages(const struct place *at, const struct field *f, void *out)
{
	struct plan *plan = out;
	struct place item;
	bool load = false;

	if (at->node->type != YAML_SEQUENCE_NODE)
		return field_error(at, f->expected);
	for (unsigned i = 0; place_item(at, i, &item); i++) {
		uint32_t first = plan->stages;
		int ret;

		if (first == PLAN_STAGES_MAX)
			return place_error(&item, "expected at most %d stages", PLAN_STAGES_MAX);
		snprintf(plan->stage[first].name, sizeof(plan->stage[first].name), "%u", i + 1);
		ret = plan_stage_read(&item, plan);
		if (!ret)
			ret = check_stage_names(&item, plan, first);
		if (ret)
			return ret;
		if (first == 0 && plan->stage[0].befores)
			return place_error(&item, "before: nothing is before the first stage; expected it on a later one");
		for (uint32_t k = first; k < plan->stages; k++)
			load = load || plan->stage[k].from > 0.0 || plan->stage[k].to > 0.0;
	}
	return load ? 0 : place_error(at, "expected at least one stage with vus or rate above 0");
}

static bool plan_is_timed(const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->stages; i++)
		if (plan->stage[i].duration_ns == 0)
			return false;
	return true;
}

static int read_warmup(const struct place *at, const struct field *f, void *out)
{
	struct plan *plan = out;
	int ret = field_duration(at, f, &plan->warmup_ns);

	if (!ret && plan_is_timed(plan) && plan->stages > 0 && plan->warmup_ns >= plan_duration_ns(plan))
		return field_error(at, "less than the stages take together (the warm-up is left out of all figures)");
	return ret;
}

static int read_criterion(const struct place *at, const struct plan *plan, char *out, size_t size)
{
	const char *text = place_text(at);
	struct err err = {0};
	struct criterion c;

	if (!text)
		return field_error(at, "a criterion such as \"latency.p95 < 2s\"");
	if (plan_criterion_check(plan, text, &c, &err) != 0)
		return place_error(at, "%s", err.text);
	snprintf(out, size, "%s", c.text);
	return 0;
}

static int read_criteria(const struct place *at, const struct field *f, void *out)
{
	struct plan *plan = out;
	struct place item;

	if (at->node->type != YAML_SEQUENCE_NODE)
		return field_error(at, f->expected);
	for (unsigned i = 0; place_item(at, i, &item); i++) {
		int ret;

		if (i == PLAN_CRITERIA_MAX)
			return place_error(&item, "expected at most %d criteria", PLAN_CRITERIA_MAX);
		ret = read_criterion(&item, plan, plan->criterion[i], sizeof(plan->criterion[i]));
		if (ret)
			return ret;
		plan->criteria = i + 1;
	}
	return 0;
}

static int read_abort_when(const struct place *at, const struct field *f, void *out)
{
	struct plan *plan = out;

	(void)f;
	return read_criterion(at, plan, plan->abort_when, sizeof(plan->abort_when));
}

static int read_says(const struct place *at, const struct field *f, void *out)
{
	struct plan *plan = out;
	struct place item;
	int ret = 0;

	if (at->node->type != YAML_SEQUENCE_NODE || place_items(at) != 2)
		return field_error(at, f->expected);
	for (unsigned i = 0; i < 2 && !ret; i++) {
		static const struct field row = {.size = sizeof(plan->says[0]), .expected = "a verdict"};

		place_item(at, i, &item);
		ret = field_text(&item, &row, plan->says[i]);
	}
	return ret;
}

/* The block itself is read as an overlay. */
static int read_quick(const struct place *at, const struct field *f, void *out)
{
	(void)out;
	if (at->up->up)
		return place_error(at, "expected no quick: inside quick:");
	return at->node->type == YAML_MAPPING_NODE ? 0 : field_error(at, f->expected);
}

/* --- the file ------------------------------------------------------------------------------------------------------------- */

#define OF(member) offsetof(struct plan, member), sizeof(((struct plan *)0)->member)

/* In the order of need: stages name classes, the warm-up is compared with the stages, criteria name both. */
enum {
	KEY_NAME,
	KEY_ID,
	KEY_ANSWERS,
	KEY_SEED,
	KEY_TIME_SCALE,
	KEY_MODEL,
	KEY_PROVIDER,
	KEY_PROVIDERS,
	KEY_GATEWAY,
	KEY_PEERS,
	KEY_TENANTS,
	KEY_CLASSES,
	KEY_STAGES,
	KEY_WARMUP,
	KEY_CRITERIA,
	KEY_ABORT_WHEN,
	KEY_SAYS,
	KEY_RATINGS,
	KEY_QUICK,
};

static const struct field plan_rows[] = {
	[KEY_NAME] = {"name", field_text, OF(name), 0, 0, "a name such as gateway/smoke", NULL},
	[KEY_ID] = {"id", field_text, OF(id), 0, 0, "an identifier", NULL},
	[KEY_ANSWERS] = {"answers", field_text, OF(answers), 0, 0, "the question that this scenario answers", NULL},
	[KEY_SEED] = {"seed", field_u64, OF(seed), 0, 18446744073709551615.0, "a whole number, 0 or more", NULL},
	[KEY_TIME_SCALE] = {"time_scale", field_number, OF(time_scale), 1e-6, 1e6, "a factor above 0 such as 0.1", NULL},
	[KEY_MODEL] = {"model", field_text, OF(model), 0, 0, "the name of a model", NULL},
	[KEY_CLASSES] = {"classes", read_classes, 0, 0, 0, 0, "a mapping of class names such as chat: {endpoint: chat}", NULL},
	[KEY_STAGES] = {"stages", read_stages, 0, 0, 0, 0, "a list of stages such as [{vus: 10, for: 30s}]", NULL},
	[KEY_WARMUP] = {"warmup", read_warmup, 0, 0, 0, (double)FIELD_DURATION_MAX_NS, "a duration with a unit such as 10s",
			NULL},
	[KEY_CRITERIA] = {"criteria", read_criteria, 0, 0, 0, 0, "a list of criteria such as [latency.p95 < 2s]", NULL},
	[KEY_ABORT_WHEN] = {"abort_when", read_abort_when, 0, 0, 0, 0, NULL, NULL},
	[KEY_PROVIDER] = {"provider", plan_provider_read, OF(provider[0]), 0, 0, NULL, NULL},
	[KEY_PROVIDERS] = {"providers", plan_providers_read, 0, 0, 0, 0,
			   "a mapping of labels such as bedrock: {service_time: 20ms}", NULL},
	[KEY_GATEWAY] = {"gateway", plan_settings_read, 0, 0, 0, 0,
			 "a mapping of the embedded gateway's settings such as retries: 2", NULL},
	[KEY_PEERS] = {"peers", plan_peers_read, 0, 0, 0, 0, "a mapping such as {cache: redis, db: postgresql}", NULL},
	[KEY_TENANTS] = {"tenants", plan_tenants_read, 0, 0, 0, 0, "a mapping of names such as light: {key: KEY, weight: 20}",
			 NULL},
	[KEY_SAYS] = {"says", read_says, 0, 0, 0, 0,
		      "two texts: the verdict when all is met, and else, such as [READY, NOT READY]", NULL},
	[KEY_RATINGS] = {"ratings", field_bool, OF(ratings), 0, 0, NULL, NULL},
	[KEY_QUICK] = {"quick", read_quick, 0, 0, 0, 0, "a mapping of keys that replace the file's", NULL},
	{0},
};

static bool find_quick(const struct place *root, struct place *out)
{
	if (root->node->type != YAML_MAPPING_NODE)
		return false;
	for (unsigned i = 0; place_member(root, i, out); i++)
		if (strcmp(out->key, plan_rows[KEY_QUICK].key) == 0)
			return true;
	return false;
}

bool plan_file_has_quick(struct document *doc)
{
	struct place root, quick;

	document_root(doc, &root);
	return find_quick(&root, &quick);
}

static void set_defaults(struct plan *plan, const struct plan_defaults *defaults)
{
	struct plan_data *data = plan->data; /* they are large */

	memset(plan, 0, sizeof(*plan));
	plan->data = data;
	snprintf(plan->name, sizeof(plan->name), "%s", defaults->name);
	snprintf(plan->model, sizeof(plan->model), "%s", defaults->model);
	plan->seed = 1;
	plan->time_scale = 1.0;
	plan->class_[0] = (struct plan_class){
		.weight = 1.0,
		.prompt_bytes = CLASS_PROMPT_BYTES,
		.max_tokens = defaults->max_tokens,
		.temperature = defaults->temperature,
		.timeout_ns = CLASS_TIMEOUT_NS,
		.batch = 1,
		.turns = 1,
	};
	plan->provider[0] = (struct plan_provider){.service_time = "20ms", .inter_token_time = "10ms", .label = "provider"};
	plan->providers = 1;
}

int plan_file_read(struct document *doc, const struct plan_defaults *defaults, bool quick, struct plan *out)
{
	struct place root, overlay;
	uint64_t seen;
	int ret;

	document_root(doc, &root);
	quick = quick && find_quick(&root, &overlay);
	set_defaults(out, defaults);
	ret = fields_read(&root, quick ? &overlay : NULL, plan_rows, out, &seen);
	if (ret)
		return ret;
	if (!(seen & (UINT64_C(1) << KEY_CLASSES)))
		return place_error(&root, "classes is missing; expected %s", plan_rows[KEY_CLASSES].expected);
	if (!(seen & (UINT64_C(1) << KEY_STAGES)))
		return place_error(&root, "stages is missing; expected %s", plan_rows[KEY_STAGES].expected);
	return 0;
}
