// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of allocator functions: how many, how many bytes, how long. Either one session program sees both ends of a call (6.13), or a pair
 * of programs does. A hit costs its trap, some 600 ns: what is done here must not add to it.
 */
#include "bpf/alloc_call.bpf.h"
#include "bpf/alloc_state.bpf.h"

/* A number for each time that the probes were put on: a call that another window saw begin will not be seen to end. */
__u32 alloc_window;
/*
 * Returns that are looked at: those whose thread's next random number has none of these bits, so 0 is all of them. A return costs as much
 * as an entry; a free cannot fail, so that some of its returns tell enough.
 */
__u32 alloc_skip_mask;
__u32 free_skip_mask;
#define MALLOC_ALIGNMENT 16 /* what malloc gives anyway: not aligned by hand, but handed on to it */

/* Only of functions that call no other of the allocator: without the outer call's end, an inner call would count as one from outside. */
static __always_inline __u32 skip_mask(__u64 cookie)
{
	if (kind_of(cookie) == WIRE_ALLOC_FREE)
		return free_skip_mask;
	return kind_of(cookie) == WIRE_ALLOC_MALLOC || cookie & WIRE_ALLOC_ALIGNS_ITSELF ? alloc_skip_mask : 0;
}

/* For how many calls this one's return stands; 0: it is not looked at. */
static __always_inline __u32 return_weight(struct alloc_thread *t, __u64 cookie)
{
	__u32 mask = skip_mask(cookie);

	if (cookie & WIRE_ALLOC_ENTRY_ONLY)
		return 0;
	if (!mask)
		return 1;
	/* a sequence of its own for each thread: a fixed step would meet malloc alone where malloc and free alternate */
	t->random = t->random * 1664525 + 1013904223;
	return t->random >> 16 & mask ? 0 : mask + 1;
}

/* It may call malloc: its end must be seen, or malloc's call would count as one from outside. */
static __always_inline bool hands_on(const struct pt_regs *regs, __u64 cookie)
{
	return (cookie & WIRE_ALLOC_ALIGNS_ITSELF) && register_of(regs, cookie >> 16 & 15) <= MALLOC_ALIGNMENT;
}

/* true: the call's end is wanted. */
static __always_inline bool enter(const struct pt_regs *regs, __u64 cookie)
{
	struct alloc_thread *t =
		bpf_task_storage_get(&alloc_threads, bpf_get_current_task_btf(), NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct wire_alloc_stats *s = stats_of(cookie);
	__u64 size = size_of(regs, cookie);
	__u32 weight;

	if (!t)
		count_add(WIRE_COUNT_THREADS_REFUSED, 1);
	if (!t || !s)
		return false;
	if (t->enter_ns) {
		if (t->window == alloc_window && call_goes_on(t->sp, regs)) {
			/* what this hit costs is not the outer call's; the calibrated time between a probe's ends is near enough */
			t->enter_ns += cookie >> 32;
			shared_add(&s->nested, 1);
			return false;
		}
		t->enter_ns = 0;
		shared_add(&s->unfinished, 1);
	}
	shared_add(&s->calls, 1);
	if (size && size < SIZE_MAX_BYTES)
		shared_add(&s->bytes, size);
	weight = return_weight(t, cookie);
	if (!weight && !hands_on(regs, cookie))
		return false;
	t->weight = weight;
	t->sp = regs->rsp;
	t->size = size;
	t->function = (__u8)cookie;
	t->window = alloc_window;
	t->enter_ns = bpf_ktime_get_ns();
	return true;
}

static __always_inline __u64 bucket_of(__u64 ns)
{
	__u64 top;

	if (ns < 16)
		return ns;
	if (ns >> 34)
		return WIRE_ALLOC_BUCKETS - 1;
	top = log2_of(ns);
	return (top - 3) * 16 + (ns >> (top - 4)) - 16;
}

static __always_inline void leave(const struct pt_regs *regs, __u64 cookie)
{
	__u64 now_ns = bpf_ktime_get_ns(), bias_ns = cookie >> 32, ns;
	struct alloc_thread *t = bpf_task_storage_get(&alloc_threads, bpf_get_current_task_btf(), NULL, 0);
	struct wire_alloc_stats *s;
	__u64 bucket;

	/* The return has taken its address off the stack. A function that was jumped to from the one that we are in returns to the same place. */
	if (!t || !t->enter_ns || regs->rsp != t->sp + 8 || t->function != (__u8)cookie || t->window != alloc_window)
		return;
	ns = now_ns - t->enter_ns;
	ns = ns > bias_ns ? ns - bias_ns : 0;
	t->enter_ns = 0;
	if (!t->weight)
		return;
	t->total_ns += ns * t->weight;
	s = stats_of(cookie);
	if (!s)
		return;
	shared_add(&s->returns, 1);
	if (has_failed(regs, cookie, t->size)) {
		shared_add(&s->failed, 1);
		if (t->size < SIZE_MAX_BYTES)
			shared_add(&s->bytes, -t->size);
	}
	shared_add(&s->sum_ns, ns);
	bucket = bucket_of(ns);
	verifier_sees(bucket);
	if (bucket < WIRE_ALLOC_BUCKETS)
		shared_add(&s->bucket[bucket], 1);
}

/*
 * Both ends in one program. At the return the instruction pointer is where the call goes back to, and bpf_get_func_ip() is still where the
 * probe sits. A session's entry says 1 when its return is not wanted: then it costs nothing.
 */
SEC("?uprobe")
int toll_alloc_session(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);

	if (ctx->rip == bpf_get_func_ip(ctx))
		return !enter(ctx, cookie);
	leave(ctx, cookie);
	return 0;
}

SEC("?uprobe")
int toll_alloc_enter(struct pt_regs *ctx)
{
	enter(ctx, bpf_get_attach_cookie(ctx));
	return 0;
}

SEC("?uretprobe")
int toll_alloc_leave(struct pt_regs *ctx)
{
	leave(ctx, bpf_get_attach_cookie(ctx));
	return 0;
}

char LICENSE[] SEC("license") __weak = "GPL";
