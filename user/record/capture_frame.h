/* SPDX-License-Identifier: GPL-2.0-only */
/* What writer and reader of captures share: the head of the file and the rules for each frame type. */
#ifndef TOLL_RECORD_CAPTURE_FRAME_H
#define TOLL_RECORD_CAPTURE_FRAME_H

#include <stdint.h>

#define CAPTURE_MAGIC "toll.capture/3\n" /* with its NUL: 16 bytes */
#define CAPTURE_FRAME_BYTES_MAX (16u << 20)

struct capture_frame_head {
	uint32_t type;
	uint32_t bytes;
};

_Static_assert(sizeof(CAPTURE_MAGIC) == 16, "layout of the capture's head");
_Static_assert(sizeof(struct capture_frame_head) == 8, "layout of a frame's head");

/* May a frame of this type be this long? 0 or -EPROTO; asked before the payload is read. */
int capture_frame_check_size(uint32_t type, uint32_t bytes);
/* Do the payload's inner sizes and counts agree with its length? 0 or -EPROTO; the size must have been checked. */
int capture_frame_check(uint32_t type, const void *data, uint32_t bytes);

#endif
