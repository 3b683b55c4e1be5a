/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "scenario/plan_data.h"
#include "scenario/plan_file.h"

#define STATUS_MAX (sizeof(((struct plan_class *)0)->expect_status) / sizeof(uint32_t) - 1) /* 0-terminated */

_Static_assert(sizeof(enum plan_endpoint) == sizeof(unsigned), "field_word stores an unsigned");

static const char *const endpoint_words[] = {"chat", "embeddings", "models", "health", "messages", NULL};

/* Which endpoints a key makes sense for. */
#define CHAT (1u << PLAN_CHAT)
#define EMBEDDINGS (1u << PLAN_EMBEDDINGS)
#define MESSAGES (1u << PLAN_MESSAGES)
#define WITH_BODY (CHAT | EMBEDDINGS | MESSAGES)

/* --- checks --------------------------------------------------------------------------------------------------------------- */

struct check_draft {
	char name[PLAN_NAME_MAX];
	uint64_t status, within_ns;
	char json[96], not_empty[96], equals[96];
};

enum { CHECK_NAME, CHECK_STATUS, CHECK_JSON, CHECK_NOT_EMPTY, CHECK_EQUALS, CHECK_WITHIN };
#define BIT(row) (UINT64_C(1) << (row))
#define CHECK_OF(member) offsetof(struct check_draft, member), sizeof(((struct check_draft *)0)->member)

static const struct field check_rows[] = {
	[CHECK_NAME] = {"name", field_name, CHECK_OF(name), 0, 0, "a name", NULL},
	[CHECK_STATUS] = {"status", field_u64, CHECK_OF(status), 100, 599, "an HTTP status from 100 to 599", NULL},
	[CHECK_JSON] = {"json", field_text, CHECK_OF(json), 0, 0, "a JSON path such as choices.0.message.content", NULL},
	[CHECK_NOT_EMPTY] = {"not_empty", field_text, CHECK_OF(not_empty), 0, 0, "a JSON path such as data", NULL},
	[CHECK_EQUALS] = {"equals", field_text, CHECK_OF(equals), 0, 0, "a text that the JSON path must equal", NULL},
	[CHECK_WITHIN] = {"within", field_duration, CHECK_OF(within_ns), 1, (double)FIELD_DURATION_MAX_NS,
			  "a duration with a unit, above 0, such as 100ms", NULL},
	{0},
};

static void set_path(struct plan_check *out, enum plan_check_kind kind, const char path[96], const char text[96])
{
	out->kind = kind;
	memcpy(out->path, path, sizeof(out->path));
	memcpy(out->text, text, sizeof(out->text));
}

static int check_read(const struct place *at, struct plan_check *out)
{
	struct check_draft d = {0};
	uint64_t seen;
	int ret = fields_read(at, NULL, check_rows, &d, &seen);

	if (ret)
		return ret;
	if (!(seen & BIT(CHECK_NAME)))
		return place_error(at, "name is missing; expected a name, which makes the metric check.NAME");
	memcpy(out->name, d.name, sizeof(out->name));
	seen &= ~BIT(CHECK_NAME);
	if (seen == BIT(CHECK_STATUS)) {
		out->kind = PLAN_CHECK_STATUS;
		out->number = d.status;
	} else if (seen == BIT(CHECK_WITHIN)) {
		out->kind = PLAN_CHECK_WITHIN;
		out->number = d.within_ns;
	} else if (seen == BIT(CHECK_JSON)) {
		set_path(out, PLAN_CHECK_JSON, d.json, d.equals);
	} else if (seen == BIT(CHECK_NOT_EMPTY)) {
		set_path(out, PLAN_CHECK_NOT_EMPTY, d.not_empty, d.equals);
	} else if (seen == (BIT(CHECK_JSON) | BIT(CHECK_EQUALS))) {
		set_path(out, PLAN_CHECK_EQUALS, d.json, d.equals);
	} else {
		return place_error(at, "expected exactly one of status, json, json with equals, not_empty, within");
	}
	return 0;
}

