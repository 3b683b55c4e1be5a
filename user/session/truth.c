// SPDX-License-Identifier: GPL-2.0-only
#include "session/truth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hist.h"
#include "base/log.h"

#define ROWS_MAX 1000000u

/* Where a plant of each side must appear. Chunk plants show in the chunk lag, which the streams section reports. */
static const enum phase phase_of_side[GATEWAY_SIDES] = {
	[GATEWAY_REQUEST] = PHASE_PROCESS_REQUEST,
	[GATEWAY_RESPONSE] = PHASE_PROCESS_RESPONSE,
	[GATEWAY_CHUNK] = PHASE_STREAM,
};

static enum phase phase_of(const struct gateway_plant *p)
{
	return p->kind == GATEWAY_PLANT_RESOLVER ? PHASE_UPSTREAM_DNS : phase_of_side[p->side];
}

/* Medians of one side or plant: the gateway's own clock, what was measured with it, what without. */
struct figures {
	struct hist *truth;
	struct hist *planted;
	struct hist *bare;
};

int truth_init(struct truth *t, const char *plant_text, struct err *err)
{
	memset(t, 0, sizeof(*t));
	if (!plant_text)
		return 0;
	t->by_id = map_new();
	if (!t->by_id)
		return err_set(err, -ENOMEM, "no memory to compare plants with what is measured");
	return gateway_plants_parse(plant_text, &t->plants, err);
}

void truth_fini(struct truth *t)
{
	free(t->row);
	map_free(t->by_id);
	memset(t, 0, sizeof(*t));
}

/* NULL: there is no room. */
static struct truth_row *row_append(struct truth *t, uint64_t id)
{
	if (t->rows == ROWS_MAX)
		return NULL;
	if (t->rows == t->room) {
		size_t room = t->room ? 2 * t->room : 4096;
		struct truth_row *row = realloc(t->row, room * sizeof(*row));

		if (!row)
			return NULL;
		t->row = row;
		t->room = room;
	}
	if (map_put(t->by_id, id, (void *)(uintptr_t)(t->rows + 1)))
		return NULL;
	t->row[t->rows] = (struct truth_row){.id = id};
	return &t->row[t->rows++];
}

static struct truth_row *row_of(const struct truth *t, uint64_t id)
{
	uintptr_t index = (uintptr_t)map_get(t->by_id, id);

	return index ? &t->row[index - 1] : NULL;
}

void truth_add(struct truth *t, const struct whole_request *w)
{
	struct phase_cut cut;

	if (!t->plants.count || w->unmatched != TIMELINE_MATCHED || (w->driver.flags & RECORD_WARMUP))
		return;
	if (attribution_cut(w, &cut))
		return;
	struct truth_row *row = row_append(t, w->driver.id);
	for (int side = 0; row && side < GATEWAY_SIDES; side++)
		row->phase_ns[side] = cut.ns[phase_of_side[side]];
}

/* Where system calls are not told, the gateway's own work is one cause. */
static enum cause cause_of(const struct gateway_plant *p, bool calls_known)
{
	const char *name = gateway_plant_cause(p->kind);

	for (unsigned c = 0; c < CAUSES; c++)
		if (!strcmp(name, cause_name((enum cause)c)))
			return (c == CAUSE_OWN_USER || c == CAUSE_OWN_KERNEL) && !calls_known ? CAUSE_OWN_CPU : (enum cause)c;
	return CAUSE_UNKNOWN;
}

void truth_causes(struct truth *t, uint64_t id, const struct cause_cut *causes)
{
	struct truth_row *row = t->plants.count ? row_of(t, id) : NULL;

	if (!row)
		return;
	row->has_causes = true;
	t->calls_known |= causes->calls_known;
	for (unsigned i = 0; i < t->plants.count; i++) {
		const struct gateway_plant *p = &t->plants.plant[i];
		row->cause_ns[i] = causes->ns[phase_of(p)][cause_of(p, causes->calls_known)];
	}
}

/* --- the log ---------------------------------------------------------------------------------------------------------------- */

static void figures_init(struct figures *f, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		f[i] = (struct figures){hist_new(), hist_new(), hist_new()};
}

static void figures_fini(struct figures *f, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		hist_free(f[i].truth);
		hist_free(f[i].planted);
		hist_free(f[i].bare);
	}
}

static void figures_add(struct figures *f, bool carried, uint64_t truth_ns, uint64_t measured_ns)
{
	if (!f->truth || !f->planted || !f->bare)
		return;
	if (!carried) {
		hist_record(f->bare, measured_ns);
		return;
	}
	hist_record(f->truth, truth_ns);
	hist_record(f->planted, measured_ns);
}

static bool side_carried(const struct truth *t, const struct gateway_truth *truth, unsigned side)
{
	for (unsigned i = 0; i < t->plants.count; i++)
		if (t->plants.plant[i].side == side && truth->carried & 1u << i)
			return true;
	return false;
}

