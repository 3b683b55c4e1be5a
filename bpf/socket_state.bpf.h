/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What we keep of a watched socket and where, and how marks become turns. All marks of a socket are taken under its lock (tcp_probe,
 * sk_data_ready, tcp_rcv_space_adjust) or by whoever transmits with it (net_dev_queue), so one writer at a time changes the state; only
 * the flush iterator reads beside it, guarded by `generation`.
 */
#ifndef TOLL_SOCKET_STATE_BPF_H
#define TOLL_SOCKET_STATE_BPF_H

#include "bpf/alloc_state.bpf.h"
#include "bpf/target.bpf.h"

/*
 * The first cache line decides whether an event is a mark, the next three hold a turn of one mark a lane (the kernel puts 8 bytes of its
 * own before them): the order is measured.
 */
struct sock_state {
	__u32 generation; /* odd while a mark is being taken */
	__u32 in_base; /* sequence number of position 0 */
	__u32 out_base;
	__u32 marks_kept; /* of the open turn */
	__u64 pos[WIRE_LANES]; /* after the last mark of each lane */
	__u32 turns_flushed; /* turns below this number have been sent by the flush iterator */
	__u32 flushed; /* generation that it has sent */
	__u8 turns_kept; /* turns that wait in `turns`: those before the open one */
	__u8 conn_flags;
	__u8 listen_full; /* CLIENT: the listener's accept queue was full when we knocked */
	__u8 reserved0;
	__u32 retransmits_total;
	struct wire_turn open; /* the turn that is open, as it will be sent (turn_tidy()): role, side and cookie stay */
	__u64 syn_ns;
	__u32 connect_tgid;
	__u32 reserved1;
	/* what waits to be sent: turns that have ended, or marks of the open one */
	union {
		struct wire_turns turns;
		struct wire_marks marks;
	};
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE); /* accepted sockets inherit the listener's entry */
	__type(key, int);
	__type(value, struct sock_state);
} sockets SEC(".maps") __weak;

/*
 * Where socket storage is refused to tracing programs (before 5.11: 8e4597c627fb): a hash by the socket's address, cleaned at its close. Set
 * before load, so that the verifier takes the way out that is not taken. The other map is not made.
 */
const volatile bool sockets_in_hash SEC(".rodata") __weak = false;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 18);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct sock_state);
} sockets_hash SEC(".maps") __weak;
_Static_assert(sizeof(struct sock_state) <= ZEROES_BYTES, "a new entry of sockets_hash");

struct listener_key {
	__u32 netns;
	__u32 port;
};
struct listener {
	__u64 sk; /* address, read with bpf_probe_read_kernel only: the last that came */
	__u32 role;
	__u32 sockets; /* that listen there: several with SO_REUSEPORT */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct listener_key);
	__type(value, struct listener);
} listeners SEC(".maps") __weak;

/*
 * Of a full socket only. The pointer is looked at first: most sockets that pass a tracepoint are not watched, and a look-up that finds
 * nothing costs them as much as a mark costs a watched one.
 */
static __always_inline struct sock_state *sock_state_get(const struct sock *sk)
{
	if (sockets_in_hash) {
		__u64 key = (__u64)sk;

		return bpf_map_lookup_elem(&sockets_hash, &key);
	}
	if (bpf_core_field_exists(sk->sk_bpf_storage) && !sk->sk_bpf_storage)
		return NULL;
	return bpf_sk_storage_get(&sockets, (void *)sk, NULL, 0);
}

