/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/talk.h"

void talk_begin(struct talk *t, uint32_t class_index, uint64_t number)
{
	t->running = true;
	t->class_index = class_index;
	t->number = number;
	t->turn = 0;
	t->messages.used = 0;
	t->messages.max = TALK_BYTES_MAX;
}

int talk_message(struct buf *b, const char *role, const char *text, size_t bytes)
{
	int r = buf_printf(b, "{\"role\":\"%s\",\"content\":\"", role);

	if (!r)
		r = buf_append(b, text, bytes);
	return r ? r : buf_append(b, "\"},", 3);
}

bool talk_go_on(struct talk *t, const char *question, size_t question_bytes, const struct buf *answer, uint32_t turns)
{
	t->turn++;
	t->running = t->turn < turns && !talk_message(&t->messages, "user", question, question_bytes) &&
		     !talk_message(&t->messages, "assistant", answer->used ? answer->data : "", answer->used);
	return t->running;
}

void talk_end(struct talk *t)
{
	t->running = false;
}

void talk_fini(struct talk *t)
{
	buf_fini(&t->messages);
	*t = (struct talk){0};
}
