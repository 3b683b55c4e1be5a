// rooms: base record
// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as a capture file: frames that come out are whole and true to their type. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "record/capture.h"
#include "record/capture_frame.h"
#include "record/request_stats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool truth)
{
	if (!truth)
		abort();
}

static void use_frame(struct request_stats *stats, enum capture_frame type, const void *data, uint32_t bytes)
{
	const struct wire_marks *marks = data;
	const struct record_events *events = data;

	if (type == CAPTURE_REQUEST)
		request_stats_add(stats, data);
	if (type == CAPTURE_EVENTS)
		check(bytes == sizeof(*events) + events->count * sizeof(struct record_event));
	if (type == CAPTURE_WIRE && marks->h.kind == WIRE_KIND_MARKS && marks->count)
		check(marks->mark[marks->count - 1].lane < WIRE_LANES);
}

static void read_file(const char *path)
{
	struct capture_reader *r = NULL;
	struct request_stats stats;
	enum capture_frame type;
	struct err err = {0};
	const void *frame;
	uint32_t bytes;

	if (capture_reader_open(&r, path, &err))
		return;
	if (request_stats_init(&stats))
		abort();
	while (capture_read(r, &type, &frame, &bytes, &err) == 1)
		use_frame(&stats, type, frame, bytes);
	request_stats_fini(&stats);
	capture_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	int fd = memfd_create("capture", 0);

	if (fd < 0)
		abort();
	/* the head is known; the fuzzer shall spend itself on frames */
	if (write(fd, CAPTURE_MAGIC, sizeof(CAPTURE_MAGIC)) < 0 || write(fd, data, size) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_file(path);
	close(fd);
	return 0;
}
