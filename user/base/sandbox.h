/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For commands that only read files and print: from here on this process can neither start programs nor talk to anybody, whatever the file it reads
 * makes of it. What is forbidden fails with EPERM.
 */
#ifndef TOLL_BASE_SANDBOX_H
#define TOLL_BASE_SANDBOX_H

/* 0, or -errno where the kernel has no seccomp filters: the command then works as it would without. */
int sandbox_enter(void);

#endif
