// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report tests/support/report_input
// SPDX-License-Identifier: GPL-2.0-only
/* Each form against the document that it was made of, by readers that know only the form. */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/hist.h"
#include "report/export.h"
#include "report/formats.h"
#include "report/report.h"
#include "tests/support/report_input.h"
#include "tests/support/test.h"

static const char *const criteria[] = {"success_rate >= 95%", "toll.p99 < 1us", "nonsense < 3"};

struct fixture {
	struct report_fixture f;
	json_t *doc;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	report_fixture_init(&x->f, 3000);
	x->f.in.criterion = criteria;
	x->f.in.criteria = 3;
	x->f.in.class_[1].name = "str=ea, \"m\"";
	x->doc = report_build(&x->f.in);
	json_object_set_new(x->doc, "leak",
			    json_pack("{s:{s:[{s:[s, s], s:f}, {s:[], s:f}]}}", "survivors", "sites", "frames", "grow; more",
				      "main", "kept_bytes", 6400.4, "frames", "kept_bytes", 5.0));
	report_fixture_stacks(x->doc);
	*state = x;
	return x->doc ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	json_decref(x->doc);
	report_fixture_fini(&x->f);
	free(x);
	return 0;
}

/* The form's text. Caller frees. */
static char *exported(int (*export)(const json_t *, FILE *), const json_t *doc, size_t *size)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	assert_int_equal(export(doc, out), 0);
	fclose(out);
	if (size)
		*size = n;
	return text;
}

static unsigned count_of(const char *text, const char *words)
{
	unsigned n = 0;

	for (; (text = strstr(text, words)); text += strlen(words))
		n++;
	return n;
}

static json_int_t figure(const json_t *doc, const char *a, const char *b)
{
	return json_integer_value(json_object_get(json_object_get(doc, a), b));
}

static void test_junit(void **state)
{
	struct fixture *x = *state;
	char *text = exported(export_junit, x->doc, NULL);

	assert_int_equal(count_of(text, "<testcase "), 6); /* and: came to its end, kept its schedule, clocks agree */
	assert_int_equal(count_of(text, "<failure "), 1);
	assert_int_equal(count_of(text, "<error "), 1);
	assert_non_null(strstr(text, "tests=\"6\" failures=\"1\" errors=\"1\""));
	assert_non_null(strstr(text, "name=\"toll.p99 &lt; 1us\""));
	free(text);
}

/* The value of the line that begins so. */
static double sample_of(const char *text, const char *start)
{
	const char *at = strstr(text, start);

	if (!at)
		fail_msg("no line \"%s\"", start);
	at = strstr(at, "} ");
	return strtod(at + 2, NULL);
}

static void test_prometheus(void **state)
{
	struct fixture *x = *state;
	char *text = exported(export_prometheus, x->doc, NULL);
	const char *class_ = "scenario=\"edge/latency-breakdown\",class=\"chat\"";
	char line[200];
	double before = 0;

	for (const char *at = text;
	     (at = strstr(at, "toll_gateway_charge_seconds_bucket{scenario=\"edge/latency-breakdown\",class=\"chat\"")); at++) {
		double count = sample_of(at, "toll_gateway_charge_seconds_bucket{");
		assert_true(count >= before);
		before = count;
	}
	snprintf(line, sizeof(line), "toll_gateway_charge_seconds_count{%s", class_);
	assert_float_equal(sample_of(text, line), before, 0);
	assert_float_equal(before, (double)figure(json_object_get(json_object_get(x->doc, "classes"), "chat"), "toll", "count"),
			   0);
	/* every toll here is between 25 and 100 µs */
	snprintf(line, sizeof(line), "toll_gateway_charge_seconds_bucket{%s,le=\"2.5e-05\"", class_);
	assert_float_equal(sample_of(text, line), 0, 0);
	snprintf(line, sizeof(line), "toll_gateway_charge_seconds_bucket{%s,le=\"0.0001\"", class_);
	assert_float_equal(sample_of(text, line), before, 0);
	assert_non_null(strstr(text, "class=\"str=ea, \\\"m\\\"\""));
	assert_int_equal(count_of(text, "# TYPE toll_phase_seconds histogram"), 1);
	assert_int_equal(count_of(text, "toll_criterion_met{"), 3);
	free(text);
}

