/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stacks of gateway threads, each sent once. A stack is known by its key. Where the code keeps frame pointers the key is made of the
 * frames; elsewhere of the words of the stack's top that lie in executable text, which costs a tenth of a walk: the return addresses are
 * among them, and the same call path leaves the same ones. Only a new key pays for registers and a copy.
 */
#ifndef TOLL_STACK_BPF_H
#define TOLL_STACK_BPF_H

#include "bpf/emit.bpf.h"

#define TEXTS_MAX 1024
#define STACK_KEYS_MAX 16384
#define STACK_WORDS 64
#define STACK_PAGE 4096
#define KEY_SEED 0x9e3779b97f4a7c15ULL
#define KEY_BLOCKED 0x100000000ULL /* of a wait, not of a sample */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEXTS_MAX);
	__type(key, __u32); /* tgid */
	__type(value, struct wire_text);
} texts SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STACK_KEYS_MAX);
	__type(key, __u64);
	__type(value, __u32);
} stack_keys SEC(".maps") __weak;

/* Where reading a thread's stack once failed: its top. Reading past it costs a fault (1.3 us) each time. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* tid */
	__type(value, __u64);
} stack_tops SEC(".maps") __weak;

struct stack_scratch {
	__u64 word[STACK_WORDS];
	__u64 user[WIRE_STACK_FRAMES_MAX + 1];
	__u64 kernel[WIRE_STACK_FRAMES_MAX + 1];
	__u64 window_ns; /* waits whose stack was taken since then: see stack_of_block() */
	__u32 taken;
	__u32 reserved0;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_scratch);
} stack_scratch SEC(".maps") __weak;

/* As reserved in the ring: what is not used is cut off by the record's size. The last page is never filled: see stack_copy(). */
#define STACK_RECORD_BYTES                                                                                                       \
	(sizeof(struct wire_stack) + 2 * WIRE_STACK_FRAMES_MAX * sizeof(__u64) + WIRE_STACK_COPY_MAX + STACK_PAGE)

/* What one stack is made of while it is taken. */
struct stack_take {
	struct stack_scratch *scratch;
	struct wire_text *text;
	__u64 ip, sp, bp;
	__u32 tid, tgid;
	__u32 kernel_frames, user_frames;
};

static __always_inline __u64 key_mix(__u64 key, __u64 word)
{
	key = (key ^ word) * 0xff51afd7ed558ccdULL;
	return key ^ (key >> 32);
}

static __always_inline bool is_text(const struct wire_text *text, __u64 word)
{
	if (word < text->range[0].start || (word >= text->gap_start && word < text->gap_end))
		return false;
	for (int i = 0; i < WIRE_TEXT_RANGES_MAX && i < text->ranges; i++)
		if (word < text->range[i].end)
			return word >= text->range[i].start;
	return false;
}

static __always_inline __u32 page_left(__u64 address)
{
	return STACK_PAGE - ((__u32)address & (STACK_PAGE - 1));
}

/* The top of the stack: words that lie in text, in order. */
static __always_inline __u64 key_of_words(const struct stack_take *t, __u64 key)
{
	__u64 *word = t->scratch->word;
	__u32 bytes = sizeof(t->scratch->word), left = page_left(t->sp);

	if (bpf_probe_read_user(word, sizeof(t->scratch->word), (void *)t->sp)) {
		if (left >= sizeof(t->scratch->word))
			return key;
		bytes = left & (sizeof(t->scratch->word) - sizeof(__u64));
		verifier_sees(bytes);
		if (bpf_probe_read_user(word, bytes, (void *)t->sp))
			return key;
	}
	for (int i = 0; i < STACK_WORDS; i++) {
		if (i >= bytes / sizeof(__u64))
			break;
		if (is_text(t->text, word[i]))
			key = key_mix(key, word[i]);
	}
	return key;
}

