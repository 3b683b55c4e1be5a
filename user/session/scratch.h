/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Directories under /tmp for what a run starts. Each holds a file that its toll keeps locked: what a killed one left behind is told from
 * what is in use, and removed by the next that starts something.
 */
#ifndef TOLL_SESSION_SCRATCH_H
#define TOLL_SESSION_SCRATCH_H

struct scratch {
	char path[40]; /* "": none */
	int lock_fd; /* 0: none */
};

/* /tmp/toll-KIND-XXXXXX, ours alone. 0, -errno. */
int scratch_make(struct scratch *out, const char *kind);
/* And all that is in it. Zero-initialised: nothing. */
void scratch_remove(struct scratch *s);
/* What it holds tells why something failed: it stays for an hour at least. */
void scratch_leave(struct scratch *s);
/* Removes those of this user whose toll is gone. */
void scratch_sweep(void);

#endif
