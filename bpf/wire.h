/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only words that kernel and user space share: record kinds, their layout and their version.
 * Fixed-width fields, explicit padding, explicit numbers that are only ever appended to. Every time is
 * CLOCK_MONOTONIC in nanoseconds as bpf_ktime_get_ns() reads it.
 *
 * A *position* counts the bytes of one direction of one TCP connection from its first byte (0) on. The two
 * ends of a connection count the same bytes, so a position seen at one end names the same byte at the other:
 * that is how turns are cut, joined and re-found after a loss (DESIGN section 1).
 */
#ifndef TOLL_WIRE_H
#define TOLL_WIRE_H

#ifndef __bpf__
#include <stdint.h>
typedef uint8_t wire_u8;
typedef uint16_t wire_u16;
typedef uint32_t wire_u32;
typedef uint64_t wire_u64;
typedef int32_t wire_s32;
#else
typedef unsigned char wire_u8;
typedef unsigned short wire_u16;
typedef unsigned int wire_u32;
typedef unsigned long long wire_u64;
typedef int wire_s32;
#endif

/* Whose process a socket or thread belongs to. */
enum wire_role {
	WIRE_ROLE_NONE = 0,
	WIRE_ROLE_DRIVER = 1,
	WIRE_ROLE_GATEWAY = 2,
	WIRE_ROLE_PROVIDER = 3,
};

/* What a socket is to its owner: it listens, it was accepted (serves), or it connected (calls). */
enum wire_side {
	WIRE_SIDE_NONE = 0,
	WIRE_SIDE_LISTENER = 1,
	WIRE_SIDE_SERVER = 2,
	WIRE_SIDE_CLIENT = 3,
};

enum wire_kind {
	WIRE_KIND_CONN = 1,
	WIRE_KIND_ACCEPT = 2,
	WIRE_KIND_CLOSE = 3,
	WIRE_KIND_TURN = 4,
	WIRE_KIND_MARKS = 5,
	WIRE_KIND_PROCESS = 6,
	WIRE_KIND_CONNECT_FAILED = 7,
	WIRE_KIND_THREAD = 8,
	WIRE_KIND_OFF_CPU = 9,
	WIRE_KIND_SYSCALLS = 10,
	WIRE_KIND_SAMPLE = 11,
	WIRE_KIND_STACK = 12,
	WIRE_KIND_LOOKUP = 13,
	WIRE_KIND_TURNS = 14,
	WIRE_KIND_GROUPS = 15,
};

struct wire_header {
	wire_u16 kind; /* enum wire_kind */
	wire_u16 size; /* bytes of the whole record, this header included */
	wire_u32 reserved;
	wire_u64 time_ns; /* when the record was made */
};

enum wire_conn_flag {
	WIRE_CONN_FOUND_OPEN = 1, /* open before we attached: found by the iterator, syn/established unknown (0) */
	WIRE_CONN_MID_TURN = 2, /* ... and not idle at that moment: its first turn is incomplete */
	WIRE_CONN_LISTEN_FULL = 4, /* CLIENT: its SYN was sent again while the listener's accept queue was full */
};

/* A connection that exists from here on. `conn` is the socket cookie: the key of all records of this end. */
struct wire_conn {
	struct wire_header h;
	wire_u64 conn;
	wire_u8 role; /* enum wire_role */
	wire_u8 side; /* enum wire_side */
	wire_u8 flags;
	wire_u8 reserved0;
	wire_u16 local_port; /* host byte order */
	wire_u16 peer_port;
	wire_u8 local_addr[16]; /* IPv6, IPv4 as ::ffff:a.b.c.d */
	wire_u8 peer_addr[16];
	wire_u32 netns; /* inode number of the network namespace */
	wire_u32 tgid; /* in the initial pid namespace; 0 when made in softirq (accepted sockets) */
	wire_u64 syn_ns; /* CLIENT: SYN_SENT; SERVER: the child socket was made (its handshake's last ACK) */
	wire_u64 established_ns;
	wire_u64 in_pos; /* bytes received / sent before the first mark of ours (0 unless found open) */
	wire_u64 out_pos;
};

