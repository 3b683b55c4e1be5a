// rooms: base record/said record/request_stats record/overhead_header driver/answer driver/dechunk driver/sse driver/delta driver/checks driver/tally
// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as an answer that the driver is given: head lines up to an empty one, then the body, whole and in parts. Both must tell the same
 * tokens, text, places of events and verdict.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "driver/answer.h"
#include "driver/checks.h"

#define REQUEST_ID UINT64_C(0xa1)
#define HEAD_BYTES 7 /* where the body begins in the stream: any place will do */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
	uint64_t events, sum;
	struct record_request record;
	struct buf text;
	uint16_t passed;
	bool well_formed;
};

static void require(int holds)
{
	if (!holds)
		abort();
}

static void on_events(void *ctx, const struct record_events *head, const struct record_event *event)
{
	struct told *t = ctx;

	require(head->first == t->events && head->count > 0 && head->count <= ANSWER_EVENTS_BATCH);
	for (uint32_t i = 0; i < head->count; i++)
		t->sum = t->sum * 31 + event[i].pos;
	t->events += head->count;
}

static struct plan_class class_of(uint8_t what)
{
	static const enum plan_endpoint endpoints[] = {PLAN_CHAT, PLAN_MESSAGES, PLAN_EMBEDDINGS, PLAN_MODELS};

	return (struct plan_class){
		.endpoint = endpoints[what % 4],
		.stream = what & 4,
		.checks = what & 8 ? 3 : 0,
		.check = {{.kind = PLAN_CHECK_EQUALS, .path = "choices.0.message.content", .text = "ok"},
			  {.kind = PLAN_CHECK_EQUALS, .path = "choices.0.delta.content", .text = "t"},
			  {.kind = PLAN_CHECK_WITHIN, .number = 1000}},
	};
}

static const uint8_t *head_give(struct answer *a, const uint8_t *data, const uint8_t *end)
{
	while (data < end) {
		const uint8_t *line = memchr(data, '\n', (size_t)(end - data));
		size_t bytes = line ? (size_t)(line + 1 - data) : (size_t)(end - data);
		char *copy = malloc(bytes);

		require(copy != NULL);
		memcpy(copy, data, bytes);
		answer_head(a, copy, bytes, 1);
		free(copy);
		data += bytes;
		if (bytes <= 2)
			break;
	}
	return data;
}

static void body_give(struct answer *a, const uint8_t *body, size_t bytes, size_t step)
{
	for (size_t at = 0; at < bytes; at += step) {
		size_t n = bytes - at < step ? bytes - at : step;
		char *copy = malloc(n);

		require(copy != NULL);
		memcpy(copy, body + at, n);
		answer_body(a, copy, n, 2, (struct answer_place){.pos = HEAD_BYTES + at, .exact = true});
		free(copy);
	}
}

static void answer_take(struct told *t, struct tally *tally, const struct plan_class *class_, const uint8_t *data, size_t size,
			size_t step)
{
	const struct record_sink sink = {.ctx = t, .events = on_events};
	struct answer a;

	*t = (struct told){.record = {.id = REQUEST_ID, .flags = RECORD_TAGGED}};
	answer_init(&a, &sink, tally, &t->record);
	answer_begin(&a, class_, true, &t->text);
	const uint8_t *body = head_give(&a, data, data + size);
	body_give(&a, body, (size_t)(data + size - body), step);
	answer_end(&a, true);
	t->well_formed = answer_is_well_formed(&a);
	const struct checks_answer checked = {.status = a.status, .json = a.kept.data, .bytes = a.kept.used};
	t->passed = checks_run(class_, &checked);
	require(t->passed >> class_->checks == 0 && t->events <= t->record.chunks);
	answer_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tally tally;
	struct told whole, parts;

	if (size < 3)
		return 0;
	if (!tally.classes) {
		struct plan *plan = calloc(1, sizeof(*plan));

		require(plan != NULL);
		plan->classes = plan->stages = 1;
		require(tally_init(&tally, plan) == 0);
		free(plan);
	}
	const struct plan_class class_ = class_of(data[0]);
	answer_take(&whole, &tally, &class_, data + 2, size - 2, size);
	answer_take(&parts, &tally, &class_, data + 2, size - 2, 1 + data[1] % 31u);
	require(whole.events == parts.events && whole.sum == parts.sum && whole.passed == parts.passed);
	require(whole.well_formed == parts.well_formed && whole.text.used == parts.text.used);
	require(!whole.text.used || !memcmp(whole.text.data, parts.text.data, whole.text.used));
	require(!memcmp(&whole.record, &parts.record, sizeof(whole.record)));
	buf_fini(&whole.text);
	buf_fini(&parts.text);
	return 0;
}
