/* SPDX-License-Identifier: GPL-2.0-only */
/* What one process holds, kind by kind; added up. Private to discover_gauges(). */
#ifndef TOLL_PROBE_GAUGES_DETAIL_H
#define TOLL_PROBE_GAUGES_DETAIL_H

#include <stdint.h>
#include <stdio.h>

#include "probe/discover.h"
#include "record/request.h"

/* Heap and anonymous mappings; `missing` where they may not be read. */
void gauge_mappings(uint32_t pid, struct record_gauges *out);
/* Regular files that are open for writing: each once, whichever processes have it open. */
#define GAUGE_FILES_MAX 256
struct gauge_files {
	uint64_t device[GAUGE_FILES_MAX], inode[GAUGE_FILES_MAX];
	unsigned count;
};
/*
 * Descriptors by kind, TCP sockets by state (parts not NULL: by peer, too) and what waits in them, files; `missing` where they may not be
 * read. -ENOMEM.
 */
int gauge_descriptors(uint32_t pid, struct gauge_files *files, struct record_gauges *out, struct gauge_parts *parts);
/* Adds what one /proc/PID/smaps tells. */
void gauge_pages_read(FILE *smaps, struct gauge_pages *out);
void gauge_io(uint32_t pid, struct record_gauges *out);
/* Of the network namespace, and of the kernel; once, by any of the processes. */
void gauge_network(uint32_t pid, struct record_gauges *out);

#endif
