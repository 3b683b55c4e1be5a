/* SPDX-License-Identifier: GPL-2.0-only */
/* Turns as the ring carries them (WIRE_KIND_TURNS), made whole. */
#ifndef TOLL_PROBE_TURNS_H
#define TOLL_PROBE_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"

/* Is this record of `bytes` bytes as long as it says, with at least one turn? To be asked before turns_get(). */
bool turns_check(const struct wire_turns *r, uint32_t bytes);
/* Turn i of r->count. Its header's time is that of its last mark. */
void turns_get(const struct wire_turns *r, unsigned i, struct wire_turn *out);

#endif
