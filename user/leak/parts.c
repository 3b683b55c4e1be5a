// SPDX-License-Identifier: GPL-2.0-only
#include "leak/parts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOMENTS_MAX 256 /* then every second one is let go */
#define BYTES_MATERIAL 65536.0
#define COUNT_MATERIAL 8.0
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8

struct moment {
	float time_s;
	double requests;
	float value[LEAK_COLUMNS]; /* memory to one part in 2^24: a byte of 16 MiB, a page of 64 GiB */
};

struct part {
	enum record_part_kind kind;
	uint32_t pid;
	char label[32];
	struct moment *at;
	unsigned count, every, skipped;
	double from_s, to_s;
	float most[LEAK_COLUMNS];
};

struct leak_parts {
	struct part part[LEAK_PARTS_MAX];
	unsigned count;
	uint64_t dropped;
};

struct leak_parts *leak_parts_new(void)
{
	return calloc(1, sizeof(struct leak_parts));
}

void leak_parts_free(struct leak_parts *p)
{
	for (unsigned i = 0; p && i < p->count; i++)
		free(p->part[i].at);
	free(p);
}

static void values_of(const struct record_part *r, float value[LEAK_COLUMNS])
{
	if (r->kind == RECORD_PART_PEER) {
		for (unsigned i = 0; i < RECORD_TCP_STATES; i++)
			value[i] = (float)r->tcp[i];
		return;
	}
	memset(value, 0, LEAK_COLUMNS * sizeof(value[0]));
	value[LEAK_PROCESS_MEMORY] = (float)r->anon_bytes;
	value[LEAK_PROCESS_DESCRIPTORS] = (float)r->fds;
	value[LEAK_PROCESS_CLOSE_WAIT] = (float)r->tcp[TCP_CLOSE_WAIT];
	value[LEAK_PROCESS_CLOSED] = (float)r->tcp[TCP_CLOSE];
	value[LEAK_PROCESS_THREADS] = (float)r->threads;
}

static struct part *part_find(struct leak_parts *p, const struct record_part *r)
{
	for (unsigned i = 0; i < p->count; i++)
		if (p->part[i].kind == r->kind && p->part[i].pid == r->pid && (r->pid || !strcmp(p->part[i].label, r->label)))
			return &p->part[i];
	return NULL;
}

/* *out NULL: there is no room, or it is a peer that nothing is known of yet. */
static int part_make(struct leak_parts *p, const struct record_part *r, double time_s, struct part **out)
{
	static const uint32_t none[RECORD_TCP_STATES];
	struct part *part = &p->part[p->count];

	*out = NULL;
	if (r->kind == RECORD_PART_PEER && !memcmp(r->tcp, none, sizeof(none)))
		return 0;
	if (p->count == LEAK_PARTS_MAX) {
		p->dropped++;
		return 0;
	}
	*part = (struct part){.kind = (enum record_part_kind)r->kind, .pid = r->pid, .every = 1, .from_s = time_s};
	memcpy(part->label, r->label, sizeof(part->label));
	part->at = calloc(MOMENTS_MAX, sizeof(*part->at));
	if (!part->at)
		return -ENOMEM;
	p->count++;
	*out = part;
	return 0;
}

static void halve(struct part *part)
{
	for (unsigned i = 0; i < part->count / 2; i++)
		part->at[i] = part->at[2 * i];
	part->count /= 2;
	part->every *= 2;
}

int leak_parts_add(struct leak_parts *p, const struct record_part *r, double time_s, double requests)
{
	struct part *part = part_find(p, r);
	struct moment now = {.time_s = (float)time_s, .requests = requests};
	int rc = 0;

	if (r->kind != RECORD_PART_PEER && r->kind != RECORD_PART_PROCESS)
		return 0;
	if (!part)
		rc = part_make(p, r, time_s, &part);
	if (rc || !part)
		return rc;
	values_of(r, now.value);
	part->to_s = time_s;
	for (unsigned i = 0; i < LEAK_COLUMNS; i++)
		part->most[i] = fmaxf(part->most[i], now.value[i]);
	if (part->count && part->skipped + 1 < part->every) {
		part->skipped++;
		return 0;
	}
	part->skipped = 0;
	if (part->count == MOMENTS_MAX)
		halve(part);
	part->at[part->count++] = now;
	return 0;
}

unsigned leak_parts_count(const struct leak_parts *p)
{
	return p->count;
}

uint64_t leak_parts_dropped(const struct leak_parts *p)
{
	return p->dropped;
}

/* By the line, so that neither a swing at the begin nor one at the end counts. */
static double grown_of(const struct leak_judgement *j, const struct leak_sample *sample, unsigned samples)
{
	double seconds = sample[samples - 1].time_s - sample[0].time_s - j->judged_from_s;

	return j->per_second.points ? j->per_second.slope * seconds : sample[samples - 1].value - sample[0].value;
}

static void column_judge(const struct part *part, unsigned column, const struct moment *at, unsigned moments, double confidence,
			 struct leak_column *out)
{
	struct leak_sample sample[MOMENTS_MAX] = {{0}};
	const struct leak_series series = {sample, moments};
	bool bytes = part->kind == RECORD_PART_PROCESS && column == LEAK_PROCESS_MEMORY;
	const struct leak_config config = {.confidence = confidence, .material = bytes ? BYTES_MATERIAL : COUNT_MATERIAL};

	for (unsigned i = 0; i < moments; i++)
		sample[i] = (struct leak_sample){at[i].time_s, at[i].requests, at[i].value[column]};
	leak_judge(&series, &config, &out->judgement);
	if (!out->judgement.per_second.points) {
		out->judgement.start_value = sample[0].value;
		out->judgement.end_value = sample[moments - 1].value;
	}
	out->grown = grown_of(&out->judgement, sample, moments);
}

bool leak_parts_judge(const struct leak_parts *p, unsigned i, double from_s, double to_s, double confidence,
		      struct leak_part *out)
{
	const struct part *part = &p->part[i];
	unsigned from = 0, to;

	*out = (struct leak_part){.kind = part->kind, .pid = part->pid, .from_s = part->from_s, .to_s = part->to_s};
	memcpy(out->label, part->label, sizeof(out->label));
	while (from < part->count && part->at[from].time_s < (float)from_s)
		from++;
	for (to = from; to < part->count && part->at[to].time_s <= (float)to_s; to++)
		;
	if (from == to)
		return false;
	for (unsigned c = 0; c < LEAK_COLUMNS; c++) {
		out->column[c].most = part->most[c];
		out->column[c].seen = part->most[c] > 0;
		if (out->column[c].seen)
			column_judge(part, c, part->at + from, to - from, confidence, &out->column[c]);
	}
	return true;
}
