// SPDX-License-Identifier: GPL-2.0-only
/* Turns, connects, accepts, closes: the marks of DESIGN section 1, from TCP tracepoints that are the same on every kernel. */
#include "bpf/lookup.bpf.h"
#include "bpf/socket_state.bpf.h"

static __always_inline bool state_is_open(const struct sock_state *st)
{
	return st && (st->open.side == WIRE_SIDE_SERVER || st->open.side == WIRE_SIDE_CLIENT);
}

/* Direct loads from a header where the kernel has bpf_rdonly_cast() (6.2); a copy by helper costs a mark a third more. */
const volatile bool can_cast = false;
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

/* Sequence number and bytes of the TCP header at `at`. */
static __always_inline bool tcp_head_read(const unsigned char *at, __u32 *seq, __u32 *head_bytes)
{
	const struct tcp_head *direct;
	struct tcp_head th;

	if (can_cast) {
		direct = bpf_rdonly_cast(at, bpf_core_type_id_kernel(struct tcphdr));
		*seq = bpf_ntohl(direct->seq);
		*head_bytes = (__u32)(direct->doff_res >> 4) * 4;
		return true;
	}
	if (bpf_probe_read_kernel(&th, sizeof(th), at))
		return false;
	*seq = bpf_ntohl(th.seq);
	*head_bytes = (__u32)(th.doff_res >> 4) * 4;
	return true;
}

static __always_inline struct tcp_sock *tcp_sock_of(struct sock *sk)
{
	/* sockets with a state of ours are TCP */
	return can_cast ? bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock)) : bpf_skc_to_tcp_sock(sk);
}

/*
 * When TCP took in hand what it is sending or receiving: its own reading of the clock, made once for each segment that comes, before it
 * looks at the data (tcp_rcv_established(), tcp_rcv_state_process()), and once when it begins to send what is queued (tcp_write_xmit()):
 * 1.1 us before net_dev_queue, 1.3 us before sk_data_ready, as tcp_probe. Another reading costs a mark a third more.
 */
static __always_inline __u64 tcp_stamp_ns(const struct sock *sk)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;

	if (!bpf_core_field_exists(tp->tcp_clock_cache))
		return bpf_ktime_get_ns();
	/* by helper: a socket that was reached through a segment may not be cast by one (6.4+) */
	if (!can_cast)
		return BPF_CORE_READ(tp, tcp_clock_cache);
	tp = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock));
	return tp->tcp_clock_cache;
}

/* OUT: a segment with new data goes to the device. It repeats for retransmits and for every device on the path: only new bytes count. */
SEC("tp_btf/net_dev_queue")
int BPF_PROG(toll_leaves, struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	struct sock_state *st;
	__u32 transport, payload, head_bytes, seq;
	__u64 end;

	if (!sk)
		return 0;
	/* Request and timewait minisocks are shorter than a sock: only sock_common may be looked at. */
	if (sk->__sk_common.skc_state == KERNEL_TCP_TIME_WAIT || sk->__sk_common.skc_state == KERNEL_TCP_NEW_SYN_RECV)
		return 0;
	st = sock_state_get(sk);
	if (!state_is_open(st)) {
		if (lookups_on && sk->sk_protocol == KERNEL_IPPROTO_UDP)
			lookup_asks(sk, skb);
		return 0;
	}
	transport = skb->transport_header;
	if (!tcp_head_read(skb->head + transport, &seq, &head_bytes))
		return 0;
	head_bytes += transport - (__u32)(skb->data - skb->head);
	if (skb->len <= head_bytes)
		return 0;
	payload = skb->len - head_bytes;
	end = position_of(st->out_base, st->pos[WIRE_LANE_OUT], seq + payload);
	if ((__s64)(end - st->pos[WIRE_LANE_OUT]) <= 0)
		return 0;
	mark_take(st, WIRE_LANE_OUT, end, tcp_stamp_ns(sk), sock_is_owned(sk) ? bpf_get_current_pid_tgid() : 0, 0);
	return 0;
}

/*
 * IN (6.3+): the process is told that there is something to read, 1.3 us after tcp_probe. Data that came with the handshake's last ACK,
 * after half-close or that filled a hole passes here too. The reader needs the socket's lock, which is held until after this: never before
 * its read. A socket that waits for more than one byte (SO_RCVLOWAT) is told late; if its read comes first, the read tells.
 * rcv_nxt counts a FIN as one byte.
 */
