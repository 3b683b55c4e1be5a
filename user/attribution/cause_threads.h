/* SPDX-License-Identifier: GPL-2.0-only */
/* Which threads kept requests waiting, by being busy with others or by holding a lock; and what system calls cost inside the toll. */
#ifndef TOLL_ATTRIBUTION_CAUSE_THREADS_H
#define TOLL_ATTRIBUTION_CAUSE_THREADS_H

#include "attribution/cause.h"
#include "base/map.h"

struct cause_thread {
	uint32_t tid;
	char comm[16]; /* "": not known */
	uint64_t other_work_ns; /* requests waited while it was busy with others */
	uint64_t released_ns; /* requests waited for a lock that it then released */
	struct cause_thread *next;
};

#define CAUSE_CALLS 512 /* numbers of system calls that are told apart */

struct cause_threads {
	const struct threads *threads;
	struct map *by_tid;
	struct cause_thread *first;
	uint64_t call_ns[CAUSE_CALLS]; /* inside the toll */
};
int cause_threads_init(struct cause_threads *s, const struct threads *threads); /* -ENOMEM */
void cause_threads_fini(struct cause_threads *s);
struct cause_witness cause_threads_witness(struct cause_threads *s);
/* The thread with the most of it, or NULL. */
const struct cause_thread *cause_threads_busiest(const struct cause_threads *s);
const struct cause_thread *cause_threads_releaser(const struct cause_threads *s);

#endif
