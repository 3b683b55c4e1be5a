// rooms: base base/buf base/json_text driver/sse driver/delta record/said
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver/delta.h"
#include "driver/sse.h"

#define EVENTS_MAX 16

struct seen {
	size_t base; /* of what is being fed */
	unsigned events;
	char name[EVENTS_MAX][SSE_NAME_MAX];
	char data[EVENTS_MAX][64];
	size_t end[EVENTS_MAX];
};

static void on_event(void *ctx, const struct sse_event *event, size_t end)
{
	struct seen *seen = ctx;

	assert_true(seen->events < EVENTS_MAX);
	snprintf(seen->name[seen->events], SSE_NAME_MAX, "%s", event->name);
	snprintf(seen->data[seen->events], 64, "%.*s", (int)event->bytes, event->data);
	seen->end[seen->events++] = seen->base + end;
}

/* Feeds text cut at two places; each part from memory of its own, so that a byte too far is seen. */
static void feed_cut(const char *text, size_t bytes, size_t first, size_t second, struct seen *seen)
{
	struct sse s = {.on_event = on_event, .ctx = seen};
	const size_t cut[] = {0, first, second, bytes};

	*seen = (struct seen){0};
	for (unsigned i = 0; i < 3; i++) {
		size_t n = cut[i + 1] - cut[i];
		char *part = malloc(n ? n : 1);

		memcpy(part, text + cut[i], n);
		seen->base = cut[i];
		assert_int_equal(sse_feed(&s, part, n), 0);
		free(part);
	}
	seen->base = bytes;
	assert_int_equal(sse_finish(&s), 0);
	sse_fini(&s);
}

struct expected {
	const char *name, *data;
	size_t end;
};

static void check_every_split(const char *text, const struct expected *expected, unsigned events)
{
	size_t bytes = strlen(text);
	struct seen seen;

	for (size_t first = 0; first <= bytes; first++) {
		for (size_t second = first; second <= bytes; second++) {
			feed_cut(text, bytes, first, second, &seen);
			assert_int_equal(seen.events, events);
			for (unsigned i = 0; i < events; i++) {
				assert_string_equal(seen.name[i], expected[i].name);
				assert_string_equal(seen.data[i], expected[i].data);
				assert_int_equal(seen.end[i], expected[i].end);
			}
		}
	}
}

static void line_feeds(void **state)
{
	(void)state;
	check_every_split("data: one\n\nevent: stop\ndata:two\n\n\ndata: [DONE]\n\n",
			  (struct expected[]){{"", "one", 11}, {"stop", "two", 33}, {"", "[DONE]", 48}}, 3);
}

static void carriage_returns_and_line_feeds(void **state)
{
	(void)state;
	check_every_split("data: one\r\n\r\ndata: two\r\n\r\n", (struct expected[]){{"", "one", 13}, {"", "two", 26}}, 2);
}

static void lone_carriage_returns(void **state)
{
	(void)state;
	check_every_split("data: one\r\rdata: two\r\r:x", (struct expected[]){{"", "one", 11}, {"", "two", 22}}, 2);
}

static void several_data_lines_make_one_event(void **state)
{
	(void)state;
	check_every_split("data: a\ndata:  b\ndata\ndata: c\n\n", (struct expected[]){{"", "a\n b\n\nc", 31}}, 1);
}

static void comments_and_other_fields_make_none(void **state)
{
	(void)state;
	check_every_split(": heartbeat\n\nid: 7\nretry: 10\n\ndatax: no\n\ndata: yes\n\n", (struct expected[]){{"", "yes", 52}},
			  1);
}

static void byte_order_mark(void **state)
{
	(void)state;
	check_every_split("\xef\xbb\xbf"
			  "data: one\n\n",
			  (struct expected[]){{"", "one", 14}}, 1);
}

static void last_event_without_its_empty_line(void **state)
{
	const char text[] = "data: one\n\ndata: [DONE]";
	struct seen seen;

	(void)state;
	for (size_t cut = 0; cut <= strlen(text); cut++) {
		feed_cut(text, strlen(text), cut, cut, &seen);
		assert_int_equal(seen.events, 2);
		assert_string_equal(seen.data[1], "[DONE]");
	}
}

static void too_long_a_line_is_refused(void **state)
{
	static char line[64 * 1024];
	struct seen seen = {0};
	struct sse s = {.on_event = on_event, .ctx = &seen};
	int r = 0;

	(void)state;
	memset(line, 'x', sizeof(line));
	for (unsigned i = 0; i < 5 && !r; i++)
		r = sse_feed(&s, line, sizeof(line));
	assert_int_equal(r, -EMSGSIZE);
	sse_fini(&s);
}

static void a_reset_parser_forgets(void **state)
{
	struct seen seen = {0};
	struct sse s = {.on_event = on_event, .ctx = &seen};

	(void)state;
	assert_int_equal(sse_feed(&s, "event: x\ndata: half", 19), 0);
	sse_reset(&s);
	assert_int_equal(sse_feed(&s, "data: new\n\n", 11), 0);
	assert_int_equal(seen.events, 1);
	assert_string_equal(seen.data[0], "new");
	assert_string_equal(seen.name[0], "");
	sse_fini(&s);
}

