// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "record/capture.h"
#include "record/capture_frame.h"

struct capture_reader {
	char *path;
	FILE *file;
	uint64_t offset; /* of the next frame's head */
	struct buf payload;
	bool complete; /* CAPTURE_END seen */
	int ended; /* 1: no more frames; -errno: the defect, told again */
	struct capture_end totals;
};

static int no_memory(const char *path, struct err *err)
{
	return err_set(err, -ENOMEM, "no memory to read the capture file %s", path);
}

static int check_magic(struct capture_reader *r, struct err *err)
{
	char magic[sizeof(CAPTURE_MAGIC)];
	size_t n = fread(magic, 1, sizeof(magic), r->file);

	if (ferror(r->file)) {
		int rc = errno ? -errno : -EIO;

		return err_set(err, rc, "cannot read the capture file %s: %s", r->path, strerror(-rc));
	}
	if (n == sizeof(magic) && memcmp(magic, CAPTURE_MAGIC, sizeof(magic)) == 0) {
		r->offset = sizeof(magic);
		return 0;
	}
	if (n < sizeof(magic) && memcmp(magic, CAPTURE_MAGIC, n) == 0)
		return err_set(err, -EPROTO, "the capture file %s was cut within its first 16 bytes: there is nothing to replay",
			       r->path);
	return err_set(err, -EPROTO,
		       "%s is not a capture file of this version (it does not begin with \"toll.capture/2\"): give the "
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
	r->file = fopen(path, "re");
	if (!r->file) {
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

/* 1: all n bytes, 0: the file ends before, -errno. */
static int read_exactly(struct capture_reader *r, void *data, size_t n, struct err *err)
{
	int rc;

	errno = 0;
	if (fread(data, 1, n, r->file) == n)
		return 1;
	if (!ferror(r->file))
		return 0;
	rc = errno ? -errno : -EIO;
	return err_set(err, rc, "cannot read the capture file %s at byte %llu: %s", r->path, (unsigned long long)r->offset,
		       strerror(-rc));
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

/* 1: the next frame is in r->payload, 0: end or cut, -errno. */
static int next_frame(struct capture_reader *r, struct capture_frame_head *head, struct err *err)
{
	int rc = read_exactly(r, head, sizeof(*head), err);

	if (rc <= 0)
		return rc;
	rc = check_head(r, head, err);
	if (rc)
		return rc;
	r->payload.used = 0;
	if (buf_reserve(&r->payload, head->bytes))
		return no_memory(r->path, err);
	rc = read_exactly(r, r->payload.data, head->bytes, err);
	if (rc <= 0)
		return rc;
	r->payload.data[head->bytes] = '\0'; /* buf_reserve keeps room for it */
	if (capture_frame_check(head->type, r->payload.data, head->bytes))
		return defect(r, head, "contradicts itself inside", err);
	r->offset += sizeof(*head) + head->bytes;
	return 1;
}

int capture_read(struct capture_reader *r, enum capture_frame *type, const void **data, uint32_t *bytes, struct err *err)
{
	struct capture_frame_head head;
	int rc;

	if (r->ended < 0)
		return err_set(err, r->ended, "the capture file %s cannot be read past byte %llu", r->path,
			       (unsigned long long)r->offset);
	rc = r->ended ? 0 : next_frame(r, &head, err);
	if (rc <= 0) {
		r->ended = rc ? rc : 1;
		return rc;
	}
	if (head.type == CAPTURE_END) {
		memcpy(&r->totals, r->payload.data, sizeof(r->totals));
		r->complete = true;
	}
	*type = (enum capture_frame)head.type;
	*data = r->payload.data;
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
	if (r->file)
		fclose(r->file);
	buf_fini(&r->payload);
	free(r->path);
	free(r);
}
