// SPDX-License-Identifier: GPL-2.0-only
/* Iterators: what was open before we attached, and turns that are still open. */
#include "bpf/socket_state.bpf.h"

/* Which pass of the task_file iterator runs: listeners must be known before connections can be told apart. */
enum find_pass { FIND_LISTENERS = 0, FIND_CONNECTIONS = 1, FIND_OPERATIONS = 2 };
__u32 find_pass = FIND_LISTENERS;

/* Before 5.11 (4f19cab76136) no helper tells a file's socket: a file is one if its operations are those of a socket of the reader's own. */
const volatile bool find_by_operations = false;
__u32 find_own_fd = 0;
__u64 socket_operations = 0;

/* The flush iterator leaves turns alone that were touched later than this. */
__u64 flush_before_ns = 0;
__u64 found_listeners = 0;
__u64 found_connections = 0;
__u64 flushed_turns = 0;

#define PID_NUMBERS_LEVELS_MAX 32 /* MAX_PID_NS_LEVEL, include/linux/pid_namespace.h */

/* The task's tgid as the pid namespace of the reading process numbers it; 0: not visible there. */
static __always_inline __u32 tgid_for_reader(struct task_struct *task)
{
	struct task_struct *me = (struct task_struct *)bpf_get_current_task();
	struct pid *mine = BPF_CORE_READ(me, thread_pid);
	struct pid *its = BPF_CORE_READ(task, group_leader, thread_pid);
	unsigned int level = BPF_CORE_READ(mine, level);
	unsigned int offset;
	struct upid my_number = {}, number = {};

	if (level >= PID_NUMBERS_LEVELS_MAX || BPF_CORE_READ(its, level) < level)
		return 0;
	offset = level * (unsigned int)bpf_core_type_size(struct upid);
	bpf_probe_read_kernel(&my_number, sizeof(my_number), (char *)__builtin_preserve_access_index(&mine->numbers[0]) + offset);
	bpf_probe_read_kernel(&number, sizeof(number), (char *)__builtin_preserve_access_index(&its->numbers[0]) + offset);
	return number.ns == my_number.ns ? (__u32)number.nr : 0;
}

static __always_inline void find_listener(struct sock *sk, __u32 role)
{
	struct sock_state *st = sock_state_make(sk);

	if (!st)
		return;
	st->open.role = (__u8)role;
	if (st->open.side == WIRE_SIDE_LISTENER)
		return; /* several processes have it open, or we saw it being made */
	st->open.side = WIRE_SIDE_LISTENER;
	listener_add(sk, role);
	found_listeners++;
}

/* Positions of a live connection: counters and sequence numbers are read until they hold still. */
static __always_inline bool find_positions(const struct tcp_sock *tp, struct sock_state *st)
{
	__u64 received, sent;
	__u32 next, out;

	for (int i = 0; i < 8; i++) {
		next = BPF_CORE_READ(tp, rcv_nxt);
		out = BPF_CORE_READ(tp, snd_nxt);
		received = BPF_CORE_READ(tp, bytes_received);
		sent = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
		if (BPF_CORE_READ(tp, rcv_nxt) != next || BPF_CORE_READ(tp, snd_nxt) != out)
			continue;
		st->in_base = next - (__u32)received;
		st->out_base = out - (__u32)sent;
		st->pos[WIRE_LANE_IN] = received;
		st->pos[WIRE_LANE_READ] = received - (next - BPF_CORE_READ(tp, copied_seq));
		st->pos[WIRE_LANE_OUT] = sent;
		return true;
	}
	return false;
}

static __always_inline void find_connection(struct sock *sk, __u32 role)
{
	struct listener_key key = {.netns = sock_netns(sk), .port = BPF_CORE_READ(sk, __sk_common.skc_num)};
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;
	struct sock_state *st = sock_state_get(sk);

	if (st && (st->open.side == WIRE_SIDE_SERVER || st->open.side == WIRE_SIDE_CLIENT))
		return; /* we saw it being made */
	st = sock_state_make(sk);
	if (!st)
		return;
	if (!find_positions(tp, st))
		return;
	st->open.conn = sock_conn_id(sk, st);
	st->open.role = (__u8)role;
	st->conn_flags = WIRE_CONN_FOUND_OPEN;
	if (BPF_CORE_READ(tp, copied_seq) != BPF_CORE_READ(tp, rcv_nxt) ||
	    BPF_CORE_READ(tp, snd_una) != BPF_CORE_READ(tp, write_seq)) {
		st->conn_flags |= WIRE_CONN_MID_TURN;
		st->open.flags |= WIRE_TURN_MID;
	}
	/* last: from here on marks are taken */
	st->open.side = bpf_map_lookup_elem(&listeners, &key) ? WIRE_SIDE_SERVER : WIRE_SIDE_CLIENT;
	conn_send(sk, st, bpf_ktime_get_ns(), 0);
	found_connections++;
}

static __always_inline struct sock *sock_of_file(struct file *file)
{
	struct socket *socket;

	if (find_by_operations) {
		if ((__u64)file->f_op != socket_operations)
			return NULL;
		return BPF_CORE_READ((struct socket *)file->private_data, sk);
	}
	socket = bpf_sock_from_file(file);
	return socket ? socket->sk : NULL;
}

