// SPDX-License-Identifier: GPL-2.0-only
#include "session/kept_code.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

static int on_named(void *ctx, const struct record_stack *stack, uint32_t bytes)
{
	struct kept_code *c = ctx;

	(void)bytes;
	return survivors_named(c->found, stack->stack, (const char *)(stack + 1), stack->text_bytes, stack->frames);
}

int kept_code_open(struct kept_code *c)
{
	struct symbols_config names = {.named = on_named, .ctx = c};

	c->symbols = symbols_new(&names);
	c->found = survivors_new();
	return c->symbols && c->found ? 0 : -ENOMEM;
}

void kept_code_close(struct kept_code *c)
{
	symbols_free(c->symbols);
	survivors_free(c->found);
	*c = (struct kept_code){.probe = NULL};
}

static void tell(struct kept_code *c, uint32_t tgid, const struct code_maps *maps)
{
	int rc = c->text(c->probe, tgid, maps, symbols_frame_pointers(c->symbols, tgid));

	if (rc)
		log_line(LOG_DEBUG, "nothing of process %u is followed: %s", tgid, strerror(-rc));
}

void kept_code_process(struct kept_code *c, uint32_t pid)
{
	const struct code_maps *maps;

	if (!symbols_watch(c->symbols, pid, &maps))
		tell(c, pid, maps);
}

int kept_code_stack(void *kept_code, const struct wire_stack *stack)
{
	struct kept_code *c = kept_code;
	const struct code_maps *changed = NULL;
	int rc = symbols_take(c->symbols, stack, &changed);

	if (!rc && changed)
		tell(c, stack->tgid, changed);
	return rc;
}
