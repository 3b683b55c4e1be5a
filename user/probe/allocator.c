// SPDX-License-Identifier: GPL-2.0-only
/* The allocators of a process: from what it has mapped. */
#include "probe/allocator.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/proc.h"

#define MAPPED_MAX 512

struct mapped {
	uint64_t device, inode;
	char range[40]; /* "7f12-7f34", as map_files names it */
	char shown[200];
};

struct process {
	uint32_t pid;
	struct mapped mapped[MAPPED_MAX];
	unsigned count;
	bool go, v8, jvm, cpython, is_static;
};

__attribute__((format(printf, 2, 3))) static void note_add(struct allocators *a, const char *fmt, ...)
{
	va_list ap;

	if (a->notes == ALLOCATOR_NOTES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(a->note[a->notes++], sizeof(a->note[0]), fmt, ap);
	va_end(ap);
}

/* "7f12-7f34 r-xp 00026000 fd:00 1234   /usr/lib/libc.so.6" of an executable file; false: something else. */
static bool mapped_parse(const char *line, struct mapped *m)
{
	unsigned major, minor;
	char rights[8];
	int path = 0;

	if (sscanf(line, "%39s %7s %*x %x:%x %" SCNu64 " %n", m->range, rights, &major, &minor, &m->inode, &path) < 5 || !path)
		return false;
	if (rights[2] != 'x' || line[path] != '/' || !strncmp(line + path, "/memfd:", 7) || !strncmp(line + path, "/dev/", 5))
		return false;
	m->device = (uint64_t)major << 32 | minor;
	snprintf(m->shown, sizeof(m->shown), "%.*s", (int)strcspn(line + path, "\n"), line + path);
	return true;
}

static bool is_known(const struct process *p, const struct mapped *m)
{
	for (unsigned i = 0; i < p->count; i++)
		if (p->mapped[i].inode == m->inode && p->mapped[i].device == m->device)
			return true;
	return false;
}

static int mapped_read(struct process *p)
{
	char path[64], *line = NULL;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/maps", p->pid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	while (p->count < MAPPED_MAX && getline(&line, &room, f) > 0) {
		struct mapped *m = &p->mapped[p->count];

		if (mapped_parse(line, m) && !is_known(p, m))
			p->count++;
	}
	free(line);
	fclose(f);
	return p->count ? 0 : -ESRCH; /* a kernel thread, or one that ended meanwhile */
}

/* The file as it is mapped, whatever has become of its name since; else by its name in the process' own mount namespace. */
static int mapped_open(const struct process *p, const struct mapped *m, char *path, size_t size)
{
	struct stat st;
	int fd;

	snprintf(path, size, "/proc/%u/map_files/%s", p->pid, m->range);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	snprintf(path, size, "/proc/%u/root%s", p->pid, m->shown);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && st.st_ino == m->inode)
		return fd;
	close(fd); /* another file of this name: an upgrade, perhaps */
	return -ENOENT;
}

static int language_of_function(void *ctx, const struct elf_function *f)
{
	struct process *p = ctx;

	p->v8 |= !strncmp(f->name, "_ZN2v8", 6);
	p->cpython |= !strcmp(f->name, "PyObject_Malloc");
	p->jvm |= !strcmp(f->name, "JNI_CreateJavaVM");
	return 0;
}

static void languages_look(struct process *p, unsigned at, const struct elf_file *elf)
{
	if (!at) {
		p->go = elf_file_has_section(elf, ".go.buildinfo");
		p->is_static = !elf_file_is_dynamic(elf);
	}
	elf_file_each_function(elf, language_of_function, p);
}

static void file_look(struct process *p, unsigned at, struct allocators *out)
{
	struct allocator_file *file = &out->file[out->files];
	const struct mapped *m = &p->mapped[at];
	struct elf_file *elf;
	int fd;

	if (out->files == ALLOCATOR_FILES_MAX)
		return;
	fd = mapped_open(p, m, file->open_path, sizeof(file->open_path));
	if (fd < 0) {
		note_add(out, "%s cannot be opened: %s", m->shown, strerror(-fd));
		return;
	}
	if (!elf_file_open(&elf, fd)) {
		snprintf(file->shown, sizeof(file->shown), "%s", m->shown);
		file->device = m->device;
		file->inode = m->inode;
		languages_look(p, at, elf);
		if (allocators_add_file(out, out->files, elf, p->go))
			out->files++;
		elf_file_close(elf);
	}
	close(fd);
}

static void notes_write(const struct process *p, struct allocators *out)
{
	out->runtime = p->go ? "Go" : p->v8 ? "V8" : p->jvm ? "the JVM" : NULL;
	if (p->go)
		note_add(out, "a Go program: %s; latency is not measured, for a return probe corrupts Go's stacks",
			 out->functions
				 ? "calls and bytes of runtime.mallocgc are counted at its entry"
				 : "it is stripped, so runtime.mallocgc cannot be found; seen instead: mmap and page faults");
	if (p->v8)
		note_add(out, "V8 keeps JavaScript objects in a heap of its own, which takes pages by mmap: seen here are its "
			      "native parts "
			      "(buffers, sockets, parsers), the collector as a thread");
	if (p->jvm)
		note_add(out, "the JVM keeps Java objects in a heap of its own, which takes pages by mmap: seen here are its "
			      "native parts");
	if (p->cpython)
		note_add(out, "CPython takes objects of up to 512 bytes from arenas of its own: seen here are arenas and larger "
			      "blocks");
	if (!out->functions && !p->go)
		note_add(out,
			 p->is_static
				 ? "not measurable: a static executable without symbols (%s), so its allocator cannot be found"
				 : "not measurable: nothing that %s has mapped names an allocator function",
			 p->mapped[0].shown);
}

int allocators_find(uint32_t pid, struct allocators *out, struct err *err)
{
	struct process *p = calloc(1, sizeof(*p));
	int rc;

	memset(out, 0, sizeof(*out));
	if (!p)
		return err_set(err, -ENOMEM, "no memory to look for the allocators of process %u", pid);
	p->pid = pid;
	rc = mapped_read(p);
	if (rc) {
		free(p);
		return err_set(err, rc, "cannot see what process %u has mapped: %s", pid, strerror(-rc));
	}
	for (unsigned i = 0; i < p->count; i++)
		file_look(p, i, out);
	notes_write(p, out);
	free(p);
	return 0;
}
