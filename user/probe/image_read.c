// SPDX-License-Identifier: GPL-2.0-only
#include "probe/image_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/units.h"
#include "probe/pause.h"
#include "probe/proc.h"

#define PAGE UINT64_C(4096)
#define SLACK_BYTES (UINT64_C(16) << 20) /* what it may take between the estimate and the pause */
#define ENTRIES 4096 /* of pagemap, at a time */
#define BATCH 512 /* pieces, at a time */
#define EPOLLS_MAX 256
/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)
#define PAGEMAP_FILE_OR_SHARED (UINT64_C(1) << 61)

struct reading {
	uint32_t pid;
	struct image *image;
	uint64_t bytes; /* of all pieces */
	uint64_t mapped; /* of all mappings */
	bool *shared; /* of each map */
	size_t map_room;
	int epoll[EPOLLS_MAX];
	unsigned epolls;
	uint64_t until_ns;
};

/* --- mappings ------------------------------------------------------------------------------------------------------------------ */

static bool may_hold(const char *rights, const char *name)
{
	bool device = !strncmp(name, "/dev/", 5) && strncmp(name, "/dev/zero", 9) != 0 && strncmp(name, "/dev/shm/", 9) != 0;

	if (rights[0] != 'r' || !strcmp(name, "[vvar]") || !strcmp(name, "[vvar_vclock]") || !strcmp(name, "[vdso]") ||
	    !strcmp(name, "[vsyscall]"))
		return false;
	return rights[3] == 'p' || (rights[1] == 'w' && !device);
}

static int map_add(struct reading *r, const struct image_map *map, bool shared)
{
	struct image *i = r->image;

	if (i->maps == r->map_room) {
		size_t room = r->map_room ? 2 * r->map_room : 256;
		struct image_map *maps = reallocarray(i->map, room, sizeof(*maps));
		bool *flags;

		if (!maps)
			return -ENOMEM;
		i->map = maps;
		flags = reallocarray(r->shared, room, sizeof(*flags));
		if (!flags)
			return -ENOMEM;
		r->shared = flags;
		r->map_room = room;
	}
	r->shared[i->maps] = shared;
	i->map[i->maps++] = *map;
	r->mapped += map->end - map->start;
	return 0;
}

/* What a fork has split (the pages from before it and those from after it) is one to the program. */
static bool map_extend(struct reading *r, const struct image_map *map)
{
	struct image_map *last = r->image->maps ? &r->image->map[r->image->maps - 1] : NULL;

	if (!last || last->end != map->start || !map->anonymous || last->heap != map->heap || !last->anonymous ||
	    last->executable != map->executable)
		return false;
	last->end = map->end;
	r->mapped += map->end - map->start;
	return true;
}

/* A stack of a thread lies above a mapping without any access. */
static int maps_read(struct reading *r)
{
	char path[64], line[4400];
	uint64_t guard_end = 0;
	int rc = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", r->pid);
	maps = fopen(path, "re");
	if (!maps)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!rc && fgets(line, sizeof(line), maps)) {
		struct image_map map = {0};
		char rights[8], name[16] = "";

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*x %*x:%*x %*u %15s", &map.start, &map.end, rights, name) < 3)
			continue;
		map.heap = !strcmp(name, "[heap]");
		map.executable = rights[2] == 'x';
		map.stack = !strcmp(name, "[stack]") || (guard_end && guard_end == map.start && !name[0]);
		guard_end = strncmp(rights, "---", 3) ? 0 : map.end;
		map.anonymous = rights[3] == 'p' && (!name[0] || map.heap);
		if (may_hold(rights, name) && !map_extend(r, &map))
			rc = map_add(r, &map, rights[3] == 's');
	}
	fclose(maps);
	return rc;
}

/* --- pages --------------------------------------------------------------------------------------------------------------------- */

static bool is_wanted(uint64_t entry, bool shared)
{
	if (!(entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)))
		return false;
	return shared || !(entry & PAGEMAP_FILE_OR_SHARED);
}

