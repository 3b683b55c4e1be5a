// SPDX-License-Identifier: GPL-2.0-only
#include "session/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "session/child.h"

#define PLACE "/tmp"
#define PREFIX "toll-"
#define LOCK ".toll-lock"
#define LEFT_S 3600

/* It gets its name once it is locked: nobody finds it unlocked in between. */
static int lock_make(const struct scratch *s)
{
	char made[sizeof(s->path) + 24], named[sizeof(s->path) + 16];
	int ret;

	snprintf(made, sizeof(made), "%s/" LOCK "-new", s->path);
	snprintf(named, sizeof(named), "%s/" LOCK, s->path);
	int fd = open(made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB) && !rename(made, named))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int scratch_make(struct scratch *out, const char *kind)
{
	*out = (struct scratch){0};
	int n = snprintf(out->path, sizeof(out->path), PLACE "/" PREFIX "%s-XXXXXX", kind);
	if (n < 0 || (size_t)n >= sizeof(out->path) || !mkdtemp(out->path)) {
		int ret = errno ? -errno : -ENAMETOOLONG;
		out->path[0] = '\0';
		return ret;
	}
	int fd = lock_make(out);
	if (fd < 0) {
		scratch_remove(out);
		return fd;
	}
	out->lock_fd = fd;
	return 0;
}

static void unlock(struct scratch *s)
{
	if (s->lock_fd)
		close(s->lock_fd);
	*s = (struct scratch){0};
}

void scratch_remove(struct scratch *s)
{
	if (s->path[0])
		child_remove_directory(s->path);
	unlock(s);
}

void scratch_leave(struct scratch *s)
{
	if (s->lock_fd && write(s->lock_fd, "\n", 1) != 1)
		scratch_remove(s); /* a full disk: what should be read is not there either */
	unlock(s);
}

static bool is_over(int lock_fd)
{
	struct stat st;

	return !flock(lock_fd, LOCK_EX | LOCK_NB) && !fstat(lock_fd, &st) && (!st.st_size || st.st_mtime + LEFT_S < time(NULL));
}

/* Anybody may make such a name in /tmp: only a directory of this user's counts, and no link is followed. */
static bool is_left_behind(const char *path)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int lock = directory < 0 ? -1 : openat(directory, LOCK, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	bool left = lock >= 0 && !fstat(directory, &st) && st.st_uid == geteuid() && is_over(lock);

	if (lock >= 0)
		close(lock);
	if (directory >= 0)
		close(directory);
	return left;
}

void scratch_sweep(void)
{
	DIR *place = opendir(PLACE);
	char path[sizeof(((struct scratch *)0)->path)];

	for (struct dirent *e; place && (e = readdir(place));) {
		if (strncmp(e->d_name, PREFIX, sizeof(PREFIX) - 1) != 0)
			continue;
		int n = snprintf(path, sizeof(path), PLACE "/%s", e->d_name);
		if (n > 0 && (size_t)n < sizeof(path) && is_left_behind(path))
			child_remove_directory(path);
	}
	if (place)
		closedir(place);
}
