// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report tests/support/report_input
// SPDX-License-Identifier: GPL-2.0-only
/* Whose part of a gauge grows: by process, by peer and TCP state; from the records to the document and its words. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "leak/watch.h"
#include "tests/support/report_input.h"
#include "tests/support/test.h"

#define CLOSE_WAIT 8
#define ESTABLISHED 1
#define SAMPLES 600 /* more than are kept of a part */

static struct record_part process(unsigned i, uint32_t pid, const char *comm, uint64_t memory)
{
	struct record_part p = {.time_ns = (1 + i) * NS_PER_S, .kind = RECORD_PART_PROCESS, .pid = pid, .anon_bytes = memory};

	p.fds = 10;
	p.threads = 4;
	snprintf(p.label, sizeof(p.label), "%s", comm);
	return p;
}

static struct record_part peer(unsigned i, const char *label, uint32_t established, uint32_t close_wait)
{
	struct record_part p = {.time_ns = (1 + i) * NS_PER_S, .kind = RECORD_PART_PEER};

	p.tcp[ESTABLISHED] = established;
	p.tcp[CLOSE_WAIT] = close_wait;
	snprintf(p.label, sizeof(p.label), "%s", label);
	return p;
}

/* 100 requests a second; memory_leak, close_wait_leak: for each of those seconds */
static struct leak_watch *watched(unsigned memory_leak, unsigned close_wait_leak)
{
	struct leak_watch *w = leak_watch_new(1);

	assert_non_null(w);
	for (unsigned i = 0; i < SAMPLES; i++) {
		const struct record_part part[] = {
			process(i, 10, "master", 5000000),
			process(i, 11, "worker", 20000000 + i * memory_leak),
			process(i, 12, "worker", 20000000 + (i % 7) * 4096),
			peer(i, "clients", 20 + i % 3, 0),
			peer(i, "db", 4, i * close_wait_leak),
			peer(i, "cache", 4, i % 2),
			peer(i, "others", 0, 0),
		};
		struct record_gauges g = {.time_ns = (1 + i) * NS_PER_S, .processes = 3, .threads = 12};
		g.fds = 30 + i * close_wait_leak;
		g.anon_bytes = 45000000 + i * memory_leak + (i % 7) * 4096;
		g.tcp[CLOSE_WAIT] = i * close_wait_leak + i % 2;
		leak_watch_requests(w, 0, 100);
		assert_int_equal(leak_watch_gauges(w, &g), 0);
		for (unsigned k = 0; k < sizeof(part) / sizeof(part[0]); k++)
			assert_int_equal(leak_watch_part(w, &part[k]), 0);
	}
	return w;
}

struct reported {
	struct report_fixture f;
	struct leak_result leak;
	struct leak_watch *w;
	json_t *doc;
};

static struct reported *reported(unsigned memory_leak, unsigned close_wait_leak)
{
	struct reported *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	x->w = watched(memory_leak, close_wait_leak);
	assert_int_equal(leak_watch_judge(x->w, 0, &x->leak), 0);
	report_fixture_init(&x->f, 100);
	x->f.in.leak = &x->leak;
	x->f.in.leak_parts = leak_watch_parts(x->w);
	x->doc = report_build(&x->f.in);
	assert_non_null(x->doc);
	assert_fits_schema(x->doc, report_schema());
	return x;
}

static void reported_free(struct reported *x)
{
	json_decref(x->doc);
	report_fixture_fini(&x->f);
	leak_watch_free(x->w);
	free(x);
}

static void assert_says(const json_t *doc, const char *words)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(report_print_text(doc, out, false), 0);
	fclose(out);
	size = 0;
	for (const char *c = text; *c; c++) /* however the lines are broken */
		if (!isspace((unsigned char)*c) || !size || text[size - 1] != ' ')
			text[size++] = isspace((unsigned char)*c) ? ' ' : *c;
	text[size] = '\0';
	if (!strstr(text, words))
		fail_msg("\"%s\" is not in\n%s", words, text);
	free(text);
}

