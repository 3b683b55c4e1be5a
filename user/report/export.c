// SPDX-License-Identifier: GPL-2.0-only
#include "report/export.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "report/text.h"

int export_each_set(const json_t *doc, int (*visit)(void *ctx, const char *name, const json_t *set), void *ctx)
{
	const json_t *classes = json_object_get(doc, "classes");
	int r = visit(ctx, "", doc);

	for (void *it = json_object_iter((json_t *)classes); it && !r; it = json_object_iter_next((json_t *)classes, it))
		r = visit(ctx, json_object_iter_key(it), json_object_iter_value(it));
	return r;
}

struct hist *export_hist(const json_t *dist)
{
	const char *text = json_string_value(json_object_get(dist, "histogram"));
	struct hist *h = NULL;

	return text && !hist_decode(text, &h) ? h : NULL;
}

uint64_t export_start_ns(const json_t *doc)
{
	struct tm utc = {0};
	const char *end = strptime(text_string(doc, "date"), "%Y-%m-%dT%H:%M:%SZ", &utc);
	time_t at = end && !*end ? timegm(&utc) : -1;

	return at > 0 ? (uint64_t)at * NS_PER_S : 0;
}

int export_end(FILE *out)
{
	errno = 0;
	if (fflush(out) || ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}
