// rooms: base record attribution/disconnects attribution/workers
// SPDX-License-Identifier: GPL-2.0-only
/* Clients that left, whatever the order in which their records come; and workers that come and go. */
#include <stdlib.h>

#include "attribution/disconnects.h"
#include "attribution/workers.h"
#include "tests/support/test.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

static void client(struct disconnects *d, uint64_t id, uint16_t outcome, uint64_t end_ns)
{
	const struct record_request r = {.id = id, .outcome = outcome, .sent_ns = S, .end_ns = end_ns};

	assert_int_equal(disconnects_request(d, &r), 0);
}

static void call(struct disconnects *d, uint64_t id, uint64_t conn, bool aborted, uint64_t answered_ns)
{
	const struct record_provider p = {
		.tag = id, .conn = conn, .answer_last_ns = answered_ns, .flags = aborted ? RECORD_PROVIDER_ABORTED : 0};

	assert_int_equal(disconnects_provider(d, &p), 0);
}

static void closed(struct disconnects *d, uint64_t conn, uint64_t at_ns)
{
	const struct wire_close c = {.h = {WIRE_KIND_CLOSE, sizeof(c), 0, at_ns}, .conn = conn};

	assert_int_equal(disconnects_close(d, &c), 0);
}

/* Five clients leave at 2 s. */
static void test_kept(void **state)
{
	struct disconnects *d = disconnects_new();
	const struct disconnects_stats *s = disconnects_stats(d);

	(void)state;
	client(d, 1, RECORD_TIMEOUT, 2 * S); /* the call is closed 5 ms later: records in the usual order */
	call(d, 1, 11, true, 0);
	closed(d, 11, 2 * S + 5 * MS);
	closed(d, 12, 2 * S + 50 * MS); /* 50 ms later, and the other way round */
	call(d, 2, 12, true, 0);
	client(d, 2, RECORD_TIMEOUT, 2 * S);
	client(d, 3, RECORD_TIMEOUT, 2 * S); /* goes on until the provider has answered */
	call(d, 3, 13, false, 2 * S + 500 * MS);
	client(d, 4, RECORD_TIMEOUT, 2 * S); /* still runs at the end of the load, and is closed by our teardown */
	call(d, 4, 14, true, 0);
	closed(d, 14, 9 * S);
	client(d, 5, RECORD_TIMEOUT, 2 * S); /* was answered before: the gateway sat on the answer */
	call(d, 5, 15, false, S + 500 * MS);
	client(d, 6, RECORD_TIMEOUT, 2 * S); /* no provider was called */
	client(d, 7, RECORD_OK, 2 * S);
	call(d, 7, 17, false, 2 * S);
	call(d, 8, 18, true, 0); /* the gateway gave it up by itself */
	client(d, 8, RECORD_OK, 3 * S);
	assert_int_equal(disconnects_finish(d, 4 * S), 0);
	assert_int_equal(s->clients, 6);
	assert_int_equal(s->calls, 4);
	assert_int_equal(s->answered, 1);
	assert_int_equal(s->dropped, 0);
	assert_int_equal(hist_count(s->kept), 4);
	assert_int_equal(hist_min(s->kept), 5 * MS);
	assert_in_range(hist_percentile(s->kept, 50), 49 * MS, 51 * MS);
	assert_int_equal(hist_count_at_least(s->kept), 1);
	assert_int_equal(hist_max(s->kept), 2 * S);
	disconnects_free(d);
}

static void test_workers(void **state)
{
	struct workers w = {0};
	struct wire_process p = {
		.h = {WIRE_KIND_PROCESS, sizeof(p), 0, 2 * S}, .role = WIRE_ROLE_GATEWAY, .event = WIRE_PROCESS_FORK};
	struct wire_thread_life t = {
		.h = {WIRE_KIND_THREAD, sizeof(t), 0, S / 2}, .role = WIRE_ROLE_GATEWAY, .event = WIRE_THREAD_FOUND};

	(void)state;
	workers_wire(&w, &p, S);
	p.event = WIRE_PROCESS_EXIT;
	workers_wire(&w, &p, S);
	p.role = WIRE_ROLE_DRIVER;
	workers_wire(&w, &p, S);
	assert_false(w.threads_seen);
	workers_wire(&w, &t, S); /* was there before */
	assert_true(w.threads_seen);
	t.h.time_ns = 3 * S;
	workers_wire(&w, &t, S);
	workers_wire(&w, &t, 0); /* the run has not begun */
	t.event = WIRE_THREAD_EXIT;
	workers_wire(&w, &t, S);
	t.event = WIRE_THREAD_NAMED;
	workers_wire(&w, &t, S);
	assert_int_equal(w.processes_began, 1);
	assert_int_equal(w.processes_ended, 1);
	assert_int_equal(w.threads_began, 1);
	assert_int_equal(w.threads_ended, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
