// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a process' pages lie: its proportional set size, and how much of its anonymous memory is in a runtime's own heap. By address, for
 * no runtime of these names its mappings by itself:
 *   V8 asks for its pages of 256 KiB and its large objects at random places below 2^46, each at a multiple of 256 KiB (the hints of its
 *   platform's page allocator); what the kernel places for malloc and libraries lies far above on x86-64, beside the stack.
 *   Go's arenas begin at 0xc000000000 and go on from there (runtime/malloc.go, arenaHint of the linux ports).
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "probe/discover.h"
#include "probe/gauges_detail.h"

#define V8_PAGE UINT64_C(0x40000)
#define V8_HINTS_END (UINT64_C(1) << 46)
#define V8_MAPPINGS_LEAST 4 /* fewer may lie there by chance */
#define GO_ARENAS UINT64_C(0xc000000000)
#define GO_ARENAS_END UINT64_C(0x10000000000)

enum place {
	PLACE_OTHER = 0,
	PLACE_V8 = 1,
	PLACE_GO = 2,
	PLACES = 3,
};

/* "7f83-7f84 rw-p 00000000 00:00 0   [heap]". false: no such line. */
static bool mapping_place(const char *line, enum place *out)
{
	uint64_t start, end, inode;
	char mode[5], name[32] = "";

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %" SCNu64 " %31s", &start, &end, mode, &inode, name) < 4)
		return false;
	*out = PLACE_OTHER;
	if (inode || mode[3] != 'p' || (name[0] && strncmp(name, "[anon:", 6) != 0))
		return true;
	if (start >= GO_ARENAS && start < GO_ARENAS_END)
		*out = PLACE_GO;
	else if (start < V8_HINTS_END && start % V8_PAGE == 0)
		*out = PLACE_V8;
	return true;
}

void gauge_pages_read(FILE *smaps, struct gauge_pages *out)
{
	uint64_t anonymous_bytes[PLACES] = {0}, kib;
	unsigned mappings[PLACES] = {0};
	enum place place = PLACE_OTHER;
	char line[512];

	while (fgets(line, sizeof(line), smaps)) {
		if (mapping_place(line, &place)) {
			mappings[place]++;
			continue;
		}
		if (sscanf(line, "Pss: %" SCNu64, &kib) == 1)
			out->pss_bytes += kib * 1024;
		else if (sscanf(line, "Anonymous: %" SCNu64, &kib) == 1)
			anonymous_bytes[place] += kib * 1024;
	}
	bool v8 = mappings[PLACE_V8] >= V8_MAPPINGS_LEAST && !mappings[PLACE_GO];
	out->runtimes |= mappings[PLACE_GO] ? RECORD_RUNTIME_GO : v8 ? RECORD_RUNTIME_V8 : 0;
	out->runtime_bytes += anonymous_bytes[PLACE_GO] + (v8 ? anonymous_bytes[PLACE_V8] : 0);
	out->native_bytes += anonymous_bytes[PLACE_OTHER] + (v8 ? 0 : anonymous_bytes[PLACE_V8]);
}

void discover_pages(const uint32_t *pid, unsigned pids, struct gauge_pages *out)
{
	char path[64];

	*out = (struct gauge_pages){.pss_bytes = 0};
	for (unsigned i = 0; i < pids; i++) {
		snprintf(path, sizeof(path), "/proc/%u/smaps", pid[i]);
		FILE *smaps = fopen(path, "re");
		if (!smaps)
			continue;
		gauge_pages_read(smaps, out);
		fclose(smaps);
	}
}
