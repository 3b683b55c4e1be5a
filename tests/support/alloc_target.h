/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that makes a known number of allocator calls when it is told to, and none otherwise: this program, run anew. main() of a test
 * calls alloc_target_main() first.
 */
#ifndef TOLL_TESTS_ALLOC_TARGET_H
#define TOLL_TESTS_ALLOC_TARGET_H

#include <sys/types.h>

#define TARGET_MALLOCS 1000 /* of 100 bytes, and freed */
#define TARGET_MALLOC_BYTES 100
#define TARGET_MALLOCS_FAILED 30
#define TARGET_CALLOCS 200 /* of 10 times 20 bytes, and freed */
#define TARGET_CALLOC_BYTES 200
#define TARGET_REALLOCS 300 /* of one block, to 500 bytes; the first of them gets NULL */
#define TARGET_REALLOC_BYTES 500
#define TARGET_POSIX 70 /* of 1,000 bytes at 64, and freed */
#define TARGET_POSIX_BYTES 1000
#define TARGET_POSIX_FAILED 20 /* for their alignment is none */
#define TARGET_ALIGNED 40 /* of 640 bytes at 64, and freed */
#define TARGET_ALIGNED_BYTES 640
#define TARGET_FREES (TARGET_MALLOCS + TARGET_CALLOCS + 1 + TARGET_POSIX + TARGET_ALIGNED)
#define TARGET_HANDED 80 /* of 300 bytes at 16, and freed: half of them by posix_memalign, half by aligned_alloc */
#define TARGET_HANDED_BYTES 300
#define TARGET_NEWS 500 /* operator new of 48 bytes, and deleted */
#define TARGET_NEW_BYTES 48
/* "keeps": each time it gives back what it kept before, and keeps as many blocks anew */
#define TARGET_KEPT 100 /* by malloc of 50 bytes */
#define TARGET_KEPT_BYTES 50
#define TARGET_GROWN 60 /* malloc of 72 bytes, then realloc to 1,000; another thread gives them back */
#define TARGET_GROWN_FROM_BYTES 72
#define TARGET_GROWN_BYTES 1000
#define TARGET_STAYED 30 /* malloc of 88 bytes; realloc fails, so the block is still there to be freed */
#define TARGET_STAYED_BYTES 88
#define TARGET_THREADS 4
#define TARGET_THREAD_PAIRS 20000 /* of each thread: malloc of 64 bytes and free */
#define TARGET_THREAD_BYTES 64

struct alloc_target {
	pid_t pid;
	int go_fd, done_fd;
};
/* what: "calls", "threads", "new", "keeps"; preload: a library, or NULL. Returns when it is ready, its libraries loaded. */
void alloc_target_start(struct alloc_target *t, const char *what, const char *preload);
/* Below a process that sleeps, whose pid is returned: to be killed and waited for before alloc_target_end(). */
pid_t alloc_target_start_below(struct alloc_target *t, const char *what);
/* Lets it do its work once and waits for its end; as often as is wanted. */
void alloc_target_run(struct alloc_target *t);
void alloc_target_end(struct alloc_target *t);
/* Runs as the target and does not return if the arguments say so. */
void alloc_target_main(int argc, char **argv);

#endif
