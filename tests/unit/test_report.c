// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report tests/support/report_input
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/build.h"
#include "report/report.h"
#include "tests/support/report_input.h"
#include "tests/support/test.h"

static const char *const criteria[] = {"success_rate >= 95%", "latency.p95 < 100ms", "latency.p999 < 40s",    "toll.p99 < 1us",
				       "nonsense < 3",        "trust.lost == 0",     "gateway.cpu.mean < 60%"};

static json_t *build(struct report_fixture *f)
{
	json_t *doc = report_build(&f->in);

	assert_non_null(doc);
	return doc;
}

static unsigned columns_of(const char *line, size_t n)
{
	unsigned columns = 0;

	for (size_t i = 0; i < n; i++)
		columns += ((unsigned char)line[i] & 0xc0) != 0x80;
	return columns;
}

/* The report as text; every line is at most 100 columns wide. Caller frees. */
static char *text_of(const json_t *doc, bool colour)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(report_print_text(doc, out, colour), 0);
	fclose(out);
	for (const char *line = text; !colour && *line;) {
		size_t n = strcspn(line, "\n");
		if (columns_of(line, n) > 100)
			fail_msg("%u columns: %.*s", columns_of(line, n), (int)n, line);
		if (n && line[n - 1] == ' ')
			fail_msg("ends in a space: %.*s", (int)n, line);
		line += n + 1;
	}
	return text;
}

static void assert_whole(struct report_fixture *f, json_t *doc)
{
	assert_fits_schema(doc, report_schema());
	free(text_of(doc, false));
	free(text_of(doc, true));
	json_decref(doc);
	report_fixture_fini(f);
}

static json_int_t integer_at(const json_t *doc, const char *a, const char *b)
{
	return json_integer_value(json_object_get(json_object_get(doc, a), b));
}

static const char *absent(const json_t *doc, const char *path)
{
	return json_string_value(json_object_get(json_object_get(doc, "not_measured"), path));
}

static void test_full_run(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 3000);
	f.in.criterion = criteria;
	f.in.criteria = 2;
	json_t *doc = build(&f);
	assert_string_equal(json_string_value(json_object_get(doc, "schema")), "toll.result/1");
	assert_string_equal(json_string_value(json_object_get(doc, "verdict")), "met");
	assert_string_equal(json_string_value(json_object_get(doc, "date")), "2026-11-22T03:50:02Z");
	assert_int_equal(report_exit_code(doc), EXIT_CODE_OK);
	assert_int_equal(integer_at(doc, "trust", "requests"), 3000);
	assert_int_equal(integer_at(doc, "trust", "joined"), 2970);
	assert_int_equal(integer_at(doc, "latency", "count"), 3000);
	assert_int_equal(integer_at(doc, "latency", "lower_bounds"), 30);
	assert_int_equal(integer_at(doc, "toll", "count"), 2970);
	assert_int_equal(integer_at(doc, "gateway", "cpu_ns_per_request"), 900000000 / 2970);
	/* every timed-out request failed, so all that had an answer are joined */
	assert_true(json_number_value(json_object_get(json_object_get(doc, "trust"), "coverage")) > 0.9999);
	assert_non_null(json_object_get(json_object_get(doc, "phases"), "pick_up_request"));
	assert_null(json_object_get(json_object_get(doc, "phases"), "accept_queue"));
	assert_non_null(absent(doc, "phases.accept_queue"));
	assert_non_null(absent(doc, "causes"));
	assert_null(json_object_get(doc, "causes"));
	assert_int_equal(json_object_size(json_object_get(doc, "classes")), 2);
	assert_int_equal(json_array_size(json_object_get(doc, "stages")), 3);
	/* 2 requests a millisecond for 1.5 s; the last of those that time out end 31.5 s after the start */
	const json_t *series = json_object_get(doc, "series");
	assert_int_equal(integer_at(doc, "series", "points"), 32);
	assert_int_equal(json_array_size(json_object_get(series, "latency_p99_ns")), 32);
	assert_true(json_is_null(json_array_get(json_object_get(series, "latency_p99_ns"), 10)));
	assert_int_equal(json_array_size(json_object_get(series, "bands")), 4);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(series, "gateway_threads"), 3)), 3);
	assert_whole(&f, doc);
}

