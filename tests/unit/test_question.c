// rooms: base record/tag driver/question driver/body driver/talk scenario
// SPDX-License-Identifier: GPL-2.0-only
/* What requests ask that differ from each other: data sets, traces, conversations. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/question.h"
#include "record/tag.h"
#include "scenario/prompts.h"
#include "scenario/trace.h"
#include "tests/support/test.h"

struct rig {
	struct env env;
	struct plan *plan;
	struct body body;
	struct buf scratch;
	struct talk talk;
	json_t *json;
};

static struct rig *rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->plan = calloc(1, sizeof(*rig->plan));
	rig->env.plan = rig->plan;
	rig->env.config.tag = true;
	strcpy(rig->plan->model, "m");
	rig->plan->class_[0] = (struct plan_class){.prompt_bytes = 50, .max_tokens = 5, .turns = 1};
	return rig;
}

static void rig_free(struct rig *rig)
{
	json_decref(rig->json);
	body_fini(&rig->body);
	buf_fini(&rig->scratch);
	talk_fini(&rig->talk);
	free(rig->plan);
	free(rig);
}

static void prompts_write(struct rig *rig, struct prompts **p, const char *text)
{
	char path[] = "/tmp/toll-question-XXXXXX";
	int fd = mkstemp(path);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(prompts_read(p, path, NULL), 0);
	unlink(path);
	rig->plan->class_[0].prompts = *p;
}

/* The messages of a request, parsed. */
static const json_t *ask(struct rig *rig, uint64_t number, uint32_t trace_row, struct talk *talk)
{
	const struct order order = {.number = number, .trace_row = trace_row};

	assert_int_equal(question_make(&rig->body, &rig->env, &order, talk, &rig->scratch), 0);
	json_decref(rig->json);
	rig->json = json_loadb(rig->body.data, rig->body.bytes, 0, NULL);
	assert_non_null(rig->json);
	return json_object_get(rig->json, "messages");
}

static const char *content(const json_t *messages, size_t i)
{
	const char *text = json_string_value(json_object_get(json_array_get(messages, i), "content"));

	assert_non_null(text);
	return text;
}

static void is_tagged(const char *text, const char *begin)
{
	assert_int_equal(strlen(text), strlen(begin) + TAG_BYTES);
	assert_memory_equal(text, begin, strlen(begin));
}

static void rows_one_after_the_other(void **state)
{
	struct rig *rig = rig_new();
	struct prompts *p;
	const json_t *m;

	(void)state;
	prompts_write(rig, &p,
		      "{\"prompt\": \"a\\\"b\", \"max_tokens\": 3}\n"
		      "{\"messages\": [{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"u1\"},{\"role\":"
		      "\"assistant\",\"content\":\"a1\"},{\"role\":\"user\",\"content\":\"u2\"}]}\n");
	m = ask(rig, 4, 0, NULL);
	assert_int_equal(json_array_size(m), 1);
	is_tagged(content(m, 0), "a\"b");
	assert_int_equal(json_integer_value(json_object_get(rig->json, "max_tokens")), 3);
	m = ask(rig, 5, 0, NULL);
	assert_int_equal(json_array_size(m), 4);
	assert_string_equal(content(m, 0), "s");
	assert_string_equal(content(m, 1), "u1");
	assert_string_equal(content(m, 2), "a1");
	is_tagged(content(m, 3), "u2");
	assert_int_equal(json_integer_value(json_object_get(rig->json, "max_tokens")), 5);
	prompts_free(p);
	rig_free(rig);
}

static void answer(struct rig *rig, const char *text)
{
	struct buf said = {0};

	buf_append(&said, text, strlen(text));
	question_answered(&rig->body, &rig->plan->class_[0], 0x1234, &rig->talk, &said);
	buf_fini(&said);
}

