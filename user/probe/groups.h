/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of probe groups, as --probes takes them and reports print them. */
#ifndef TOLL_PROBE_GROUPS_H
#define TOLL_PROBE_GROUPS_H

#include <stddef.h>

#include "base/err.h"

/* "sockets,threads" -> bits of enum probe_group; NULL: "auto", all of them. Sockets are always on. */
int groups_parse(const char *list, unsigned *groups, struct err *err);
/* "sockets, threads" */
void groups_format(char *out, size_t size, unsigned groups);

#endif
