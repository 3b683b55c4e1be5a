/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose heap does a process live on? */
#ifndef TOLL_PROBE_HEAP_KIND_H
#define TOLL_PROBE_HEAP_KIND_H

#include <stdint.h>

#include "base/err.h"

/*
 * minor: of glibc 2.MINOR, where its malloc is what the process uses and no language keeps its objects elsewhere. Else -ENOTSUP and a sentence that
 * names what is used; -ESRCH, -EACCES as allocators_find().
 */
int heap_kind_glibc(uint32_t pid, unsigned *minor, struct err *err);
/* "GNU C Library (...) stable release version 2.36." in the bytes of libc.so.6 or of a program that it is linked into: 36; 0: not in them. */
unsigned heap_kind_version(const void *data, uint64_t bytes);

#endif
