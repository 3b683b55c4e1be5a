// rooms: base record symbol tests/support/own_stack
// SPDX-License-Identifier: GPL-2.0-only
/* Names of addresses: tables, JIT maps, kallsyms, demangling, mappings; and whole call chains out of a copied stack. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/demangle.h"
#include "symbol/maps.h"
#include "symbol/symbols.h"
#include "symbol/table.h"
#include "symbol/text_names.h"
#include "tests/support/own_stack.h"
#include "tests/support/test.h"

static FILE *text_open(const char *text)
{
	return fmemopen((void *)text, strlen(text), "r");
}

static void table_prefers(void **state)
{
	struct table t = {0};

	(void)state;
	assert_int_equal(table_add(&t, 100, 50, 4, "malloc", 6), 0);
	assert_int_equal(table_add(&t, 100, 50, 2, "__libc_malloc", 13), 0);
	assert_int_equal(table_add(&t, 300, 0, 0, "open", 4), 0);
	assert_int_equal(table_add(&t, 200, 10, 0, "small", 5), 0);
	assert_int_equal(table_add(&t, 400, 1, 0, "last", 4), 0);
	table_seal(&t);
	assert_null(table_find(&t, 99));
	assert_string_equal(table_find(&t, 149), "malloc");
	assert_null(table_find(&t, 150));
	assert_string_equal(table_find(&t, 209), "small");
	assert_null(table_find(&t, 210));
	assert_string_equal(table_find(&t, 399), "open"); /* without a size: up to the next */
	assert_null(table_find(&t, 401));
	table_fini(&t);
}

static void table_is_bounded(void **state)
{
	struct table t = {.entries_max = 2};

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(table_add(&t, i * 10, 5, 0, "x", 1), 0);
	assert_int_equal(t.count, 2);
	assert_int_equal(t.dropped, 3);
	table_fini(&t);
}

static void perf_map_is_read(void **state)
{
	static const char text[] = "7f0000001000 40 LazyCompile:~handler /app/server.js:12\n"
				   "not a line\n"
				   "\n"
				   "7f0000002000 zz bad size\n"
				   "7f0000003000 0 empty\n"
				   "ffffffffffffffff0 10 too long a number\n"
				   "7f0000001000 40 JS:*handler /app/server.js:12\n"
				   "7f0000004000 10 cut";
	struct table t = {0};
	FILE *in = text_open(text);

	(void)state;
	assert_int_equal(perf_map_read(in, &t), 0);
	assert_string_equal(table_find(&t, 0x7f0000001020), "JS:*handler /app/server.js:12"); /* compiled again in its place */
	assert_null(table_find(&t, 0x7f0000001040));
	assert_null(table_find(&t, 0x7f0000003000));
	assert_string_equal(table_find(&t, 0x7f000000400f), "cut");
	fclose(in);
	table_fini(&t);
}

static void kallsyms_are_read(void **state)
{
	static const char text[] = "ffffffff81000000 T _stext\n"
				   "ffffffff81000100 t do_syscall_64\n"
				   "ffffffff81000200 D some_data\n"
				   "ffffffffc0000000 t nf_hook\t[nf_tables]\n";
	static const char hidden[] = "0000000000000000 T _stext\n0000000000000000 t do_syscall_64\n";
	struct table t = {0}, none = {0};
	FILE *in = text_open(text);

	(void)state;
	assert_int_equal(kallsyms_read(in, &t), 0);
	fclose(in);
	assert_string_equal(table_find(&t, 0xffffffff81000110), "do_syscall_64");
	assert_string_equal(table_find(&t, 0xffffffffc0000010), "nf_hook");
	in = text_open(hidden);
	assert_int_equal(kallsyms_read(in, &none), 0);
	fclose(in);
	assert_int_equal(none.count, 0);
	table_fini(&t);
	table_fini(&none);
}

static void names_are_demangled(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"main", "main"},
		{"_start", "_start"},
		{"_ZN4node7TCPWrap7ConnectERKN2v820FunctionCallbackInfoINS1_5ValueEEE", "node::TCPWrap::Connect"},
		{"_ZN4core3fmt9Formatter3pad17h1234567890abcdefE", "core::fmt::Formatter::pad"},
		{"_RNvCs1234_7mycrate4main", "mycrate::main"},
		{"_Znotaname", "_Znotaname"},
		{"_Z", "_Z"},
		{"", ""},
	};
	char out[256], small[8];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		demangle(rows[i].in, out, sizeof(out));
		assert_string_equal(out, rows[i].out);
	}
	demangle("a_long_function_name", small, sizeof(small));
	assert_string_equal(small, "a_lo...");
}