static void test_influx(void **state)
{
	struct fixture *x = *state;
	char *text = exported(export_influx, x->doc, NULL);
	unsigned points = 0;

	assert_non_null(strstr(text, "class=str\\=ea\\,\\ \"m\" "));
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		unsigned blanks = 0;
		points += !strncmp(line, "toll_series,", 12);
		/* tags, fields, time: two blanks that no backslash precedes */
		for (const char *c = line; *c != '\n'; c++)
			blanks += *c == ' ' && c[-1] != '\\';
		assert_int_equal(blanks, 2);
	}
	assert_true(points > 10);
	free(text);
	json_object_del(x->doc, "date");
	FILE *out = fopen("/dev/null", "w");
	assert_int_equal(export_influx(x->doc, out), -ENODATA);
	fclose(out);
}

static void test_csv(void **state)
{
	struct fixture *x = *state;
	char *text = exported(export_csv, x->doc, NULL), line[80];

	snprintf(line, sizeof(line), "\r\nall,latency,,p99_ns,%lld\r\n", (long long)figure(x->doc, "latency", "p99_ns"));
	assert_non_null(strstr(text, line));
	assert_non_null(strstr(text, "\r\n\"str=ea, \"\"m\"\"\",requests,,sent,1000\r\n"));
	free(text);
	text = exported(export_csv_series, x->doc, NULL);
	assert_int_equal(count_of(text, "\r\n"), 33); /* heading and 32 points */
	assert_non_null(strstr(text, "latency_p99_ns"));
	free(text);
}

/* --- HdrHistogram's V2 encoding, read as its specification says ------------------------------------------------------------------ */

static size_t base64_decode(const char *text, unsigned char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	unsigned held = 0;
	size_t n = 0;

	for (; *text && *text != '\n' && *text != '='; text++) {
		bits = bits << 6 | (uint32_t)(strchr(digits, *text) - digits);
		held += 6;
		if (held >= 8)
			out[n++] = (unsigned char)(bits >> (held -= 8));
	}
	return n;
}

