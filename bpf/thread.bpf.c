// SPDX-License-Identifier: GPL-2.0-only
/* Where a thread's time goes when it is not on a CPU: who took it off, what it waited for, who ran in its place. */
#include "bpf/lookup.bpf.h"
#include "bpf/stack.bpf.h"

const volatile __u32 threads_max = 65536;
const volatile bool stack_blocks = false; /* take the stacks of waits */
bool stack_blocks_held; /* ... but not just now */
__u32 threads_live = 0;
/* When the programs of this file were last put on: what a thread was seen to begin before may have ended unseen. */
__u64 threads_since_ns = 0;

struct cpu_state {
	__u64 since_ns; /* the thread that runs now came on */
	__u32 holder; /* enum wire_holder of it */
	__u32 reserved0;
	__u64 held_ns[HOLDERS_COUNTED]; /* so far, the running thread's not included */
	__u64 reserved1[3]; /* one cache line each */
};

/* Not per CPU: a waker looks at the CPU that its thread will wait for. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* possible CPUs, set by user space before load */
	__type(key, __u32);
	__type(value, struct cpu_state);
} cpus SEC(".maps") __weak;

static __always_inline struct cpu_state *cpu_state_get(__u32 cpu)
{
	return bpf_map_lookup_elem(&cpus, &cpu);
}

/* --- who holds the CPU ------------------------------------------------------------------------------------------------------- */

static __always_inline __u32 holder_of(const struct thread_state *t, const struct task_struct *task)
{
	if (t)
		return t->holder;
	return task->pid ? WIRE_HOLDER_OTHER : WIRE_HOLDER_IDLE;
}

static __always_inline void holder_change(struct cpu_state *c, __u32 holder, __u64 now_ns)
{
	__u32 before = c->holder;

	if (before == holder)
		return;
	if (before < HOLDERS_COUNTED && c->since_ns)
		c->held_ns[before] += now_ns - c->since_ns;
	c->holder = holder;
	c->since_ns = now_ns;
}

/* The clocks of a CPU, its running thread included. Its own switch may come in between: tried until nothing moved. */
static __always_inline void held_read(struct cpu_state *c, __u64 held_ns[HOLDERS_COUNTED], __u64 now_ns)
{
	for (int try = 0; try < 4; try++) {
		__u64 since_ns = *(volatile __u64 *)&c->since_ns;
		__u32 holder = *(volatile __u32 *)&c->holder;

		for (int i = 0; i < HOLDERS_COUNTED; i++)
			held_ns[i] = *(volatile __u64 *)&c->held_ns[i];
		for (int i = 0; i < HOLDERS_COUNTED; i++)
			if (holder == i && since_ns && now_ns > since_ns)
				held_ns[i] += now_ns - since_ns;
		if (*(volatile __u64 *)&c->since_ns == since_ns)
			return;
	}
}

/* --- waiting to run ---------------------------------------------------------------------------------------------------------- */

static __always_inline __u64 throttled_clock(const struct task_struct *task)
{
	const struct cfs_rq *queue = task->se.cfs_rq;

	return bpf_core_field_exists(queue->throttled_clock_pelt_time) && queue ? queue->throttled_clock_pelt_time : 0;
}

static __always_inline bool is_throttled(const struct task_struct *task)
{
	const struct cfs_rq *queue = task->se.cfs_rq;

	if (bpf_core_field_exists(task->throttled))
		return task->throttled;
	return bpf_core_field_exists(queue->throttle_count) && queue && queue->throttle_count > 0;
}

static __always_inline void wait_on(struct thread_state *t, __u32 cpu, __u64 now_ns)
{
	struct cpu_state *c = cpu_state_get(cpu);

	t->waits_on_cpu = cpu;
	if (c)
		held_read(c, t->held_from_ns, now_ns);
}

static __always_inline void wait_begins(struct thread_state *t, struct task_struct *task, __u32 cpu, __u64 now_ns)
{
	__builtin_memset(t->held_ns, 0, sizeof(t->held_ns));
	if (is_throttled(task))
		t->off.flags |= WIRE_OFF_THROTTLED;
	t->throttled_clock = throttled_clock(task);
	wait_on(t, cpu, now_ns);
	t->off.runnable_ns = now_ns;
}

/* What the CPU that it has waited for was used for since. */
static __always_inline void wait_held(struct thread_state *t, __u64 now_ns)
{
	struct cpu_state *c = cpu_state_get(t->waits_on_cpu);
	__u64 held_ns[HOLDERS_COUNTED] = {};

	if (!c)
		return;
	held_read(c, held_ns, now_ns);
	for (int i = 0; i < HOLDERS_COUNTED; i++)
		if (held_ns[i] > t->held_from_ns[i])
			t->held_ns[i] += held_ns[i] - t->held_from_ns[i];
}