/* The gateway took the connection from the accept queue (only on kernels where that can be seen). */
struct wire_accept {
	struct wire_header h;
	wire_u64 conn;
	wire_u32 tgid;
	wire_u32 tid;
};

struct wire_close {
	struct wire_header h;
	wire_u64 conn;
	wire_u32 turns; /* turns that this end has seen */
	wire_u32 retransmits; /* segments sent again by this end */
};

struct wire_connect_failed {
	struct wire_header h;
	wire_u64 conn;
	wire_u8 role;
	wire_u8 reserved0;
	wire_u16 peer_port;
	wire_u32 err; /* positive errno of the socket: ECONNREFUSED, ETIMEDOUT ... 0 when unknown */
	wire_u8 peer_addr[16];
	wire_u64 syn_ns;
};

/*
 * The three places where a byte of a connection is seen at this end (DESIGN section 1):
 * IN readable (sk_data_ready, before 6.3 tcp_probe), READ read by the process (tcp_rcv_space_adjust),
 * OUT leaves (net_dev_queue). IN and OUT have the time at which TCP took the segment in hand.
 */
enum wire_lane {
	WIRE_LANE_IN = 0,
	WIRE_LANE_READ = 1,
	WIRE_LANE_OUT = 2,
	WIRE_LANES = 3,
};

enum wire_mark_flag {
	WIRE_MARK_THREAD = 1, /* tid is the thread that did it */
	WIRE_MARK_INFERRED = 2, /* IN without an event of its own: time taken from the read */
};

/* One position of one lane. `pos` is the position *after* the bytes of this mark. */
struct wire_mark {
	wire_u64 time_ns;
	wire_u64 pos;
	wire_u32 tid;
	wire_u8 lane; /* enum wire_lane */
	wire_u8 flags; /* enum wire_mark_flag */
	wire_u16 reserved0;
};

/*
 * What one lane did in one turn. start_pos: before its first byte. Its first mark covers
 * [start_pos, start_pos + first_bytes); its last mark ends at end_pos. count == 0: nothing, all else is 0.
 */
struct wire_lane_span {
	wire_u64 first_ns;
	wire_u64 last_ns;
	wire_u64 start_pos;
	wire_u64 end_pos;
	wire_u32 first_bytes;
	wire_u32 count;
};

struct wire_thread {
	wire_u32 tgid;
	wire_u32 tid; /* 0: not known (softirq, lock not owned) */
	wire_u64 alloc_ns; /* time that the thread has spent inside the allocator up to this mark; 0: allocator probes are off */
};

enum wire_turn_flag {
	WIRE_TURN_STILL_OPEN = 1, /* snapshot by the flush iterator: may come again, longer, under the same number */
	WIRE_TURN_MARKS_DROPPED = 2, /* marks past the bound of a turn, or refused by the ring */
	WIRE_TURN_MID = 4, /* the connection was found in the middle of this turn */
	WIRE_TURN_LISTEN_FULL = 8, /* CLIENT: data was sent again while the listener's accept queue was full */
};

/*
 * One change of direction there and back at one end of one connection. The kernel cuts where the direction
 * flips; user space re-cuts by the positions that our ends have logged (100 Continue, TLS tickets, early answers).
 */
struct wire_turn {
	struct wire_header h;
	wire_u64 conn;
	wire_u32 turn; /* counts from 0 on this connection */
	wire_u16 flags; /* enum wire_turn_flag */
	wire_u8 role; /* enum wire_role */
	wire_u8 side; /* enum wire_side */
	struct wire_lane_span lane[WIRE_LANES];
	struct wire_thread reader; /* at the first READ of the turn */
	struct wire_thread sender; /* at the first OUT of the turn */
	wire_u32 retransmits;
	wire_u32 marks_dropped;
};

