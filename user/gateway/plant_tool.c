// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/plant_tool.h"

#include <stddef.h>

static const struct plant_tool *const tools[GATEWAY_PLANT_KINDS] = {
	[GATEWAY_PLANT_CPU] = &plant_cpu,
	[GATEWAY_PLANT_SYSCALLS] = &plant_syscalls,
	[GATEWAY_PLANT_LOCK] = &plant_lock,
	[GATEWAY_PLANT_FSYNC] = &plant_fsync,
	[GATEWAY_PLANT_MALLOC] = &plant_malloc,
	[GATEWAY_PLANT_PAGE_FAULTS] = &plant_page_faults,
	[GATEWAY_PLANT_FILE_FAULTS] = &plant_file_faults,
	[GATEWAY_PLANT_NEIGHBOUR] = &plant_neighbour,
	[GATEWAY_PLANT_QUOTA] = &plant_quota,
	[GATEWAY_PLANT_RESOLVER] = &plant_resolver,
};

const struct plant_tool *plant_tool_of(enum gateway_plant_kind kind)
{
	return tools[kind];
}

int plant_tools_open(struct plant_tools *t, const struct gateway_plants *plants, const struct plant_site *site, struct err *err)
{
	*t = (struct plant_tools){.plants = plants};
	for (unsigned i = 0; i < plants->count; i++) {
		const struct plant_tool *tool = plant_tool_of(plants->plant[i].kind);

		if (!tool || !tool->open)
			continue;
		int ret = tool->open(&plants->plant[i], site, &t->ctx[i], err);
		if (ret)
			return ret;
	}
	return 0;
}

void plant_tools_close(struct plant_tools *t)
{
	for (unsigned i = 0; t->plants && i < t->plants->count; i++)
		if (t->ctx[i])
			plant_tool_of(t->plants->plant[i].kind)->close(t->ctx[i]);
	*t = (struct plant_tools){.plants = NULL};
}
