/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose process is this? Thread group ids of the initial pid namespace -> role; children of gateway and provider inherit theirs. */
#ifndef TOLL_TARGET_BPF_H
#define TOLL_TARGET_BPF_H

#include "bpf/emit.bpf.h"

#define TARGETS_MAX 16384

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TARGETS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} targets SEC(".maps") __weak;

/* What user space asks for: pids as the reader's own pid namespace numbers them. The task iterator turns them into `targets`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TARGETS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} wanted SEC(".maps") __weak;

static __always_inline __u32 target_role(__u32 tgid)
{
	__u32 *role = bpf_map_lookup_elem(&targets, &tgid);

	return role ? *role : WIRE_ROLE_NONE;
}

static __always_inline __u32 target_role_current(void)
{
	return target_role((__u32)(bpf_get_current_pid_tgid() >> 32));
}

static __always_inline void target_add(__u32 tgid, __u32 role)
{
	if (bpf_map_update_elem(&targets, &tgid, &role, BPF_ANY))
		count_add(WIRE_COUNT_TARGETS_FULL, 1);
}

#endif
