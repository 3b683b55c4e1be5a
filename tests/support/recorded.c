// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/recorded.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static struct recorded recorded[] = {
	{.name = "reference-1"}, {.name = "reference-2"}, {.name = "reference-3"}, {.name = "nginx-1"},
	{.name = "nginx-2"},     {.name = "haproxy-1"},   {.name = "haproxy-2"},
};
#define RECORDED (sizeof(recorded) / sizeof(recorded[0]))

#define FAULTS_PER_S 300.0
#define FAULTS_MOMENTS 1 /* of a pause, for each of the two: some of it stays one */

/* The recordings are older than the phases in which things go wrong: those are put into their pauses. */
static void faults_add(struct recorded *r)
{
	unsigned paused = 0;

	for (unsigned i = 1; i < r->count; i++) {
		struct recorded_moment *m = &r->at[i], *before = m - 1;
		bool pause = true;
		for (unsigned c = 0; c < RECORDED_CLASSES; c++)
			pause &= m->requests[c] <= before->requests[c];
		paused = pause ? paused + 1 : 0;
		for (unsigned c = RECORDED_CLASSES; c < RECORDED_ALL; c++) {
			unsigned first = (c - RECORDED_CLASSES) * FAULTS_MOMENTS;
			bool now = paused > first && paused <= first + FAULTS_MOMENTS;
			m->requests[c] = before->requests[c] + (now ? FAULTS_PER_S * (m->time_s - before->time_s) : 0);
		}
	}
}

static void read_one(struct recorded *r)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "tests/support/gauges/%s.txt", r->name);
	file = fopen(path, "re");
	if (!file) {
		perror(path);
		abort();
	}
	for (struct recorded_moment *m = r->at; r->count < RECORDED_MOMENTS_MAX; m++, r->count++)
		if (fscanf(file, "%lf %lf %lf %lf %lf %lf", &m->time_s, &m->requests[0], &m->requests[1], &m->requests[2],
			   &m->requests[3], &m->memory_bytes) != 6)
			break;
	fclose(file);
	if (r->count < 100)
		abort();
	faults_add(r);
}

unsigned recorded_all(const struct recorded **out)
{
	for (unsigned i = 0; i < RECORDED && !recorded[i].count; i++)
		read_one(&recorded[i]);
	*out = recorded;
	return RECORDED;
}
