// rooms: base record/tag driver/body
// SPDX-License-Identifier: GPL-2.0-only
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver/body.h"
#include "record/tag.h"

#define ID UINT64_C(0x0123456789abcdef)

static struct plan *make_plan(enum plan_endpoint endpoint, uint64_t prompt_bytes)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	strcpy(plan->model, "a \"model\"\\\n");
	plan->classes = 1;
	plan->class_[0].endpoint = endpoint;
	plan->class_[0].prompt_bytes = prompt_bytes;
	plan->class_[0].max_tokens = 16;
	plan->class_[0].temperature = 0.5;
	return plan;
}

static int build(struct body *body, const struct plan *plan, bool tag)
{
	const struct body_ask ask = body_ask_of(&plan->class_[0]);

	return body_make(body, plan, &plan->class_[0], &ask, tag);
}

/* The tagged body as a whole, parsed. */
static json_t *parse_body(const struct plan *plan, bool tag)
{
	struct body body = {0};
	char *text;
	json_t *json;

	assert_int_equal(build(&body, plan, tag), 0);
	text = malloc(body.bytes);
	body_copy(&body, ID, 0, text, body.bytes);
	assert_int_equal(tag_find(text, body.bytes), tag && !plan->class_[0].fixed_prompt ? ID : 0);
	json = json_loadb(text, body.bytes, 0, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "model")), plan->model);
	free(text);
	body_fini(&body);
	return json;
}

static const char *prompt_of(const json_t *json)
{
	return json_string_value(json_object_get(json_array_get(json_object_get(json, "messages"), 0), "content"));
}

static void ends_in_tag(const char *prompt)
{
	char tag[TAG_BYTES + 1];

	tag_format(tag, ID);
	assert_true(strlen(prompt) >= TAG_BYTES);
	assert_string_equal(prompt + strlen(prompt) - TAG_BYTES, tag);
}

static void chat_carries_the_tag_at_the_end(void **state)
{
	static const uint64_t sizes[] = {0, 5, 23, 24, 100, 5000, 200000};

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct plan *plan = make_plan(PLAN_CHAT, sizes[i]);
		json_t *json = parse_body(plan, true);

		ends_in_tag(prompt_of(json));
		assert_int_equal(strlen(prompt_of(json)), sizes[i] > TAG_BYTES ? sizes[i] : TAG_BYTES);
		assert_int_equal(json_integer_value(json_object_get(json, "max_tokens")), 16);
		assert_null(json_object_get(json, "stream"));
		json_decref(json);
		free(plan);
	}
}

static void a_stream_asks_for_usage(void **state)
{
	struct plan *plan = make_plan(PLAN_CHAT, 64);
	json_t *json;

	(void)state;
	plan->class_[0].stream = true;
	json = parse_body(plan, true);
	assert_true(json_is_true(json_object_get(json, "stream")));
	assert_true(json_is_true(json_object_get(json_object_get(json, "stream_options"), "include_usage")));
	json_decref(json);
	free(plan);
}

static void anthropic_streams_without_stream_options(void **state)
{
	struct plan *plan = make_plan(PLAN_MESSAGES, 64);
	json_t *json;

	(void)state;
	plan->class_[0].stream = true;
	json = parse_body(plan, true);
	assert_true(json_is_true(json_object_get(json, "stream")));
	assert_null(json_object_get(json, "stream_options"));
	ends_in_tag(prompt_of(json));
	json_decref(json);
	free(plan);
}

static void without_tag_and_fixed_prompts(void **state)
{
	struct plan *plan = make_plan(PLAN_CHAT, 64);
	json_t *json = parse_body(plan, false);

	(void)state;
	assert_int_equal(strlen(prompt_of(json)), 64);
	json_decref(json);
	plan->class_[0].fixed_prompt = true;
	json = parse_body(plan, true);
	assert_int_equal(strlen(prompt_of(json)), 64);
	json_decref(json);
	free(plan);
}

