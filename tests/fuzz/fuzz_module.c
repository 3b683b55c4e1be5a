// rooms: base symbol
// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as a mapped ELF file: its symbols, where its functions begin, how their frames are found. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbol/module.h"

#define MAPPED_AT UINT64_C(0x10000)
#define ASKED_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static void module_use(Dwfl_Module *mod)
{
	struct table symbols = {0};

	module_symbols(mod, &symbols);
	for (size_t i = 0; i < symbols.count; i++)
		require(symbols.entry[i].end <= symbols.entry[i].start || table_find(&symbols, symbols.entry[i].start) != NULL);
	for (size_t i = 0; i < symbols.count && i < ASKED_MAX; i++) {
		module_function_offset(mod, symbols.entry[i].start);
		module_frame_pointer(mod, symbols.entry[i].start);
	}
	module_frame_pointer(mod, MAPPED_AT);
	module_is_go(mod);
	table_fini(&symbols);
}

/* The fuzzer would not find the magic, the class and the machine by itself. */
static int file_make(const uint8_t *data, size_t size)
{
	static const uint8_t head[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
	int fd = memfd_create("module", MFD_CLOEXEC);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	require(pwrite(fd, head, sizeof(head), 0) == sizeof(head) && pwrite(fd, "\x3e", 2, 18) == 2); /* EM_X86_64 */
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char no_debug_files[] = "";
	static char *debug_path = no_debug_files;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &debug_path,
	};
	char path[48];
	int fd;

	if (size < 64)
		return 0;
	fd = file_make(data, size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	const struct code_map map = {.at = {.start = MAPPED_AT, .end = MAPPED_AT + size}, .path = path};
	Dwfl *dwfl = dwfl_begin(&callbacks);
	require(dwfl != NULL);
	dwfl_report_begin(dwfl);
	Dwfl_Module *mod = module_report(dwfl, 0, &map);
	dwfl_report_end(dwfl, NULL, NULL);
	if (mod)
		module_use(mod);
	dwfl_end(dwfl);
	close(fd);
	return 0;
}
