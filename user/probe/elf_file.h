/* SPDX-License-Identifier: GPL-2.0-only */
/* The functions that an ELF file of this machine's kind names, with their place in the file. Input is not trusted. */
#ifndef TOLL_PROBE_ELF_FILE_H
#define TOLL_PROBE_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file; /* opaque */
/* fd stays the caller's and must outlive the file. -ENOEXEC: no ELF file for x86-64; -errno. */
int elf_file_open(struct elf_file **out, int fd);
/* image: borrowed, may be changed by nobody meanwhile. */
int elf_file_open_memory(struct elf_file **out, void *image, size_t bytes);
void elf_file_close(struct elf_file *f); /* NULL is fine */

struct elf_function {
	const char *name; /* as in the symbol table, without a version; valid during the call */
	uint64_t offset; /* in the file: what a uprobe is placed by */
	uint64_t size; /* 0: the file does not tell */
};
/* Calls fn for each defined function of .dynsym and .symtab until it returns other than 0, which is returned. */
int elf_file_each_function(const struct elf_file *f, int (*fn)(void *ctx, const struct elf_function *function), void *ctx);
bool elf_file_has_section(const struct elf_file *f, const char *name);
bool elf_file_is_dynamic(const struct elf_file *f); /* it names a program interpreter */
/* Bytes of the file from offset on, at most size of them; returns how many. */
size_t elf_file_read(const struct elf_file *f, uint64_t offset, uint8_t *buf, size_t size);

#endif
