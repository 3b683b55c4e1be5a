// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report tests/support/report_input
// SPDX-License-Identifier: GPL-2.0-only
/* Who keeps what, from rows to the document and the words of the report. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "report/reachability.h"
#include "report/survivors.h"
#include "tests/support/report_input.h"
#include "tests/support/test.h"

static const char leak_text[] = "malloc\0operator new(unsigned long)\0grow\0main", cache_text[] = "put;it\0main";
static const char file_text[] = "__open64\0log_reopen\0main", thread_text[] = "clone3\0__pthread_create_2_1\0spawn\0main";

static struct survivor_row row_of(uint32_t kind, const char *text, unsigned frames, uint64_t kept, uint64_t bytes)
{
	return (struct survivor_row){
		.kind = kind,
		.text = text,
		.frames = frames,
		.first_ns = 12 * NS_PER_S,
		.last_ns = 20 * NS_PER_S,
		.taken = kept,
		.taken_bytes = kept * bytes,
		.asked_bytes = kept * bytes,
		.alive = kept,
		.alive_bytes = kept * bytes,
		.youngest_ns = NS_PER_S,
		.oldest_ns = 9 * NS_PER_S,
		.survival = 1,
		.until_s = 8.6,
		.kept = (double)kept,
		.kept_bytes = (double)(kept * bytes),
		.kept_error_bytes = 640,
	};
}

struct fixture {
	struct report_fixture f;
	struct leak_result leak;
	struct survivor_row row[2], thing[2];
	struct report_survivors kept, growth;
	json_t *probed, *doc;
};

static json_t *reachability_made(void)
{
	const char *const unsearched[] = {"process 9 runs Go, which keeps its objects in a heap of its own", NULL};
	const struct report_reach_process searched[] = {
		{.pid = 7,
		 .threads = 3,
		 .pauses = 1,
		 .pause_ns = 12 * NS_PER_MS,
		 .blocks = 5000,
		 .bytes = 640000,
		 .lost = 1010,
		 .lost_bytes = 64640,
		 .heads = 1000,
		 .followed_lost = 998,
		 .followed_lost_bytes = 63872},
		{.pid = 8, .pause_ns = 3 * NS_PER_MS, .blocks = 10, .bytes = 640, .broken = 1}};
	const struct report_reachability reached = {.process = searched, .processes = 2, .note = unsearched};

	return report_reachability(&reached);
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	const char *const notes[] = {"V8 keeps its own heap", NULL};

	report_fixture_init(&x->f, 3000);
	x->leak =
		(struct leak_result){.verdict = LEAK_FOUND, .worst = LEAK_MEMORY, .classes = 2, .samples = 100, .duration_s = 60};
	x->leak.gauge[LEAK_MEMORY] = (struct leak_judgement){
		.verdict = LEAK_FOUND,
		.reason = LEAK_GROWS_ON,
		.per_second = {.points = 20, .slope = 6400, .low = 6000, .high = 6800},
		.per_request = {.points = 20, .slope = 32, .low = 30, .high = 34},
	};
	x->leak.gauge[LEAK_DESCRIPTORS] =
		(struct leak_judgement){.per_second = {.points = 20, .slope = 1, .low = 0.5, .high = 2}};
	x->leak.split[LEAK_MEMORY].class_[0] = (struct leak_class){.told = true, .per_request = 64, .low = 60, .high = 68};
	x->leak.split[LEAK_MEMORY].class_[1] = (struct leak_class){.told = true, .per_request = 1, .low = -4, .high = 6};
	x->row[0] = row_of(WIRE_KEPT_BLOCK, leak_text, 4, 1000, 64);
	x->row[1] = row_of(WIRE_KEPT_BLOCK, cache_text, 2, 100, 64);
	x->row[1].carried = 400;
	x->row[1].gone = 300;
	x->thing[0] = row_of(WIRE_KEPT_DESCRIPTOR, file_text, 3, 50, 1);
	x->thing[1] = row_of(WIRE_KEPT_THREAD, thread_text, 4, 7, 1);
	x->kept = (struct report_survivors){
		.because = "anonymous memory grows",
		.started_s = 10,
		.windows = 2,
		.on_s = 8.5,
		.cpu_share = 0.12,
		.weight = 4,
		.refused = 3,
		.strangers = 41,
		.class_name = {x->f.in.class_[0].name, x->f.in.class_[1].name},
		.requests = {1000, 500},
		.classes = 2,
		.start_ns = 2 * NS_PER_S,
		.row = x->row,
		.rows = 2,
		.note = notes,
	};
	x->growth = x->kept;
	x->growth.row = x->thing;
	x->kept.searched = true;
	x->row[0].fate[SURVIVOR_LOST] = 998;
	x->row[0].fate_bytes[SURVIVOR_LOST] = 998 * 64;
	x->row[0].fate[SURVIVOR_REACHED] = 2;
	x->row[1].fate[SURVIVOR_REACHED] = 60;
	x->row[1].fate[SURVIVOR_GONE] = 40;
	x->probed = json_pack("{s:o, s:o, s:o, s:{}}", "survivors", report_survivors(&x->kept), "growth_stacks",
			      report_growth_stacks(&x->growth), "reachability", reachability_made(), "not_measured");
	x->f.in.leak = &x->leak;
	x->f.in.probed = x->probed;
	x->doc = report_build(&x->f.in);
	*state = x;
	return x->doc ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	json_decref(x->doc);
	json_decref(x->probed);
	report_fixture_fini(&x->f);
	free(x);
	return 0;
}

static const json_t *site_of(const json_t *list, size_t i)
{
	return json_array_get(json_object_get(list, "sites"), i);
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* A request of the class that grows, not of all. */
static void test_rates(void **state)
{
	struct fixture *x = *state;
	const json_t *s = json_object_get(json_object_get(x->doc, "leak"), "survivors"), *site = site_of(s, 0);
	const json_t *of = json_object_get(s, "per_request_of");

	assert_fits_schema(x->doc, report_schema());
	assert_int_equal(json_array_size(of), 1);
	assert_string_equal(json_string_value(json_array_get(of, 0)), x->f.in.class_[0].name);
	assert_string_equal(json_string_value(json_object_get(site, "site")),
			    "grow"); /* malloc and operator new took it for others */
	assert_int_equal(json_array_size(json_object_get(site, "frames")), 4);
	assert_true(number(site, "bytes_per_request") == 64 && number(site, "count_per_request") == 1);
	assert_true(json_number_value(json_array_get(json_object_get(site, "interval"), 0)) < 63);
	assert_true(json_number_value(json_array_get(json_object_get(site, "interval"), 1)) > 65);
	assert_true(number(site, "first_s") == 10 && number(site, "oldest_s") == 9);
	assert_true(number(s, "kept_bytes") == 70400);
	assert_null(json_object_get(x->doc, "survivors"));
}

