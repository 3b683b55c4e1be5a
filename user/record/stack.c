// SPDX-License-Identifier: GPL-2.0-only
#include "record/stack.h"

#include <errno.h>
#include <string.h>

int record_stack_check(const void *data, uint32_t bytes)
{
	const char *text = (const char *)data + sizeof(struct record_stack);
	struct record_stack head;
	uint32_t names = 0;

	if (bytes < sizeof(head))
		return -EPROTO;
	memcpy(&head, data, sizeof(head));
	if (head.frames > RECORD_STACK_FRAMES_MAX || head.kernel_frames > head.frames || head.unnamed > head.frames ||
	    head.text_bytes != bytes - sizeof(head) || head.text_bytes > RECORD_STACK_FRAMES_MAX * RECORD_FRAME_NAME_MAX)
		return -EPROTO;
	for (uint32_t i = 0; i < head.text_bytes; i++)
		names += text[i] == '\0';
	return names == head.frames && (!head.text_bytes || !text[head.text_bytes - 1]) ? 0 : -EPROTO;
}