static int read_checks(const struct place *at, const struct field *f, void *out)
{
	struct plan_class *c = out;
	struct place item;

	if (at->node->type != YAML_SEQUENCE_NODE)
		return field_error(at, f->expected);
	for (unsigned i = 0; place_item(at, i, &item); i++) {
		int ret;

		if (i == PLAN_CHECKS_MAX)
			return place_error(&item, "expected at most %d checks", PLAN_CHECKS_MAX);
		ret = check_read(&item, &c->check[i]);
		if (ret)
			return ret;
		for (unsigned k = 0; k < i; k++)
			if (strcmp(c->check[k].name, c->check[i].name) == 0)
				return place_error(&item, "a second check named %s; expected names of their own",
						   c->check[i].name);
		c->checks = i + 1;
	}
	return 0;
}

/* --- classes -------------------------------------------------------------------------------------------------------------- */

static int read_statuses(const struct place *at, const struct field *f, void *out)
{
	uint32_t *status = out;
	struct place item;

	if (at->node->type != YAML_SEQUENCE_NODE || place_items(at) == 0)
		return field_error(at, f->expected);
	for (unsigned i = 0; place_item(at, i, &item); i++) {
		static const struct field row = {.expected = "an HTTP status from 100 to 599", .min = 100, .max = 599};
		int ret;

		if (i == STATUS_MAX)
			return place_error(&item, "expected at most %zu statuses", STATUS_MAX);
		ret = field_u32(&item, &row, &status[i]);
		if (ret)
			return ret;
	}
	return 0;
}

#define SLO_OF(member) offsetof(struct plan_slo, member), sizeof(((struct plan_slo *)0)->member)
#define SLO_LIMIT "a duration with a unit, above 0, such as 500ms"

static int read_slo(const struct place *at, const struct field *f, void *out)
{
	static const struct field rows[] = {
		{"latency", field_duration, SLO_OF(latency_ns), 1, (double)FIELD_DURATION_MAX_NS, SLO_LIMIT, NULL},
		{"ttft", field_duration, SLO_OF(ttft_ns), 1, (double)FIELD_DURATION_MAX_NS, SLO_LIMIT, NULL},
		{"inter_token", field_duration, SLO_OF(inter_token_ns), 1, (double)FIELD_DURATION_MAX_NS, SLO_LIMIT, NULL},
		{0},
	};
	uint64_t seen = 0;
	int ret = fields_read(at, NULL, rows, out, &seen);

	return ret || seen ? ret : field_error(at, f->expected);
}

enum {
	CLASS_ENDPOINT,
	CLASS_WEIGHT,
	CLASS_STREAM,
	CLASS_FIXED_PROMPT,
	CLASS_PROMPT,
	CLASS_PROMPTS,
	CLASS_TURNS,
	CLASS_MAX_TOKENS,
	CLASS_TEMPERATURE,
	CLASS_TIMEOUT,
	CLASS_LEAVE_AFTER,
	CLASS_NEW_CONNECTION,
	CLASS_BODY_PAUSE,
	CLASS_BATCH,
	CLASS_EXPECT_STATUS,
	CLASS_CHECKS,
	CLASS_SLO,
	CLASS_ROWS,
};
#define OF(member) offsetof(struct plan_class, member), sizeof(((struct plan_class *)0)->member)