/* Each question carries all before it, byte for byte, with the answers that came. */
static void a_conversation(void **state)
{
	struct rig *rig = rig_new();
	char tagged[80];
	const json_t *m;

	(void)state;
	rig->plan->class_[0].turns = 3;
	talk_begin(&rig->talk, 0, 7);
	for (unsigned turn = 0; turn < 3; turn++) {
		m = ask(rig, 7, 0, &rig->talk);
		assert_int_equal(json_array_size(m), 2 * turn + 1);
		if (turn) {
			assert_string_equal(content(m, 0), tagged);
			assert_string_equal(content(m, 1), "an \"answer\"");
			assert_string_equal(json_string_value(json_object_get(json_array_get(m, 1), "role")), "assistant");
		}
		answer(rig, "an \\\"answer\\\"");
		if (!turn)
			snprintf(tagged, sizeof(tagged), "%.*s", (int)rig->body.text_bytes, rig->body.data + rig->body.text_at);
		assert_int_equal(tag_find(rig->body.data, rig->body.bytes), 0x1234);
		assert_int_equal(rig->talk.running, turn < 2);
	}
	rig_free(rig);
}

/* Its questions are the row's; system message first; over when the row is. Rows of one question each: one row a turn. */
static void a_conversation_of_a_data_set(void **state)
{
	struct rig *rig = rig_new();
	struct prompts *p;
	const json_t *m;

	(void)state;
	rig->plan->class_[0].turns = 9;
	prompts_write(rig, &p,
		      "{\"messages\": [{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"u1\"},{\"role\":"
		      "\"assistant\",\"content\":\"not sent\"},{\"role\":\"user\",\"content\":\"u2\"}]}\n");
	talk_begin(&rig->talk, 0, 0);
	m = ask(rig, 0, 0, &rig->talk);
	assert_int_equal(json_array_size(m), 2);
	answer(rig, "real");
	m = ask(rig, 0, 0, &rig->talk);
	assert_int_equal(json_array_size(m), 4);
	assert_string_equal(content(m, 0), "s");
	assert_string_equal(content(m, 2), "real");
	is_tagged(content(m, 3), "u2");
	answer(rig, "");
	assert_false(rig->talk.running);
	prompts_free(p);
	prompts_write(rig, &p, "{\"prompt\": \"p0\"}\n{\"prompt\": \"p1\"}\n{\"prompt\": \"p2\"}\n");
	rig->plan->class_[0].turns = 2;
	talk_begin(&rig->talk, 0, 1);
	is_tagged(content(ask(rig, 1, 0, &rig->talk), 0), "p2");
	answer(rig, "x");
	is_tagged(content(ask(rig, 1, 0, &rig->talk), 2), "p0");
	prompts_free(p);
	rig_free(rig);
}

/* Sizes are the row's; equal block ids are equal text, and the text differs where ids do. */
static void a_trace(void **state)
{
	struct trace_row row[2] = {{.input_tokens = 1200, .output_tokens = 9, .blocks = 3},
				   {.input_tokens = 1300, .first_block = 3, .blocks = 3}};
	uint64_t block[] = {1, 2, 3, 1, 2, 4};
	struct trace trace = {.row = row, .block = block, .rows = 2, .blocks = 6};
	struct rig *rig = rig_new();
	char first[4801];
	const char *second;

	(void)state;
	rig->plan->stage[0].trace = &trace;
	snprintf(first, sizeof(first), "%s", content(ask(rig, 0, 1, NULL), 0));
	assert_int_equal(strlen(content(json_object_get(rig->json, "messages"), 0)), 4800);
	assert_int_equal(json_integer_value(json_object_get(rig->json, "max_tokens")), 9);
	second = content(ask(rig, 0, 2, NULL), 0);
	assert_int_equal(strlen(second), 5200);
	assert_int_equal(json_integer_value(json_object_get(rig->json, "max_tokens")), 1);
	assert_memory_equal(first, second, 4096);
	assert_memory_not_equal(first + 4096, second + 4096, 16);
	rig_free(rig);
}

static void a_long_conversation_ends(void **state)
{
	struct talk talk = {0};
	struct buf said = {0};
	char *text = calloc(1, TALK_BYTES_MAX / 2);

	(void)state;
	memset(text, 'x', TALK_BYTES_MAX / 2);
	talk_begin(&talk, 0, 0);
	assert_true(talk_go_on(&talk, text, TALK_BYTES_MAX / 2, &said, 100));
	assert_false(talk_go_on(&talk, text, TALK_BYTES_MAX / 2, &said, 100));
	assert_true(talk.messages.used <= TALK_BYTES_MAX);
	free(text);
	talk_fini(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_one_after_the_other),     cmocka_unit_test(a_conversation),
		cmocka_unit_test(a_conversation_of_a_data_set), cmocka_unit_test(a_trace),
		cmocka_unit_test(a_long_conversation_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