/* The scenario's faults stand behind the series: once, again and again, to the end; what cannot be read is left out. */
static void test_faults_are_bands(void **state)
{
	static const struct {
		const char *name;
		double from_s, to_s;
	} want[] = {{"a: error=503 (25 % of the requests)", 2, 3.5},
		    {"b: hang", 10, 11},
		    {"b: hang", 20, 21},
		    {"b: hang", 30, 31},
		    {"b: reset", 31, 32}};
	struct report_fixture f;
	size_t faults = 0;
	json_t *band;
	size_t i;

	(void)state;
	report_fixture_init(&f, 3000);
	json_t *configuration =
		json_pack("{s:{s:[s, s], s:[s, s, s]}}", "faults", "a", "error=503,share=25%,from=2s,until=3500ms", "no fault",
			  "b", "hang,from=10s,until=11s,every=10s", "reset,from=31s", "hang,from=40s");
	f.in.configuration = configuration;
	json_t *doc = build(&f);
	json_array_foreach (json_object_get(json_object_get(doc, "series"), "bands"), i, band) {
		if (strcmp(json_string_value(json_object_get(band, "kind")), "fault"))
			continue;
		assert_in_range(faults, 0, sizeof(want) / sizeof(*want) - 1);
		assert_string_equal(json_string_value(json_object_get(band, "name")), want[faults].name);
		assert_float_equal(json_number_value(json_object_get(band, "from_s")), want[faults].from_s, 1e-9);
		assert_float_equal(json_number_value(json_object_get(band, "to_s")), want[faults].to_s, 1e-9);
		faults++;
	}
	assert_int_equal(faults, sizeof(want) / sizeof(*want));
	f.in.configuration = NULL;
	json_decref(configuration);
	assert_whole(&f, doc);
}

static void test_goodput(void **state)
{
	struct report_fixture f;
	char *text;

	(void)state;
	report_fixture_init(&f, 3000);
	f.total.slo = 3000;
	f.total.good = 1500;
	f.class_[1].slo = f.class_[1].good = 1000;
	f.stage[0].slo = f.stage[1].slo = 1500;
	f.stage[0].good = 300;
	f.stage[1].good = 1200;
	json_t *doc = build(&f);
	assert_int_equal(integer_at(doc, "requests", "slo_judged"), 3000);
	assert_int_equal(integer_at(doc, "requests", "slo_met"), 1500);
	assert_float_equal(json_number_value(json_object_get(json_object_get(doc, "requests"), "goodput_per_s")), 50, 1e-9);
	text = text_of(doc, false);
	assert_non_null(strstr(text, ": 1,000 of 1,000 within their SLO"));
	assert_non_null(strstr(text, "most goodput: "));
	free(text);
	assert_whole(&f, doc);
}

static void test_phase_shares_add_up(void **state)
{
	struct report_fixture f;
	double toll = 0, time = 0;
	const char *key;
	json_t *row;

	(void)state;
	report_fixture_init(&f, 500);
	json_t *doc = build(&f);
	json_object_foreach (json_object_get(doc, "phases"), key, row) {
		toll += json_number_value(json_object_get(row, "share_of_toll"));
		time += json_number_value(json_object_get(row, "share_of_time"));
	}
	assert_float_equal(toll, 1.0, 1e-4);
	assert_float_equal(time, 1.0, 1e-4);
	assert_whole(&f, doc);
}

static void test_histogram_comes_back(void **state)
{
	struct report_fixture f;
	struct hist *h;

	(void)state;
	report_fixture_init(&f, 500);
	json_t *doc = build(&f);
	assert_int_equal(hist_decode(json_string_value(json_object_get(json_object_get(doc, "latency"), "histogram")), &h), 0);
	assert_int_equal(hist_count(h), 500);
	assert_int_equal(hist_percentile(h, 99), integer_at(doc, "latency", "p99_ns"));
	hist_free(h);
	assert_whole(&f, doc);
}

