/* SPDX-License-Identifier: GPL-2.0-only */
#include "provider/distribution.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/units.h"

#define DRAW_MAX_NS (3600 * NS_PER_S)
#define FILE_BYTES_MAX ((size_t)64 << 20)
#define PARAMETER_MAX 64

enum distribution_kind { CONSTANT, LOGNORMAL, UNIFORM, EXPONENTIAL, SAMPLES };

struct distribution {
	enum distribution_kind kind;
	uint64_t a_ns; /* value, median, least, mean */
	uint64_t b_ns; /* p99, most */
	uint64_t *sample;
	size_t samples;
};

/* Rows of what can be written with parameters. */
static const struct {
	const char *name;
	enum distribution_kind kind;
	unsigned parameters;
	const char *usage;
} shapes[] = {
	{"lognormal", LOGNORMAL, 2, "lognormal(MEDIAN,P99)"},
	{"uniform", UNIFORM, 2, "uniform(LEAST,MOST)"},
	{"exponential", EXPONENTIAL, 1, "exponential(MEAN)"},
};

static int refuse(struct err *err, const char *text, const char *why)
{
	return err_set(err, -EINVAL,
		       "\"%s\" is no distribution of durations (%s): write 20ms, lognormal(20ms,80ms), uniform(10ms,30ms), "
		       "exponential(20ms) or file:PATH",
		       text, why);
}

/* [from, to) without blanks around it, as a duration. */
static int parameter_parse(const char *from, const char *to, uint64_t *out)
{
	char word[PARAMETER_MAX];
	while (from < to && *from == ' ')
		from++;
	while (to > from && to[-1] == ' ')
		to--;
	if (from == to || to - from >= PARAMETER_MAX)
		return -EINVAL;
	snprintf(word, sizeof(word), "%.*s", (int)(to - from), from);
	int ret = units_parse_duration_ns(word, out);
	return !ret && *out > DRAW_MAX_NS ? -ERANGE : ret;
}

static const char *why_not(int ret, const char *expected)
{
	return ret == -ERANGE ? "no duration may be above an hour" : expected;
}

static int parameters_parse(struct distribution *d, unsigned wanted, const char *open, const char *close)
{
	const char *comma = memchr(open, ',', (size_t)(close - open));
	if ((wanted == 2) != (comma != NULL))
		return -EINVAL;
	int ret = parameter_parse(open, comma ? comma : close, &d->a_ns);
	if (!ret && comma)
		ret = parameter_parse(comma + 1, close, &d->b_ns);
	return ret;
}

static int shape_parse(struct distribution *d, const char *text, struct err *err)
{
	const char *open = strchr(text, '('), *close = text + strlen(text) - 1;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if ((size_t)(open - text) != strlen(shapes[i].name) || strncmp(text, shapes[i].name, strlen(shapes[i].name)) != 0)
			continue;
		d->kind = shapes[i].kind;
		int ret = *close == ')' ? parameters_parse(d, shapes[i].parameters, open + 1, close) : -EINVAL;
		if (ret)
			return refuse(err, text, why_not(ret, shapes[i].usage));
		if (shapes[i].parameters == 2 && d->b_ns < d->a_ns)
			return refuse(err, text, "the second duration is smaller than the first");
		if (d->kind == LOGNORMAL && !d->a_ns)
			return refuse(err, text, "a log-normal median is more than 0");
		return 0;
	}
	return refuse(err, text, "no shape of that name");
}

static int sample_add(struct distribution *d, size_t *room, uint64_t value)
{
	if (d->samples == *room) {
		size_t grown = *room ? 2 * *room : 256;
		uint64_t *sample = realloc(d->sample, grown * sizeof(*sample));
		if (!sample)
			return -ENOMEM;
		d->sample = sample;
		*room = grown;
	}
	d->sample[d->samples++] = value;
	return 0;
}

static int lines_parse(struct distribution *d, char *text, const char *path, struct err *err)
{
	size_t room = 0;
	unsigned number = 0;
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		number++;
		line[strcspn(line, "\r#")] = '\0';
		line += strspn(line, " \t");
		if (!*line)
			continue;
		uint64_t value;
		if (parameter_parse(line, line + strlen(line), &value))
			return err_set(err, -EINVAL,
				       "%s:%u: \"%s\" is no duration of at most an hour: write one a line, for example 20ms",
				       path, number, line);
		if (sample_add(d, &room, value))
			return err_set(err, -ENOMEM, "%s: no memory for its durations", path);
	}
	return d->samples ? 0 : err_set(err, -EINVAL, "%s holds no durations: write one a line, for example 20ms", path);
}

static int file_parse(struct distribution *d, const char *path, struct err *err)
{
	struct buf text = {0};
	d->kind = SAMPLES;
	int ret = buf_read_file(&text, path, FILE_BYTES_MAX);
	if (ret)
		ret = err_set(err, ret, "cannot read durations from %s: %s", path, strerror(-ret));
	else
		ret = lines_parse(d, text.data, path, err);
	buf_fini(&text);
	return ret;
}

static int text_parse(struct distribution *d, const char *text, struct err *err)
{
	if (!strncmp(text, "file:", 5))
		return file_parse(d, text + 5, err);
	if (strchr(text, '('))
		return shape_parse(d, text, err);
	d->kind = CONSTANT;
	int ret = parameter_parse(text, text + strlen(text), &d->a_ns);
	return ret ? refuse(err, text, why_not(ret, "not a duration")) : 0;
}

int distribution_parse(struct distribution **out, const char *text, struct err *err)
{
	struct distribution *d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(err, -ENOMEM, "no memory for the distribution \"%s\"", text);
	int ret = text_parse(d, text, err);
	if (ret) {
		distribution_free(d);
		return ret;
	}
	*out = d;
	return 0;
}

void distribution_free(struct distribution *d)
{
	if (!d)
		return;
	free(d->sample);
	free(d);
}

static uint64_t to_ns(double ns)
{
	return ns < (double)DRAW_MAX_NS ? (uint64_t)ns : DRAW_MAX_NS;
}

uint64_t distribution_draw(const struct distribution *d, struct rng *rng)
{
	switch (d->kind) {
	case LOGNORMAL:
		return to_ns(rng_lognormal(rng, (double)d->a_ns, (double)d->b_ns));
	case UNIFORM:
		return d->a_ns + rng_below(rng, d->b_ns - d->a_ns + 1);
	case EXPONENTIAL:
		return d->a_ns ? to_ns(rng_exponential(rng, (double)d->a_ns)) : 0;
	case SAMPLES:
		return d->sample[rng_below(rng, d->samples)];
	case CONSTANT:
	default:
		return d->a_ns;
	}
}
