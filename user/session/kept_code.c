// SPDX-License-Identifier: GPL-2.0-only
#include "session/kept_code.h"

#include <errno.h>

static int on_named(void *ctx, const struct record_stack *stack, uint32_t bytes)
{
	struct kept_code *c = ctx;

	(void)bytes;
	return survivors_named(c->found, stack->stack, (const char *)(stack + 1), stack->text_bytes, stack->frames);
}

int kept_code_open(struct kept_code *c, const struct symbols *files)
{
	struct symbols_config names = {.named = on_named, .ctx = c, .files = files};
	int rc = code_open(&c->code, &names);

	c->found = survivors_new();
	return rc ? rc : c->found ? 0 : -ENOMEM;
}

void kept_code_close(struct kept_code *c)
{
	code_close(&c->code);
	survivors_free(c->found);
	c->found = NULL;
}

int kept_code_stack(void *kept_code, const struct wire_stack *stack)
{
	struct kept_code *c = kept_code;

	return code_stack(&c->code, stack);
}
