// rooms: base record timeline attribution gateway/plants gateway/hoard_parse session/truth
// SPDX-License-Identifier: GPL-2.0-only
/* What the gateway's truth log says of each request beside what was measured of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "session/truth.h"
#include "tests/support/test.h"

#define REQUESTS 40

/* Process request takes 20 us, and more where the plant lies in it. */
static void request_make(struct whole_request *w, uint64_t id, uint64_t planted_ns)
{
	*w = (struct whole_request){.t1 = 1000, .t2 = 2000, .t3 = 3000, .upstreams = 1};
	w->driver.id = id;
	w->driver.due_ns = 500;
	struct whole_upstream *u = &w->upstream[0];
	u->t4 = u->t4_last = w->t3 + 20 * NS_PER_US + planted_ns;
	u->t5 = u->t5_last = u->t4 + 1000;
	u->t6 = u->t6_last = u->t5 + 50000;
	u->t7 = u->t7_last = u->t6 + 1000;
	u->t8 = u->t8_last = u->t7 + 1000;
	u->answered = true;
	w->t9 = w->t9_last = u->t8 + 5000;
	w->t10 = w->t11 = w->t9 + 1000;
	w->driver.end_ns = w->t11;
}

struct logged {
	struct truth truth;
	struct report_input *report;
	char path[64];
	FILE *log;
};

static void logged_open(struct logged *l, const char *plants)
{
	l->report = calloc(1, sizeof(*l->report));
	assert_non_null(l->report);
	assert_int_equal(truth_init(&l->truth, plants, NULL), 0);
	strcpy(l->path, "/tmp/toll-test-truth-XXXXXX");
	l->log = fdopen(mkstemp(l->path), "w");
	assert_non_null(l->log);
}

/* Every second request carries a lock of 1 ms (and a bit), and all of them take what cause and phase say. */
static void logged_request(struct logged *l, uint64_t id, bool planted, bool causes)
{
	uint64_t took_ns = planted ? NS_PER_MS + id * 100 : 0;
	struct gateway_truth truth = {.tag = id, .side_ns = {took_ns, 0, 0}, .plant_ns = {took_ns}, .carried = planted};
	struct whole_request *w = malloc(sizeof(*w));
	struct cause_cut cut = {.calls_known = true};

	assert_non_null(w);
	request_make(w, id, took_ns);
	truth_add(&l->truth, w);
	cut.ns[PHASE_PROCESS_REQUEST][CAUSE_LOCK] = took_ns;
	cut.ns[PHASE_PROCESS_REQUEST][CAUSE_OWN_USER] = 20 * NS_PER_US;
	if (causes)
		truth_causes(&l->truth, id, &cut);
	assert_int_equal(fwrite(&truth, sizeof(truth), 1, l->log), 1);
	free(w);
}

static void logged_close(struct logged *l)
{
	assert_int_equal(fclose(l->log), 0);
	truth_fill(&l->truth, l->path, l->report);
	truth_fini(&l->truth);
	unlink(l->path);
}

static void test_phase_and_cause(void **state)
{
	(void)state;
	struct logged l;

	logged_open(&l, "lock=1ms@request/2");
	for (uint64_t id = 1; id <= REQUESTS; id++)
		logged_request(&l, id, id % 2, true);
	logged_close(&l);
	assert_int_equal(l.report->plants, 1);
	assert_string_equal(l.report->plant[0].text, "lock 1.00 ms @request");
	assert_string_equal(l.report->plant[0].phase, "process_request");
	assert_string_equal(l.report->plant[0].cause, "");
	assert_in_range(l.report->plant[0].measured_p50_ns, NS_PER_MS - 5000, NS_PER_MS + 15000);
	assert_int_equal(l.report->plant_causes, 1);
	const struct report_plant *p = &l.report->plant_cause[0];
	assert_string_equal(p->text, "lock 1.00 ms @request");
	assert_string_equal(p->phase, "process_request");
	assert_string_equal(p->cause, "lock");
	assert_int_equal(p->truth_p50_ns, p->measured_p50_ns);
	assert_in_range(p->truth_p50_ns, NS_PER_MS, NS_PER_MS + 10000);
	free(l.report);
}

