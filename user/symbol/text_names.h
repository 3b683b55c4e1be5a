/* SPDX-License-Identifier: GPL-2.0-only */
/* Names that come as text: what a JIT writes of its code (/tmp/perf-PID.map), what the kernel tells of its own (/proc/kallsyms). */
#ifndef TOLL_SYMBOL_TEXT_NAMES_H
#define TOLL_SYMBOL_TEXT_NAMES_H

#include <stdio.h>

#include "symbol/table.h"

/* Lines "START SIZE NAME", hexadecimal; a later line wins over an earlier one. Lines that are none are skipped. -ENOMEM. */
int perf_map_read(FILE *in, struct table *out);
/* Code symbols of "ADDRESS TYPE NAME [MODULE]"; where addresses are hidden (all 0) the table stays empty. -ENOMEM. */
int kallsyms_read(FILE *in, struct table *out);

#endif
