/* SPDX-License-Identifier: GPL-2.0-only */
/* For user/report and user/compare: reports on a terminal. Lines are made of cells and never wider than TEXT_COLUMNS, whatever is put in. */
#ifndef TOLL_REPORT_TEXT_H
#define TOLL_REPORT_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

#define TEXT_COLUMNS 100

enum text_style { TEXT_PLAIN, TEXT_BOLD, TEXT_DIM, TEXT_RED, TEXT_GREEN, TEXT_YELLOW, TEXT_CYAN };

/* Takes the same words as cells and paragraphs instead of lines of characters: the HTML report. */
enum text_align { TEXT_FLOW, TEXT_LEFT, TEXT_RIGHT };
struct text_sink {
	void *ctx;
	void (*cell)(void *ctx, enum text_style style, enum text_align align, unsigned width, const char *s);
	void (*line)(void *ctx); /* the row is whole */
	void (*blank)(void *ctx); /* what comes next is another table */
	void (*paragraph)(void *ctx, enum text_style label_style, const char *label, const char *s);
};

struct text {
	const struct text_sink *sink; /* NULL: lines to out */
	FILE *out;
	bool colour;
	unsigned columns; /* of the line so far */
	size_t used;
	char line[4096];
};

/* text_out.c: cells. What does not fit the width (or the line) ends in "…". Control characters become spaces. */
void text_put(struct text *t, enum text_style style, const char *s);
void text_left(struct text *t, enum text_style style, unsigned width, const char *s);
void text_right(struct text *t, enum text_style style, unsigned width, const char *s);
void text_end(struct text *t); /* ends the line; trailing spaces are dropped */
void text_blank(struct text *t);
/* A paragraph behind a label, wrapped at words, all lines indented by `indent`. TEXT_GLUE is a space that does not break. */
#define TEXT_GLUE '\037'
void text_wrap(struct text *t, enum text_style label_style, const char *label, unsigned indent, const char *s);
unsigned text_width(const char *s);

/* text_value.c: what the document holds, as words. All tolerate absent values. */
#define TEXT_CELL 48
const json_t *text_at(const json_t *doc, const char *path); /* "trust.lost", "stages.0": keys without dots of their own */
uint64_t text_u64(const json_t *object, const char *key);
double text_number(const json_t *object, const char *key);
const char *text_string(const json_t *object, const char *key); /* "" when absent */
const char *text_ns(char buf[TEXT_CELL], const json_t *object, const char *key); /* "–" when absent */
const char *text_dist(char buf[TEXT_CELL], const json_t *dist, const char *key); /* "≥" before a lower bound, "–" when absent */
const char *text_count(char buf[TEXT_CELL], const json_t *object, const char *key);
const char *text_rate(char buf[TEXT_CELL], double per_s);
const char *text_percent(char buf[TEXT_CELL], double share); /* in prose: never rounded up to 100 % */
const char *text_share(char buf[TEXT_CELL], double share); /* in a column: one decimal */
const char *text_spaced(char buf[TEXT_CELL], const char *name); /* "ring_full" -> "ring full" */
const char *text_amount(char buf[TEXT_CELL], double value, bool bytes); /* "64 B", "-1.2 kB" or "0.013" */
const char *text_span(char buf[TEXT_CELL], double seconds);
const char *text_bar(char *buf, size_t size, unsigned width, double share);

/*
 * The parts, in the order of the report: terminal and HTML print the same ones. A part that has nothing to say prints nothing. A table's
 * first line begins with a bold cell that no "  " precedes.
 */
struct text_part {
	const char *id; /* "phases": also the anchor in the HTML */
	const char *title; /* its heading there; NULL: none */
	void (*print)(struct text *t, const json_t *doc);
};
extern const struct text_part text_parts[];
extern const unsigned text_parts_count;

void text_problems(struct text *t, const json_t *doc);
void text_title(struct text *t, const json_t *doc);
void text_head(struct text *t, const json_t *doc);
void text_trust(struct text *t, const json_t *doc);
void text_criteria(struct text *t, const json_t *doc);
void text_charge(struct text *t, const json_t *doc); /* the toll in a sentence */
void text_likely(struct text *t, const json_t *doc); /* under missed criteria */
void text_says(struct text *t, const json_t *doc); /* "READY" */
void text_ratings(struct text *t, const json_t *doc);
void text_phases(struct text *t, const json_t *doc);
void text_findings(struct text *t, const json_t *doc); /* what costs most, in sentences */
void text_causes(struct text *t, const json_t *doc);
void text_stacks(struct text *t, const json_t *doc); /* the top frames */
void text_calls(struct text *t, const json_t *doc);
void text_threads(struct text *t, const json_t *doc);
void text_latency(struct text *t, const json_t *doc);
void text_sets(struct text *t, const json_t *doc); /* classes and stages */
void text_streams(struct text *t, const json_t *doc);
void text_upstreams(struct text *t, const json_t *doc);
void text_sockets(struct text *t, const json_t *doc);
void text_resilience(struct text *t, const json_t *doc);
void text_disconnects(struct text *t, const json_t *doc);
void text_alloc(struct text *t, const json_t *doc);
void text_probes(struct text *t, const json_t *doc);
void text_planted(struct text *t, const json_t *doc);
void text_leak(struct text *t, const json_t *doc);
void text_survivors(struct text *t, const json_t *leak); /* text_leak()'s parts on sites */
void text_leak_parts(struct text *t, const json_t *leak); /* ... on peers and processes */
void text_leak_where(struct buf *line, const json_t *leak); /* "80 % of the growth is in process 12 (node)", or nothing */
void text_reachability(struct text *t, const json_t *leak);
void text_growth_stacks(struct text *t, const json_t *leak);
void text_exemplars(struct text *t, const json_t *doc);
void text_own(struct text *t, const json_t *doc);
void text_gateway(struct text *t, const json_t *doc);
void text_driver(struct text *t, const json_t *doc);
void text_capture(struct text *t, const json_t *doc);
void text_not_measured(struct text *t, const json_t *doc);

#endif
