/* SPDX-License-Identifier: GPL-2.0-only */
/* When a worker more is wanted, and when one less would do. */
#ifndef TOLL_GATEWAY_SCALING_H
#define TOLL_GATEWAY_SCALING_H

struct scaling {
	unsigned calm; /* looks in a row at which one less would have done. Zero-initialise */
};

/*
 * busy: CPUs that the workers took since the last look. 1: one more, above 70 % of what the workers can take; -1: one less, if for three looks the
 * others would have been below 30 % on their own share; else 0.
 */
int scaling_step(struct scaling *s, double busy, unsigned workers);

#endif
