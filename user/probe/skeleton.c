// SPDX-License-Identifier: GPL-2.0-only
#include "probe/skeleton.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"

static int print_to_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	if (log_level_get() >= LOG_DEBUG)
		log_linev(LOG_DEBUG, fmt, ap);
	return 0;
}

void skeleton_quiet(void)
{
	libbpf_set_print(print_to_log);
}

static bool is(const struct paths *paths, enum path path, enum path_implementation impl)
{
	return paths->impl[path] == impl;
}

void skeleton_choose(struct toll_bpf *skel, const struct paths *paths)
{
	bool hash = is(paths, PATH_SOCKETS, PATH_SOCKETS_HASH);

	bpf_program__set_autoload(skel->progs.toll_data_ready, is(paths, PATH_READABLE, PATH_READABLE_DATA_READY));
	bpf_program__set_autoload(skel->progs.toll_readable, is(paths, PATH_READABLE, PATH_READABLE_TCP_PROBE));
	bpf_program__set_autoload(skel->progs.toll_accept, is(paths, PATH_ACCEPT, PATH_ACCEPT_RETURN));
	bpf_program__set_autoload(skel->progs.toll_accept_by_argument, is(paths, PATH_ACCEPT, PATH_ACCEPT_ARGUMENT));
	bpf_program__set_autoload(skel->progs.toll_flush, !hash);
	bpf_program__set_autoload(skel->progs.toll_flush_hash, hash);
	bpf_program__set_autoload(skel->progs.toll_cookie, hash);
	bpf_map__set_autocreate(skel->maps.sockets, !hash);
	bpf_map__set_autocreate(skel->maps.sockets_hash, hash);
	skel->rodata->sockets_in_hash = hash;
	skel->rodata->threads_in_hash = is(paths, PATH_THREADS, PATH_THREADS_HASH);
	skel->rodata->find_by_operations = is(paths, PATH_OPEN, PATH_OPEN_OPERATIONS);
	skel->rodata->can_cast = is(paths, PATH_TCP, PATH_TCP_CAST);
	bpf_map__set_autocreate(skel->maps.alloc_threads, false);
	bpf_map__set_autocreate(skel->maps.alloc_functions, false);
	bpf_map__set_autocreate(skel->maps.kept_blocks, false);
	bpf_map__set_autocreate(skel->maps.kept_sites, false);
	bpf_map__set_autocreate(skel->maps.kept_blank, false);
	bpf_map__set_autocreate(skel->maps.survivor_threads, false);
	bpf_map__set_autocreate(skel->maps.growth_brk, false);
}

void skeleton_none(struct toll_bpf *skel)
{
	struct bpf_program *prog;
	struct bpf_map *map;

	bpf_object__for_each_program(prog, skel->obj) bpf_program__set_autoload(prog, false);
	bpf_object__for_each_map(map, skel->obj) bpf_map__set_autocreate(map, bpf_map__is_internal(map));
	bpf_map__set_autocreate(skel->maps.counters, true);
}

void skeleton_stacks(struct toll_bpf *skel, uint32_t period_ns)
{
	bpf_program__set_autoload(skel->progs.toll_sample, period_ns > 0);
	bpf_map__set_autocreate(skel->maps.texts, period_ns > 0);
	bpf_map__set_autocreate(skel->maps.stack_keys, period_ns > 0);
	bpf_map__set_autocreate(skel->maps.stack_tops, period_ns > 0);
	bpf_map__set_autocreate(skel->maps.stack_scratch, period_ns > 0);
	skel->rodata->sample_period_ns = period_ns;
	skel->rodata->stack_blocks = period_ns > 0;
}

int skeleton_counters(const struct toll_bpf *skel, uint64_t counters[WIRE_COUNTERS])
{
	int cpus = libbpf_num_possible_cpus();
	uint32_t zero = 0;
	uint64_t *per_cpu;
	int rc;

	memset(counters, 0, WIRE_COUNTERS * sizeof(uint64_t));
	if (cpus < 0)
		return cpus;
	per_cpu = calloc((size_t)cpus, WIRE_COUNTERS * sizeof(uint64_t));
	if (!per_cpu)
		return -ENOMEM;
	rc = bpf_map__lookup_elem(skel->maps.counters, &zero, sizeof(zero), per_cpu,
				  (size_t)cpus * WIRE_COUNTERS * sizeof(uint64_t), 0);
	for (int cpu = 0; !rc && cpu < cpus; cpu++)
		for (int i = 0; i < WIRE_COUNTERS; i++)
			counters[i] += per_cpu[cpu * WIRE_COUNTERS + i];
	free(per_cpu);
	return rc;
}

