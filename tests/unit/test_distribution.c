// SPDX-License-Identifier: GPL-2.0-only
// rooms: base provider/distribution
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "provider/distribution.h"

#define DRAWS 20001

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Sorted draws with a fixed seed; the caller frees them. */
static uint64_t *draw_all(const char *text)
{
	struct distribution *d = NULL;
	struct err err = {0};
	struct rng rng;
	uint64_t *drawn = malloc(DRAWS * sizeof(*drawn));
	rng_init(&rng, 7, 0);
	assert_int_equal(distribution_parse(&d, text, &err), 0);
	for (size_t i = 0; i < DRAWS; i++)
		drawn[i] = distribution_draw(d, &rng);
	qsort(drawn, DRAWS, sizeof(*drawn), compare);
	distribution_free(d);
	return drawn;
}

static void assert_near(uint64_t value, uint64_t want, uint64_t percent)
{
	assert_in_range(value, want - want * percent / 100, want + want * percent / 100);
}

static void test_constant(void **state)
{
	(void)state;
	uint64_t *d = draw_all("20ms");
	assert_int_equal(d[0], 20 * NS_PER_MS);
	assert_int_equal(d[DRAWS - 1], 20 * NS_PER_MS);
	free(d);
	d = draw_all("0");
	assert_int_equal(d[DRAWS - 1], 0);
	free(d);
}

static void test_lognormal(void **state)
{
	(void)state;
	uint64_t *d = draw_all("lognormal(20ms, 80ms)");
	assert_near(d[DRAWS / 2], 20 * NS_PER_MS, 3);
	assert_near(d[DRAWS * 99 / 100], 80 * NS_PER_MS, 8);
	free(d);
	d = draw_all("lognormal(1h,1h)"); /* an hour is the bound */
	assert_int_equal(d[DRAWS - 1], 3600 * NS_PER_S);
	free(d);
}

static void test_uniform(void **state)
{
	(void)state;
	uint64_t *d = draw_all("uniform(10ms,30ms)");
	assert_in_range(d[0], 10 * NS_PER_MS, 11 * NS_PER_MS);
	assert_near(d[DRAWS / 2], 20 * NS_PER_MS, 3);
	assert_in_range(d[DRAWS - 1], 29 * NS_PER_MS, 30 * NS_PER_MS);
	free(d);
	d = draw_all("uniform(5us,5us)");
	assert_int_equal(d[0], 5 * NS_PER_US);
	free(d);
}

static void test_exponential(void **state)
{
	(void)state;
	uint64_t *d = draw_all("exponential(20ms)"), sum = 0;
	for (size_t i = 0; i < DRAWS; i++)
		sum += d[i];
	assert_near(sum / DRAWS, 20 * NS_PER_MS, 3);
	free(d);
	d = draw_all("exponential(0)");
	assert_int_equal(d[DRAWS - 1], 0);
	free(d);
}

/* Writes text to a new file; the path goes behind "file:" in spec. */
static void file_make(char spec[64], const char *text)
{
	strcpy(spec, "file:/tmp/toll-distribution-XXXXXX");
	int fd = mkstemp(spec + 5);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void test_file(void **state)
{
	(void)state;
	char spec[64];
	file_make(spec, "# measured\n10ms\n\n 20ms \r\n30ms # slow");
	uint64_t *d = draw_all(spec);
	unlink(spec + 5);
	assert_int_equal(d[0], 10 * NS_PER_MS);
	assert_int_equal(d[DRAWS / 2], 20 * NS_PER_MS);
	assert_int_equal(d[DRAWS - 1], 30 * NS_PER_MS);
	size_t tens = 0;
	while (d[tens] == 10 * NS_PER_MS)
		tens++;
	assert_near(tens, DRAWS / 3, 5);
	free(d);
}

static void assert_refused(const char *text, int code, const char *named)
{
	struct distribution *d = NULL;
	struct err err = {0};
	assert_int_equal(distribution_parse(&d, text, &err), code);
	assert_null(d);
	assert_non_null(strstr(err.text, named));
}

static void test_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"20",
					  "",
					  "ms",
					  "-5ms",
					  "lognormal(20ms)",
					  "lognormal(0,1ms)",
					  "uniform(30ms,10ms)",
					  "uniform(1ms,2ms",
					  "exponential(1ms,2ms)",
					  "exponential()",
					  "gauss(1ms,2ms)",
					  "(1ms)",
					  "lognormal(1ms,2ms,3ms)",
					  "2h",
					  "uniform(0ns,18446744073709551615ns)"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(bad[i], -EINVAL, bad[i]);
	assert_refused("file:/nonexistent/x", -ENOENT, "/nonexistent/x");
	char spec[64];
	file_make(spec, "10ms\n12 bananas\n");
	assert_refused(spec, -EINVAL, ":2: \"12 bananas\"");
	unlink(spec + 5);
	file_make(spec, "# nothing\n");
	assert_refused(spec, -EINVAL, "no durations");
	unlink(spec + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_constant),    cmocka_unit_test(test_lognormal), cmocka_unit_test(test_uniform),
		cmocka_unit_test(test_exponential), cmocka_unit_test(test_file),      cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
