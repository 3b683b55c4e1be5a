// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report tests/support/report_input
// SPDX-License-Identifier: GPL-2.0-only
/* Weights of stacks: joined by name, bounded, folded, in the document and on the screen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/stacks.h"
#include "report/build.h"
#include "tests/support/report_input.h"
#include "tests/support/test.h"

static int setup(void **state)
{
	*state = stacks_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	stacks_free(*state);
	return 0;
}

/* names: each ended by a "|", innermost first. */
static void name(struct stacks *s, uint64_t stack, const char *names, uint16_t unnamed)
{
	struct {
		struct record_stack head;
		char text[256];
	} r = {.head = {.stack = stack, .unnamed = unnamed, .flags = RECORD_STACK_COPIED}};

	snprintf(r.text, sizeof(r.text), "%s", names);
	r.head.text_bytes = (uint32_t)strlen(names);
	for (char *c = r.text; (c = strchr(c, '|')); c++) {
		*c = '\0';
		r.head.frames++;
	}
	assert_int_equal(record_stack_check(&r, (uint32_t)sizeof(r.head) + r.head.text_bytes), 0);
	assert_int_equal(stacks_named(s, &r.head), 0);
}

static void sample(struct stacks *s, uint64_t stack)
{
	assert_int_equal(stacks_sampled(s, &(struct wire_sample){.stack = stack, .period_ns = 1000}), 0);
}

static void tell(struct stacks *s, enum phase phase, enum cause cause, uint64_t stack, uint64_t ns)
{
	const struct cause_stack told = {
		.phase = phase, .cause = cause, .stack = stack, .ns = ns, .waited = cause == CAUSE_LOCK, .first = true};

	assert_int_equal(stacks_told(s, &told, 1), 0);
}

static void fill(struct stacks *s)
{
	sample(s, 1);
	sample(s, 2);
	sample(s, 3);
	sample(s, 0);
	tell(s, PHASE_PROCESS_REQUEST, CAUSE_OWN_USER, 1, 1000);
	tell(s, PHASE_PROCESS_REQUEST, CAUSE_OWN_USER, 2, 1000);
	tell(s, PHASE_PROCESS_REQUEST, CAUSE_LOCK, 3, 5000);
	tell(s, PHASE_UPSTREAM_CONNECT, CAUSE_OWN_KERNEL, 3, 700); /* the gateway's, but not of the toll */
	/* names come last; 1 and 2 are one path */
	name(s, 1, "parse|handle|main|", 0);
	name(s, 2, "parse|handle|main|", 0);
	name(s, 3, "futex_[k]|<[u8; 4] as Lock>::take|handle|main|", 1);
}

static void test_same_names_are_one_row(void **state)
{
	struct stacks *s = *state;
	struct stacks_row *row;
	size_t rows;

	fill(s);
	assert_int_equal(stacks_rows(s, &row, &rows), 0);
	assert_int_equal(rows, 6);
	assert_int_equal(row[0].ns, 5000);
	assert_int_equal(row[0].cause, CAUSE_LOCK);
	assert_int_equal(row[0].class_index, 1);
	assert_int_equal(row[1].ns, 2000);
	assert_string_equal(row[1].name->text, "parse");
	assert_int_equal(row[5].ns, 700);
	free(row);
	assert_int_equal(stacks_stats(s)->samples, 4);
	assert_int_equal(stacks_stats(s)->samples_without_stack, 1);
	assert_int_equal(stacks_stats(s)->named, 3);
	assert_int_equal(stacks_stats(s)->toll_ns, 7000);
	assert_int_equal(stacks_stats(s)->waits_ns, 5000);
	assert_int_equal(stacks_stats(s)->in_requests, 4);
	assert_int_equal(stacks_stats(s)->frames_unnamed, 1);
}

