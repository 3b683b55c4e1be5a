// SPDX-License-Identifier: GPL-2.0-only
#include "probe/elf_file.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_BYTES 256

struct elf_file {
	Elf *elf;
	size_t segments;
	int fd; /* -1: memory */
	const uint8_t *image;
	size_t image_bytes;
};

static int check_kind(struct elf_file *f)
{
	GElf_Ehdr head;

	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF || !gelf_getehdr(f->elf, &head))
		return -ENOEXEC;
	if (head.e_machine != EM_X86_64 || head.e_ident[EI_CLASS] != ELFCLASS64)
		return -ENOEXEC;
	return elf_getphdrnum(f->elf, &f->segments) ? -ENOEXEC : 0;
}

static int open_common(struct elf_file **out, struct elf_file template)
{
	struct elf_file *f;
	int rc = check_kind(&template);

	f = rc ? NULL : malloc(sizeof(*f));
	if (!f) {
		elf_end(template.elf);
		return rc ? rc : -ENOMEM;
	}
	*f = template;
	*out = f;
	return 0;
}

int elf_file_open(struct elf_file **out, int fd)
{
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOEXEC;
	/* ELF_C_READ, not mmap: a file that is cut meanwhile must not end us with SIGBUS */
	return open_common(out, (struct elf_file){.elf = elf_begin(fd, ELF_C_READ, NULL), .fd = fd});
}

int elf_file_open_memory(struct elf_file **out, void *image, size_t bytes)
{
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOEXEC;
	return open_common(out,
			   (struct elf_file){.elf = elf_memory(image, bytes), .fd = -1, .image = image, .image_bytes = bytes});
}

void elf_file_close(struct elf_file *f)
{
	if (f)
		elf_end(f->elf);
	free(f);
}

/* File offset of an address that an executable segment holds. */
static bool offset_of(const struct elf_file *f, uint64_t address, uint64_t *offset)
{
	for (size_t i = 0; i < f->segments; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(f->elf, (int)i, &p) || p.p_type != PT_LOAD || !(p.p_flags & PF_X))
			continue;
		if (address < p.p_vaddr || address - p.p_vaddr >= p.p_filesz)
			continue;
		*offset = address - p.p_vaddr + p.p_offset;
		return true;
	}
	return false;
}

/* "malloc@@GLIBC_2.2.5", as .symtab may have it. */
static const char *name_plain(const char *name, char buf[NAME_MAX_BYTES])
{
	size_t n = strcspn(name, "@");

	if (!name[n])
		return name;
	if (n >= NAME_MAX_BYTES)
		n = NAME_MAX_BYTES - 1;
	memcpy(buf, name, n);
	buf[n] = '\0';
	return buf;
}

static int each_in(const struct elf_file *f, Elf_Scn *section, const GElf_Shdr *head,
		   int (*fn)(void *ctx, const struct elf_function *function), void *ctx)
{
	Elf_Data *data = elf_getdata(section, NULL);
	char buf[NAME_MAX_BYTES];
	size_t count = data && head->sh_entsize ? data->d_size / sizeof(Elf64_Sym) : 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < count && i < INT32_MAX; i++) {
		struct elf_function function;
		const char *name;
		GElf_Sym s;

		if (!gelf_getsym(data, (int)i, &s))
			break;
		if (GELF_ST_TYPE(s.st_info) != STT_FUNC || s.st_shndx == SHN_UNDEF)
			continue;
		name = elf_strptr(f->elf, head->sh_link, s.st_name);
		if (!name || !offset_of(f, s.st_value, &function.offset))
			continue;
		function.name = name_plain(name, buf);
		function.size = s.st_size;
		rc = fn(ctx, &function);
	}
	return rc;
}

int elf_file_each_function(const struct elf_file *f, int (*fn)(void *ctx, const struct elf_function *function), void *ctx)
{
	Elf_Scn *section = NULL;
	int rc = 0;

	while (!rc && (section = elf_nextscn(f->elf, section))) {
		GElf_Shdr head;

		if (gelf_getshdr(section, &head) && (head.sh_type == SHT_DYNSYM || head.sh_type == SHT_SYMTAB))
			rc = each_in(f, section, &head, fn, ctx);
	}
	return rc;
}

bool elf_file_has_section(const struct elf_file *f, const char *name)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(f->elf, &names))
		return false;
	while ((section = elf_nextscn(f->elf, section))) {
		const char *its;
		GElf_Shdr head;

		if (!gelf_getshdr(section, &head))
			continue;
		its = elf_strptr(f->elf, names, head.sh_name);
		if (its && !strcmp(its, name))
			return true;
	}
	return false;
}

bool elf_file_is_dynamic(const struct elf_file *f)
{
	GElf_Phdr p;

	for (size_t i = 0; i < f->segments; i++)
		if (gelf_getphdr(f->elf, (int)i, &p) && p.p_type == PT_INTERP)
			return true;
	return false;
}

size_t elf_file_read(const struct elf_file *f, uint64_t offset, uint8_t *buf, size_t size)
{
	size_t have = 0;

	if (f->fd < 0) {
		if (offset < f->image_bytes)
			have = f->image_bytes - offset < size ? f->image_bytes - offset : size;
		memcpy(buf, f->image + (have ? offset : 0), have);
		return have;
	}
	while (have < size && offset + have <= INT64_MAX) {
		ssize_t n = pread(f->fd, buf + have, size - have, (off_t)(offset + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return have;
}
