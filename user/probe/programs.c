// SPDX-License-Identifier: GPL-2.0-only
/* Which programs are in this binary, whatever the kernel below it can load. */
#include "probe/skeleton.h"

#include <bpf/libbpf.h>

#include "probe/programs.h"

static int say_nothing(enum libbpf_print_level level, const char *format, va_list ap)
{
	(void)level;
	(void)format;
	(void)ap;
	return 0;
}

void programs_each(void (*fn)(void *ctx, const char *hook), void *ctx)
{
	libbpf_print_fn_t before = libbpf_set_print(say_nothing);
	struct toll_bpf *skel = toll_bpf__open();
	struct bpf_program *p;

	libbpf_set_print(before);
	if (!skel)
		return;
	bpf_object__for_each_program(p, skel->obj)
	{
		const char *hook = bpf_program__section_name(p);

		fn(ctx, *hook == '?' ? hook + 1 : hook);
	}
	toll_bpf__destroy(skel);
}

void programs_libbpf(unsigned *major, unsigned *minor)
{
	*major = libbpf_major_version();
	*minor = libbpf_minor_version();
}
