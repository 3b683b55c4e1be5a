/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that is none of the gateway's: nobody finds it among the gateway's children, so its work counts as that of a stranger. It
 * has two descriptors, 0 and 1, and nothing else of ours; it ends when what it reads from ends.
 */
#ifndef TOLL_GATEWAY_ORPHAN_H
#define TOLL_GATEWAY_ORPHAN_H

/* run: in the new process, where only what is safe between fork and exec may be called; it ends when that returns. -errno */
int orphan_start(const char *name, void (*run)(unsigned arg), unsigned arg, int fd0, int fd1);

#endif
