/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is taken and not given back: things by address or number, sites by the stack that took them. Windows have numbers: what was taken in
 * an earlier one may have gone, and come again, unseen.
 */
#ifndef TOLL_KEPT_BPF_H
#define TOLL_KEPT_BPF_H

#include "bpf/stack.bpf.h"

#define SITES_MAX 8192

__u32 kept_window SEC(".bss") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 18); /* set by user space before load */
	__type(key, struct wire_block_key);
	__type(value, struct wire_block);
} kept_blocks SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SITES_MAX);
	__type(key, __u64);
	__type(value, struct wire_site);
} kept_sites SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_site);
} kept_blank SEC(".maps") __weak;

static __always_inline struct wire_block_key key_of_block(enum wire_kept_kind kind, __u64 address)
{
	struct wire_block_key key = {.address = address, .tgid = (__u32)(bpf_get_current_pid_tgid() >> 32), .kind = kind};

	return key;
}

static __always_inline void life_add(struct wire_site *site, __u64 age_ns, __u32 weight)
{
	__u64 top = log2_of(age_ns >> WIRE_SITE_LIFE_SHIFT) & (WIRE_SITE_LIVES - 1);

	verifier_sees(top);
	if (top < WIRE_SITE_LIVES)
		shared_add(&site->life[top], weight);
}

static __always_inline void block_ends(const struct wire_block *b, __u64 now_ns)
{
	struct wire_site *site = bpf_map_lookup_elem(&kept_sites, &b->site);

	if (!site)
		return;
	if (b->window != kept_window) {
		shared_add(&site->gone, b->weight);
		shared_add(&site->gone_bytes, b->held_bytes * b->weight);
		return;
	}
	shared_add(&site->freed, b->weight);
	shared_add(&site->freed_bytes, b->held_bytes * b->weight);
	life_add(site, now_ns - b->birth_ns, b->weight);
}

/* true: it was known, and is no more. */
static __always_inline bool block_take_out(enum wire_kept_kind kind, __u64 address, struct wire_block *out)
{
	struct wire_block_key key = key_of_block(kind, address);
	struct wire_block *b = bpf_map_lookup_elem(&kept_blocks, &key);

	if (!b)
		return false;
	*out = *b;
	return !bpf_map_delete_elem(&kept_blocks, &key);
}

static __always_inline struct wire_site *site_find(__u64 key, enum wire_kept_kind kind, __u64 now_ns)
{
	struct wire_site *site = bpf_map_lookup_elem(&kept_sites, &key), *blank;
	__u32 zero = 0;

	if (site)
		return site;
	blank = bpf_map_lookup_elem(&kept_blank, &zero);
	if (!blank || bpf_map_update_elem(&kept_sites, &key, blank, BPF_NOEXIST) == -7) /* E2BIG: full */
		return NULL;
	site = bpf_map_lookup_elem(&kept_sites, &key);
	if (site && !site->first_ns) {
		site->first_ns = now_ns;
		site->kind = kind;
		site->tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	}
	return site;
}

static __always_inline void site_add(struct wire_site *site, const struct wire_block *b, __u64 size)
{
	__u64 bytes = b->held_bytes * b->weight;

	site->last_ns = b->birth_ns;
	shared_add(&site->born, b->weight);
	shared_add(&site->born_bytes, bytes);
	shared_add(&site->asked_bytes, size * b->weight);
	shared_add(&site->squared_bytes, (bytes >> 4) * (bytes >> 4));
}

#endif
