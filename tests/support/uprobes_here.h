/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs on functions: a test is skipped where the kernel has no such link. */
#ifndef TOLL_TESTS_UPROBES_HERE_H
#define TOLL_TESTS_UPROBES_HERE_H

#include "probe/path_try.h"
#include "tests/support/test.h"

/* What each kernel must have is judged by tests/kernels/check.sh. */
static inline void uprobes_or_skip(enum uprobe_link_kind link)
{
	struct paths paths = {0};
	char why[160];

	if (!path_try(&paths, PATH_ALLOC, link, why, sizeof(why)))
		return;
	print_message("skip programs on functions: %s\n", why);
	skip();
}

#endif