static void maps_are_read(void **state)
{
	static const char text[] = "55d000000000-55d000002000 r--p 00000000 fe:00 247134 /usr/sbin/a gateway\n"
				   "55d000002000-55d000006000 r-xp 00002000 fe:00 247134 /usr/sbin/a gateway\n"
				   "7f0000100000-7f0000200000 r-xp 00026000 fe:00 99 /usr/lib/libc.so.6 (deleted)\n"
				   "7f0000200000-7f0000300000 rwxp 00000000 00:00 0 \n"
				   "7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0 [vdso]\n"
				   "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n"
				   "rubbish\n";
	struct code_maps maps = {0};
	struct map_range range[3];
	FILE *in = text_open(text);

	(void)state;
	assert_int_equal(code_maps_parse(in, &maps), 0);
	fclose(in);
	assert_int_equal(maps.count, 4);
	assert_string_equal(maps.map[0].path, "/usr/sbin/a gateway");
	assert_int_equal(maps.map[0].offset, 0x2000);
	assert_string_equal(maps.map[1].path, "/usr/lib/libc.so.6");
	assert_true(maps.map[1].deleted);
	assert_string_equal(maps.map[2].path, "");
	assert_ptr_equal(code_maps_find(&maps, 0x55d000005fff), &maps.map[0]);
	assert_null(code_maps_find(&maps, 0x55d000006000));
	assert_int_equal(code_maps_ranges(&maps, range, 3), 3);
	assert_int_equal(range[1].start, 0x7f0000100000);
	assert_int_equal(range[1].end, 0x7f0000300000); /* neighbours are one range */
	assert_int_equal(code_maps_ranges(&maps, range, 2), 2);
	assert_int_equal(range[0].end, 0x55d000006000); /* the smaller gap was closed */
	assert_int_equal(range[1].end, 0x7ffd00002000);
	code_maps_fini(&maps);
}

static void stack_records_are_checked(void **state)
{
	struct {
		struct record_stack head;
		char text[8];
	} r = {.head = {.frames = 2, .text_bytes = 4}, .text = "a\0b"};

	(void)state;
	assert_int_equal(record_stack_check(&r, sizeof(r.head) + 4), 0);
	assert_int_equal(record_stack_check(&r, sizeof(r.head) + 3), -EPROTO);
	assert_int_equal(record_stack_check(&r, sizeof(r.head) - 1), -EPROTO);
	r.head.frames = 3;
	assert_int_equal(record_stack_check(&r, sizeof(r.head) + 4), -EPROTO);
	r.head.frames = 2;
	r.head.kernel_frames = 3;
	assert_int_equal(record_stack_check(&r, sizeof(r.head) + 4), -EPROTO);
	r.head.kernel_frames = 0;
	r.text[3] = 'c'; /* no NUL behind the last name */
	assert_int_equal(record_stack_check(&r, sizeof(r.head) + 4), -EPROTO);
}

/* --- whole stacks ------------------------------------------------------------------------------------------------------------------ */

struct named {
	unsigned count;
	struct record_stack head;
	char text[65536];
};

static int keep(void *ctx, const struct record_stack *stack, uint32_t bytes)
{
	struct named *n = ctx;

	assert_int_equal(record_stack_check(stack, bytes), 0);
	n->count++;
	n->head = *stack;
	memcpy(n->text, (const char *)stack + sizeof(*stack), stack->text_bytes);
	return 0;
}

static const char *frame(const struct named *n, unsigned at)
{
	const char *text = n->text;

	assert_true(at < n->head.frames);
	while (at--)
		text += strlen(text) + 1;
	return text;
}

/* not on the stack: the copy is to reach the outermost frame */
static union own_stack own;
static struct named got;

static int start_anew(void **state)
{
	(void)state;
	memset(&got, 0, sizeof(got));
	return 0;
}