static const struct field class_rows[] = {
	[CLASS_ENDPOINT] = {"endpoint", field_word, OF(endpoint), 0, 0, "chat, embeddings, models, health or messages",
			    endpoint_words},
	[CLASS_WEIGHT] = {"weight", field_number, OF(weight), 1e-6, 1e6, "a weight above 0: the share of this class in the mix",
			  NULL},
	[CLASS_STREAM] = {"stream", field_bool, OF(stream), 0, 0, NULL, NULL},
	[CLASS_FIXED_PROMPT] = {"fixed_prompt", field_bool, OF(fixed_prompt), 0, 0, NULL, NULL},
	[CLASS_PROMPT] = {"prompt", field_bytes, OF(prompt_bytes), 1, 16 << 20, "a size from 1B to 16MiB such as 200B or 4kB",
			  NULL},
	[CLASS_PROMPTS] = {"prompts", field_text, OF(prompts_path), 0, 0, "the path of a file of prompts, one JSON object a line",
			   NULL},
	[CLASS_TURNS] = {"turns", field_u32, OF(turns), 1, PLAN_TURNS_MAX, "the requests of a conversation, from 1 to 1000",
			 NULL},
	[CLASS_MAX_TOKENS] = {"max_tokens", field_u32, OF(max_tokens), 1, PLAN_TOKENS_MAX, "a number of tokens from 1 to 1000000",
			      NULL},
	[CLASS_TEMPERATURE] = {"temperature", field_number, OF(temperature), 0, PLAN_TEMPERATURE_MAX, "a number from 0 to 2",
			       NULL},
	[CLASS_TIMEOUT] = {"timeout", field_duration, OF(timeout_ns), 1e6, 86400e9, "a duration from 1ms to 24h, with its unit",
			   NULL},
	[CLASS_LEAVE_AFTER] = {"leave_after", field_duration, OF(leave_after_ns), 1e6, 3600e9,
			       "a duration from 1ms to 1h, with its unit, such as 40ms", NULL},
	[CLASS_NEW_CONNECTION] = {"new_connection", field_bool, OF(new_connection), 0, 0, NULL, NULL},
	[CLASS_BODY_PAUSE] = {"body_pause", field_duration, OF(body_pause_ns), 0, 3600e9,
			      "a duration up to 1h, with its unit, such as 30ms", NULL},
	[CLASS_BATCH] = {"batch", field_u32, OF(batch), 1, 2048, "a number of inputs from 1 to 2048", NULL},
	[CLASS_EXPECT_STATUS] = {"expect_status", read_statuses, OF(expect_status), 0, 0,
				 "a list of HTTP statuses such as [200, 404]", NULL},
	[CLASS_CHECKS] = {"checks", read_checks, 0, 0, 0, 0, "a list of checks such as [{name: answers, status: 200}]", NULL},
	[CLASS_SLO] = {"slo", read_slo, OF(slo), 0, 0, "a mapping such as {ttft: 500ms, inter_token: 50ms}", NULL},
	{0},
};

static const unsigned class_endpoints[CLASS_ROWS] = {
	[CLASS_STREAM] = CHAT | MESSAGES,      [CLASS_FIXED_PROMPT] = WITH_BODY, [CLASS_PROMPT] = WITH_BODY,
	[CLASS_MAX_TOKENS] = CHAT | MESSAGES,  [CLASS_BATCH] = EMBEDDINGS,       [CLASS_BODY_PAUSE] = WITH_BODY,
	[CLASS_TEMPERATURE] = CHAT | MESSAGES, [CLASS_PROMPTS] = WITH_BODY,      [CLASS_TURNS] = CHAT | MESSAGES,
};

int plan_class_read(const struct place *at, struct plan *plan, struct plan_class *out)
{
	uint64_t seen;
	int ret = field_check_name(at, at->key, sizeof(out->name));

	if (ret)
		return ret;
	if (criterion_name_taken(at->key))
		return place_error(at, "expected a class name that no metric begins with (criteria could not tell them apart)");
	memcpy(out->name, at->key, strlen(at->key) + 1);
	ret = fields_read(at, NULL, class_rows, out, &seen);
	if (ret)
		return ret;
	for (unsigned i = 0; i < CLASS_ROWS; i++)
		if ((seen & BIT(i)) && class_endpoints[i] && !(class_endpoints[i] & (1u << out->endpoint)))
			return place_error(at, "%s does not apply to endpoint %s; expected it only where the request has it",
					   class_rows[i].key, endpoint_words[out->endpoint]);
	if ((seen & BIT(CLASS_PROMPTS)) && (seen & (BIT(CLASS_PROMPT) | BIT(CLASS_FIXED_PROMPT))))
		return place_error(at, "has prompts beside prompt or fixed_prompt; expected one of them");
	if (out->fixed_prompt && out->turns > 1)
		return place_error(at, "has turns and fixed_prompt; expected one of them");
	if (out->leave_after_ns && out->leave_after_ns >= out->timeout_ns)
		return place_error(at,
				   "leave_after is no shorter than timeout; expected a client that leaves before it gives up");
	if (!out->stream && (out->slo.ttft_ns || out->slo.inter_token_ns))
		return place_error(at, "slo: ttft and inter_token are of streams; expected stream: true, or latency");
	return out->prompts_path[0] ? plan_prompts_load(at, plan, out->prompts_path, &out->prompts) : 0;
}