static void test_no_probes(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	report_fixture_no_probes(&f);
	f.in.criterion = criteria;
	f.in.criteria = 6;
	json_t *doc = build(&f);
	static const char *const paths[] = {"toll",         "phases",     "upstreams",        "exemplars",
					    "trust.joined", "trust.lost", "streams.chunk_lag"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert_string_equal(absent(doc, paths[i]), f.in.no_probes_because);
	assert_null(json_object_get(doc, "toll"));
	assert_null(json_object_get(json_object_get(doc, "trust"), "joined"));
	assert_int_equal(integer_at(doc, "latency", "count"), 300);
	assert_string_equal(json_string_value(json_object_get(doc, "verdict")), "not_measured");
	assert_int_equal(report_exit_code(doc), EXIT_CODE_CRITERIA);
	/* one reason for the whole run is enough: not again for each class */
	assert_null(absent(doc, "classes.chat.toll"));
	assert_whole(&f, doc);
}

static void test_attach(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	report_fixture_attach(&f);
	json_t *doc = build(&f);
	assert_null(json_object_get(doc, "latency"));
	assert_null(json_object_get(doc, "requests"));
	assert_non_null(absent(doc, "latency"));
	assert_non_null(absent(doc, "driver"));
	assert_non_null(json_object_get(doc, "toll"));
	assert_string_equal(json_string_value(json_object_get(doc, "verdict")), "none");
	assert_int_equal(report_exit_code(doc), EXIT_CODE_OK);
	char *text = text_of(doc, false);
	assert_non_null(strstr(text, "The gateway charges each request"));
	assert_null(strstr(text, "of latency)"));
	free(text);
	assert_whole(&f, doc);
}

static void test_empty(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 0);
	f.in.criterion = criteria;
	f.in.criteria = 7;
	json_t *doc = build(&f);
	assert_null(json_object_get(doc, "latency"));
	assert_null(json_object_get(json_object_get(doc, "trust"), "coverage"));
	assert_non_null(absent(doc, "latency"));
	assert_non_null(absent(doc, "trust.coverage"));
	assert_whole(&f, doc);
}

static void test_nothing_known(void **state)
{
	struct report_fixture f;

	(void)state;
	memset(&f, 0, sizeof(f));
	json_t *doc = build(&f);
	assert_int_equal(report_exit_code(doc), EXIT_CODE_CUT_SHORT);
	assert_non_null(absent(doc, "date"));
	assert_non_null(absent(doc, "machine"));
	assert_non_null(absent(doc, "gateway.cpu"));
	assert_whole(&f, doc);
}

static void test_cut_short(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	f.in.complete = false;
	f.in.cut_short_because = "the gateway (pid 12) ended after 12.1 s of 30 s";
	f.in.gateway.died = true;
	json_t *doc = build(&f);
	char *text = text_of(doc, false);
	assert_memory_equal(text, "CUT SHORT", 9);
	assert_int_equal(report_exit_code(doc), EXIT_CODE_CUT_SHORT);
	free(text);
	assert_whole(&f, doc);
}

static void test_invalid_comes_first(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	f.in.criterion = criteria;
	f.in.criteria = 2;
	f.in.invalid_because = "the driver was late by 1.2 s at p99";
	json_t *doc = build(&f);
	char *text = text_of(doc, false);
	assert_memory_equal(text, "INVALID", 7);
	assert_string_equal(json_string_value(json_object_get(doc, "verdict")), "invalid");
	assert_int_equal(report_exit_code(doc), EXIT_CODE_CRITERIA);
	free(text);
	assert_whole(&f, doc);
}

/* The kernel's marks and the ends' own clocks are 60 µs apart: the report opens with it. */
static void test_untrusted_comes_first(void **state)
{
	struct attribution_set set;
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	set = *f.in.total.attribution;
	set.self_end = hist_new();
	hist_record_n(set.self_end, 60000, 300);
	f.in.total.attribution = &set;
	json_t *doc = build(&f);
	char *text = text_of(doc, false);
	assert_true(json_is_true(json_object_get(json_object_get(doc, "trust"), "untrusted")));
	assert_memory_equal(text, "UNTRUSTED", 9);
	assert_non_null(strstr(text, "answer's end by 60"));
	free(text);
	hist_free(set.self_end);
	assert_whole(&f, doc);
}

