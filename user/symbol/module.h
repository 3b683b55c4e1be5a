/* SPDX-License-Identifier: GPL-2.0-only */
/* One mapped ELF file: opened wherever its process lives, its symbols, its unwind information. Private to symbol/. */
#ifndef TOLL_SYMBOL_MODULE_H
#define TOLL_SYMBOL_MODULE_H

#include <stdbool.h>
#include <stdint.h>

#include <elfutils/libdwfl.h>

#include "symbol/maps.h"
#include "symbol/table.h"

/* Opens the file of a mapping of process pid and reports it to dwfl where it lies; NULL: not to be opened, or no ELF file. */
Dwfl_Module *module_report(Dwfl *dwfl, uint32_t pid, const struct code_map *map);
/* Functions out of symtab, dynsym, the compressed symbols of a stripped file and an installed debug file; sealed. */
void module_symbols(Dwfl_Module *mod, struct table *out);
/* Offset within the file's addresses of the function around address, or of address itself where nothing tells. */
uint64_t module_function_offset(Dwfl_Module *mod, uint64_t address);

/*
 * At an address: 1, the frame is found by the frame pointer; 0, by the stack pointer; -ENOENT: nothing tells.
 */
int module_frame_pointer(Dwfl_Module *mod, uint64_t address);

/* Built by the Go compiler: it keeps frame pointers since 1.7. */
bool module_is_go(Dwfl_Module *mod);

#endif
