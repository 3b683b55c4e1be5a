// SPDX-License-Identifier: GPL-2.0-only
#include "probe/heap_kind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/allocator.h"

unsigned heap_kind_version(const void *data, uint64_t bytes)
{
	static const char library[] = "GNU C Library", version[] = "release version 2.";
	const char *at = memmem(data, bytes, library, sizeof(library) - 1), *end = (const char *)data + bytes;
	char text[8] = "";

	if (at)
		at = memmem(at, end - at > 256 ? 256 : (size_t)(end - at), version, sizeof(version) - 1);
	if (!at || end - at < (ptrdiff_t)(sizeof(version) + sizeof(text)))
		return 0;
	memcpy(text, at + sizeof(version) - 1, sizeof(text) - 1);
	return (unsigned)strtoul(text, NULL, 10);
}

static unsigned version_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned minor = 0;
	struct stat st;
	void *at;

	if (fd < 0)
		return 0;
	at = fstat(fd, &st) || st.st_size <= 0 ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at != MAP_FAILED) {
		minor = heap_kind_version(at, (uint64_t)st.st_size);
		munmap(at, (size_t)st.st_size);
	}
	close(fd);
	return minor;
}

static int judge(uint32_t pid, const struct allocators *found, unsigned *minor, struct err *err)
{
	const struct allocator_file *glibc = NULL;

	if (found->runtime)
		return err_set(err, -ENOTSUP, "process %u runs %s, which keeps its objects in a heap of its own", pid,
			       found->runtime);
	for (unsigned i = 0; i < found->files; i++) {
		const struct allocator_file *file = &found->file[i];

		if (!strcmp(file->family, "glibc"))
			glibc = file;
		else if (file->family[0])
			return err_set(err, -ENOTSUP, "process %u takes its memory from %s (%s), not from glibc", pid,
				       file->family, file->shown);
	}
	if (!glibc)
		return err_set(err, -ENOTSUP, "nothing that process %u has mapped is glibc's malloc%s%s", pid,
			       found->notes ? ": " : "", found->notes ? found->note[0] : "");
	*minor = version_of(glibc->open_path);
	return 0;
}

int heap_kind_glibc(uint32_t pid, unsigned *minor, struct err *err)
{
	struct allocators *found = calloc(1, sizeof(*found));
	int rc;

	*minor = 0;
	if (!found)
		return err_set(err, -ENOMEM, "no memory to look for the allocators of process %u", pid);
	rc = allocators_find(pid, found, err);
	if (!rc)
		rc = judge(pid, found, minor, err);
	free(found);
	return rc;
}