static void copied_stack_is_unwound(void **state)
{
	struct symbols_config config = {.named = keep, .ctx = &got};
	struct symbols *s = symbols_new(&config);

	(void)state;
	own_chain_outer(&own, WIRE_STACK_COPY_MAX);
	assert_int_equal(symbols_take(s, &own.stack, NULL), 0);
	assert_int_equal(got.count, 0); /* names wait */
	assert_int_equal(symbols_name(s), 0);
	assert_int_equal(got.count, 1);
	assert_string_equal(frame(&got, 0), "own_chain_inner");
	assert_string_equal(frame(&got, 1), "own_chain_middle");
	assert_string_equal(frame(&got, 2), "own_chain_outer");
	assert_string_equal(frame(&got, 3), "copied_stack_is_unwound");
	assert_string_equal(frame(&got, got.head.frames - 1u), "_start");
	assert_int_equal(got.head.flags, RECORD_STACK_COPIED);
	assert_int_equal(symbols_stats(s)->whole, 1);
	symbols_free(s);
}

/* A copy that ends too early: what could be unwound, and told to be cut. */
static void short_copy_is_cut(void **state)
{
	struct symbols_config config = {.named = keep, .ctx = &got};
	struct symbols *s = symbols_new(&config);

	(void)state;
	own_chain_outer(&own, 64);
	assert_int_equal(symbols_take(s, &own.stack, NULL), 0);
	assert_int_equal(symbols_name(s), 0);
	assert_string_equal(frame(&got, 0), "own_chain_inner");
	assert_true(got.head.frames < 6);
	assert_true(got.head.flags & RECORD_STACK_CUT);
	assert_int_equal(symbols_stats(s)->cut, 1);
	symbols_free(s);
}

/* Registers that point nowhere, a stack of noise: an answer, no crash. */
static void rubbish_has_no_names(void **state)
{
	struct symbols_config config = {.named = keep, .ctx = &got};
	struct symbols *s = symbols_new(&config);

	(void)state;
	own_chain_outer(&own, 4096);
	for (unsigned i = 0; i < own.stack.copied_bytes; i++)
		own.bytes[sizeof(own.stack) + i] = (unsigned char)(i * 37);
	own.stack.ip = 0x1234;
	assert_int_equal(symbols_take(s, &own.stack, NULL), 0);
	own.stack.sp = UINT64_MAX - 8;
	own.stack.copied_bytes = 0;
	own.stack.h.size = sizeof(own.stack);
	assert_int_equal(symbols_take(s, &own.stack, NULL), 0);
	own.stack.tgid = UINT32_MAX; /* no such process */
	assert_int_equal(symbols_take(s, &own.stack, NULL), 0);
	assert_int_equal(symbols_name(s), 0);
	assert_int_equal(got.count, 3);
	assert_string_equal(frame(&got, 0), "[no symbol]");
	assert_int_equal(symbols_stats(s)->without_process, 1);
	assert_int_equal(symbols_stats(s)->unnamed, symbols_stats(s)->frames);
	symbols_free(s);
}

/* Code that a JIT has put into anonymous memory is named by /tmp/perf-PID.map. */
static void jit_code_is_named(void **state)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct symbols_config config = {.named = keep, .ctx = &got};
	struct symbols *s = symbols_new(&config);
	char path[64];
	FILE *map;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	map = fopen(path, "wx");
	assert_non_null(map);
	fprintf(map, "%lx 100 JS:*route /srv/app.js:7\n", (unsigned long)code);
	fclose(map);
	own_chain_outer(&own, 4096);
	own.stack.ip = (uint64_t)code + 0x10;
	own.stack.copied_bytes = 0;
	own.stack.h.size = sizeof(own.stack);
	assert_int_equal(symbols_take(s, &own.stack, NULL), 0);
	assert_int_equal(symbols_name(s), 0);
	unlink(path);
	assert_string_equal(frame(&got, 0), "JS:*route /srv/app.js:7");
	assert_int_equal(got.head.unnamed, 0);
	symbols_free(s);
	munmap(code, 4096);
}

static void name_of(struct symbols *s, uint64_t ip, const char *expected)
{
	own_chain_outer(&own, 4096);
	own.stack.ip = ip;
	own.stack.copied_bytes = 0;
	own.stack.h.size = sizeof(own.stack);
	assert_int_equal(symbols_take(s, &own.stack, NULL), 0);
	assert_int_equal(symbols_name(s), 0);
	assert_string_equal(frame(&got, 0), expected);
	memset(&got, 0, sizeof(got));
}

