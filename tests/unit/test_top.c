// rooms: base record scenario/criteria scenario/metrics timeline attribution commands/top_model probe/threads_now probe/peers_now probe/proc
// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attribution/series.h"
#include "base/clock.h"
#include "bpf/wire.h"
#include "commands/top_model.h"
#include "tests/support/test.h"

#define START_NS (UINT64_C(1000) * NS_PER_S)

struct rig {
	struct top_model model;
	struct attribution *attribution;
	struct series *series;
	struct record_gauges gauges;
	uint32_t pid;
	uint64_t id;
};

static int setup(void **state)
{
	struct attribution_config config = {0};
	struct rig *r = calloc(1, sizeof(*r));

	r->attribution = attribution_new(&config);
	r->series = series_new();
	series_start(r->series, START_NS);
	r->pid = (uint32_t)getpid();
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	attribution_free(r->attribution);
	series_free(r->series);
	free(r);
	return 0;
}

/* A request that the gateway picked up in 10 µs and answered itself in 30. */
static void request(struct rig *r, uint64_t at_ns)
{
	struct whole_request w = {.driver = {.id = ++r->id, .due_ns = at_ns}};

	w.t1 = w.t1_last = at_ns + 1000;
	w.t2 = w.t2_last = w.t1 + 1000;
	w.t3 = w.t3_last = w.t2 + 10000;
	w.t9 = w.t9_last = w.t3 + 30000;
	w.t10 = w.t11 = w.t9 + 1000;
	w.driver.end_ns = w.t11;
	assert_int_equal(attribution_add(r->attribution, &w), 0);
	assert_int_equal(series_whole(r->series, &w, attribution_newest_cut(r->attribution)), 0);
}

static void second(struct rig *r, unsigned s, unsigned requests)
{
	for (unsigned i = 0; i < requests; i++)
		request(r, START_NS + s * NS_PER_S + i * NS_PER_MS);
	series_tick(r->series, START_NS + (s + 1) * NS_PER_S - 1);
	r->gauges = (struct record_gauges){.time_ns = START_NS + (s + 1) * NS_PER_S, .cpu_ns = NS_PER_S + s * NS_PER_S / 4};
	const struct session_view view = {
		.now_ns = START_NS + (s + 1) * NS_PER_S,
		.start_ns = START_NS,
		.exe = "/usr/sbin/nginx",
		.pid = &r->pid,
		.pids = 1,
		.gauges = &r->gauges,
		.attribution = r->attribution,
		.series = r->series,
	};
	top_model_update(&r->model, &view);
}

static void test_the_last_ten_seconds(void **state)
{
	struct rig *r = *state;
	struct top_sums w;

	second(r, 0, 100);
	assert_false(top_model_window(&r->model, &w));
	for (unsigned s = 1; s < 30; s++)
		second(r, s, s < 15 ? 100 : 40);
	assert_true(top_model_window(&r->model, &w));
	assert_int_equal(w.time_ns, TOP_SECONDS * NS_PER_S);
	assert_int_equal(w.requests, TOP_SECONDS * 40);
	assert_int_equal(w.toll_ns, w.requests * 40000);
	assert_int_equal(w.phase_ns[PHASE_PICK_UP_REQUEST], w.requests * 10000);
	assert_int_equal(w.phase_ns[PHASE_LOCAL_ANSWER], w.requests * 30000);
	assert_float_equal(r->model.rate_per_s, 40, 1e-9);
	assert_float_equal(r->model.cores, 0.25, 1e-9);
	assert_in_range(r->model.toll_p50_ns, 39400, 40700);
}

static void test_silence(void **state)
{
	struct rig *r = *state;

	for (unsigned s = 0; s < 5; s++)
		second(r, s, 50);
	assert_float_equal(r->model.rate_per_s, 50, 1e-9);
	for (unsigned s = 5; s < 40; s++)
		second(r, s, 0);
	assert_float_equal(r->model.rate_per_s, 0, 0);
}

static void test_system_calls_are_of_the_last_second(void **state)
{
	struct rig *r = *state;
	struct wire_syscalls calls = {.h = {.kind = WIRE_KIND_SYSCALLS, .size = sizeof(calls)}, .count = 3};

	second(r, 0, 1);
	assert_false(r->model.syscalls_seen);
	calls.call[0] = (struct wire_syscall){.enter_ns = 100, .exit_ns = 350, .nr = SYS_read};
	calls.call[1] = (struct wire_syscall){.enter_ns = 400, .exit_ns = 450, .nr = SYS_read};
	calls.call[2] = (struct wire_syscall){.enter_ns = 500, .exit_ns = 400, .nr = 60000};
	top_model_wire(&r->model, &calls, sizeof(calls));
	top_model_wire(&r->model, "no record", 4);
	second(r, 1, 1);
	assert_true(r->model.syscalls_seen);
	assert_int_equal(r->model.last[SYS_read].calls, 2);
	assert_int_equal(r->model.last[SYS_read].ns, 300);
	assert_int_equal(r->model.last[TOP_SYSCALLS - 1].calls, 1);
	second(r, 2, 1);
	assert_int_equal(r->model.last[SYS_read].calls, 0);
}