static void folded_is(const struct stacks *s, bool all, const char *expected, long lines)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_int_equal(stacks_fold(s, all, out), lines);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void test_folded(void **state)
{
	fill(*state);
	folded_is(*state, false,
		  "process_request;lock;main;handle;<[u8: 4] as Lock>::take;futex_[k] 5000\n"
		  "process_request;own_user;main;handle;parse 2000\n"
		  "upstream_connect;own_kernel;main;handle;<[u8: 4] as Lock>::take;futex_[k] 700\n",
		  3);
	folded_is(*state, true,
		  "main;handle;parse 2000\n"
		  "main;handle;<[u8: 4] as Lock>::take;futex_[k] 1000\n"
		  "[stack not taken] 1000\n",
		  3);
}

static void test_weights_are_bounded(void **state)
{
	struct stacks *s = *state;
	struct stacks_row *row;
	size_t rows;

	for (uint64_t i = 1; i <= 70000; i++)
		sample(s, i);
	assert_int_equal(stacks_rows(s, &row, &rows), 0);
	free(row);
	assert_in_range(rows, 1, 65536);
	assert_int_equal(stacks_stats(s)->samples, 70000);
	assert_int_equal(stacks_stats(s)->dropped, 70000 - 65536);
}

static int64_t integer_at(const json_t *doc, const char *a, const char *b)
{
	return json_integer_value(json_object_get(json_object_get(doc, a), b));
}

static void test_document_and_text(void **state)
{
	struct report_fixture f;
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	json_t *doc;

	fill(*state);
	report_fixture_init(&f, 200);
	f.in.stacks = *state;
	doc = report_build(&f.in);
	assert_non_null(doc);
	assert_fits_schema(doc, report_schema());
	const json_t *stacks = json_object_get(doc, "stacks"), *top = json_array_get(json_object_get(stacks, "top_self"), 0);
	assert_string_equal(json_string_value(json_object_get(top, "frame")), "futex_[k]");
	assert_int_equal(json_integer_value(json_object_get(top, "cpu_self_ns")), 1000);
	assert_int_equal(json_integer_value(json_object_get(top, "toll_self_ns")), 5000);
	assert_int_equal(integer_at(top, "phases", "process_request"), 5000);
	assert_int_equal(integer_at(top, "phases", "upstream_connect"), 0);
	assert_int_equal(integer_at(doc, "stacks", "samples_in_requests"), 4);
	top = json_array_get(json_object_get(stacks, "folded"), 0);
	assert_string_equal(json_string_value(json_object_get(top, "cause")), "lock");
	assert_string_equal(json_string_value(json_array_get(json_object_get(top, "frames"), 0)), "main");
	assert_int_equal(report_print_text(doc, out, false), 0);
	fclose(out);
	assert_non_null(strstr(text, "WHERE IN THE CODE"));
	assert_non_null(strstr(text, "parse"));
	assert_non_null(strstr(text, "4 samples (4 within requests)"));
	free(text);
	json_decref(doc);
	report_fixture_fini(&f);
}

/* Samples that lie in no account: shares of the CPU stand, of the toll they are absent with the reason. */
static void test_without_accounts(void **state)
{
	struct report_fixture f;
	json_t *doc;

	sample(*state, 1);
	report_fixture_init(&f, 200);
	f.in.stacks = *state;
	doc = report_build(&f.in);
	assert_int_equal(integer_at(doc, "stacks", "samples"), 1);
	assert_null(json_object_get(json_object_get(doc, "stacks"), "toll_ns"));
	assert_non_null(json_object_get(json_object_get(doc, "not_measured"), "stacks.toll_ns"));
	json_decref(doc);
	f.in.no_stacks_because = "not asked for";
	doc = report_build(&f.in);
	assert_non_null(json_object_get(doc, "stacks")); /* what was measured before it stopped */
	json_decref(doc);
	f.in.stacks = NULL;
	doc = report_build(&f.in);
	assert_null(json_object_get(doc, "stacks"));
	assert_string_equal(json_string_value(json_object_get(json_object_get(doc, "not_measured"), "stacks")), "not asked for");
	json_decref(doc);
	report_fixture_fini(&f);
}

#define STACKS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STACKS(test_same_names_are_one_row), STACKS(test_folded),           STACKS(test_weights_are_bounded),
		STACKS(test_document_and_text),      STACKS(test_without_accounts),
	};

	return cmocka_run_group_tests_name("stacks", tests, NULL, NULL);
}