static void embeddings_tag_the_last_input(void **state)
{
	struct plan *plan = make_plan(PLAN_EMBEDDINGS, 64);
	json_t *json = parse_body(plan, true);

	(void)state;
	ends_in_tag(json_string_value(json_object_get(json, "input")));
	json_decref(json);
	plan->class_[0].batch = 3;
	json = parse_body(plan, true);
	assert_int_equal(json_array_size(json_object_get(json, "input")), 3);
	ends_in_tag(json_string_value(json_array_get(json_object_get(json, "input"), 2)));
	assert_null(strchr(json_string_value(json_array_get(json_object_get(json, "input"), 0)), '['));
	json_decref(json);
	free(plan);
}

static void reads_have_no_body(void **state)
{
	struct plan *plan = make_plan(PLAN_MODELS, 64);
	struct body body = {0};

	(void)state;
	assert_int_equal(build(&body, plan, true), 0);
	assert_null(body.data);
	free(plan);
}

static void a_copy_in_parts_is_the_whole(void **state)
{
	struct plan *plan = make_plan(PLAN_CHAT, 40);
	struct body body = {0};
	char *whole, *parts;

	(void)state;
	assert_int_equal(build(&body, plan, true), 0);
	whole = malloc(body.bytes);
	parts = malloc(body.bytes);
	body_copy(&body, ID, 0, whole, body.bytes);
	for (size_t cut = 0; cut <= body.bytes; cut++) {
		memset(parts, 0, body.bytes);
		body_copy(&body, ID, 0, parts, cut);
		body_copy(&body, ID, cut, parts + cut, body.bytes - cut);
		assert_memory_equal(parts, whole, body.bytes);
	}
	free(whole);
	free(parts);
	body_fini(&body);
	free(plan);
}

static void tags_are_found(void **state)
{
	const char two[] = "x[toll:00000000000000aa] y[toll:00000000000000bb]";
	const char last_broken[] = "[toll:00000000000000aa] [toll:00000000000000b";
	const char not_hex[] = "[toll:00000000000000zz]";

	(void)state;
	assert_int_equal(tag_find(two, sizeof(two) - 1), 0xbb);
	assert_int_equal(tag_find(last_broken, sizeof(last_broken) - 1), 0xaa);
	assert_int_equal(tag_find(not_hex, sizeof(not_hex) - 1), 0);
	assert_int_equal(tag_find("", 0), 0);
	assert_int_equal(tag_find("[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 28), 0);
}

static void traces_of_requests(void **state)
{
	char trace[TAG_TRACE_DIGITS + 1], other[TAG_TRACE_DIGITS + 1], header[TAG_TRACEPARENT_BYTES + 1];

	(void)state;
	tag_trace_id(trace, 0xaa);
	tag_trace_id(other, 0xab);
	assert_int_equal(strspn(trace, "0123456789abcdef"), TAG_TRACE_DIGITS);
	assert_string_equal(trace + 16, "00000000000000aa");
	assert_memory_not_equal(trace, other, 16);
	tag_traceparent(header, 0xaa);
	assert_int_equal(strlen(header), TAG_TRACEPARENT_BYTES);
	assert_memory_equal(header, "traceparent: 00-", 16);
	assert_memory_equal(header + 16, trace, TAG_TRACE_DIGITS);
	assert_string_equal(header + 48, "-00000000000000aa-01");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chat_carries_the_tag_at_the_end),
		cmocka_unit_test(a_stream_asks_for_usage),
		cmocka_unit_test(anthropic_streams_without_stream_options),
		cmocka_unit_test(without_tag_and_fixed_prompts),
		cmocka_unit_test(embeddings_tag_the_last_input),
		cmocka_unit_test(reads_have_no_body),
		cmocka_unit_test(a_copy_in_parts_is_the_whole),
		cmocka_unit_test(tags_are_found),
		cmocka_unit_test(traces_of_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
