/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of `toll doctor` that tells where allocator probes would sit and what they cost. */
#ifndef TOLL_COMMANDS_DOCTOR_ALLOCATORS_H
#define TOLL_COMMANDS_DOCTOR_ALLOCATORS_H

#include <stdint.h>

#include "probe/paths.h"

/* pid: whose allocators; 0: this process', which are this machine's libc. */
void doctor_allocators_print(uint32_t pid, const struct paths *asked);

#endif