int skeleton_run_iterator(struct bpf_program *prog, int map_fd)
{
	union bpf_iter_link_info info;
	struct bpf_iter_attach_opts opts;
	struct bpf_link *link;
	char drain[256];
	ssize_t n;
	int fd, rc = 0;

	memset(&info, 0, sizeof(info));
	memset(&opts, 0, sizeof(opts)); /* libbpf refuses options whose padding is not zero */
	info.map.map_fd = (__u32)map_fd;
	opts.sz = sizeof(opts);
	opts.link_info = &info;
	opts.link_info_len = sizeof(info);
	link = bpf_program__attach_iter(prog, map_fd >= 0 ? &opts : NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		rc = fd;
		goto out;
	}
	/* The programs write no text: reading drives them. EAGAIN: the kernel paused a long walk. */
	do {
		n = read(fd, drain, sizeof(drain));
	} while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	if (n < 0)
		rc = -errno;
	close(fd);
out:
	bpf_link__destroy(link);
	return rc;
}

/* "none integrity [confidentiality]"; without securityfs it cannot be told. */
static bool is_forbidden(void)
{
	char modes[64] = "";
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	bool read = f && fgets(modes, sizeof(modes), f);

	if (f)
		fclose(f);
	return read && strstr(modes, "[confidentiality]");
}

/*
 * Kernels before 5.11 count maps as locked memory (until merge commit 97306be45fbe, "switch to memcg-based memory accounting"); libbpf
 * has tried to lift the limit.
 */
static bool locked_memory_is_short(void)
{
	struct utsname kernel;
	struct rlimit limit;
	unsigned major = 0, minor = 0;

	return !uname(&kernel) && sscanf(kernel.release, "%u.%u", &major, &minor) == 2 &&
	       (major < 5 || (major == 5 && minor < 11)) && !getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY;
}

const char *skeleton_advice(int negative_errno)
{
	switch (-negative_errno) {
	case EPERM:
	case EACCES:
		if (locked_memory_is_short())
			return "run as root with CAP_SYS_RESOURCE, or raise the limit on locked memory (ulimit -l unlimited), "
			       "against which this kernel counts maps";
		return "run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE";
	case ENOENT:
	case ESRCH:
		return "this kernel lacks what the program needs: `toll doctor` tells what";
	case ENOMEM:
		return "free memory or ask for a smaller ring (--ring-bytes)";
	default:
		return "`toll doctor` tells what this kernel allows; --verbose prints libbpf's messages";
	}
}

int skeleton_attach(struct bpf_program *prog, struct bpf_link **link, struct err *err)
{
	if (*link || !bpf_program__autoload(prog))
		return 0;
	*link = bpf_program__attach(prog);
	if (*link)
		return 0;
	return err_set(err, -errno, "cannot attach %s: %s; %s", bpf_program__section_name(prog), strerror(errno),
		       skeleton_advice(-errno));
}

/*
 * The kernel's marks are in the clock of the host; a time namespace (time_namespaces(7), Linux 5.6) shifts ours, and with it the ends of
 * every join.
 */
static int clock_check(struct err *err)
{
	long long seconds = 0, ns = 0;
	FILE *f = fopen("/proc/self/timens_offsets", "re");
	bool read = f && fscanf(f, " monotonic %lld %lld", &seconds, &ns) == 2;

	if (f)
		fclose(f);
	if (!read || (!seconds && !ns))
		return 0;
	return err_set(
		err, -ENOTSUP,
		"this process lives in a time namespace whose clock is %lld s off the kernel's: run toll outside of it, or use "
		"--no-probes",
		seconds);
}

int skeleton_host_check(struct err *err)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return err_set(err, -ENOENT,
			       "no kernel type information at /sys/kernel/btf/vmlinux: probes need a kernel built with "
			       "CONFIG_DEBUG_INFO_BTF; without them use --no-probes");
	if (is_forbidden())
		return err_set(err, -EPERM,
			       "kernel lockdown is in its mode confidentiality, in which no BPF program may read kernel memory: "
			       "boot with "
			       "lockdown=integrity, or use --no-probes");
	return clock_check(err);
}
