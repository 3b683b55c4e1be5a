// SPDX-License-Identifier: GPL-2.0-only
// rooms: base session/gateway_log
/* The gateway's own log: what was written in the measured part, whatever became of the file meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hist.h"
#include "session/gateway_log.h"
#include "tests/support/test.h"

static char directory[] = "/tmp/toll-test.XXXXXX", path[64], old[64];

static void put(const char *mode, const char *text)
{
	FILE *f = fopen(path, mode);

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void begin(struct gateway_log *g)
{
	struct gateway_log_config config = {.pattern = "took=([0-9.]+)(ms|s)", .file = path};
	struct err err = {0};

	memset(g, 0, sizeof(*g));
	assert_int_equal(gateway_log_init(g, &config, &err), 0);
	gateway_log_begin(g, "");
}

static void assert_told(struct gateway_log *g, uint64_t matched, uint64_t least_ns, uint64_t most_ns)
{
	gateway_log_end(g);
	assert_string_equal(g->report.why, "");
	assert_int_equal(g->report.matched, matched);
	assert_in_range(hist_min(g->report.told), least_ns - least_ns / 100, least_ns + least_ns / 100);
	assert_in_range(hist_max(g->report.told), most_ns - most_ns / 100, most_ns + most_ns / 100);
}

static void test_only_what_is_new(void **state)
{
	struct gateway_log g;

	(void)state;
	put("w", "took=7s\n");
	begin(&g);
	put("a", "took=2ms\nnothing\ntook=3ms\n");
	assert_told(&g, 2, 2000000, 3000000);
	assert_int_equal(g.report.lines, 3);
	assert_false(g.report.rotated);
	assert_false(g.report.cut);
	gateway_log_fini(&g);
}

static void test_one_that_appears(void **state)
{
	struct gateway_log g;

	(void)state;
	unlink(path);
	begin(&g);
	put("w", "took=2ms\n");
	assert_told(&g, 1, 2000000, 2000000);
	assert_false(g.report.rotated);
	gateway_log_fini(&g);
}

/* Renamed, and a new one in its place: both are read. */
static void test_rotated(void **state)
{
	struct gateway_log g;

	(void)state;
	put("w", "took=7s\n");
	begin(&g);
	put("a", "took=2ms\n");
	assert_int_equal(rename(path, old), 0);
	put("w", "took=3ms\n");
	assert_told(&g, 2, 2000000, 3000000);
	assert_true(g.report.rotated);
	gateway_log_fini(&g);
}

/* Renamed, and the gateway writes on into it. */
static void test_renamed_only(void **state)
{
	struct gateway_log g;

	(void)state;
	put("w", "took=7s\n");
	begin(&g);
	put("a", "took=2ms\n");
	assert_int_equal(rename(path, old), 0);
	assert_told(&g, 1, 2000000, 2000000);
	gateway_log_fini(&g);
}

static void test_cut(void **state)
{
	struct gateway_log g;

	(void)state;
	put("w", "took=7s\ntook=7s\n");
	begin(&g);
	put("w", "took=3ms\n");
	assert_told(&g, 1, 3000000, 3000000);
	assert_true(g.report.cut);
	assert_false(g.report.rotated);
	gateway_log_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_only_what_is_new), cmocka_unit_test(test_one_that_appears),
					   cmocka_unit_test(test_rotated), cmocka_unit_test(test_renamed_only),
					   cmocka_unit_test(test_cut)};
	int failed;

	if (!mkdtemp(directory))
		return 2;
	snprintf(path, sizeof(path), "%s/log", directory);
	snprintf(old, sizeof(old), "%s/log.1", directory);
	failed = cmocka_run_group_tests_name("gateway_log", tests, NULL, NULL);
	unlink(path);
	unlink(old);
	rmdir(directory);
	return failed;
}
