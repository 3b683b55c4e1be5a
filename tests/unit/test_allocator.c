// SPDX-License-Identifier: GPL-2.0-only
// rooms: base probe/placement probe/elf_file probe/allocator probe/allocator_file probe/proc
/* The allocator functions of this process and of Debian's allocator libraries. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "probe/allocator.h"
#include "tests/support/test.h"

static const struct allocator_function *find(const struct allocators *a, unsigned file, const char *name)
{
	for (unsigned i = 0; i < a->functions; i++)
		if (a->function[i].file == file && !strncmp(a->function[i].name, name, strlen(name)))
			return &a->function[i];
	return NULL;
}

static struct allocators found; /* too large for a stack */

static int file_of_family(const char *family)
{
	for (unsigned i = 0; i < found.files; i++)
		if (!strcmp(found.file[i].family, family))
			return (int)i;
	return -1;
}

static void debians_libc_has_emulated_instructions(void **state)
{
	static const char *const names[] = {"malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc"};
	struct err err = {0};
	int libc;

	(void)state;
	assert_int_equal(allocators_find((uint32_t)getpid(), &found, &err), 0);
	libc = file_of_family("glibc");
	assert_true(libc >= 0);
	assert_non_null(strstr(found.file[libc].shown, "libc.so.6"));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct allocator_function *f = find(&found, (unsigned)libc, names[i]);

		assert_non_null(f);
		assert_int_not_equal(f->place.insn, PROBE_INSN_STEPPED);
		assert_false(f->entry_only);
		assert_int_not_equal(f->entry, 0);
	}
	assert_string_equal(find(&found, (unsigned)libc, "aligned_alloc")->name, "aligned_alloc, memalign");
	assert_true(find(&found, (unsigned)libc, "posix_memalign")->hands_on);
	assert_true(find(&found, (unsigned)libc, "aligned_alloc")->hands_on);
	assert_false(find(&found, (unsigned)libc, "calloc")->hands_on);
}

static void add_library(const char *path)
{
	struct elf_file *elf;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	memset(&found, 0, sizeof(found));
	if (fd < 0) {
		print_message("skip %s is not installed\n", path);
		skip();
	}
	assert_int_equal(elf_file_open(&elf, fd), 0);
	found.files = 1;
	assert_true(allocators_add_file(&found, 0, elf, false) > 0);
	elf_file_close(elf);
	close(fd);
}

static void no_function_is_stepped(void)
{
	for (unsigned i = 0; i < found.functions; i++)
		assert_int_not_equal(found.function[i].place.insn, PROBE_INSN_STEPPED);
}

static void jemalloc(void **state)
{
	(void)state;
	add_library("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2");
	assert_string_equal(found.file[0].family, "jemalloc");
	assert_non_null(find(&found, 0, "malloc"));
	assert_non_null(find(&found, 0, "operator new"));
	assert_int_equal(find(&found, 0, "posix_memalign")->kind, WIRE_ALLOC_POSIX_MEMALIGN);
	assert_false(find(&found, 0, "posix_memalign")->hands_on);
	no_function_is_stepped();
}

static void tcmalloc(void **state)
{
	(void)state;
	add_library("/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4");
	assert_string_equal(found.file[0].family, "tcmalloc");
	/* one address under many names is one function */
	assert_non_null(strstr(find(&found, 0, "free")->name, "operator delete"));
	no_function_is_stepped();
}

static void mimalloc(void **state)
{
	(void)state;
	add_library("/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0");
	assert_string_equal(found.file[0].family, "mimalloc");
	assert_non_null(find(&found, 0, "malloc"));
	no_function_is_stepped();
}

static void musl(void **state)
{
	(void)state;
	add_library("/usr/lib/x86_64-linux-musl/libc.so");
	assert_int_equal(find(&found, 0, "malloc")->place.insn, PROBE_INSN_JMP);
	no_function_is_stepped();
}

/* libstdc++'s operator new calls malloc, which is counted: two probes on one allocation would cost twice. */
static void a_library_that_only_wraps_malloc_has_none(void **state)
{
	struct elf_file *elf;
	int fd = open("/usr/lib/x86_64-linux-gnu/libstdc++.so.6", O_RDONLY | O_CLOEXEC);

	(void)state;
	memset(&found, 0, sizeof(found));
	if (fd < 0) {
		print_message("skip libstdc++ is not installed\n");
		skip();
	}
	assert_int_equal(elf_file_open(&elf, fd), 0);
	assert_int_equal(allocators_add_file(&found, 0, elf, false), 0);
	elf_file_close(elf);
	close(fd);
}

static void what_is_no_elf_file_is_refused(void **state)
{
	char text[] = "#!/bin/sh\n", head[64] = "\177ELF";
	struct elf_file *elf;

	(void)state;
	assert_int_equal(elf_file_open_memory(&elf, text, sizeof(text)), -ENOEXEC);
	assert_int_equal(elf_file_open_memory(&elf, head, sizeof(head)), -ENOEXEC);
}

static void a_process_that_is_gone(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(allocators_find(UINT32_MAX / 2, &found, &err), -ESRCH);
	assert_non_null(strstr(err.text, "process"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(debians_libc_has_emulated_instructions),
		cmocka_unit_test(jemalloc),
		cmocka_unit_test(tcmalloc),
		cmocka_unit_test(mimalloc),
		cmocka_unit_test(musl),
		cmocka_unit_test(a_library_that_only_wraps_malloc_has_none),
		cmocka_unit_test(what_is_no_elf_file_is_refused),
		cmocka_unit_test(a_process_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
