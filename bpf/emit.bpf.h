/* SPDX-License-Identifier: GPL-2.0-only */
/* The ring buffer: reserve, submit, and count what was lost. Nobody else touches it. */
#ifndef TOLL_EMIT_BPF_H
#define TOLL_EMIT_BPF_H

#include "bpf/kernel.bpf.h"

struct counters {
	__u64 n[WIRE_COUNTERS];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 25); /* set by user space before load */
} events SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps") __weak;

/* What a new entry of a hash begins with: a value of this size fits on no stack of ours. */
#define ZEROES_BYTES 1024
const __u8 zeroes[ZEROES_BYTES] SEC(".rodata") __weak = {};

static __always_inline void count_add(enum wire_counter which, __u64 n)
{
	__u32 zero = 0;
	struct counters *c = bpf_map_lookup_elem(&counters, &zero);

	if (c)
		c->n[which] += n;
}

static __always_inline void emit_header(struct wire_header *h, enum wire_kind kind, __u32 bytes, __u64 now_ns)
{
	h->kind = (__u16)kind;
	h->size = (__u16)bytes;
	h->reserved = 0;
	h->time_ns = now_ns;
}

/* A record to fill, its header set; NULL (counted) when the ring is full. */
static __always_inline void *emit_reserve(enum wire_kind kind, __u32 bytes, __u64 now_ns)
{
	struct wire_header *h = bpf_ringbuf_reserve(&events, bytes, 0);

	if (!h) {
		count_add(WIRE_COUNT_RING_FULL, 1);
		return NULL;
	}
	emit_header(h, kind, bytes, now_ns);
	return h;
}

/* The reader polls on a timer: a wake-up for each record would be charged to the gateway's threads. */
static __always_inline void emit_submit(void *record)
{
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* Copies a record of variable size; false (counted) when the ring is full. */
static __always_inline bool emit_copy(void *record, __u32 bytes)
{
	if (bpf_ringbuf_output(&events, record, bytes, BPF_RB_NO_WAKEUP)) {
		count_add(WIRE_COUNT_RING_FULL, 1);
		return false;
	}
	return true;
}

#endif