/*
 * Marks of a turn after the first of each lane, in time order per lane, in batches. Sent before the turn itself. A snapshot
 * (WIRE_TURN_STILL_OPEN) sends the batch that is filling, and it comes again later: readers skip marks at or below the position they know.
 */
#define WIRE_MARKS_MAX 16
struct wire_marks {
	struct wire_header h;
	wire_u64 conn;
	wire_u32 turn;
	wire_u32 count; /* valid entries; the record is cut after them */
	struct wire_mark mark[WIRE_MARKS_MAX];
};
/* Marks kept of one turn at one end; more are counted in marks_dropped. */
#define WIRE_MARKS_PER_TURN 8192

/*
 * How the ring carries turns of one mark a lane, as those of small messages are: some at a time and half as long, for a record costs the
 * gateway's thread more than what is in it. `turn`, `turn + 1` ... in order, without flags or times of the allocator. The reader makes a
 * wire_turn of each before anybody else sees it. bytes == 0: nothing on this lane, all else of it is 0.
 */
struct wire_mark_brief {
	wire_u64 time_ns;
	wire_u64 start_pos;
};
struct wire_turn_brief {
	struct wire_mark_brief lane[WIRE_LANES];
	wire_u32 bytes[WIRE_LANES];
	wire_u32 retransmits;
	wire_u32 reader_tgid, reader_tid;
	wire_u32 sender_tgid, sender_tid;
};
#define WIRE_TURNS_MAX 4
struct wire_turns {
	struct wire_header h;
	wire_u64 conn;
	wire_u32 turn; /* number of the first */
	wire_u16 count; /* valid entries; the record is cut after them */
	wire_u8 role; /* enum wire_role */
	wire_u8 side; /* enum wire_side */
	struct wire_turn_brief brief[WIRE_TURNS_MAX];
};

enum wire_process_event {
	WIRE_PROCESS_FORK = 1,
	WIRE_PROCESS_EXIT = 2,
};

struct wire_process {
	struct wire_header h;
	wire_u32 tgid; /* initial pid namespace */
	wire_u32 tgid_in_ns; /* as the process' own innermost namespace numbers it */
	wire_u32 parent_tgid;
	wire_u8 role;
	wire_u8 event; /* enum wire_process_event */
	wire_u16 reserved0;
	char comm[16];
};

enum wire_thread_event {
	WIRE_THREAD_FOUND = 1, /* known from here on: found at attach, or forked */
	WIRE_THREAD_NAMED = 2, /* took another name */
	WIRE_THREAD_EXIT = 3,
};

/* A thread of a watched process. */
struct wire_thread_life {
	struct wire_header h;
	wire_u32 tgid; /* initial pid namespace, as are all tids of these records */
	wire_u32 tid;
	wire_u8 role; /* enum wire_role */
	wire_u8 event; /* enum wire_thread_event */
	wire_u16 reserved0;
	wire_u32 tid_in_ns; /* as the thread's own innermost namespace numbers it */
	char comm[16];
};

/* Who ran on the CPU while a thread waited to run on it. */
enum wire_holder {
	WIRE_HOLDER_GATEWAY = 0, /* another thread of the gateway */
	WIRE_HOLDER_TOLL = 1, /* driver, provider, session */
	WIRE_HOLDER_OTHER = 2,
	WIRE_HOLDER_IDLE = 3, /* nobody: woken up, not yet running */
	WIRE_HOLDERS = 4,
};

