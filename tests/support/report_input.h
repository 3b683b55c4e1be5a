/* SPDX-License-Identifier: GPL-2.0-only */
/* A report_input filled by hand, as a run of 2 classes and 3 stages would fill it; tests change it before they build a document. */
#ifndef TOLL_TESTS_SUPPORT_REPORT_INPUT_H
#define TOLL_TESTS_SUPPORT_REPORT_INPUT_H

#include "report/report.h"

#define FIXTURE_CLASSES 2
#define FIXTURE_STAGES 3

struct report_fixture {
	struct report_input in;
	struct request_stats total, warmup, class_[FIXTURE_CLASSES], stage[FIXTURE_STAGES];
	struct timeline_stats timeline;
	struct attribution *attribution;
	struct threads threads; /* empty: no thread was watched */
	struct calls *calls;
	struct series *series;
	struct capture_end capture;
	json_t *configuration;
};

/* n requests, each 20 ms at the provider and about 38 µs at the gateway; every third is a stream, every 100th times out. */
void report_fixture_init(struct report_fixture *f, unsigned n);
/* The same, with an account of the gateway's thread: it waits for a lock, for a CPU and is busy with other requests. */
void report_fixture_init_threads(struct report_fixture *f, unsigned n);
/* Of the same n requests only every parts-th, from the part-th on: what one of several drivers would have seen. */
void report_fixture_init_part(struct report_fixture *f, unsigned n, unsigned part, unsigned parts);
void report_fixture_fini(struct report_fixture *f);
/* What a run has without probes, and what an attached run has without a driver. */
void report_fixture_no_probes(struct report_fixture *f);
void report_fixture_attach(struct report_fixture *f);
/* Stacks as a run with samples has them: in the toll 800 ns of own work (200 in copy) and 200 of a lock, 3,000 ns of CPU in all. */
void report_fixture_stacks(json_t *doc);

/* The schema knows every field of the document, and the document has every field that the schema requires. */
void assert_fits_schema(const json_t *doc, const char *schema_text);

#endif