static uint32_t u32_at(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static int64_t zigzag_read(const unsigned char **p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 9; i++) {
		unsigned char byte = *(*p)++;
		v |= (uint64_t)(i < 8 ? byte & 0x7f : byte) << (7 * i);
		if (i < 8 && byte < 0x80)
			break;
	}
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Lowest value of an index with three digits. */
static uint64_t hdr_value(uint32_t index)
{
	uint32_t bucket = index / 1024, sub = index % 1024 + 1024;

	return index < 2048 ? index : (uint64_t)sub << (bucket - 1);
}

static void assert_hdr_holds(const char *line, const char *histogram)
{
	static unsigned char packed[1 << 16], plain[1 << 16];
	struct hist *ours, *read = hist_new();
	uLongf bytes = sizeof(plain);
	uint32_t index = 0;

	size_t n = base64_decode(strrchr(line, ',') + 1, packed);
	assert_int_equal(u32_at(packed), 0x1c849314);
	assert_int_equal(u32_at(packed + 4), n - 8);
	assert_int_equal(uncompress(plain, &bytes, packed + 8, n - 8), Z_OK);
	assert_int_equal(u32_at(plain), 0x1c849313);
	assert_int_equal(u32_at(plain + 4), bytes - 40);
	for (const unsigned char *p = plain + 40; p < plain + bytes;) {
		int64_t count = zigzag_read(&p);
		if (count > 0)
			assert_int_equal(hist_record_n(read, hdr_value(index), (uint64_t)count), 0);
		index += count > 0 ? 1 : (uint32_t)-count;
	}
	assert_int_equal(hist_decode(histogram, &ours), 0);
	assert_int_equal(hist_count(read), hist_count(ours));
	for (double q = 1; q <= 99; q += 7) {
		uint64_t a = hist_percentile(read, q), b = hist_percentile(ours, q);
		assert_in_range(a > b ? a - b : b - a, 0, b / 100);
	}
	hist_free(ours);
	hist_free(read);
}

static void test_hdr(void **state)
{
	static const char *const tags[] = {"toll", "latency"};
	struct fixture *x = *state;
	char *text = exported(export_hdr, x->doc, NULL), tag[32];

	assert_int_equal(strncmp(text, "#[Logged by toll]\n#[Histogram log format version 1.3]\n", 53), 0);
	assert_non_null(strstr(text, "\n#[StartTime: 1795319402.000 "));
	assert_non_null(strstr(text, "\nTag=str=ea__\"m\".toll,"));
	for (size_t i = 0; i < 2; i++) {
		snprintf(tag, sizeof(tag), "\nTag=%s,", tags[i]);
		char *line = strdup(strstr(text, tag) + 1);
		*strchr(line, '\n') = 0;
		assert_hdr_holds(line, json_string_value(json_object_get(json_object_get(x->doc, tags[i]), "histogram")));
		free(line);
	}
	free(text);
}

static void test_otlp(void **state)
{
	struct fixture *x = *state;
	char *text = exported(export_otlp, x->doc, NULL);
	json_t *file = json_loads(text, 0, NULL), *span, *spans, *seen = json_object();
	size_t i;

	spans = json_object_get(
		json_array_get(json_object_get(json_array_get(json_object_get(file, "resourceSpans"), 0), "scopeSpans"), 0),
		"spans");
	assert_true(json_array_size(spans) > 32 * 5);
	json_array_foreach (spans, i, span) {
		const char *id = json_string_value(json_object_get(span, "spanId")),
			   *parent = json_string_value(json_object_get(span, "parentSpanId"));
		assert_int_equal(strlen(json_string_value(json_object_get(span, "traceId"))), 32);
		assert_int_equal(strlen(id), 16);
		assert_null(json_object_get(seen, id));
		/* the trace that --traceparent announced: its lower half is the root's id */
		if (!parent)
			assert_string_equal(json_string_value(json_object_get(span, "traceId")) + 16, id);
		assert_true(!parent || json_object_get(seen, parent)); /* the request's span comes before its phases' */
		json_object_set(seen, id, json_true());
	}
	/* 21 µs after it was due, in 2026 */
	assert_int_equal(strlen(json_string_value(json_object_get(json_array_get(spans, 0), "startTimeUnixNano"))), 19);
	json_decref(seen);
	json_decref(file);
	free(text);
	json_object_del(x->doc, "traces");
	FILE *out = fopen("/dev/null", "w");
	assert_int_equal(export_otlp(x->doc, out), -ENODATA);
	fclose(out);
}

/* A varint at *at, which steps behind it. */
static uint64_t varint(const unsigned char **at)
{
	uint64_t value = 0;

	for (unsigned shift = 0;; shift += 7) {
		value |= (uint64_t)(**at & 0x7f) << shift;
		if (!(*(*at)++ & 0x80))
			return value;
	}
}

static unsigned samples_of(const char *exposition)
{
	unsigned n = *exposition && *exposition != '#';

	for (const char *at = exposition; (at = strchr(at, '\n')); at++)
		n += at[1] && at[1] != '#';
	return n;
}

/* Unpacked, it is a series for each sample of the exposition, labels in order, the name first. */
static void test_remote_write(void **state)
{
	struct fixture *x = *state;
	size_t size, used = 0;
	char *text = exported(export_prometheus, x->doc, NULL), *packed = exported(export_remote_write, x->doc, &size);
	const unsigned char *at = (const unsigned char *)packed, *end = at + size;
	uint64_t length = varint(&at);
	unsigned char *plain = malloc(length);
	unsigned series = 0;

	while (at < end) {
		assert_int_equal(*at, 61 << 2);
		size_t n = (size_t)(at[1] | at[2] << 8) + 1;
		memcpy(plain + used, at + 3, n);
		used += n;
		at += 3 + n;
	}
	assert_int_equal(used, length);
	for (at = plain; at < plain + length; series++) {
		assert_int_equal(varint(&at), 1 << 3 | 2);
		uint64_t n = varint(&at);
		assert_memory_equal(at + 2, "\x0a\x08__name__\x12", 11);
		at += n;
	}
	assert_int_equal(at - plain, length);
	assert_int_equal(series, samples_of(text));
	assert_true(series > 50);
	free(plain);
	free(packed);
	free(text);
}

static void test_stacks(void **state)
{
	struct fixture *x = *state;
	char *text = exported(export_folded, x->doc, NULL);

	assert_string_equal(text, "toll;own_user;main;parse 600\ntoll;own_user;main;parse;copy 200\ntoll;lock;main "
				  "200\ncpu;main;loop, idle 3000\n");
	free(text);
	text = exported(export_speedscope, x->doc, NULL);
	json_t *file = json_loads(text, 0, NULL), *profile = json_array_get(json_object_get(file, "profiles"), 0);
	assert_int_equal(json_array_size(json_object_get(file, "profiles")), 2);
	assert_int_equal(json_integer_value(json_object_get(profile, "endValue")), 1000);
	assert_int_equal(json_array_size(json_object_get(profile, "samples")), 3);
	assert_int_equal(json_array_size(json_object_get(json_object_get(file, "shared"), "frames")), 6);
	json_decref(file);
	free(text);
}

static void test_survivors(void **state)
{
	struct fixture *x = *state;
	char *text = exported(export_survivors, x->doc, NULL);
	FILE *out = fopen("/dev/null", "w");

	assert_string_equal(text, "main;grow, more 6400\n[no stack] 5\n");
	free(text);
	json_object_del(json_object_get(x->doc, "leak"), "survivors");
	assert_int_equal(export_survivors(x->doc, out), -ENODATA);
	fclose(out);
}

static void test_pprof(void **state)
{
	struct fixture *x = *state;
	static char plain[1 << 16];
	size_t size;
	char *packed = exported(export_pprof, x->doc, &size);
	z_stream z = {.next_in = (unsigned char *)packed,
		      .avail_in = (uInt)size,
		      .next_out = (unsigned char *)plain,
		      .avail_out = sizeof(plain)};

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	/* the first fields: ValueType{type: 1, unit: 2}, as strings 1 and 2 are "wait" and "nanoseconds" */
	assert_memory_equal(plain, "\x0a\x04\x08\x01\x10\x02", 6);
	assert_non_null(memmem(plain, z.total_out, "\x32\x05parse", 7));
	assert_non_null(memmem(plain, z.total_out,
			       "\x32\x00\x32\x04wait\x32\x0bnanoseconds\x32\x03"
			       "cpu",
			       26));
	/* a sample of 600 ns of CPU: packed values 0 and 600 */
	assert_non_null(memmem(plain, z.total_out, "\x12\x03\x00\xd8\x04", 5));
	inflateEnd(&z);
	free(packed);
}

static void test_nothing_to_export(void **state)
{
	struct fixture *x = *state;
	const struct report_format *format;
	struct err err = {0};
	FILE *out = fopen("/dev/null", "w");

	json_object_del(x->doc, "stacks");
	assert_int_equal(report_format_find("pprof", &format, &err), 0);
	assert_int_equal(report_format_print(format, x->doc, out, &err), -ENODATA);
	assert_non_null(strstr(err.text, "not_measured"));
	assert_int_equal(report_format_find("folded", &format, &err), 0);
	assert_int_equal(report_format_print(format, x->doc, out, &err), -ENODATA);
	err = (struct err){0};
	assert_int_equal(report_format_find("xml", &format, &err), -EINVAL);
	assert_non_null(strstr(err.text, "text, json, html"));
	fclose(out);
}

static void test_full_disk_is_told(void **state)
{
	struct fixture *x = *state;

	for (const struct report_format *f = report_formats; f->name; f++) {
		struct err err = {0};
		FILE *out = fopen("/dev/full", "w");
		int r = report_format_print(f, x->doc, out, &err);
		if (r != -ENOSPC || !strstr(err.text, f->name))
			fail_msg("%s: %d, %s", f->name, r, err.text);
		fclose(out);
	}
}

static void test_export_option(void **state)
{
	const struct report_format *format;
	const char *path;
	struct err err = {0};

	(void)state;
	assert_int_equal(report_export_parse("html=a=b.html", &format, &path, &err), 0);
	assert_string_equal(format->name, "html");
	assert_string_equal(path, "a=b.html");
	assert_int_equal(report_export_parse("html", &format, &path, &err), -EINVAL);
	assert_int_equal(report_export_parse("html=", &format, &path, &err), -EINVAL);
	assert_int_equal(report_export_parse("=x", &format, &path, &err), -EINVAL);
	assert_int_equal(report_export_parse("xml=x", &format, &path, &err), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_junit),
		TEST(test_prometheus),
		TEST(test_influx),
		TEST(test_csv),
		TEST(test_hdr),
		TEST(test_otlp),
		TEST(test_remote_write),
		TEST(test_stacks),
		TEST(test_survivors),
		TEST(test_pprof),
		TEST(test_nothing_to_export),
		TEST(test_full_disk_is_told),
		TEST(test_export_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
