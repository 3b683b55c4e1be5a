// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a process' pages lie: its proportional set size, and how much of its anonymous memory is in a runtime's own heap. By address, for
 * no runtime of these names its mappings by itself:
 *   V8 asks for its pages of 256 KiB and its large objects at random places below 2^46, each at a multiple of 256 KiB (the hints of its
 *   platform's page allocator); what the kernel places for malloc and libraries lies far above on x86-64, beside the stack.
 *   Go's first arena begins at 0xc000000000, and the others go on from there (runtime/malloc.go, mallocinit's hints). V8 may have pages
 *   in that range, but as good as never one that begins there.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/discover.h"
#include "probe/gauges_detail.h"

#define V8_PAGE UINT64_C(0x40000)
#define V8_HINTS_END (UINT64_C(1) << 46)
#define V8_MAPPINGS_LEAST 4 /* fewer may lie there by chance */
#define GO_ARENAS UINT64_C(0xc000000000)
#define GO_ARENAS_END UINT64_C(0x10000000000)

enum place {
	PLACE_OTHER = 0, /* malloc's, buffers, stacks, files */
	PLACE_HINTED = 1, /* where V8's pages lie */
	PLACE_ARENAS = 2, /* where Go's arenas lie */
	PLACE_BOTH = 3,
	PLACES = 4,
};

struct mapping {
	enum place place;
	bool first_arena;
};

/* "7f83-7f84 rw-p 00000000 00:00 0   [heap]". false: no such line. */
static bool mapping_read(const char *line, struct mapping *out)
{
	uint64_t start, end, inode;
	char mode[5], name[32] = "";

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %" SCNu64 " %31s", &start, &end, mode, &inode, name) < 4)
		return false;
	*out = (struct mapping){.place = PLACE_OTHER};
	if (inode || mode[3] != 'p' || (name[0] && strncmp(name, "[anon:", 6) != 0))
		return true;
	bool hinted = start < V8_HINTS_END && start % V8_PAGE == 0, arena = start >= GO_ARENAS && start < GO_ARENAS_END;
	out->place = (enum place)((hinted ? PLACE_HINTED : 0) | (arena ? PLACE_ARENAS : 0));
	out->first_arena = start == GO_ARENAS;
	return true;
}

void gauge_pages_read(FILE *smaps, struct gauge_pages *out)
{
	uint64_t bytes[PLACES] = {0}, all_bytes = 0, heap_bytes = 0, kib;
	struct mapping mapping = {.place = PLACE_OTHER};
	unsigned hinted = 0;
	bool go = false;
	char line[512];

	while (fgets(line, sizeof(line), smaps)) {
		if (line[0] >= 'A' && line[0] <= 'Z') { /* "Pss:", "Anonymous:" */
			if (!strncmp(line, "Pss:", 4))
				out->pss_bytes += strtoull(line + 4, NULL, 10) * 1024;
			if (strncmp(line, "Anonymous:", 10) != 0)
				continue;
			kib = strtoull(line + 10, NULL, 10);
			bytes[mapping.place] += kib * 1024;
			all_bytes += kib * 1024;
		} else if (mapping_read(line, &mapping)) {
			hinted += mapping.place & PLACE_HINTED ? 1 : 0;
			go |= mapping.first_arena;
		}
	}
	if (go)
		heap_bytes = bytes[PLACE_ARENAS] + bytes[PLACE_BOTH];
	else if (hinted >= V8_MAPPINGS_LEAST)
		heap_bytes = bytes[PLACE_HINTED] + bytes[PLACE_BOTH];
	out->runtimes |= go ? RECORD_RUNTIME_GO : heap_bytes ? RECORD_RUNTIME_V8 : 0;
	out->runtime_bytes += heap_bytes;
	out->native_bytes += all_bytes - heap_bytes;
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
