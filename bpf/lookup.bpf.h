/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Name look-ups of gateway threads: a datagram to port 53 that leaves in the thread's own context, until the next one that becomes readable
 * on the same socket; several that are under way (A and AAAA) are answered in order. Connected or not, IPv4 or IPv6: the header tells.
 * Called where the socket marks are taken: a tracepoint of its own would cost every segment.
 */
#ifndef TOLL_LOOKUP_BPF_H
#define TOLL_LOOKUP_BPF_H

#include "bpf/thread_state.bpf.h"

#define LOOKUP_PORT 53
#define LOOKUPS_MAX 4 /* under way on one socket; a power of two */
/* Resolvers ask again after a second at the earliest, mostly on another socket: what is older then has no answer. */
#define LOOKUP_RETRY_NS 900000000ULL

const volatile bool lookups_on __weak = false;
const volatile bool lookups_answers __weak = false; /* sk_data_ready exists */

struct lookup_state {
	__u32 tgid, tid; /* of the last query */
	__u32 asked, answered; /* counted from the socket's first */
	__u64 start_ns[LOOKUPS_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct lookup_state);
} lookups SEC(".maps") __weak;

/* Threads that wait for an answer: tid -> when they asked. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} lookups_open SEC(".maps") __weak;

static __always_inline void lookup_send(__u32 tgid, __u32 tid, __u64 start_ns, __u64 end_ns)
{
	struct wire_lookup *l = emit_reserve(WIRE_KIND_LOOKUP, sizeof(*l), end_ns ? end_ns : bpf_ktime_get_ns());

	if (!l)
		return;
	l->tgid = tgid;
	l->tid = tid;
	l->start_ns = start_ns;
	l->end_ns = end_ns;
	emit_submit(l);
}

/* The thread ends and had no answer yet. */
static __always_inline void lookup_gives_up(const struct thread_state *t)
{
	__u32 tid = t->tid;
	__u64 *asked = lookups_on ? bpf_map_lookup_elem(&lookups_open, &tid) : NULL;

	if (!asked)
		return;
	lookup_send(t->tgid, tid, *asked, 0);
	bpf_map_delete_elem(&lookups_open, &tid);
}

static __always_inline void lookup_open(const struct thread_state *t, __u64 now_ns)
{
	__u32 tid = t->tid;
	__u64 *before = bpf_map_lookup_elem(&lookups_open, &tid);

	if (before && now_ns - *before > LOOKUP_RETRY_NS) {
		lookup_send(t->tgid, tid, *before, 0);
		*before = now_ns;
	} else if (!before) {
		bpf_map_update_elem(&lookups_open, &tid, &now_ns, BPF_ANY);
	}
}

static __always_inline void lookup_asks(struct sock *sk, struct sk_buff *skb)
{
	struct thread_state *t = thread_state_current();
	struct lookup_state *l;
	__u64 now_ns;
	__be16 port = 0;

	if (!t || t->role != WIRE_ROLE_GATEWAY)
		return;
	bpf_probe_read_kernel(&port, sizeof(port), skb->head + skb->transport_header + 2);
	if (port != bpf_htons(LOOKUP_PORT))
		return;
	now_ns = bpf_ktime_get_ns();
	if (!lookups_answers) {
		lookup_send(t->tgid, t->tid, now_ns, 0);
		return;
	}
	l = bpf_sk_storage_get(&lookups, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!l) {
		count_add(WIRE_COUNT_STORAGE_REFUSED, 1);
		return;
	}
	l->tgid = t->tgid;
	l->tid = t->tid;
	if (l->asked - l->answered >= LOOKUPS_MAX) {
		lookup_send(l->tgid, l->tid, l->start_ns[l->answered % LOOKUPS_MAX], 0);
		l->answered++;
	}
	l->start_ns[l->asked % LOOKUPS_MAX] = now_ns;
	l->asked++;
	lookup_open(t, now_ns);
}

static __always_inline void lookup_answered(struct sock *sk)
{
	struct lookup_state *l = bpf_sk_storage_get(&lookups, sk, NULL, 0);
	__u32 tid;

	if (!l || l->asked == l->answered)
		return;
	tid = l->tid;
	bpf_map_delete_elem(&lookups_open, &tid);
	lookup_send(l->tgid, tid, l->start_ns[l->answered % LOOKUPS_MAX], bpf_ktime_get_ns());
	l->answered++;
}

#endif