/* Pages in a row make one piece. */
static int page_add(struct reading *r, uint64_t address, size_t first)
{
	struct image *i = r->image;
	struct image_piece *last = i->pieces > first ? &i->piece[i->pieces - 1] : NULL;

	r->bytes += PAGE;
	if (last && last->start + last->bytes == address) {
		last->bytes += PAGE;
		return 0;
	}
	return image_piece_add(i, &(struct image_piece){.start = address, .bytes = PAGE});
}

static int pages_of(struct reading *r, int pagemap, size_t map)
{
	const struct image_map *m = &r->image->map[map];
	size_t first = r->image->pieces;
	uint64_t entry[ENTRIES];
	int rc = 0;

	for (uint64_t at = m->start; at < m->end && !rc;) {
		uint64_t pages = (m->end - at) / PAGE < ENTRIES ? (m->end - at) / PAGE : ENTRIES;
		ssize_t got = pread(pagemap, entry, pages * sizeof(entry[0]), (off_t)(at / PAGE * sizeof(entry[0])));

		if (got < (ssize_t)sizeof(entry[0]))
			return got < 0 ? -errno : -ESRCH;
		pages = (uint64_t)got / sizeof(entry[0]);
		for (uint64_t i = 0; i < pages && !rc; i++)
			if (is_wanted(entry[i], r->shared[map]))
				rc = page_add(r, at + i * PAGE, first);
		at += pages * PAGE;
		if (r->until_ns && clock_now_ns() > r->until_ns)
			return -ETIME;
	}
	return rc;
}

