// rooms: base leak record scenario/criteria scenario/metrics timeline attribution report session/gaps session/pipeline session/pipeline_ends session/pipeline_fill session/replay session/run_meta session/run_meta_json scenario/fault
// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any frames as a capture that is replayed as far as its result, as `toll replay` does it. Frames stand short in the input: a byte of type,
 * two of length, the payload; a head that is whole goes before them unless the first byte is odd.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "record/capture.h"
#include "record/capture_frame.h"
#include "session/replay.h"
#include "session/run_meta.h"

#define START_NS                                                                                                                 \
	UINT64_C(27232371000000) /* just before what the corpus has recorded: a gap of hours is much work for every series */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static const char *head_text(void)
{
	static char *text;

	if (!text) {
		struct run_meta *m = calloc(1, sizeof(*m));

		require(m != NULL);
		m->start_ns = START_NS;
		m->provider_is_ours = m->open_loop = m->complete = m->soak = true;
		m->classes = m->stages = 2;
		for (unsigned i = 0; i < 2; i++) {
			snprintf(m->class_[i].name, sizeof(m->class_[i].name), "c%u", i);
			snprintf(m->stage[i].name, sizeof(m->stage[i].name), "s%u", i);
			m->stage[i].duration_ns = UINT64_C(1000000000);
			m->class_[i].stream = i;
		}
		text = run_meta_encode(m);
		require(text != NULL);
		free(m);
	}
	return text;
}

static void frame_put(int fd, uint32_t type, const void *data, uint32_t bytes)
{
	const uint32_t head[2] = {type, bytes};

	require(write(fd, head, sizeof(head)) == (ssize_t)sizeof(head) && write(fd, data, bytes) == (ssize_t)bytes);
}

static void frames_put(int fd, const uint8_t *data, size_t size)
{
	for (size_t at = 0; at + 3 <= size;) {
		uint32_t bytes = data[at + 1] | (uint32_t)data[at + 2] << 8;

		bytes = bytes < size - at - 3 ? bytes : (uint32_t)(size - at - 3);
		frame_put(fd, data[at], data + at + 3, bytes);
		at += 3 + bytes;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	json_t *doc = NULL;
	char path[48];
	int fd;

	if (!size)
		return 0;
	fd = memfd_create("capture", MFD_CLOEXEC);
	require(fd >= 0 && write(fd, CAPTURE_MAGIC, sizeof(CAPTURE_MAGIC)) == (ssize_t)sizeof(CAPTURE_MAGIC));
	if (data[0] % 2 == 0)
		frame_put(fd, CAPTURE_META, head_text(), (uint32_t)strlen(head_text()));
	frames_put(fd, data + 1, size - 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (replay_capture(path, &doc, &err))
		require(strstr(err.text, path) && !strpbrk(err.text, "\n\r\x1b"));
	else
		require(json_is_object(doc));
	json_decref(doc);
	close(fd);
	return 0;
}