/* What nothing points to: of the whole heap, and of each site's blocks. */
static void test_reachability(void **state)
{
	struct fixture *x = *state;
	const json_t *leak = json_object_get(x->doc, "leak"), *r = json_object_get(leak, "reachability");
	const json_t *kept = json_object_get(leak, "survivors");

	assert_int_equal(number(r, "lost"), 1010);
	assert_int_equal(number(r, "followed_lost"), 998);
	assert_int_equal(number(r, "blocks"), 5010);
	assert_int_equal(number(r, "longest_pause_ns"), 12 * NS_PER_MS);
	assert_int_equal(json_array_size(json_object_get(r, "processes")), 2);
	assert_int_equal(number(site_of(kept, 0), "lost"), 998);
	assert_int_equal(number(site_of(kept, 0), "reached"), 2);
	assert_int_equal(number(site_of(kept, 1), "gone_unseen"), 40);
	assert_null(json_object_get(x->doc, "reachability"));
}

/* Of the kinds whose gauge rises; threads do not. */
static void test_things(void **state)
{
	struct fixture *x = *state;
	const json_t *kinds = json_object_get(json_object_get(json_object_get(x->doc, "leak"), "growth_stacks"), "kinds");
	const json_t *files = json_object_get(kinds, "descriptors"), *threads = json_object_get(kinds, "threads");

	assert_int_equal(json_object_size(kinds), 2);
	assert_true(json_is_true(json_object_get(files, "grows")));
	assert_true(json_is_false(json_object_get(threads, "grows")));
	assert_string_equal(json_string_value(json_object_get(site_of(files, 0), "site")), "log_reopen");
	assert_string_equal(json_string_value(json_object_get(site_of(threads, 0), "site")), "spawn");
	assert_true(number(site_of(files, 0), "bytes_per_request") == 0.05);
}

static void test_words(void **state)
{
	static const char *const words[] = {
		"WHO KEEPS MEMORY",
		"  grow ",
		"malloc < operator new(unsigned long) < grow < main",
		"75 %",
		"one address in 4",
		"LOST: 3 blocks",
		"41 were given back",
		"V8 keeps its own heap",
		"of 5,010 blocks in use (641 kB) nothing points to 1,010 (64.6 kB): lost for certain",
		"998 of these were seen to be taken",
		"process 7 stood still for 12.0 ms, process 8",
		"1 parts of the heap could not be followed",
		"not searched: process 9 runs Go",
		"nothing points to 998 blocks (63.9 kB): lost for certain; 2 (0 B) can still be found",
		"WHO KEEPS DESCRIPTORS",
		"  log_reopen "};
	struct fixture *x = *state;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(report_print_text(x->doc, out, false), 0);
	fclose(out);
	for (char *c = text; *c; c++) /* however the lines are broken */
		if (*c == '\n' || (*c == ' ' && c[1] == ' ' && c > text && c[-1] == ' '))
			*c = ' ';
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strstr(text, words[i]))
			fail_msg("\"%s\" is not in: %s", words[i], strstr(text, "LEAKS"));
	assert_null(strstr(text, "WHO KEEPS THREADS"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reachability, setup, teardown),
		cmocka_unit_test_setup_teardown(test_things, setup, teardown),
		cmocka_unit_test_setup_teardown(test_words, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
