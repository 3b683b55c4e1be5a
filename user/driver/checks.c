/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/checks.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool wants_json(const struct plan_check *check)
{
	return check->kind == PLAN_CHECK_JSON || check->kind == PLAN_CHECK_NOT_EMPTY || check->kind == PLAN_CHECK_EQUALS;
}

bool checks_want_json(const struct plan_class *class_)
{
	for (uint32_t i = 0; i < class_->checks; i++)
		if (wants_json(&class_->check[i]))
			return true;
	return false;
}

static const json_t *step_into(const json_t *at, const char *name, size_t bytes)
{
	char *end;
	unsigned long index;

	if (json_is_object(at))
		return json_object_getn(at, name, bytes);
	if (!json_is_array(at) || !bytes)
		return NULL;
	index = strtoul(name, &end, 10);
	return end == name + bytes ? json_array_get(at, index) : NULL;
}

/* "choices.0.message.content" */
static const json_t *find_path(const json_t *at, const char *path)
{
	while (at && *path) {
		size_t bytes = strcspn(path, ".");

		at = step_into(at, path, bytes);
		path += bytes;
		path += *path == '.';
	}
	return at;
}

static bool is_not_empty(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		return json_string_length(value) > 0;
	case JSON_ARRAY:
		return json_array_size(value) > 0;
	case JSON_OBJECT:
		return json_object_size(value) > 0;
	case JSON_NULL:
		return false;
	default:
		return true;
	}
}

/* A text compares as it is; numbers and literals compare as JSON writes them. */
static bool equals_text(const json_t *value, const char *text)
{
	char *written;
	bool same;

	if (json_is_string(value))
		return !strcmp(json_string_value(value), text);
	written = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	same = written && !strcmp(written, text);
	free(written);
	return same;
}

static bool json_check_passes(const struct plan_check *check, const json_t *root)
{
	const json_t *value = find_path(root, check->path);

	if (!value)
		return false;
	if (check->kind == PLAN_CHECK_NOT_EMPTY)
		return is_not_empty(value);
	return check->kind == PLAN_CHECK_JSON || equals_text(value, check->text);
}

static bool check_passes(const struct plan_check *check, const struct checks_answer *answer, const json_t *root)
{
	if (check->kind == PLAN_CHECK_STATUS)
		return answer->status == check->number;
	if (check->kind == PLAN_CHECK_WITHIN)
		return answer->took_ns <= check->number;
	return root && json_check_passes(check, root);
}

uint16_t checks_run(const struct plan_class *class_, const struct checks_answer *answer)
{
	json_t *root = NULL;
	unsigned passed = 0;

	if (answer->bytes && checks_want_json(class_))
		root = json_loadb(answer->json, answer->bytes, JSON_DECODE_ANY, NULL);
	for (uint32_t i = 0; i < class_->checks; i++)
		if (check_passes(&class_->check[i], answer, root))
			passed |= 1u << i;
	json_decref(root);
	return (uint16_t)passed;
}

static bool within(uint64_t limit_ns, uint64_t from_ns, uint64_t to_ns)
{
	return !limit_ns || (to_ns >= from_ns && to_ns - from_ns <= limit_ns);
}

uint32_t checks_slo(const struct plan_class *class_, const struct record_request *r)
{
	const struct plan_slo *slo = &class_->slo;
	bool good = r->outcome == RECORD_OK && within(slo->latency_ns, r->due_ns, r->end_ns);

	if (!slo->latency_ns && !slo->ttft_ns && !slo->inter_token_ns)
		return 0;
	if (slo->ttft_ns)
		good = good && r->first_token_ns && within(slo->ttft_ns, r->due_ns, r->first_token_ns);
	if (slo->inter_token_ns && r->chunks > 1)
		good = good && r->end_ns - r->first_token_ns <= slo->inter_token_ns * (r->chunks - 1);
	return (uint32_t)RECORD_SLO | (good ? (uint32_t)RECORD_GOOD : 0);
}

bool checks_status_expected(const struct plan_class *class_, unsigned status)
{
	if (!class_->expect_status[0])
		return status >= 200 && status <= 299;
	for (unsigned i = 0; i < 8 && class_->expect_status[i]; i++)
		if (class_->expect_status[i] == status)
			return true;
	return false;
}
