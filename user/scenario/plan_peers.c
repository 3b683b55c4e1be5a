/* SPDX-License-Identifier: GPL-2.0-only */
/* Those around the load: the providers behind the gateway, the embedded gateway's settings, the tenants whose keys requests carry. */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "scenario/plan_file.h"

/* --- providers ------------------------------------------------------------------------------------------------------------- */

/* "lognormal(20ms,80ms)": one of the shapes of plan.h, with as many durations as it takes, in rising order. */
static bool shape_is_valid(const char *text)
{
	static const struct {
		const char *name;
		int durations;
	} shapes[] = {{"lognormal", 2}, {"uniform", 2}, {"exponential", 1}};
	char name[16], first[48], second[48];
	uint64_t first_ns, second_ns = UINT64_MAX;
	int durations = 1, end = 0;

	if (sscanf(text, "%15[a-z]( %47[^,() ] )%n", name, first, &end) != 2 || end == 0) {
		durations = 2;
		if (sscanf(text, "%15[a-z]( %47[^,() ] , %47[^,() ] )%n", name, first, second, &end) != 3 || end == 0 ||
		    units_parse_duration_ns(second, &second_ns) != 0)
			return false;
	}
	if (text[end] != '\0' || units_parse_duration_ns(first, &first_ns) != 0 || second_ns < first_ns)
		return false;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (strcmp(name, shapes[i].name) == 0)
			return durations == shapes[i].durations;
	return false;
}

static int read_distribution(const struct place *at, const struct field *f, void *out)
{
	const char *text = place_text(at);
	uint64_t ns;

	if (!text || (units_parse_duration_ns(text, &ns) != 0 && !shape_is_valid(text) &&
		      !(strncmp(text, "file:", 5) == 0 && text[5] != '\0')))
		return field_error(at, f->expected);
	return field_text(at, f, out);
}

static int read_faults(const struct place *at, const struct field *f, void *out)
{
	struct plan_provider *provider = out;
	struct place item;

	provider->faults = 0;
	if (at->node->type != YAML_SEQUENCE_NODE)
		return field_error(at, f->expected);
	for (unsigned i = 0; place_item(at, i, &item); i++) {
		const char *text = place_text(&item);
		struct err err = {0};

		if (i == PLAN_FAULTS_MAX)
			return place_error(&item, "expected at most %d faults", PLAN_FAULTS_MAX);
		if (!text)
			return field_error(&item, "a fault such as \"error=503,share=50%\"");
		if (fault_parse(text, &provider->fault[i], &err) != 0)
			return place_error(&item, "%s", err.text);
		provider->faults = i + 1;
	}
	return 0;
}

#define DISTRIBUTION "a duration such as 20ms, lognormal(MEDIAN,P99), uniform(LEAST,MOST), exponential(MEAN), or file:PATH"
#define PROVIDER_OF(member) offsetof(struct plan_provider, member), sizeof(((struct plan_provider *)0)->member)

static const struct field provider_rows[] = {
	{"service_time", read_distribution, PROVIDER_OF(service_time), 0, 0, DISTRIBUTION, NULL},
	{"first_token_time", read_distribution, PROVIDER_OF(first_token_time), 0, 0, DISTRIBUTION, NULL},
	{"inter_token_time", read_distribution, PROVIDER_OF(inter_token_time), 0, 0, DISTRIBUTION, NULL},
	{"tokens", field_u32, PROVIDER_OF(tokens), 1, PLAN_TOKENS_MAX, "a number of tokens from 1 to 1000000", NULL},
	{"pause", field_duration, PROVIDER_OF(pause_ns), 0, 3600e9, "a duration with a unit up to 1h, such as 30ms", NULL},
	{"head_pause", field_duration, PROVIDER_OF(head_pause_ns), 0, 3600e9, "a duration with a unit up to 1h, such as 30ms",
	 NULL},
	{"head_early", field_bool, PROVIDER_OF(head_early), 0, 0, NULL, NULL},
	{"faults", read_faults, 0, 0, 0, 0, "a list of faults such as [\"error=503,share=50%,from=10s,until=20s\"]", NULL},
	{0},
};

int plan_provider_read(const struct place *at, const struct field *f, void *out)
{
	uint64_t seen;

	(void)f;
	return fields_read(at, NULL, provider_rows, out, &seen);
}

/* Each begins as provider: says. */
int plan_providers_read(const struct place *at, const struct field *f, void *out)
{
	struct plan *plan = out;
	const struct plan_provider defaults = plan->provider[0];
	struct place member;

	if (at->node->type != YAML_MAPPING_NODE || !place_member(at, 0, &member))
		return field_error(at, f->expected);
	for (unsigned i = 0; place_member(at, i, &member); i++) {
		int ret;

		if (i == PLAN_PROVIDERS_MAX)
			return place_error(&member, "expected at most %d providers", PLAN_PROVIDERS_MAX);
		plan->provider[i] = defaults;
		ret = field_check_name(&member, member.key, sizeof(defaults.label));
		if (ret)
			return ret;
		snprintf(plan->provider[i].label, sizeof(defaults.label), "%s", member.key);
		ret = plan_provider_read(&member, NULL, &plan->provider[i]);
		if (ret)
			return ret;
		plan->providers = i + 1;
		for (unsigned k = 0; k < i; k++)
			if (strcmp(plan->provider[k].label, member.key) == 0)
				return place_error(&member, "given twice; expected one provider of this label");
	}
	return 0;
}

/* --- the embedded gateway ------------------------------------------------------------------------------------------------- */

