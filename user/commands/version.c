// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "probe/programs.h"

#ifndef TOLL_VERSION
#define TOLL_VERSION "0.1"
#endif

#define HOOKS_MAX 128

struct hooks {
	char name[HOOKS_MAX][64];
	unsigned count;
};

static void hook_add(void *ctx, const char *hook)
{
	struct hooks *h = ctx;

	for (unsigned i = 0; i < h->count; i++)
		if (!strcmp(h->name[i], hook))
			return;
	if (h->count < HOOKS_MAX)
		snprintf(h->name[h->count++], sizeof(h->name[0]), "%s", hook);
}

/* Hooks of one kind on lines of their own, wrapped. */
static void kind_print(const struct hooks *h, const char *kind)
{
	unsigned columns = 100;

	for (unsigned i = 0; i < h->count; i++) {
		const char *slash = strchr(h->name[i], '/'), *what = slash ? slash + 1 : h->name[i];
		size_t n = slash ? (size_t)(slash - h->name[i]) : strlen(h->name[i]);

		if (strlen(kind) != n || strncmp(kind, h->name[i], n))
			continue;
		if (columns + strlen(what) + 1 > 96)
			columns = (unsigned)printf("%s  %-16s", columns == 100 ? "" : "\n", columns == 100 ? kind : "");
		columns += (unsigned)printf(" %s", slash ? what : "");
	}
	if (columns != 100)
		putchar('\n');
}

static bool kind_is_new(const struct hooks *h, unsigned i)
{
	size_t n = strcspn(h->name[i], "/");

	for (unsigned k = 0; k < i; k++)
		if (strcspn(h->name[k], "/") == n && !strncmp(h->name[k], h->name[i], n))
			return false;
	return true;
}

int command_version(void)
{
	struct hooks h = {.count = 0};
	unsigned major, minor;
	char kind[64];

	programs_libbpf(&major, &minor);
	printf("toll %s\nlibbpf %u.%u\nkernel paths compiled in (`toll doctor` tells which of them this kernel has):\n",
	       TOLL_VERSION, major, minor);
	programs_each(hook_add, &h);
	for (unsigned i = 0; i < h.count; i++) {
		if (!kind_is_new(&h, i))
			continue;
		snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(h.name[i], "/"), h.name[i]);
		kind_print(&h, kind);
	}
	return 0;
}
