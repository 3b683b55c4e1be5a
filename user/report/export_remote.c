// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prometheus remote write 1.0 (prometheus.io/docs/specs/prw/remote_write_spec): the metrics of the text exposition as one WriteRequest, each with the
 * time at which the run ended. In Snappy's block format, as literals alone: a result is some ten kilobytes, and the format allows it.
 */
#include "report/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/protobuf.h"
#include "report/text.h"

#define LABELS_MAX 16
#define LITERAL_MAX 65536u

enum {
	REQUEST_SERIES = 1,
	SERIES_LABEL = 1,
	SERIES_SAMPLE = 2,
	LABEL_NAME = 1,
	LABEL_VALUE = 2,
	SAMPLE_VALUE = 1,
	SAMPLE_TIME_MS = 2
};

struct label {
	const char *name, *value;
};

struct line {
	struct label label[LABELS_MAX];
	unsigned labels;
	double value;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

/* What stands between quotes, unescaped where it stands; returns behind the closing one, or NULL. */
static char *quoted(char *at, const char **value)
{
	char *to = at;

	*value = at;
	for (; *at && *at != '"'; at++) {
		if (*at == '\\' && at[1])
			*to++ = *++at == 'n' ? '\n' : *at;
		else
			*to++ = *at;
	}
	if (!*at)
		return NULL;
	*to = '\0';
	return at + 1;
}

/* `name{key="value",...} number`, taken apart where it stands. False: it is no sample, or has more labels than ours have. */
static bool line_parse(char *at, struct line *out)
{
	char *end = at + strcspn(at, "{ ");
	bool labelled = *end == '{';

	*out = (struct line){.label = {{"__name__", at}}, .labels = 1};
	if (!*end || end == at)
		return false;
	*end++ = '\0';
	while (labelled && *end && *end != '}') {
		char *equals = strchr(end, '=');
		if (!equals || equals[1] != '"' || out->labels == LABELS_MAX)
			return false;
		*equals = '\0';
		out->label[out->labels].name = end;
		end = quoted(equals + 2, &out->label[out->labels++].value);
		if (!end)
			return false;
		end += *end == ',';
	}
	at = end + (labelled && *end == '}');
	out->value = strtod(at, &end);
	qsort(out->label, out->labels, sizeof(out->label[0]), by_name);
	return end != at;
}

static int series_append(struct buf *request, const struct line *l, uint64_t time_ms)
{
	struct buf series = {0}, part = {0};
	int rc = 0;

	for (unsigned i = 0; i < l->labels && !rc; i++) {
		part.used = 0;
		rc = protobuf_bytes(&part, LABEL_NAME, l->label[i].name, strlen(l->label[i].name));
		rc = rc ? rc : protobuf_bytes(&part, LABEL_VALUE, l->label[i].value, strlen(l->label[i].value));
		rc = rc ? rc : protobuf_bytes(&series, SERIES_LABEL, part.data, part.used);
	}
	part.used = 0;
	rc = rc ? rc : protobuf_double(&part, SAMPLE_VALUE, l->value);
	rc = rc ? rc : protobuf_number(&part, SAMPLE_TIME_MS, time_ms);
	rc = rc ? rc : protobuf_bytes(&series, SERIES_SAMPLE, part.data, part.used);
	rc = rc ? rc : protobuf_bytes(request, REQUEST_SERIES, series.data, series.used);
	buf_fini(&part);
	buf_fini(&series);
	return rc;
}

static int request_make(char *exposition, uint64_t time_ms, struct buf *request)
{
	char *rest = NULL;
	int rc = 0;

	for (char *at = strtok_r(exposition, "\n", &rest); at && !rc; at = strtok_r(NULL, "\n", &rest)) {
		struct line l;

		if (*at != '#' && line_parse(at, &l))
			rc = series_append(request, &l, time_ms);
	}
	return rc;
}

/* The length, then pieces of up to 64 KiB behind a tag that says: as it is (github.com/google/snappy, format_description.txt). */
static int snappy_literals(struct buf *out, const struct buf *in)
{
	int rc = protobuf_varint(out, in->used);

	for (size_t at = 0; at < in->used && !rc;) {
		size_t n = in->used - at < LITERAL_MAX ? in->used - at : LITERAL_MAX;
		const unsigned char tag[] = {61 << 2, (unsigned char)((n - 1) & 0xff), (unsigned char)((n - 1) >> 8)};

		rc = buf_append(out, tag, sizeof(tag));
		rc = rc ? rc : buf_append(out, in->data + at, n);
		at += n;
	}
	return rc;
}

int export_remote_write(const json_t *doc, FILE *out)
{
	uint64_t time_ms = export_start_ns(doc) / 1000000 + (uint64_t)(text_number(doc, "duration_s") * 1e3);
	struct buf request = {0}, packed = {0};
	char *exposition = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&exposition, &size);

	if (!memory)
		return -ENOMEM;
	int rc = export_prometheus(doc, memory);
	if (fclose(memory) && !rc)
		rc = -ENOMEM;
	if (!rc)
		rc = request_make(exposition, time_ms, &request);
	if (!rc)
		rc = snappy_literals(&packed, &request);
	errno = 0;
	if (!rc && fwrite(packed.data, 1, packed.used, out) != packed.used)
		rc = errno ? -errno : -EIO;
	free(exposition);
	buf_fini(&request);
	buf_fini(&packed);
	return rc ? rc : export_end(out);
}
