// SPDX-License-Identifier: GPL-2.0-only
#include "commands/doctor_allocators.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "probe/allocator.h"

static void function_print(const struct allocator_function *f)
{
	char at[24];

	snprintf(at, sizeof(at), "+%u", f->place.offset);
	printf("  %-32s %-5s %-8s %s\n", f->name, at, probe_insn_name(f->place.insn), f->place.text);
}

static void file_print(const struct allocators *a, unsigned file)
{
	const struct allocator_file *f = &a->file[file];

	printf("%s%s%s%s\n", f->shown, f->family[0] ? " (" : "", f->family, f->family[0] ? ")" : "");
	for (unsigned i = 0; i < a->functions; i++)
		if (a->function[i].file == file)
			function_print(&a->function[i]);
}

void doctor_allocators_print(uint32_t pid)
{
	struct allocators *a = malloc(sizeof(*a));
	struct err err = {0};

	if (!a)
		return;
	printf("\nallocator functions of %s, and the instruction that a probe sits on (\"stepped\" is the dear kind):\n",
	       pid ? "that process" : "this machine's libc");
	if (allocators_find(pid ? pid : (uint32_t)getpid(), a, &err)) {
		printf("  %s\n", err.text);
	} else {
		for (unsigned i = 0; i < a->files; i++)
			file_print(a, i);
		for (unsigned i = 0; i < a->notes; i++)
			printf("  %s\n", a->note[i]);
	}
	free(a);
}