SEC("?tp_btf/sk_data_ready")
int BPF_PROG(toll_data_ready, struct sock *sk)
{
	struct sock_state *st = sock_state_get(sk);
	struct tcp_sock *tp;
	__u32 next;
	__u64 end;

	if (!state_is_open(st)) {
		if (lookups_answers && sk->sk_protocol == KERNEL_IPPROTO_UDP && sk->sk_bpf_storage)
			lookup_answered(sk);
		return 0;
	}
	tp = tcp_sock_of(sk);
	if (!tp)
		return 0;
	next = tp->rcv_nxt;
	if (tcp_fin_received(sk->__sk_common.skc_state))
		next--;
	end = position_of(st->in_base, st->pos[WIRE_LANE_IN], next);
	if ((__s64)(end - st->pos[WIRE_LANE_IN]) <= 0)
		return 0;
	mark_take(st, WIRE_LANE_IN, end, tcp_stamp_ns(sk), 0, 0);
	return 0;
}

/* IN, before 6.3: a segment reaches an established socket; readable right after if it is in order. */
SEC("?tp_btf/tcp_probe")
int BPF_PROG(toll_readable, struct sock *sk, struct sk_buff *skb)
{
	struct sock_state *st = sock_state_get(sk);
	__u32 seq, head_bytes;
	__u64 start, end;

	if (!state_is_open(st) || !tcp_head_read(skb->data, &seq, &head_bytes) || skb->len <= head_bytes)
		return 0;
	start = position_of(st->in_base, st->pos[WIRE_LANE_IN], seq);
	end = start + skb->len - head_bytes;
	/* Out of order: not readable yet; the read will tell. */
	if ((__s64)(start - st->pos[WIRE_LANE_IN]) > 0 || (__s64)(end - st->pos[WIRE_LANE_IN]) <= 0)
		return 0;
	mark_take(st, WIRE_LANE_IN, end, bpf_ktime_get_ns(), 0, 0);
	return 0;
}

/* What is rare stands apart: the programs that take marks are short, for the gateway's thread seldom finds them in its CPU's cache. */
static __noinline int peek_count(void)
{
	count_add(WIRE_COUNT_PEEKS, 1);
	return 0;
}

/* Bytes were read whose arrival nothing told. */
static __noinline int in_infer(struct sock_state *st, __u64 end, __u64 now_ns)
{
	count_add(WIRE_COUNT_IN_INFERRED, 1);
	mark_take(st, WIRE_LANE_IN, end, now_ns, 0, WIRE_MARK_INFERRED);
	return 0;
}

