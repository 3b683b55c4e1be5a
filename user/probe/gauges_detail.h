/* SPDX-License-Identifier: GPL-2.0-only */
/* What one process holds, kind by kind; added up. Private to discover_gauges(). */
#ifndef TOLL_PROBE_GAUGES_DETAIL_H
#define TOLL_PROBE_GAUGES_DETAIL_H

#include <stdint.h>

#include "record/request.h"

/* Heap and anonymous mappings; `missing` where they may not be read. */
void gauge_mappings(uint32_t pid, struct record_gauges *out);
/* Descriptors by kind, TCP sockets by state and what waits in them; `missing` where they may not be read. -ENOMEM. */
int gauge_descriptors(uint32_t pid, struct record_gauges *out);

#endif
