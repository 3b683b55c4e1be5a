// SPDX-License-Identifier: GPL-2.0-only
#include "symbol/space.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <elfutils/libdwfl.h>

#include "symbol/demangle.h"
#include "symbol/module.h"
#include "symbol/table.h"

#define THREAD 1 /* libdwfl wants a thread id; ours has one thread: the stack that is being unwound */
#define REGISTER_RBP 6 /* x86-64 psABI, DWARF register numbers; 7 is rsp */
#define REGISTER_RETURN 16
#define FRAME_POINTER_PLACES 512

struct module {
	struct map_range at;
	Dwfl_Module *dwfl;
	const char *name; /* of the file, without its directories */
	bool named; /* the table is filled */
	struct table table;
};

/* A part of a file that is mapped a second time elsewhere (V8 does it with its built-in functions, to have them near its own code). */
struct copy_of_code {
	struct map_range at;
	uint64_t shift; /* this address less that of the same byte in the file's first mapping */
};

struct space {
	struct code_maps maps;
	Dwfl *dwfl;
	struct module *module;
	unsigned modules;
	struct copy_of_code *again;
	unsigned agains;
	bool attached;
	const struct wire_stack *stack; /* being unwound */
	const unsigned char *copy;
	bool past_copy; /* behind the outermost frame so far, memory was asked for that the copy does not hold */
	uint64_t last_bp; /* of the outermost frame so far; 0: by convention the end of a chain of frame pointers */
};

/* By build id, from what is installed here: the standard search would also ask servers named in the environment. */
static int find_debuginfo(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base, const char *file,
			  const char *link, GElf_Word crc, char **found)
{
	return dwfl_build_id_find_debuginfo(mod, userdata, name, base, file, link, crc, found);
}

static int find_no_elf(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base, char **file, Elf **elf)
{
	(void)mod, (void)userdata, (void)name, (void)base, (void)file, (void)elf;
	return -1;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_no_elf, .find_debuginfo = find_debuginfo, .section_address = dwfl_offline_section_address};

/* --- the stack that is being unwound, as libdwfl asks for it ----------------------------------------------------------------- */

static pid_t next_thread(Dwfl *dwfl, void *space, void **thread)
{
	(void)dwfl;
	if (*thread)
		return 0;
	*thread = space;
	return THREAD;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *space, void **thread)
{
	(void)dwfl;
	*thread = space;
	return tid == THREAD;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *result, void *arg)
{
	struct space *s = arg;
	uint64_t offset = address - s->stack->sp;

	(void)dwfl;
	if (address < s->stack->sp || s->stack->copied_bytes < sizeof(uint64_t) ||
	    offset > s->stack->copied_bytes - sizeof(uint64_t)) {
		s->past_copy = true;
		return false;
	}
	memcpy(result, s->copy + offset, sizeof(uint64_t));
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct space *s = arg;
	Dwarf_Word frame[2] = {s->stack->bp, s->stack->sp};
	Dwarf_Word pc = s->stack->ip;

	return dwfl_thread_state_registers(thread, REGISTER_RBP, 2, frame) &&
	       dwfl_thread_state_registers(thread, REGISTER_RETURN, 1, &pc);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread, .get_thread = get_thread, .memory_read = memory_read, .set_initial_registers = set_registers};

struct walk {
	struct space *space;
	struct chain *chain;
};

static int frame_add(Dwfl_Frame *frame, void *arg)
{
	struct walk *walk = arg;
	struct chain *c = walk->chain;
	bool activation;
	Dwarf_Addr pc;

	walk->space->past_copy = false; /* before: asking for the pc unwinds the next frame */
	if (!dwfl_frame_pc(frame, &pc, &activation) || !pc)
		return DWARF_CB_ABORT;
	/* a return address may already lie in the next function */
	c->address[c->frames++] = activation ? pc : pc - 1;
	if (dwfl_frame_reg(frame, REGISTER_RBP, &walk->space->last_bp))
		walk->space->last_bp = UINT64_MAX;
	return c->frames < WIRE_STACK_FRAMES_MAX ? DWARF_CB_OK : DWARF_CB_ABORT;
}

void space_unwind(struct space *s, const struct wire_stack *stack, const void *copy, struct chain *out)
{
	struct walk walk = {.space = s, .chain = out};
	int rc;

	out->frames = 0;
	out->whole = false;
	if (!s->attached || !stack->ip || !stack->copied_bytes)
		return;
	s->stack = stack;
	s->copy = copy;
	s->past_copy = false;
	rc = dwfl_getthread_frames(s->dwfl, THREAD, frame_add, &walk);
	/*
	 * libdwfl takes a return address that it cannot read for the end. Without call frame information (a goroutine, JIT code) the chain
	 * of frame pointers ends with 0.
	 */
	out->whole = out->frames > 0 && !s->past_copy && (rc == 0 || (rc < 0 && s->last_bp == 0));
	s->stack = NULL;
	s->copy = NULL;
}

