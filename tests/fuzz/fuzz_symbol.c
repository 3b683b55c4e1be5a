// rooms: base record symbol
// SPDX-License-Identifier: GPL-2.0-only
/* Any text as a JIT's map, as kallsyms, as /proc/PID/maps, as a mangled name, and any bytes as a named stack. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/stack.h"
#include "symbol/demangle.h"
#include "symbol/maps.h"
#include "symbol/text_names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void table_try(const char *text, size_t size, int (*read)(FILE *in, struct table *out))
{
	FILE *in = fmemopen((void *)text, size, "r");
	struct table t = {0};

	if (!in)
		abort();
	read(in, &t);
	for (size_t i = 0; i < t.count; i++)
		if (t.entry[i].end > t.entry[i].start && !table_find(&t, t.entry[i].start))
			abort();
	fclose(in);
	table_fini(&t);
}

static void maps_try(const char *text, size_t size)
{
	FILE *in = fmemopen((void *)text, size, "r");
	struct code_maps maps = {0};
	struct map_range range[4];
	unsigned ranges;

	if (!in)
		abort();
	code_maps_parse(in, &maps);
	ranges = code_maps_ranges(&maps, range, 4);
	for (size_t i = 0; i < maps.count; i++) {
		bool covered = false;

		for (unsigned k = 0; k < ranges; k++)
			covered |= maps.map[i].at.start >= range[k].start && maps.map[i].at.end <= range[k].end;
		if (!covered)
			abort();
	}
	fclose(in);
	code_maps_fini(&maps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[64];
	char *text = malloc(size + 1);

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	record_stack_check(text, (uint32_t)size);
	demangle(text, name, sizeof(name));
	if (size) { /* fmemopen refuses nothing at all */
		table_try(text, size, perf_map_read);
		table_try(text, size, kallsyms_read);
		maps_try(text, size);
	}
	free(text);
	return 0;
}