enum wire_off_flag {
	WIRE_OFF_PREEMPTED = 1, /* it could have gone on: runnable_ns == out_ns */
	WIRE_OFF_THROTTLED = 2, /* its cgroup was out of quota while it waited to run */
	WIRE_OFF_UNINTERRUPTIBLE = 4, /* TASK_UNINTERRUPTIBLE */
	WIRE_OFF_IOWAIT = 8, /* task_struct.in_iowait: a block device */
	WIRE_OFF_MEMSTALL = 16, /* task_struct.in_memstall: swap, reclaim */
	WIRE_OFF_FAULT = 32, /* not in a syscall: a page fault blocked */
	WIRE_OFF_MIGRATED = 64, /* it got another CPU than held_ns tells of */
	WIRE_OFF_STOPPED = 128, /* stopped or traced */
};
#define WIRE_SYSCALL_NONE 0xffff

/*
 * A thread of the gateway was off its CPU from out_ns to h.time_ns, when it got one again (the record is made then). What lies between
 * two of these records of a thread is time on a CPU. In the ring before every mark that the thread makes afterwards.
 */
struct wire_off_cpu {
	struct wire_header h;
	wire_u32 tgid;
	wire_u32 tid;
	wire_u64 out_ns;
	wire_u64 runnable_ns; /* woken up; from here to h.time_ns it waited to run */
	wire_u64
		exec_ns; /* sum_exec_runtime at out_ns: less than the time on the CPU by what interrupts and the hypervisor took */
	wire_u64 stack; /* where it blocked: key of a WIRE_KIND_STACK; 0: not taken */
	wire_u32 held_ns[WIRE_HOLDERS]; /* of runnable_ns .. h.time_ns, to which they add up; 4.29 s at most each */
	wire_u32 waker_tid; /* was inside a system call where the wake-up came from; 0: an interrupt, or not known */
	wire_u16 syscall; /* number of the call that blocked, WIRE_SYSCALL_NONE: none, or not known */
	wire_u16 flags; /* enum wire_off_flag */
};

enum wire_syscall_flag {
	WIRE_SYSCALL_SHORT = 1, /* a send that took fewer bytes than it was given */
};
struct wire_syscall {
	wire_u64 enter_ns;
	wire_u64 exit_ns;
	wire_s32 result; /* as returned, cut to 32 bits: -errno below 0 */
	wire_u16 nr;
	wire_u16 flags; /* enum wire_syscall_flag */
};

/* System calls of one thread, in time order, in batches: sent when full and when the thread leaves its CPU. */
#define WIRE_SYSCALLS_MAX 16
struct wire_syscalls {
	struct wire_header h;
	wire_u32 tgid;
	wire_u32 tid;
	wire_u32 count; /* valid entries; the record is cut after them */
	wire_u32 reserved0;
	struct wire_syscall call[WIRE_SYSCALLS_MAX];
};

enum wire_sample_flag {
	WIRE_SAMPLE_KERNEL = 1, /* the kernel was running for the thread */
};
/* A gateway thread was found on its CPU. */
struct wire_sample {
	struct wire_header h;
	wire_u32 tgid;
	wire_u32 tid;
	wire_u64 stack; /* key of a WIRE_KIND_STACK */
	wire_u32 period_ns; /* CPU time that this sample stands for */
	wire_u32 flags; /* enum wire_sample_flag */
};

/*
 * A stack, sent once for each new key: addresses from the innermost frame on, kernel's first, and, where the code has no frame
 * pointers, registers and a copy of the user stack to unwind. frame[] is cut after the frames, the copied bytes follow it.
 */
#define WIRE_STACK_FRAMES_MAX 127
#define WIRE_STACK_COPY_MAX 16384
struct wire_stack {
	struct wire_header h;
	wire_u64 stack; /* the key */
	wire_u32 tgid; /* whose address space */
	wire_u16 kernel_frames;
	wire_u16 user_frames;
	wire_u64 ip, sp, bp; /* user registers; 0: not known */
	wire_u32 copied_bytes; /* of the user stack, from sp on */
	wire_u32 reserved0;
	wire_u64 frame[]; /* kernel_frames + user_frames */
};

