// SPDX-License-Identifier: GPL-2.0-only
/* A comparison on the terminal: at most 100 columns. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "compare/compare.h"
#include "report/text.h"

#define LABEL 12
#define CHANGE_SHOWN_MAX 10 /* times: beyond it an interval says nothing */

static const char *value_text(char buf[TEXT_CELL], const struct figure *f, double value)
{
	if (!isfinite(value) || value < 0)
		return "–";
	if (f->unit == FIGURE_NS)
		return units_format_ns(buf, TEXT_CELL, (uint64_t)llround(value));
	if (f->unit == FIGURE_BYTES)
		return units_format_bytes(buf, TEXT_CELL, (uint64_t)llround(value));
	if (f->unit == FIGURE_PER_S)
		snprintf(buf, TEXT_CELL, "%.4g/s", value);
	else
		snprintf(buf, TEXT_CELL, "%.3g %%", value * 100);
	return buf;
}

/* "+9.8 %", "−1.2 µs". */
static const char *change_text(char buf[TEXT_CELL], const struct figure *f, double change)
{
	const char *sign = change < 0 ? "−" : "+";
	char plain[TEXT_CELL];

	if (!isfinite(change))
		return "–";
	if (!f->is_absolute && change > CHANGE_SHOWN_MAX)
		snprintf(buf, TEXT_CELL, "> +%d %%", CHANGE_SHOWN_MAX * 100);
	else if (!f->is_absolute)
		snprintf(buf, TEXT_CELL, "%s%.*f %%", sign, fabs(change) < 0.1 ? 2 : 1, fabs(change) * 100);
	else if (f->unit == FIGURE_SHARE)
		snprintf(buf, TEXT_CELL, "%s%.2f pp", sign, fabs(change) * 100);
	else
		snprintf(buf, TEXT_CELL, "%s%s", sign, units_format_ns(plain, sizeof(plain), (uint64_t)llround(fabs(change))));
	return buf;
}

static const char *interval_text(char *buf, size_t size, const struct figure *f)
{
	char low[TEXT_CELL], high[TEXT_CELL];

	if (!f->has_interval)
		return "";
	snprintf(buf, size, "%s … %s", change_text(low, f, f->low), change_text(high, f, f->high));
	return buf;
}

static enum text_style style_of(const struct figure *f)
{
	return f->verdict == FIGURE_WORSE         ? TEXT_RED
	       : f->verdict == FIGURE_BETTER      ? TEXT_GREEN
	       : f->verdict == FIGURE_CANNOT_TELL ? TEXT_DIM
						  : TEXT_PLAIN;
}

static void row(struct text *t, const struct figure *f, const char *name)
{
	char cell[TEXT_CELL], interval[2 * TEXT_CELL + 8];

	text_left(t, TEXT_PLAIN, 26, name);
	text_right(t, TEXT_PLAIN, 11, value_text(cell, f, f->base));
	text_right(t, TEXT_PLAIN, 11, value_text(cell, f, f->new_));
	text_right(t, TEXT_PLAIN, 11, change_text(cell, f, f->change));
	text_right(t, TEXT_PLAIN, 22, interval_text(interval, sizeof(interval), f));
	text_put(t, TEXT_PLAIN, " ");
	text_put(t, style_of(f), f->has_interval ? figure_verdict_word(f) : "no interval");
	text_end(t);
}

static void table_head(struct text *t, const char *title)
{
	text_left(t, TEXT_BOLD, 26, title);
	text_right(t, TEXT_DIM, 11, "base");
	text_right(t, TEXT_DIM, 11, "new");
	text_right(t, TEXT_DIM, 11, "change");
	text_right(t, TEXT_DIM, 22, "95 % interval");
	text_end(t);
}

static void figures(struct text *t, const struct comparison *c)
{
	char name[96];

	table_head(t, "FIGURES");
	for (unsigned i = 0; i < c->figures; i++) {
		if (c->figure[i].is_part)
			continue;
		snprintf(name, sizeof(name), "  %s", c->figure[i].name);
		row(t, &c->figure[i], name);
	}
	text_blank(t);
}

/* A part matters where it moved, or where it holds a hundredth of the toll. */
static bool part_matters(const struct comparison *c, const struct figure *f)
{
	double toll = 0;

	for (unsigned i = 0; i < c->figures; i++)
		if (!strcmp(c->figure[i].name, "toll.mean"))
			toll = c->figure[i].base;
	return f->verdict == FIGURE_WORSE || f->verdict == FIGURE_BETTER || fmax(f->base, f->new_) > toll / 100;
}

static void parts(struct text *t, const struct comparison *c, const char *title, bool toll, bool cause)
{
	char name[96];
	bool any = false;

	for (unsigned i = 0; i < c->figures; i++) {
		const struct figure *f = &c->figure[i];

		if (!f->is_part || f->is_toll != toll || f->is_cause != cause || !part_matters(c, f))
			continue;
		if (!any)
			table_head(t, title);
		any = true;
		snprintf(name, sizeof(name), "  %.*s", (int)(strlen(f->name) - strlen(".mean")),
			 f->name + (cause ? strlen("cause.") : 0));
		if (cause)
			name[strlen(name) - strlen(".mean")] = '\0';
		for (char *p = name; *p; p++)
			*p = *p == '_' ? ' ' : *p;
		row(t, f, name);
	}
	if (any)
		text_blank(t);
}