static __always_inline __u32 at_most(__u64 ns, __u64 most)
{
	if (ns > most)
		ns = most;
	return ns > 0xffffffff ? 0xffffffff : (__u32)ns;
}

/* The parts add up to the wait: idle is what nobody held. */
static __always_inline void wait_ends(struct thread_state *t, const struct task_struct *task, __u64 now_ns)
{
	__u64 left_ns = now_ns - t->off.runnable_ns;

	wait_held(t, now_ns);
	for (int i = 0; i < HOLDERS_COUNTED; i++) {
		t->off.held_ns[i] = at_most(t->held_ns[i], left_ns);
		left_ns -= t->off.held_ns[i];
	}
	t->off.held_ns[WIRE_HOLDER_IDLE] = at_most(left_ns, left_ns);
	if (throttled_clock(task) != t->throttled_clock)
		t->off.flags |= WIRE_OFF_THROTTLED;
}

/* --- off the CPU and on again -------------------------------------------------------------------------------------------------- */

static __always_inline __u16 blocked_flags(const struct task_struct *task, unsigned int state)
{
	__u16 flags = 0;

	if (state & KERNEL_TASK_UNINTERRUPTIBLE)
		flags |= WIRE_OFF_UNINTERRUPTIBLE;
	if (state & KERNEL_TASK_STOPPED_OR_TRACED)
		flags |= WIRE_OFF_STOPPED;
	if (BPF_CORE_READ_BITFIELD(task, in_iowait))
		flags |= WIRE_OFF_IOWAIT;
	if (bpf_core_field_exists(task->in_memstall) && BPF_CORE_READ_BITFIELD(task, in_memstall))
		flags |= WIRE_OFF_MEMSTALL;
	return flags;
}

static __always_inline void entry_note(struct thread_state *t, struct task_struct *task, bool runnable)
{
	long entry;

	t->off.syscall = WIRE_SYSCALL_NONE;
	if (task->flags & KERNEL_PF_NO_USER_MODE)
		return;
	entry = task_entry(task);
	if (entry >= 0)
		t->off.syscall = (__u16)entry;
	else if (entry == -1 && !runnable)
		t->off.flags |= WIRE_OFF_FAULT;
}

static __always_inline void thread_leaves(void *ctx, struct thread_state *t, struct task_struct *task, __u32 cpu, bool runnable,
					  unsigned int state, __u64 now_ns)
{
	t->off.exec_ns = task->se.sum_exec_runtime;
	t->off.stack = 0;
	t->off.waker_tid = 0;
	t->off.runnable_ns = 0;
	t->off.flags = runnable ? WIRE_OFF_PREEMPTED : blocked_flags(task, state);
	entry_note(t, task, runnable);
	if (stack_blocks && !runnable && !stack_blocks_held)
		t->off.stack = stack_of_block(ctx, t->off.syscall, now_ns);
	if (runnable)
		wait_begins(t, task, cpu, now_ns);
	calls_send(t, now_ns);
	*(volatile __u64 *)&t->off.out_ns = now_ns;
}

static __always_inline void thread_returns(struct thread_state *t, const struct task_struct *task, __u32 cpu, __u64 now_ns)
{
	if (t->off.out_ns <= threads_since_ns)
		return;
	if (!t->off.runnable_ns) {
		/* A signal, or a wake-up while it was leaving: it could have gone on at once. */
		t->off.runnable_ns = t->off.out_ns;
		__builtin_memset(t->off.held_ns, 0, sizeof(t->off.held_ns));
		t->off.held_ns[WIRE_HOLDER_IDLE] = at_most(now_ns - t->off.out_ns, now_ns);
	} else {
		if (t->waits_on_cpu != cpu)
			t->off.flags |= WIRE_OFF_MIGRATED;
		wait_ends(t, task, now_ns);
	}
	emit_header(&t->off.h, WIRE_KIND_OFF_CPU, sizeof(t->off), now_ns);
	emit_copy(&t->off, sizeof(t->off));
	t->off.out_ns = 0;
}

