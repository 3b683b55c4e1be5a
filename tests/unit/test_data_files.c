// rooms: base scenario tests/support/plan_text
// SPDX-License-Identifier: GPL-2.0-only
/* Files that scenarios name: prompts and arrival traces. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenario/arrival.h"
#include "scenario/plan_cost.h"
#include "scenario/prompts.h"
#include "scenario/trace.h"
#include "tests/support/plan_text.h"
#include "tests/support/test.h"

#define MS UINT64_C(1000000)

static char path[64];

static int write_file(const char *text)
{
	int fd;

	strcpy(path, "/tmp/toll-data-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return close(fd);
}

static void text_is(const struct prompts *p, uint32_t at, uint32_t bytes, const char *want)
{
	assert_int_equal(bytes, strlen(want));
	assert_memory_equal(p->text.data + at, want, bytes);
}

static void prompts_of_three_layouts(void **state)
{
	struct prompts *p;

	(void)state;
	write_file("{\"prompt\": \"say \\\"x\\\"\\n\", \"max_tokens\": 7}\r\n\n"
		   "{\"messages\": "
		   "[{\"role\":\"system\",\"content\":\"terse\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
		   "\"one\"},{\"type\":\"image_url\"}]},{\"role\":\"assistant\",\"content\":\"ok\"},{\"role\":\"user\","
		   "\"content\":\"two\"},"
		   "{\"role\":\"assistant\",\"content\":\"left out\"}]}\n"
		   "{\"conversations\": [{\"from\":\"human\",\"value\":\"hi\"},{\"from\":\"gpt\",\"value\":\"a\\\"b\"},"
		   "{\"from\":\"human\",\"value\":\"more\"}], \"output_length\": 9}\n");
	assert_int_equal(prompts_read(&p, path, NULL), 0);
	assert_int_equal(p->rows, 3);
	assert_int_equal(p->row[0].turns, 1);
	assert_int_equal(p->row[0].max_tokens, 7);
	text_is(p, p->turn[0].text_at, p->turn[0].text_bytes, "say \\\"x\\\"\\u000a");
	assert_int_equal(p->row[1].turns, 2);
	text_is(p, p->turn[1].before_at, p->turn[1].before_bytes, "{\"role\":\"system\",\"content\":\"terse\"},");
	text_is(p, p->turn[1].text_at, p->turn[1].text_bytes, "one");
	text_is(p, p->turn[2].before_at, p->turn[2].before_bytes, "{\"role\":\"assistant\",\"content\":\"ok\"},");
	text_is(p, p->turn[2].text_at, p->turn[2].text_bytes, "two");
	assert_int_equal(p->row[2].first_turn, 3);
	assert_int_equal(p->row[2].max_tokens, 9);
	text_is(p, p->turn[4].before_at, p->turn[4].before_bytes, "{\"role\":\"assistant\",\"content\":\"a\\\"b\"},");
	assert_int_equal(p->text_bytes, strlen("say \\\"x\\\"\\u000aonetwohimore") + p->turn[1].before_bytes +
						p->turn[2].before_bytes + p->turn[4].before_bytes);
	prompts_free(p);
	unlink(path);
}

static void refused(int trace, const char *text, const char *words)
{
	struct prompts *p;
	struct trace *t;
	struct err err = {0};

	write_file(text);
	assert_int_equal(trace ? trace_read(&t, path, &err) : prompts_read(&p, path, &err), -EINVAL);
	assert_non_null(strstr(err.text, path));
	if (!strstr(err.text, words))
		fail_msg("\"%s\" lacks \"%s\"", err.text, words);
	unlink(path);
}

static void bad_files(void **state)
{
	struct prompts *p;

	(void)state;
	refused(0, "", "no prompt in it");
	refused(0, "{\"prompt\": \"a\"}\n{\"prompt\": 5}\n", ":2: no prompt");
	refused(0, "{\"messages\": [{\"role\":\"system\",\"content\":\"x\"}]}", ":1: no prompt");
	refused(0, "{\"prompt\": ", ":1: no JSON object");
	refused(1, "a,b,c\n1,2,3\n", ":1: expected JSON lines");
	refused(1, "TIMESTAMP,ContextTokens,GeneratedTokens\n", "no row in it");
	refused(1, "TIMESTAMP,ContextTokens,GeneratedTokens\nnow,2,3\n", ":2: expected a time");
	refused(1, "TIMESTAMP,ContextTokens,GeneratedTokens\n1,2\n", ":2: expected a time");
	refused(1, "TIMESTAMP,ContextTokens,GeneratedTokens\n1,-2,3\n", ":2: expected numbers of tokens from 0");
	refused(1, "TIMESTAMP,ContextTokens,GeneratedTokens\n1,2,3\n9e9,2,3\n", ":3: more than 30 days");
	refused(1, "{\"timestamp\": 1, \"input_length\": 2}", ":1: expected a JSON object with timestamp");
	assert_int_equal(prompts_read(&p, "/dev/zero", NULL), -EINVAL); /* no regular file: it would have no end */
	assert_int_equal(prompts_read(&p, "/nowhere/prompts.jsonl", NULL), -ENOENT);
}

