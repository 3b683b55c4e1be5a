/* SPDX-License-Identifier: GPL-2.0-only */
/* C++, Rust (both manglings) and D names as people write them. */
#ifndef TOLL_SYMBOL_DEMANGLE_H
#define TOLL_SYMBOL_DEMANGLE_H

#include <stddef.h>

/* Names that are not mangled come out as they are; what does not fit into size is cut, with "..." at its end. */
void demangle(const char *name, char *out, size_t size);

#endif