static void test_the_process_that_leaks(void **state)
{
	struct reported *x = reported(20000, 0);
	const json_t *leak = json_object_get(x->doc, "leak"), *in = json_object_get(leak, "grows_in");
	const json_t *processes = json_object_get(leak, "processes");
	const json_t *memory = json_object_get(json_object_get(json_array_get(processes, 1), "gauges"), "memory");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(leak, "verdict")), "leak");
	assert_int_equal(json_array_size(processes), 3);
	assert_int_equal(json_integer_value(json_object_get(in, "pid")), 11);
	assert_true(json_number_value(json_object_get(in, "share")) > 0.95);
	assert_string_equal(json_string_value(json_object_get(memory, "verdict")), "leak");
	assert_true(json_number_value(json_object_get(memory, "per_request")) > 190 &&
		    json_number_value(json_object_get(memory, "per_request")) < 210);
	assert_null(json_object_get(leak, "grows_towards"));
	assert_says(x->doc, "of the growth is in process 11 (worker)");
	assert_says(x->doc, "MEMORY BY PROCESS");
	reported_free(x);
}

static void test_the_peer_that_is_not_closed(void **state)
{
	struct reported *x = reported(0, 2);
	const json_t *leak = json_object_get(x->doc, "leak"), *sockets = json_object_get(leak, "sockets");
	const json_t *waits = json_object_get(json_object_get(sockets, "db"), "CLOSE_WAIT");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(leak, "gauge")), "sockets_close_wait");
	assert_string_equal(json_string_value(json_object_get(json_object_get(leak, "grows_towards"), "peer")), "db");
	assert_string_equal(json_string_value(json_object_get(waits, "verdict")), "leak");
	assert_int_equal(json_number_value(json_object_get(waits, "most")), 2 * (SAMPLES - 1));
	assert_string_equal(json_string_value(json_object_get(json_object_get(json_object_get(sockets, "clients"), "ESTABLISHED"),
							      "verdict")),
			    "no_leak");
	assert_null(json_object_get(sockets, "others")); /* there were none */
	assert_says(x->doc, "SOCKETS BY PEER");
	assert_says(x->doc, "towards db");
	reported_free(x);
}

static void test_nobody_is_named_where_nothing_grows(void **state)
{
	struct reported *x = reported(0, 0);
	const json_t *leak = json_object_get(x->doc, "leak");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(leak, "verdict")), "no_leak");
	assert_null(json_object_get(leak, "grows_in"));
	assert_null(json_object_get(leak, "grows_towards"));
	reported_free(x);
}

/* Only the judged life counts, and who finds no room is counted. */
static void test_lives_and_room(void **state)
{
	struct leak_parts *p = leak_parts_new();
	struct leak_part part;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		const struct record_part old = process(i, 10, "old", 1000000 + 10000 * i);
		if (i < 40)
			assert_int_equal(leak_parts_add(p, &old, i, 100.0 * i), 0);
		const struct record_part both = peer(i, "db", i < 40 ? 100 - i : 5, 0);
		assert_int_equal(leak_parts_add(p, &both, i, 100.0 * i), 0);
	}
	assert_int_equal(leak_parts_count(p), 2);
	assert_false(leak_parts_judge(p, 0, 50, 100, 0, &part));
	assert_true(leak_parts_judge(p, 1, 50, 100, 0, &part));
	assert_true(part.column[ESTABLISHED].grown == 0);
	for (unsigned i = 0; i < LEAK_PARTS_MAX; i++) {
		const struct record_part more = process(0, 100 + i, "more", 1);
		assert_int_equal(leak_parts_add(p, &more, 100, 0), 0);
	}
	assert_int_equal(leak_parts_dropped(p), 2);
	leak_parts_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_process_that_leaks),
		cmocka_unit_test(test_the_peer_that_is_not_closed),
		cmocka_unit_test(test_nobody_is_named_where_nothing_grows),
		cmocka_unit_test(test_lives_and_room),
	};

	return cmocka_run_group_tests_name("leak_parts", tests, NULL, NULL);
}
