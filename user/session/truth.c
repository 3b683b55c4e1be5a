// SPDX-License-Identifier: GPL-2.0-only
#include "session/truth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/attribution.h"
#include "base/hist.h"
#include "base/log.h"
#include "base/map.h"

#define ROWS_MAX 1000000u

/* Where a plant of each side must appear. Chunk plants show in the chunk lag, which the streams section reports. */
static const enum phase phase_of[GATEWAY_SIDES] = {
	[GATEWAY_REQUEST] = PHASE_PROCESS_REQUEST,
	[GATEWAY_RESPONSE] = PHASE_PROCESS_RESPONSE,
	[GATEWAY_CHUNK] = PHASE_STREAM,
};

/* Medians of one side: the gateway's clock around the plants, the phase with them, the phase without. */
struct side {
	struct hist *truth;
	struct hist *planted;
	struct hist *bare;
};

int truth_init(struct truth *t, const char *plant_text, struct err *err)
{
	memset(t, 0, sizeof(*t));
	return plant_text ? gateway_plants_parse(plant_text, &t->plants, err) : 0;
}

void truth_fini(struct truth *t)
{
	free(t->row);
	memset(t, 0, sizeof(*t));
}

void truth_add(struct truth *t, const struct whole_request *w)
{
	struct phase_cut cut;

	if (!t->plants.count || w->unmatched != TIMELINE_MATCHED || (w->driver.flags & RECORD_WARMUP) || t->rows == ROWS_MAX)
		return;
	if (attribution_cut(w, &cut))
		return;
	if (t->rows == t->room) {
		size_t room = t->room ? 2 * t->room : 4096;
		struct truth_row *row = realloc(t->row, room * sizeof(*row));

		if (!row)
			return;
		t->row = row;
		t->room = room;
	}
	t->row[t->rows].id = w->driver.id;
	for (int side = 0; side < GATEWAY_SIDES; side++)
		t->row[t->rows].phase_ns[side] = cut.ns[phase_of[side]];
	t->rows++;
}

static void side_add(struct side *s, uint64_t truth_ns, uint64_t phase_ns)
{
	if (!truth_ns) {
		hist_record(s->bare, phase_ns);
		return;
	}
	hist_record(s->truth, truth_ns);
	hist_record(s->planted, phase_ns);
}

static void log_join(FILE *log, const struct map *rows, struct side side[GATEWAY_SIDES])
{
	struct gateway_truth truth;

	while (fread(&truth, sizeof(truth), 1, log) == 1) {
		const struct truth_row *row = map_get(rows, truth.tag);

		for (int i = 0; row && i < GATEWAY_SIDES; i++)
			side_add(&side[i], truth.side_ns[i], row->phase_ns[i]);
	}
}

/* "sleep 1.00 ms, cpu 200 µs @request". */
static void side_describe(char *out, size_t size, const struct gateway_plants *plants, enum gateway_side which)
{
	char plant[96];
	size_t used = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < plants->count && used < size; i++)
		if (plants->plant[i].side == which)
			used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
						 gateway_plant_describe(&plants->plant[i], plant, sizeof(plant)));
	if (used < size)
		snprintf(out + used, size - used, " @%s", gateway_side_name(which));
}

static void side_report(const struct side *s, const struct gateway_plants *plants, enum gateway_side which,
			struct report_input *report)
{
	struct report_plant *out = &report->plant[report->plants];
	uint64_t with = hist_percentile(s->planted, 50), without = hist_percentile(s->bare, 50);

	if (!hist_count(s->truth) || report->plants == sizeof(report->plant) / sizeof(report->plant[0]))
		return;
	side_describe(out->text, sizeof(out->text), plants, which);
	snprintf(out->phase, sizeof(out->phase), "%s", phase_name(phase_of[which]));
	out->truth_p50_ns = hist_percentile(s->truth, 50);
	out->measured_p50_ns = with > without ? with - without : 0;
	report->plants++;
}

void truth_fill(struct truth *t, const char *path, struct report_input *report)
{
	struct side side[GATEWAY_SIDES] = {0};
	struct map *rows = map_new();
	FILE *log = t->plants.count ? fopen(path, "rbe") : NULL;

	if (t->plants.count && !log)
		log_line(LOG_WARN, "cannot read the gateway's truth log %s: %s", path, strerror(errno));
	for (int i = 0; i < GATEWAY_SIDES; i++)
		side[i] = (struct side){hist_new(), hist_new(), hist_new()};
	for (size_t i = 0; rows && i < t->rows; i++)
		map_put(rows, t->row[i].id, &t->row[i]);
	if (log && rows)
		log_join(log, rows, side);
	for (int i = 0; i < GATEWAY_SIDES; i++) {
		if (i != GATEWAY_CHUNK)
			side_report(&side[i], &t->plants, (enum gateway_side)i, report);
		hist_free(side[i].truth);
		hist_free(side[i].planted);
		hist_free(side[i].bare);
	}
	if (log)
		fclose(log);
	map_free(rows);
}