static void row_is(const struct trace *t, uint32_t i, uint64_t due_ns, uint32_t input, uint32_t output)
{
	assert_true(t->row[i].due_ns + 1000 > due_ns && t->row[i].due_ns < due_ns + 1000); /* doubles hold a date to 0.2 µs */
	assert_int_equal(t->row[i].input_tokens, input);
	assert_int_equal(t->row[i].output_tokens, output);
}

static void traces_of_three_layouts(void **state)
{
	struct trace *t;

	(void)state;
	write_file("{\"timestamp\": 500, \"input_length\": 1200, \"output_length\": 5, \"hash_ids\": [7, 8, 9]}\n"
		   "{\"timestamp\": 250, \"input_length\": 10, \"output_length\": 6, \"hash_ids\": [7]}\n");
	assert_int_equal(trace_read(&t, path, NULL), 0);
	assert_int_equal(t->rows, 2);
	row_is(t, 0, 0, 10, 6); /* by time, though the file is not */
	row_is(t, 1, 250 * MS, 1200, 5);
	assert_int_equal(t->row[1].blocks, 3);
	assert_int_equal(t->block[t->row[1].first_block + 2], 9);
	assert_int_equal(t->block[t->row[0].first_block], 7);
	trace_free(t);
	unlink(path);
	write_file("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 23:59:59.6805900,374,44\n2023-11-17 "
		   "00:00:00.1805900,396,109\n");
	assert_int_equal(trace_read(&t, path, NULL), 0);
	row_is(t, 1, 500 * MS, 396, 109);
	assert_int_equal(t->input_tokens, 770);
	trace_free(t);
	unlink(path);
	write_file("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n"
		   "45,GPT-4,1087,230,1317,Conversation log\n");
	assert_int_equal(trace_read(&t, path, NULL), 0);
	row_is(t, 1, 40000 * MS, 1087, 230);
	trace_free(t);
	unlink(path);
}

#define TRACE_PLAN                                                                                                               \
	"classes:\n  a: {endpoint: chat, weight: 3}\n  b: {endpoint: chat}\nstages:\n  - {rate: 10, for: 1s}\n  - {trace: "      \
	"%s%s}\n"

static struct plan *trace_plan(const char *more, double time_scale)
{
	char text[300];

	snprintf(text, sizeof(text), TRACE_PLAN, path, more);
	return plan_text_good(text, &(struct plan_overrides){.time_scale = time_scale});
}

