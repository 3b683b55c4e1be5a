/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/fault.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

#define WORD_MAX 64
#define BURST_MAX 1e9
#define SHARE_LEAST 1e-9 /* what fault_format() can still write */
#define RATE_LEAST 1e-9

static const char *const kind_names[] = {"error",       "limit",    "hang",      "reset", "slow_start",
					 "slow_tokens", "truncate", "malformed", "close"};
#define KINDS (sizeof(kind_names) / sizeof(kind_names[0]))
#define EXPECTED                                                                                                                 \
	"error=STATUS, limit=RATE, hang, reset, slow_start=TIME, slow_tokens=TIME, truncate, malformed or close, and behind it " \
	"share=50%%, from=10s, until=40s, every=1m, burst=20, retry_after=2s"

/* --- words ---------------------------------------------------------------------------------------------------------------- */

static bool count_parse(const char *text, double least, double most, double *out)
{
	char *end;

	if (text[0] == '\0' || text[strspn(text, "0123456789.")] != '\0')
		return false;
	*out = strtod(text, &end);
	return *end == '\0' && *out >= least && *out <= most;
}

static bool share_parse(const char *text, double *out)
{
	char number[WORD_MAX];
	size_t n = strlen(text);
	bool percent = n > 1 && text[n - 1] == '%';

	if (n == 0 || n >= sizeof(number))
		return false;
	snprintf(number, sizeof(number), "%.*s", (int)(n - percent), text);
	if (!count_parse(number, 0.0, percent ? 100.0 : 1.0, out))
		return false;
	*out /= percent ? 100.0 : 1.0;
	return *out >= SHARE_LEAST;
}

static bool status_parse(const char *text, uint32_t *out)
{
	uint64_t n;

	if (units_parse_u64(text, &n) || n < 400 || n > 599)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool kind_value_parse(struct fault *f, const char *value)
{
	switch (f->kind) {
	case FAULT_ERROR:
		return value && status_parse(value, &f->status);
	case FAULT_LIMIT:
		return value && units_parse_rate(value, &f->rate_per_s) == 0 && f->rate_per_s >= RATE_LEAST;
	case FAULT_SLOW_START:
	case FAULT_SLOW_TOKENS:
		return value && units_parse_duration_ns(value, &f->delay_ns) == 0 && f->delay_ns > 0;
	case FAULT_HANG:
	case FAULT_RESET:
	case FAULT_TRUNCATE:
	case FAULT_MALFORMED:
	case FAULT_CLOSE:
		return value == NULL;
	}
	return false;
}

static bool kind_parse(struct fault *f, const char *name, const char *value)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (strcmp(name, kind_names[i]) != 0)
			continue;
		f->kind = (enum fault_kind)i;
		return kind_value_parse(f, value);
	}
	return false;
}

static bool rest_parse(struct fault *f, const char *name, const char *value)
{
	if (!value)
		return false;
	if (strcmp(name, "share") == 0)
		return share_parse(value, &f->share);
	if (strcmp(name, "from") == 0)
		return units_parse_duration_ns(value, &f->from_ns) == 0;
	if (strcmp(name, "until") == 0)
		return units_parse_duration_ns(value, &f->until_ns) == 0;
	if (strcmp(name, "every") == 0)
		return units_parse_duration_ns(value, &f->every_ns) == 0 && f->every_ns > 0;
	if (strcmp(name, "burst") == 0)
		return f->kind == FAULT_LIMIT && count_parse(value, 1.0, BURST_MAX, &f->burst);
	if (strcmp(name, "retry_after") == 0)
		return (f->kind == FAULT_LIMIT || f->kind == FAULT_ERROR) &&
		       units_parse_duration_ns(value, &f->retry_after_ns) == 0;
	return false;
}

static int bad_word(const char *word, struct err *err)
{
	return err_set(err, -EINVAL, "fault \"%.60s\": expected " EXPECTED, word);
}

int fault_parse(const char *text, struct fault *out, struct err *err)
{
	*out = (struct fault){.share = 1.0, .until_ns = UINT64_MAX};
	for (bool first = true;; first = false) {
		size_t n = strcspn(text, ",");
		char word[WORD_MAX], whole[WORD_MAX];
		char *value;

		snprintf(whole, sizeof(whole), "%.*s", (int)(n < sizeof(whole) ? n : sizeof(whole) - 1), text);
		memcpy(word, whole, sizeof(word));
		value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		if (n >= sizeof(whole) || !(first ? kind_parse(out, word, value) : rest_parse(out, word, value)))
			return bad_word(whole, err);
		if (!text[n])
			break;
		text += n + 1;
	}
	if (out->until_ns <= out->from_ns)
		return err_set(err, -EINVAL, "a fault ends before it begins: expected until after from");
	if (out->every_ns && out->until_ns - out->from_ns >= out->every_ns)
		return err_set(err, -EINVAL,
			       "a fault begins again before it ends: expected every longer than from its from to its until");
	if (out->kind == FAULT_LIMIT && out->burst <= 0.0)
		out->burst = fmin(fmax(1.0, out->rate_per_s), BURST_MAX);
	return 0;
}

/* --- the other way -------------------------------------------------------------------------------------------------------- */

struct writer {
	char *buf;
	size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = w->used < w->size ? vsnprintf(w->buf + w->used, w->size - w->used, fmt, ap) : 0;
	va_end(ap);
	w->used += n > 0 ? (size_t)n : 0;
}

const char *fault_format(const struct fault *f, char *buf, size_t size)
{
	struct writer w = {.buf = buf, .size = size};

	put(&w, "%s", kind_names[f->kind]);
	if (f->kind == FAULT_ERROR)
		put(&w, "=%u", f->status);
	else if (f->kind == FAULT_LIMIT)
		put(&w, "=%.9f/s,burst=%.9f", f->rate_per_s, f->burst);
	else if (f->delay_ns)
		put(&w, "=%" PRIu64 "ns", f->delay_ns);
	if (f->share < 1.0)
		put(&w, ",share=%.9f", f->share);
	if (f->from_ns)
		put(&w, ",from=%" PRIu64 "ns", f->from_ns);
	if (f->until_ns != UINT64_MAX)
		put(&w, ",until=%" PRIu64 "ns", f->until_ns);
	if (f->every_ns)
		put(&w, ",every=%" PRIu64 "ns", f->every_ns);
	if (f->retry_after_ns)
		put(&w, ",retry_after=%" PRIu64 "ns", f->retry_after_ns);
	return buf;
}
