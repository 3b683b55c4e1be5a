/* SPDX-License-Identifier: GPL-2.0-only */
/* The rows of a scenario file: document -> struct plan. Inside scenario/ only. */
#ifndef TOLL_SCENARIO_PLAN_FILE_H
#define TOLL_SCENARIO_PLAN_FILE_H

#include "scenario/criteria.h"
#include "scenario/fields.h"
#include "scenario/plan.h"

#define PLAN_VUS_MAX 100000
#define PLAN_RATE_MAX 1000000.0
#define PLAN_REQUESTS_MAX 1e12
#define PLAN_TOKENS_MAX 1000000
#define PLAN_TEMPERATURE_MAX 2.0

/* What a file need not say. */
struct plan_defaults {
	const char *name;
	const char *model;
	uint32_t max_tokens;
	double temperature;
};

bool plan_file_has_quick(struct document *doc);
/* Fills *out wholly (its data list is kept, and added to: zero it before the first time); quick: with the keys of the quick: block instead of the file's. */
int plan_file_read(struct document *doc, const struct plan_defaults *defaults, bool quick, struct plan *out);

/* plan_class.c: one member of classes:, its name in at->key. plan: owns the files that it names. */
int plan_class_read(const struct place *at, struct plan *plan, struct plan_class *out);

/* plan_stage.c: one item of stages:, which may stand for several; its name is set to the default. The plan's classes are there already. */
int plan_stage_read(const struct place *at, struct plan *plan);

/* plan_peers.c: provider: into a struct plan_provider; providers:, gateway:, peers: and tenants: into the struct plan. */
int plan_provider_read(const struct place *at, const struct field *f, void *out);
int plan_providers_read(const struct place *at, const struct field *f, void *out);
int plan_settings_read(const struct place *at, const struct field *f, void *out);
int plan_peers_read(const struct place *at, const struct field *f, void *out);
int plan_tenants_read(const struct place *at, const struct field *f, void *out);

/* Parses text as a criterion of this plan: its classes, stages and checks. Err has no file and line. */
int plan_criterion_check(const struct plan *plan, const char *text, struct criterion *out, struct err *err);

#endif
