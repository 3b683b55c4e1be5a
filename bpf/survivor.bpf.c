// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks of memory from the call that takes them to the one that gives them back, by address: who took what is still there? Of the same
 * calls as alloc.bpf.c looks at. An address is followed or not by its hash, so that both ends decide alike, whichever threads they are on.
 * A block is there from the return of its call on, and gone at the entry of the call that gives it back: in between its address is nobody
 * else's. What was taken before the first window is not known, and its end is counted as such.
 */
#include "bpf/alloc_call.bpf.h"
#include "bpf/kept.bpf.h"

#define CHUNK_HEADER 8 /* glibc: before each block */
#define CHUNK_ALIGN 16
#define CHUNK_MIN 32
#define LOOK_MASK 63 /* of one hit in so many the time spent here is measured */

__u32 survivor_mask; /* followed are addresses whose hash has none of these bits */
__u64 survivor_refused; /* blocks that found no room */
__u64 survivor_strangers; /* given back, and never seen to be taken */

struct survivor_thread {
	__u64 sp; /* where the return address of the call is that it is in; 0: it is in none */
	__u64 size;
	__u64 block; /* realloc: what it was given; posix_memalign: where the address will be */
	struct wire_block old; /* realloc: what was known of that block; site 0: nothing */
	__u32 function;
	__u32 window;
	struct stack_scratch scratch; /* of its own: programs on uprobes can be preempted, so a CPU's would be overwritten */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct survivor_thread);
} survivor_threads SEC(".maps");