/* READ: fires for MSG_PEEK and an empty splice too, so only a copied_seq that advanced counts. At our own ends it serves the self-check. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(toll_read, struct sock *sk)
{
	struct sock_state *st = sock_state_get(sk);
	struct tcp_sock *tp;
	__u64 end, now_ns;
	__u32 copied;

	if (!state_is_open(st))
		return 0;
	tp = tcp_sock_of(sk);
	if (!tp)
		return 0;
	copied = tp->copied_seq;
	end = position_of(st->in_base, st->pos[WIRE_LANE_READ], copied);
	if ((__s64)(end - st->pos[WIRE_LANE_READ]) <= 0)
		return peek_count();
	now_ns = bpf_ktime_get_ns();
	if ((__s64)(end - st->pos[WIRE_LANE_IN]) > 0) {
		if (tcp_fin_received(sk->__sk_common.skc_state) && end == st->pos[WIRE_LANE_IN] + 1)
			return 0;
		in_infer(st, end, now_ns);
	}
	mark_take(st, WIRE_LANE_READ, end, now_ns, bpf_get_current_pid_tgid(), 0);
	return 0;
}

/* Is the accept queue full of the listener that this client socket knocks at? (sk_acceptq_is_full(), include/net/sock.h) */
static __always_inline bool listener_is_full(const struct sock *sk)
{
	struct listener_key key = {.netns = sock_netns(sk), .port = bpf_ntohs(sk->__sk_common.skc_dport)};
	struct listener *l = bpf_map_lookup_elem(&listeners, &key);
	struct sock *listening;

	if (!l)
		return false;
	listening = (struct sock *)l->sk;
	return BPF_CORE_READ(listening, sk_ack_backlog) > BPF_CORE_READ(listening, sk_max_ack_backlog);
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(toll_retransmit, const struct sock *sk)
{
	struct sock_state *st;

	if (sk->__sk_common.skc_state == KERNEL_TCP_TIME_WAIT || sk->__sk_common.skc_state == KERNEL_TCP_NEW_SYN_RECV)
		return 0;
	st = sock_state_get(sk);
	if (!state_is_open(st))
		return 0;
	st->open.retransmits++;
	st->retransmits_total++;
	count_add(WIRE_COUNT_RETRANSMITS, 1);
	if (st->open.side != WIRE_SIDE_CLIENT || st->open.turn)
		return 0;
	if (!st->listen_full && !listener_is_full(sk))
		return 0;
	count_add(WIRE_COUNT_LISTEN_FULL, 1);
	if (sk->__sk_common.skc_state == KERNEL_TCP_SYN_SENT)
		st->conn_flags |= WIRE_CONN_LISTEN_FULL;
	else
		st->open.flags |= WIRE_TURN_LISTEN_FULL;
	return 0;
}

static __always_inline void on_syn_sent(const struct sock *sk, __u64 now_ns)
{
	__u32 role = target_role_current();
	struct sock_state *st;

	if (role == WIRE_ROLE_NONE)
		return;
	st = sock_state_make(sk);
	if (!st)
		return;
	__builtin_memset(st, 0, sizeof(*st)); /* a socket may connect again after it failed */
	st->open.conn = sock_conn_id(sk, st);
	st->open.role = (__u8)role;
	st->open.side = WIRE_SIDE_CLIENT;
	st->connect_tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	st->syn_ns = now_ns;
	st->listen_full = listener_is_full(sk);
}

static __always_inline void on_listen(const struct sock *sk)
{
	__u32 role = target_role_current();
	struct sock_state *st;

	if (role == WIRE_ROLE_NONE)
		return;
	st = sock_state_make(sk);
	if (!st)
		return;
	st->open.role = (__u8)role;
	st->open.side = WIRE_SIDE_LISTENER;
	listener_add(sk, role);
}

/* In the hash nothing is inherited: what socket storage does for a connection of a watched listener. */
static __always_inline struct sock_state *inherited(const struct sock *sk)
{
	struct listener_key key = {.netns = sock_netns(sk), .port = sk->__sk_common.skc_num};
	struct listener *l = bpf_map_lookup_elem(&listeners, &key);
	struct sock_state *st = l ? sock_state_make(sk) : NULL;

	if (!st)
		return NULL;
	st->open.role = (__u8)l->role;
	st->open.side = WIRE_SIDE_LISTENER;
	return st;
}

/*
 * At this moment the next byte to come and the next byte to go have position 0 (tcp_finish_connect, tcp_rcv_state_process). Its time is that
 * of the segment: data may have come with it.
 */
static __always_inline void on_established(const struct sock *sk, struct sock_state *st, __u64 now_ns)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);

	if (!tp)
		return;
	if (st->open.side == WIRE_SIDE_LISTENER) {
		st->open.side = WIRE_SIDE_SERVER;
	} else if (listener_is_full(sk)) {
		st->listen_full = 1;
	}
	st->open.conn = sock_conn_id(sk, st);
	st->in_base = tp->rcv_nxt;
	st->out_base = tp->write_seq;
	conn_send(sk, st, now_ns, tcp_stamp_ns(sk));
}

static __always_inline void close_send(struct sock_state *st, __u64 now_ns)
{
	struct wire_close *c;

	if (!turn_is_empty(&st->open))
		turn_end(st, now_ns);
	turns_send(st, now_ns);
	c = emit_reserve(WIRE_KIND_CLOSE, sizeof(*c), now_ns);
	if (!c)
		return;
	c->conn = st->open.conn;
	c->turns = st->open.turn;
	c->retransmits = st->retransmits_total;
	emit_submit(c);
}

static __always_inline void connect_failed_send(const struct sock *sk, struct sock_state *st, __u64 now_ns)
{
	struct wire_connect_failed *f = emit_reserve(WIRE_KIND_CONNECT_FAILED, sizeof(*f), now_ns);
	__u8 local[16];

	if (!f)
		return;
	f->conn = st->open.conn;
	f->role = st->open.role;
	f->reserved0 = 0;
	f->peer_port = bpf_ntohs(sk->__sk_common.skc_dport);
	f->err = (__u32)sk->sk_err;
	sock_addresses(sk, local, f->peer_addr);
	f->syn_ns = st->syn_ns;
	emit_submit(f);
}