int plan_settings_read(const struct place *at, const struct field *f, void *out)
{
	struct plan *plan = out;
	struct place member;

	plan->settings = 0;
	if (at->node->type != YAML_MAPPING_NODE)
		return field_error(at, f->expected);
	for (unsigned i = 0; place_member(at, i, &member); i++) {
		static const struct field row = {.size = sizeof(plan->setting[0].value), .expected = "a value"};
		struct plan_setting *setting = &plan->setting[i];
		int ret;

		if (i == PLAN_SETTINGS_MAX)
			return place_error(&member, "expected at most %d settings", PLAN_SETTINGS_MAX);
		ret = field_check_name(&member, member.key, sizeof(setting->name));
		if (!ret)
			ret = field_text(&member, &row, setting->value);
		if (ret)
			return ret;
		snprintf(setting->name, sizeof(setting->name), "%s", member.key);
		plan->settings = i + 1;
	}
	return 0;
}

/* --- peers: who else stands behind it --------------------------------------------------------------------------------------- */

/* "127.0.0.1:5432", "[::1]:5432" */
static bool is_address(const char *text)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;

	return colon && colon != text && !units_parse_u64(colon + 1, &port) && port > 0 && port <= UINT16_MAX;
}

static int peer_read(const struct place *at, struct plan_peer *out)
{
	static const struct {
		const char *label, *program;
		enum plan_peer_kind kind;
	} started[] = {{"cache", "redis", PLAN_PEER_REDIS},
		       {"db", "postgresql", PLAN_PEER_POSTGRESQL},
		       {"billing", "http", PLAN_PEER_BILLING}};
	const char *text = place_text(at);
	int ret = field_check_name(at, at->key, sizeof(out->label));

	if (ret)
		return ret;
	snprintf(out->label, sizeof(out->label), "%s", at->key);
	for (size_t i = 0; text && i < sizeof(started) / sizeof(started[0]); i++) {
		if (strcmp(text, started[i].program) != 0 || strcmp(at->key, started[i].label) != 0)
			continue;
		out->kind = started[i].kind;
		return 0;
	}
	if (!text || !is_address(text) || strlen(text) >= sizeof(out->address))
		return place_error(
			at,
			"expected cache: redis, db: postgresql, billing: http, or the address of a peer such as 127.0.0.1:5432");
	out->kind = PLAN_PEER_ADDRESS;
	snprintf(out->address, sizeof(out->address), "%s", text);
	return 0;
}

int plan_peers_read(const struct place *at, const struct field *f, void *out)
{
	struct plan *plan = out;
	struct place member;

	plan->peers = 0;
	if (at->node->type != YAML_MAPPING_NODE || !place_member(at, 0, &member))
		return field_error(at, f->expected);
	for (unsigned i = 0; place_member(at, i, &member); i++) {
		int ret;

		if (i == PLAN_PEERS_MAX)
			return place_error(&member, "expected at most %d peers", PLAN_PEERS_MAX);
		ret = peer_read(&member, &plan->peer[i]);
		if (ret)
			return ret;
		for (unsigned k = 0; k < i; k++)
			if (strcmp(plan->peer[k].label, member.key) == 0)
				return place_error(&member, "given twice; expected one peer of this label");
		plan->peers = i + 1;
	}
	return 0;
}

/* --- tenants -------------------------------------------------------------------------------------------------------------- */

#define TENANT_OF(member) offsetof(struct plan_tenant, member), sizeof(((struct plan_tenant *)0)->member)

static int read_quota(const struct place *at, const struct field *f, void *out)
{
	const char *text = place_text(at);

	return text && !units_parse_rate(text, out) ? 0 : field_error(at, f->expected);
}

static const struct field tenant_rows[] = {
	{"key", field_text, TENANT_OF(key), 0, 0, "the tenant's API key", NULL},
	{"weight", field_number, TENANT_OF(weight), 1e-6, 1e6, "a weight above 0: the share of this tenant in the load", NULL},
	{"quota", read_quota, TENANT_OF(quota_per_s), 0, 0,
	 "a rate such as 100/s: what the embedded gateway lets this tenant have", NULL},
	{0},
};

/* A header's value: a key with a blank or a line's end in it would make another request of it. */
static bool key_is_word(const char *key)
{
	for (; *key; key++)
		if (*key <= ' ' || *key > '~')
			return false;
	return true;
}

static int tenant_read(const struct place *at, struct plan_tenant *out)
{
	uint64_t seen;
	int ret = field_check_name(at, at->key, sizeof(out->name));

	if (ret)
		return ret;
	*out = (struct plan_tenant){.weight = 1.0};
	snprintf(out->name, sizeof(out->name), "%s", at->key);
	snprintf(out->key, sizeof(out->key), "key-%s", at->key);
	ret = fields_read(at, NULL, tenant_rows, out, &seen);
	if (!ret && !key_is_word(out->key))
		return place_error(at, "key: expected letters, digits and signs without a blank");
	return ret;
}

int plan_tenants_read(const struct place *at, const struct field *f, void *out)
{
	struct plan *plan = out;
	struct place member;

	plan->tenants = 0;
	if (at->node->type != YAML_MAPPING_NODE || !place_member(at, 0, &member))
		return field_error(at, f->expected);
	for (unsigned i = 0; place_member(at, i, &member); i++) {
		int ret;

		if (i == PLAN_TENANTS_MAX)
			return place_error(&member, "expected at most %d tenants", PLAN_TENANTS_MAX);
		ret = tenant_read(&member, &plan->tenant[i]);
		if (ret)
			return ret;
		for (unsigned k = 0; k < i; k++)
			if (strcmp(plan->tenant[k].name, plan->tenant[i].name) == 0)
				return place_error(&member, "given twice; expected one tenant of this name");
		plan->tenants = i + 1;
	}
	return 0;
}
