// SPDX-License-Identifier: GPL-2.0-only
/* System calls of gateway threads, each with its time. While these are attached every system call of the machine passes here. */
#include "bpf/thread_state.bpf.h"

#define IOVECS_MAX 16 /* of one send; more: not known whether it went short */

/* When the programs were last put on: a call that was entered before may have ended unseen. */
__u64 calls_since_ns = 0;

struct user_iovec {
	__u64 base, bytes;
};
struct user_msghdr {
	__u64 name, name_bytes, iov, iovs;
};

static __always_inline struct thread_state *gateway_thread(void)
{
	struct thread_state *t = thread_state_current();

	return t && t->role == WIRE_ROLE_GATEWAY ? t : NULL;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(toll_sys_enter)
{
	struct thread_state *t = gateway_thread();

	if (t)
		t->call_enter_ns = bpf_ktime_get_ns();
	return 0;
}

static __noinline __u64 iov_bytes(__u64 iov, __u64 count)
{
	__u64 bytes = 0;

	if (count > IOVECS_MAX)
		return 0;
	for (__u64 i = 0; i < IOVECS_MAX; i++) {
		struct user_iovec v = {};

		if (i >= count)
			break;
		if (bpf_probe_read_user(&v, sizeof(v), (void *)(iov + i * sizeof(v))))
			return 0;
		bytes += v.bytes;
	}
	return bytes;
}

/* What a send was given; 0: no send, or not known. */
static __always_inline __u64 send_bytes(const struct pt_regs___kernel *regs, long nr)
{
	struct user_msghdr m = {};

	switch (nr) {
	case __NR_write:
	case __NR_sendto:
		return call_argument(regs, 2);
	case __NR_sendfile:
		return call_argument(regs, 3);
	case __NR_writev:
		return iov_bytes(call_argument(regs, 1), call_argument(regs, 2));
	case __NR_sendmsg:
		if (bpf_probe_read_user(&m, sizeof(m), (void *)call_argument(regs, 1)))
			return 0;
		return iov_bytes(m.iov, m.iovs);
	}
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(toll_sys_exit, struct pt_regs___kernel *regs, long ret)
{
	struct thread_state *t = gateway_thread();
	__u64 now_ns, enter_ns;
	__u32 at;
	long nr;

	if (!t || t->call_enter_ns <= calls_since_ns)
		return 0;
	now_ns = bpf_ktime_get_ns();
	enter_ns = t->call_enter_ns;
	t->call_enter_ns = 0;
	nr = (long)regs->REGS_CALL;
	at = t->calls.count;
	if (nr < 0 || at >= WIRE_SYSCALLS_MAX)
		return 0;
	t->calls.call[at].enter_ns = enter_ns;
	t->calls.call[at].exit_ns = now_ns;
	t->calls.call[at].result = (__s32)ret;
	t->calls.call[at].nr = (__u16)nr;
	t->calls.call[at].flags = ret > 0 && (__u64)ret < send_bytes(regs, nr) ? WIRE_SYSCALL_SHORT : 0;
	t->calls.count = at + 1;
	if (at + 1 == WIRE_SYSCALLS_MAX)
		calls_send(t, now_ns);
	return 0;
}

char LICENSE[] SEC("license") __weak = "GPL";
