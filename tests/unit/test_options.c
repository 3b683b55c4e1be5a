// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/nearest.h"
#include "base/options.h"
#include "tests/support/test.h"

struct settings {
	bool probes;
	const char *gateway;
	uint64_t vus;
	uint64_t duration_ns;
	uint64_t cap_bytes;
	struct option_list headers;
	const char *positional[2];
	unsigned positionals;
	struct err err;
};

static const struct command_help help = {
	.usage = "toll test [options]", .text = "Tests options.", .examples = "  toll test --gateway x"};

static int parse_into(struct settings *s, FILE *help_to, int argc, char **argv)
{
	const struct option rows[] = {
		{OPTION_FLAG, "probes", 'p', NULL, "watch by probes", &s->probes},
		{OPTION_STRING, "gateway", 'g', "URL", "where the gateway listens", &s->gateway},
		{OPTION_U64, "vus", 0, "N", "virtual users", &s->vus},
		{OPTION_DURATION, "for", 0, "TIME", "how long", &s->duration_ns},
		{OPTION_BYTES, "capture-max", 0, "SIZE", "bound of the capture", &s->cap_bytes},
		{OPTION_LIST, "header", 'H', "NAME:VALUE", "send this header", &s->headers},
		{.kind = OPTION_END},
	};

	if (help_to) {
		options_print_help(help_to, rows, &help);
		return 0;
	}
	return options_parse(rows, &help, argc, argv, s->positional, 2, &s->positionals, &s->err);
}

#define PARSE(s, ...)                                                                                                            \
	parse_into((s), NULL, (int)(sizeof((char *[]){"test", __VA_ARGS__}) / sizeof(char *)), (char *[]){"test", __VA_ARGS__})

static void test_all_kinds(void **state)
{
	struct settings s = {0};

	(void)state;
	assert_int_equal(PARSE(&s, "one", "--probes", "--gateway=http://x=y", "--vus", "12", "--for=1.5s", "--capture-max", "1GB",
			       "-H", "a:b", "--header", "c:d", "--", "--two"),
			 0);
	assert_true(s.probes);
	assert_string_equal(s.gateway, "http://x=y");
	assert_int_equal(s.vus, 12);
	assert_int_equal(s.duration_ns, 1500 * NS_PER_MS);
	assert_int_equal(s.cap_bytes, 1000000000);
	assert_int_equal(s.headers.count, 2);
	assert_string_equal(s.headers.value[1], "c:d");
	assert_int_equal(s.positionals, 2);
	assert_string_equal(s.positional[0], "one");
	assert_string_equal(s.positional[1], "--two");
}

static void test_flags_and_dash(void **state)
{
	struct settings s = {.probes = true};

	(void)state;
	assert_int_equal(PARSE(&s, "--no-probes", "-"), 0);
	assert_false(s.probes);
	assert_string_equal(s.positional[0], "-");
	assert_int_equal(PARSE(&s, "-p"), 0);
	assert_true(s.probes);
	assert_int_equal(PARSE(&s, "--gateway", "a", "--gateway="), 0);
	assert_string_equal(s.gateway, "");
}

static void assert_error_names(struct settings *s, const char *word)
{
	if (!strstr(s->err.text, word))
		print_error("'%s' does not name '%s'\n", s->err.text, word);
	assert_non_null(strstr(s->err.text, word));
	s->err = (struct err){0};
}

static void test_errors_name_the_argument(void **state)
{
	struct settings s = {0};

	(void)state;
	assert_int_equal(PARSE(&s, "--gatway", "x"), -EINVAL);
	assert_error_names(&s, "did you mean --gateway?");
	assert_int_equal(PARSE(&s, "--xyzzyplugh"), -EINVAL);
	assert_error_names(&s, "--help");
	assert_int_equal(PARSE(&s, "--gateway"), -EINVAL);
	assert_error_names(&s, "--gateway URL");
	assert_int_equal(PARSE(&s, "--probes=yes"), -EINVAL);
	assert_error_names(&s, "--probes=yes takes no value");
	assert_int_equal(PARSE(&s, "--no-gateway"), -EINVAL);
	assert_error_names(&s, "--no-gateway");
	assert_int_equal(PARSE(&s, "--for", "30"), -EINVAL);
	assert_error_names(&s, "unit");
	assert_int_equal(PARSE(&s, "--vus", "-3"), -EINVAL);
	assert_error_names(&s, "out of range");
	assert_int_equal(PARSE(&s, "--capture-max=1x"), -EINVAL);
	assert_error_names(&s, "1x");
	assert_int_equal(PARSE(&s, "a", "b", "c"), -EINVAL);
	assert_error_names(&s, "'c'");
	assert_int_equal(PARSE(&s, "-pg"), -EINVAL);
	assert_error_names(&s, "-pg");
	assert_int_equal(PARSE(&s, "-x"), -EINVAL);
	assert_error_names(&s, "-x");
}

static void test_list_bound(void **state)
{
	struct settings s = {.headers.count = OPTION_LIST_MAX};

	(void)state;
	assert_int_equal(PARSE(&s, "--header", "a"), -EINVAL);
	assert_error_names(&s, "32");
}

static void test_help(void **state)
{
	struct settings s = {0};
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	assert_int_equal(parse_into(&s, out, 0, NULL), 0);
	fclose(out);
	assert_non_null(strstr(text, "usage: toll test [options]"));
	assert_non_null(strstr(text, "  -g, --gateway URL"));
	assert_non_null(strstr(text, "      --capture-max SIZE"));
	assert_non_null(strstr(text, "  -h, --help"));
	assert_non_null(strstr(text, "examples:\n  toll test --gateway x"));
	free(text);
	assert_int_equal(PARSE(&s, "--help", "--nonsense"), 1);
}

static void test_nearest(void **state)
{
	struct nearest n = {.word = "reprot"};

	(void)state;
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("abc", ""), 3);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
	assert_int_equal(nearest_distance("reprot", "report"), 1);
	nearest_offer(&n, "replay");
	nearest_offer(&n, "report");
	nearest_offer(&n, "run");
	assert_string_equal(n.name, "report");
	n = (struct nearest){.word = "zz"};
	nearest_offer(&n, "replay");
	assert_null(n.name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_flags_and_dash),
		cmocka_unit_test(test_errors_name_the_argument),
		cmocka_unit_test(test_list_bound),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