static void test_loss_refuses_inside_verdicts(void **state)
{
	static const char *const inside[] = {"toll.p99 < 1s", "latency.p95 < 100ms"};
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	f.in.criterion = inside;
	f.in.criteria = 2;
	f.in.counters[WIRE_COUNT_RING_FULL] = f.in.counters[WIRE_COUNT_RECORDS] / 50;
	json_t *doc = build(&f);
	const json_t *rows = json_object_get(doc, "criteria");
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "verdict")), "not_measured");
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "verdict")), "met");
	char *text = text_of(doc, false);
	assert_non_null(strstr(text, "ring full 246"));
	free(text);
	assert_whole(&f, doc);
}

static void test_lower_bounds_are_marked(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	f.in.criterion = criteria;
	f.in.criteria = 3;
	json_t *doc = build(&f);
	const json_t *row = json_array_get(json_object_get(doc, "criteria"), 2);
	assert_string_equal(json_string_value(json_object_get(row, "verdict")), "not_measured");
	assert_string_equal(json_string_value(json_object_get(row, "bound")), "at_least");
	char *text = text_of(doc, false);
	assert_non_null(strstr(text, "≥30.0 s"));
	free(text);
	assert_whole(&f, doc);
}

static void make_extreme(struct report_fixture *f)
{
	static const char *const notes[] = {
		"a note with an "
		"extremely_long_word_that_does_not_break_anywhere_and_is_therefore_longer_than_one_hundred_columns_wide",
		"control \033[31m characters \001 and a new\nline"};

	f->in.scenario = "a/scenario/with/a/name/that/is/very/long/and/goes/on/and/on/until/nobody/reads/it/any/more/at/all";
	f->in.duration_s = 1e18;
	f->in.note = notes;
	f->in.notes = 2;
	for (unsigned i = 0; i < WIRE_COUNTERS; i++)
		f->in.counters[i] = UINT64_MAX / 32;
	f->in.due = f->in.queue_max = f->in.in_flight_max = f->in.connections = f->in.driver_cpu_ns = UINT64_MAX;
	f->timeline.requests = UINT64_MAX;
	f->timeline.order_violations = UINT64_MAX;
	f->timeline.provider_unclaimed = UINT64_MAX;
	memset(f->in.gateway.exe, 'x', sizeof(f->in.gateway.exe) - 1);
	memset(f->in.gateway.how, '\xff', sizeof(f->in.gateway.how) - 1);
	f->in.gateway.cpu_ns = f->in.gateway.rss_peak_bytes = f->in.gateway.rss_final_bytes = UINT64_MAX;
	f->in.gateway.rss_initial_bytes = 1;
	f->in.gateway.cpu_cores_mean = f->in.gateway.cpu_cores_max = 1e30;
	f->in.gateway.cores_usable = 1e-9;
	for (unsigned i = 0; i < 50; i++)
		hist_record_at_least(f->total.latency, UINT64_MAX);
	f->total.sent = f->total.outcome[RECORD_OK] = f->total.tokens = UINT64_MAX;
	f->in.total.duration_s = 1e-6;
	f->in.class_[0].name = "Ωμέγα-日本語の名前はここにあります-and-more";
	f->in.class_[0].duration_s = 1e-9;
	f->in.plants = 1;
	memset(f->in.plant[0].text, 'p', sizeof(f->in.plant[0].text) - 1);
	f->in.plant[0].truth_p50_ns = 1;
	f->in.plant[0].measured_p50_ns = UINT64_MAX / 4;
}

static void test_extreme_numbers_stay_in_the_columns(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	make_extreme(&f);
	f.in.criterion = criteria;
	f.in.criteria = 7;
	json_t *doc = build(&f);
	char *text = text_of(doc, false);
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\001'));
	free(text);
	assert_whole(&f, doc);
}