static __always_inline struct sock_state *sock_state_make(const struct sock *sk)
{
	struct sock_state *st;
	__u64 key = (__u64)sk;

	if (sockets_in_hash) {
		bpf_map_update_elem(&sockets_hash, &key, zeroes, BPF_NOEXIST);
		st = bpf_map_lookup_elem(&sockets_hash, &key);
	} else {
		st = bpf_sk_storage_get(&sockets, (void *)sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	}
	if (!st)
		count_add(WIRE_COUNT_STORAGE_REFUSED, 1);
	return st;
}

/* The kernel frees socket storage with its socket. */
static __always_inline void sock_state_drop(const struct sock *sk)
{
	__u64 key = (__u64)sk;

	if (sockets_in_hash)
		bpf_map_delete_elem(&sockets_hash, &key);
}

static __always_inline __u32 sock_netns(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

static __always_inline void listener_add(const struct sock *sk, __u32 role)
{
	struct listener_key key = {.netns = sock_netns(sk), .port = BPF_CORE_READ(sk, __sk_common.skc_num)};
	struct listener *l = bpf_map_lookup_elem(&listeners, &key), value = {.sk = (__u64)sk, .role = role, .sockets = 1};

	if (l)
		value.sockets = l->sockets + 1;
	if (bpf_map_update_elem(&listeners, &key, &value, BPF_ANY))
		count_add(WIRE_COUNT_STORAGE_REFUSED, 1);
}

static __always_inline void listener_remove(const struct sock *sk)
{
	struct listener_key key = {.netns = sock_netns(sk), .port = sk->__sk_common.skc_num};
	struct listener *l = bpf_map_lookup_elem(&listeners, &key);

	if (l && l->sockets > 1)
		l->sockets--;
	else
		bpf_map_delete_elem(&listeners, &key);
}

/*
 * Names a connection for its whole life. Ends of ours know it by the socket's cookie. Tracing programs may make cookies since 5.12
 * (c5dbb89fc2ac); beside the hash toll_cookie makes them before a connection is established, and a socket that it does not see (a
 * gateway in another cgroup) gets a number of our own, which no cookie reaches.
 */
#define CONN_ID_OWN (1ULL << 63)
static __always_inline __u64 sock_conn_id(const struct sock *sk, const struct sock_state *st)
{
	__u64 cookie;

	if (!sockets_in_hash)
		return bpf_get_socket_cookie((void *)sk);
	cookie = (__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	if (cookie)
		return cookie;
	return st->open.conn ? st->open.conn : ((__u64)bpf_get_prandom_u32() << 31 ^ bpf_ktime_get_ns()) | CONN_ID_OWN;
}

/* A 32-bit sequence number as a position, given a position known to be near it (within 2 GiB). */
static __always_inline __u64 position_of(__u32 base, __u64 near, __u32 seq)
{
	return near + (__u64)(__s64)(__s32)(seq - (base + (__u32)near));
}

static __always_inline bool turn_is_empty(const struct wire_turn *t)
{
	return !t->lane[WIRE_LANE_IN].count && !t->lane[WIRE_LANE_READ].count && !t->lane[WIRE_LANE_OUT].count;
}

/* How many turns wait to be sent: none that the flush iterator has sent. */
static __always_inline __u32 turns_waiting(const struct sock_state *st)
{
	return st->turns_flushed == st->open.turn ? 0 : st->turns_kept;
}

static __always_inline __u32 turns_fill(struct wire_turns *r, const struct wire_turn *open, __u32 count, __u64 now_ns)
{
	__u32 bytes = (__u32) __builtin_offsetof(struct wire_turns, brief) + count * (__u32)sizeof(struct wire_turn_brief);

	emit_header(&r->h, WIRE_KIND_TURNS, bytes, now_ns);
	r->conn = open->conn;
	r->turn = open->turn - count;
	r->count = (__u16)count;
	r->role = open->role;
	r->side = open->side;
	return bytes;
}

/* Sends the turns that wait. */
static __noinline int turns_send(struct sock_state *st, __u64 now_ns)
{
	__u32 count = turns_waiting(st);

	st->turns_kept = 0;
	if (!count || count > WIRE_TURNS_MAX)
		return 0;
	if (!emit_copy(&st->turns, turns_fill(&st->turns, &st->open, count, now_ns)))
		count_add(WIRE_COUNT_RING_FULL, count - 1);
	st->marks.count = 0; /* the same place */
	return 0;
}

/* Sends the marks that wait. */
static __noinline int marks_send(struct sock_state *st, __u64 now_ns)
{
	__u32 count = st->marks.count;
	__u32 bytes;

	if (!count || count > WIRE_MARKS_MAX)
		return 0;
	bytes = (__u32) __builtin_offsetof(struct wire_marks, mark) + count * (__u32)sizeof(struct wire_mark);
	st->marks.h.kind = WIRE_KIND_MARKS;
	st->marks.h.size = (__u16)bytes;
	st->marks.h.reserved = 0;
	st->marks.h.time_ns = now_ns;
	st->marks.conn = st->open.conn;
	st->marks.turn = st->open.turn;
	if (!emit_copy(&st->marks, bytes)) {
		st->open.marks_dropped += count;
		st->open.flags |= WIRE_TURN_MARKS_DROPPED;
	}
	st->marks.count = 0;
	return 0;
}

/* A lane that has no mark still holds what it had in the turn before. */
static __always_inline void turn_tidy(struct wire_turn *t)
{
	if (!t->lane[WIRE_LANE_IN].count)
		__builtin_memset(&t->lane[WIRE_LANE_IN], 0, sizeof(t->lane[0]));
	if (!t->lane[WIRE_LANE_READ].count) {
		__builtin_memset(&t->lane[WIRE_LANE_READ], 0, sizeof(t->lane[0]));
		__builtin_memset(&t->reader, 0, sizeof(t->reader));
	}
	if (!t->lane[WIRE_LANE_OUT].count) {
		__builtin_memset(&t->lane[WIRE_LANE_OUT], 0, sizeof(t->lane[0]));
		__builtin_memset(&t->sender, 0, sizeof(t->sender));
	}
}

/* A turn of many marks, or with flags or times of the allocator. */
static __noinline int turn_send_whole(struct sock_state *st, __u64 now_ns)
{
	turns_send(st, now_ns);
	if (st->marks.count)
		marks_send(st, now_ns);
	turn_tidy(&st->open);
	emit_header(&st->open.h, WIRE_KIND_TURN, sizeof(st->open), now_ns);
	emit_copy(&st->open, sizeof(st->open));
	st->open.flags = 0;
	st->open.marks_dropped = 0;
	st->marks_kept = 0;
	return 0;
}

static __always_inline void lane_brief(struct wire_turn_brief *b, const struct wire_turn *t, const enum wire_lane lane)
{
	bool seen = t->lane[lane].count;

	b->lane[lane].time_ns = seen ? t->lane[lane].first_ns : 0;
	b->lane[lane].start_pos = seen ? t->lane[lane].start_pos : 0;
	b->bytes[lane] = seen ? t->lane[lane].first_bytes : 0;
}

static __always_inline void turn_keep(struct sock_state *st, __u64 now_ns)
{
	const struct wire_turn *t = &st->open;
	__u32 at = turns_waiting(st);
	struct wire_turn_brief *b;

	if (at >= WIRE_TURNS_MAX)
		return;
	b = &st->turns.brief[at];
	lane_brief(b, t, WIRE_LANE_IN);
	lane_brief(b, t, WIRE_LANE_READ);
	lane_brief(b, t, WIRE_LANE_OUT);
	b->retransmits = t->retransmits;
	b->reader_tgid = t->lane[WIRE_LANE_READ].count ? t->reader.tgid : 0;
	b->reader_tid = t->lane[WIRE_LANE_READ].count ? t->reader.tid : 0;
	b->sender_tgid = t->lane[WIRE_LANE_OUT].count ? t->sender.tgid : 0;
	b->sender_tid = t->lane[WIRE_LANE_OUT].count ? t->sender.tid : 0;
	st->turns_kept = (__u8)(at + 1);
}

/* The open turn has ended; starts the next. */
static __noinline int turn_end(struct sock_state *st, __u64 now_ns)
{
	struct wire_turn *t = &st->open;

	if (st->marks_kept || t->flags || t->reader.alloc_ns || t->sender.alloc_ns)
		turn_send_whole(st, now_ns);
	else
		turn_keep(st, now_ns);
	t->turn++;
	t->lane[WIRE_LANE_IN].count = 0;
	t->lane[WIRE_LANE_READ].count = 0;
	t->lane[WIRE_LANE_OUT].count = 0;
	t->retransmits = 0;
	if (st->turns_kept == WIRE_TURNS_MAX)
		turns_send(st, now_ns);
	return 0;
}

/* A mark after the first of its lane. */
static __noinline int mark_keep(struct sock_state *st, __u64 now_ns, __u64 end, __u32 tid, __u32 lane_and_flags)
{
	__u32 at;

	if (st->turns_kept)
		turns_send(st, now_ns);
	at = st->marks.count;
	if (st->marks_kept >= WIRE_MARKS_PER_TURN) {
		count_add(WIRE_COUNT_MARKS_BOUND, 1);
		st->open.marks_dropped++;
		st->open.flags |= WIRE_TURN_MARKS_DROPPED;
		return 0;
	}
	if (at >= WIRE_MARKS_MAX)
		return 0;
	st->marks.mark[at].time_ns = now_ns;
	st->marks.mark[at].pos = end;
	st->marks.mark[at].tid = tid;
	st->marks.mark[at].lane = (__u8)lane_and_flags;
	st->marks.mark[at].flags = (__u8)(lane_and_flags >> 8);
	st->marks.mark[at].reserved0 = 0;
	st->marks_kept++;
	st->marks.count = at + 1;
	if (at + 1 == WIRE_MARKS_MAX)
		marks_send(st, now_ns);
	return 0;
}

/*
 * The bytes up to position `end` (past pos[lane], the caller has looked) were seen on this lane now, by thread `tid` (0: not known).
 * A new turn begins where the first direction speaks again after the second has spoken.
 */
static __always_inline void mark_take(struct sock_state *st, const enum wire_lane lane, __u64 end, __u64 now_ns, __u64 pid_tgid,
				      __u32 flags)
{
	struct wire_lane_span *span = &st->open.lane[lane];
	__u32 tid = (__u32)pid_tgid;

	*(volatile __u32 *)&st->generation = st->generation + 1;
	if (lane == WIRE_LANE_IN && st->open.side == WIRE_SIDE_SERVER && st->open.lane[WIRE_LANE_OUT].count)
		turn_end(st, now_ns);
	if (lane == WIRE_LANE_OUT && st->open.side == WIRE_SIDE_CLIENT && st->open.lane[WIRE_LANE_IN].count)
		turn_end(st, now_ns);
	if (!span->count) {
		span->first_ns = now_ns;
		span->start_pos = st->pos[lane];
		span->first_bytes = (__u32)(end - st->pos[lane]);
		if (lane == WIRE_LANE_READ) {
			st->open.reader.tid = tid;
			st->open.reader.tgid = (__u32)(pid_tgid >> 32);
			st->open.reader.alloc_ns = tid && st->open.role == WIRE_ROLE_GATEWAY ? alloc_ns_current() : 0;
		}
		if (lane == WIRE_LANE_OUT) {
			st->open.sender.tid = tid;
			st->open.sender.tgid = (__u32)(pid_tgid >> 32);
			st->open.sender.alloc_ns = tid && st->open.role == WIRE_ROLE_GATEWAY ? alloc_ns_current() : 0;
		}
	} else {
		if (tid)
			flags |= WIRE_MARK_THREAD;
		mark_keep(st, now_ns, end, tid, lane | flags << 8);
	}
	span->last_ns = now_ns;
	span->end_pos = end;
	span->count++;
	st->pos[lane] = end;
	*(volatile __u32 *)&st->generation = st->generation + 1;
}

/* By helper: the iterator may know a socket's address only. */
static __always_inline void sock_addresses(const struct sock *sk, __u8 local[16], __u8 peer[16])
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == KERNEL_AF_INET6) {
		BPF_CORE_READ_INTO((struct in6_addr *)local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)peer, sk, __sk_common.skc_v6_daddr);
		return;
	}
	__builtin_memset(local, 0, 10);
	__builtin_memset(peer, 0, 10);
	local[10] = local[11] = peer[10] = peer[11] = 0xff;
	*(__be32 *)(local + 12) = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	*(__be32 *)(peer + 12) = BPF_CORE_READ(sk, __sk_common.skc_daddr);
}

static __always_inline void conn_send(const struct sock *sk, struct sock_state *st, __u64 now_ns, __u64 established_ns)
{
	struct wire_conn *c = emit_reserve(WIRE_KIND_CONN, sizeof(*c), now_ns);

	if (!c)
		return;
	c->conn = st->open.conn;
	c->role = st->open.role;
	c->side = st->open.side;
	c->flags = st->conn_flags;
	c->reserved0 = 0;
	c->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	c->peer_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	sock_addresses(sk, c->local_addr, c->peer_addr);
	c->netns = sock_netns(sk);
	c->tgid = st->connect_tgid;
	c->syn_ns = st->syn_ns;
	c->established_ns = established_ns;
	c->in_pos = st->pos[WIRE_LANE_IN];
	c->out_pos = st->pos[WIRE_LANE_OUT];
	emit_submit(c);
}

#endif