/* Which pages there are, anew. */
static int layout_read(struct reading *r)
{
	char path[64];
	int pagemap, rc;

	r->image->maps = r->image->pieces = 0;
	r->bytes = r->mapped = 0;
	rc = maps_read(r);
	if (rc)
		return rc;
	if (r->mapped > IMAGE_MAPPED_MAX)
		return -EFBIG;
	snprintf(path, sizeof(path), "/proc/%u/pagemap", r->pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	for (size_t i = 0; i < r->image->maps && !rc; i++)
		rc = pages_of(r, pagemap, i);
	close(pagemap);
	return rc;
}

/* --- copy ---------------------------------------------------------------------------------------------------------------------- */

/* Which pieces from `first` on are asked for at once; what of them was read in whole. */
static size_t batch_read(struct reading *r, size_t first, unsigned char **to)
{
	struct image *i = r->image;
	struct iovec local = {.iov_base = *to}, remote[BATCH];
	size_t count = 0, whole = 0;

	for (; count < BATCH && first + count < i->pieces; count++) {
		const struct image_piece *p = &i->piece[first + count];

		remote[count] = (struct iovec){.iov_base = (void *)(uintptr_t)p->start,
					       .iov_len = p->bytes}; /* NOLINT(performance-no-int-to-ptr) */
		local.iov_len += p->bytes;
	}
	ssize_t got = process_vm_readv((pid_t)r->pid, &local, 1, remote, count, 0);
	while (whole < count && got >= (ssize_t)i->piece[first + whole].bytes) {
		struct image_piece *p = &i->piece[first + whole++];

		p->data = *to;
		*to += p->bytes;
		got -= (ssize_t)p->bytes;
	}
	return whole;
}

/* A piece that cannot be read (memory of a device) is left out. */
static int pieces_read(struct reading *r)
{
	struct image *i = r->image;
	unsigned char *to = i->copy;
	size_t kept = 0;

	for (size_t at = 0; at < i->pieces;) {
		size_t whole = batch_read(r, at, &to);

		at += whole ? whole : 1;
		if (clock_now_ns() > r->until_ns)
			return -ETIME;
	}
	for (size_t at = 0; at < i->pieces; at++)
		if (i->piece[at].data)
			i->piece[kept++] = i->piece[at];
	i->pieces = kept;
	return kept ? 0 : -ESRCH;
}

/* --- what the kernel keeps for it ---------------------------------------------------------------------------------------------- */

static void epolls_find(struct reading *r)
{
	char path[64], link[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", r->pid);
	dir = opendir(path);
	if (!dir)
		return;
	for (d = readdir(dir); d && r->epolls < EPOLLS_MAX; d = readdir(dir)) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		if (!strcmp(link, "anon_inode:[eventpoll]"))
			r->epoll[r->epolls++] = (int)strtol(d->d_name, NULL, 10);
	}
	closedir(dir);
}

/* "tfd:        5 events:       19 data:     55d0c0a3f000  pos:0 ino:..": an event loop's pointer to what waits there */
static int epoll_add(struct reading *r, int fd)
{
	char path[64], line[256];
	int rc = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%d", r->pid, fd);
	info = fopen(path, "re");
	if (!info)
		return 0; /* closed meanwhile */
	while (!rc && fgets(line, sizeof(line), info)) {
		const char *data = strstr(line, " data:");

		if (!strncmp(line, "tfd:", 4) && data)
			rc = image_word_add(r->image, strtoull(data + strlen(" data:"), NULL, 16));
	}
	fclose(info);
	return rc;
}

/* --- all of it ----------------------------------------------------------------------------------------------------------------- */

static uint64_t memory_left(void)
{
	char line[128];
	uint64_t kib = 0;
	FILE *info = fopen("/proc/meminfo", "re");

	while (info && !kib && fgets(line, sizeof(line), info))
		if (sscanf(line, "MemAvailable: %" SCNu64, &kib) != 1)
			kib = 0;
	if (info)
		fclose(info);
	return kib * 1024;
}

/* Room for the copy, all of its pages there before the process has to wait for them. */
static int room_make(struct reading *r)
{
	uint64_t bytes = r->bytes + r->bytes / 8 + SLACK_BYTES, left = memory_left();
	void *at;

	if (r->bytes > IMAGE_BYTES_MAX || (left && bytes > left / 2))
		return -EFBIG;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (at == MAP_FAILED)
		return -ENOMEM;
	r->image->copy = at;
	r->image->copy_bytes = bytes;
	return 0;
}

static int paused_read(struct reading *r, const struct pause *pause)
{
	int rc = layout_read(r);

	if (!rc && r->bytes > r->image->copy_bytes)
		rc = -EAGAIN;
	if (!rc)
		rc = pieces_read(r);
	if (!rc)
		rc = pause_registers(pause, r->image);
	for (unsigned i = 0; i < r->epolls && !rc; i++)
		rc = epoll_add(r, r->epoll[i]);
	return rc;
}

static int take(struct reading *r, struct image_seen *seen)
{
	struct pause pause;
	int rc = layout_read(r);

	if (!rc)
		rc = room_make(r);
	if (rc)
		return rc;
	epolls_find(r);
	r->until_ns = clock_now_ns() + IMAGE_PAUSE_MAX_NS;
	rc = pause_begin(&pause, r->pid, r->until_ns);
	if (rc)
		return rc;
	seen->threads = (unsigned)pause.threads;
	rc = paused_read(r, &pause);
	pause_end(&pause);
	seen->pause_ns = clock_now_ns() - pause.begun_ns;
	return rc;
}

static int fail(const struct reading *r, int rc, struct err *err)
{
	char most[32];

	switch (rc) {
	case -ESRCH:
		return err_set(err, rc, "process %u has ended", r->pid);
	case -EPERM:
	case -EACCES:
		return err_set(err, rc, "process %u may not be paused: run as root, and without a debugger on it", r->pid);
	case -ETIME:
		return err_set(err, rc, "process %u would have had to stand still for longer than %.1f s", r->pid,
			       (double)IMAGE_PAUSE_MAX_NS / (double)NS_PER_S);
	case -EFBIG:
		units_format_bytes(most, sizeof(most), IMAGE_BYTES_MAX);
		return err_set(err, rc,
			       "process %u has more memory than is copied: at most %s, and half of what the machine has left",
			       r->pid, most);
	case -ENOTSUP:
		return err_set(err, rc, "process %u is a 32-bit program", r->pid);
	default:
		return err_set(err, rc, "the memory of process %u cannot be copied: %s", r->pid, strerror(-rc));
	}
}

int image_take(uint32_t pid, struct image *out, struct image_seen *seen, struct err *err)
{
	struct reading r = {.pid = pid, .image = out};
	int rc;

	*seen = (struct image_seen){0};
	rc = take(&r, seen);
	free(r.shared);
	if (!rc)
		return 0;
	image_fini(out);
	return fail(&r, rc, err);
}
