/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Soaks of live gateways without a leak, as recorded: once a second the requests done by class and the anonymous memory. They are the
 * noise that plants and traps are added to.
 */
#ifndef TOLL_TESTS_SUPPORT_RECORDED_H
#define TOLL_TESTS_SUPPORT_RECORDED_H

#define RECORDED_CLASSES 4 /* chat, chat_stream, embeddings, models ... */
#define RECORDED_ALL 6 /* ... and failing, leaving, 300/s, in the first and the second second of each pause */
#define RECORDED_MOMENTS_MAX 400

struct recorded_moment {
	double time_s;
	double requests[RECORDED_ALL];
	double memory_bytes;
};
struct recorded {
	const char *name;
	struct recorded_moment at[RECORDED_MOMENTS_MAX];
	unsigned count;
};

/* All of them; read once, ends the program when one cannot be. */
unsigned recorded_all(const struct recorded **out);

#endif
