// SPDX-License-Identifier: GPL-2.0-only
/* Processes of the gateway and the provider come and go: children inherit the role, ends are told. */
#include "bpf/target.bpf.h"

static __always_inline void process_emit(struct task_struct *task, __u32 parent_tgid, __u32 role, enum wire_process_event event)
{
	struct wire_process *p = emit_reserve(WIRE_KIND_PROCESS, sizeof(*p), bpf_ktime_get_ns());

	if (!p)
		return;
	p->tgid = (__u32)task->tgid;
	p->parent_tgid = parent_tgid;
	p->role = (__u8)role;
	p->event = (__u8)event;
	p->reserved0 = 0;
	bpf_probe_read_kernel(p->comm, sizeof(p->comm), &task->comm);
	p->tgid_in_ns = pid_nr_innermost(BPF_CORE_READ(task, group_leader, thread_pid));
	emit_submit(p);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(toll_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_tgid = (__u32)parent->tgid;
	__u32 role;

	if (child->pid != child->tgid)
		return 0;
	role = target_role(parent_tgid);
	/* The driver is toll itself: what it starts is the gateway's or the provider's business and is added by name. */
	if (role != WIRE_ROLE_GATEWAY && role != WIRE_ROLE_PROVIDER)
		return 0;
	target_add((__u32)child->tgid, role);
	process_emit(child, parent_tgid, role, WIRE_PROCESS_FORK);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(toll_exit, struct task_struct *task)
{
	__u32 tgid = (__u32)task->tgid;
	__u32 role = target_role(tgid);

	/* do_exit() has decremented signal->live before this tracepoint: 0 when the last thread leaves. */
	if (role == WIRE_ROLE_NONE || task->signal->live.counter != 0)
		return 0;
	bpf_map_delete_elem(&targets, &tgid);
	process_emit(task, 0, role, WIRE_PROCESS_EXIT);
	return 0;
}

char LICENSE[] SEC("license") __weak = "GPL";