/* --- files and their names ---------------------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* True: the file lies in the space already. libdwfl drops both when a file is reported twice at two places. */
static bool copy_add(struct space *s, const struct code_map *map)
{
	for (const struct code_map *first = s->maps.map; first < map; first++) {
		uint64_t bytes = first->at.end - first->at.start;

		if (!map->inode || first->inode != map->inode || first->device != map->device || map->offset < first->offset ||
		    map->offset - first->offset >= bytes)
			continue;
		s->again[s->agains++] = (struct copy_of_code){
			.at = map->at, .shift = map->at.start - (first->at.start + (map->offset - first->offset))};
		return true;
	}
	return false;
}

static void module_add(struct space *s, uint32_t pid, const struct code_map *map)
{
	struct module *m = &s->module[s->modules];
	const struct module *last = s->modules ? m - 1 : NULL;
	Dwarf_Addr start, end;

	if (!map->inode && strcmp(map->path, "[vdso]"))
		return;
	if (last && map->at.start >= last->at.start && map->at.start < last->at.end)
		return; /* a further part of the same file */
	if (copy_add(s, map))
		return;
	m->dwfl = module_report(s->dwfl, pid, map);
	if (!m->dwfl)
		return;
	dwfl_module_info(m->dwfl, NULL, &start, &end, NULL, NULL, NULL, NULL);
	m->at = (struct map_range){start, end};
	m->name = base_name(map->path);
	s->modules++;
}

int space_new(struct space **out, uint32_t pid, struct code_maps *maps)
{
	struct space *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->dwfl = dwfl_begin(&callbacks);
	s->module = calloc(maps->count + 1, sizeof(*s->module));
	s->again = calloc(maps->count + 1, sizeof(*s->again));
	if (!s->dwfl || !s->module || !s->again) {
		space_free(s);
		return -ENOMEM;
	}
	s->maps = *maps;
	*maps = (struct code_maps){0};
	dwfl_report_begin(s->dwfl);
	for (size_t i = 0; i < s->maps.count; i++)
		module_add(s, pid, &s->maps.map[i]);
	dwfl_report_end(s->dwfl, NULL, NULL);
	s->attached = s->modules && dwfl_attach_state(s->dwfl, NULL, THREAD, &thread_callbacks, s);
	*out = s;
	return 0;
}

void space_free(struct space *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->modules; i++)
		table_fini(&s->module[i].table);
	free(s->module);
	free(s->again);
	if (s->dwfl)
		dwfl_end(s->dwfl);
	code_maps_fini(&s->maps);
	free(s);
}

bool space_is(const struct space *s, const struct code_maps *maps)
{
	if (s->maps.count != maps->count)
		return false;
	for (size_t i = 0; i < maps->count; i++) {
		const struct code_map *a = &s->maps.map[i], *b = &maps->map[i];

		if (a->at.start != b->at.start || a->at.end != b->at.end || a->offset != b->offset || a->inode != b->inode ||
		    a->device != b->device)
			return false;
	}
	return true;
}

const struct code_maps *space_maps(const struct space *s)
{
	return &s->maps;
}

/* The address of the same byte of code in its file's first mapping. */
static uint64_t first_mapping(const struct space *s, uint64_t address)
{
	for (unsigned i = 0; i < s->agains; i++)
		if (address >= s->again[i].at.start && address < s->again[i].at.end)
			return address - s->again[i].shift;
	return address;
}

static struct module *module_at(struct space *s, uint64_t address)
{
	for (unsigned i = 0; i < s->modules; i++)
		if (address >= s->module[i].at.start && address < s->module[i].at.end)
			return &s->module[i];
	return NULL;
}

enum space_name space_name(struct space *s, uint64_t mapped, char *out, size_t size)
{
	uint64_t address = first_mapping(s, mapped);
	struct module *m = module_at(s, address);
	const char *symbol;

	if (!m)
		return SPACE_NO_NAME;
	if (!m->named) {
		module_symbols(m->dwfl, &m->table);
		m->named = true;
	}
	symbol = table_find(&m->table, address);
	if (symbol) {
		demangle(symbol, out, size);
		return SPACE_FUNCTION;
	}
	snprintf(out, size, "%s+0x%" PRIx64, m->name, module_function_offset(m->dwfl, address));
	return SPACE_FILE;
}

/* Prologues and leaf functions have none either way, so it is the share that tells: near 90 % with frame pointers, below 10 % without. */
bool space_frame_pointers(struct space *s, const struct map_range *in)
{
	uint64_t start = first_mapping(s, in->start);
	struct module *m = module_at(s, start);
	unsigned with = 0, without = 0;

	if (!m || module_is_go(m->dwfl))
		return m != NULL;
	for (unsigned i = 0; i < FRAME_POINTER_PLACES; i++) {
		uint64_t address = start + (in->end - in->start) / FRAME_POINTER_PLACES * i;
		int found = module_frame_pointer(m->dwfl, address);

		with += found == 1;
		without += found == 0;
	}
	return with > without;
}
