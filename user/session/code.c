// SPDX-License-Identifier: GPL-2.0-only
#include "session/code.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

int code_open(struct code *c, const struct symbols_config *config)
{
	*c = (struct code){.symbols = symbols_new(config)};
	return c->symbols ? 0 : -ENOMEM;
}

void code_probe(struct code *c, code_text_fn text, void *probe)
{
	c->text = text;
	c->probe = probe;
}

void code_close(struct code *c)
{
	symbols_free(c->symbols);
	*c = (struct code){0};
}

static void code_tell(struct code *c, uint32_t tgid, const struct code_maps *maps)
{
	int rc = c->text(c->probe, tgid, maps, symbols_frame_pointers(c->symbols, tgid));

	if (rc)
		log_line(LOG_DEBUG, "no stacks of process %u: %s", tgid, strerror(-rc));
}

void code_process(struct code *c, uint32_t tgid)
{
	const struct code_maps *maps;

	if (c->probe && !symbols_watch(c->symbols, tgid, &maps))
		code_tell(c, tgid, maps);
}

int code_stack(struct code *c, const struct wire_stack *stack)
{
	const struct code_maps *changed = NULL;
	int rc = c->probe ? symbols_take(c->symbols, stack, &changed) : 0;

	if (!rc && changed)
		code_tell(c, stack->tgid, changed);
	return rc;
}

int code_name(struct code *c)
{
	return c->probe ? symbols_name(c->symbols) : 0;
}