/* No record: the executable memory of a process, as user space tells it to the kernel side. Rising, not overlapping. */
#define WIRE_TEXT_RANGES_MAX 24
struct wire_text_range {
	wire_u64 start, end;
};
struct wire_text {
	wire_u32 ranges;
	wire_u32 frame_pointers; /* its code keeps them */
	wire_u64 gap_start, gap_end; /* the widest hole: most words that are no text lie below all ranges or in it */
	struct wire_text_range range[WIRE_TEXT_RANGES_MAX];
};

/* A name look-up by a gateway thread: from its query to port 53 to the answer. */
struct wire_lookup {
	struct wire_header h;
	wire_u32 tgid;
	wire_u32 tid;
	wire_u64 start_ns;
	wire_u64 end_ns; /* 0: no answer was seen */
};

/* Groups of probes that can be switched while they run; the marks of sockets are always on. */
enum wire_group {
	WIRE_GROUP_THREADS = 1, /* off-CPU periods */
	WIRE_GROUP_SYSCALLS = 2,
	WIRE_GROUP_ALLOC = 4,
	WIRE_GROUP_STACKS = 8,
};

/*
 * Made by user space when it has switched groups off or on. h.time_ns: up to here what went off has told everything, and before it nothing
 * that went on tells anything; whole_ns: from here on what is on tells everything.
 */
struct wire_groups {
	struct wire_header h;
	wire_u64 whole_ns;
	wire_u32 off; /* of those that were asked for, enum wire_group: which tell nothing from here on */
	wire_u32 reserved0;
};

/* What an allocator function does with its arguments. */
enum wire_alloc_kind {
	WIRE_ALLOC_MALLOC = 0, /* (size) */
	WIRE_ALLOC_CALLOC = 1, /* (number, size) */
	WIRE_ALLOC_REALLOC = 2, /* (block, size) */
	WIRE_ALLOC_FREE = 3, /* (block) */
	WIRE_ALLOC_POSIX_MEMALIGN = 4, /* (&block, alignment, size), returns an errno */
	WIRE_ALLOC_ALIGNED = 5, /* (alignment, size) */
	WIRE_ALLOC_GO = 6, /* runtime.mallocgc(size, ...) */
	WIRE_ALLOC_KINDS = 7,
};

/*
 * What a probe on an allocator function is told with each hit: the attach cookie. Bits 0-7 the function's index, 8-11 enum wire_alloc_kind,
 * 12-15, 16-19 and 24-27 the registers that hold its arguments in the order of struct placement_need, as x86 numbers them, 20 entry only, 21 a
 * leaf when asked for more than 16 bytes of alignment, 22 blocks are rounded as glibc does, 23 alignments that malloc gives anyway go on to malloc,
 * which is probed too, 32-63 the time in ns that the probe itself adds between its two ends.
 */
#define WIRE_ALLOC_COOKIE(index, kind, reg, flags, bias_ns)                                                                      \
	((wire_u64)(index) | (wire_u64)(kind) << 8 | (wire_u64)(reg)[0] << 12 | (wire_u64)(reg)[1] << 16 |                       \
	 (wire_u64)(reg)[2] << 24 | (wire_u64)(flags) | (wire_u64)(bias_ns) << 32)
#define WIRE_ALLOC_ENTRY_ONLY (1ULL << 20)
#define WIRE_ALLOC_ALIGNS_ITSELF (1ULL << 21)
#define WIRE_ALLOC_GLIBC (1ULL << 22)
#define WIRE_ALLOC_HANDS_ON (1ULL << 23)
#define WIRE_ALLOC_FUNCTIONS_MAX 64

/*
 * Calls of one allocator function, by CPU. Only calls from outside the allocator count: what it calls of itself is part of them. Every call
 * is seen to begin, and all or some of them to return (a return costs as much again). Buckets are log-linear: below 16 ns one by one, from
 * there on 16 steps for each power of two, up to 2^34 ns.
 */
