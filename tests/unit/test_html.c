// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report tests/support/report_input
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"
#include "report/report.h"
#include "report/text.h"
#include "tests/support/report_input.h"
#include "tests/support/test.h"

#define OPEN_MAX 64

/* The page. Caller frees. */
static char *page_of(const json_t *doc)
{
	char *page = NULL;
	size_t size;
	FILE *out = open_memstream(&page, &size);

	assert_int_equal(report_print_html(doc, out), 0);
	fclose(out);
	return page;
}

static bool is_void(const char *name)
{
	static const char *const names[] = {"!doctype", "meta", "link", "path"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* Behind the element's end, for those whose content is no markup. */
static const char *skip_raw(const char *at, const char *name)
{
	char end[24];

	if (strcmp(name, "script") && strcmp(name, "style"))
		return at;
	snprintf(end, sizeof(end), "</%s>", name);
	at = strstr(at, end);
	assert_non_null(at);
	return at;
}

/* Every element that is opened is closed, in order; none fetches anything. */
static void assert_balanced(const char *page)
{
	char open[OPEN_MAX][16], name[16];
	unsigned depth = 0;

	for (const char *at = page; (at = strchr(at, '<'));) {
		bool closes = at[1] == '/';
		const char *start = at + 1 + closes;
		size_t n = strcspn(start, " />\n");
		assert_in_range(n, 1, sizeof(name) - 1);
		snprintf(name, sizeof(name), "%.*s", (int)n, start);
		const char *end = strchr(at, '>');
		assert_non_null(end);
		assert_null(memmem(at, (size_t)(end - at), " src=", 5));
		assert_null(memmem(at, (size_t)(end - at), "href=\"http", 10));
		at = end + 1;
		if (closes) {
			assert_true(depth > 0);
			assert_string_equal(open[--depth], name);
		} else if (!is_void(name)) {
			assert_true(depth < OPEN_MAX);
			snprintf(open[depth++], sizeof(open[0]), "%s", name);
			at = skip_raw(at, name);
		}
	}
	assert_int_equal(depth, 0);
}

static void assert_whole(json_t *doc)
{
	char *page = page_of(doc);

	assert_balanced(page);
	assert_null(strstr(page, "sourceMappingURL"));
	free(page);
	json_decref(doc);
}

/* What the terminal says in cells, as the sink hears it. */
struct heard {
	const char *page;
	unsigned words;
};

static void assert_said(const char *page, const char *words)
{
	struct html h = {0};

	html_text(&h, words);
	if (h.b.used && !memmem(page, strlen(page), h.b.data, h.b.used))
		fail_msg("the page lacks \"%s\"", words);
	buf_fini(&h.b);
}

static void on_cell(void *ctx, enum text_style style, enum text_align align, unsigned width, const char *s)
{
	struct heard *heard = ctx;

	(void)align;
	(void)width;
	if (style == TEXT_CYAN || !s[strspn(s, " ")])
		return;
	assert_said(heard->page, s);
	heard->words++;
}

static void on_end(void *ctx)
{
	(void)ctx;
}

static void on_paragraph(void *ctx, enum text_style style, const char *label, const char *s)
{
	struct heard *heard = ctx;

	(void)style;
	assert_said(heard->page, label + strspn(label, " "));
	assert_said(heard->page, s);
	heard->words += 2;
}

static void test_same_words_as_the_terminal(void **state)
{
	static const char *const criteria[] = {"success_rate >= 95%", "toll.p99 < 1us", "nonsense < 3"};
	struct report_fixture f;
	struct heard heard = {0};
	const struct text_sink sink = {&heard, on_cell, on_end, on_end, on_paragraph};
	struct text t = {.sink = &sink};

	(void)state;
	report_fixture_init(&f, 3000);
	f.in.criterion = criteria;
	f.in.criteria = 3;
	json_t *doc = report_build(&f.in);
	char *page = page_of(doc);
	heard.page = page;
	for (unsigned i = 0; i < text_parts_count; i++)
		if (strcmp(text_parts[i].id, "title"))
			text_parts[i].print(&t, doc);
	assert_true(heard.words > 200);
	free(page);
	assert_whole(doc);
	report_fixture_fini(&f);
}

static void test_less_than_everything(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	report_fixture_no_probes(&f);
	assert_whole(report_build(&f.in));
	report_fixture_fini(&f);
	report_fixture_init(&f, 300);
	report_fixture_attach(&f);
	assert_whole(report_build(&f.in));
	report_fixture_fini(&f);
	report_fixture_init(&f, 0);
	f.in.series = NULL;
	assert_whole(report_build(&f.in));
	report_fixture_fini(&f);
}

/* Names come from files and from strangers' processes. */
static void test_nothing_escapes(void **state)
{
	static const char evil[] = "</script><script>alert(1)</script>\"'&<b>";
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 300);
	f.in.scenario = evil;
	f.in.class_[0].name = evil;
	f.in.stage[0].name = evil;
	snprintf(f.in.gateway.exe, sizeof(f.in.gateway.exe), "%s", evil);
	json_t *doc = report_build(&f.in);
	json_object_set_new(doc, "stacks", json_pack("{s:[{s:[s, s], s:i}]}", "folded", "frames", "main", evil, "ns", 5));
	char *page = page_of(doc);
	assert_null(strstr(page, "alert(1)</script>"));
	assert_null(strstr(page, "<script>alert"));
	assert_non_null(strstr(page, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;&lt;b&gt;"));
	free(page);
	assert_whole(doc);
	report_fixture_fini(&f);
}

static void set_column(json_t *series, const char *key, unsigned points, double value)
{
	json_t *column = json_array();

	for (unsigned i = 0; i < points; i++)
		json_array_append_new(column, i % 100 == 50 ? json_null() : json_real(value * (1 + i % 7) * 1.2345));
	json_object_set_new(series, key, column);
}

static void test_two_hours_stay_small(void **state)
{
	static const char *const columns[] = {"sent_per_s",        "ended_per_s",       "errors_per_s",      "in_flight",
					      "latency_p50_ns",    "latency_p99_ns",    "toll_p50_ns",       "toll_p99_ns",
					      "driver_lag_p99_ns", "gateway_cpu_cores", "gateway_rss_bytes", "gateway_threads",
					      "gateway_fds"};
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 3000);
	json_t *doc = report_build(&f.in), *series = json_object_get(doc, "series");
	json_object_set_new(series, "points", json_integer(SERIES_POINTS_MAX));
	json_object_set_new(series, "step_s", json_real(4));
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		set_column(series, columns[i], SERIES_POINTS_MAX, 12345678.9);
	char *page = page_of(doc);
	assert_in_range(strlen(page), 100000, 1500000);
	free(page);
	assert_whole(doc);
	report_fixture_fini(&f);
}

static unsigned count_of(const char *page, const char *words)
{
	unsigned n = 0;

	for (; (page = strstr(page, words)); page += strlen(words))
		n++;
	return n;
}

static void test_charts_without_scripts(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 3000);
	json_t *doc = report_build(&f.in);
	char *page = page_of(doc);
	assert_int_equal(count_of(page, "data-chart=\"percentiles\""), 1);
	assert_int_equal(count_of(page, "data-chart=\"series\""), 8);
	assert_int_equal(count_of(page, "class=\"waterfall\""), 3);
	assert_int_equal(count_of(page, "class=\"stack\""), 3); /* all and two classes */
	assert_true(count_of(page, "<path ") >= 12);
	assert_int_equal(count_of(page, "class=\"flame\""), 0);
	free(page);
	assert_whole(doc);
	report_fixture_fini(&f);
}

static double column_at(const json_t *series, const char *key, size_t i)
{
	return json_number_value(json_array_get(json_object_get(series, key), i));
}

/* A soak's trend goes through the middle of what was seen, with its interval around it, from where it was judged on. */
static void test_trends(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 3000);
	json_t *doc = report_build(&f.in), *series = json_object_get(doc, "series"), *rss = json_array();
	json_object_set_new(series, "points", json_integer(10));
	json_object_set_new(series, "step_s", json_real(2));
	for (unsigned i = 0; i < 10; i++)
		json_array_append_new(rss, json_real(1e6 + 100.0 * i));
	json_object_set_new(series, "gateway_rss_bytes", rss);
	json_object_set_new(doc, "leak",
			    json_pack("{s:{s:{s:f,s:f,s:[f,f]},s:{s:f}}}", "gauges", "memory", "per_second", 50.0,
				      "judged_from_s", 4.0, "per_second_interval", 40.0, 60.0, "heap", "per_second", 1.0));
	json_t *drawn = html_trends(doc);
	assert_null(json_object_get(series, "trend_memory"));
	assert_true(json_is_null(json_array_get(json_object_get(drawn, "trend_memory"), 1)));
	for (size_t i = 2; i < 10; i++)
		assert_true(fabs(column_at(drawn, "trend_memory", i) - 1e6 - 100.0 * (double)i) < 1e-6);
	assert_true(fabs(column_at(drawn, "trend_memory_low", 9) - column_at(drawn, "trend_memory_low", 2) - 14 * 40.0) < 1e-6);
	assert_true(fabs(column_at(drawn, "trend_memory_high", 9) - column_at(drawn, "trend_memory_high", 2) - 14 * 60.0) < 1e-6);
	assert_null(json_object_get(drawn, "trend_threads"));
	json_decref(drawn);
	char *page = page_of(doc);
	assert_int_equal(count_of(page, "trend of anonymous memory"), 2); /* legend, and what the script draws from */
	free(page);
	json_object_del(doc, "leak");
	assert_whole(doc);
	report_fixture_fini(&f);
}