static __always_inline __u64 key_of_frames(const __u64 *frame, __u32 frames, __u64 key)
{
	for (int i = 0; i < WIRE_STACK_FRAMES_MAX; i++) {
		if (i >= frames)
			break;
		key = key_mix(key, frame[i]);
	}
	return key;
}

static __always_inline __u32 frames_of(long bytes)
{
	return bytes > 0 && bytes <= WIRE_STACK_FRAMES_MAX * sizeof(__u64) ? (__u32)bytes / sizeof(__u64) : 0;
}

/* Page by page from sp on, at most up to where a read of this thread has failed before; returns bytes. */
static __always_inline __u32 stack_copy(const struct stack_take *t, __u8 *to)
{
	__u64 *known = bpf_map_lookup_elem(&stack_tops, &t->tid);
	__u64 top = known && *known > t->sp ? *known : t->sp + WIRE_STACK_COPY_MAX;
	__u32 copied = 0;

	for (int i = 0; i <= WIRE_STACK_COPY_MAX / STACK_PAGE; i++) {
		__u64 from = t->sp + copied;
		__u32 bytes = page_left(from);

		if (copied > WIRE_STACK_COPY_MAX - 1 || from >= top)
			break;
		if (bytes > STACK_PAGE)
			break; /* never: for the verifier */
		if (bpf_probe_read_user(to + copied, bytes, (void *)from)) {
			bpf_map_update_elem(&stack_tops, &t->tid, &from, BPF_ANY);
			break;
		}
		copied += bytes;
	}
	return copied < WIRE_STACK_COPY_MAX ? copied : WIRE_STACK_COPY_MAX;
}

static __always_inline void stack_fill(struct wire_stack *r, const struct stack_take *t, __u64 key)
{
	__u32 kernel = t->kernel_frames, user = t->user_frames, copied;
	__u8 *behind = (__u8 *)r + sizeof(*r);

	/* no change: for the verifier, which does not follow what clang 19 makes of a comparison */
	_Static_assert((WIRE_STACK_FRAMES_MAX & (WIRE_STACK_FRAMES_MAX + 1)) == 0, "a mask");
	verifier_sees(kernel);
	verifier_sees(user);
	kernel &= WIRE_STACK_FRAMES_MAX;
	user &= WIRE_STACK_FRAMES_MAX;
	r->stack = key;
	r->tgid = t->tgid;
	r->kernel_frames = (__u16)kernel;
	r->user_frames = (__u16)user;
	r->ip = t->ip;
	r->sp = t->sp;
	r->bp = t->bp;
	r->reserved0 = 0;
	bpf_probe_read_kernel(behind, kernel * sizeof(__u64), t->scratch->kernel);
	bpf_probe_read_kernel(behind + kernel * sizeof(__u64), user * sizeof(__u64), t->scratch->user);
	copied = stack_copy(t, behind + (kernel + user) * sizeof(__u64));
	r->copied_bytes = copied;
	r->h.size = (__u16)(sizeof(*r) + (kernel + user) * sizeof(__u64) + copied);
}

/* The key, after its record was sent if it is new; 0 (counted): could not be kept. */
static __always_inline __u64 stack_send(const struct stack_take *t, __u64 key)
{
	struct wire_stack *r;
	__u32 one = 1;
	long rc;

	if (!key)
		key = 1;
	rc = bpf_map_update_elem(&stack_keys, &key, &one, BPF_NOEXIST);
	if (rc == -17) /* EEXIST: another CPU has just sent it */
		return key;
	if (rc) {
		count_add(WIRE_COUNT_STACKS_LOST, 1);
		return 0;
	}
	r = emit_reserve(WIRE_KIND_STACK, STACK_RECORD_BYTES, bpf_ktime_get_ns());
	if (!r) {
		bpf_map_delete_elem(&stack_keys, &key);
		count_add(WIRE_COUNT_STACKS_LOST, 1);
		return 0;
	}
	stack_fill(r, t, key);
	emit_submit(r);
	return key;
}