#define WIRE_ALLOC_BUCKETS 496
struct wire_alloc_stats {
	wire_u64 calls;
	wire_u64 bytes; /* asked for; less those of calls that were seen to fail */
	wire_u64 returns; /* calls that were seen to return: the base of all that follows but nested and passed */
	wire_u64 failed;
	wire_u64 unfinished; /* never returned: an exception, longjmp, or the probe was taken off meanwhile */
	wire_u64 sum_ns;
	wire_u64 nested; /* hits inside another call */
	wire_u64 passed; /* hits that count as no call: while probes were being put on or taken off, or malloc counts it */
	wire_u64 bucket[WIRE_ALLOC_BUCKETS];
};

#include "bpf/wire_kept.h"

/* Why data was lost, or a rule of the design was applied, counted per CPU. Index into the `counters` array. */
enum wire_counter {
	WIRE_COUNT_RING_FULL = 0, /* records refused by the ring buffer */
	WIRE_COUNT_STORAGE_REFUSED = 1, /* socket storage refused by the kernel, or no room for one more listening port */
	WIRE_COUNT_TARGETS_FULL = 2, /* a child process could not be added */
	WIRE_COUNT_MARKS_BOUND = 3, /* marks past WIRE_MARKS_PER_TURN */
	WIRE_COUNT_RETRANSMITS = 4, /* segments sent again by watched sockets */
	WIRE_COUNT_IN_INFERRED = 5, /* readable marks without an event of their own, taken from the read */
	WIRE_COUNT_LISTEN_FULL = 6, /* segments sent again to a watched listener while its accept queue was full */
	WIRE_COUNT_PEEKS = 7, /* read events without progress: MSG_PEEK, empty splice */
	WIRE_COUNT_RECORDS = 8, /* records that reached the reader (counted there) */
	WIRE_COUNT_MARKS_SEEN = 9, /* marks in the turns that reached the reader (counted there) */
	WIRE_COUNT_SNAPSHOT_RACES = 10, /* open turns that changed while the flush iterator copied them: sent a second later */
	WIRE_COUNT_DRIVER_DROPPED = 11, /* records of the driver that found the session's queue full (counted there) */
	WIRE_COUNT_THREADS_REFUSED = 12, /* thread storage refused by the kernel: the thread has no account */
	WIRE_COUNT_STACKS_LOST = 13, /* stacks that could not be taken or kept */
	WIRE_COUNTERS = 32,
};

#define WIRE_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "layout of " #type)
WIRE_SIZE(wire_header, 16);
WIRE_SIZE(wire_conn, 104);
WIRE_SIZE(wire_accept, 32);
WIRE_SIZE(wire_close, 32);
WIRE_SIZE(wire_connect_failed, 56);
WIRE_SIZE(wire_mark, 24);
WIRE_SIZE(wire_lane_span, 40);
WIRE_SIZE(wire_thread, 16);
WIRE_SIZE(wire_turn, 192);
WIRE_SIZE(wire_marks, 32 + 24 * WIRE_MARKS_MAX);
WIRE_SIZE(wire_turns, 32 + 80 * WIRE_TURNS_MAX);
WIRE_SIZE(wire_process, 48);
WIRE_SIZE(wire_thread_life, 48);
WIRE_SIZE(wire_off_cpu, 80);
WIRE_SIZE(wire_syscall, 24);
WIRE_SIZE(wire_syscalls, 32 + 24 * WIRE_SYSCALLS_MAX);
WIRE_SIZE(wire_sample, 40);
WIRE_SIZE(wire_stack, 64);
WIRE_SIZE(wire_text, 24 + 16 * WIRE_TEXT_RANGES_MAX);
WIRE_SIZE(wire_lookup, 40);
WIRE_SIZE(wire_groups, 32);
WIRE_SIZE(wire_alloc_stats, 64 + 8 * WIRE_ALLOC_BUCKETS);

#endif
