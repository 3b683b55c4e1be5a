// SPDX-License-Identifier: GPL-2.0-only
#include "symbol/demangle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libiberty/demangle.h>

/* Symbols come from files that are not ours: some are made to be costly. */
#define MANGLED_BYTES_MAX 2048

/* Only these two beginnings: "_Z" (C++, Rust's older scheme) and "_R" (Rust). Others would turn plain C names into something else. */
static char *demangled(const char *name)
{
	if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R') || strnlen(name, MANGLED_BYTES_MAX) == MANGLED_BYTES_MAX)
		return NULL;
	return cplus_demangle(name, DMGL_AUTO | DMGL_ANSI);
}

void demangle(const char *name, char *out, size_t size)
{
	char *nice = demangled(name);
	int n = snprintf(out, size, "%s", nice ? nice : name);

	if (n >= 0 && (size_t)n >= size && size > 3)
		memcpy(out + size - 4, "...", 4);
	free(nice);
}