/* --- what events say ----------------------------------------------------------------------------------------------------- */

static bool chat(const char *json)
{
	return delta_has_content(PLAN_CHAT, json, strlen(json));
}

static void content_is_told_from_none(void **state)
{
	(void)state;
	assert_int_equal(chat("{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}"), 0);
	assert_int_equal(chat("{\"choices\":[{\"delta\":{\"content\":null}}]}"), 0);
	assert_int_equal(chat("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}"), 0);
	assert_int_equal(chat("{\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}"), 1);
	assert_int_equal(chat("{\"choices\":[{\"delta\":{\"content\" : \"\\n\"}}]}"), 1);
	assert_int_equal(chat("{\"choices\":[{\"delta\":{\"content\":\"\",\"reasoning_content\":\"hm\"}}]}"), 1);
	assert_int_equal(chat("{\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\"{\"}}]}}]}"), 1);
	assert_int_equal(chat("{\"kind\":\"content\",\"x\":\"y\"}"), 0); /* a value, not a key */
	assert_int_equal(chat("{\"content\":"), 0);
	assert_int_equal(chat("{\"content\":\""), 0);
}

static void content_of_anthropic_events(void **state)
{
	const char delta[] = "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}";
	const char start[] = "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}";

	(void)state;
	assert_int_equal(delta_has_content(PLAN_MESSAGES, delta, sizeof(delta) - 1), 1);
	assert_int_equal(delta_has_content(PLAN_MESSAGES, start, sizeof(start) - 1), 0);
}

static void usage_is_read_where_it_is_told(void **state)
{
	struct delta_usage u = {0};
	const char none[] = "{\"usage\":null,\"text\":\"\\\"usage\\\":{\\\"completion_tokens\\\":9}\"}";
	const char openai[] = "{\"choices\":[],\"usage\": {\"prompt_tokens\":12,\"total_tokens\":20,\"completion_tokens\": 8,"
			      "\"completion_tokens_details\":{\"reasoning_tokens\":3}}}";

	(void)state;
	delta_read_usage(&u, none, sizeof(none) - 1);
	assert_int_equal(u.told, 0);
	delta_read_usage(&u, openai, sizeof(openai) - 1);
	assert_int_equal(u.told, 1);
	assert_int_equal(u.completion_tokens, 8);
	assert_int_equal(u.prompt_tokens, 12);
}

static void usage_of_anthropic_comes_in_two_parts(void **state)
{
	struct delta_usage u = {0};
	const char start[] = "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}";
	const char last[] = "{\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15}}";

	(void)state;
	delta_read_usage(&u, start, sizeof(start) - 1);
	delta_read_usage(&u, last, sizeof(last) - 1);
	assert_int_equal(u.prompt_tokens, 25);
	assert_int_equal(u.completion_tokens, 15);
}

static void ends_of_streams(void **state)
{
	(void)state;
	assert_int_equal(delta_is_end(PLAN_CHAT, "", "[DONE]", 6), 1);
	assert_int_equal(delta_is_end(PLAN_CHAT, "", "[DON", 4), 0);
	assert_int_equal(delta_is_end(PLAN_MESSAGES, "message_stop", "{}", 2), 1);
	assert_int_equal(delta_is_end(PLAN_MESSAGES, "", "[DONE]", 6), 0);
}

static void text_is(enum plan_endpoint endpoint, const char *json, const char *want)
{
	struct buf text = {0};

	assert_int_equal(delta_text(&text, endpoint, json, strlen(json)), 0);
	assert_int_equal(text.used, strlen(want));
	if (text.used)
		assert_memory_equal(text.data, want, text.used);
	buf_fini(&text);
}

static void text_of_answers(void **state)
{
	(void)state;
	text_is(PLAN_CHAT, "{\"choices\":[{\"message\":{\"content\":\"a \\\"b\\\" \\u00e9\"}}]}", "a \\\"b\\\" \\u00e9");
	text_is(PLAN_CHAT, "{\"choices\":[{\"message\":{\"content\":null}}]}", "");
	text_is(PLAN_CHAT, "{\"content\":\"cut", "");
	text_is(PLAN_CHAT, "{\"content\":\"raw\nend\"}", "rawend"); /* no JSON, and shall not make ours none */
	text_is(PLAN_MESSAGES, "{\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}", "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_answers),
		cmocka_unit_test(line_feeds),
		cmocka_unit_test(carriage_returns_and_line_feeds),
		cmocka_unit_test(lone_carriage_returns),
		cmocka_unit_test(several_data_lines_make_one_event),
		cmocka_unit_test(comments_and_other_fields_make_none),
		cmocka_unit_test(byte_order_mark),
		cmocka_unit_test(last_event_without_its_empty_line),
		cmocka_unit_test(too_long_a_line_is_refused),
		cmocka_unit_test(a_reset_parser_forgets),
		cmocka_unit_test(content_is_told_from_none),
		cmocka_unit_test(content_of_anthropic_events),
		cmocka_unit_test(usage_is_read_where_it_is_told),
		cmocka_unit_test(usage_of_anthropic_comes_in_two_parts),
		cmocka_unit_test(ends_of_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