static void test_colour_only_if_asked(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 30);
	json_t *doc = build(&f);
	char *plain = text_of(doc, false), *coloured = text_of(doc, true);
	assert_null(strchr(plain, '\033'));
	assert_non_null(strchr(coloured, '\033'));
	free(plain);
	free(coloured);
	assert_whole(&f, doc);
}

/* --- files -------------------------------------------------------------------------------------------------------------------- */

static char directory[] = "/tmp/toll-report-XXXXXX";

static const char *path_of(char buf[128], const char *name)
{
	snprintf(buf, 128, "%s/%s", directory, name);
	return buf;
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	char path[128];

	(void)state;
	unlink(path_of(path, "result.json"));
	unlink(path_of(path, "bad.json"));
	return rmdir(directory);
}

static void test_file_round_trip(void **state)
{
	struct report_fixture f;
	struct err err = {0};
	struct stat st;
	char path[128];
	json_t *again;

	(void)state;
	report_fixture_init(&f, 3000);
	json_t *doc = build(&f);
	path_of(path, "result.json");
	assert_int_equal(report_write_json(doc, path, &err), 0);
	assert_int_equal(report_write_json(doc, path, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(report_read_json(path, &again, &err), 0);
	assert_true(json_equal(doc, again));
	char *first = text_of(doc, true), *second = text_of(again, true);
	assert_string_equal(first, second);
	free(first);
	free(second);
	json_decref(again);
	assert_whole(&f, doc);
}

static void assert_refused(const char *text, const char *words)
{
	struct err err = {0};
	char path[128];
	json_t *doc;
	FILE *f = fopen(path_of(path, "bad.json"), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(report_read_json(path, &doc, &err), -EINVAL);
	assert_null(doc);
	if (!strstr(err.text, words) || !strstr(err.text, path))
		fail_msg("\"%s\" lacks \"%s\" or the path", err.text, words);
}

static void test_bad_files_are_named(void **state)
{
	struct report_fixture f;
	char *text, path[128];
	struct err err = {0};
	json_t *out;

	(void)state;
	assert_refused("{\n\"schema\": \"toll.result/1\",\n oops }", "line 3");
	assert_refused("[]", "no result of toll");
	assert_refused("{\"schema\": \"toll.result/9\"}", "toll.result/9");
	assert_refused("{\"schema\": \"toll.result/1\"}", "missing");
	assert_refused("{\"schema\": \"toll.result/1\", \"schema\": 1}", "line 1");
	assert_int_equal(report_read_json(path_of(path, "none.json"), &out, &err), -ENOENT);
	report_fixture_init(&f, 30);
	json_t *doc = build(&f);
	json_object_set_new(json_object_get(doc, "latency"), "p99_ns", json_string("fast"));
	text = json_dumps(doc, 0);
	assert_refused(text, "latency.p99_ns: this must be of type integer");
	free(text);
	json_decref(doc);
	report_fixture_fini(&f);
}

static void test_full_disk_is_told(void **state)
{
	struct err err = {0};
	json_t *doc = json_object();

	(void)state;
	assert_int_equal(report_write_json(doc, "/dev/full", &err), -ENOSPC);
	assert_non_null(strstr(err.text, "/dev/full"));
	assert_non_null(strstr(err.text, "free space"));
	err = (struct err){0};
	assert_int_equal(report_write_json(doc, "/nowhere/at/all.json", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/at/all.json"));
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_run),
		cmocka_unit_test(test_faults_are_bands),
		cmocka_unit_test(test_goodput),
		cmocka_unit_test(test_phase_shares_add_up),
		cmocka_unit_test(test_histogram_comes_back),
		cmocka_unit_test(test_no_probes),
		cmocka_unit_test(test_attach),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_invalid_comes_first),
		cmocka_unit_test(test_untrusted_comes_first),
		cmocka_unit_test(test_loss_refuses_inside_verdicts),
		cmocka_unit_test(test_lower_bounds_are_marked),
		cmocka_unit_test(test_extreme_numbers_stay_in_the_columns),
		cmocka_unit_test(test_colour_only_if_asked),
		cmocka_unit_test(test_file_round_trip),
		cmocka_unit_test(test_bad_files_are_named),
		cmocka_unit_test(test_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