/* A look-up is a phase of its own: it is not part of its side's. */
static uint64_t side_truth(const struct truth *t, const struct gateway_truth *truth, unsigned side)
{
	uint64_t ns = truth->side_ns[side];

	for (unsigned i = 0; i < t->plants.count; i++) {
		const struct gateway_plant *p = &t->plants.plant[i];
		if (p->kind == GATEWAY_PLANT_RESOLVER && p->side == side)
			ns -= ns > truth->plant_ns[i] ? truth->plant_ns[i] : ns;
	}
	return ns;
}

static void log_join(const struct truth *t, FILE *log, struct figures *side, struct figures *plant)
{
	struct gateway_truth truth;

	while (fread(&truth, sizeof(truth), 1, log) == 1) {
		const struct truth_row *row = row_of(t, truth.tag);

		for (unsigned i = 0; row && i < GATEWAY_SIDES; i++)
			figures_add(&side[i], side_carried(t, &truth, i), side_truth(t, &truth, i), row->phase_ns[i]);
		for (unsigned i = 0; row && row->has_causes && i < t->plants.count; i++)
			figures_add(&plant[i], truth.carried & 1u << i, truth.plant_ns[i], row->cause_ns[i]);
	}
}

/* --- the report's rows ------------------------------------------------------------------------------------------------------ */

static void row_fill(struct report_plant *out, const struct figures *f, enum phase phase)
{
	uint64_t with = hist_percentile(f->planted, 50), without = hist_percentile(f->bare, 50);

	snprintf(out->phase, sizeof(out->phase), "%s", phase_name(phase));
	out->truth_p50_ns = hist_percentile(f->truth, 50);
	out->measured_p50_ns = with > without ? with - without : 0;
}

static bool has_figures(const struct figures *f)
{
	return f->truth && f->planted && f->bare && hist_count(f->truth);
}

/* "sleep 1.00 ms, cpu 200 µs @request". */
static void side_describe(char *out, size_t size, const struct gateway_plants *plants, enum gateway_side which)
{
	char plant[96];
	size_t used = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < plants->count && used < size; i++)
		if (plants->plant[i].side == which && plants->plant[i].kind != GATEWAY_PLANT_RESOLVER)
			used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
						 gateway_plant_describe(&plants->plant[i], plant, sizeof(plant)));
	if (used < size)
		snprintf(out + used, size - used, " @%s", gateway_side_name(which));
}

static bool side_has_plants(const struct gateway_plants *plants, enum gateway_side which)
{
	for (unsigned i = 0; i < plants->count; i++)
		if (plants->plant[i].side == which && plants->plant[i].kind != GATEWAY_PLANT_RESOLVER)
			return true;
	return false;
}

static void sides_report(const struct truth *t, const struct figures *side, struct report_input *report)
{
	for (unsigned i = 0; i < GATEWAY_CHUNK; i++) {
		if (!side_has_plants(&t->plants, (enum gateway_side)i) || !has_figures(&side[i]))
			continue;
		struct report_plant *out = &report->plant[report->plants++];
		side_describe(out->text, sizeof(out->text), &t->plants, (enum gateway_side)i);
		row_fill(out, &side[i], phase_of_side[i]);
	}
}

static void plants_report(const struct truth *t, const struct figures *plant, bool calls_known, struct report_input *report)
{
	char text[96];

	for (unsigned i = 0; i < t->plants.count; i++) {
		const struct gateway_plant *p = &t->plants.plant[i];
		if (p->side == GATEWAY_CHUNK || !has_figures(&plant[i]))
			continue;
		struct report_plant *out = &report->plant_cause[report->plant_causes++];
		snprintf(out->text, sizeof(out->text), "%.40s @%s", gateway_plant_describe(p, text, sizeof(text)),
			 gateway_side_name(p->side));
		snprintf(out->cause, sizeof(out->cause), "%s", cause_name(cause_of(p, calls_known)));
		row_fill(out, &plant[i], phase_of(p));
	}
}

void truth_fill(struct truth *t, const char *path, struct report_input *report)
{
	struct figures side[GATEWAY_SIDES], plant[GATEWAY_PLANTS_MAX];

	if (!t->plants.count)
		return;
	FILE *log = fopen(path, "rbe");
	if (!log) {
		log_line(LOG_WARN, "cannot read the gateway's truth log %s: %s", path, strerror(errno));
		return;
	}
	figures_init(side, GATEWAY_SIDES);
	figures_init(plant, t->plants.count);
	log_join(t, log, side, plant);
	sides_report(t, side, report);
	plants_report(t, plant, t->calls_known, report);
	figures_fini(side, GATEWAY_SIDES);
	figures_fini(plant, t->plants.count);
	fclose(log);
}
