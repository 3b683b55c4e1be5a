/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records -> timeline -> attribution and statistics -> what a report needs. The same for a live run and for a replay: both
 * feed frames as captures hold them. One thread, the session's, or a replay's two. Memory is bounded by what is in flight, not by the run's length.
 */
#ifndef TOLL_SESSION_PIPELINE_H
#define TOLL_SESSION_PIPELINE_H

#include <stdint.h>

#include "base/err.h"
#include "record/capture.h"
#include "report/report.h"
#include "session/run_meta.h"
#include "timeline/timeline.h"

struct pipeline;

struct pipeline_config {
	const struct run_meta *meta; /* copied and written to the capture; NULL: comes as the first frame (replay) */
	struct capture_writer *capture; /* every frame is written there too; NULL: none. Not owned; closed by the caller */
	void (*whole)(void *ctx, const struct whole_request *w); /* each request, as the timeline hands it out; NULL: none */
	void (*causes)(void *ctx, uint64_t id, const struct cause_cut *causes); /* of a request, later; NULL: nobody asks */
	void *ctx;
};

int pipeline_new(struct pipeline **out, const struct pipeline_config *config, struct err *err);
void pipeline_free(struct pipeline *p);
/*
 * One frame. -EPROTO: sizes do not fit (the frame is counted as rejected by wire records, else an error); -ENOMEM; a capture that cannot
 * be written is no failure here: its writer keeps the error until it is closed.
 */
int pipeline_frame(struct pipeline *p, enum capture_frame type, const void *data, uint32_t bytes);
/*
 * The two halves of pipeline_frame() for two threads, of which each gets every frame in order, checked and aligned at 8 bytes. A frame
 * that may change the head (CAPTURE_META) is the joining half's, and the other one waits until it has been through.
 */
#define PIPELINE_REJECTED 1 /* a wire record that is not what it says: counted, and nobody uses it */
int pipeline_join(struct pipeline *p, enum capture_frame type, const void *data, uint32_t bytes); /* as pipeline_frame() */
int pipeline_ends(struct pipeline *p, enum capture_frame type, const void *data, uint32_t bytes); /* -ENOMEM */
/* Time has come this far: the same as a CAPTURE_TICK frame. */
int pipeline_tick(struct pipeline *p, uint64_t now_ns);
/* No more records will come. */
int pipeline_finish(struct pipeline *p);

/* What the capture says of the run; the session may complete it. NULL before the first CAPTURE_META. */
struct run_meta *pipeline_meta(struct pipeline *p);
/* Writes the head into the capture again (after pipeline_meta() was changed: at the start of the load, at the end of the run). */
int pipeline_meta_write(struct pipeline *p);

/*
 * Fills everything that the records and the head tell; the caller changes what it knows better and builds the report. What it
 * points to belongs to the pipeline and stays until pipeline_free().
 */
void pipeline_fill_report(struct pipeline *p, struct report_input *in);
const struct attribution *pipeline_attribution(const struct pipeline *p);
const struct series *pipeline_series(const struct pipeline *p);
/* Leaks as they look so far; -ENODATA: no head yet, -ENOMEM. And requests that have ended, by class. */
int pipeline_leaks(const struct pipeline *p, struct leak_result *out);
void pipeline_leaks_end(struct pipeline *p, double confidence); /* leak_watch_end() */
int pipeline_leaks_at(const struct pipeline *p, double confidence, struct leak_result *out); /* of the intervals; 0: as ever */
void pipeline_requests(const struct pipeline *p, double ended[LEAK_CLASSES_MAX]);
const struct timeline *pipeline_timeline(const struct pipeline *p);

#endif