static __always_inline void on_close(const struct sock *sk, struct sock_state *st, int oldstate, __u64 now_ns)
{
	*(volatile __u32 *)&st->generation = st->generation + 1;
	if (st->open.side == WIRE_SIDE_LISTENER) {
		if (oldstate == KERNEL_TCP_LISTEN)
			listener_remove(sk);
	} else if (oldstate == KERNEL_TCP_SYN_SENT) {
		connect_failed_send(sk, st, now_ns);
	} else if (st->open.side != WIRE_SIDE_NONE) {
		close_send(st, now_ns);
	}
	st->open.side = WIRE_SIDE_NONE;
	*(volatile __u32 *)&st->generation = st->generation + 1;
	sock_state_drop(sk);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(toll_state, const struct sock *sk, const int oldstate, const int newstate)
{
	struct sock_state *st;
	__u64 now_ns;

	if (sk->sk_protocol != KERNEL_IPPROTO_TCP)
		return 0;
	now_ns = bpf_ktime_get_ns();
	/* an address that is used again: nobody's state, whatever an iterator that met a dying socket may have left */
	if (oldstate == KERNEL_TCP_CLOSE || (oldstate == KERNEL_TCP_LISTEN && newstate == KERNEL_TCP_SYN_RECV))
		sock_state_drop(sk);
	if (newstate == KERNEL_TCP_SYN_SENT) {
		on_syn_sent(sk, now_ns);
		return 0;
	}
	if (newstate == KERNEL_TCP_LISTEN) {
		on_listen(sk);
		return 0;
	}
	if (sockets_in_hash && oldstate == KERNEL_TCP_LISTEN && newstate == KERNEL_TCP_SYN_RECV)
		st = inherited(sk);
	else
		st = sock_state_get(sk);
	if (!st)
		return 0;
	if (newstate == KERNEL_TCP_SYN_RECV)
		st->syn_ns = now_ns;
	else if (newstate == KERNEL_TCP_ESTABLISHED)
		on_established(sk, st, now_ns);
	else if (newstate == KERNEL_TCP_CLOSE)
		on_close(sk, st, oldstate, now_ns);
	return 0;
}

/* The gateway took a connection from its queue. */
static __always_inline int accept_send(const struct sock *accepted)
{
	struct wire_accept *a = emit_reserve(WIRE_KIND_ACCEPT, sizeof(*a), bpf_ktime_get_ns());
	__u64 pid_tgid = bpf_get_current_pid_tgid(), key = (__u64)accepted;
	struct sock_state *st;

	if (!a)
		return 0;
	/* made by bpf_get_socket_cookie() when the connection was established */
	a->conn = BPF_CORE_READ(accepted, __sk_common.skc_cookie.counter);
	if (sockets_in_hash && !a->conn) {
		st = bpf_map_lookup_elem(&sockets_hash, &key);
		a->conn = st ? st->open.conn : 0;
	}
	a->tgid = (__u32)(pid_tgid >> 32);
	a->tid = (__u32)pid_tgid;
	emit_submit(a);
	return 0;
}

static __always_inline bool is_watched_listener(const struct sock *listening)
{
	struct sock_state *st = sock_state_get(listening);

	return st && st->open.role == WIRE_ROLE_GATEWAY;
}

/*
 * Where fexit works (not on every kernel). The return value has another argument index on each series (inet_csk_accept took 4 arguments
 * until 6.9, 2 since 92ef0fd55ac8), hence bpf_get_func_ret (5.17: f92c1e183604).
 */
SEC("?fexit/inet_csk_accept")
int BPF_PROG(toll_accept, struct sock *listening)
{
	__u64 ret = 0;

	if (!is_watched_listener(listening) || bpf_get_func_ret(ctx, &ret) || !ret)
		return 0;
	return accept_send((struct sock *)ret);
}

SEC("?fexit/inet_csk_accept")
int BPF_PROG(toll_accept_by_argument, struct sock *listening, int flags, int *err, bool kern, struct sock *ret)
{
	if (!ret || !is_watched_listener(listening))
		return 0;
	return accept_send(ret);
}

/* Beside the hash, on the root of the cgroups: see sock_conn_id(). Called before a connection is established, on either side. */
SEC("?sockops")
int toll_cookie(struct bpf_sock_ops *ops)
{
	switch (ops->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		bpf_get_socket_cookie(ops);
	}
	return 1;
}

char LICENSE[] SEC("license") __weak = "GPL";