static __always_inline int on_switch(void *ctx, bool preempt, struct task_struct *prev, struct task_struct *next,
				     unsigned int prev_state)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct thread_state *out = thread_state_get(prev), *in = thread_state_get(next);
	struct cpu_state *c = cpu_state_get(cpu);
	__u64 now_ns = bpf_ktime_get_ns();

	if (!c)
		return 0;
	if (out && out->role == WIRE_ROLE_GATEWAY)
		thread_leaves(ctx, out, prev, cpu, preempt || prev_state == 0, prev_state, now_ns);
	holder_change(c, holder_of(in, next), now_ns);
	if (in && in->role == WIRE_ROLE_GATEWAY)
		thread_returns(in, next, cpu, now_ns);
	return 0;
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(toll_switch, bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)
{
	return on_switch(ctx, preempt, prev, next, prev_state);
}

/* Before 5.18 (fa2c3254d7cf, 9c2136be0878) the state was not told: a waker on another CPU may have changed it meanwhile. */
SEC("?tp_btf/sched_switch")
int BPF_PROG(toll_switch_reads_state, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return on_switch(ctx, preempt, prev, next, task_state(prev));
}

/*
 * Who wakes: the current thread, if it is inside a system call. An interrupt that comes upon a thread in user mode is told by that; one
 * that comes upon a thread inside a call is not (the count that would tell, __preempt_count, has no address on kernels without
 * CONFIG_KALLSYMS_ALL).
 */
static __always_inline __u32 waker_tid(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	if (!tid || current_flags() & KERNEL_PF_NO_USER_MODE)
		return 0;
	return current_entry() >= 0 ? tid : 0;
}

/* In the waker's context, which sched_wakeup is not when it is told to another CPU. */
SEC("?tp_btf/sched_waking")
int BPF_PROG(toll_waking, struct task_struct *task)
{
	struct thread_state *t = thread_state_get(task);

	if (!t || t->role != WIRE_ROLE_GATEWAY || *(volatile __u64 *)&t->off.out_ns <= threads_since_ns || t->off.runnable_ns)
		return 0;
	t->off.waker_tid = waker_tid();
	wait_begins(t, task, task_cpu(task), bpf_ktime_get_ns());
	return 0;
}

/* From one queue to another, also on its way out of a wake-up. */
SEC("?tp_btf/sched_migrate_task")
int BPF_PROG(toll_migrate, struct task_struct *task, int cpu)
{
	struct thread_state *t = thread_state_get(task);
	__u64 now_ns;

	if (!t || t->role != WIRE_ROLE_GATEWAY || !t->off.runnable_ns)
		return 0;
	now_ns = bpf_ktime_get_ns();
	wait_held(t, now_ns);
	wait_on(t, (__u32)cpu, now_ns);
	return 0;
}

/* --- threads come and go --------------------------------------------------------------------------------------------------------- */

static __always_inline void life_send(struct thread_state *t, struct task_struct *task, enum wire_thread_event event,
				      const char *comm)
{
	struct wire_thread_life *l = emit_reserve(WIRE_KIND_THREAD, sizeof(*l), bpf_ktime_get_ns());

	if (!l)
		return;
	l->tgid = t->tgid;
	l->tid = t->tid;
	l->role = t->role;
	l->event = (__u8)event;
	l->reserved0 = 0;
	l->tid_in_ns = pid_nr_innermost(BPF_CORE_READ(task, thread_pid));
	bpf_probe_read_kernel(l->comm, sizeof(l->comm), comm);
	emit_submit(l);
}

static __always_inline void thread_name_itself(struct thread_state *t, const struct task_struct *task)
{
	t->tgid = t->off.tgid = t->calls.tgid = (__u32)task->tgid;
	t->tid = t->off.tid = t->calls.tid = (__u32)task->pid;
}

