// rooms: base http gateway record/tag tests/support/gateway_rig
// SPDX-License-Identifier: GPL-2.0-only
/* What each plant does, by the clocks of this test; those that need a privilege are skipped without it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/cpu_quota.h"
#include "gateway/plant_tool.h"
#include "tests/support/gateway_rig.h"

struct took {
	uint64_t truth_ns, wall_ns, cpu_ns;
};

/* Skips the test where it may not be opened. */
static void tool_run(const char *text, struct took *took)
{
	const struct plant_site site = {.directory = "/var/tmp"};
	struct gateway_plants plants;
	struct plant_tools tools;
	struct err err = {0};

	assert_int_equal(gateway_plants_parse(text, &plants, NULL), 0);
	int ret = plant_tools_open(&tools, &plants, &site, &err);
	if (ret) {
		plant_tools_close(&tools);
		assert_true(ret == -EPERM || ret == -EACCES || ret == -EOPNOTSUPP);
		assert_non_null(strstr(err.text, "plant"));
		print_message("skip %s: %s\n", text, err.text);
		skip();
	}
	const struct plant_tool *tool = plant_tool_of(plants.plant[0].kind);
	uint64_t wall_ns = clock_now_ns(), cpu_ns = clock_thread_cpu_ns();
	took->truth_ns = tool->run(tools.ctx[0], &plants.plant[0]);
	took->cpu_ns = clock_thread_cpu_ns() - cpu_ns;
	took->wall_ns = clock_now_ns() - wall_ns;
	plant_tools_close(&tools);
}

static void test_busy(void **state)
{
	(void)state;
	static const char *const texts[] = {"cpu=2ms@request", "syscalls=100@request", "malloc=1000x4KiB@request",
					    "page_faults=200@request"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct took t;

		tool_run(texts[i], &t);
		assert_in_range(t.truth_ns, 1, t.cpu_ns);
		if (i == 0)
			assert_true(t.truth_ns >= 2 * NS_PER_MS);
	}
}

static void waits_3ms(const char *text)
{
	struct took t;

	tool_run(text, &t);
	assert_in_range(t.truth_ns, 3 * NS_PER_MS, t.wall_ns);
	assert_true(t.cpu_ns < t.wall_ns - 2 * NS_PER_MS);
}

static void test_lock(void **state)
{
	(void)state;
	waits_3ms("lock=3ms@request");
}

static void test_neighbour(void **state)
{
	(void)state;
	waits_3ms("neighbour=3ms@request");
}

