// rooms: base record session/queue
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "session/queue.h"
#include "tests/support/test.h"

struct seen {
	unsigned requests, events;
	uint64_t last_id;
};

static int on_frame(void *ctx, enum capture_frame type, const void *data, uint32_t bytes)
{
	struct seen *seen = ctx;

	if (type == CAPTURE_REQUEST) {
		assert_int_equal(bytes, sizeof(struct record_request));
		seen->last_id = ((const struct record_request *)data)->id;
		seen->requests++;
	}
	seen->events += type == CAPTURE_EVENTS;
	return 0;
}

static void test_records_come_out_in_order(void **state)
{
	const struct record_event event[2] = {{10, 1}, {20, 2}};
	const struct record_events head = {.id = 1, .count = 2, .from_driver = 1};
	struct seen seen = {0};
	struct queue q;

	(void)state;
	queue_init(&q, 1 << 20);
	struct record_sink sink = queue_sink(&q);
	for (uint64_t id = 1; id <= 3; id++)
		sink.request(sink.ctx, &(struct record_request){.id = id});
	sink.events(sink.ctx, &head, event);
	assert_int_equal(queue_drain(&q, on_frame, &seen), 0);
	assert_int_equal(seen.requests, 3);
	assert_int_equal(seen.last_id, 3);
	assert_int_equal(seen.events, 1);
	assert_int_equal(queue_drain(&q, on_frame, &seen), 0);
	assert_int_equal(seen.requests, 3);
	assert_int_equal(queue_dropped(&q), 0);
	queue_fini(&q);
}

/* What finds no room is counted; what is in stays whole. */
static void test_full_queue_counts(void **state)
{
	struct seen seen = {0};
	struct queue q;

	(void)state;
	queue_init(&q, 1000);
	struct record_sink sink = queue_sink(&q);
	for (uint64_t id = 1; id <= 20; id++)
		sink.request(sink.ctx, &(struct record_request){.id = id});
	assert_int_equal(queue_drain(&q, on_frame, &seen), 0);
	assert_in_range(seen.requests, 1, 19);
	assert_int_equal(seen.last_id, seen.requests);
	assert_int_equal(queue_dropped(&q), 20 - seen.requests);
	queue_fini(&q);
}

/* A frame that is not whole yet waits for its rest; a length beyond reason is refused. */
static void test_frames_of_a_pipe(void **state)
{
	const struct record_request r = {.id = 7};
	const uint32_t head[2] = {CAPTURE_REQUEST, sizeof(r)}, absurd[2] = {CAPTURE_REQUEST, 1u << 30};
	struct buf b = {0};
	struct seen seen = {0};

	(void)state;
	assert_int_equal(buf_append(&b, head, sizeof(head)), 0);
	assert_int_equal(buf_append(&b, &r, 100), 0);
	assert_int_equal(frames_each(&b, on_frame, &seen), 0);
	assert_int_equal(seen.requests, 0);
	assert_int_equal(buf_append(&b, (const char *)&r + 100, sizeof(r) - 100), 0);
	assert_int_equal(frames_each(&b, on_frame, &seen), 0);
	assert_int_equal(seen.last_id, 7);
	assert_int_equal(b.used, 0);
	assert_int_equal(buf_append(&b, absurd, sizeof(absurd)), 0);
	assert_int_equal(frames_each(&b, on_frame, &seen), -EPROTO);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_come_out_in_order),
		cmocka_unit_test(test_full_queue_counts),
		cmocka_unit_test(test_frames_of_a_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
