// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "record/capture.h"
#include "record/capture_frame.h"

#define READ_BYTES (64u << 10) /* asked of the file at a time */
#define PAYLOAD_ALIGN 8u
#define AHEAD_LINES 4 /* asked of the cache while this frame is worked on: the kernel has put them there from afar */

struct capture_reader {
	char *path;
	int fd;
	uint64_t offset; /* of the next frame's head */
	struct buf bytes; /* what has been read; the frames lie in it from `at` on */
	size_t at;
	char *covered; /* the byte behind the frame that is handed out: a NUL stands in its place */
	char under;
	struct buf payload; /* a frame that does not lie aligned */
	bool complete; /* CAPTURE_END seen */
	int ended; /* 1: no more frames; -errno: the defect, told again */
	struct capture_end totals;
};

static int no_memory(const char *path, struct err *err)
{
	return err_set(err, -ENOMEM, "no memory to read the capture file %s", path);
}

/* What has been used goes, the rest moves to where the payload behind a head lies aligned, and one read() comes behind it. 0: the file ends, -errno. */
static ssize_t refill(struct capture_reader *r, size_t wanted, struct err *err)
{
	size_t kept = r->bytes.used - r->at, to = PAYLOAD_ALIGN - sizeof(struct capture_frame_head) % PAYLOAD_ALIGN;
	size_t room = wanted > READ_BYTES ? wanted : READ_BYTES;
	ssize_t n;

	r->bytes.used = 0;
	if (buf_reserve(&r->bytes, to + kept + room))
		return no_memory(r->path, err);
	memmove(r->bytes.data + to, r->bytes.data + r->at, kept);
	r->at = to;
	r->bytes.used = to + kept;
	do
		n = read(r->fd, r->bytes.data + r->bytes.used, room);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		int rc = -errno;
		return err_set(err, rc, "cannot read the capture file %s at byte %llu: %s", r->path,
			       (unsigned long long)r->offset, strerror(-rc));
	}
	r->bytes.used += (size_t)n;
	return n;
}

/* 1: the next n bytes are in r->bytes, 0: the file ends before, -errno. */
static int have(struct capture_reader *r, size_t n, struct err *err)
{
	while (r->bytes.used - r->at < n) {
		ssize_t got = refill(r, n, err);
		if (got <= 0)
			return (int)got;
	}
	return 1;
}

static int check_magic(struct capture_reader *r, struct err *err)
{
	int rc = have(r, sizeof(CAPTURE_MAGIC), err);
	size_t n = r->bytes.used - r->at;

	if (rc < 0)
		return rc;
	if (rc && memcmp(r->bytes.data + r->at, CAPTURE_MAGIC, sizeof(CAPTURE_MAGIC)) == 0) {
		r->offset = sizeof(CAPTURE_MAGIC);
		r->at += sizeof(CAPTURE_MAGIC);
		return 0;
	}
	if (!rc && memcmp(r->bytes.data + r->at, CAPTURE_MAGIC, n) == 0)
		return err_set(err, -EPROTO, "the capture file %s was cut within its first 16 bytes: there is nothing to replay",
			       r->path);
	return err_set(err, -EPROTO,
		       "%s is not a capture file of this version (it does not begin with \"toll.capture/3\"): give the "
		       "capture.toll of a run",
		       r->path);
}

int capture_reader_open(struct capture_reader **out, const char *path, struct err *err)
{
	struct capture_reader *r = calloc(1, sizeof(*r));
	int rc = 0;

	if (!r)
		return no_memory(path, err);
	r->path = strdup(path);
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0) {
		rc = -errno;
		err_set(err, rc, "cannot open the capture file %s: %s", path, strerror(-rc));
	} else if (!r->path) {
		rc = no_memory(path, err);
	} else {
		rc = check_magic(r, err);
	}
	if (rc) {
		capture_reader_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

static int defect(const struct capture_reader *r, const struct capture_frame_head *head, const char *what, struct err *err)
{
	return err_set(err, -EPROTO,
		       "the capture file %s is damaged at byte %llu: frame of type %u with %u bytes %s; "
		       "what stands before it was read, the rest cannot be",
		       r->path, (unsigned long long)r->offset, head->type, head->bytes, what);
}

static int check_head(const struct capture_reader *r, const struct capture_frame_head *head, struct err *err)
{
	if (r->complete)
		return defect(r, head, "stands behind the end frame", err);
	if (head->bytes > CAPTURE_FRAME_BYTES_MAX)
		return defect(r, head, "is over the bound of 16 MiB", err);
	if (capture_frame_check_size(head->type, head->bytes))
		return defect(r, head, "cannot be (unknown type or wrong size)", err);
	return 0;
}

/* Where the payload can be read as structs; NULL: no memory. */
static char *payload_aligned(struct capture_reader *r, char *payload, uint32_t bytes)
{
	if ((uintptr_t)payload % PAYLOAD_ALIGN == 0)
		return payload;
	r->payload.used = 0;
	if (buf_reserve(&r->payload, bytes + 1u))
		return NULL;
	return memcpy(r->payload.data, payload, bytes);
}

/* 1: the next frame is at *payload, 0: end or cut, -errno. */
static int next_frame(struct capture_reader *r, struct capture_frame_head *head, char **payload, struct err *err)
{
	int rc = have(r, sizeof(*head), err);

	if (rc <= 0)
		return rc;
	memcpy(head, r->bytes.data + r->at, sizeof(*head));
	rc = check_head(r, head, err);
	if (rc)
		return rc;
	rc = have(r, sizeof(*head) + head->bytes, err);
	if (rc <= 0)
		return rc;
	*payload = payload_aligned(r, r->bytes.data + r->at + sizeof(*head), head->bytes);
	if (!*payload)
		return no_memory(r->path, err);
	if (capture_frame_check(head->type, *payload, head->bytes))
		return defect(r, head, "contradicts itself inside", err);
	r->covered = *payload + head->bytes; /* buf_reserve keeps room for it */
	r->under = *r->covered;
	*r->covered = '\0';
	r->offset += sizeof(*head) + head->bytes;
	r->at += sizeof(*head) + head->bytes;
	for (unsigned i = 1; i <= AHEAD_LINES; i++)
		__builtin_prefetch(r->bytes.data + r->at + i * (size_t)64);
	return 1;
}

int capture_read(struct capture_reader *r, enum capture_frame *type, const void **data, uint32_t *bytes, struct err *err)
{
	struct capture_frame_head head;
	char *payload = NULL;
	int rc;

	if (r->ended < 0)
		return err_set(err, r->ended, "the capture file %s cannot be read past byte %llu", r->path,
			       (unsigned long long)r->offset);
	if (r->covered)
		*r->covered = r->under;
	r->covered = NULL;
	rc = r->ended ? 0 : next_frame(r, &head, &payload, err);
	if (rc <= 0) {
		r->ended = rc ? rc : 1;
		return rc;
	}
	if (head.type == CAPTURE_END) {
		memcpy(&r->totals, payload, sizeof(r->totals));
		r->complete = true;
	}
	*type = (enum capture_frame)head.type;
	*data = payload;
	*bytes = head.bytes;
	return 1;
}

bool capture_reader_complete(const struct capture_reader *r, struct capture_end *totals)
{
	if (totals)
		*totals = r->totals;
	return r->complete;
}

void capture_reader_free(struct capture_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	buf_fini(&r->bytes);
	buf_fini(&r->payload);
	free(r->path);
	free(r);
}