/* Every arrival is a row, at its time, in whichever shard. */
static void arrivals_are_the_trace(void **state)
{
	char text[20000] = "Timestamp,Request tokens,Response tokens\n";
	struct plan *p;
	unsigned seen = 0;

	(void)state;
	for (unsigned i = 0; i < 500; i++)
		sprintf(text + strlen(text), "%.3f,%u,%u\n", 0.01 * i * (i % 2 ? 1.0 : 0.99), i, i + 1);
	write_file(text);
	p = trace_plan(", speed: 2", 1);
	assert_int_equal(arrival_count(p, 1), 500);
	for (uint32_t shard = 0; shard < 3; shard++) {
		struct arrival_walk w;
		struct arrival a;

		arrival_walk_init(&w, p, 1, 1000 * MS, shard, 3);
		while (arrival_walk_next(&w, &a)) {
			assert_int_equal(a.index % 3, shard);
			assert_int_equal(a.trace_row, a.index - 10 + 1);
			assert_int_equal(a.due_ns, 1000 * MS + p->stage[1].trace->row[a.trace_row - 1].due_ns / 2);
			seen++;
		}
	}
	assert_int_equal(seen, 500);
	plan_free(p);
	p = trace_plan("", 0.1); /* the rate stays: it is the trace's first tenth */
	assert_in_range(arrival_count(p, 1), 49, 51);
	plan_free(p);
	p = trace_plan(", for: 1s", 1);
	assert_in_range(arrival_count(p, 1), 99, 103);
	plan_free(p);
	unlink(path);
}

static void plans_with_files(void **state)
{
	struct plan_cost cost;
	struct plan *p;
	char text[400];

	(void)state;
	write_file("Timestamp,Request tokens,Response tokens\n0,100,10\n1,300,30\n");
	p = trace_plan("", 1);
	assert_int_equal(plan_cost(p, NULL, &cost, NULL), 0);
	assert_float_equal(cost.requests, 12, 0);
	assert_float_equal(cost.prompt_tokens, 10 * 50 + 400, 0);
	assert_float_equal(cost.completion_tokens, 10 * 100 + 40, 0);
	plan_free(p);
	snprintf(text, sizeof(text), TRACE_PLAN, path, ", rate: 5");
	plan_text_error(text, NULL, "6: stages[1]", "the arrivals are the file's");
	unlink(path);
	plan_text_error(text, NULL, "6: stages[1]", "the arrivals are the file's");
	snprintf(text, sizeof(text), TRACE_PLAN, path, "");
	plan_text_error(text, NULL, "6: stages[1]", "No such file");
	plan_text_error("classes:\n  c: {prompts: /nowhere.jsonl}\n" GOOD_STAGES, NULL, "2: classes.c", "No such file");
	plan_text_error("classes:\n  c: {turns: 3}\nstages:\n  - {rate: 3, for: 1s}\n", NULL, "4: stages[0]", "virtual users'");
	plan_text_error("classes:\n  c: {slo: {ttft: 1s}}\n" GOOD_STAGES, NULL, "2: classes.c", "are of streams");
	plan_text_error("classes:\n  c: {slo: {}}\n" GOOD_STAGES, NULL, "2: classes.c.slo", "a mapping such as");
	plan_text_error("classes:\n  c: {slo: {latency: -1s}}\n" GOOD_STAGES, NULL, "2: classes.c.slo.latency", "above 0");
	plan_text_error("classes:\n  c: {turns: 0}\n" GOOD_STAGES, NULL, "2: classes.c.turns", "from 1 to 1000");
	plan_text_error(GOOD_CLASSES "stages:\n  - {vus: 3, for: 1s, before: [restart]}\n", NULL, "4: stages[0]", "later one");
	plan_text_error(GOOD_CLASSES GOOD_STAGES "  - {vus: 3, for: 1s, before: [reboot]}\n", NULL, "5: stages[1].before[0]",
			"restart, clear");
	p = plan_text_good(GOOD_CLASSES GOOD_STAGES "  - {vus: 3, for: 1s, before: [restart, clear, wait=2s]}\n", NULL);
	assert_int_equal(p->stage[1].befores, 3);
	assert_int_equal(p->stage[1].before[1].kind, PLAN_CLEAR);
	assert_int_equal(p->stage[1].before[2].wait_ns, 2000 * MS);
	plan_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prompts_of_three_layouts),
		cmocka_unit_test(traces_of_three_layouts),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(arrivals_are_the_trace),
		cmocka_unit_test(plans_with_files),
	};

	return cmocka_run_group_tests(tests, plan_text_share, NULL);
}
