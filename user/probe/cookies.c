// SPDX-License-Identifier: GPL-2.0-only
#include "probe/cookies.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/libbpf.h>

static int open_cgroup2(const char *path)
{
	struct statfs fs;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && (fstatfs(fd, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC)) {
		close(fd);
		return -ENOENT;
	}
	return fd < 0 ? -errno : fd;
}

/* A mount that stands in no directory (5.2), for machines whose controllers are all on cgroup v1: gone with its last user. */
static int mount_nowhere(void)
{
	int context = fsopen("cgroup2", FSOPEN_CLOEXEC), fd;

	if (context < 0)
		return -errno;
	fd = fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) ? -1 : fsmount(context, FSMOUNT_CLOEXEC, 0);
	fd = fd < 0 ? -errno : fd;
	close(context);
	return fd;
}

static int open_root(void)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int fd = open_cgroup2(places[i]);

		if (fd >= 0)
			return fd;
	}
	return mount_nowhere();
}

int cookies_attach(struct toll_bpf *skel, struct err *err)
{
	int fd, rc;

	if (!bpf_program__autoload(skel->progs.toll_cookie))
		return 0;
	fd = open_root();
	if (fd < 0)
		return err_set(err, fd, "no cgroup v2 to make socket cookies in, which this kernel's probes need: %s; %s",
			       strerror(-fd), skeleton_advice(fd));
	skel->links.toll_cookie = bpf_program__attach_cgroup(skel->progs.toll_cookie, fd);
	rc = skel->links.toll_cookie ? 0 : -errno;
	close(fd);
	return rc ? err_set(err, rc, "cannot make socket cookies in the root cgroup: %s; %s", strerror(-rc), skeleton_advice(rc))
		  : 0;
}
