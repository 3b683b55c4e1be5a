/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A named stack: what one key of wire_sample and wire_off_cpu stands for. Captures hold this and not the copied stack, which may hold
 * anything that the gateway's users have sent.
 */
#ifndef TOLL_RECORD_STACK_H
#define TOLL_RECORD_STACK_H

#include <stdint.h>

#include "bpf/wire.h"

#define RECORD_STACK_FRAMES_MAX (2 * WIRE_STACK_FRAMES_MAX)
#define RECORD_FRAME_NAME_MAX 256 /* bytes of one name, its NUL included */

enum record_stack_flag {
	RECORD_STACK_CUT = 1, /* the outermost user frame was not reached */
	RECORD_STACK_COPIED = 2, /* user frames were unwound from a copy; else by frame pointers */
};

/* Behind it: text_bytes of names, each with its NUL, innermost first, the kernel's before the user's. */
struct record_stack {
	uint64_t stack; /* the key */
	uint32_t tgid;
	uint16_t frames;
	uint16_t kernel_frames; /* of `frames` */
	uint16_t unnamed; /* of `frames`: no symbol covers them */
	uint16_t flags; /* enum record_stack_flag */
	uint32_t text_bytes;
};
_Static_assert(sizeof(struct record_stack) == 24, "layout of record_stack");

/* 0 or -EPROTO: do the counts and the text behind the head agree? Asked before any use. */
int record_stack_check(const void *data, uint32_t bytes);

#endif