static void test_without_causes(void **state)
{
	(void)state;
	struct logged l;

	logged_open(&l, "lock=1ms@request/2");
	for (uint64_t id = 1; id <= REQUESTS; id++)
		logged_request(&l, id, id % 2, false);
	logged_close(&l);
	assert_int_equal(l.report->plants, 1);
	assert_int_equal(l.report->plant_causes, 0);
	free(l.report);
}

/* Where system calls are not told, CPU time of both kinds is one cause. */
static void test_own_work_without_calls(void **state)
{
	(void)state;
	struct cause_cut cut = {.calls_known = false};
	struct whole_request *w = malloc(sizeof(*w));
	struct gateway_truth truth = {.tag = 1, .side_ns = {NS_PER_MS, 0, 0}, .plant_ns = {NS_PER_MS}, .carried = 1};
	struct logged l;

	assert_non_null(w);
	logged_open(&l, "cpu=1ms@request");
	request_make(w, 1, NS_PER_MS);
	truth_add(&l.truth, w);
	cut.ns[PHASE_PROCESS_REQUEST][CAUSE_OWN_CPU] = NS_PER_MS + 20000;
	truth_causes(&l.truth, 1, &cut);
	truth_causes(&l.truth, 2, &cut); /* of nobody that was added */
	assert_int_equal(fwrite(&truth, sizeof(truth), 1, l.log), 1);
	logged_close(&l);
	assert_int_equal(l.report->plant_causes, 1);
	assert_string_equal(l.report->plant_cause[0].cause, "own_cpu");
	assert_in_range(l.report->plant_cause[0].measured_p50_ns, NS_PER_MS + 15000, NS_PER_MS + 25000);
	free(l.report);
	free(w);
}

/* A look-up is a phase of its own, and no part of its side's. */
static void test_resolver(void **state)
{
	(void)state;
	struct cause_cut cut = {.calls_known = true};
	struct whole_request *w = malloc(sizeof(*w));
	struct gateway_truth truth = {
		.tag = 1, .side_ns = {3 * NS_PER_MS, 0, 0}, .plant_ns = {NS_PER_MS, 2 * NS_PER_MS}, .carried = 3};
	struct logged l;

	assert_non_null(w);
	logged_open(&l, "cpu=1ms@request,resolver=2ms@request");
	request_make(w, 1, NS_PER_MS);
	truth_add(&l.truth, w);
	cut.ns[PHASE_PROCESS_REQUEST][CAUSE_OWN_USER] = NS_PER_MS;
	cut.ns[PHASE_UPSTREAM_DNS][CAUSE_SOCKET] = 2 * NS_PER_MS;
	truth_causes(&l.truth, 1, &cut);
	assert_int_equal(fwrite(&truth, sizeof(truth), 1, l.log), 1);
	logged_close(&l);
	assert_int_equal(l.report->plants, 1);
	assert_string_equal(l.report->plant[0].text, "cpu 1.00 ms @request");
	assert_int_equal(l.report->plant[0].truth_p50_ns / NS_PER_US, 1000);
	assert_int_equal(l.report->plant_causes, 2);
	assert_string_equal(l.report->plant_cause[1].phase, "upstream_dns");
	assert_string_equal(l.report->plant_cause[1].cause, "socket");
	assert_int_equal(l.report->plant_cause[1].measured_p50_ns, l.report->plant_cause[1].truth_p50_ns);
	free(l.report);
	free(w);
}

static void test_no_log(void **state)
{
	(void)state;
	struct report_input *report = calloc(1, sizeof(*report));
	struct truth t;

	assert_non_null(report);
	assert_int_equal(truth_init(&t, "cpu=1ms@request", NULL), 0);
	truth_fill(&t, "/no/such/log", report);
	assert_int_equal(report->plants, 0);
	truth_fini(&t);
	assert_int_equal(truth_init(&t, NULL, NULL), 0);
	truth_fill(&t, "/no/such/log", report);
	truth_fini(&t);
	assert_int_not_equal(truth_init(&t, "nap=1ms@request", NULL), 0);
	truth_fini(&t);
	free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_phase_and_cause),
		cmocka_unit_test(test_without_causes),
		cmocka_unit_test(test_own_work_without_calls),
		cmocka_unit_test(test_resolver),
		cmocka_unit_test(test_no_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