/* NULL: known already, or refused (counted). */
static __always_inline struct thread_state *thread_make(struct task_struct *task, __u32 role)
{
	struct thread_state *t;

	if (thread_state_get(task))
		return NULL;
	if (threads_live >= threads_max) {
		count_add(WIRE_COUNT_THREADS_REFUSED, 1);
		return NULL;
	}
	t = thread_state_make(task);
	if (!t) {
		count_add(WIRE_COUNT_THREADS_REFUSED, 1);
		return NULL;
	}
	__sync_fetch_and_add(&threads_live, 1);
	t->role = (__u8)role;
	t->holder = role == WIRE_ROLE_GATEWAY ? WIRE_HOLDER_GATEWAY : WIRE_HOLDER_TOLL;
	thread_name_itself(t, task);
	return t;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(toll_thread_fork, struct task_struct *parent, struct task_struct *child)
{
	struct thread_state *of = thread_state_get(parent), *t;

	if (!of)
		return 0;
	/* What our own process starts is the gateway's or the provider's business and is added by name. */
	if (child->tgid != parent->tgid && of->role != WIRE_ROLE_GATEWAY && of->role != WIRE_ROLE_PROVIDER)
		return 0;
	t = thread_make(child, of->role);
	if (!t)
		return 0;
	t->off.syscall = WIRE_SYSCALL_NONE;
	t->off.out_ns = bpf_ktime_get_ns();
	life_send(t, child, WIRE_THREAD_FOUND, child->comm);
	return 0;
}

SEC("?tp_btf/sched_wakeup_new")
int BPF_PROG(toll_wakeup_new, struct task_struct *task)
{
	struct thread_state *t = thread_state_get(task);

	if (!t || t->role != WIRE_ROLE_GATEWAY || !t->off.out_ns)
		return 0;
	t->off.waker_tid = (__u32)bpf_get_current_pid_tgid();
	wait_begins(t, task, task_cpu(task), bpf_ktime_get_ns());
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(toll_thread_exit, struct task_struct *task)
{
	struct thread_state *t = thread_state_get(task);
	__u64 now_ns = bpf_ktime_get_ns();

	if (!t)
		return 0;
	calls_send(t, now_ns);
	lookup_gives_up(t);
	life_send(t, task, WIRE_THREAD_EXIT, task->comm);
	t->role = WIRE_ROLE_NONE; /* its last way off the CPU is no wait */
	thread_state_drop((__u32)task->pid);
	__sync_fetch_and_add(&threads_live, -1);
	return 0;
}

SEC("?tp_btf/task_rename")
int BPF_PROG(toll_rename, struct task_struct *task, const char *comm)
{
	struct thread_state *t = thread_state_get(task);

	if (t)
		life_send(t, task, WIRE_THREAD_NAMED, comm);
	return 0;
}

/* Its entry under the tid that it has now. */
static __always_inline struct thread_state *thread_state_moved(struct task_struct *task, __u32 old_tid)
{
	struct thread_state *old = bpf_map_lookup_elem(&threads_hash, &old_tid);
	__u32 tid = (__u32)task->pid;

	if (!old)
		return NULL;
	if (bpf_map_update_elem(&threads_hash, &tid, old, BPF_ANY))
		count_add(WIRE_COUNT_THREADS_REFUSED, 1);
	thread_state_drop(old_tid);
	return bpf_map_lookup_elem(&threads_hash, &tid);
}

/* A thread that calls execve() goes on as its process' first: under another tid. */
SEC("?tp_btf/sched_process_exec")
int BPF_PROG(toll_thread_exec, struct task_struct *task, int old_pid)
{
	struct thread_state *t;

	if (old_pid == task->pid)
		return 0;
	t = threads_in_hash ? thread_state_moved(task, (__u32)old_pid) : thread_state_get(task);
	if (!t)
		return 0;
	thread_name_itself(t, task);
	life_send(t, task, WIRE_THREAD_FOUND, task->comm);
	return 0;
}

/* A thread that sleeps or waits now is off its CPU since now, as far as we know. */
static __always_inline void found_off(struct thread_state *t, struct task_struct *task)
{
	__u64 now_ns = bpf_ktime_get_ns();

	t->off.syscall = WIRE_SYSCALL_NONE;
	if (task->on_cpu)
		return;
	entry_note(t, task, false);
	if (task_state(task) == 0)
		wait_begins(t, task, task_cpu(task), now_ns);
	*(volatile __u64 *)&t->off.out_ns = now_ns;
}

/* The programs were off for a while: a thread that has been off its CPU since then is so since now. */
static __always_inline void found_again(struct task_struct *task)
{
	struct thread_state *t = thread_state_get(task);

	if (!t || t->role != WIRE_ROLE_GATEWAY || !threads_since_ns || t->off.out_ns > threads_since_ns)
		return;
	t->off.flags = 0;
	t->off.stack = 0;
	t->off.waker_tid = 0;
	t->off.runnable_ns = 0;
	t->off.exec_ns = task->se.sum_exec_runtime;
	found_off(t, task);
}

bool find_targets_only; /* not yet our own threads: whose they are is not said before the targets are named */

SEC("?iter/task")
int toll_find_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct thread_state *t;
	__u32 role;

	if (!task)
		return 0;
	role = target_role((__u32)task->tgid);
	if (role == WIRE_ROLE_NONE && (find_targets_only || (__u32)task->tgid != (__u32)(bpf_get_current_pid_tgid() >> 32)))
		return 0;
	t = thread_make(task, role);
	if (!t) {
		found_again(task);
		return 0;
	}
	found_off(t, task);
	if (role != WIRE_ROLE_NONE)
		life_send(t, task, WIRE_THREAD_FOUND, task->comm);
	return 0;
}

char LICENSE[] SEC("license") __weak = "GPL";