/* A soak's gauges in three tables; what was not seen of one peer or process but of another is a dash. */
static void test_gauges(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 30);
	json_t *doc = report_build(&f.in);
	char *without = page_of(doc);
	assert_null(strstr(without, "id=\"gauges\""));
	free(without);
	json_object_set_new(
		doc, "leak",
		json_pack("{s:{s:{s:s,s:s,s:b,s:s,s:f,s:f,s:f}}, s:{s:{s:o}, s:{s:o}}, s:[{s:i,s:s,s:{s:o}}]}", "gauges",
			  "memory", "title", "anonymous memory", "unit", "bytes", "judged", 1, "verdict", "leak", "start", 5e6,
			  "end", 6e6, "most", 8e6, "sockets", "clients", "ESTABLISHED",
			  json_pack("{s:f,s:f,s:f,s:s}", "start", 2.0, "end", 3.0, "most", 9.0, "verdict", "no_leak"), "provider",
			  "CLOSE_WAIT",
			  json_pack("{s:f,s:f,s:f,s:s}", "start", 0.0, "end", 40.0, "most", 41.0, "verdict", "leak"), "processes",
			  "pid", 12, "comm", "<node>", "gauges", "descriptors",
			  json_pack("{s:f,s:f,s:f,s:s}", "start", 10.0, "end", 11.0, "most", 30.0, "verdict", "no_leak")));
	char *page = page_of(doc);
	char *part = strstr(page, "<section id=\"gauges\"><h2>Gauges</h2>");
	assert_non_null(part);
	assert_non_null(strstr(page, "<a href=\"#gauges\">Gauges</a>"));
	assert_non_null(strstr(part,
			       "<td>anonymous memory</td><td class=\"r \">5.00 MB</td><td class=\"r bad\">6.00 MB</td>"
			       "<td class=\"r \">8.00 MB</td><td class=\"bar\"><i class=\"o-gateway\" style=\"width:75.0%\">"));
	assert_non_null(strstr(part, "<th class=\"r\">ESTABLISHED</th><th class=\"r\">CLOSE_WAIT</th></tr>"));
	assert_non_null(strstr(part, "<td>clients</td><td class=\"r\">2 → <span class=\"\">3</span> <span class=\"dim\">peak "
				     "9</span></td><td class=\"r dim\">–</td>"));
	assert_non_null(
		strstr(part, "<td>provider</td><td class=\"r dim\">–</td><td class=\"r\">0 → <span class=\"bad\">40</span>"));
	assert_non_null(strstr(part, "<td>12 &lt;node&gt;</td><td class=\"r dim\">–</td><td class=\"r\">10 → "));
	free(page);
	json_object_del(doc, "leak");
	assert_whole(doc);
	report_fixture_fini(&f);
}

