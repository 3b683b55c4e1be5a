// SPDX-License-Identifier: GPL-2.0-only
#include "report/formats.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/export.h"
#include "report/report.h"
#include "report/text.h"

static int print_text(const json_t *doc, FILE *out)
{
	return report_print_text(doc, out, false);
}

#define TEXT                                                                                                                     \
	{                                                                                                                        \
		"Content-Type: text/plain; charset=utf-8"                                                                        \
	}
#define JSON                                                                                                                     \
	{                                                                                                                        \
		"Content-Type: application/json"                                                                                 \
	}
#define BYTES                                                                                                                    \
	{                                                                                                                        \
		"Content-Type: application/octet-stream"                                                                         \
	}
#define SNAPPY                                                                                                                   \
	{                                                                                                                        \
		"Content-Type: application/x-protobuf", "Content-Encoding: snappy"                                               \
	}

const struct report_format report_formats[] = {
	{"text", "the report that the run printed (default)", false, TEXT, print_text},
	{"json", "the result document, checked", false, JSON, report_print_json},
	{"html", "one page with charts, needs no network", false, {"Content-Type: text/html; charset=utf-8"}, report_print_html},
	{"junit", "criteria as JUnit XML test cases", false, {"Content-Type: application/xml"}, export_junit},
	{"prometheus", "metrics for node_exporter's textfile collector", false, TEXT, export_prometheus},
	{"remote-write", "the same for a POST: Prometheus remote write (snappy)", true, SNAPPY, export_remote_write},
	{"influx", "InfluxDB line protocol: figures and time series", false, TEXT, export_influx},
	{"csv", "every figure, a row each", false, TEXT, export_csv},
	{"csv-series", "the time series, a row for each point", false, TEXT, export_csv_series},
	{"hdr", "HdrHistogram log (V2 compressed), a tag for each distribution", false, TEXT, export_hdr},
	{"otlp", "OpenTelemetry traces of a sample of requests, for a collector's /v1/traces", false, JSON, export_otlp},
	{"pprof", "stacks, for `go tool pprof` and others", true, BYTES, export_pprof},
	{"folded", "stacks, for flamegraph.pl and others", false, TEXT, export_folded},
	{"survivors", "a soak's stacks by the bytes that they keep, for flamegraph.pl and others", false, TEXT, export_survivors},
	{"speedscope", "stacks, for speedscope.app", false, JSON, export_speedscope},
	{NULL, NULL, false, {NULL}, NULL},
};

int report_format_find(const char *name, const struct report_format **out, struct err *err)
{
	char names[256] = "";

	for (const struct report_format *f = report_formats; f->name; f++) {
		if (!strcmp(f->name, name)) {
			*out = f;
			return 0;
		}
		size_t used = strlen(names);
		snprintf(names + used, sizeof(names) - used, "%s%s", !used ? "" : f[1].name ? ", " : " or ", f->name);
	}
	return err_set(err, -EINVAL, "\"%.40s\" is no format: expected %s", name, names);
}

int report_format_make(const struct report_format *format, const json_t *doc, char **text, size_t *bytes, struct err *err)
{
	FILE *memory = open_memstream(text, bytes);
	int r = memory ? format->print(doc, memory) : -ENOMEM;

	if (memory && fclose(memory) && !r)
		r = -ENOMEM;
	if (!r)
		return 0;
	if (memory)
		free(*text);
	*text = NULL;
	if (r == -ENODATA)
		return err_set(err, r,
			       "print as %s: this result does not hold what it is made of; its \"not_measured\" tells why",
			       format->name);
	return err_set(err, r, "print as %s: %s", format->name, strerror(-r));
}

/* Made in memory first: a write that fails then has its errno, however many pieces there were. */
int report_format_print(const struct report_format *format, const json_t *doc, FILE *out, struct err *err)
{
	char *text = NULL;
	size_t size = 0;
	int r = report_format_make(format, doc, &text, &size, err);

	errno = 0;
	if (!r && (fwrite(text, 1, size, out) != size || fflush(out))) {
		r = errno ? -errno : -EIO;
		err_set(err, r, "print as %s: %s", format->name, strerror(-r));
	}
	free(text);
	return r;
}

static int write_temporary(const struct report_format *format, const json_t *doc, char *temporary, struct err *err)
{
	int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	int r;

	if (!f) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return err_set(err, r, "%s", strerror(-r));
	}
	r = report_format_print(format, doc, f, err);
	if (fclose(f) && !r)
		r = err_set(err, -errno, "%s", strerror(errno));
	return r;
}

int report_format_write(const struct report_format *format, const json_t *doc, const char *path, struct err *err)
{
	char temporary[PATH_MAX];
	struct err why = {0};

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
		return err_set(err, -ENAMETOOLONG, "write %.60s...: the name is too long", path);
	int r = write_temporary(format, doc, temporary, &why);
	if (!r && rename(temporary, path))
		r = err_set(&why, -errno, "%s", strerror(errno));
	if (!r)
		return 0;
	unlink(temporary);
	return err_set(err, r, "write %s: %s; choose another place if that is why", path, why.text);
}

int report_export_parse(const char *text, const struct report_format **out, const char **path, struct err *err)
{
	const char *equals = strchr(text, '=');
	char name[32];

	if (!equals || equals == text || !equals[1] || (size_t)(equals - text) >= sizeof(name))
		return err_set(err, -EINVAL, "--export %.60s: expected FORMAT=FILE or FORMAT=URL, such as html=report.html",
			       text);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
	*path = equals + 1;
	return report_format_find(name, out, err);
}

int report_write_all(const json_t *doc, const char *dir, struct err *err)
{
	static const struct {
		const char *format, *file;
		const char *only_with; /* a part of the document; NULL: always */
	} files[] = {
		{"text", "report.txt", NULL}, {"html", "report.html", NULL}, {"survivors", "survivors.folded", "leak.survivors"}};
	const struct report_format *format;
	char path[PATH_MAX];

	if (strlen(dir) + sizeof("/survivors.folded.XXXXXX") > sizeof(path))
		return err_set(err, -ENAMETOOLONG, "--out: the directory's name is too long");
	snprintf(path, sizeof(path), "%s/result.json", dir);
	int r = report_write_json(doc, path, err);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files) && !r; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i].file);
		if (files[i].only_with && !text_at(doc, files[i].only_with)) {
			unlink(path); /* of an earlier run */
			continue;
		}
		r = report_format_find(files[i].format, &format, err);
		if (!r)
			r = report_format_write(format, doc, path, err);
	}
	return r;
}
