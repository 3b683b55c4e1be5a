/* SPDX-License-Identifier: GPL-2.0-only */
/* What this binary was built with, for `toll --version`; needs no permission. */
#ifndef TOLL_PROBE_PROGRAMS_H
#define TOLL_PROBE_PROGRAMS_H

/* "tp_btf/net_dev_queue", "iter/task", ...: one call for each program; a hook may come several times. */
void programs_each(void (*fn)(void *ctx, const char *hook), void *ctx);
void programs_libbpf(unsigned *major, unsigned *minor);

#endif
