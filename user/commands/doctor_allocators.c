// SPDX-License-Identifier: GPL-2.0-only
#include "commands/doctor_allocators.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"
#include "probe/allocator.h"
#include "probe/calibrate.h"

/* NULL: calibration failed. */
static void function_print(const struct allocator_function *f, const struct calibration *c)
{
	char at[24], cost[32] = "?";

	snprintf(at, sizeof(at), "+%u", f->place.offset);
	if (c)
		units_format_ns(cost, sizeof(cost), f->entry_only ? c->entry_ns[f->place.insn] : c->call_ns[f->place.insn]);
	printf("  %-40s %-5s %-8s %-10s %s\n", f->name, at, probe_insn_name(f->place.insn), cost, f->place.text);
}

static void file_print(const struct allocators *a, unsigned file, const struct calibration *c)
{
	const struct allocator_file *f = &a->file[file];

	printf("%s%s%s%s\n", f->shown, f->family[0] ? " (" : "", f->family, f->family[0] ? ")" : "");
	for (unsigned i = 0; i < a->functions; i++)
		if (a->function[i].file == file)
			function_print(&a->function[i], c);
}

static void calibration_print(const struct calibration *c, int rc, const char *why)
{
	printf("\nallocator probes: ");
	if (rc) {
		printf("no: %s\n", why);
		return;
	}
	printf("%s; calibrated in %.1f ms; CPU time of a call, ns: entry alone / both ends / end not looked at / ... while "
	       "another process has probes there (latency added, known to):\n ",
	       uprobe_link_name(c->link), (double)c->took_us / 1e3);
	for (unsigned i = 0; i < PROBE_INSNS; i++)
		printf(" %s %u/%u/%u/%u (%u ±%u)", probe_insn_name((enum probe_insn)i), c->entry_ns[i], c->call_ns[i],
		       c->skipped_ns[i], c->skipped_beside_ns[i], c->bias_ns[i], c->noise_ns[i]);
	printf("\n");
}

void doctor_allocators_print(uint32_t pid, const struct paths *asked)
{
	struct allocators *a = malloc(sizeof(*a));
	struct err err = {0};
	struct calibration c;
	int calibrated;

	if (!a)
		return;
	calibrated = calibrate((enum uprobe_link_kind)asked->impl[PATH_ALLOC], &c, &err);
	calibration_print(&c, calibrated, err.text);
	printf("\nallocator functions of %s: instruction that a probe sits on, its kind, CPU time of a call seen at both ends:\n",
	       pid ? "that process" : "this machine's libc");
	if (allocators_find(pid ? pid : (uint32_t)getpid(), a, &err)) {
		printf("  %s\n", err.text);
	} else {
		for (unsigned i = 0; i < a->files; i++)
			file_print(a, i, calibrated ? NULL : &c);
		for (unsigned i = 0; i < a->notes; i++)
			printf("  %s\n", a->note[i]);
	}
	free(a);
}
