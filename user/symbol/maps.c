// SPDX-License-Identifier: GPL-2.0-only
#include "symbol/maps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define DELETED " (deleted)"
#define MAPS_MAX 65536
#define KERNEL_HALF (UINT64_C(1) << 63) /* [vsyscall] lies there */

static int map_add(struct code_maps *out, const struct code_map *map, const char *path)
{
	size_t bytes = strlen(path), cut = strlen(DELETED);
	struct code_map *moved;

	if (out->count >= MAPS_MAX)
		return 0;
	if ((out->count & (out->count - 1)) == 0) {
		moved = realloc(out->map, (out->count ? out->count * 2 : 1) * sizeof(*moved));
		if (!moved)
			return -ENOMEM;
		out->map = moved;
	}
	moved = &out->map[out->count];
	*moved = *map;
	moved->deleted = bytes > cut && !strcmp(path + bytes - cut, DELETED);
	moved->path = strndup(path, moved->deleted ? bytes - cut : bytes);
	if (!moved->path)
		return -ENOMEM;
	out->count++;
	return 0;
}

static int line_parse(struct code_maps *out, const char *line)
{
	struct code_map map = {0};
	unsigned major, minor;
	char mode[5];
	int path = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &map.at.start, &map.at.end, mode,
		   &map.offset, &major, &minor, &map.inode, &path) != 7 ||
	    !path || strlen(mode) != 4 || mode[2] != 'x' || map.at.start >= map.at.end || map.at.start >= KERNEL_HALF)
		return 0;
	map.device = makedev(major, minor);
	return map_add(out, &map, line + path);
}

static int by_start(const void *a, const void *b)
{
	const struct code_map *x = a, *y = b;

	return x->at.start < y->at.start ? -1 : x->at.start > y->at.start;
}

int code_maps_parse(FILE *in, struct code_maps *out)
{
	char *line = NULL;
	size_t room = 0;
	int rc = 0;

	while (!rc && getline(&line, &room, in) > 0) {
		line[strcspn(line, "\n")] = '\0';
		rc = line_parse(out, line);
	}
	free(line);
	if (out->count)
		qsort(out->map, out->count, sizeof(*out->map), by_start);
	return rc;
}

int code_maps_read(uint32_t pid, struct code_maps *out)
{
	char path[40];
	FILE *in;
	int rc;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", pid);
	in = fopen(path, "re");
	if (!in)
		return -errno;
	rc = code_maps_parse(in, out);
	fclose(in);
	return rc;
}

const struct code_map *code_maps_find(const struct code_maps *maps, uint64_t address)
{
	size_t low = 0, high = maps->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address >= maps->map[middle].at.end)
			low = middle + 1;
		else
			high = middle;
	}
	return low < maps->count && address >= maps->map[low].at.start ? &maps->map[low] : NULL;
}

static void smallest_gap_close(struct map_range *range, size_t *count)
{
	size_t best = 1;

	for (size_t i = 2; i < *count; i++)
		if (range[i].start - range[i - 1].end < range[best].start - range[best - 1].end)
			best = i;
	range[best - 1].end = range[best].end;
	memmove(&range[best], &range[best + 1], (*count - best - 1) * sizeof(*range));
	(*count)--;
}

/* The gap is closed as soon as there is one range too many, so the work stays within count * max. */
unsigned code_maps_ranges(const struct code_maps *maps, struct map_range *out, unsigned max)
{
	struct map_range *range = max ? calloc(max + 1, sizeof(*range)) : NULL;
	size_t count = 0;

	if (!range)
		return 0;
	for (size_t i = 0; i < maps->count; i++) {
		const struct map_range *at = &maps->map[i].at;

		if (count && at->start <= range[count - 1].end) {
			if (at->end > range[count - 1].end)
				range[count - 1].end = at->end;
			continue;
		}
		range[count++] = *at;
		if (count > max)
			smallest_gap_close(range, &count);
	}
	memcpy(out, range, count * sizeof(*range));
	free(range);
	return (unsigned)count;
}

void code_maps_fini(struct code_maps *maps)
{
	for (size_t i = 0; i < maps->count; i++)
		free(maps->map[i].path);
	free(maps->map);
	*maps = (struct code_maps){0};
}