/* V8 maps a part of its file a second time: the code has its name at both places. */
static void code_that_is_mapped_twice_is_named(void **state)
{
	struct symbols_config config = {.named = keep, .ctx = &got};
	uint64_t here = (uint64_t)(uintptr_t)symbols_free + 4;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const struct code_map *map;
	struct code_maps maps = {0};
	struct symbols *s;
	void *again;

	(void)state;
	assert_int_equal(code_maps_read((uint32_t)getpid(), &maps), 0);
	map = code_maps_find(&maps, here);
	assert_non_null(map);
	again = mmap(NULL, map->at.end - map->at.start, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, (off_t)map->offset);
	assert_true(again != MAP_FAILED);
	s = symbols_new(&config);
	name_of(s, here, "symbols_free");
	name_of(s, (uint64_t)(uintptr_t)again + (here - map->at.start), "symbols_free");
	symbols_free(s);
	munmap(again, map->at.end - map->at.start);
	code_maps_fini(&maps);
	close(fd);
}

static void waiting_stacks_are_bounded(void **state)
{
	struct symbols_config config = {.named = keep, .ctx = &got, .waiting_bytes_max = 10000};
	struct symbols *s = symbols_new(&config);

	(void)state;
	own_chain_outer(&own, 4096);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(symbols_take(s, &own.stack, NULL), 0);
	assert_int_equal(got.count, 3); /* the third did not fit: all were named */
	symbols_free(s); /* and none waits */
}

static void watched_process_tells_its_code(void **state)
{
	struct symbols_config config = {.named = keep, .ctx = &got};
	struct symbols *s = symbols_new(&config);
	const struct code_maps *maps = NULL;

	(void)state;
	assert_false(symbols_covers(s, (uint32_t)getpid(), (uint64_t)(uintptr_t)keep));
	assert_int_equal(symbols_watch(s, (uint32_t)getpid(), &maps), 0);
	assert_non_null(code_maps_find(maps, (uint64_t)(uintptr_t)keep));
	assert_true(symbols_covers(s, (uint32_t)getpid(), (uint64_t)(uintptr_t)keep));
	assert_int_equal(symbols_watch(s, UINT32_MAX, NULL), -ENOENT);
	symbols_free(s);
}

/* Files are opened once for both, and stay open for the one that is left. */
static void opened_files_are_shared(void **state)
{
	struct symbols_config config = {.named = keep, .ctx = &got};
	struct symbols *first = symbols_new(&config), *second;
	const struct code_maps *maps = NULL, *again = NULL, *apart = NULL;

	(void)state;
	config.files = first;
	second = symbols_new(&config);
	assert_int_equal(symbols_watch(first, (uint32_t)getpid(), &maps), 0);
	assert_false(symbols_covers(second, (uint32_t)getpid(), (uint64_t)(uintptr_t)keep)); /* processes are its own */
	assert_int_equal(symbols_watch(second, (uint32_t)getpid(), &again), 0);
	assert_ptr_equal(maps, again);
	symbols_free(first);
	name_of(second, (uint64_t)(uintptr_t)symbols_free + 4, "symbols_free");
	config.files = NULL;
	first = symbols_new(&config);
	assert_int_equal(symbols_watch(first, (uint32_t)getpid(), &apart), 0);
	assert_ptr_not_equal(apart, again);
	symbols_free(first);
	symbols_free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_prefers),
		cmocka_unit_test(table_is_bounded),
		cmocka_unit_test(perf_map_is_read),
		cmocka_unit_test(kallsyms_are_read),
		cmocka_unit_test(names_are_demangled),
		cmocka_unit_test(maps_are_read),
		cmocka_unit_test(stack_records_are_checked),
		cmocka_unit_test_setup(copied_stack_is_unwound, start_anew),
		cmocka_unit_test_setup(short_copy_is_cut, start_anew),
		cmocka_unit_test_setup(rubbish_has_no_names, start_anew),
		cmocka_unit_test_setup(jit_code_is_named, start_anew),
		cmocka_unit_test_setup(code_that_is_mapped_twice_is_named, start_anew),
		cmocka_unit_test_setup(waiting_stacks_are_bounded, start_anew),
		cmocka_unit_test(watched_process_tells_its_code),
		cmocka_unit_test_setup(opened_files_are_shared, start_anew),
	};

	return cmocka_run_group_tests_name("symbol", tests, NULL, NULL);
}
