// SPDX-License-Identifier: GPL-2.0-only
#include "session/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "record/capture.h"
#include "record/capture_ahead.h"
#include "session/pipeline.h"

struct replay {
	const char *path;
	struct capture_reader *reader;
	struct capture_ahead *ahead; /* has the reader while frames are read, and does the ends' half of the work on them */
	struct pipeline *pipeline;
	uint64_t frames;
	struct capture_end end;
	bool whole; /* the file was closed properly */
	char cut[256]; /* why the document is not complete */
	char sampled[160];
	const char *note[RUN_META_NOTES_MAX + 2];
};

static const char *frame_name(enum capture_frame type)
{
	static const char *const names[] = {"?",        "head", "kernel", "request", "provider", "events",
					    "counters", "tick", "end",    "gauges",  "stack"};

	return (unsigned)type < sizeof(names) / sizeof(*names) ? names[type] : names[0];
}

static int replay_frame(struct replay *r, enum capture_frame type, const void *data, uint32_t bytes, struct err *err)
{
	struct err why = {0};
	int ret;

	if (type == CAPTURE_END)
		return 0;
	if (type == CAPTURE_META) {
		struct run_meta *m = calloc(1, sizeof(*m));
		ret = m ? run_meta_decode(data, bytes, m, &why) : -ENOMEM;
		if (!ret)
			run_meta_fini(m);
		free(m);
		if (ret)
			return err_set(err, ret, "%s: frame %" PRIu64 ": %s", r->path, r->frames, why.text);
	} else if (!pipeline_meta(r->pipeline)) {
		return err_set(err, -EPROTO, "%s: the run's head is missing: a capture begins with it", r->path);
	}
	ret = pipeline_join(r->pipeline, type, data, bytes);
	if (ret == PIPELINE_REJECTED)
		return 0;
	if (ret == -EPROTO)
		return err_set(err, ret, "%s: frame %" PRIu64 " (%s, %u bytes) is not what it says", r->path, r->frames,
			       frame_name(type), bytes);
	return ret ? err_set(err, ret, "%s: frame %" PRIu64 ": %s", r->path, r->frames, strerror(-ret)) : 0;
}

/* On the reading thread. */
static int ends_frame(void *ctx, enum capture_frame type, const void *data, uint32_t bytes)
{
	return pipeline_ends(ctx, type, data, bytes);
}

static int replay_frames(struct replay *r, struct err *err)
{
	enum capture_frame type;
	const void *data;
	uint32_t bytes;
	int got;

	while ((got = capture_ahead_read(r->ahead, &type, &data, &bytes, err)) > 0) {
		int ret = replay_frame(r, type, data, bytes, err);
		if (ret)
			return ret;
		r->frames++;
	}
	capture_ahead_free(r->ahead);
	r->ahead = NULL;
	if (got < 0)
		return got;
	if (!pipeline_meta(r->pipeline))
		return err_set(err, -EPROTO, "%s: the capture is empty: it ends before the run's head", r->path);
	r->whole = capture_reader_complete(r->reader, &r->end);
	got = pipeline_finish(r->pipeline);
	return got ? err_set(err, got, "%s: %s", r->path, strerror(-got)) : 0;
}

static void note_sample(struct replay *r, struct report_input *in)
{
	char written[32], seen[32];

	if (!r->whole || r->end.requests_written >= r->end.requests_seen)
		return;
	snprintf(r->sampled, sizeof(r->sampled),
		 "the capture holds a sample: %s of %s requests; the run's own result counts all of them",
		 units_format_count(written, sizeof(written), r->end.requests_written),
		 units_format_count(seen, sizeof(seen), r->end.requests_seen));
	for (unsigned i = 0; i < in->notes; i++)
		r->note[i] = in->note[i];
	r->note[in->notes++] = r->sampled;
	in->note = r->note;
}

static json_t *replay_build(struct replay *r)
{
	struct report_input in;
	char frames[32];

	pipeline_fill_report(r->pipeline, &in);
	in.command = "replay";
	in.capture = r->whole ? &r->end : NULL;
	note_sample(r, &in);
	if (!r->whole) {
		snprintf(r->cut, sizeof(r->cut), "the capture was cut: it ends after %s frames without its end frame%s%.150s",
			 units_format_count(frames, sizeof(frames), r->frames), in.complete || !in.cut_short_because ? "" : "; ",
			 in.complete || !in.cut_short_because ? "" : in.cut_short_because);
		in.complete = false;
		in.cut_short_because = r->cut;
	}
	return report_build(&in);
}

int replay_capture(const char *path, json_t **doc, struct err *err)
{
	struct replay r = {.path = path};
	struct pipeline_config config = {0};
	int ret = capture_reader_open(&r.reader, path, err);

	*doc = NULL;
	if (ret)
		return ret;
	ret = pipeline_new(&r.pipeline, &config, err);
	if (!ret)
		ret = capture_ahead_new(&r.ahead, r.reader, ends_frame, r.pipeline, err);
	if (!ret)
		ret = replay_frames(&r, err);
	if (!ret) {
		*doc = replay_build(&r);
		ret = *doc ? 0 : err_set(err, -ENOMEM, "%s: no memory for the result", path);
	}
	capture_ahead_free(r.ahead);
	pipeline_free(r.pipeline);
	capture_reader_free(r.reader);
	return ret;
}