/* Off from the middle of a second on: what was seen counts for the time that was looked at, and stands while nothing is. */
static void test_system_calls_in_windows(void **state)
{
	struct rig *r = *state;
	struct wire_groups off = {
		.h = {.kind = WIRE_KIND_GROUPS, .size = sizeof(off), .time_ns = START_NS + NS_PER_S + NS_PER_S / 4},
		.off = WIRE_GROUP_SYSCALLS};
	struct wire_syscalls calls = {.h = {.kind = WIRE_KIND_SYSCALLS, .size = sizeof(calls)}, .count = 1};

	second(r, 0, 1);
	calls.call[0] = (struct wire_syscall){.enter_ns = 100, .exit_ns = 350, .nr = SYS_read};
	top_model_wire(&r->model, &calls, sizeof(calls));
	top_model_wire(&r->model, &off, sizeof(off));
	second(r, 1, 1);
	assert_int_equal(r->model.last[SYS_read].calls, 4);
	assert_int_equal(r->model.last[SYS_read].ns, 1000);
	second(r, 2, 1);
	assert_int_equal(r->model.last[SYS_read].calls, 4);
	off.off = 0;
	off.h.time_ns = START_NS + 3 * NS_PER_S;
	top_model_wire(&r->model, &off, sizeof(off));
	second(r, 3, 1);
	assert_int_equal(r->model.last[SYS_read].calls, 0);
}

/*
 * Two processes of one gateway are one row; a rate is over the time that the function was probed, stands while it is not, and a process that
 * goes makes none.
 */
static void test_allocator_calls(void **state)
{
	struct top_model *m = &((struct rig *)*state)->model;
	struct wire_alloc_stats one = {.calls = 1000, .bytes = 64000, .returns = 500, .sum_ns = 50000}, two = {.calls = 10};
	struct top_alloc before[TOP_ALLOCS_MAX];

	top_model_allocs_begin(m, before);
	top_model_alloc(m, "calloc", &two, NS_PER_S / 50); /* one look, and no other yet */
	top_model_allocs_end(m, before);
	assert_float_equal(m->alloc[0].calls_per_s, 500, 1e-6);
	for (unsigned second_no = 0; second_no < 2; second_no++) {
		top_model_allocs_begin(m, before);
		top_model_alloc(m, "free", &two, second_no * NS_PER_S / 4);
		top_model_alloc(m, "malloc", &one, second_no * NS_PER_S / 2);
		top_model_alloc(m, "malloc", &two, second_no * NS_PER_S / 2);
		top_model_allocs_end(m, before);
		two.calls += second_no ? 0 : 50;
		one.calls += 3000;
		one.bytes += 128000;
	}
	assert_true(m->alloc_seen);
	assert_int_equal(m->allocs, 2);
	assert_string_equal(m->alloc[0].name, "malloc");
	assert_int_equal(m->alloc[0].calls, 4060);
	assert_float_equal(m->alloc[0].calls_per_s, 6100, 1e-6);
	assert_float_equal(m->alloc[0].bytes_per_s, 256000, 1e-6);
	assert_float_equal(m->alloc[1].calls_per_s, 200, 1e-6);
	top_model_allocs_begin(m, before);
	top_model_alloc(m, "free", &two, NS_PER_S / 4);
	top_model_alloc(m, "malloc", &two, NS_PER_S);
	top_model_allocs_end(m, before);
	assert_string_equal(m->alloc[0].name, "free");
	assert_float_equal(m->alloc[0].calls_per_s, 200, 1e-6);
	top_model_allocs_begin(m, before);
	top_model_alloc(m, "malloc", &two, NS_PER_S);
	top_model_allocs_end(m, before);
	assert_float_equal(m->alloc[0].calls_per_s, 0, 1e-9);
}

static void *spin(void *stop)
{
	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
		continue;
	return NULL;
}

static void test_threads(void **state)
{
	struct rig *r = *state;
	bool stop = false;
	pthread_t thread;

	second(r, 0, 1);
	unsigned before = r->model.threads;
	assert_true(before >= 1);
	assert_int_equal(pthread_create(&thread, NULL, spin, &stop), 0);
	second(r, 1, 1);
	assert_int_equal(r->model.threads, before + 1);
	/* it has to be on a CPU for a while: until its account says so */
	for (unsigned i = 0; i < 1000 && !(r->model.thread[0].cores > 0 && r->model.thread[0].now.tid != r->pid); i++) {
		clock_sleep_until(clock_now_ns() + NS_PER_MS, NULL);
		second(r, 2 + i, 0);
	}
	assert_true(r->model.thread[0].cores > 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

static int connected(int *server, int *client, uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
	*client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(*client, (struct sockaddr *)&a, sizeof(a)), 0);
	*server = accept(listener, NULL, NULL);
	*port = ntohs(a.sin_port);
	return listener;
}

static void test_sockets_by_peer(void **state)
{
	struct rig *r = *state;
	struct peer_now peer[PEERS_NOW_MAX];
	int server, client;
	uint16_t port;
	int listener = connected(&server, &client, &port);
	unsigned n = peers_now(&r->pid, 1, peer), clients = 0, upstreams = 0;

	for (unsigned i = 0; i < n; i++) {
		clients += peer[i].clients && peer[i].port == port && peer[i].state[1] == 1;
		upstreams += !peer[i].clients && peer[i].port == port && peer[i].state[1] == 1 && peer[i].addr[12] == 127;
	}
	assert_int_equal(clients, 1);
	assert_int_equal(upstreams, 1);
	close(client);
	n = peers_now(&r->pid, 1, peer);
	for (unsigned i = 0; i < n; i++)
		if (peer[i].clients && peer[i].port == port)
			assert_int_equal(peer[i].state[8], 1); /* CLOSE_WAIT */
	close(server);
	close(listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_last_ten_seconds),    TEST(test_silence),         TEST(test_system_calls_are_of_the_last_second),
		TEST(test_system_calls_in_windows), TEST(test_allocator_calls), TEST(test_threads),
		TEST(test_sockets_by_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