static void gates(struct text *t, const struct comparison *c)
{
	static const char *const word[] = {
		[GATE_PASSED] = "passed", [GATE_FAILED] = "FAILED", [GATE_CANNOT_TELL] = "cannot tell"};
	static const enum text_style style[] = {
		[GATE_PASSED] = TEXT_GREEN, [GATE_FAILED] = TEXT_RED, [GATE_CANNOT_TELL] = TEXT_YELLOW};

	for (unsigned i = 0; i < c->gates; i++) {
		const struct gate *g = &c->gate[i];

		text_left(t, TEXT_BOLD, LABEL, i ? "" : "GATES");
		text_left(t, style[g->verdict], LABEL, word[g->verdict]);
		text_left(t, TEXT_PLAIN, 30, g->text);
		text_put(t, TEXT_DIM, g->reason);
		text_end(t);
	}
	if (c->gates)
		text_blank(t);
}

static const char *head_text(const json_t *head, char *out, size_t size)
{
	const json_t *configuration = json_object_get(head, "configuration");
	const char *plant = text_string(configuration, "plant");

	snprintf(out, size, "%s · %s · %.4g s%s%s", text_string(head, "scenario"),
		 *text_string(head, "date") ? text_string(head, "date") : "date not known", text_number(head, "duration_s"),
		 *plant ? " · plant " : "", plant);
	return out;
}

/* "toll p50 +9.98 %, mean +9.1 %: slower". */
static void verdict(struct text *t, const struct comparison *c)
{
	static const struct {
		const char *verdict, *words;
		enum text_style style;
	} says[] = {
		{"slower", "the new run charges its requests more", TEXT_RED},
		{"faster", "the new run charges its requests less", TEXT_GREEN},
		{"mixed", "some of the new run's figures are slower, others faster", TEXT_YELLOW},
		{"no_difference", "no difference seen", TEXT_PLAIN},
		{"cannot_tell", "these runs cannot tell: the intervals are too wide", TEXT_YELLOW},
	};
	const char *v = compare_verdict(c);

	for (size_t i = 0; i < sizeof(says) / sizeof(*says); i++)
		if (!strcmp(says[i].verdict, v))
			text_wrap(t, says[i].style, "VERDICT", LABEL, says[i].words);
	text_blank(t);
}

static void method(struct text *t, const struct comparison *c)
{
	char line[800], width[2][TEXT_CELL], lag[2][TEXT_CELL] = {"not known", "not known"};

	for (unsigned side = 0; side < 2; side++) {
		units_format_ns(width[side], TEXT_CELL, c->width_ns[side]);
		if (c->control[side].known)
			units_format_ns(lag[side], TEXT_CELL, (uint64_t)llround(c->control[side].ns[1]));
	}
	snprintf(line, sizeof(line),
		 "intervals of 95 %% that hold for all figures together: %u draws of stretches of about %.0f blocks, %u blocks "
		 "of %s "
		 "against %u of %s; seed %llu; factor %.2f. Allowed for: %.3g %% that two runs of the same thing differ by. What "
		 "the driver's own lag differed by (%s at the median, then %s) is taken off the changes of toll and latency, and "
		 "allowed for in the rest. No difference: the interval lies within ±%.3g %%, or within the gate.",
		 c->options.resamples, c->stretch[0], c->blocks[0], width[0], c->blocks[1], width[1],
		 (unsigned long long)c->options.seed, c->factor, c->options.run_noise * 100, lag[0], lag[1],
		 c->options.tolerance * 100);
	text_wrap(t, TEXT_DIM, "HOW", LABEL, line);
}

int compare_print_text(const struct comparison *c, FILE *out, bool colour)
{
	struct text *t = &(struct text){.out = out, .colour = colour};
	bool refused = c->refusals && !c->options.anyway;
	char line[400];

	text_wrap(t, TEXT_BOLD, "base", LABEL, head_text(c->head[0], line, sizeof(line)));
	text_wrap(t, TEXT_BOLD, "new", LABEL, head_text(c->head[1], line, sizeof(line)));
	for (unsigned i = 0; i < c->issues; i++)
		text_wrap(t, i < c->refusals ? TEXT_RED : TEXT_YELLOW, i < c->refusals ? "NOT ALIKE" : "note", LABEL,
			  c->issue[i]);
	if (refused)
		text_wrap(t, TEXT_RED, "REFUSED", LABEL,
			  "what differs may be anything but the gateway; --anyway compares them nevertheless");
	text_blank(t);
	if (!refused) {
		verdict(t, c);
		gates(t, c);
		figures(t, c);
		parts(t, c, "WHERE IN THE GATEWAY", true, false);
		parts(t, c, "WHY", true, true);
		parts(t, c, "OUTSIDE THE TOLL", false, false);
		method(t, c);
	}
	return fflush(out) || ferror(out) ? -EIO : 0;
}
