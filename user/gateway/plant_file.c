// SPDX-License-Identifier: GPL-2.0-only
/* Plants that wait for a disk: bytes that are written and synced, pages of a mapped file that have to be read. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "gateway/plant_tool.h"

struct plant_file {
	int fd;
	size_t bytes;
	char *data; /* what is written, or the file as it is mapped */
};

static bool is_in_memory(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* A file without a name: it goes with its descriptor. */
static int file_make(const char *directory, size_t bytes, struct plant_file **out, struct err *err)
{
	struct plant_file *f = calloc(1, sizeof(*f));

	if (!f)
		return err_set(err, -ENOMEM, "out of memory for a plant's file");
	f->bytes = bytes;
	f->fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int e = errno;
	if (f->fd >= 0 && !is_in_memory(f->fd)) {
		*out = f;
		return 0;
	}
	if (f->fd >= 0) {
		close(f->fd);
		e = EOPNOTSUPP;
	}
	free(f);
	return err_set(err, -e, "cannot make a plant's file in %s: %s", directory,
		       e == EOPNOTSUPP ? "it must be on a disk (--truth FILE names the directory)" : strerror(e));
}

/* --- fsync ------------------------------------------------------------------------------------------------------------------ */

static void close_written(void *ctx)
{
	struct plant_file *f = ctx;

	close(f->fd);
	free(f->data);
	free(f);
}

static int open_fsync(const struct gateway_plant *p, const struct plant_site *site, void **ctx, struct err *err)
{
	struct plant_file *f = NULL;

	int ret = file_make(site->directory, p->amount, &f, err);
	if (ret)
		return ret;
	*ctx = f;
	f->data = calloc(1, f->bytes);
	return f->data ? 0 : err_set(err, -ENOMEM, "out of memory for a plant that writes");
}

static uint64_t run_fsync(void *ctx, const struct gateway_plant *p)
{
	struct plant_file *f = ctx;
	struct plant_watch watch;
	size_t done = 0;

	(void)p;
	while (done < f->bytes) {
		ssize_t n = pwrite(f->fd, f->data + done, f->bytes - done, (off_t)done);
		if (n <= 0)
			return 0; /* a full disk: nothing was planted */
		done += (size_t)n;
	}
	plant_watch_start(&watch);
	return fsync(f->fd) ? 0 : plant_watch_blocked_ns(&watch);
}
const struct plant_tool plant_fsync = {open_fsync, run_fsync, close_written};

/* --- pages of a file -------------------------------------------------------------------------------------------------------- */

static void close_mapped(void *ctx)
{
	struct plant_file *f = ctx;

	if (f->data)
		munmap(f->data, f->bytes);
	close(f->fd);
	free(f);
}

/* Blocks that were never written are holes, which no disk is asked for. */
static int file_fill(const struct plant_file *f, size_t page)
{
	char *data = malloc(page);

	if (!data)
		return -ENOMEM;
	memset(data, 'f', page);
	int ret = 0;
	for (size_t done = 0; done < f->bytes && !ret; done += page)
		ret = pwrite(f->fd, data, page, (off_t)done) == (ssize_t)page ? 0 : -ENOSPC;
	free(data);
	return ret || !fsync(f->fd) ? ret : -errno;
}

static int open_file_faults(const struct gateway_plant *p, const struct plant_site *site, void **ctx, struct err *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct plant_file *f = NULL;

	int ret = file_make(site->directory, page * (p->amount ? p->amount : 1), &f, err);
	if (ret)
		return ret;
	*ctx = f;
	ret = file_fill(f, page);
	if (ret)
		return err_set(err, ret, "cannot write a plant's file in %s: %s", site->directory, strerror(-ret));
	char *data = mmap(NULL, f->bytes, PROT_READ, MAP_SHARED, f->fd, 0);
	if (data == MAP_FAILED) {
		int e = errno;
		return err_set(err, -e, "cannot map a plant's file in %s: %s", site->directory, strerror(e));
	}
	f->data = data;
	madvise(f->data, f->bytes, MADV_RANDOM); /* no read-ahead: each page is waited for */
	return 0;
}

static uint64_t run_file_faults(void *ctx, const struct gateway_plant *p)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct plant_file *f = ctx;
	struct plant_watch watch;

	madvise(f->data, f->bytes, MADV_DONTNEED); /* the page cache lets go only of pages that nobody maps */
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
	plant_watch_start(&watch);
	for (uint64_t i = 0; i < p->amount; i++)
		(void)*(volatile char *)(f->data + i * page);
	return plant_watch_blocked_ns(&watch);
}
const struct plant_tool plant_file_faults = {open_file_faults, run_file_faults, close_mapped};