/* User registers of the current thread, and whose text it is; false: not known, no stack. */
static __always_inline bool stack_begin(struct stack_take *t)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct user_registers regs;
	__u32 zero = 0;

	t->tid = (__u32)pid_tgid;
	t->tgid = (__u32)(pid_tgid >> 32);
	t->scratch = bpf_map_lookup_elem(&stack_scratch, &zero);
	t->text = bpf_map_lookup_elem(&texts, &t->tgid);
	if (!t->scratch || !t->text) {
		count_add(WIRE_COUNT_STACKS_LOST, 1);
		return false;
	}
	current_registers(&regs);
	t->ip = regs.ip;
	t->sp = regs.sp;
	t->bp = regs.bp;
	t->kernel_frames = t->user_frames = 0;
	return true;
}

/*
 * Functions begin on 16 bytes, so an address cut to that tells two functions apart that leave the same return addresses, without
 * making each instruction a stack of its own.
 */
static __always_inline __u64 key_of_user(void *ctx, struct stack_take *t)
{
	__u64 key = key_mix(key_mix(KEY_SEED, t->tgid), t->ip >> 4);
	__u64 *frame = t->scratch->user;

	if (!t->text->frame_pointers)
		return key_of_words(t, key);
	t->user_frames = frames_of(bpf_get_stack(ctx, frame, WIRE_STACK_FRAMES_MAX * sizeof(__u64), BPF_F_USER_STACK));
	/* frame 0 is the exact address: in the key it stands as cut above */
	return t->user_frames > 1 ? key_of_frames(frame + 1, t->user_frames - 1, key) : key;
}

static __always_inline void kernel_frames_take(void *ctx, struct stack_take *t)
{
	t->kernel_frames = frames_of(bpf_get_stack(ctx, t->scratch->kernel, WIRE_STACK_FRAMES_MAX * sizeof(__u64), 0));
}

/* --- where a thread blocks --------------------------------------------------------------------------------------------------- */

/* At most this many stacks of waits, per CPU: at 0.5 us each a thousandth of its time. */
#define BLOCK_WINDOW_NS 10000000ULL
#define BLOCKS_PER_WINDOW 20

/* Parked until something comes: where, is the same for all requests and none's cost. */
static __always_inline bool call_parks(__u16 nr)
{
	switch (nr) {
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
	case __NR_epoll_pwait2:
	case __NR_poll:
	case __NR_ppoll:
	case __NR_select:
	case __NR_pselect6:
	case __NR_accept:
	case __NR_accept4:
	case __NR_io_uring_enter:
	case __NR_wait4:
	case __NR_waitid:
	case __NR_rt_sigsuspend:
	case __NR_rt_sigtimedwait:
		return true;
	default:
		return false;
	}
}

static __always_inline bool block_is_told(struct stack_scratch *s, __u64 now_ns)
{
	if (now_ns - s->window_ns >= BLOCK_WINDOW_NS) {
		s->window_ns = now_ns;
		s->taken = 0;
	}
	if (s->taken >= BLOCKS_PER_WINDOW)
		return false;
	s->taken++;
	return true;
}

/*
 * Where the current thread, just leaving its CPU, waits: key of its stack; 0: parked, not taken. The kernel's frames go with the call, so
 * only a new key pays for them.
 */
static __always_inline __u64 stack_of_block(void *ctx, __u16 nr, __u64 now_ns)
{
	struct stack_take t;
	__u32 zero = 0;
	__u64 key;

	t.scratch = bpf_map_lookup_elem(&stack_scratch, &zero);
	if (call_parks(nr) || !t.scratch || !block_is_told(t.scratch, now_ns) || !stack_begin(&t))
		return 0;
	key = key_mix(key_of_user(ctx, &t), nr | KEY_BLOCKED);
	if (bpf_map_lookup_elem(&stack_keys, &key))
		return key;
	kernel_frames_take(ctx, &t);
	return stack_send(&t, key);
}

#endif