static void test_flame(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 30);
	json_t *doc = report_build(&f.in);
	report_fixture_stacks(doc);
	char *page = page_of(doc);
	/* causes by name: the lock's 200 of 1,000 at the left, own work at its right, a quarter of that in copy */
	assert_int_equal(count_of(page, "class=\"flame\""), 2);
	assert_int_equal(count_of(page, "class=\"wait f"), 3); /* lock, main, and the legend's */
	assert_non_null(strstr(page, "data-x=\"0.00000\" data-w=\"0.20000\""));
	assert_non_null(strstr(page, "data-x=\"0.20000\" data-w=\"0.80000\""));
	assert_non_null(strstr(page, "data-x=\"0.20000\" data-w=\"0.20000\""));
	assert_non_null(strstr(page, ">copy</i>"));
	free(page);
	assert_whole(doc);
	report_fixture_fini(&f);
}

/* The gauges of a second may be missing, and the line goes on; more than one is a gap. */
static void test_gaps_of_lines(void **state)
{
	const double y[] = {1, NAN, 3, NAN, NAN, 6, 7};
	const struct html_axis axis = {0, 10, false};
	struct html h = {0};

	(void)state;
	html_polyline(&h, &(struct html_line){y, 0}, 7, &axis);
	html_raw(&h, "");
	assert_non_null(strstr(h.b.data, "d=\"M0.0 900.0L333.3 700.0M833.3 400.0L1000.0 300.0\""));
	buf_fini(&h.b);
}