static __always_inline struct survivor_thread *thread_of(bool create)
{
	return bpf_task_storage_get(&survivor_threads, bpf_get_current_task_btf(), NULL,
				    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
}

static __always_inline bool is_followed(__u64 address)
{
	return WIRE_BLOCK_IS_FOLLOWED(address, survivor_mask);
}

static __always_inline __u64 held_of(__u64 size, __u64 cookie)
{
	__u64 chunk = (size + CHUNK_HEADER + CHUNK_ALIGN - 1) & ~(__u64)(CHUNK_ALIGN - 1);

	if (!(cookie & WIRE_ALLOC_GLIBC))
		return size;
	return chunk < CHUNK_MIN ? CHUNK_MIN : chunk;
}

/* --- the end of a block ---------------------------------------------------------------------------------------------------- */

static __always_inline void give_back(__u64 address)
{
	struct survivor_thread *t;
	struct wire_block b;

	if (!address || !is_followed(address))
		return;
	t = thread_of(false);
	if (t && t->sp && t->block == address && t->window == kept_window)
		return; /* realloc frees what it was given: its end tells whether */
	if (block_take_out(WIRE_KEPT_BLOCK, address, &b))
		block_ends(&b, bpf_ktime_get_ns());
	else
		shared_add(&survivor_strangers, survivor_mask + 1);
}

/* --- the begin of a block -------------------------------------------------------------------------------------------------- */

/* The key of the stack that called the allocator, which we are about to return to; 0 (counted): not known. */
static __always_inline __u64 stack_of_call(void *ctx, struct survivor_thread *thread)
{
	struct stack_take t;
	__u64 key;

	if (!stack_begin(&t))
		return 0;
	t.scratch = &thread->scratch;
	key = key_mix(key_of_user(ctx, &t), t.ip);
	return bpf_map_lookup_elem(&stack_keys, &key) ? key : stack_send(&t, key);
}

/* An address that is handed out again was given back: out of our sight, in another window perhaps. */
static __always_inline void take(void *ctx, struct survivor_thread *t, __u64 address, __u64 cookie)
{
	struct wire_block_key key = key_of_block(WIRE_KEPT_BLOCK, address);
	struct wire_block b = {.window = kept_window, .weight = survivor_mask + 1}, *before;
	struct wire_site *site;

	if (!address || !is_followed(address) || t->size >= SIZE_MAX_BYTES)
		return;
	b.birth_ns = bpf_ktime_get_ns();
	before = bpf_map_lookup_elem(&kept_blocks, &key);
	if (before)
		block_ends(before, b.birth_ns);
	b.site = stack_of_call(ctx, t);
	b.held_bytes = held_of(t->size, cookie);
	site = b.site ? site_find(b.site, WIRE_KEPT_BLOCK, b.birth_ns) : NULL;
	if (!site || bpf_map_update_elem(&kept_blocks, &key, &b, BPF_ANY)) {
		if (before)
			bpf_map_delete_elem(&kept_blocks, &key);
		shared_add(&survivor_refused, b.weight);
		return;
	}
	site_add(site, &b, t->size);
}

/* --- calls ------------------------------------------------------------------------------------------------------------------ */

/* true: the call's end is wanted. */
static __always_inline bool call_begins(const struct pt_regs *regs, __u64 cookie)
{
	enum wire_alloc_kind kind = kind_of(cookie);
	struct survivor_thread *t;

	if (kind == WIRE_ALLOC_FREE) {
		give_back(register_of(regs, cookie >> 12 & 15));
		return false;
	}
	t = cookie & WIRE_ALLOC_ENTRY_ONLY ? NULL : thread_of(true);
	if (!t)
		return false;
	if (t->sp && t->window == kept_window && call_goes_on(t->sp, regs))
		return false; /* the outer call tells of the block */
	t->size = size_of(regs, cookie);
	t->block = 0;
	t->old.site = 0;
	if (kind == WIRE_ALLOC_POSIX_MEMALIGN)
		t->block = register_of(regs, cookie >> 24 & 15);
	if (kind == WIRE_ALLOC_REALLOC) {
		t->block = register_of(regs, cookie >> 16 & 15);
		/* before the call: at its end the address may be another thread's already */
		if (t->block && is_followed(t->block) && !block_take_out(WIRE_KEPT_BLOCK, t->block, &t->old))
			t->old.site = 0;
	}
	t->function = (__u8)cookie;
	t->window = kept_window;
	t->sp = regs->rsp;
	return true;
}

/* realloc has succeeded, and the old block is gone; or it failed, and the block is where it was. */
static __always_inline void realloc_ends(struct survivor_thread *t, bool failed)
{
	struct wire_block_key key = key_of_block(WIRE_KEPT_BLOCK, t->block);

	if (failed) {
		if (t->old.site && bpf_map_update_elem(&kept_blocks, &key, &t->old, BPF_ANY))
			shared_add(&survivor_refused, t->old.weight);
	} else if (t->old.site) {
		block_ends(&t->old, bpf_ktime_get_ns());
	} else if (t->block && is_followed(t->block)) {
		shared_add(&survivor_strangers, survivor_mask + 1);
	}
}

static __always_inline void call_ends(struct pt_regs *regs, __u64 cookie)
{
	struct survivor_thread *t = thread_of(false);
	enum wire_alloc_kind kind = kind_of(cookie);
	__u64 address = regs->rax;
	bool failed;

	if (!t || !t->sp || regs->rsp != t->sp + 8 || t->function != (__u8)cookie || t->window != kept_window)
		return;
	t->sp = 0;
	failed = has_failed(regs, cookie, t->size);
	if (kind == WIRE_ALLOC_REALLOC)
		realloc_ends(t, failed);
	if (failed)
		return;
	if (kind == WIRE_ALLOC_POSIX_MEMALIGN && bpf_probe_read_user(&address, sizeof(address), (void *)t->block))
		return;
	take(regs, t, address, cookie);
}

/* One hit in LOOK_MASK + 1 stands for the time that all take; by the clock, which is as good as random here. */
static __always_inline void time_add(struct wire_alloc_stats *s, __u64 start_ns)
{
	if (start_ns)
		shared_add(&s->sum_ns, (bpf_ktime_get_ns() - start_ns) * (LOOK_MASK + 1));
}

static __always_inline __u64 time_begin(void)
{
	return bpf_get_prandom_u32() & LOOK_MASK ? 0 : bpf_ktime_get_ns();
}

static __always_inline bool hit_entry(struct pt_regs *regs, __u64 cookie)
{
	struct wire_alloc_stats *s = stats_of(cookie);
	__u64 start_ns = time_begin();
	bool wanted = call_begins(regs, cookie);

	if (s) {
		shared_add(&s->calls, 1);
		time_add(s, start_ns);
	}
	return wanted;
}

static __always_inline void hit_return(struct pt_regs *regs, __u64 cookie)
{
	struct wire_alloc_stats *s = stats_of(cookie);
	__u64 start_ns = time_begin();

	call_ends(regs, cookie);
	if (s) {
		shared_add(&s->returns, 1);
		time_add(s, start_ns);
	}
}

/* As toll_alloc_session. */
SEC("?uprobe")
int toll_survivor_session(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);

	if (ctx->rip == bpf_get_func_ip(ctx))
		return !hit_entry(ctx, cookie);
	hit_return(ctx, cookie);
	return 0;
}

SEC("?uprobe")
int toll_survivor_enter(struct pt_regs *ctx)
{
	hit_entry(ctx, bpf_get_attach_cookie(ctx));
	return 0;
}

SEC("?uretprobe")
int toll_survivor_leave(struct pt_regs *ctx)
{
	hit_return(ctx, bpf_get_attach_cookie(ctx));
	return 0;
}

char LICENSE[] SEC("license") __weak = "GPL";
