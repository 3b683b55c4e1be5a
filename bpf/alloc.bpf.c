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
 * Returns that are looked at: those of calls whose number, spread, has none of these bits, so 0 is all of them. A return costs as much
 * as an entry; a free cannot fail, so that some of its returns tell enough.
 */
__u32 alloc_skip_mask;
__u32 free_skip_mask;
/*
 * Calls of this window whose end is awaited; one that never returns stays in until its thread's next call. While there is none, a hit is a
 * call's begin and inside no other. On a line of its own: the rest is only read.
 */
struct {
	__u32 count;
	__u32 rest[15];
} alloc_awaited_calls __attribute__((aligned(64)));
/*
 * Calls pass unseen while probes are being put on or taken off, which is done file by file: windows are the same for all functions. That they
 * were hit is counted, for a hit has its cost.
 */
bool takes_pass, frees_pass;
#define MALLOC_ALIGNMENT 16 /* what malloc gives anyway: not aligned by hand, but handed on to it */

/* Only of functions that call no other of the allocator: without the outer call's end, an inner call would count as one from outside. */
static __always_inline __u32 skip_mask(__u64 cookie)
{
	if (kind_of(cookie) == WIRE_ALLOC_FREE)
		return free_skip_mask;
	return kind_of(cookie) == WIRE_ALLOC_MALLOC || cookie & WIRE_ALLOC_ALIGNS_ITSELF ? alloc_skip_mask : 0;
}

/*
 * For how many calls this one's return stands; 0: it is not looked at. Multiples of the golden ratio spread over whatever pattern calls
 * come in; a fixed step would meet the same call of each request.
 */
static __always_inline __u32 return_weight(__u64 cookie, __u32 mask, __u64 number)
{
	if (cookie & WIRE_ALLOC_ENTRY_ONLY)
		return 0;
	return number * 0x9e3779b97f4a7c15 >> 32 & mask ? 0 : mask + 1;
}

/* It may call malloc: its end must be seen, or malloc's call would count as one from outside. */
static __always_inline bool hands_on(const struct pt_regs *regs, __u64 cookie)
{
	return (cookie & WIRE_ALLOC_ALIGNS_ITSELF) && register_of(regs, cookie >> 16 & 15) <= MALLOC_ALIGNMENT;
}

/* It is malloc's work, and malloc counts it: seeing this call to its end would only cost another trap. What glibc refuses goes nowhere. */
static __always_inline bool is_counted_by_malloc(const struct pt_regs *regs, __u64 cookie)
{
	__u64 alignment;

	if (!(cookie & WIRE_ALLOC_HANDS_ON))
		return false;
	alignment = register_of(regs, cookie >> 16 & 15);
	return alignment && alignment <= MALLOC_ALIGNMENT && !(alignment & (alignment - 1)) &&
	       (kind_of(cookie) != WIRE_ALLOC_POSIX_MEMALIGN || alignment >= sizeof(void *));
}

static __always_inline void awaited_call_ends(struct alloc_thread *t)
{
	if (t->window == alloc_window) /* else its window's count has gone */
		__sync_fetch_and_add(&alloc_awaited_calls.count, -1);
	t->enter_ns = 0;
}

/* Is this a call inside another that is watched? If that one is not going on any more, it is told so. */
static __always_inline bool is_inner(struct alloc_thread *t, const struct pt_regs *regs, __u64 cookie, struct wire_alloc_stats *s)
{
	if (!t->enter_ns)
		return false;
	if (t->window == alloc_window && call_goes_on(t->sp, regs)) {
		/* what this hit costs is not the outer call's; the calibrated time between a probe's ends is near enough */
		t->enter_ns += cookie >> 32;
		shared_add(&s->nested, 1);
		return true;
	}
	awaited_call_ends(t);
	shared_add(&s->unfinished, 1);
	return false;
}

/* Our notes on this thread; NULL: they were refused, or it is in a watched call already. */
static __always_inline struct alloc_thread *thread_outside(const struct pt_regs *regs, __u64 cookie, struct wire_alloc_stats *s)
{
	struct alloc_thread *t =
		bpf_task_storage_get(&alloc_threads, bpf_get_current_task_btf(), NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!t)
		count_add(WIRE_COUNT_THREADS_REFUSED, 1);
	return t && !is_inner(t, regs, cookie, s) ? t : NULL;
}

/* The call is counted; true: its end is wanted. */
static __always_inline bool is_watched(const struct pt_regs *regs, __u64 cookie, struct wire_alloc_stats *s, bool handed_on,
				       __u32 *weight)
{
	__u64 size = size_of(regs, cookie);

	*weight = return_weight(cookie, skip_mask(cookie), s->calls);
	shared_add(&s->calls, 1);
	if (size && size < SIZE_MAX_BYTES)
		shared_add(&s->bytes, size);
	return *weight || handed_on;
}

/* true: the call's end is wanted. Most calls need not look up their thread, which costs a tenth of what a hit does. */
static __always_inline bool enter(const struct pt_regs *regs, __u64 cookie)
{
	__u32 weight;
	bool handed_on = hands_on(regs, cookie);
	struct wire_alloc_stats *s = stats_of(cookie);
	struct alloc_thread *t = NULL;

	if (!s)
		return false;
	if ((kind_of(cookie) == WIRE_ALLOC_FREE ? frees_pass : takes_pass) || is_counted_by_malloc(regs, cookie)) {
		shared_add(&s->passed, 1);
		return false;
	}
	if (alloc_awaited_calls.count) {
		t = thread_outside(regs, cookie, s);
		if (!t)
			return false;
	}
	if (!is_watched(regs, cookie, s, handed_on, &weight))
		return false;
	if (!t)
		t = thread_outside(regs, cookie, s);
	if (!t)
		return false;
	t->weight = weight;
	t->sp = regs->rsp;
	t->size = size_of(regs, cookie);
	t->function = (__u8)cookie;
	t->window = alloc_window;
	__sync_fetch_and_add(&alloc_awaited_calls.count, 1);
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
	awaited_call_ends(t);
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

	if (!alloc_awaited_calls.count || ctx->rip == bpf_get_func_ip(ctx))
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