static void test_verdicts(void **state)
{
	struct report_fixture f;

	(void)state;
	report_fixture_init(&f, 30);
	json_t *doc = report_build(&f.in);
	json_object_set_new(doc, "leak", json_pack("{s:s}", "verdict", "leak"));
	json_object_set_new(doc, "system_calls",
			    json_pack("{s:{s:i,s:i,s:{}}}", "futex", "count", 3, "in_toll_per_request_ns", 50, "errors"));
	char *page = page_of(doc);
	assert_int_equal(count_of(page, "<span class=\"verdict bad\">leak</span>"), 1);
	/* a word that flows stands below the heading that flows, however short it is */
	assert_non_null(strstr(page, "colspan=\"1\">in the toll</th><th class=\"\" colspan=\"1\">  failed</th>"));
	free(page);
	json_object_del(doc, "leak");
	assert_whole(doc);
	report_fixture_fini(&f);
}

static void test_full_disk_is_told(void **state)
{
	struct report_fixture f;
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	report_fixture_init(&f, 30);
	json_t *doc = report_build(&f.in);
	assert_int_equal(report_print_html(doc, out), -ENOSPC);
	fclose(out);
	assert_whole(doc);
	report_fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_words_as_the_terminal),
		cmocka_unit_test(test_less_than_everything),
		cmocka_unit_test(test_nothing_escapes),
		cmocka_unit_test(test_two_hours_stay_small),
		cmocka_unit_test(test_charts_without_scripts),
		cmocka_unit_test(test_trends),
		cmocka_unit_test(test_gauges),
		cmocka_unit_test(test_flame),
		cmocka_unit_test(test_gaps_of_lines),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