SEC("iter/task_file")
int toll_find(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk;
	__u32 pid, *role;
	unsigned short family;
	unsigned char state;

	if (!task || !file)
		return 0;
	if (find_pass == FIND_OPERATIONS) {
		if (ctx->fd == find_own_fd && (__u32)task->tgid == (__u32)(bpf_get_current_pid_tgid() >> 32))
			socket_operations = (__u64)file->f_op;
		return 0;
	}
	pid = tgid_for_reader(task);
	role = bpf_map_lookup_elem(&wanted, &pid);
	if (!role)
		return 0;
	if (find_pass == FIND_LISTENERS)
		target_add((__u32)task->tgid, *role);
	sk = sock_of_file(file);
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != KERNEL_IPPROTO_TCP)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family != KERNEL_AF_INET && family != KERNEL_AF_INET6)
		return 0;
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (find_pass == FIND_LISTENERS && state == KERNEL_TCP_LISTEN)
		find_listener(sk, *role);
	else if (find_pass == FIND_CONNECTIONS && (state == KERNEL_TCP_ESTABLISHED || state == KERNEL_TCP_CLOSE_WAIT))
		find_connection(sk, *role);
	return 0;
}

static __always_inline __u64 turn_last_ns(const struct wire_turn *t)
{
	__u64 last = t->lane[WIRE_LANE_IN].last_ns;

	if (t->lane[WIRE_LANE_READ].last_ns > last)
		last = t->lane[WIRE_LANE_READ].last_ns;
	if (t->lane[WIRE_LANE_OUT].last_ns > last)
		last = t->lane[WIRE_LANE_OUT].last_ns;
	return last;
}

static __always_inline bool snapshot_holds(const struct sock_state *st, __u32 generation)
{
	if (*(volatile __u32 *)&st->generation == generation)
		return true;
	count_add(WIRE_COUNT_SNAPSHOT_RACES, 1);
	return false;
}

/*
 * Turns that have ended and wait. Nobody sends them again: turns_flushed tells. A mark that comes between the last look at the generation
 * and that would send them twice, but the socket has been quiet for long.
 */
static __always_inline bool flush_turns(struct sock_state *st, __u32 generation)
{
	__u32 count = turns_waiting(st), number = st->open.turn;
	struct wire_turns *r;

	if (!count || count > WIRE_TURNS_MAX)
		return true;
	r = emit_reserve(WIRE_KIND_TURNS, sizeof(*r), bpf_ktime_get_ns());
	if (!r)
		return false;
	bpf_probe_read_kernel(r->brief, sizeof(r->brief), st->turns.brief);
	turns_fill(r, &st->open, count, r->h.time_ns);
	if (!snapshot_holds(st, generation)) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return false;
	}
	*(volatile __u32 *)&st->turns_flushed = number;
	emit_submit(r);
	return true;
}

/* A copy of the marks that wait; thrown away when a mark came in between. */
static __always_inline bool flush_marks(struct sock_state *st, __u32 generation)
{
	struct wire_marks *m;

	if (!st->marks.count)
		return true;
	m = emit_reserve(WIRE_KIND_MARKS, sizeof(*m), bpf_ktime_get_ns());
	if (!m)
		return false;
	bpf_probe_read_kernel(m->mark, sizeof(m->mark), st->marks.mark);
	m->conn = st->open.conn;
	m->turn = st->open.turn;
	m->count = st->marks.count;
	m->h.size = (__u16)(__builtin_offsetof(struct wire_marks, mark) + m->count * sizeof(struct wire_mark));
	if (!snapshot_holds(st, generation)) {
		bpf_ringbuf_discard(m, BPF_RB_NO_WAKEUP);
		return false;
	}
	emit_submit(m);
	return true;
}

static __always_inline void flush_turn(struct sock_state *st, __u32 generation)
{
	struct wire_turn *t = emit_reserve(WIRE_KIND_TURN, sizeof(*t), bpf_ktime_get_ns());

	if (!t)
		return;
	bpf_probe_read_kernel(&t->conn, sizeof(*t) - __builtin_offsetof(struct wire_turn, conn), &st->open.conn);
	turn_tidy(t);
	t->flags |= WIRE_TURN_STILL_OPEN;
	if (!snapshot_holds(st, generation)) {
		bpf_ringbuf_discard(t, BPF_RB_NO_WAKEUP);
		return;
	}
	emit_submit(t);
	st->flushed = generation;
	flushed_turns++;
}

static __always_inline int flush(struct sock_state *st)
{
	__u32 generation;

	if (!st || (st->open.side != WIRE_SIDE_SERVER && st->open.side != WIRE_SIDE_CLIENT))
		return 0;
	generation = *(volatile __u32 *)&st->generation;
	if ((generation & 1) || generation == st->flushed || turn_is_empty(&st->open) ||
	    turn_last_ns(&st->open) >= flush_before_ns)
		return 0;
	if (flush_turns(st, generation) && flush_marks(st, generation))
		flush_turn(st, generation);
	return 0;
}

SEC("?iter/bpf_sk_storage_map")
int toll_flush(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk; /* loaded once: 6.1 forgets the NULL check of a second load */

	return sk ? flush(sock_state_get(sk)) : 0;
}

SEC("?iter/bpf_map_elem")
int toll_flush_hash(struct bpf_iter__bpf_map_elem *ctx)
{
	__u64 *key = ctx->key, sk;

	if (!key)
		return 0;
	sk = *key;
	return flush(bpf_map_lookup_elem(&sockets_hash, &sk));
}

char LICENSE[] SEC("license") __weak = "GPL";
