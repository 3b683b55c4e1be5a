// SPDX-License-Identifier: GPL-2.0-only
#include "symbol/module.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <dwarf.h>
#include <gelf.h>

#define VDSO "[vdso]"
#define REGISTER_RBP 6 /* x86-64 psABI, DWARF register numbers */

/* The kernel maps the same one into every process, so ours is read. */
static int vdso_open(uint64_t bytes)
{
	const char *image = (const char *)getauxval(AT_SYSINFO_EHDR);
	int fd = image ? memfd_create("vdso", MFD_CLOEXEC) : -1;

	if (fd >= 0 && write(fd, image, bytes) != (ssize_t)bytes) {
		close(fd);
		return -1;
	}
	return fd;
}

/* By the mapping itself: the very file, though deleted, replaced or in another mount namespace; else by name. */
static int map_open(uint32_t pid, const struct code_map *map)
{
	char path[PATH_MAX + 64];
	int fd;

	if (!strcmp(map->path, VDSO))
		return vdso_open(map->at.end - map->at.start);
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/map_files/%" PRIx64 "-%" PRIx64, pid, map->at.start, map->at.end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 || map->deleted)
		return fd;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/root%s", pid, map->path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : open(map->path, O_RDONLY | O_CLOEXEC);
}

/* How far the file's addresses are moved: from the program header that this mapping was made of. */
static bool bias_find(Elf *elf, const struct code_map *map, uint64_t *bias)
{
	size_t headers;

	if (elf_kind(elf) != ELF_K_ELF || elf_getphdrnum(elf, &headers))
		return false;
	for (size_t i = 0; i < headers; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD || !(p.p_flags & PF_X))
			continue;
		if (map->offset + (map->at.end - map->at.start) <= p.p_offset || map->offset >= p.p_offset + p.p_filesz)
			continue;
		*bias = map->at.start - map->offset + p.p_offset - p.p_vaddr;
		return true;
	}
	return false;
}

Dwfl_Module *module_report(Dwfl *dwfl, uint32_t pid, const struct code_map *map)
{
	int fd = map_open(pid, map);
	Dwfl_Module *mod = NULL;
	uint64_t bias = 0;
	bool found;
	Elf *elf;

	if (fd < 0)
		return NULL;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	found = elf && bias_find(elf, map, &bias);
	elf_end(elf);
	if (found)
		mod = dwfl_report_elf(dwfl, map->path, map->path, fd, bias, true);
	if (!mod)
		close(fd);
	return mod;
}

/* Of several names of one address: real functions before labels, what others may call before what they may not, plain names before __ones. */
static unsigned symbol_rank(const GElf_Sym *sym, const char *name)
{
	unsigned rank = GELF_ST_TYPE(sym->st_info) == STT_NOTYPE ? 0 : 8;

	rank += GELF_ST_BIND(sym->st_info) == STB_GLOBAL ? 4 : GELF_ST_BIND(sym->st_info) == STB_WEAK ? 2 : 0;
	return rank + (name[0] != '_' || name[1] == 'Z' || name[1] == 'R');
}

static bool is_code(Elf *elf, GElf_Word section)
{
	Elf_Scn *scn = elf ? elf_getscn(elf, section) : NULL;
	GElf_Shdr header;

	return scn && gelf_getshdr(scn, &header) && (header.sh_flags & SHF_EXECINSTR);
}

void module_symbols(Dwfl_Module *mod, struct table *out)
{
	int count = dwfl_module_getsymtab(mod);

	for (int i = 1; i < count; i++) {
		GElf_Word section;
		GElf_Addr address;
		GElf_Sym sym;
		Elf *elf = NULL;
		const char *name = dwfl_module_getsym_info(mod, i, &sym, &address, &section, &elf, NULL);
		unsigned type = name ? GELF_ST_TYPE(sym.st_info) : STT_SECTION;

		if ((type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE) || !name[0] || section == SHN_UNDEF)
			continue;
		if (type == STT_NOTYPE && !is_code(elf, section))
			continue;
		/* "memcpy@GLIBC_2.2.5": the version is the linker's business */
		if (table_add(out, address, sym.st_size, symbol_rank(&sym, name), name, strcspn(name, "@")))
			break;
	}
	table_seal(out);
}

uint64_t module_function_offset(Dwfl_Module *mod, uint64_t address)
{
	Dwarf_Addr cfi_bias = 0, start = address, begin, end;
	Dwarf_CFI *cfi = dwfl_module_eh_cfi(mod, &cfi_bias);
	Dwarf_Frame *frame = NULL;
	GElf_Addr bias = 0;

	if (cfi && dwarf_cfi_addrframe(cfi, address - cfi_bias, &frame) == 0) {
		if (dwarf_frame_info(frame, &begin, &end, NULL) >= 0)
			start = begin + cfi_bias;
		free(frame);
	}
	dwfl_module_getelf(mod, &bias);
	return start - bias;
}

int module_frame_pointer(Dwfl_Module *mod, uint64_t address)
{
	Dwarf_Addr bias = 0;
	Dwarf_CFI *cfi = dwfl_module_eh_cfi(mod, &bias);
	Dwarf_Frame *frame = NULL;
	Dwarf_Op *op = NULL;
	size_t ops = 0;
	int found = -ENOENT;

	if (!cfi || dwarf_cfi_addrframe(cfi, address - bias, &frame))
		return -ENOENT;
	if (dwarf_frame_cfa(frame, &op, &ops) == 0 && ops > 0) {
		bool by_number = op[0].atom == DW_OP_bregx;

		found = op[0].atom == DW_OP_breg6 || (by_number && op[0].number == REGISTER_RBP);
	}
	free(frame);
	return found;
}

bool module_is_go(Dwfl_Module *mod)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(mod, &bias);
	Elf_Scn *scn = NULL;
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names))
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr header;
		const char *name = gelf_getshdr(scn, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;

		if (name && strstr(name, "gopclntab")) /* ".data.rel.ro.gopclntab" when position independent */
			return true;
	}
	return false;
}
