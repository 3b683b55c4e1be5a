// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "compare/compare.h"

/* "+10%", "-5%", "+50us": signed; what is allowed. */
static int limit_parse(const char *text, struct gate *g)
{
	char *end;
	uint64_t ns;

	if (*text != '+' && *text != '-')
		return -EINVAL;
	double number = strtod(text + 1, &end), sign = *text == '-' ? -1 : 1;
	if (end == text + 1 || !isdigit((unsigned char)text[1]) || !isfinite(number))
		return -EINVAL;
	if (!strcmp(end, "%")) {
		g->limit = sign * number / 100;
		return 0;
	}
	if (units_parse_duration_ns(text + 1, &ns))
		return -EINVAL;
	g->limit = sign * (double)ns;
	g->is_absolute = true;
	return 0;
}

int gate_parse(const char *text, struct gate *out, struct err *err)
{
	size_t n = strcspn(text, " \t");
	const char *limit = text + n + strspn(text + n, " \t");

	*out = (struct gate){0};
	if (!n || n >= sizeof(out->name) || strlen(text) >= sizeof(out->text) || limit_parse(limit, out))
		return err_set(
			err, -EINVAL,
			"--gate '%.100s': expected a metric and what it may change by, such as 'toll.p99 +10%%', 'toll.mean "
			"+50us' or 'throughput -5%%'",
			text);
	memcpy(out->name, text, n);
	snprintf(out->text, sizeof(out->text), "%s", text);
	return 0;
}

static const struct figure *figure_find(const struct comparison *c, const char *name)
{
	for (unsigned i = 0; i < c->figures; i++)
		if (!strcmp(c->figure[i].name, name))
			return &c->figure[i];
	return NULL;
}

static void undecided(struct gate *g, const char *why)
{
	g->verdict = GATE_CANNOT_TELL;
	snprintf(g->reason, sizeof(g->reason), "%s", why);
}

/* The change and its interval, in the unit and the direction in which the gate speaks: more is worse. */
static void gate_decide(struct gate *g, const struct figure *f)
{
	double scale = g->is_absolute == f->is_absolute ? 1 : g->is_absolute ? f->base : f->base > 0 ? 1 / f->base : NAN;
	double sign = g->limit < 0 || (g->limit == 0 && f->more_is_better) ? -1 : 1;
	double change = f->change * scale * sign, low = (sign > 0 ? f->low : -f->high) * scale,
	       high = (sign > 0 ? f->high : -f->low) * scale, limit = fabs(g->limit);

	if (!isfinite(change))
		undecided(g, "one of the two has nothing of it");
	else if (!f->has_interval && f->unit == FIGURE_BYTES)
		g->verdict = change > limit ? GATE_FAILED : GATE_PASSED;
	else if (!f->has_interval)
		undecided(g, f->reason);
	else if (high <= limit)
		g->verdict = GATE_PASSED;
	else if (low > 0 && change > limit)
		g->verdict = GATE_FAILED;
	else
		undecided(g, "its interval holds the limit: run longer");
}

void gates_judge(struct comparison *c)
{
	for (unsigned i = 0; i < c->gates; i++) {
		struct gate *g = &c->gate[i];

		g->figure = figure_find(c, g->name);
		/* a share's percent are points: 0.1 % more errors, not a thousandth more of them */
		if (g->figure && g->figure->unit == FIGURE_SHARE)
			g->is_absolute = true;
		if (g->figure)
			gate_decide(g, g->figure);
		else
			undecided(g, "the results have no such metric in common");
	}
}