/* Nobody may take it for a part of the gateway. */
static void test_the_neighbour_is_no_child(void **state)
{
	(void)state;
	const struct plant_site site = {.directory = "/var/tmp"};
	struct gateway_plants plants;
	struct plant_tools tools;

	assert_int_equal(gateway_plants_parse("neighbour=1ms@request", &plants, NULL), 0);
	if (plant_tools_open(&tools, &plants, &site, NULL)) {
		plant_tools_close(&tools);
		print_message("skip the_neighbour_is_no_child: it needs a real-time priority\n");
		skip();
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	plant_tools_close(&tools);
}

static void test_resolver(void **state)
{
	(void)state;
	waits_3ms("resolver=3ms@request");
}

/* A disk may be done before the thread has left its CPU, or while it waits for one again. */
static void waits_for_a_disk(const char *text)
{
	uint64_t truth_ns = 0;
	struct took t;

	for (unsigned i = 0; i < 10 && !truth_ns; i++) {
		tool_run(text, &t);
		truth_ns = t.truth_ns;
		assert_in_range(truth_ns, 0, t.wall_ns);
	}
	assert_true(truth_ns > 0);
}

static void test_fsync(void **state)
{
	(void)state;
	waits_for_a_disk("fsync=256KiB@request");
}

static void test_file_faults(void **state)
{
	(void)state;
	waits_for_a_disk("file_faults=8@request");
}

/* The group is there while the quota is, has the limits, and is gone afterwards. */
static void test_quota(void **state)
{
	(void)state;
	struct cpu_quota q = {.group = ""};
	struct err err = {0};
	char group[sizeof(q.group)];

	int ret = cpu_quota_set(&q, 50 * NS_PER_MS, 100 * NS_PER_MS, &err);
	if (ret) {
		assert_non_null(strstr(err.text, "CPU quota"));
		assert_string_equal(q.group, "");
		print_message("skip quota: %s\n", err.text);
		skip();
	}
	snprintf(group, sizeof(group), "%s", q.group);
	assert_int_equal(access(group, F_OK), 0);
	cpu_quota_clear(&q);
	assert_int_equal(access(group, F_OK), -1);
}

static void test_a_tool_that_cannot_be_opened_says_so(void **state)
{
	(void)state;
	const struct plant_site site = {.directory = "/no/such/directory"};
	struct gateway_plants plants;
	struct plant_tools tools;
	struct err err = {0};

	assert_int_equal(gateway_plants_parse("lock=1ms@request,fsync=1KiB@request", &plants, NULL), 0);
	assert_int_equal(plant_tools_open(&tools, &plants, &site, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no/such/directory"));
	plant_tools_close(&tools);
}

/* --- those that wait in the event loop ------------------------------------------------------------------------------------------ */

static void truth_of(const char *plants, struct gateway_truth *truth)
{
	static const struct planned plan[] = {{.part = {OK("5", "hello")}}};
	struct upstream u;
	struct gateway_thread g = {.port = 0};
	struct buf answer = {0};

	upstream_open(&u, plan, 1);
	gateway_open(&g, u.port, plants);
	ask(g.port, POST("2", "{}"), &answer);
	assert_has(&answer, "hello");
	assert_int_equal(gateway_close(&g, truth, 1), 1);
	upstream_close(&u);
	buf_fini(&answer);
}

static void test_handoff_waits_in_the_other_threads_queue(void **state)
{
	(void)state;
	struct gateway_truth truth;

	truth_of("handoff=3ms@request,cpu=1ms@request,handoff@response", &truth);
	assert_true(truth.plant_ns[0] >= 3 * NS_PER_MS);
	assert_true(truth.plant_ns[1] >= NS_PER_MS);
	assert_in_range(truth.plant_ns[2], 1, truth.side_ns[GATEWAY_RESPONSE]);
	assert_true(truth.side_ns[GATEWAY_REQUEST] >= truth.plant_ns[0] + truth.plant_ns[1]);
}

static void test_hog_is_served_first(void **state)
{
	(void)state;
	struct gateway_truth truth;

	truth_of("hog=3ms@request,hog=1ms@response", &truth);
	assert_in_range(truth.plant_ns[0], 3 * NS_PER_MS, truth.side_ns[GATEWAY_REQUEST]);
	assert_in_range(truth.plant_ns[1], NS_PER_MS, truth.side_ns[GATEWAY_RESPONSE]);
}

static void test_all_in_one_gateway(void **state)
{
	(void)state;
	struct gateway_truth truth;

	truth_of("sleep=1ms@request,cpu=1ms@request,syscalls=10@request,lock=1ms@request,malloc=10x64B@request,"
		 "page_faults=10@request,hog=1ms@request,handoff=1ms@request,lock=1ms@request,sleep=1ms@request",
		 &truth);
	for (unsigned i = 0; i < 10; i++)
		assert_true(truth.plant_ns[i] > 0);
	assert_int_equal(truth.plant_ns[10], 0);
	assert_int_equal(truth.carried, 0x3ff);
	assert_true(truth.side_ns[GATEWAY_REQUEST] >= 7 * NS_PER_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_neighbour),
		cmocka_unit_test(test_the_neighbour_is_no_child),
		cmocka_unit_test(test_resolver),
		cmocka_unit_test(test_fsync),
		cmocka_unit_test(test_file_faults),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_a_tool_that_cannot_be_opened_says_so),
		cmocka_unit_test(test_handoff_waits_in_the_other_threads_queue),
		cmocka_unit_test(test_hog_is_served_first),
		cmocka_unit_test(test_all_in_one_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
