/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of system calls (x86_64). */
#ifndef TOLL_BASE_CALL_NAMES_H
#define TOLL_BASE_CALL_NAMES_H

#define CALL_NAME_BYTES 24

/* "epoll_wait"; newer calls than the table knows: "syscall_463", in buf. */
const char *call_name(unsigned nr, char buf[CALL_NAME_BYTES]);

#endif
